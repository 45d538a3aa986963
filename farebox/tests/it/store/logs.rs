//! A call's log and charge: with the money or not at all, whatever strangers have put into it.

use farebox::ids::LogId;
use farebox::store::charges::Span;
use farebox::store::committer::{Attached, Entry};
use farebox::store::gateways::{self, Gateway, LogStrategy, Settings};
use farebox::store::logs::{
    self, Direction, Edit, Field, Filter, Log, NewCall, Operator, Order, Wanted,
};
use farebox::store::{StoreError, Value, audit, charges};
use futures_util::future::join_all;
use ledger::{Amount, Timestamp};
use serde_json::json;

use crate::app::TestApp;
use crate::calls::{
    REQUEST, call, charged, commit, free, gateway, noted, post, settle, transfer, variety, write,
};
use crate::store::money;

fn all() -> Wanted {
    Wanted {
        filters: Vec::new(),
        order: Order::CreatedAt,
        direction: Direction::Ascending,
    }
}

async fn logs_of(app: &TestApp, gateway: &Gateway) -> Vec<Log> {
    let (db, wanted) = (&app.app.store.db, all());
    logs::page(db, gateway, &wanted, 100, 0).await.unwrap()
}

async fn count(app: &TestApp, gateway: &Gateway) -> i64 {
    let (db, wanted) = (&app.app.store.db, all());
    logs::count(db, gateway, &wanted).await.unwrap()
}

