//! Keys for providers that are stored on a gateway, `…/gateways/{gateway_id}/provider_configs`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The body of `POST …/provider_configs`. A field that it doesn't know is refused.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateProviderConfig {
    /// The provider, or `custom-` and the slug of one of the account's own.
    #[cfg_attr(feature = "openapi", schema(example = "openai"))]
    pub provider_slug: String,
    /// How calls name the key; one of each provider's.
    #[cfg_attr(feature = "openapi", schema(example = "default"))]
    pub alias: String,
    /// Whether it is used where a call names none. No other key of the provider's is then.
    pub default_config: bool,
    /// The key itself. It can follow later, with `PUT`; until then calls that would use it are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub secret: Option<String>,
}

/// The body of `PUT …/provider_configs/{id}`. A field that it doesn't know is refused.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateProviderConfig {
    /// How calls name the key.
    pub alias: String,
    /// Whether it is used where a call names none.
    pub default_config: bool,
    /// Another key; the one that is there stays where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub secret: Option<String>,
}

/// A stored key, as every call about it answers: the key itself is never told again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderConfig {
    /// 32 hex characters.
    pub id: String,
    /// How calls name the key.
    pub alias: String,
    /// Whether it is used where a call names none.
    pub default_config: bool,
    /// The gateway that it is stored on.
    pub gateway_id: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-01T12:00:00.000Z"))]
    pub modified_at: String,
    /// The provider that it is for.
    pub provider_slug: String,
    /// The same as `id`: Farebox has no Secrets Store.
    pub secret_id: String,
    /// Its last characters, if it is long enough for that; empty if there is no key yet.
    #[cfg_attr(feature = "openapi", schema(example = "****a1b2"))]
    pub secret_preview: String,
}

/// Everything but the key.
impl fmt::Debug for CreateProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateProviderConfig")
            .field("provider_slug", &self.provider_slug)
            .field("alias", &self.alias)
            .field("default_config", &self.default_config)
            .finish_non_exhaustive()
    }
}

/// Everything but the key.
impl fmt::Debug for UpdateProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpdateProviderConfig")
            .field("alias", &self.alias)
            .field("default_config", &self.default_config)
            .finish_non_exhaustive()
    }
}
