//! The providers that there are.

use ledger::AccountId;

use crate::app::App;
use crate::gateways::GatewayError;

/// The slugs of the providers that a gateway knows by itself (contract: section 6).
pub const PROVIDERS: [&str; 13] = [
    "anthropic",
    "azure-openai",
    "cerebras",
    "cohere",
    "deepseek",
    "fireworks",
    "google-ai-studio",
    "grok",
    "groq",
    "mistral",
    "openai",
    "openrouter",
    "perplexity-ai",
];

/// Whether the account can call a provider by this slug.
pub(super) async fn is_provider(
    _app: &App,
    _account: AccountId,
    slug: &str,
) -> Result<bool, GatewayError> {
    Ok(PROVIDERS.contains(&slug))
}
