//! `GET /openapi.json`: the whole document is a snapshot, so that no endpoint changes unseen.

use reqwest::Method;

use crate::app::TestApp;

async fn the_document_is_as_it_was(app: &TestApp) {
    let answer = app.anonymous(Method::GET, "/openapi.json").send().await;
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!(
        "openapi",
        serde_json::to_string_pretty(&answer.body).unwrap()
    );
}

crate::on_both_engines![the_document_is_as_it_was];
