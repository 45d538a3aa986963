//! The top-up's whole transition table.
//!
//! A line is a state, an invoice's status, its payment's status, what differs from our row, and
//! then the decision. `*` stands for each possible value. The lines must cover every combination
//! and agree where they overlap.

use std::collections::BTreeMap;

use ledger::topup::{
    CloseReason, Decision, Expected, Facts, InvoiceStatus, Mismatch, PaymentStatus, State, Waiting,
    decide, decide_unattended,
};

const TABLE: &str = "
    completed   *              *                        *            | nothing

    # Money that has arrived is credited, whatever we had decided before.
    started     paid           *                        same         | credit
    pending     paid           *                        same         | credit
    closed      paid           *                        same         | credit
    review      paid           *                        same         | credit

    # Money that is not what we asked for never is.
    started     paid           *                        amount       | review amount
    started     paid           *                        less         | review amount
    started     paid           *                        metadata     | review amount
    started     paid           *                        currency     | review currency
    started     paid           *                        account      | review account
    started     paid           *                        no_account   | review account
    started     paid           *                        topup        | review topup
    started     paid           *                        no_topup     | review topup
    started     paid           *                        livemode     | review livemode
    pending     paid           *                        amount       | review amount
    pending     paid           *                        less         | review amount
    pending     paid           *                        metadata     | review amount
    pending     paid           *                        currency     | review currency
    pending     paid           *                        account      | review account
    pending     paid           *                        no_account   | review account
    pending     paid           *                        topup        | review topup
    pending     paid           *                        no_topup     | review topup
    pending     paid           *                        livemode     | review livemode
    closed      paid           *                        amount       | review amount
    closed      paid           *                        less         | review amount
    closed      paid           *                        metadata     | review amount
    closed      paid           *                        currency     | review currency
    closed      paid           *                        account      | review account
    closed      paid           *                        no_account   | review account
    closed      paid           *                        topup        | review topup
    closed      paid           *                        no_topup     | review topup
    closed      paid           *                        livemode     | review livemode
    review      paid           *                        amount       | review amount
    review      paid           *                        less         | review amount
    review      paid           *                        metadata     | review amount
    review      paid           *                        currency     | review currency
    review      paid           *                        account      | review account
    review      paid           *                        no_account   | review account
    review      paid           *                        topup        | review topup
    review      paid           *                        no_topup     | review topup
    review      paid           *                        livemode     | review livemode

    # Nothing but money moves a top-up that was closed or set aside.
    closed      draft          *                        *            | nothing
    closed      open           *                        *            | nothing
    closed      void           *                        *            | nothing
    closed      uncollectible  *                        *            | nothing
    closed      other          *                        *            | nothing
    review      draft          *                        *            | nothing
    review      open           *                        *            | nothing
    review      void           *                        *            | nothing
    review      uncollectible  *                        *            | nothing
    review      other          *                        *            | nothing

    # Nobody will pay these in the ordinary way.
    started     void           *                        *            | close voided
    pending     void           *                        *            | close voided
    started     uncollectible  *                        *            | close uncollectible
    pending     uncollectible  *                        *            | close uncollectible

    # Stripe has not got there yet, or says something that we do not know.
    started     draft          *                        *            | wait for_stripe
    pending     draft          *                        *            | wait for_stripe
    started     other          *                        *            | wait for_stripe
    pending     other          *                        *            | wait for_stripe

    # An open invoice goes by its payment.
    started     open           none                     same         | wait for_stripe
    pending     open           none                     same         | wait for_stripe
    started     open           requires_payment_method  same         | wait for_customer
    pending     open           requires_payment_method  same         | wait for_customer
    started     open           declined                 same         | close declined
    pending     open           declined                 same         | close declined
    started     open           requires_confirmation    same         | wait for_customer
    pending     open           requires_confirmation    same         | wait for_customer
    started     open           requires_action          same         | wait for_customer
    pending     open           requires_action          same         | wait for_customer
    started     open           processing               same         | wait processing
    pending     open           processing               same         | wait processing
    started     open           succeeded                same         | wait for_stripe
    pending     open           succeeded                same         | wait for_stripe
    started     open           canceled                 same         | close abandoned
    pending     open           canceled                 same         | close abandoned
    started     open           other                    same         | wait for_stripe
    pending     open           other                    same         | wait for_stripe

    # An open invoice that is not what we asked for says nothing about ours.
    started     open           *                        amount       | wait for_stripe
    started     open           *                        less         | wait for_stripe
    started     open           *                        metadata     | wait for_stripe
    started     open           *                        currency     | wait for_stripe
    started     open           *                        account      | wait for_stripe
    started     open           *                        no_account   | wait for_stripe
    started     open           *                        topup        | wait for_stripe
    started     open           *                        no_topup     | wait for_stripe
    started     open           *                        livemode     | wait for_stripe
    pending     open           *                        amount       | wait for_stripe
    pending     open           *                        less         | wait for_stripe
    pending     open           *                        metadata     | wait for_stripe
    pending     open           *                        currency     | wait for_stripe
    pending     open           *                        account      | wait for_stripe
    pending     open           *                        no_account   | wait for_stripe
    pending     open           *                        topup        | wait for_stripe
    pending     open           *                        no_topup     | wait for_stripe
    pending     open           *                        livemode     | wait for_stripe
