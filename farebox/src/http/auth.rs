//! Who is asking, and whether they may: an extractor in a handler's signature, which yields the
//! account. A handler without one has no account to work on.
//!
//! Both of Cloudflare's schemes (contract: section 2): `Authorization: Bearer <token>`, and
//! `X-Auth-Email` with `X-Auth-Key`.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use ::api::ApiMessage;
use axum::extract::{FromRequestParts, RawPathParams};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use ledger::{AccountId, Timestamp};

use crate::app::App;
use crate::error::{ApiError, codes};
use crate::http::client_address::client_address;
use crate::http::nul;
use crate::store::tokens::Token;
use crate::store::{StoreError, accounts, tokens};

/// What a token may be for, named as in Cloudflare's dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Reading.
    Read,
    /// Reading and changing.
    Write,
    /// Calling models.
    Run,
    /// What only who runs Farebox may do to an account, such as giving money back. Farebox's own.
    Operate,
}

impl Permission {
    /// The name as tokens carry it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "AI Gateway Read",
            Self::Write => "AI Gateway Write",
            Self::Run => "AI Gateway Run",
            Self::Operate => "Farebox Operator",
        }
    }

    /// Whether a token with these permissions has it.
    pub fn granted_by(self, permissions: &[String]) -> bool {
        let has = |permission: Self| permissions.iter().any(|name| name == permission.name());
        // Whoever may write may read (contract: section 1, "Permission labels").
        // An operator's token may read what it has done.
        has(self) || (self == Self::Read && (has(Self::Write) || has(Self::Operate)))
    }
}

/// A permission as a type, for handlers' signatures.
pub trait Needs: Send + Sync + 'static {
    /// The permission.
    const PERMISSION: Permission;
}

/// The handler reads.
#[derive(Debug)]
pub struct Read;

impl Needs for Read {
    const PERMISSION: Permission = Permission::Read;
}

/// The handler changes something.
#[derive(Debug)]
pub struct Write;

impl Needs for Write {
    const PERMISSION: Permission = Permission::Write;
}

/// The handler does what is the operator's alone.
#[derive(Debug)]
pub struct Operate;

impl Needs for Operate {
    const PERMISSION: Permission = Permission::Operate;
}

/// A caller who may do what `P` says in the account that the path names.
#[derive(Debug)]
pub struct Caller<P> {
    /// The account: the only one that the handler may touch.
    pub account: AccountId,
    /// Who it is, for the record: `token:<id>` or `user:<id>`.
    pub name: String,
    /// Why the caller may not buy credit, if it may not: what `POST topup` would refuse it with.
    pub lacks_write: Option<ApiMessage>,
    needs: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<Arc<App>> for Caller<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let account = account_of(parts, app).await?;
        let who = authenticate(app, parts).await?;
        let lacks_write = who.lacks(Permission::Write);
        let name = authorise(app, who, account, P::PERMISSION).await?;
        Ok(Self {
            account,
            name,
            lacks_write,
            needs: PhantomData,
        })
    }
}

async fn account_of(parts: &mut Parts, app: &Arc<App>) -> Result<AccountId, ApiError> {
    let params = RawPathParams::from_request_parts(parts, app).await.ok();
    let nul = params.iter().flatten().find(|(_, value)| nul::is_in(value));
    if let Some((name, _)) = nul {
        return Err(ApiError::all_invalid(vec![nul::fault(&["params", name])]));
    }
    let id = params
        .iter()
        .flatten()
        .find(|(name, _)| *name == "account_id");
    id.and_then(|(_, id)| id.parse().ok())
        .ok_or_else(|| ApiError::no_route(parts.uri.path()))
}

/// The holder of a valid token: for the endpoint that tells a token about itself.
#[derive(Debug)]
pub struct TokenHolder(pub Token);

impl FromRequestParts<Arc<App>> for TokenHolder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match credentials(&parts.headers)? {
            Credentials::Token(text) => match find_token(app, text).await? {
                Some(token) => Ok(Self(token)),
                None => Err(failed(app, parts, invalid_token())),
            },
            Credentials::Key { .. } => Err(failed(app, parts, no_token())),
        }
    }
}

fn invalid_token() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        codes::INVALID_TOKEN,
        "Invalid API Token",
    )
}

fn no_token() -> ApiError {
    let message = "Send the token to verify as Authorization: Bearer <token>";
    ApiError::new(StatusCode::UNAUTHORIZED, codes::AUTHENTICATION, message)
}

enum Credentials<'a> {
    Token(&'a str),
    Key { email: &'a str, key: &'a str },
}

