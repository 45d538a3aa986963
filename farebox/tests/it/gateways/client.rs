//! The Rust client's calls about gateways.

use api::{
    CreateCustomProvider, CreateGateway, CreateProviderConfig, CustomProviderCreateParams,
    CustomProviderEditParams, CustomProviderListParams, CustomProviderParams, EditLog, Error,
    GatewayChange, GatewayCreateParams, GatewayEditParams, GatewayListParams, GatewayParams,
    GatewaySettings, GatewayUpdateParams, LogDeleteParams, LogDirection, LogEditParams, LogFilter,
    LogListParams, LogOperator, LogOrder, LogParams, ProviderConfigCreateParams,
    ProviderConfigListParams, ProviderConfigParams, ProviderConfigUpdateParams, RetryBackoff,
    UpdateCustomProvider, UpdateProviderConfig, UrlParams,
};
use farebox::store::gateways::Settings;
use serde_json::json;

use crate::app::TestApp;
use crate::calls::{self, REQUEST, RESPONSE, variety};

/// What `POST` and `PUT` want at least.
fn required() -> GatewaySettings {
    GatewaySettings {
        cache_invalidate_on_update: Some(false),
        cache_ttl: Some(0),
        collect_logs: Some(true),
        rate_limiting_interval: Some(0),
        rate_limiting_limit: Some(0),
        ..GatewaySettings::default()
    }
}

async fn gateways_are_made_changed_and_removed(app: &TestApp) {
    let (client, account_id) = (app.client(), app.account.to_string());
    let gateways = client.ai_gateway();
    let create = |settings| GatewayCreateParams {
        account_id: account_id.clone(),
        gateway: CreateGateway {
            id: "one".to_owned(),
            settings,
        },
    };
    let short = gateways.create(create(GatewaySettings::default())).await;
    let Err(Error::BadRequest(short)) = short else {
        panic!("{short:?}");
    };
    assert_eq!(short.errors.len(), 5, "{short}");
    let made = gateways.create(create(required())).await.unwrap();
    let one = GatewayParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
    };
    assert_eq!(gateways.get(one.clone()).await.unwrap(), made);
    let list = |search: &str| GatewayListParams {
        account_id: account_id.clone(),
        search: Some(search.to_owned()),
        ..GatewayListParams::default()
    };
    assert_eq!(gateways.list(list("on")).await.unwrap(), [made]);
    assert_eq!(gateways.list(list("two")).await.unwrap(), []);

    let edit = |set, unset: &[&str]| GatewayEditParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        change: GatewayChange {
            set,
            unset: unset.iter().map(|name| (*name).to_owned()).collect(),
        },
    };
    let retries = GatewaySettings {
        retry_max_attempts: Some(3),
        retry_backoff: Some(RetryBackoff::Linear),
        ..GatewaySettings::default()
    };
    let changed = gateways.edit(edit(retries, &[])).await.unwrap();
    assert_eq!(changed.retry_max_attempts, Some(3));
    let unset = edit(GatewaySettings::default(), &["retry_max_attempts"]);
    let changed = gateways.edit(unset).await.unwrap();
    assert_eq!(changed.retry_max_attempts, None);
    assert_eq!(changed.retry_backoff, Some(RetryBackoff::Linear));
    let update = GatewayUpdateParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        settings: required(),
    };
    let replaced = gateways.update(update).await.unwrap();
    assert_eq!(
        replaced.retry_backoff, None,
        "what is left out has its default"
    );

    let url = |provider: &str| UrlParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        provider: provider.to_owned(),
    };
    let found = gateways.urls().get(url("openai")).await.unwrap();
    assert!(
        found.ends_with(&format!("/v1/{account_id}/one/openai")),
        "{found}"
    );
    let none = gateways.urls().get(url("nobody")).await;
    assert!(matches!(none, Err(Error::NotFound(_))), "{none:?}");
    assert_eq!(gateways.delete(one.clone()).await.unwrap(), replaced);
    let gone = gateways.get(one).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
}

