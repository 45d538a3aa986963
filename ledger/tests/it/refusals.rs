//! The list of refusals: its numbers and names are a promise, and the tables reach each of them.

use std::collections::BTreeSet;

use ledger::{Refusal, Refused};

use crate::rules;

#[test]
fn every_refusal_is_reached_by_a_table() {
    let reached: BTreeSet<&str> = rules::ALL
        .iter()
        .flat_map(|table| table.lines())
        .filter_map(|line| line.split_once('|'))
        .map(|(_, outcome)| outcome.trim().split('@').next().unwrap())
        .collect();
    let missing: Vec<&str> = Refusal::ALL
        .iter()
        .map(|r| r.name())
        .filter(|name| !reached.contains(name))
        .collect();
    assert!(missing.is_empty(), "no table reaches {missing:?}");
}

/// Numbers and names stand in databases and in other people's programs: this list only grows.
#[test]
fn numbers_names_and_finality_do_not_change() {
    let expected = "
        1 exists_with_different_phase final
        2 exists_with_different_debit final
        3 exists_with_different_account final
        4 exists_with_different_credit final
        5 exists_with_different_hold final
        6 exists_with_different_amount final
        7 exists_with_different_last final
        8 exists_with_different_code final
        9 exists_with_different_reference final
        10 exists_with_different_expiry final
        30 amount_must_be_positive final
        31 amount_must_not_be_negative final
        32 accounts_must_differ final
        33 hold_must_credit_system_account final
        34 reference_too_long final
        35 expiry_must_be_in_the_future final
        36 least_exceeds_most final
        50 account_not_found transient
        51 hold_not_found transient
        60 hold_already_posted final
        61 hold_already_voided final
        62 hold_expired final
        63 hold_not_yet_expired transient
        64 post_exceeds_hold final
        80 insufficient_credit transient
        81 overflow final
        82 spending_limit_exceeded transient
        83 account_frozen transient
    ";
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let actual: Vec<String> = Refusal::ALL
        .iter()
        .map(|refusal| {
            let finality = if refusal.is_transient() {
                "transient"
            } else {
                "final"
            };
            format!("{} {} {finality}", refusal.number(), refusal.name())
        })
        .collect();
    assert_eq!(actual, expected);
}

#[test]
fn numbers_read_back_and_sentences_are_sentences() {
    for refusal in Refusal::ALL {
        assert_eq!(Refusal::from_number(refusal.number()), Some(*refusal));
        assert!(refusal.to_string().ends_with('.'), "{refusal}");
    }
    assert_eq!(Refusal::from_number(0), None);
    assert_eq!(Refusal::from_number(11), None);
}

#[test]
fn a_refused_group_names_the_operation_and_the_reason() {
    let refused = Refused {
        index: 2,
        refusal: Refusal::HoldNotFound,
    };
    assert_eq!(
        refused.to_string(),
        "operation 2: The customer has no such hold; check both ids. (hold_not_found)"
    );
}
