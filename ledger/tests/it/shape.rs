//! What the store reads off an operation before it is applied, and off the book afterwards.

use ledger::{Book, Code, Operation, Phase, Timestamp, Transfer};

use crate::table::{id, operation};

#[test]
fn an_operation_names_what_must_be_loaded() {
    let cases = [
        ("transfer T1 A>B 1 adjustment", 2, false),
        ("transfer T1 clearing>A 1 top_up", 1, false),
        ("transfer T1 A>revenue 1 usage", 1, false),
        ("transfer T1 clearing>fees 1 top_up_fee", 0, false),
        ("hold T1 A>revenue 1 usage exp=1", 1, false),
        ("post T1 A.H1 1", 1, true),
        ("void T1 A.H1", 1, true),
        ("expire T1 A.H1", 1, true),
    ];
    for (text, customers, resolves) in cases {
        let operation = operation(text);
        assert_eq!(operation.id(), id("T1"), "{text}");
        assert_eq!(operation.customers().count(), customers, "{text}");
        assert_eq!(operation.hold(), resolves.then(|| id("H1")), "{text}");
    }
}

/// Applies each line as its own group at a time of its own, and gives the transfers to write.
fn transfers(lines: &[&str]) -> Vec<Transfer> {
    let mut book = Book::new();
    let group: Vec<Operation> = lines.iter().map(|line| operation(line)).collect();
    for customer in group.iter().flat_map(Operation::customers) {
        book.load_account(customer, ledger::Balances::default());
    }
    for (at, operation) in (1..).zip(&group) {
        let now = Timestamp::from_millis(at);
        let outcomes = book.apply(std::slice::from_ref(operation), now).unwrap();
        assert_eq!(outcomes[0].transfer.at, now);
    }
    book.take_changes().transfers
}

#[test]
fn an_outcome_says_what_is_available() {
    let lines = [
        ("transfer T1 clearing>A 100 top_up", Some(100)),
        ("hold H1 A>revenue 60 write_off exp=99", Some(40)),
        ("post P1 A.H1 10 last", Some(90)),
        // A repeat tells it as it is.
        ("hold H1 A>revenue 60 write_off exp=99", Some(90)),
        ("transfer T2 A>B 1 adjustment", Some(89)),
        ("transfer T3 clearing>fees 1 top_up_fee", None),
    ];
    let mut book = Book::new();
    for customer in operation("transfer T2 A>B 1 adjustment").customers() {
        book.load_account(customer, ledger::Balances::default());
    }
    for (at, (line, available)) in (1..).zip(lines) {
        let outcomes = book.apply(&[operation(line)], Timestamp::from_millis(at));
        let told = outcomes.unwrap()[0].available.map(ledger::Amount::nanos);
        assert_eq!(told, available, "{line}");
    }
}

#[test]
fn a_resolution_copies_its_hold_and_says_what_it_released() {
    let written = transfers(&[
        "transfer T1 clearing>A 100 top_up ref=in_1",
        "hold H1 A>fees 60 write_off exp=9 ref=req",
        "post P1 A.H1 10 ref=part",
        "post P2 A.H1 20 last ref=end",
        "hold H2 A>fees 60 write_off exp=9",
        "post P3 A.H2 10",
        "void V1 A.H2",
        "hold H3 A>fees 5 write_off exp=9",
        "expire E1 A.H3",
    ]);
    let hold = written[1].clone();
    assert_eq!(
        hold.phase,
        Phase::Pending {
            expires_at: Timestamp::from_millis(9)
        }
    );
    for resolution in written
        .iter()
        .filter(|transfer| transfer.phase.hold().is_some())
    {
        let copied = (resolution.debit, resolution.credit, resolution.code);
        assert_eq!(copied, (hold.debit, hold.credit, Code::WriteOff));
    }
    let told: Vec<String> = written
        .iter()
        .map(|t| format!("{} {} {}", t.phase.name(), t.amount.nanos(), t.reference))
        .collect();
    let expected = [
        "single 100 in_1",
        "pending 60 req",
        "post 10 part",
        "post 20 end",
        "pending 60 ",
        "post 10 ",
        "void 50 ",
        "pending 5 ",
        "expire 5 ",
    ];
    assert_eq!(told, expected);
    assert_eq!(
        written[3].phase,
        Phase::Post {
            hold: hold.id,
            last: true
        }
    );
}

#[test]
fn a_repeat_returns_the_transfer_as_it_was_stored() {
    let stored = transfers(&["transfer T1 clearing>A 100 top_up ref=in_1"]);
    let mut book = Book::new();
    book.load_transfer(stored[0].clone());
    let repeat = operation("transfer T1 clearing>A 100 top_up ref=in_1");
    let outcomes = book.apply(&[repeat], Timestamp::from_millis(500)).unwrap();
    assert_eq!(outcomes[0].status, ledger::Status::Exists);
    assert_eq!(outcomes[0].transfer, stored[0]);
    assert_eq!(book.take_changes(), ledger::Changes::default());
}

#[test]
fn an_empty_group_is_no_change() {
    let mut book = Book::default();
    assert_eq!(book.apply(&[], Timestamp::default()), Ok(Vec::new()));
}
