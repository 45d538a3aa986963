//! What has become of an account's top-ups at Stripe and in the books, and whether the two agree.

use farebox::store::db::Db;
use farebox::store::holds;
use ledger::AccountId;
use serde_json::Value;

/// A top-up's row, as far as it matters here.
#[derive(Debug)]
pub struct Row {
    pub id: String,
    pub state: String,
    pub amount_cents: i64,
}

/// The account's top-ups, oldest first.
pub async fn rows(db: &Db, account: AccountId) -> Vec<Row> {
    let sql = "SELECT id, state, amount_cents FROM topups WHERE account_id = $1 ORDER BY id";
    let found = db.query(sql, &[account.to_string().into()]).await.unwrap();
    let rows = found.into_iter().map(|mut row| Row {
        id: row.text().unwrap(),
        state: row.text().unwrap(),
        amount_cents: row.int().unwrap(),
    });
    rows.collect()
}

/// Whether none of the account's top-ups is on its way any more.
pub async fn is_settled(db: &Db, account: AccountId) -> bool {
    let is_over = |row: &Row| row.state == "completed" || row.state == "closed";
    rows(db, account).await.iter().all(is_over)
}

/// Every object of this kind that Stripe has.
pub fn objects(stripe: &sandbox::Stripe, kind: &str) -> Vec<Value> {
    let state = stripe.state();
    let all = state.as_object().unwrap().values();
    let all = all.flat_map(|kind| kind.as_array().into_iter().flatten());
    all.filter(|one| one["object"] == kind).cloned().collect()
}

fn belongs_to(object: &Value, account: AccountId) -> bool {
    object["metadata"]["account"] == account.to_string()
}

/// The invoices of the account, whatever has become of them.
pub fn invoices(stripe: &sandbox::Stripe, account: AccountId) -> Vec<Value> {
    let mut invoices = objects(stripe, "invoice");
    invoices.retain(|invoice| belongs_to(invoice, account));
    invoices
}

/// What has been taken from the account's cards, each charge in cents.
pub fn charged_cents(stripe: &sandbox::Stripe, account: AccountId) -> Vec<i64> {
    let customers = objects(stripe, "customer");
    let is_ours = |id: &Value| {
        let mut ours = customers.iter().filter(|one| belongs_to(one, account));
        ours.any(|one| one["id"] == *id)
    };
    let charges = objects(stripe, "charge");
    let taken = charges
        .iter()
        .filter(|charge| charge["status"] == "succeeded" && is_ours(&charge["customer"]));
    taken
        .map(|charge| charge["amount"].as_i64().unwrap())
        .collect()
}

/// The one promise of all top-ups, whatever went wrong: each is over; it was charged at most once; it is
/// credited if it was charged, with what was charged; and none that is over can still be paid.
pub async fn assert_agree(what: &str, stripe: &sandbox::Stripe, db: &Db, account: AccountId) {
    let (rows, invoices) = (rows(db, account).await, invoices(stripe, account));
    let charged = charged_cents(stripe, account);
    let told = format!("{what}: {rows:?}, charged {charged:?}");
    for row in &rows {
        let of_row = |invoice: &&Value| invoice["metadata"]["topup_id"] == row.id.as_str();
        let paid = invoices.iter().filter(of_row);
        let paid = paid.filter(|invoice| invoice["status"] == "paid").count();
        match row.state.as_str() {
            "completed" => assert_eq!(paid, 1, "{told}"),
            "closed" => assert_eq!(paid, 0, "{told}"),
            _ => panic!("not over: {told}"),
        }
    }
    let payable = |invoice: &&Value| invoice["status"] == "open";
    assert_eq!(invoices.iter().find(payable), None, "{told}");
    let completed = rows.iter().filter(|row| row.state == "completed");
    let bought: Vec<i64> = completed.map(|row| row.amount_cents).collect();
    assert_eq!(sorted(charged), sorted(bought.clone()), "{told}");
    let credited = holds::balances(db, account).await.unwrap().credits_posted;
    assert_eq!(credited.to_cents(), Some(bought.iter().sum()), "{told}");
}

fn sorted(mut amounts: Vec<i64>) -> Vec<i64> {
    amounts.sort_unstable();
    amounts
}
