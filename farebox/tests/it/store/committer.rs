//! The committer, from many callers at once and from two processes.

use farebox::app::system_clock;
use farebox::ids;
use farebox::store::committer::{Attached, CommitError, Committer, Entry};
use farebox::store::{Store, StoreError, holds};
use futures_util::future::join_all;
use ledger::{Account, Amount, Balances, Code, Operation, Outcome, Refusal, TransferId};
use serde_json::json;

use crate::app::{Engine, TestApp};
use crate::faults::truth;
use crate::store::money;

const CENT: i64 = 10_000_000;

fn id(name: impl std::fmt::Display) -> TransferId {
    ids::transfer_for("test", &name.to_string())
}

fn refusal(answer: Result<Outcome, CommitError>) -> Option<Refusal> {
    match answer {
        Err(CommitError::Refused(refused)) => Some(refused.refusal),
        other => {
            other.unwrap();
            None
        }
    }
}

async fn give(app: &TestApp, cents: i64) {
    let credit = money::credit(app.account, id("credit"), cents);
    app.app.store.committer.commit_one(credit).await.unwrap();
}

async fn balances(app: &TestApp) -> Balances {
    let balances = holds::balances(&app.app.store.db, app.account);
    balances.await.unwrap()
}

async fn is_written(app: &TestApp, id: TransferId) -> bool {
    let sql = "SELECT 1 FROM transfers WHERE id = $1";
    let params = [id.to_string().into()];
    let found = app.app.store.db.query_opt(sql, &params).await;
    found.unwrap().is_some()
}

/// Holds a cent under each of these names at once; the names of those that were granted.
async fn hold_all(app: &TestApp, committer: &Committer, names: &[String]) -> Vec<String> {
    let held = names.iter().map(async |name| {
        let answer = committer.commit_one(money::hold(app.account, id(name), CENT));
        match refusal(answer.await) {
            None => Some(name.clone()),
            Some(Refusal::InsufficientCredit) => None,
            Some(other) => panic!("{other:?}"),
        }
    });
    join_all(held).await.into_iter().flatten().collect()
}

async fn void_all(app: &TestApp, names: &[String]) {
    for name in names {
        let void = money::void(app.account, id(format!("void {name}")), id(name));
        app.app.store.committer.commit_one(void).await.unwrap();
    }
}

async fn parallel_holds_take_exactly_what_is_there(app: &TestApp) {
    give(app, 100).await;
    let names: Vec<_> = (0..300).map(|number| number.to_string()).collect();
    let granted = hold_all(app, &app.app.store.committer, &names).await;
    assert_eq!(granted.len(), 100, "the last affordable cent can be held");
    assert_eq!(balances(app).await.available(), Amount::ZERO);
    void_all(app, &granted).await;
    assert_eq!(balances(app).await.available().to_cents(), Some(100));
}

async fn a_poisoned_entry_takes_no_others_with_it(app: &TestApp) {
    give(app, 1).await;
    let poison = Entry {
        operations: vec![money::credit(app.account, id("poison"), 1)],
        attached: Some(Attached::CompleteTopup {
            topup_id: "0".repeat(32),
        }),
    };
    let committer = &app.app.store.committer;
    let sound =
        (0..50).map(|number| committer.commit_one(money::credit(app.account, id(number), 1)));
    let (poisoned, sound) = tokio::join!(committer.commit(poison), join_all(sound));
    let CommitError::Store(cause) = poisoned.unwrap_err() else {
        panic!("the ledger has nothing against it")
    };
    assert!(matches!(*cause, StoreError::Conflict(_)), "{cause}");
    assert!(!is_written(app, id("poison")).await);
    assert!(
        sound
            .iter()
            .all(|answer| matches!(answer, Ok(outcome) if outcome.is_new()))
    );
    assert_eq!(balances(app).await.available().to_cents(), Some(51));
}

