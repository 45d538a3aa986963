//! `GET /openapi.json`: the whole document is a snapshot, so that no endpoint changes unseen.

use reqwest::Method;
use serde_json::Value;

use crate::app::TestApp;

async fn the_document_is_as_it_was(app: &TestApp) {
    let answer = app.anonymous(Method::GET, "/openapi.json").send().await;
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!(
        "openapi",
        serde_json::to_string_pretty(&answer.body).unwrap()
    );
}

/// Every `$ref` in a part of the document.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|one| references(one, found));
        }
        Value::Array(items) => items.iter().for_each(|one| references(one, found)),
        _ => {}
    }
}

async fn every_reference_leads_somewhere(app: &TestApp) {
    let answer = app.anonymous(Method::GET, "/openapi.json").send().await;
    let mut found = Vec::new();
    references(&answer.body, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference inside");
        let named = answer.body.pointer(pointer);
        assert!(named.is_some_and(Value::is_object), "{reference}");
    }
}

crate::on_both_engines![the_document_is_as_it_was, every_reference_leads_somewhere];
