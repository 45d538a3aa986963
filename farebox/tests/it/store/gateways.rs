//! Gateways' rows: what the proxy loads, and who changes them at once.

use farebox::store::StoreError;
use farebox::store::gateways::{self, Dimension, Settings, SpendLimits, SpendRule, Technique};
use futures_util::future::join_all;

use crate::app::TestApp;

fn rule() -> SpendRule {
    SpendRule {
        id: "5e7f1b6b".to_owned(),
        enabled: true,
        limit_nanos: 2_000_000,
        window: 60,
        technique: Technique::Sliding,
        models: Some(vec!["gpt-4o".to_owned()]),
        providers: None,
        by_model: true,
        by_provider: false,
        metadata: [("team".to_owned(), Dimension::Partition)].into(),
    }
}

async fn the_default_gateway_appears_once(app: &TestApp) {
    let (db, now) = (&app.app.store.db, app.app.now());
    let first = join_all((0..8).map(|_| gateways::get_or_create_default(db, app.account, now)));
    let made: Vec<_> = first.await.into_iter().map(|one| one.unwrap()).collect();
    assert!(made.iter().all(|one| one.seq == made[0].seq));
    assert_eq!(made[0].id, "default");
    assert_eq!(made[0].settings, Settings::default());
    assert_eq!(gateways::count(db, app.account, "").await.unwrap(), 1);

    gateways::remove(db, &made[0], now).await.unwrap();
    let again = gateways::get_or_create_default(db, app.account, now).await;
    assert!(again.unwrap().seq > made[0].seq, "it is another one");
    let removed = gateways::removed(db).await.unwrap();
    assert_eq!(removed, [(made[0].seq, now)]);
}

async fn what_is_set_is_read_back(app: &TestApp) {
    let (db, now) = (&app.app.store.db, app.app.now());
    let settings = Settings {
        cache_ttl: 60,
        cache_invalidate_on_update: true,
        log_management: Some(10_000),
        rate_limiting_technique: Technique::Sliding,
        retry_delay: Some(0),
        store_id: Some("store".to_owned()),
        spend_limits: Some(SpendLimits {
            enabled: true,
            rules: vec![rule()],
        }),
        ..Settings::default()
    };
    let made = gateways::create(db, app.account, "one", &settings, now).await;
    let made = made.unwrap();
    assert_eq!(made.settings, settings);
    let found = gateways::find(db, app.account, "one").await.unwrap();
    assert_eq!(found.unwrap().settings, settings);
    let other = app.another_account().await;
    assert!(gateways::find(db, other, "one").await.unwrap().is_none());
    let twice = gateways::create(db, app.account, "one", &settings, now).await;
    assert!(matches!(twice, Err(StoreError::Duplicate(_))), "{twice:?}");

    let changed = gateways::update(db, &made, &settings, now).await.unwrap();
    assert_eq!(changed.cache_generation, made.cache_generation + 1);
    let late = gateways::update(db, &made, &settings, now).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    let kept = Settings {
        cache_invalidate_on_update: false,
        ..settings
    };
    let changed = gateways::update(db, &changed, &kept, now).await.unwrap();
    assert_eq!(changed.cache_generation, made.cache_generation + 1);
}

crate::on_both_engines![the_default_gateway_appears_once, what_is_set_is_read_back];