async fn an_id_means_one_thing(app: &TestApp) {
    let committer = &app.app.store.committer;
    let same = money::credit(app.account, id("same"), 5);
    assert!(committer.commit_one(same.clone()).await.unwrap().is_new());
    let both = [
        committer.commit_one(same.clone()),
        committer.commit_one(same),
    ];
    for again in join_all(both).await {
        assert!(!again.unwrap().is_new());
    }
    let other = money::credit(app.account, id("same"), 6);
    let refused = refusal(committer.commit_one(other).await);
    assert_eq!(refused, Some(Refusal::ExistsWithDifferentAmount));
    let another_kind = money::hold(app.account, id("same"), 5 * CENT);
    let refused = refusal(committer.commit_one(another_kind).await);
    assert_eq!(refused, Some(Refusal::ExistsWithDifferentPhase));
    assert_eq!(balances(app).await.available().to_cents(), Some(5));
}

/// The transfer that completes a top-up of fifty dollars, and what goes with it.
fn completion(app: &TestApp, topup: &str) -> Entry {
    let credit = Operation::Transfer {
        id: ids::transfer_for("topup", topup),
        debit: Account::Clearing,
        credit: Account::Customer(app.account),
        amount: Amount::from_cents(5000).unwrap(),
        code: Code::TopUp,
        reference: String::new(),
    };
    Entry {
        operations: vec![credit],
        attached: Some(Attached::CompleteTopup {
            topup_id: topup.to_owned(),
        }),
    }
}

async fn linked_operations_and_their_row_happen_together_or_not_at_all(app: &TestApp) {
    app.topup(json!({ "amount": 5000 })).await.invoice();
    let topup = truth::rows(&app.app.store.db, app.account)
        .await
        .remove(0)
        .id;
    let committer = &app.app.store.committer;
    let mut too_much = completion(app, &topup);
    let hold = money::hold(app.account, id("too much"), 5001 * CENT);
    too_much.operations.push(hold);
    let CommitError::Refused(refused) = committer.commit(too_much).await.unwrap_err() else {
        panic!("the ledger refuses it")
    };
    assert_eq!(
        (refused.index, refused.refusal),
        (1, Refusal::InsufficientCredit)
    );
    assert_eq!(balances(app).await, Balances::default());
    let row = truth::rows(&app.app.store.db, app.account).await.remove(0);
    assert_eq!(row.state, "pending");
    let done = committer.commit(completion(app, &topup)).await.unwrap();
    assert!(done.iter().all(Outcome::is_new));
    let again = committer.commit(completion(app, &topup)).await.unwrap();
    assert!(!again.iter().any(Outcome::is_new));
    let row = truth::rows(&app.app.store.db, app.account).await.remove(0);
    assert_eq!(row.state, "completed");
    assert_eq!(app.cents().await, "5000");
}

crate::on_both_engines![
    parallel_holds_take_exactly_what_is_there,
    a_poisoned_entry_takes_no_others_with_it,
    an_id_means_one_thing,
    linked_operations_and_their_row_happen_together_or_not_at_all,
];

/// Two nodes on one PostgreSQL: each has a committer of its own. Small groups, so that they take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_never_overdraw_one_account() {
    let Some(app) = TestApp::start(Engine::Postgres, &[("FAREBOX_DATABASE__BATCH_MAX", "4")]).await
    else {
        return;
    };
    give(&app, 100).await;
    let other = Store::open(&app.app.config.database, system_clock(), |_| ());
    let other = other.await.unwrap();
    let names =
        |node: &str| -> Vec<String> { (0..150).map(|number| format!("{node} {number}")).collect() };
    let (ours, theirs) = (names("ours"), names("theirs"));
    let (mut granted, theirs) = tokio::join!(
        hold_all(&app, &app.app.store.committer, &ours),
        hold_all(&app, &other.committer, &theirs),
    );
    assert!(!granted.is_empty() && !theirs.is_empty(), "both had a turn");
    granted.extend(theirs);
    assert_eq!(granted.len(), 100);
    void_all(&app, &granted).await;
    // The same operation asked of both at once is done once.
    for round in 0..20 {
        let same = money::credit(app.account, id(format!("round {round}")), 1);
        let both = tokio::join!(
            app.app.store.committer.commit_one(same.clone()),
            other.committer.commit_one(same),
        );
        let new = [both.0.unwrap(), both.1.unwrap()];
        assert_eq!(new.iter().filter(|outcome| outcome.is_new()).count(), 1);
    }
    assert_eq!(balances(&app).await.available().to_cents(), Some(120));
}