async fn a_settlement_and_its_log_are_one(app: &TestApp) {
    let db = &app.app.store.db;
    app.give(1).await;
    let gateway = gateway(app, "one", &Settings::default()).await;
    let new = noted(
        free(&gateway, app.app.now(), call("openai", "gpt-4o")),
        json!({ "user": "ada" }),
    );
    let id = settle(app, new.clone(), 450_000).await.unwrap();

    let log = logs::find(db, &gateway, id).await.unwrap().unwrap();
    assert_eq!(log.call, call("openai", "gpt-4o"));
    assert_eq!(log.metadata.as_deref(), Some(r#"{"user":"ada"}"#));
    assert_eq!(log.id.at(), new.id.at());
    let kept = logs::payloads(db, &gateway, id).await.unwrap();
    let request = kept.request.unwrap().unpack().unwrap();
    assert_eq!(request, REQUEST.as_bytes());
    let charge = charges::find(db, app.account, id).await.unwrap().unwrap();
    assert_eq!(charge.charge, charged(new.clone(), 450_000).charge.unwrap());
    assert_eq!(app.cents().await, "0.955");

    // The same once more, as after a lost answer: nothing is written twice.
    let again = commit(
        app,
        vec![post(&new, 450_000)],
        charged(new.clone(), 450_000),
    );
    assert!(!again.await.unwrap()[0].is_new());
    assert_eq!(count(app, &gateway).await, 1);

    // Refused, it leaves neither.
    let dear = free(&gateway, app.app.now(), call("openai", "gpt-4o"));
    let hold = money::hold(app.account, transfer("hold", dear.id), i64::MAX);
    let refused = commit(app, vec![hold], dear).await;
    assert!(refused.is_err());
    assert_eq!(logs_of(app, &gateway).await.len(), 1);
    let other = app.another_account().await;
    assert!(charges::find(db, other, id).await.unwrap().is_none());
}

async fn what_strangers_send_keeps_no_settlement_from_happening(app: &TestApp) {
    app.give(1).await;
    let gateway = gateway(app, "one", &Settings::default()).await;
    let long = "ä\0".repeat(100_000);
    let mut odd = call(&long, &long);
    (odd.path, odd.event_id) = (long.clone(), Some(long.clone()));
    (odd.user_agent, odd.error) = (Some(long.clone()), Some(long.clone()));
    let notes = json!({ &long: &long, "deep": { "er": 1 }, "none": null, "n": 1e300, "": "" });
    let new = noted(free(&gateway, app.app.now(), odd), notes);
    let mut new = charged(new, 1000);
    new.charge.as_mut().unwrap().explanation = Some(long.clone());
    let hold = money::hold(app.account, transfer("hold", new.id), 1000);
    app.app.store.committer.commit_one(hold).await.unwrap();
    // Gone while the call was under way.
    gateways::remove(&app.app.store.db, &gateway, app.app.now())
        .await
        .unwrap();
    commit(app, vec![post(&new, 1000)], new.clone())
        .await
        .unwrap();
    let log = logs_of(app, &gateway).await.remove(0);
    assert_eq!(log.call.path, "ä".repeat(2000));
    let metadata: serde_json::Value = serde_json::from_str(&log.metadata.unwrap()).unwrap();
    assert_eq!(metadata["n"], json!(1e300));
    assert_eq!(metadata.as_object().unwrap().len(), 3, "{metadata}");
}

async fn write_many(app: &TestApp, gateway: &Gateway, count: i64) {
    let now = app.app.now().millis();
    let calls = (0..count).map(|at| {
        let at = Timestamp::from_millis(now - 1_000_000 + at);
        let new = noted(
            free(gateway, at, call("openai", "gpt-4o")),
            json!({ "at": at.millis() }),
        );
        write(app, new)
    });
    join_all(calls).await.into_iter().for_each(|one| {
        one.unwrap();
    });
}

async fn a_full_gateway_takes_no_more(app: &TestApp) {
    let settings = Settings {
        log_management: Some(7),
        ..Settings::default()
    };
    let gateway = gateway(app, "full", &settings).await;
    write_many(app, &gateway, 20).await;
    assert_eq!(count(app, &gateway).await, 7);
    assert_eq!(logs_of(app, &gateway).await.len(), 7);
    let removed = logs::remove(&app.app.store.db, &gateway, &all(), 3).await;
    assert_eq!(removed.unwrap(), 3);
    write_many(app, &gateway, 20).await;
    assert_eq!(count(app, &gateway).await, 7);
    // A call without its log is settled all the same.
    app.give(1).await;
    let new = free(&gateway, app.app.now(), call("openai", "gpt-4o"));
    let id = settle(app, new, 1000).await.unwrap();
    let db = &app.app.store.db;
    assert!(logs::find(db, &gateway, id).await.unwrap().is_none());
    assert!(charges::find(db, app.account, id).await.unwrap().is_some());
}

/// How many rows a table has.
pub async fn rows(app: &TestApp, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) FROM {table}");
    let row = app.app.store.db.query_opt(&sql, &[]).await.unwrap();
    row.unwrap().int().unwrap()
}

async fn the_oldest_make_room(app: &TestApp) {
    let settings = Settings {
        log_management: Some(10),
        log_management_strategy: Some(LogStrategy::DeleteOldest),
        ..Settings::default()
    };
    let one = gateway(app, "one", &settings).await;
    let other = gateway(app, "other", &Settings::default()).await;
    write_many(app, &one, 460).await;
    write_many(app, &other, 30).await;
    let before = logs_of(app, &one).await;
    // A job does the same meanwhile.
    logs::prune_oldest(&app.app.store.db).await.unwrap();
    let left = logs_of(app, &one).await;
    assert_eq!(left.len(), 10);
    assert!(left[0].id > before[99].id);
    assert_eq!(count(app, &one).await, 10);
    assert_eq!(count(app, &other).await, 30);
    for table in ["logs", "log_metadata"] {
        assert_eq!(rows(app, table).await, 40, "{table}");
    }

    let db = &app.app.store.db;
    gateways::remove(db, &one, app.app.now()).await.unwrap();
    logs::prune_removed(db, one.seq).await.unwrap();
    for table in ["logs", "log_metadata"] {
        assert_eq!(rows(app, table).await, 30, "{table}");
    }
    assert_eq!(rows(app, "log_counts").await, 1);
}

async fn a_log_is_changed(app: &TestApp) {
    let db = &app.app.store.db;
    let gateway = gateway(app, "one", &Settings::default()).await;
    let other = crate::calls::gateway(app, "other", &Settings::default()).await;
    let id = variety(app, &gateway).await[1];
    let edit = Edit {
        feedback: Some(Some(-1)),
        score: Some(Some("0.75".to_owned())),
        metadata: Some([("user".to_owned(), json!("alan"))].into()),
    };
    assert!(!logs::edit(db, &other, id, &edit).await.unwrap());
    assert!(logs::edit(db, &gateway, id, &edit).await.unwrap());
    let log = logs::find(db, &gateway, id).await.unwrap().unwrap();
    assert_eq!(
        (log.feedback, log.score.as_deref()),
        (Some(-1), Some("0.75"))
    );
    assert_eq!(log.metadata.as_deref(), Some(r#"{"user":"alan"}"#));
    let found = async |user: &str| {
        let filters = vec![filter(
            Field::MetadataValue,
            Operator::Equal,
            &[user.into()],
        )];
        let page = logs::page(db, &gateway, &Wanted { filters, ..all() }, 9, 0).await;
        page.unwrap().iter().any(|log| log.id == id)
    };
    assert!(found("alan").await && !found("ada").await);
    let nothing = Edit {
        feedback: Some(None),
        ..Edit::default()
    };
    assert!(logs::edit(db, &gateway, id, &nothing).await.unwrap());
    let log = logs::find(db, &gateway, id).await.unwrap().unwrap();
    assert_eq!((log.feedback, log.score.as_deref()), (None, Some("0.75")));
}

fn filter(field: Field, operator: Operator, values: &[Value]) -> Filter {
    Filter {
        field,
        operator,
        values: values.to_vec(),
    }
}

const YES: &[Value] = &[Value::Int(1)];
const NO: &[Value] = &[Value::Int(0)];

/// Each filter with the places, in the order of time, of the logs that it leaves.
async fn every_filter_leaves_what_it_should(app: &TestApp) {
    use Field::*;
    use Operator::*;
    let gateway = gateway(app, "one", &Settings::default()).await;
    let made = variety(app, &gateway).await;
    let other = crate::calls::gateway(app, "other", &Settings::default()).await;
    variety(app, &other).await;
    let at = |place: usize| Value::from(made[place].at().millis());
    let text = Value::from;
    let table: &[(Field, Operator, &[Value], &[usize])] = &[
        (Id, Equal, &[made[2].to_string().into()], &[2]),
        (Id, Equal, &[made[2].key().into()], &[2]),
        (Id, NotEqual, &[made[2].to_string().into()], &[0, 1, 3, 4]),
        (Id, Below, &[made[2].to_string().into()], &[0, 1]),
        (Id, Above, &[made[2].to_string().into()], &[3, 4]),
        (Id, Contains, &[made[2].to_string().into()], &[2]),
        (Id, Contains, &[made[2].to_string()[..20].into()], &[2]),
        // No id has a U, in neither of its forms.
        (Id, Contains, &[text("uu")], &[]),
        (CreatedAt, Equal, &[at(1)], &[1]),
        (CreatedAt, NotEqual, &[at(1)], &[0, 2, 3, 4]),
        (CreatedAt, Below, &[at(2)], &[0, 1]),
        (CreatedAt, Above, &[at(2)], &[3, 4]),
        (CreatedAt, AtLeast, &[at(2)], &[2, 3, 4]),
        (CreatedAt, AtMost, &[at(2)], &[0, 1, 2]),
        (
            Provider,
            Equal,
            &[text("openai"), text("anthropic")],
            &[0, 1, 2, 4],
        ),
        (
            Provider,
            NotEqual,
            &[text("openai"), text("anthropic")],
            &[3],
        ),
        (Model, Contains, &[text("MINI")], &[3, 4]),
        (Model, Contains, &[text("%")], &[]),
        (
            ModelType,
            Equal,
            &[text("Text Generation")],
            &[0, 1, 2, 3, 4],
        ),
        (Success, Equal, NO, &[1]),
        (Cached, Equal, YES, &[2]),
        (Cached, NotEqual, YES, &[0, 1, 3, 4]),
        (Cost, Above, &[Value::Int(450_000)], &[3]),
        (Cost, AtLeast, &[Value::Int(450_000)], &[0, 3, 4]),
        (Cost, Equal, &[Value::Null], &[1]),
        (Cost, NotEqual, &[Value::Null], &[0, 2, 3, 4]),
        (Cost, NotEqual, &[Value::Int(0)], &[0, 1, 3, 4]),
        (Tokens, Equal, &[Value::Int(120)], &[0, 2, 4]),
        (TokensIn, Above, &[Value::Int(100)], &[3]),
        (
            TokensOut,
            Equal,
            &[Value::Int(20), Value::Null],
            &[0, 1, 2, 3, 4],
        ),
        (Duration, Below, &[Value::Int(730)], &[1, 2]),
        (Feedback, Equal, &[Value::Null], &[0, 1, 2, 3, 4]),
        (EventId, Equal, &[text("trace-7")], &[3]),
        (EventId, NotEqual, &[text("trace-7")], &[0, 1, 2, 4]),
        (MetadataKey, Equal, &[text("user")], &[1, 3, 4]),
        (MetadataKey, NotEqual, &[text("user")], &[0, 2]),
        (MetadataKey, Contains, &[text("BET")], &[3]),
        (MetadataValue, Equal, &[text("ada")], &[1, 4]),
        (MetadataValue, Equal, &[text("2"), text("true")], &[1, 3]),
        (MetadataValue, NotEqual, &[text("ada")], &[0, 2, 3]),
        (MetadataValue, Contains, &[text("%_")], &[4]),
        (Metadata, Contains, &[text("grace")], &[3]),
        (Authentication, Equal, YES, &[0, 1, 2, 3, 4]),
        (Wholesale, Equal, YES, &[0, 1, 4]),
        (Compatibility, Equal, YES, &[3]),
        (DlpAction, Equal, &[text("BLOCK")], &[]),
        (DlpAction, Equal, &[Value::Null], &[0, 1, 2, 3, 4]),
        (UserAgent, Contains, &[text("python")], &[0, 1, 2, 3, 4]),
        (RequestType, Equal, &[text("chat")], &[0, 1, 2, 3, 4]),
        (
            RequestContentType,
            Contains,
            &[text("json")],
            &[0, 1, 2, 3, 4],
        ),
        (
            ResponseContentType,
            NotEqual,
            &[text("text/event-stream")],
            &[0, 1, 2, 3, 4],
        ),
    ];
    for (field, operator, values, expected) in table {
        let filters = vec![filter(*field, *operator, values)];
        let wanted = Wanted { filters, ..all() };
        let found = logs::page(&app.app.store.db, &gateway, &wanted, 100, 0).await;
        let found: Vec<LogId> = found.unwrap().iter().map(|log| log.id).collect();
        let expected: Vec<LogId> = expected.iter().map(|place| made[*place]).collect();
        let count = logs::count(&app.app.store.db, &gateway, &wanted).await;
        assert_eq!(found, expected, "{field:?} {operator:?} {values:?}");
        let expected = i64::try_from(expected.len()).unwrap();
        assert_eq!(count.unwrap(), expected, "{field:?} {operator:?}");
    }
    let filters = vec![
        filter(MetadataKey, Equal, &[text("plan")]),
        filter(MetadataValue, Equal, &[text("ada")]),
        filter(Success, Equal, &[Value::Int(1)]),
    ];
    let both = logs::count(&app.app.store.db, &gateway, &Wanted { filters, ..all() }).await;
    assert_eq!(both.unwrap(), 1);
}

async fn every_order_is_one(app: &TestApp) {
    let gateway = gateway(app, "one", &Settings::default()).await;
    let made = variety(app, &gateway).await;
    for (order, expected) in [
        (Order::CreatedAt, [0, 1, 2, 3, 4]),
        (Order::Provider, [1, 3, 0, 2, 4]),
        (Order::Model, [1, 3, 0, 2, 4]),
        (Order::ModelType, [0, 1, 2, 3, 4]),
        (Order::Success, [1, 0, 2, 3, 4]),
        (Order::Cached, [0, 1, 3, 4, 2]),
        (Order::Cost, [1, 2, 0, 4, 3]),
        (Order::TokensIn, [1, 0, 2, 4, 3]),
        (Order::TokensOut, [1, 0, 2, 3, 4]),
        (Order::Duration, [2, 1, 0, 4, 3]),
        (Order::Feedback, [0, 1, 2, 3, 4]),
    ] {
        for direction in [Direction::Ascending, Direction::Descending] {
            let wanted = Wanted {
                filters: Vec::new(),
                order,
                direction,
            };
            let mut expected: Vec<_> = expected.iter().map(|place| made[*place]).collect();
            if direction == Direction::Descending {
                expected.reverse();
            }
            let mut found = Vec::new();
            for page in 0..3 {
                let page = logs::page(&app.app.store.db, &gateway, &wanted, 2, page * 2).await;
                found.extend(page.unwrap().iter().map(|log| log.id));
            }
            assert_eq!(found, expected, "{order:?} {direction:?}");
        }
    }
    let bounds = logs::bounds(&app.app.store.db, &gateway, &all())
        .await
        .unwrap();
    assert_eq!(bounds.cost, (Some(0), Some(200_000_000)));
    assert_eq!(bounds.duration, (Some(2), Some(9000)));
    assert_eq!(bounds.total_tokens, (Some(0), Some(9020)));
}

async fn a_charge_that_is_not_its_transfer_is_found(app: &TestApp) {
    app.give(1).await;
    let gateway = gateway(app, "one", &Settings::default()).await;
    let new = free(&gateway, app.app.now(), call("openai", "gpt-4o"));
    let id = settle(app, new, 1000).await.unwrap();
    let db = &app.app.store.db;
    let checked = audit::check(db).await.unwrap();
    assert!(checked.is_right() && checked.charges == 1, "{checked:?}");
    for (change, back) in [
        ("charged = 999", "charged = 1000"),
        ("transfer = NULL", "transfer = $1"),
    ] {
        let set = async |what: &str| {
            let sql = format!("UPDATE charges SET {what}");
            let transfer = [transfer("post", id).to_string().into()];
            let params = &transfer[..usize::from(what.contains('$'))];
            db.execute(&sql, params).await.unwrap();
        };
        set(change).await;
        let found = audit::check(db).await.unwrap().problems;
        assert_eq!(found.len(), 1, "{change}: {found:?}");
        assert_eq!(found[0].row, format!("charges {id}"));
        set(back).await;
    }
    assert!(charges::find_anybodys(db, id).await.unwrap().is_some());
    let millis = |more: i64| Timestamp::from_millis(id.at().millis() + more);
    let other = farebox::ids::account();
    for (since, until, account, there) in [
        (0, None, None, 1),
        (0, Some(1), Some(app.account), 1),
        (1, None, None, 0),
        (0, Some(0), None, 0),
        (0, None, Some(other), 0),
    ] {
        let span = Span {
            since: millis(since),
            until: until.map(millis),
            account,
        };
        let mut found = Vec::new();
        let read = charges::each(db, span, |charge| {
            found.push(charge.id);
            Ok::<_, StoreError>(())
        });
        read.await.unwrap();
        assert_eq!(found.len(), there, "{span:?}");
    }
}

/// One whose row clashes is refused alone.
async fn a_log_is_written_once(app: &TestApp) {
    let gateway = gateway(app, "one", &Settings::default()).await;
    let new: NewCall = free(&gateway, app.app.now(), call("openai", "gpt-4o"));
    let entry = || Entry {
        operations: Vec::new(),
        attached: Some(Attached::Call(std::sync::Arc::new(new.clone()))),
    };
    let committer = &app.app.store.committer;
    // At once and later, as after a lost answer: whoever asks hears that it is written.
    let mut all = join_all([committer.commit(entry()), committer.commit(entry())]).await;
    all.push(committer.commit(entry()).await);
    for written in all {
        assert_eq!(written.unwrap(), []);
    }
    assert_eq!(count(app, &gateway).await, 1);
    assert_eq!(logs_of(app, &gateway).await.len(), 1);
    assert_eq!(
        logs_of(app, &gateway).await[0].call.cost,
        Some(Amount::from_nanos(450_000))
    );
}

crate::on_both_engines![
    a_settlement_and_its_log_are_one,
    what_strangers_send_keeps_no_settlement_from_happening,
    a_full_gateway_takes_no_more,
    the_oldest_make_room,
    a_log_is_changed,
    every_filter_leaves_what_it_should,
    every_order_is_one,
    a_charge_that_is_not_its_transfer_is_found,
    a_log_is_written_once,
];