";

const STATES: &[&str] = &["started", "pending", "completed", "closed", "review"];
const INVOICES: &[&str] = &["draft", "open", "paid", "void", "uncollectible", "other"];
const PAYMENTS: &[&str] = &[
    "none",
    "requires_payment_method",
    "declined",
    "requires_confirmation",
    "requires_action",
    "processing",
    "succeeded",
    "canceled",
    "other",
];
const DIFFERENCES: &[&str] = &[
    "same",
    "amount",
    "less",
    "metadata",
    "currency",
    "account",
    "no_account",
    "topup",
    "no_topup",
    "livemode",
];

const OURS: Expected<'_> = Expected {
    topup_id: "topup-1",
    account_id: "00ff",
    amount_cents: 5000,
    fee_cents: 250,
    currency: "usd",
    livemode: false,
};

fn facts(invoice: &str, payment: &str, difference: &str) -> Facts {
    let (payment, declined) = match payment {
        "none" => (None, false),
        "declined" => (Some("requires_payment_method"), true),
        name => (Some(name), false),
    };
    let mut facts = Facts {
        invoice_status: InvoiceStatus::parse(invoice),
        currency: "usd".to_owned(),
        total_excluding_tax_cents: 5250,
        livemode: false,
        topup_id: Some("topup-1".to_owned()),
        account_id: Some("00ff".to_owned()),
        amount_credit_cents: Some(5000),
        payment: payment.map(PaymentStatus::parse),
        decline_code: declined.then(|| "insufficient_funds".to_owned()),
    };
    match difference {
        "same" => {}
        // The fee alone is missing, which is what a discount or a forgotten line would look like.
        "amount" => facts.total_excluding_tax_cents = 5000,
        "less" => facts.total_excluding_tax_cents = 5249,
        "metadata" => facts.amount_credit_cents = Some(6000),
        "currency" => facts.currency = "eur".to_owned(),
        "account" => facts.account_id = Some("00fe".to_owned()),
        "no_account" => facts.account_id = None,
        "topup" => facts.topup_id = Some("topup-2".to_owned()),
        "no_topup" => facts.topup_id = None,
        "livemode" => facts.livemode = true,
        other => panic!("unknown difference {other}"),
    }
    facts
}

fn told(decision: Decision) -> String {
    match decision {
        Decision::Credit => "credit".to_owned(),
        Decision::Wait(waiting) => format!("wait {waiting}"),
        Decision::Close(reason) => format!("close {reason}"),
        Decision::Review(mismatch) => format!("review {mismatch}"),
        Decision::Nothing => "nothing".to_owned(),
    }
}

fn each<'a>(word: &'a str, all: &'a [&'a str]) -> Vec<&'a str> {
    if word == "*" {
        return all.to_vec();
    }
    assert!(all.contains(&word), "unknown word {word}");
    vec![word]
}

