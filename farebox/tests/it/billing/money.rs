//! Money moved straight through the committer, as the gateway will.

use std::time::Duration;

use farebox::ids;
use farebox::store::committer::Entry;
use ledger::{Account, Amount, Code, Operation, TransferId};

use crate::app::TestApp;

fn fresh() -> TransferId {
    ids::opaque().parse().unwrap()
}

async fn commit(app: &TestApp, operation: Operation) {
    let entry = Entry {
        operations: vec![operation],
        attached: None,
    };
    app.app.store.committer.commit(entry).await.unwrap();
}

fn cents(text: &str) -> Amount {
    text.parse().unwrap()
}

/// Gives credit, in cents.
pub async fn give(app: &TestApp, amount: &str) {
    let operation = Operation::Transfer {
        id: fresh(),
        debit: Account::Promotions,
        credit: Account::Customer(app.account),
        amount: cents(amount),
        code: Code::Promotion,
        reference: "welcome".to_owned(),
    };
    commit(app, operation).await;
}

/// Uses credit, in cents, at once.
pub async fn spend(app: &TestApp, amount: &str, reference: &str) {
    let operation = Operation::Transfer {
        id: fresh(),
        debit: Account::Customer(app.account),
        credit: Account::Revenue,
        amount: cents(amount),
        code: Code::Usage,
        reference: reference.to_owned(),
    };
    commit(app, operation).await;
}

/// Holds credit for two hours.
pub async fn hold(app: &TestApp, amount: &str) -> TransferId {
    let id = fresh();
    let operation = Operation::Hold {
        id,
        account: app.account,
        credit: Account::Revenue,
        amount: cents(amount),
        code: Code::Usage,
        reference: "call".to_owned(),
        expires_at: app.app.now_plus(Duration::from_secs(7200)),
    };
    commit(app, operation).await;
    id
}

/// Takes a part out of a hold.
pub async fn post(app: &TestApp, hold: TransferId, amount: &str, last: bool) {
    let operation = Operation::Post {
        id: fresh(),
        account: app.account,
        hold,
        amount: cents(amount),
        last,
        reference: "part, \"quoted\"".to_owned(),
    };
    commit(app, operation).await;
}

/// Releases what is left of a hold.
pub async fn void(app: &TestApp, hold: TransferId) {
    let operation = Operation::Void {
        id: fresh(),
        account: app.account,
        hold,
    };
    commit(app, operation).await;
}
