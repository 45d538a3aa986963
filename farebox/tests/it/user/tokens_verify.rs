//! `GET /client/v4/user/tokens/verify`.

use std::time::Duration;

use farebox::admin::{self, Command};
use reqwest::Method;

use crate::app::TestApp;

const PATH: &str = "/client/v4/user/tokens/verify";

async fn a_valid_token_is_active(app: &TestApp) {
    let answer = app.request(Method::GET, PATH).send().await;
    insta::assert_snapshot!("a_valid_token", answer.snapshot());
    let by_client = app.client().user().tokens().verify().await.unwrap();
    assert_eq!(by_client.status, api::TokenStatus::Active);
}

async fn a_revoked_or_expired_or_unknown_token_is_not(app: &TestApp) {
    let run = async |command| {
        admin::run(&app.app.store.db, &app.app.keyring, command, app.app.now())
            .await
            .unwrap()
    };
    let create = |seconds| Command::CreateToken {
        account: app.account.to_string(),
        name: "short".to_owned(),
        permissions: vec!["AI Gateway Read".to_owned()],
        expires_in_seconds: seconds,
    };
    let verify = async |token: &str| {
        let request = app.anonymous(Method::GET, PATH);
        request
            .header("authorization", &format!("Bearer {token}"))
            .send()
            .await
    };
    let expiring = run(create(Some(60))).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let active = verify(&expiring).await;
    assert_eq!(active.status, 200);
    assert!(
        active.body["result"]["expires_on"]
            .as_str()
            .unwrap()
            .ends_with('Z')
    );
    app.tick(Duration::from_secs(61));
    assert_eq!(verify(&expiring).await.status, 401);
    let created = run(create(None)).await;
    let token = created["token"].as_str().unwrap();
    assert_eq!(verify(token).await.status, 200);
    run(Command::RevokeToken {
        id: created["id"].as_str().unwrap().to_owned(),
    })
    .await;
    insta::assert_snapshot!("a_revoked_token", verify(token).await.snapshot());
    assert_eq!(verify("fbx_guessed").await.code(), 1000);
}

async fn an_email_and_key_are_no_token(app: &TestApp) {
    let request = app.anonymous(Method::GET, PATH);
    let answer = request
        .header("x-auth-email", "a@example.com")
        .header("x-auth-key", "k")
        .send()
        .await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, 10000));
}

crate::on_both_engines![
    a_valid_token_is_active,
    a_revoked_or_expired_or_unknown_token_is_not,
    an_email_and_key_are_no_token,
];
