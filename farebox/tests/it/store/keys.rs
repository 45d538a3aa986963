//! One key takes another's place: everything sealed is sealed anew, and the tokens stay.

use farebox::keyring::{Keyring, KeyringError, RotateError, rotate};
use reqwest::Method;
use serde_json::json;

use crate::app::TestApp;
use crate::store::logs::rows;

/// The key that tests begin with, and the one that takes its place.
const OLD: [u8; 32] = [7; 32];
const NEW: [u8; 32] = [8; 32];

/// Four secrets: an answer, the address of an invoice, a provider's key, and another one's headers.
async fn seal_some(app: &TestApp) {
    app.add_cards().await;
    let request = app.request(Method::POST, &app.billing("topup"));
    let bought = request
        .header("idempotency-key", "k")
        .json(json!({ "amount": 1000 }));
    assert_eq!(bought.send().await.status, 200);
    app.settle().await;
    let made = farebox::store::gateways::get_or_create_default(
        &app.app.store.db,
        app.account,
        app.app.now(),
    );
    made.await.unwrap();
    let path = app
        .billing("")
        .replace("billing/", "gateways/default/provider_configs");
    let body = json!({
        "provider_slug": "openai", "alias": "default", "default_config": true, "secret": "sk-secret",
    });
    let stored = app.request(Method::POST, &path).json(body).send().await;
    assert_eq!(stored.status, 200, "{}", stored.text);
    let path = app.billing("").replace("billing/", "custom-providers");
    let body = json!({
        "name": "One", "slug": "one", "base_url": "https://1.1.1.1", "headers": "{\"x-key\":\"k\"}",
    });
    let made = app.request(Method::POST, &path).json(body).send().await;
    assert_eq!(made.status, 200, "{}", made.text);
}

/// How many sealed texts begin with the same name of a key, for each table.
async fn sealed_by(app: &TestApp) -> Vec<String> {
    let mut names = Vec::new();
    for (column, table) in [
        ("answer", "idempotency_keys"),
        ("sealed_pdf", "invoices"),
        ("sealed", "provider_configs"),
        ("sealed_headers", "custom_providers"),
    ] {
        let sql = format!("SELECT substr({column}, 1, 16) FROM {table} WHERE {column} IS NOT NULL");
        let found = app.app.store.db.query(&sql, &[]).await.unwrap();
        assert_eq!(found.len(), 1, "{table}");
        names.extend(found.into_iter().map(|mut row| row.text().unwrap()));
    }
    names
}

async fn everything_is_sealed_with_the_new_key(app: &TestApp) {
    let db = &app.app.store.db;
    seal_some(app).await;
    let old = sealed_by(app).await;
    assert!(old.iter().all(|name| *name == old[0]));
    let other = Keyring::open(&NEW, None, db).await;
    assert!(matches!(other, Err(KeyringError::OtherKey)), "{other:?}");
    let wrong = Keyring::open(&NEW, Some(&[9; 32]), db).await;
    assert!(matches!(wrong, Err(KeyringError::OtherKey)), "{wrong:?}");

    // With both keys everything opens and the tokens are known, before and after.
    let ring = Keyring::open(&NEW, Some(&OLD), db).await.unwrap();
    let token = app.app.keyring.hash_token(&app.token);
    assert_eq!(ring.hash_token(&app.token), token);
    assert_eq!(rotate(&ring, db).await.unwrap(), 4);
    assert_eq!(rotate(&ring, db).await.unwrap(), 0);
    let new = sealed_by(app).await;
    assert!(new.iter().all(|name| *name == new[0] && *name != old[0]));

    // From now on the new key is enough, and the old one opens nothing.
    let alone = Keyring::open(&NEW, None, db).await.unwrap();
    assert_eq!(alone.hash_token(&app.token), token);
    assert_eq!(
        alone.hash_global_key("k"),
        app.app.keyring.hash_global_key("k")
    );
    let sql = "SELECT id, sealed FROM provider_configs";
    let mut row = db.query_opt(sql, &[]).await.unwrap().unwrap();
    let (id, sealed) = (row.text().unwrap(), row.text().unwrap());
    let context = farebox::keyring::context::provider_key(app.account, &id);
    let secret = alone.open_secret(&context, &sealed).unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&secret), "sk-secret");
    assert!(app.app.keyring.open_secret(&context, &sealed).is_err());
    let old = Keyring::open(&OLD, None, db).await;
    assert!(matches!(old, Err(KeyringError::OtherKey)), "{old:?}");

    // And once more, to a third one.
    let third = Keyring::open(&[9; 32], Some(&NEW), db).await.unwrap();
    assert_eq!(rotate(&third, db).await.unwrap(), 4);
    assert_eq!(third.hash_token(&app.token), token);
    let alone = Keyring::open(&[9; 32], None, db).await.unwrap();
    assert_eq!(alone.hash_token(&app.token), token);
}

/// Where it breaks off, it can be begun again, and nobody can go on without the old key.
async fn it_can_be_interrupted(app: &TestApp) {
    let db = &app.app.store.db;
    seal_some(app).await;
    let ring = Keyring::open(&NEW, Some(&OLD), db).await.unwrap();
    let set = async |sealed: &str| {
        let sql = "UPDATE provider_configs SET sealed = $1";
        db.execute(sql, &[sealed.into()]).await.unwrap();
    };
    let sql = "SELECT sealed FROM provider_configs";
    let mut row = db.query_opt(sql, &[]).await.unwrap().unwrap();
    let sealed = row.text().unwrap();
    let last = if sealed.ends_with('0') { '1' } else { '0' };
    set(&format!("{}{last}", &sealed[..sealed.len() - 1])).await;
    let broken = rotate(&ring, db).await.unwrap_err();
    assert!(
        matches!(
            broken,
            RotateError::CantOpen {
                table: "provider_configs"
            }
        ),
        "{broken}"
    );
    let early = Keyring::open(&NEW, None, db).await;
    assert!(
        matches!(early, Err(KeyringError::Unfinished(2))),
        "{early:?}"
    );

    set(&sealed).await;
    let ring = Keyring::open(&NEW, Some(&OLD), db).await.unwrap();
    assert_eq!(rotate(&ring, db).await.unwrap(), 2);
    Keyring::open(&NEW, None, db).await.unwrap();
    assert_eq!(rows(app, "provider_configs").await, 1);
}

crate::on_both_engines![everything_is_sealed_with_the_new_key, it_can_be_interrupted,];