/// Reads the credentials. A token goes before a key, as in the SDKs, which may send both.
fn credentials(headers: &HeaderMap) -> Result<Credentials<'_>, ApiError> {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    if let Some(value) = headers.get(AUTHORIZATION) {
        return bearer(value.to_str().unwrap_or_default())
            .map(Credentials::Token)
            .ok_or_else(malformed_authorization);
    }
    match (text("x-auth-email"), text("x-auth-key")) {
        (Some(email), Some(key)) => Ok(Credentials::Key { email, key }),
        _ => Err(no_credentials()),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn malformed_authorization() -> ApiError {
    let mut error = ApiError::new(
        StatusCode::BAD_REQUEST,
        codes::INVALID_HEADERS,
        "Invalid request headers",
    );
    if let Some(first) = error.errors.first_mut() {
        let cause = "Invalid format for Authorization header: send Authorization: Bearer <token>";
        first.error_chain = Some(vec![ApiMessage::new(codes::INVALID_AUTHORIZATION, cause)]);
    }
    error
}

fn no_credentials() -> ApiError {
    let message = "Authentication failed: send Authorization: Bearer <token>, or X-Auth-Email and \
         X-Auth-Key";
    ApiError::new(StatusCode::UNAUTHORIZED, codes::NO_CREDENTIALS, message)
}

enum Who {
    Token(Token),
    User(accounts::User),
}

impl Who {
    /// Who it is, for the record.
    fn name(&self) -> String {
        match self {
            Self::Token(token) => format!("token:{}", token.id),
            Self::User(user) => format!("user:{}", user.id),
        }
    }

    /// What says that a permission is missing, if it is. A user has all that a customer may have: what is the
    /// operator's alone takes a token that was made for it.
    fn lacks(&self, permission: Permission) -> Option<ApiMessage> {
        let (has, what) = match self {
            Self::Token(token) => (permission.granted_by(&token.permissions), "token"),
            Self::User(_) => (permission != Permission::Operate, "global key"),
        };
        let message = format!(
            "Authentication error: the {what} lacks the permission {}",
            permission.name()
        );
        (!has).then(|| ApiMessage::new(codes::AUTHENTICATION, message))
    }
}

async fn authenticate(app: &Arc<App>, parts: &Parts) -> Result<Who, ApiError> {
    match credentials(&parts.headers).map_err(|error| failed(app, parts, error))? {
        Credentials::Token(text) => {
            let token = find_token(app, text).await?;
            let refusal = || {
                let message = "Authentication error: the token is unknown, expired or revoked";
                ApiError::new(StatusCode::UNAUTHORIZED, codes::AUTHENTICATION, message)
            };
            token
                .map(Who::Token)
                .ok_or_else(|| failed(app, parts, refusal()))
        }
        Credentials::Key { email, key } => {
            let hash = app.keyring.hash_global_key(key);
            let user = accounts::find_user(&app.store.db, &email.to_lowercase(), &hash).await?;
            let refusal = || {
                let message = "Unknown X-Auth-Key or X-Auth-Email";
                ApiError::new(StatusCode::UNAUTHORIZED, codes::UNKNOWN_KEY, message)
            };
            user.map(Who::User)
                .ok_or_else(|| failed(app, parts, refusal()))
        }
    }
}

/// The token, where it is one and is still valid.
async fn find_token(app: &Arc<App>, text: &str) -> Result<Option<Token>, StoreError> {
    let token = tokens::find_by_hash(&app.store.db, &app.keyring.hash_token(text)).await?;
    Ok(token.filter(|token| is_valid(token, app.now())))
}

/// Whether a stored token is still to be let in.
pub fn is_valid(token: &Token, now: Timestamp) -> bool {
    token.revoked_at.is_none() && token.expires_at.is_none_or(|expiry| now < expiry)
}

async fn authorise(
    app: &Arc<App>,
    who: Who,
    account: AccountId,
    permission: Permission,
) -> Result<String, ApiError> {
    // Whose credentials they are first: what a stranger's may do is nobody's business.
    let its_own = match &who {
        Who::Token(token) => token.account == account,
        Who::User(user) => accounts::is_member(&app.store.db, &user.id, account).await?,
    };
    if !its_own {
        return Err(wrong_account());
    }
    match who.lacks(permission) {
        Some(lack) => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            lack.code,
            lack.message,
        )),
        None => Ok(who.name()),
    }
}

/// The same for an account that doesn't exist, so that nobody learns which do.
fn wrong_account() -> ApiError {
    let message =
        "Unauthorized to access requested resource: the credentials are for another account";
    ApiError::new(StatusCode::FORBIDDEN, codes::WRONG_ACCOUNT, message)
}

/// Counts a failed attempt; past the limit the refusal becomes 429.
fn failed(app: &Arc<App>, parts: &Parts, refusal: ApiError) -> ApiError {
    app.metrics.authentication_failed();
    let address = client_address(app, &parts.headers, &parts.extensions);
    let Err(wait) = app.throttle.failed(address, Instant::now()) else {
        return refusal;
    };
    let message = "Please wait and consider throttling your request speed: too many failed attempts \
         to authenticate from this address";
    let seconds = wait
        .as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0));
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, codes::THROTTLED, message).after(seconds)
}