async fn keys_and_providers_are_stored(app: &TestApp) {
    let (client, account_id) = (app.client(), app.account.to_string());
    calls::gateway(app, "one", &Settings::default()).await;
    let providers = client.ai_gateway().custom_providers();
    let provider = CreateCustomProvider {
        slug: "mine".to_owned(),
        settings: UpdateCustomProvider {
            name: Some("Mine".to_owned()),
            base_url: Some("https://llm.example.com/v1".to_owned()),
            headers: Some(r#"{"x-team":"research"}"#.to_owned()),
            ..UpdateCustomProvider::default()
        },
    };
    let made = providers.create(CustomProviderCreateParams {
        account_id: account_id.clone(),
        provider,
    });
    let made = made.await.unwrap();
    assert_eq!(made.headers.as_deref(), Some(r#"{"x-team":"****"}"#));
    let edited = providers.edit(CustomProviderEditParams {
        account_id: account_id.clone(),
        provider_id: made.id.clone(),
        change: UpdateCustomProvider {
            enable: Some(true),
            ..UpdateCustomProvider::default()
        },
    });
    let edited = edited.await.unwrap();
    assert!(edited.enable && edited.name == "Mine");
    let listed = providers.list(CustomProviderListParams {
        account_id: account_id.clone(),
        enable: Some(true),
        ..CustomProviderListParams::default()
    });
    assert_eq!(listed.await.unwrap(), std::slice::from_ref(&edited));

    let configs = client.ai_gateway().provider_configs();
    let stored = configs.create(ProviderConfigCreateParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        config: CreateProviderConfig {
            provider_slug: "custom-mine".to_owned(),
            alias: "first".to_owned(),
            default_config: true,
            secret: Some("sk-a-long-secret-1234".to_owned()),
        },
    });
    let stored = stored.await.unwrap();
    assert_eq!(stored.secret_preview, "****1234");
    let changed = configs.update(ProviderConfigUpdateParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        config_id: stored.id.clone(),
        config: UpdateProviderConfig {
            alias: "second".to_owned(),
            ..UpdateProviderConfig::default()
        },
    });
    let changed = changed.await.unwrap();
    assert_eq!(
        (changed.alias.as_str(), changed.default_config),
        ("second", false)
    );
    let listed = configs.list(ProviderConfigListParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        ..ProviderConfigListParams::default()
    });
    assert_eq!(listed.await.unwrap(), std::slice::from_ref(&changed));
    let removed = configs.delete(ProviderConfigParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        config_id: stored.id,
    });
    assert_eq!(removed.await.unwrap(), changed);

    let mine = CustomProviderParams {
        account_id,
        provider_id: made.id,
    };
    assert_eq!(providers.get(mine.clone()).await.unwrap(), edited);
    assert_eq!(providers.delete(mine.clone()).await.unwrap(), edited);
    let gone = providers.get(mine).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
}

async fn calls_are_looked_up_judged_and_removed(app: &TestApp) {
    let (client, account_id) = (app.client(), app.account.to_string());
    let gateway = calls::gateway(app, "one", &Settings::default()).await;
    let ids = variety(app, &gateway).await;
    let logs = client.ai_gateway().logs();
    let list = |filters: Vec<LogFilter>| LogListParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        filters,
        ..LogListParams::default()
    };
    let all = logs.list(list(Vec::new())).await.unwrap();
    assert_eq!(
        all.result_info.total_count,
        i64::try_from(ids.len()).unwrap()
    );
    assert_eq!(all.result_info.max_cost, None);
    let first = &all.result[0];
    let filters = vec![
        LogFilter::new("model", LogOperator::Eq, first.model.as_str()),
        LogFilter::new("id", LogOperator::Eq, first.id.as_str()),
    ];
    let params = LogListParams {
        order_by: Some(LogOrder::Cost),
        direction: Some(LogDirection::Asc),
        meta_info: true,
        per_page: Some(1),
        ..list(filters)
    };
    let found = logs.list(params).await.unwrap();
    assert_eq!(found.result, std::slice::from_ref(first));
    assert_eq!(found.result_info.min_duration, Some(first.duration));
    let wrong = list(vec![LogFilter::new("colour", LogOperator::Eq, "red")]);
    let wrong = logs.list(wrong).await;
    assert!(matches!(wrong, Err(Error::BadRequest(_))), "{wrong:?}");

    let one = LogParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        log_id: first.id.clone(),
    };
    let edit = LogEditParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        log_id: first.id.clone(),
        edit: EditLog {
            feedback: Some(1),
            ..EditLog::default()
        },
    };
    let edited = logs.edit(edit).await.unwrap();
    assert_eq!(edited.feedback, Some(1));
    assert_eq!(logs.get(one.clone()).await.unwrap(), edited);
    let request = logs.request(one.clone()).await.unwrap();
    assert_eq!(request.bytes, REQUEST.as_bytes());
    assert_eq!(request.content_type.as_deref(), Some("application/json"));
    let response = logs.response(one.clone()).await.unwrap();
    assert_eq!(response.bytes, RESPONSE.as_bytes());

    let delete = LogDeleteParams {
        account_id: account_id.clone(),
        gateway_id: "one".to_owned(),
        filters: vec![LogFilter::new("feedback", LogOperator::Neq, json!(null))],
        ..LogDeleteParams::default()
    };
    assert!(logs.delete(delete).await.unwrap().success);
    let gone = logs.request(one).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    let left = logs.list(list(Vec::new())).await.unwrap();
    assert_eq!(
        left.result_info.total_count,
        all.result_info.total_count - 1
    );
}

crate::on_both_engines![
    gateways_are_made_changed_and_removed,
    keys_and_providers_are_stored,
    calls_are_looked_up_judged_and_removed,
];
