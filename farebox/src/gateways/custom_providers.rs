//! Providers of accounts' own: made, listed, shown, changed and removed.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::AccountId;
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::gateways::{GatewayError, offset, rfc_3339};
use crate::ids;
use crate::keyring::context;
use crate::reach::{OutOfReach, Reach};
use crate::store::StoreError;
use crate::store::custom_providers::{self as rows, CustomProvider, Wanted};

/// How long it may take to find out where a name leads to. A name that leads nowhere yet is taken: every
/// connection is checked again.
const RESOLVE: Duration = Duration::from_secs(2);

/// What of a provider can be set: of each field nothing, or what it is from now on, which may be nothing.
#[derive(Clone, Debug, Default)]
pub struct CustomProviderRequest {
    /// For people.
    pub name: Option<String>,
    /// What paths are appended to.
    pub base_url: Option<String>,
    /// Whether it can be called.
    pub enable: Option<bool>,
    /// For people.
    pub beta: Option<bool>,
    /// For people.
    pub description: Option<Option<String>>,
    /// For people.
    pub link: Option<Option<String>>,
    /// For people.
    pub curl_example: Option<Option<String>>,
    /// For people.
    pub js_example: Option<Option<String>>,
    /// Where it stands in lists that people order.
    pub position: Option<Option<i64>>,
    /// Headers that are sent along; in them may be credentials.
    pub headers: Option<Option<BTreeMap<String, String>>>,
}

/// A page of a list: what is on it, and how many there are on all pages.
#[derive(Clone, Debug)]
pub struct CustomProviderPage {
    /// In the order that was asked for.
    pub providers: Vec<api::CustomProvider>,
    /// On all pages together.
    pub total: i64,
}

