//! `GET /user/tokens/verify`, as Cloudflare answers it: whether the token that signs the request works.

use ::api::{ApiMessage, Envelope, TokenStatus, TokenVerify};

use crate::error::{ApiError, codes};
use crate::http::auth::TokenHolder;
use crate::http::envelope::{Nothing, Success};

/// Tells a token about itself.
#[utoipa::path(
    get,
    path = "/client/v4/user/tokens/verify",
    operation_id = "user-api-tokens-verify-token",
    tag = "tokens",
    responses(
        (status = 200, description = "The token is valid", body = Envelope<TokenVerify>),
        (status = 401, description = "It isn't", body = Envelope<Nothing>),
    ),
    security(("api_token" = []))
)]
pub async fn verify(TokenHolder(token): TokenHolder) -> Result<Success<TokenVerify>, ApiError> {
    let expires_on = token.expires_at.map(|expiry| {
        jiff::Timestamp::from_millisecond(expiry.millis())
            .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    });
    let result = TokenVerify {
        id: token.id,
        status: TokenStatus::Active,
        not_before: None,
        expires_on: expires_on.transpose().map_err(ApiError::internal)?,
    };
    let message = ApiMessage::new(codes::AUTHENTICATION, "This API Token is valid and active");
    Ok(Success {
        result,
        messages: vec![message],
    })
}
