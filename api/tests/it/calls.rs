//! What the client sends, and what it makes of a good answer.

use api::{
    Client, CreditBalanceParams, Error, TokenStatus, TopupCreateParams, TopupStatus,
    TopupStatusParams, UsageGrouping, UsageHistoryParams,
};
use axum::http::Method;

use crate::server::{Reply, Server};

const TOKEN: &str = "Sn3lZJTBX6kkg7OdcBUAxOO963GEIyGQqnFTOFYY";
const TOPUP: &str = r#"{"client_secret":null,"onboarding":true,"payment_intent_id":"in_1abc"}"#;

fn status_params(account_id: &str) -> TopupStatusParams {
    TopupStatusParams {
        account_id: account_id.into(),
        payment_intent_id: "in_1abc".into(),
    }
}

fn purchase() -> TopupCreateParams {
    TopupCreateParams {
        account_id: "a1".into(),
        amount: 5000,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_status_is_asked_for_as_the_contract_says() {
    let server = Server::start([Reply::status("completed")]).await;
    let client = server.client();
    let answer = client
        .ai_gateway()
        .billing()
        .topup()
        .status(status_params("a1"))
        .await
        .unwrap();
    assert_eq!(answer.status, TopupStatus::Completed);
    assert_eq!(answer.payment_intent_id, "in_1abc");

    let seen = &server.seen()[0];
    assert_eq!(seen.method, Method::POST);
    assert_eq!(
        seen.uri,
        "/client/v4/accounts/a1/ai-gateway/billing/topup/status"
    );
    assert_eq!(seen.body, r#"{"payment_intent_id":"in_1abc"}"#);
    assert_eq!(
        seen.header("authorization"),
        Some(&*format!("Bearer {TOKEN}"))
    );
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(
        seen.header("user-agent"),
        Some(concat!("farebox-rust/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(seen.header("prefer"), None);
}

#[tokio::test]
async fn what_is_asked_for_goes_into_the_url_and_what_is_not_stays_out() {
    let server = Server::start([Reply::result(r#"{"history":[]}"#)]).await;
    let params = UsageHistoryParams {
        account_id: "a1".into(),
        value_grouping_window: UsageGrouping::Hour,
        start_time: Some(1_700_000_000_000),
        end_time: None,
    };
    let client = server.client();
    let asked = client.ai_gateway().billing().usage_history(params);
    assert_eq!(asked.await.unwrap().history, []);
    assert_eq!(
        server.seen()[0].uri,
        "/client/v4/accounts/a1/ai-gateway/billing/usage-history\
         ?value_grouping_window=hour&start_time=1700000000000"
    );
}

#[tokio::test]
async fn email_and_key_go_in_their_own_headers() {
    let server = Server::start([Reply::status("pending")]).await;
    let client = Client::builder()
        .base_url(format!("{}/", server.origin))
        .api_email("user@example.com")
        .api_key("144c9defac04969c7bfad8efaa8ea194")
        .build()
        .unwrap();
    client
        .ai_gateway()
        .billing()
        .topup()
        .status(status_params("a1"))
        .await
        .unwrap();
    let seen = &server.seen()[0];
    // The official SDKs' own tests use a base URL without a path.
    assert_eq!(seen.uri, "/accounts/a1/ai-gateway/billing/topup/status");
    assert_eq!(seen.header("x-auth-email"), Some("user@example.com"));
    assert_eq!(
        seen.header("x-auth-key"),
        Some("144c9defac04969c7bfad8efaa8ea194")
    );
    assert_eq!(seen.header("authorization"), None);
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_base_url_changes_nothing() {
    let server = Server::start([Reply::result(r#"{"id":"t1","status":"active"}"#)]).await;
    let base_url = format!("{}/client/v4/", server.origin);
    let client = server.builder().base_url(base_url).build().unwrap();
    client.user().tokens().verify().await.unwrap();
    assert_eq!(server.seen()[0].uri, "/client/v4/user/tokens/verify");
}

#[tokio::test]
async fn a_purchase_keeps_one_key_through_its_retries() {
    let replies = [
        Reply::brief(503),
        Reply::result(TOPUP),
        Reply::result(TOPUP),
    ];
    let server = Server::start(replies).await;
    let client = server.client();
    for _ in 0..2 {
        client
            .ai_gateway()
            .billing()
            .topup()
            .create(purchase())
            .await
            .unwrap();
    }
    let seen = server.seen();
    let key = |index: usize| seen[index].header("idempotency-key").unwrap();
    assert_eq!(
        seen[0].uri,
        "/client/v4/accounts/a1/ai-gateway/billing/topup"
    );
    assert_eq!(seen[0].body, r#"{"amount":5000}"#);
    assert!(key(0).len() >= 32, "{}", key(0));
    assert_eq!(key(0), key(1), "a retry is the same purchase");
    assert_ne!(key(1), key(2), "another call is another purchase");
}

#[tokio::test]
async fn a_purchase_takes_the_callers_key_and_payment_method() {
    let server = Server::start([Reply::result(TOPUP)]).await;
    let params = TopupCreateParams {
        payment_method_id: Some("pm_123".into()),
        idempotency_key: Some("order-17".into()),
        ..purchase()
    };
    let client = server.client();
    let topup = client
        .ai_gateway()
        .billing()
        .topup()
        .create(params)
        .await
        .unwrap();
    assert_eq!(topup.payment_intent_id, "in_1abc");
    assert_eq!(server.seen()[0].header("idempotency-key"), Some("order-17"));
    assert_eq!(
        server.seen()[0].body,
        r#"{"amount":5000,"payment_method_id":"pm_123"}"#
    );
}

#[tokio::test]
async fn a_balance_arrives_exactly() {
    let credit = r#"{"balance":90071992547.4099301,"has_default_payment_method":false,
        "payment_method":null,"topup_config":{"threshold":null,"amount":null,"error":null,
        "disabledReason":null,"lastFailedAt":null},"first_topup_success":true}"#;
    let server = Server::start([Reply::result(credit)]).await;
    let params = CreditBalanceParams {
        account_id: "a1".into(),
    };
    let client = server.client();
    let credit = client
        .ai_gateway()
        .billing()
        .credit_balance(params)
        .await
        .unwrap();
    assert_eq!(credit.balance.nanos(), 900_719_925_474_099_301);
    let seen = &server.seen()[0];
    assert_eq!(seen.method, Method::GET);
    assert_eq!(
        seen.uri,
        "/client/v4/accounts/a1/ai-gateway/billing/credit-balance"
    );
}

#[tokio::test]
async fn a_token_verifies_itself() {
    let server = Server::start([Reply::result(r#"{"id":"t1","status":"disabled"}"#)]).await;
    let token = server.client().user().tokens().verify().await.unwrap();
    assert_eq!(
        (token.id.as_str(), token.status),
        ("t1", TokenStatus::Disabled)
    );
    assert_eq!(server.seen()[0].uri, "/client/v4/user/tokens/verify");
}

#[tokio::test]
async fn an_account_id_stays_one_segment_of_the_path() {
    let server = Server::start([Reply::status("pending")]).await;
    let client = server.client();
    let topup = client.ai_gateway().billing().topup();
    topup.status(status_params("../b?c#d%2f")).await.unwrap();
    let path = "/client/v4/accounts/..%2Fb%3Fc%23d%252f/ai-gateway/billing/topup/status";
    assert_eq!(server.seen()[0].uri, path);
    for refused in ["", ".", ".."] {
        let error = topup.status(status_params(refused)).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    assert_eq!(server.seen().len(), 1, "nothing more was sent");
}

#[test]
fn no_debug_print_shows_a_token_or_a_key() {
    let by_token = Client::builder()
        .base_url("https://example.com")
        .api_token("hush-token");
    let by_key = Client::builder()
        .base_url("https://example.com")
        .api_email("e")
        .api_key("hush-key");
    let mut printed = format!("{by_token:?} {by_key:?}");
    for builder in [by_token, by_key] {
        let client = builder.build().unwrap();
        printed += &format!("{client:?} {:?}", client.ai_gateway().billing().topup());
    }
    assert!(!printed.contains("hush"), "{printed}");
    assert!(printed.contains("https://example.com"), "{printed}");
}

#[test]
fn what_can_not_work_is_refused_at_once() {
    let base = || Client::builder().base_url("http://127.0.0.1:1");
    let refused = [
        Client::builder().api_token("t"),
        base(),
        base().api_email("e"),
        base().api_key("k"),
        base().api_token("a\nb"),
        Client::builder().api_token("t").base_url("nonsense"),
        Client::builder()
            .api_token("t")
            .base_url("ftp://example.com"),
        Client::builder()
            .api_token("t")
            .base_url("http://u:p@example.com"),
        Client::builder()
            .api_token("t")
            .base_url("http://example.com?a=b"),
    ];
    for builder in refused {
        let printed = format!("{builder:?}");
        assert!(
            matches!(builder.build(), Err(Error::Invalid(_))),
            "{printed}"
        );
    }
}
