//! What the calls about gateways are made with, under the official SDKs' names.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use crate::{
    CreateCustomProvider, CreateGateway, CreateProviderConfig, EditLog, GatewaySettings,
    UpdateCustomProvider, UpdateProviderConfig,
};

/// For [`crate::AiGateway::create`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayCreateParams {
    /// Whose gateway.
    pub account_id: String,
    /// Its id and settings, of which those that `POST` wants must be there.
    pub gateway: CreateGateway,
}

/// For [`crate::AiGateway::list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayListParams {
    /// Whose gateways.
    pub account_id: String,
    /// Only those whose id contains this.
    pub search: Option<String>,
    /// The page, counted from 1.
    pub page: Option<i64>,
    /// The most gateways of a page, 100 at most.
    pub per_page: Option<i64>,
}

/// For [`crate::AiGateway::get`] and [`crate::AiGateway::delete`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
}

/// For [`crate::AiGateway::update`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayUpdateParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
    /// All its settings, of which those that `PUT` wants must be there.
    pub settings: GatewaySettings,
}

/// For [`crate::AiGateway::edit`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayEditParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
    /// What changes.
    pub change: GatewayChange,
}

/// What changes on a gateway; the rest stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayChange {
    /// What is set.
    pub set: GatewaySettings,
    /// The names of settings that are to be none, such as `spend_limits`.
    pub unset: Vec<String>,
}

/// One object, in which what is to be none is `null`.
impl Serialize for GatewayChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let set = serde_json::to_value(&self.set).map_err(serde::ser::Error::custom)?;
        let set = set.as_object().into_iter().flatten();
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in set.filter(|(name, _)| !self.unset.contains(name)) {
            map.serialize_entry(name, value)?;
        }
        for name in &self.unset {
            map.serialize_entry(name, &())?;
        }
        map.end()
    }
}

/// For [`crate::Urls::get`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
    /// The provider's slug, or `custom-` and the slug of one of the account's own.
    pub provider: String,
}

/// For [`crate::ProviderConfigs::create`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderConfigCreateParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway that it is stored on.
    pub gateway_id: String,
    /// The key and what it is for.
    pub config: CreateProviderConfig,
}

/// For [`crate::ProviderConfigs::list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderConfigListParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
    /// The page, counted from 1.
    pub page: Option<i64>,
    /// The most keys of a page, 100 at most.
    pub per_page: Option<i64>,
}

/// For [`crate::ProviderConfigs::update`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderConfigUpdateParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway that it is stored on.
    pub gateway_id: String,
    /// The stored key's id.
    pub config_id: String,
    /// What it is from now on.
    pub config: UpdateProviderConfig,
}

/// For [`crate::ProviderConfigs::delete`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderConfigParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway that it is stored on.
    pub gateway_id: String,
    /// The stored key's id.
    pub config_id: String,
}

/// For [`crate::CustomProviders::create`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomProviderCreateParams {
    /// Whose provider.
    pub account_id: String,
    /// What it is; `name` and `base_url` must be there.
    pub provider: CreateCustomProvider,
}

/// For [`crate::CustomProviders::list`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomProviderListParams {
    /// Whose providers.
    pub account_id: String,
    /// Only those whose id, name or slug contains this.
    pub search: Option<String>,
    /// Only those that can be called, or can't.
    pub enable: Option<bool>,
    /// Only those in beta, or not.
    pub beta: Option<bool>,
    /// Such as `created_at DESC`; `name ASC` where it is left out.
    pub order_by: Option<String>,
    /// The page, counted from 1.
    pub page: Option<i64>,
    /// The most providers of a page, 100 at most.
    pub per_page: Option<i64>,
}

/// For [`crate::CustomProviders::get`] and [`crate::CustomProviders::delete`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomProviderParams {
    /// Whose provider.
    pub account_id: String,
    /// The provider's id.
    pub provider_id: String,
}

/// For [`crate::CustomProviders::edit`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomProviderEditParams {
    /// Whose provider.
    pub account_id: String,
    /// The provider's id.
    pub provider_id: String,
    /// What changes.
    pub change: UpdateCustomProvider,
}

/// For [`crate::Logs::list`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogListParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
    /// All of these must hold.
    pub filters: Vec<LogFilter>,
    /// Only logs with this somewhere in their metadata.
    pub search: Option<String>,
    /// In which order; by time where it is left out.
    pub order_by: Option<LogOrder>,
    /// Which way round; the largest first where it is left out.
    pub direction: Option<LogDirection>,
    /// Whether the answer tells the least and the most of what all that match count.
    pub meta_info: bool,
    /// The page, counted from 1.
    pub page: Option<i64>,
    /// The most logs of a page, 50 at most.
    pub per_page: Option<i64>,
}

/// For [`crate::Logs::delete`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogDeleteParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
    /// All of these must hold; without any, every log is removed.
    pub filters: Vec<LogFilter>,
    /// In which order; by time where it is left out.
    pub order_by: Option<LogOrder>,
    /// Which way round; the smallest first where it is left out.
    pub direction: Option<LogDirection>,
    /// The most logs that are removed, 10,000 at most and where it is left out.
    pub limit: Option<i64>,
}

/// For [`crate::Logs::get`], [`crate::Logs::request`] and [`crate::Logs::response`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
    /// The log's id, as `cf-aig-log-id` told it.
    pub log_id: String,
}

/// For [`crate::Logs::edit`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogEditParams {
    /// Whose gateway.
    pub account_id: String,
    /// The gateway.
    pub gateway_id: String,
    /// The log's id.
    pub log_id: String,
    /// What changes.
    pub edit: EditLog,
}

/// One condition on logs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogFilter {
    /// What it looks at, such as `model`, `cost` (in dollars) or `metadata.value`.
    pub key: String,
    /// How.
    pub operator: LogOperator,
    /// With what: texts, numbers, yes or no, or `null` for what is not there.
    pub value: Vec<Value>,
}

impl LogFilter {
    /// A condition with one value.
    pub fn new(key: impl Into<String>, operator: LogOperator, value: impl Into<Value>) -> Self {
        Self {
            key: key.into(),
            operator,
            value: vec![value.into()],
        }
    }
}

/// How logs are compared with a filter's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogOperator {
    /// It is one of them.
    Eq,
    /// It is none of them.
    Neq,
    /// It contains one of them; for texts.
    Contains,
    /// It is below the one.
    Lt,
    /// It is above the one.
    Gt,
}

/// By what logs are ordered. Cloudflare's lists know the first six.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOrder {
    /// When the call came in.
    CreatedAt,
    /// The provider.
    Provider,
    /// The model.
    Model,
    /// What kind of model.
    ModelType,
    /// Whether it succeeded.
    Success,
    /// Whether the answer was a kept one.
    Cached,
    /// What it is worth.
    Cost,
    /// Tokens read.
    TokensIn,
    /// Tokens written.
    TokensOut,
    /// How long it took.
    Duration,
    /// What somebody thinks of it.
    Feedback,
}

impl LogOrder {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "created_at",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::ModelType => "model_type",
            Self::Success => "success",
            Self::Cached => "cached",
            Self::Cost => "cost",
            Self::TokensIn => "tokens_in",
            Self::TokensOut => "tokens_out",
            Self::Duration => "duration",
            Self::Feedback => "feedback",
        }
    }
}

/// Which way round logs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogDirection {
    /// The smallest first.
    Asc,
    /// The largest first.
    Desc,
}

impl LogDirection {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}
