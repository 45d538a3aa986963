//! The replay finds what is wrong with a list of transfers, and counts the rest.
//!
//! A line is the time and a transfer as it stands in the database, with the problems that it must
//! raise. `pending` names its expiry, a resolution its hold.

use std::collections::BTreeSet;

use ledger::{
    Account, AccountId, Amount, Code, HoldState, Phase, ProblemKind, Replay, Replayed, Timestamp,
    Transfer, replay,
};

use crate::table::id;

fn account(name: &str) -> Account {
    if name.len() == 1 {
        return Account::Customer(customer(name));
    }
    name.parse().unwrap()
}

fn customer(name: &str) -> AccountId {
    AccountId::from_bytes(id(name).as_u128().to_be_bytes())
}

fn transfer(line: &str) -> Transfer {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (debit, credit) = words[3].split_once('>').unwrap();
    let option = |key| {
        words
            .iter()
            .find_map(|w| w.strip_prefix(key)?.strip_prefix('='))
    };
    let hold = option("hold").map_or(id("none"), id);
    let phase = match words[1] {
        "single" => Phase::Single,
        "pending" => Phase::Pending {
            expires_at: Timestamp::from_millis(option("exp").unwrap().parse().unwrap()),
        },
        "post" => Phase::Post {
            hold,
            last: words.contains(&"last"),
        },
        "void" => Phase::Void { hold },
        "expire" => Phase::Expire { hold },
        other => panic!("unknown phase {other}"),
    };
    Transfer {
        id: id(words[2]),
        debit: account(debit),
        credit: account(credit),
        amount: Amount::from_nanos(words[4].parse().unwrap()),
        code: option("code").map_or(Code::Usage, |name| Code::from_name(name).unwrap()),
        phase,
        reference: option("long").map_or(String::new(), |n| "r".repeat(n.parse().unwrap())),
        at: Timestamp::from_millis(words[0].parse().unwrap()),
    }
}

/// Replays the table's transfers, compares what each adds to the problems, and gives the result.
fn check(table: &str) -> Replayed {
    let mut replay = Replay::default();
    let mut before = 0;
    for (line, expected) in table.lines().filter_map(|line| line.trim().split_once('|')) {
        replay.push(&transfer(line));
        let problems = replay.clone().finish().problems;
        let raised: Vec<&str> = problems[before..].iter().map(|p| p.kind.name()).collect();
        assert_eq!(raised.join(" "), expected.trim(), "{line}");
        before = problems.len();
    }
    let replayed = replay.finish();
    assert_eq!(replayed.imbalance(), 0);
    replayed
}

#[test]
fn all_at_once_is_the_same() {
    let lines = || GOOD.lines().filter_map(|line| line.trim().split_once('|'));
    assert_eq!(replay(lines().map(|(line, _)| transfer(line))), check(GOOD));
}

const GOOD: &str = "
    1 single  T1 clearing>A 100 code=top_up          |
    1 single  T2 clearing>fees 5 code=top_up_fee     |
    2 pending H1 A>revenue 60 exp=10                 |
    2 pending H2 A>revenue 30 exp=10                 |
    2 pending H3 A>revenue 0 exp=10                  |
    2 pending H4 A>revenue 10 exp=10                 |
    3 post    P1 A>revenue 20 hold=H1                |
    4 post    P2 A>revenue 10 hold=H1 last           |
    4 post    P3 A>revenue 0 hold=H3 last            |
    5 void    V1 A>revenue 30 hold=H2                |
    9 post    P4 A>revenue 1 hold=H4                 |
    10 expire E1 A>revenue 9 hold=H4                 |
    11 single R1 A>clearing 100 code=reversal        |
";

