//! What the client sends about gateways, and what it makes of answers that have no envelope or half of one.

use api::{
    CreateProviderConfig, CustomProviderListParams, Error, GatewayChange, GatewayEditParams,
    GatewayParams, GatewaySettings, LogDeleteParams, LogDirection, LogFilter, LogListParams,
    LogOperator, LogOrder, LogParams, ProviderConfigCreateParams, UrlParams,
};
use axum::http::Method;

use crate::server::{Reply, Server};

const LOGS: &str = "/client/v4/accounts/a1/ai-gateway/gateways/g1/logs";

fn list() -> LogListParams {
    LogListParams {
        account_id: "a1".into(),
        gateway_id: "g1".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_list_of_logs_is_asked_for_with_its_filters_as_json() {
    let page = r#"{"success":true,"result":[],"result_info":{"page":2,"per_page":5,"count":0}}"#;
    let server = Server::start([Reply::new(200, page), Reply::new(200, page)]).await;
    let client = server.client();
    let params = LogListParams {
        filters: vec![LogFilter::new("cost", LogOperator::Gt, "0.01")],
        search: Some("ada".into()),
        order_by: Some(LogOrder::TokensIn),
        direction: Some(LogDirection::Asc),
        meta_info: true,
        page: Some(2),
        per_page: Some(5),
        ..list()
    };
    let found = client.ai_gateway().logs().list(params).await.unwrap();
    assert_eq!(
        (found.result_info.page, found.result_info.has_more),
        (2, false)
    );
    client.ai_gateway().logs().list(list()).await.unwrap();
    let seen = server.seen();
    let query = "filters=%5B%7B%22key%22%3A%22cost%22%2C%22operator%22%3A%22gt%22%2C%22value%22%3A%5B%220.01%22\
         %5D%7D%5D&search=ada&order_by=tokens_in&order_by_direction=asc&meta_info=true&page=2&per_page=5";
    assert_eq!(seen[0].uri.to_string(), format!("{LOGS}?{query}"));
    assert_eq!(seen[1].uri, LOGS, "what is not asked for stays out");
}

#[tokio::test]
async fn answers_without_a_result_are_read() {
    let refused = r#"{"success":false,"errors":[{"code":7001,"message":"no"}]}"#;
    let replies = [
        Reply::new(200, r#"{"success":true}"#),
        Reply::new(200, refused),
        Reply::new(400, refused),
    ];
    let server = Server::start(replies).await;
    let client = server.client();
    let delete = || LogDeleteParams {
        account_id: "a1".into(),
        gateway_id: "g1".into(),
        limit: Some(7),
        ..Default::default()
    };
    let logs = client.ai_gateway().logs();
    assert!(logs.delete(delete()).await.unwrap().success);
    let error = logs.delete(delete()).await.unwrap_err();
    assert!(matches!(error, Error::Status(_)), "{error:?}");
    let error = logs.delete(delete()).await.unwrap_err();
    assert_eq!(error.failure().unwrap().errors[0].code, 7001);
    let seen = &server.seen()[0];
    assert_eq!(
        (&seen.method, seen.uri.to_string()),
        (&Method::DELETE, format!("{LOGS}?limit=7"))
    );
}

#[tokio::test]
async fn a_body_comes_as_it_is() {
    let replies = [
        Reply::new(200, "data: {}\n\n").header("content-type", "text/event-stream"),
        Reply::new(
            404,
            r#"{"success":false,"errors":[{"code":7002,"message":"not kept"}]}"#,
        ),
    ];
    let server = Server::start(replies).await;
    let client = server.client();
    let params = || LogParams {
        account_id: "a1".into(),
        gateway_id: "g1".into(),
        log_id: "01K".into(),
    };
    let body = client.ai_gateway().logs().response(params()).await.unwrap();
    assert_eq!(body.bytes, b"data: {}\n\n");
    assert_eq!(body.content_type.as_deref(), Some("text/event-stream"));
    let error = client
        .ai_gateway()
        .logs()
        .request(params())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::NotFound(failure) if failure.errors[0].code == 7002),
        "{error:?}"
    );
    let uris: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.uri.to_string())
        .collect();
    assert_eq!(
        uris,
        [
            format!("{LOGS}/01K/response"),
            format!("{LOGS}/01K/request")
        ]
    );
}

#[tokio::test]
async fn a_setting_that_is_to_be_none_is_null() {
    let server = Server::start([Reply::new(400, "{}")]).await;
    let params = GatewayEditParams {
        account_id: "a1".into(),
        gateway_id: "g1".into(),
        change: GatewayChange {
            set: GatewaySettings {
                collect_logs: Some(false),
                retry_delay: Some(5),
                ..Default::default()
            },
            unset: vec!["retry_delay".into(), "spend_limits".into()],
        },
    };
    server.client().ai_gateway().edit(params).await.unwrap_err();
    let seen = &server.seen()[0];
    assert_eq!(seen.method, Method::PATCH);
    assert_eq!(
        seen.body,
        r#"{"collect_logs":false,"retry_delay":null,"spend_limits":null}"#
    );
}

#[tokio::test]
async fn ids_stay_one_segment_of_the_path() {
    let answers = [r#""https://x""#, "[]"].map(Reply::result);
    let server = Server::start(answers).await;
    let client = server.client();
    let params = UrlParams {
        account_id: "a1".into(),
        gateway_id: "../g".into(),
        provider: "a/b".into(),
    };
    let url = client.ai_gateway().urls().get(params).await.unwrap();
    assert_eq!(url, "https://x");
    let params = CustomProviderListParams {
        account_id: "a1".into(),
        order_by: Some("name DESC".into()),
        ..Default::default()
    };
    client
        .ai_gateway()
        .custom_providers()
        .list(params)
        .await
        .unwrap();
    let base = "/client/v4/accounts/a1/ai-gateway";
    let seen = server.seen();
    assert_eq!(
        seen[0].uri.to_string(),
        format!("{base}/gateways/..%2Fg/url/a%2Fb")
    );
    assert_eq!(
        seen[1].uri.to_string(),
        format!("{base}/custom-providers?order_by=name+DESC")
    );
    let nobody = GatewayParams {
        account_id: "a1".into(),
        gateway_id: "..".into(),
    };
    let error = client.ai_gateway().get(nobody).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
}

#[test]
fn no_debug_print_shows_a_key() {
    let params = ProviderConfigCreateParams {
        config: CreateProviderConfig {
            secret: Some("hush".into()),
            ..Default::default()
        },
        ..Default::default()
    };
    assert!(!format!("{params:?}").contains("hush"));
}
