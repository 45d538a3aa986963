//! Gateways: made, listed, shown, changed and removed.

use api::{SpendDimension, SpendLimitType};
use ledger::AccountId;

use crate::app::App;
use crate::gateways::{GatewayError, known, offset, rfc_3339};
use crate::store::StoreError;
use crate::store::gateways::{
    self as rows, Backoff, Dimension, Gateway, LogStrategy, Settings, SpendLimits, SpendRule,
    Technique,
};

/// How often a change is tried that somebody else's comes before.
const ATTEMPTS: usize = 5;

/// A page of a list: what is on it, and how many there are on all pages.
#[derive(Clone, Debug)]
pub struct GatewayPage {
    /// Oldest first.
    pub gateways: Vec<api::Gateway>,
    /// On all pages together.
    pub total: i64,
}

/// Makes a gateway.
///
/// # Errors
/// [`GatewayError::Invalid`] where the account has one of that id.
pub async fn create(
    app: &App,
    account: AccountId,
    id: &str,
    settings: &Settings,
) -> Result<api::Gateway, GatewayError> {
    match rows::create(&app.store.db, account, id, settings, app.now()).await {
        Ok(made) => render(&made),
        Err(StoreError::Duplicate(_)) => Err(GatewayError::Invalid {
            at: &["body", "id"],
            message: format!(
                "A gateway {id} exists already: change it with PUT, or take another id"
            ),
        }),
        Err(error) => Err(error.into()),
    }
}

/// A page of the account's gateways, all or those whose id contains `search`; `page` counts from 1.
///
/// # Errors
/// [`GatewayError::Store`].
pub async fn list(
    app: &App,
    account: AccountId,
    search: &str,
    page: i64,
    per_page: i64,
) -> Result<GatewayPage, GatewayError> {
    let db = &app.store.db;
    let found = rows::list(db, account, search, per_page, offset(page, per_page)).await?;
    let gateways: Result<_, _> = found.iter().map(render).collect();
    Ok(GatewayPage {
        gateways: gateways?,
        total: rows::count(db, account, search).await?,
    })
}

/// One gateway.
///
/// # Errors
/// [`GatewayError::NotFound`].
pub async fn show(app: &App, account: AccountId, id: &str) -> Result<api::Gateway, GatewayError> {
    render(&known(app, account, id).await?)
}

/// Changes a gateway to what `change` makes of its settings.
///
/// # Errors
/// [`GatewayError::NotFound`], [`GatewayError::Busy`], and what `change` refuses with.
pub async fn update<E: From<GatewayError>>(
    app: &App,
    account: AccountId,
    id: &str,
    change: impl Fn(Settings) -> Result<Settings, E>,
) -> Result<api::Gateway, E> {
    for _ in 0..ATTEMPTS {
        let known = known(app, account, id).await?;
        let settings = change(known.settings.clone())?;
        match rows::update(&app.store.db, &known, &settings, app.now()).await {
            Ok(changed) => return Ok(render(&changed)?),
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(GatewayError::Store(error).into()),
        }
    }
    Err(GatewayError::Busy.into())
}

/// Removes a gateway; its logs go with it, bit by bit.
///
/// # Errors
/// [`GatewayError::NotFound`].
pub async fn delete(app: &App, account: AccountId, id: &str) -> Result<api::Gateway, GatewayError> {
    let known = known(app, account, id).await?;
    rows::remove(&app.store.db, &known, app.now()).await?;
    render(&known)
}

fn render(gateway: &Gateway) -> Result<api::Gateway, GatewayError> {
    let settings = &gateway.settings;
    Ok(api::Gateway {
        id: gateway.id.clone(),
        created_at: rfc_3339(gateway.created_at)?,
        modified_at: rfc_3339(gateway.modified_at)?,
        is_default: gateway.id == rows::DEFAULT_ID,
        cache_ttl: Some(settings.cache_ttl),
        cache_invalidate_on_update: settings.cache_invalidate_on_update,
        collect_logs: settings.collect_logs,
        log_management: settings.log_management,
        log_management_strategy: settings.log_management_strategy.map(|one| match one {
            LogStrategy::StopInserting => api::LogManagementStrategy::StopInserting,
            LogStrategy::DeleteOldest => api::LogManagementStrategy::DeleteOldest,
        }),
        rate_limiting_limit: Some(settings.rate_limiting_limit),
        rate_limiting_interval: Some(settings.rate_limiting_interval),
        rate_limiting_technique: Some(technique(settings.rate_limiting_technique)),
        authentication: settings.authentication,
        byok_only: settings.byok_only,
        zdr: settings.zdr,
        clamp_max_tokens: settings.clamp_max_tokens,
        retry_max_attempts: settings.retry_max_attempts,
        retry_delay: settings.retry_delay,
        retry_backoff: settings.retry_backoff.map(|one| match one {
            Backoff::Constant => api::RetryBackoff::Constant,
            Backoff::Linear => api::RetryBackoff::Linear,
            Backoff::Exponential => api::RetryBackoff::Exponential,
        }),
        store_id: settings.store_id.clone(),
        spend_limits: settings.spend_limits.as_ref().map(spend_limits),
        wholesale: true,
        workers_ai_billing_mode: "postpaid".to_owned(),
        logpush: false,
        log_classification: false,
    })
}

fn technique(technique: Technique) -> api::WindowTechnique {
    match technique {
        Technique::Fixed => api::WindowTechnique::Fixed,
        Technique::Sliding => api::WindowTechnique::Sliding,
    }
}

fn spend_limits(limits: &SpendLimits) -> api::SpendLimits {
    api::SpendLimits {
        enabled: limits.enabled,
        rules: limits.rules.iter().map(spend_rule).collect(),
    }
}

fn spend_rule(rule: &SpendRule) -> api::SpendRule {
    let dimension = |is_split: bool, values: &Option<Vec<String>>| match is_split {
        true => Some(SpendDimension::Partition),
        false => values
            .clone()
            .map(|values| SpendDimension::Filter { values }),
    };
    let metadata = rule.metadata.iter().map(|(key, dimension)| {
        let dimension = match dimension.clone() {
            Dimension::Partition => SpendDimension::Partition,
            Dimension::Filter(values) => SpendDimension::Filter { values },
        };
        (key.clone(), dimension)
    });
    api::SpendRule {
        id: Some(rule.id.clone()),
        enabled: Some(rule.enabled),
        limit: api::Dollars::from_nanos(rule.limit_nanos),
        limit_type: SpendLimitType::Cost,
        window: rule.window,
        technique: Some(technique(rule.technique)),
        model: dimension(rule.by_model, &rule.models),
        provider: dimension(rule.by_provider, &rule.providers),
        metadata: metadata.collect(),
    }
}
