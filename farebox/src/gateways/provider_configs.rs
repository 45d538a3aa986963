//! The keys for providers that an account stores on a gateway. A key is sealed before it is stored, and
//! never told again.

use ledger::AccountId;
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::gateways::providers::{is_provider, slugs};
use crate::gateways::{GatewayError, known, offset, rfc_3339};
use crate::ids;
use crate::keyring::context;
use crate::store::StoreError;
use crate::store::gateways::Gateway;
use crate::store::provider_configs::{self as rows, ProviderConfig};

/// A key is shown in part where so many characters of it stay hidden.
const HIDDEN_MIN: usize = 12;

/// How many characters are shown.
const SHOWN: usize = 4;

/// What is stored, or put in the place of what is.
#[derive(Debug)]
pub struct ProviderConfigRequest {
    /// The slug of the provider; where it is changed, the same one or none.
    pub provider: Option<String>,
    /// Unique among the gateway's keys for that provider.
    pub alias: String,
    /// Whether it is used where a call names none.
    pub is_default: bool,
    /// The key. A new one can follow later; without one, an update keeps the key that is there.
    pub secret: Option<SecretString>,
}

/// A page of a list: what is on it, and how many there are on all pages.
#[derive(Debug)]
pub struct ProviderConfigPage {
    /// Oldest first.
    pub configs: Vec<api::ProviderConfig>,
    /// On all pages together.
    pub total: i64,
}

/// Stores a key.
///
/// # Errors
/// [`GatewayError::NotFound`] where there is no such gateway; [`GatewayError::Invalid`] where there is no
/// such provider, or a key of that alias.
pub async fn create_provider_config(
    app: &App,
    account: AccountId,
    gateway: &str,
    request: ProviderConfigRequest,
) -> Result<api::ProviderConfig, GatewayError> {
    let of = known(app, account, gateway).await?;
    let provider = request.provider.unwrap_or_default();
    if !is_provider(app, account, &provider).await? {
        return Err(no_such_provider(&provider));
    }
    if app
        .operated
        .get(&provider)
        .is_some_and(|operated| !operated.customer_keys)
    {
        return Err(takes_no_keys(&provider));
    }
    // Without one the alias is reserved: a later PUT brings the key.
    let secret = request.secret.unwrap_or_default();
    let id = ids::opaque();
    let new = ProviderConfig {
        sealed: seal(app, account, &id, &secret)?,
        preview: preview(&secret),
        id,
        account,
        provider,
        alias: request.alias,
        is_default: request.is_default,
        created_at: app.now(),
        modified_at: app.now(),
    };
    let stored = rows::create(&app.store.db, &of, &new).await;
    stored.map_err(|error| taken(error, &new))?;
    render(&of, &new)
}

/// Changes a stored key.
///
/// # Errors
/// [`GatewayError::NotFound`] where there is none of that id; [`GatewayError::Invalid`] where another one
/// has the alias, or the provider is another.
pub async fn update_provider_config(
    app: &App,
    account: AccountId,
    gateway: &str,
    id: &str,
    request: ProviderConfigRequest,
) -> Result<api::ProviderConfig, GatewayError> {
    let of = known(app, account, gateway).await?;
    let mut config = config(app, &of, id).await?;
    if request
        .provider
        .is_some_and(|other| other != config.provider)
    {
        return Err(GatewayError::Invalid {
            at: &["body", "provider_slug"],
            message: "A key stays its provider's: store another one for another provider"
                .to_owned(),
        });
    }
    if let Some(secret) = &request.secret {
        config.sealed = seal(app, account, id, secret)?;
        config.preview = preview(secret);
    }
    (config.alias, config.is_default) = (request.alias, request.is_default);
    config.modified_at = app.now();
    let changed = rows::update(&app.store.db, &of, &config).await;
    match changed.map_err(|error| taken(error, &config))? {
        true => render(&of, &config),
        false => Err(GatewayError::NotFound("Provider config")),
    }
}