/// Makes a provider.
///
/// # Errors
/// [`GatewayError::Invalid`] where the account has one of that slug, or the address is out of reach.
pub async fn create_custom_provider(
    app: &App,
    account: AccountId,
    slug: String,
    request: CustomProviderRequest,
) -> Result<api::CustomProvider, GatewayError> {
    let mut new = CustomProvider {
        id: ids::uuid(app.now()),
        account,
        slug,
        name: String::new(),
        base_url: String::new(),
        enable: false,
        beta: false,
        description: None,
        link: None,
        curl_example: None,
        js_example: None,
        position: None,
        header_names: Vec::new(),
        sealed_headers: None,
        created_at: app.now(),
        modified_at: app.now(),
    };
    apply(app, &mut new, request).await?;
    match rows::create(&app.store.db, &new).await {
        Ok(()) => render(&new),
        Err(StoreError::Duplicate(_)) => Err(GatewayError::Invalid {
            at: &["body", "slug"],
            message: format!(
                "A custom provider {} exists already: change it with PATCH, or take another slug",
                new.slug
            ),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Changes some of a provider.
///
/// # Errors
/// [`GatewayError::NotFound`]; [`GatewayError::Invalid`] where the address is out of reach, or the slug is
/// another.
pub async fn update_custom_provider(
    app: &App,
    account: AccountId,
    id: &str,
    slug: Option<String>,
    request: CustomProviderRequest,
) -> Result<api::CustomProvider, GatewayError> {
    let mut provider = known(app, account, id).await?;
    if slug.is_some_and(|slug| slug != provider.slug) {
        return Err(GatewayError::Invalid {
            at: &["body", "slug"],
            message: "A provider keeps its slug, by which keys and calls name it".to_owned(),
        });
    }
    apply(app, &mut provider, request).await?;
    provider.modified_at = app.now();
    match rows::update(&app.store.db, &provider).await? {
        true => render(&provider),
        false => Err(GatewayError::NotFound("Custom provider")),
    }
}

/// One provider.
///
/// # Errors
/// [`GatewayError::NotFound`].
pub async fn show_custom_provider(
    app: &App,
    account: AccountId,
    id: &str,
) -> Result<api::CustomProvider, GatewayError> {
    render(&known(app, account, id).await?)
}

/// A page of the account's providers; `page` counts from 1.
///
/// # Errors
/// [`GatewayError::Store`].
pub async fn list_custom_providers(
    app: &App,
    account: AccountId,
    wanted: &Wanted,
    page: i64,
    per_page: i64,
) -> Result<CustomProviderPage, GatewayError> {
    let (db, offset) = (&app.store.db, offset(page, per_page));
    let found = rows::list(db, account, wanted, per_page, offset).await?;
    let providers: Result<_, _> = found.iter().map(render).collect();
    Ok(CustomProviderPage {
        providers: providers?,
        total: rows::count(db, account, wanted).await?,
    })
}

/// Removes a provider; answers what it was.
///
/// # Errors
/// [`GatewayError::NotFound`].
pub async fn delete_custom_provider(
    app: &App,
    account: AccountId,
    id: &str,
) -> Result<api::CustomProvider, GatewayError> {
    let provider = known(app, account, id).await?;
    match rows::remove(&app.store.db, account, id).await? {
        true => render(&provider),
        false => Err(GatewayError::NotFound("Custom provider")),
    }
}

/// The headers that are sent along with each call to the provider.
///
/// # Errors
/// [`GatewayError::Internal`] where they can't be opened.
pub fn open_provider_headers(
    app: &App,
    provider: &CustomProvider,
) -> Result<BTreeMap<String, SecretString>, GatewayError> {
    let Some(sealed) = &provider.sealed_headers else {
        return Ok(BTreeMap::new());
    };
    let context = context::provider_headers(provider.account, &provider.id);
    let opened = app
        .keyring
        .open_secret(&context, sealed)
        .map_err(internal)?;
    let headers: BTreeMap<String, String> =
        serde_json::from_str(opened.expose_secret()).map_err(internal)?;
    let secret = headers
        .into_iter()
        .map(|(name, value)| (name, value.into()));
    Ok(secret.collect())
}

/// What accounts' own providers may reach.
pub fn reach(app: &App) -> Reach {
    Reach {
        private: app.config.gateway.allow_private_upstreams,
    }
}

async fn known(app: &App, account: AccountId, id: &str) -> Result<CustomProvider, GatewayError> {
    let found = rows::find(&app.store.db, account, id).await?;
    found.ok_or(GatewayError::NotFound("Custom provider"))
}

async fn apply(
    app: &App,
    to: &mut CustomProvider,
    request: CustomProviderRequest,
) -> Result<(), GatewayError> {
    if let Some(base_url) = request.base_url {
        let checked = check_base(reach(app), &base_url).await;
        checked.map_err(|why| GatewayError::Invalid {
            at: &["body", "base_url"],
            message: format!("Invalid address: {why}"),
        })?;
        to.base_url = base_url;
    }
    if let Some(headers) = request.headers {
        set_headers(app, to, headers.unwrap_or_default())?;
    }
    set(&mut to.name, request.name);
    set(&mut to.enable, request.enable);
    set(&mut to.beta, request.beta);
    set(&mut to.description, request.description);
    set(&mut to.link, request.link);
    set(&mut to.curl_example, request.curl_example);
    set(&mut to.js_example, request.js_example);
    set(&mut to.position, request.position);
    Ok(())
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

async fn check_base(reach: Reach, base_url: &str) -> Result<(), OutOfReach> {
    let url = reach.check_base(base_url)?;
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(OutOfReach::Malformed);
    };
    let resolved = tokio::time::timeout(RESOLVE, tokio::net::lookup_host((host, port))).await;
    match resolved {
        Ok(Ok(addresses)) => reach.check_all(&addresses.collect::<Vec<_>>()),
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

fn set_headers(
    app: &App,
    to: &mut CustomProvider,
    headers: BTreeMap<String, String>,
) -> Result<(), GatewayError> {
    to.header_names = headers.keys().cloned().collect();
    if headers.is_empty() {
        to.sealed_headers = None;
        return Ok(());
    }
    let text: SecretString = serde_json::to_string(&headers).map_err(internal)?.into();
    let context = context::provider_headers(to.account, &to.id);
    to.sealed_headers = Some(app.keyring.seal_secret(&context, &text).map_err(internal)?);
    Ok(())
}

fn internal(error: impl std::fmt::Display) -> GatewayError {
    GatewayError::Internal(error.to_string())
}

fn render(provider: &CustomProvider) -> Result<api::CustomProvider, GatewayError> {
    let names = provider.header_names.iter();
    let masked: BTreeMap<_, _> = names.map(|name| (name, "****")).collect();
    let headers = match masked.is_empty() {
        true => None,
        false => Some(serde_json::to_string(&masked).map_err(internal)?),
    };
    Ok(api::CustomProvider {
        id: provider.id.clone(),
        created_at: rfc_3339(provider.created_at)?,
        modified_at: rfc_3339(provider.modified_at)?,
        name: provider.name.clone(),
        slug: provider.slug.clone(),
        base_url: provider.base_url.clone(),
        enable: provider.enable,
        beta: provider.beta,
        description: provider.description.clone(),
        headers,
        link: provider.link.clone(),
        curl_example: provider.curl_example.clone(),
        js_example: provider.js_example.clone(),
        position: provider.position,
    })
}