/// The table with every `*` written out: what is decided, by combination.
fn written_out() -> BTreeMap<[&'static str; 4], &'static str> {
    let mut cases = BTreeMap::new();
    for line in TABLE.lines().map(str::trim) {
        let Some((conditions, decision)) = line.split_once('|') else {
            continue;
        };
        let words: Vec<&str> = conditions.split_whitespace().collect();
        for state in each(words[0], STATES) {
            for invoice in each(words[1], INVOICES) {
                for payment in each(words[2], PAYMENTS) {
                    for difference in each(words[3], DIFFERENCES) {
                        let case = [state, invoice, payment, difference];
                        let before = cases.insert(case, decision.trim());
                        assert!(before.is_none(), "{case:?} stands in the table twice");
                    }
                }
            }
        }
    }
    cases
}

#[test]
fn the_whole_transition_table_holds() {
    let cases = written_out();
    let combinations = STATES.len() * INVOICES.len() * PAYMENTS.len() * DIFFERENCES.len();
    assert_eq!(
        cases.len(),
        combinations,
        "the table leaves combinations open"
    );
    let mut failures = Vec::new();
    for ([state, invoice, payment, difference], expected) in cases {
        let state = State::from_name(state).unwrap();
        let got = told(decide(state, &OURS, &facts(invoice, payment, difference)));
        if got != expected {
            failures.push(format!("{state} {invoice} {payment} {difference}: {got}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn nobody_waits_for_the_customer_of_an_unattended_payment() {
    for ([state, invoice, payment, difference], decided) in written_out() {
        let expected = match (decided, payment) {
            ("wait for_customer", "requires_action") => "close declined",
            ("wait for_customer", _) => "close abandoned",
            (decided, _) => decided,
        };
        let state = State::from_name(state).unwrap();
        let facts = facts(invoice, payment, difference);
        let got = told(decide_unattended(state, &OURS, &facts));
        assert_eq!(got, expected, "{state} {invoice} {payment} {difference}");
    }
}

#[test]
fn a_currency_matches_in_either_case() {
    let ours = Expected {
        currency: "USD",
        ..OURS
    };
    assert_eq!(
        decide(State::Pending, &ours, &facts("paid", "none", "same")),
        Decision::Credit
    );
}

#[test]
fn an_invoice_need_not_repeat_the_amount_in_its_metadata() {
    let facts = Facts {
        amount_credit_cents: None,
        ..facts("paid", "none", "same")
    };
    assert_eq!(decide(State::Pending, &OURS, &facts), Decision::Credit);
}

#[test]
fn the_most_fundamental_mismatch_is_named() {
    let mut wrong = Facts {
        livemode: true,
        ..facts("paid", "none", "no_topup")
    };
    wrong.account_id = None;
    wrong.currency = "eur".to_owned();
    wrong.total_excluding_tax_cents = 1;
    let mut named = Vec::new();
    for repair in 0..5 {
        let Decision::Review(mismatch) = decide(State::Pending, &OURS, &wrong) else {
            break;
        };
        named.push(mismatch);
        match repair {
            0 => wrong.livemode = false,
            1 => wrong.topup_id = Some("topup-1".to_owned()),
            2 => wrong.account_id = Some("00ff".to_owned()),
            3 => wrong.currency = "usd".to_owned(),
            _ => wrong.total_excluding_tax_cents = 5250,
        }
    }
    use Mismatch::{Account, Amount, Currency, Livemode, TopUp};
    assert_eq!(named, [Livemode, TopUp, Account, Currency, Amount]);
    assert_eq!(decide(State::Pending, &OURS, &wrong), Decision::Credit);
}

#[test]
fn an_amount_that_cannot_be_charged_is_never_credited() {
    let ours = Expected {
        amount_cents: i64::MAX,
        fee_cents: 1,
        ..OURS
    };
    let facts = Facts {
        amount_credit_cents: None,
        ..facts("paid", "none", "same")
    };
    assert_eq!(
        decide(State::Pending, &ours, &facts),
        Decision::Review(Mismatch::Amount)
    );
}

#[test]
fn names_read_back() {
    for status in [
        "draft",
        "open",
        "paid",
        "void",
        "uncollectible",
        "new_in_2031",
    ] {
        assert_eq!(InvoiceStatus::parse(status).to_string(), status);
    }
    for status in PAYMENTS {
        assert_eq!(PaymentStatus::parse(status).to_string(), *status);
    }
    for state in State::ALL {
        assert_eq!(State::from_name(state.name()), Some(*state));
    }
    let reasons: Vec<&str> = CloseReason::ALL
        .iter()
        .map(|reason| reason.name())
        .collect();
    assert_eq!(
        reasons,
        ["declined", "voided", "uncollectible", "abandoned"]
    );
    let waiting: Vec<&str> = Waiting::ALL.iter().map(|waiting| waiting.name()).collect();
    assert_eq!(waiting, ["for_stripe", "for_customer", "processing"]);
    assert!(
        Mismatch::ALL
            .iter()
            .all(|mismatch| mismatch.sentence().ends_with('.'))
    );
}