/// A page of the gateway's keys; `page` counts from 1.
///
/// # Errors
/// [`GatewayError::NotFound`] where there is no such gateway.
pub async fn list_provider_configs(
    app: &App,
    account: AccountId,
    gateway: &str,
    page: i64,
    per_page: i64,
) -> Result<ProviderConfigPage, GatewayError> {
    let (db, of) = (&app.store.db, known(app, account, gateway).await?);
    let found = rows::list(db, &of, per_page, offset(page, per_page)).await?;
    let configs: Result<_, _> = found.iter().map(|config| render(&of, config)).collect();
    Ok(ProviderConfigPage {
        configs: configs?,
        total: rows::count(db, &of).await?,
    })
}

/// Removes a stored key; answers what it was.
///
/// # Errors
/// [`GatewayError::NotFound`].
pub async fn delete_provider_config(
    app: &App,
    account: AccountId,
    gateway: &str,
    id: &str,
) -> Result<api::ProviderConfig, GatewayError> {
    let of = known(app, account, gateway).await?;
    let config = config(app, &of, id).await?;
    match rows::remove(&app.store.db, &of, id).await? {
        true => render(&of, &config),
        false => Err(GatewayError::NotFound("Provider config")),
    }
}

/// The key itself, to ask the provider with.
///
/// # Errors
/// [`GatewayError::Internal`] where it can't be opened.
pub fn open_provider_key(app: &App, config: &ProviderConfig) -> Result<SecretString, GatewayError> {
    let context = context::provider_key(config.account, &config.id);
    let opened = app.keyring.open_secret(&context, &config.sealed);
    opened.map_err(|error| GatewayError::Internal(error.to_string()))
}

async fn config(app: &App, of: &Gateway, id: &str) -> Result<ProviderConfig, GatewayError> {
    let found = rows::find(&app.store.db, of, id).await?;
    found.ok_or(GatewayError::NotFound("Provider config"))
}

fn seal(
    app: &App,
    account: AccountId,
    id: &str,
    secret: &SecretString,
) -> Result<String, GatewayError> {
    let context = context::provider_key(account, id);
    let sealed = app.keyring.seal_secret(&context, secret);
    sealed.map_err(|error| GatewayError::Internal(error.to_string()))
}

/// Its last characters, if they tell one key from another and nothing more; empty if there is no key yet.
fn preview(secret: &SecretString) -> String {
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return String::new();
    }
    let count = secret.chars().count();
    match count >= HIDDEN_MIN + SHOWN {
        true => format!(
            "****{}",
            secret.chars().skip(count - SHOWN).collect::<String>()
        ),
        false => "****".to_owned(),
    }
}

fn takes_no_keys(slug: &str) -> GatewayError {
    GatewayError::Invalid {
        at: &["body", "provider_slug"],
        message: format!(
            "The operator runs {slug} and takes no keys of customers for it: call it without one, paid out of credit"
        ),
    }
}

fn no_such_provider(slug: &str) -> GatewayError {
    let mut known: Vec<_> = slugs().collect();
    known.sort_unstable();
    GatewayError::Invalid {
        at: &["body", "provider_slug"],
        message: format!(
            "There is no provider {slug}: write one of {}, or custom- and the slug of your own",
            known.join(", ")
        ),
    }
}

fn taken(error: StoreError, config: &ProviderConfig) -> GatewayError {
    match error {
        StoreError::Duplicate(_) => GatewayError::Invalid {
            at: &["body", "alias"],
            message: format!(
                "A key for {} with the alias {} exists already: change it with PUT, or take another alias",
                config.provider, config.alias
            ),
        },
        other => other.into(),
    }
}

fn render(of: &Gateway, config: &ProviderConfig) -> Result<api::ProviderConfig, GatewayError> {
    Ok(api::ProviderConfig {
        id: config.id.clone(),
        alias: config.alias.clone(),
        default_config: config.is_default,
        gateway_id: of.id.clone(),
        modified_at: rfc_3339(config.modified_at)?,
        provider_slug: config.provider.clone(),
        secret_id: config.id.clone(),
        secret_preview: config.preview.clone(),
    })
}
