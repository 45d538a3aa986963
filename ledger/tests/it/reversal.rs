//! Money that goes back: who bears it, in any order and any parts.

use ledger::reversal::{
    Away, DisputeFacts, Legs, Movement, RefundStands, Sale, Shares, give_back, next_movement,
    refund_stands, take,
};
use ledger::{Account, AccountId, Amount, Code, Operation, TransferId};

use crate::generate::Random;

const fn nanos(nanos: i64) -> Amount {
    Amount::from_nanos(nanos)
}

/// Runs a table: a sale, then what goes back and comes back, each with who bears it.
///
/// ```text
/// sale 5000 fee=250 paid=5250
/// take a 525     | credit=500 fee=25 loss=0
/// back a         | credit=500 fee=25 loss=0
/// away           | money=0 credit=0 fee=0 loss=0
/// ```
#[track_caller]
fn check(table: &str) {
    let mut sale = None;
    let mut taken: Vec<(&str, Away)> = Vec::new();
    let mut failures = Vec::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = line.split_once('|').unwrap_or((line, ""));
        let words: Vec<&str> = command.split_whitespace().collect();
        let got = match words[0] {
            "sale" => {
                let value = |word: &str| nanos(word.rsplit('=').next().unwrap().parse().unwrap());
                sale = Some(Sale {
                    credit: value(words[1]),
                    fee: value(words[2]),
                    paid: value(words[3]),
                });
                String::new()
            }
            "take" => {
                let money = nanos(words[2].parse().unwrap());
                let shares = sale.unwrap().shares(&sum(&taken), money);
                let told = shares.map_or("none".to_owned(), told);
                let away = shares.map(|shares| Away { money, shares });
                taken.extend(away.map(|away| (words[1], away)));
                told
            }
            "back" => {
                let place = taken.iter().position(|(name, _)| *name == words[1]);
                told(taken.remove(place.unwrap()).1.shares)
            }
            _ => {
                let away = sum(&taken);
                format!("money={} {}", away.money.nanos(), told(away.shares))
            }
        };
        if got != expected.trim() {
            failures.push(format!("{line}\n    got: {got}"));
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

fn told(shares: Shares) -> String {
    format!(
        "credit={} fee={} loss={}",
        shares.credit.nanos(),
        shares.fee.nanos(),
        shares.loss.nanos()
    )
}

fn sum(taken: &[(&str, Away)]) -> Away {
    let all = taken.iter().map(|(_, away)| *away);
    all.fold(Away::default(), |sum, away| sum.checked_add(away).unwrap())
}

#[test]
fn without_a_fee_money_is_credit() {
    check(
        "
        sale 5000 fee=0 paid=5000
        take a 1       | credit=1 fee=0 loss=0
        take b 4999    | credit=4999 fee=0 loss=0
        away           | money=5000 credit=5000 fee=0 loss=0
        ",
    );
}

#[test]
fn a_fee_is_borne_in_proportion_and_parts_make_the_whole() {
    check(
        "
        sale 5000 fee=250 paid=5250
        take a 525     | credit=500 fee=25 loss=0
        take b 1       | credit=0 fee=1 loss=0
        take c 1       | credit=1 fee=0 loss=0
        take d 4723    | credit=4499 fee=224 loss=0
        away           | money=5250 credit=5000 fee=250 loss=0
        ",
    );
}

#[test]
fn tax_is_nobodys_in_the_books() {
    check(
        "
        sale 1000 fee=100 paid=1320
        take a 660     | credit=500 fee=50 loss=0
        take b 660     | credit=500 fee=50 loss=0
        away           | money=1320 credit=1000 fee=100 loss=0
        ",
    );
}

#[test]
fn what_came_back_may_go_again() {
    check(
        "
        sale 1000 fee=3 paid=1003
        take a 333     | credit=332 fee=1 loss=0
        take b 333     | credit=332 fee=1 loss=0
        back a         | credit=332 fee=1 loss=0
        take c 670     | credit=668 fee=2 loss=0
        away           | money=1003 credit=1000 fee=3 loss=0
        ",
    );
}

#[test]
fn what_goes_back_twice_is_the_operators_loss() {
    check(
        "
        sale 5000 fee=0 paid=5000
        take dispute 5000  | credit=5000 fee=0 loss=0
        take refund 3000   | credit=0 fee=0 loss=3000
        back dispute       | credit=5000 fee=0 loss=0
        away               | money=3000 credit=0 fee=0 loss=3000
        take again 5000    | credit=5000 fee=0 loss=0
        ",
    );
}

#[test]
fn a_sale_that_cannot_be_has_no_shares() {
    check(
        "
        sale 5000 fee=0 paid=4999
        take a 1       | none
        sale 0 fee=0 paid=0
        take a 1       | none
        sale 5 fee=-1 paid=5
        take a 1       | none
        sale 5 fee=0 paid=5
        take a -1      | none
        take a 9223372036854775807 | credit=5 fee=0 loss=9223372036854775802
        take b 1       | none
        ",
    );
}

#[test]
fn at_random_nobody_bears_more_than_was_sold_and_all_of_it_when_all_is_away() {
    let mut random = Random(7);
    for _ in 0..2000 {
        let credit = i64::try_from(random.below(1_000_000) + 1).unwrap();
        let fee = i64::try_from(random.below(1000)).unwrap();
        let tax = i64::try_from(random.below(300)).unwrap();
        let paid = credit + fee + tax;
        let sale = Sale {
            credit: nanos(credit),
            fee: nanos(fee),
            paid: nanos(paid),
        };
        let mut parts: Vec<Away> = Vec::new();
        let all = |parts: &[Away]| {
            let sum = |sum: Away, part: &Away| sum.checked_add(*part).unwrap();
            parts.iter().fold(Away::default(), sum)
        };
        for _ in 0..random.below(12) {
            let left = paid - all(&parts).money.nanos();
            if left == 0 || random.one_in(4) {
                if !parts.is_empty() {
                    let place = random.below(parts.len() as u64);
                    parts.remove(usize::try_from(place).unwrap());
                }
                continue;
            }
            let money = nanos(i64::try_from(random.below(left.unsigned_abs()) + 1).unwrap());
            let shares = sale.shares(&all(&parts), money).unwrap();
            assert_eq!(shares.loss, Amount::ZERO);
            parts.push(Away { money, shares });
        }
        let away = all(&parts);
        assert!(away.shares.credit <= sale.credit && away.shares.fee <= sale.fee);
        let rest = nanos(paid - away.money.nanos());
        if rest.is_positive() {
            let shares = sale.shares(&away, rest).unwrap();
            parts.push(Away {
                money: rest,
                shares,
            });
        }
        let whole = all(&parts).shares;
        assert_eq!((whole.credit, whole.fee), (sale.credit, sale.fee));
    }
}

#[test]
fn the_books_follow_the_world() {
    let shares = Shares {
        credit: nanos(10),
        ..Shares::default()
    };
    let taken = Away {
        money: nanos(10),
        shares,
    };
    let nothing = Away::default();
    let take = |amount| Some(Movement::Take(nanos(amount)));
    assert_eq!(next_movement(&nothing, nanos(0)), None);
    assert_eq!(next_movement(&nothing, nanos(10)), take(10));
    assert_eq!(next_movement(&taken, nanos(10)), None);
    let back = Some(Movement::GiveBack(shares));
    assert_eq!(next_movement(&taken, nanos(0)), back);
    // A new amount is everything back, and then the new one.
    assert_eq!(next_movement(&taken, nanos(4)), back);
}

#[test]
fn a_refunds_status_says_where_its_money_is() {
    let (away, back) = (Some(RefundStands::Away), Some(RefundStands::Back));
    for (status, expected) in [
        ("pending", away),
        ("requires_action", away),
        ("succeeded", away),
        ("failed", back),
        ("canceled", back),
        ("telepathic", None),
    ] {
        assert_eq!(refund_stands(status), expected, "{status}");
    }
}

#[test]
fn a_dispute_takes_what_its_balance_transactions_say() {
    for (balance, same_currency, expected) in [
        (0, true, 0),
        (-5000, true, 5000),
        // Won in part.
        (-2000, true, 2000),
        (100, true, 0),
        // In euros, say, of a payment in dollars.
        (-4500, false, 5000),
        (0, false, 0),
    ] {
        let facts = DisputeFacts {
            disputed: nanos(5000),
            balance: nanos(balance),
            same_currency,
        };
        assert_eq!(facts.money_away(), Some(nanos(expected)), "{facts:?}");
    }
}

#[test]
fn a_movement_is_a_transfer_for_each_who_bears_something() {
    let account = AccountId::from_bytes([1; 16]);
    let legs = Legs {
        credit: TransferId::from_u128(1),
        fee: TransferId::from_u128(2),
        loss: TransferId::from_u128(3),
    };
    let shares = Shares {
        credit: nanos(10),
        fee: Amount::ZERO,
        loss: nanos(2),
    };
    let told = |operations: Vec<Operation>| {
        let one = |operation: &Operation| match operation {
            Operation::Transfer {
                id,
                debit,
                credit,
                amount,
                code,
                reference,
            } => {
                let name = |account: &Account| match account {
                    Account::Customer(_) => "A".to_owned(),
                    other => other.to_string(),
                };
                let (id, amount) = (id.as_u128(), amount.nanos());
                let (debit, credit) = (name(debit), name(credit));
                format!("{id} {debit}>{credit} {amount} {code} {reference}")
            }
            other => panic!("{other:?}"),
        };
        operations.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(
        told(take(legs, account, &shares, Code::Reversal, "r")),
        [
            "1 A>clearing 10 reversal r",
            "3 write_offs>clearing 2 reversal r"
        ]
    );
    assert_eq!(
        told(give_back(legs, account, &shares, "r")),
        [
            "1 clearing>A 10 reinstatement r",
            "3 clearing>write_offs 2 reinstatement r"
        ]
    );
}