#[test]
fn good_books_are_recomputed() {
    let replayed = check(GOOD);
    let told: Vec<String> = replayed
        .balances
        .iter()
        .map(|(account, t)| {
            let name = account
                .customer()
                .map_or(account.to_string(), |_| "A".to_owned());
            format!(
                "{name} {}/{} {}/{}",
                t.debits_posted, t.debits_pending, t.credits_posted, t.credits_pending
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "A 131/0 100/0",
            "clearing 105/0 100/0",
            "revenue 0/0 31/0",
            "fees 0/0 5/0"
        ]
    );
    assert_eq!(replayed.balances[&account("A")].available(), -31);
    let holds = ["H1", "H2", "H3", "H4"].map(|name| {
        let hold = replayed.holds[&id(name)];
        (hold.state, hold.posted.nanos())
    });
    use HoldState::{Expired, Posted, Voided};
    assert_eq!(
        holds,
        [(Posted, 30), (Voided, 0), (Posted, 0), (Expired, 1)]
    );
}

const BAD: &str = "
    1 single  T1 clearing>A 100                      |
    1 single  T1 clearing>A 100                      | duplicate_id
    1 single  T2 clearing>A 0                        | bad_amount
    1 single  T3 A>A 1                               | same_accounts
    1 single  T4 fees>revenue 1 long=256             | reference_too_long
    1 single  T5 fees>revenue 1 long=255             |
    2 pending H1 A>revenue 10 exp=10                 |
    2 pending H2 A>B 10 exp=10                       | bad_hold_accounts
    2 pending H3 clearing>A 10 exp=10                | bad_hold_accounts
    2 pending H4 A>revenue 0 exp=2                   | expiry_not_in_the_future
    2 pending H5 A>revenue -1 exp=10                 | bad_amount
    2 void    V5 A>revenue -1 hold=H5                | bad_amount
    3 post    P1 A>revenue 1 hold=H9                 | unknown_hold
    3 post    P2 A>revenue 1 hold=H2                 | unknown_hold
    3 void    V1 A>revenue 1 hold=T1                 | unknown_hold
    3 post    P3 A>revenue 0 hold=H1                 | bad_amount
    3 post    P4 B>revenue 0 hold=H1                 | bad_amount differs_from_hold
    3 post    P5 A>fees 1 hold=H1                    | differs_from_hold
    3 post    P6 A>revenue 1 hold=H1 code=top_up     | differs_from_hold
    3 expire  E1 A>revenue 0 hold=H4                 |
    4 post    P7 A>revenue 9 hold=H1                 | post_beyond_hold
    5 post    P8 A>revenue 1 hold=H1                 | hold_already_resolved
    5 void    V2 A>revenue 1 hold=H1                 | hold_already_resolved
    5 expire  E2 A>revenue 1 hold=H1                 | hold_already_resolved
    5 pending H6 A>revenue 10 exp=10                 |
    5 pending H7 A>revenue 10 exp=10                 |
    5 pending H8 A>revenue 10 exp=10                 |
    9 expire  E6 A>revenue 10 hold=H6                | expired_too_early
    10 void   V7 A>revenue 9 hold=H7                 | resolved_too_late wrong_release
    10 post   P9 A>revenue 1 hold=H8                 | resolved_too_late
    11 expire E8 A>revenue 10 hold=H8                | wrong_release
    12 single T6 A>revenue 89 code=usage             | overdrawn
    12 pending HA A>revenue 0 exp=20                 | overdrawn
    12 single T7 A>clearing 5 code=reversal          |
    12 single T8 clearing>A 1000 code=top_up         |
    12 single T9 A>revenue 900                       |
";

#[test]
fn bad_books_are_found_out() {
    let replayed = check(BAD);
    let found: BTreeSet<ProblemKind> = replayed.problems.iter().map(|p| p.kind).collect();
    let all: BTreeSet<ProblemKind> = ProblemKind::ALL.iter().copied().collect();
    assert_eq!(found, all, "the table does not raise every problem");
    let first = replayed.problems[0];
    assert_eq!(
        first.to_string(),
        format!("transfer {}: duplicate_id", id("T1"))
    );
}
