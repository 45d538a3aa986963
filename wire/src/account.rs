//! Whether a provider's error is about the account whose key it was asked with, and not about the request.

use crate::json::Json;

/// What providers call it if an account has no credit, no billing or no access: codes and types of errors.
///
/// OpenAI: "Error codes"; Anthropic: `BillingError` of its SDKs; DeepSeek and OpenRouter answer 402.
const CODES: &[&str] = &[
    "insufficient_quota",
    "billing_not_active",
    "billing_hard_limit_reached",
    "billing_error",
    "account_deactivated",
    "access_terminated",
    "insufficient_balance",
    "insufficient_credits",
    "insufficient_funds",
    "api_key_service_blocked",
];

/// The words of those that have no code for it: Anthropic's 400, xAI's 429, Google's 429.
const WORDS: &[&str] = &[
    "credit balance is too low",
    "used all available credits",
    "monthly spending limit",
    "prepayment credits are depleted",
    "insufficient balance",
    "insufficient credits",
];

/// What a 403 is about if it is about what was asked, and not about who asks: OpenRouter's moderation, and others'
/// rules for content.
const CONTENT: &[&str] = &["moderation", "flagged", "content", "safety", "policy"];

/// Whether the answer tells something of the account at the provider: that it is unpaid, blocked, or may not use the
/// model. `body` is the answer's, of which nothing has to be JSON.
pub fn is_about_account(status: u16, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match status {
        401 | 402 => true,
        403 => !has(CONTENT),
        400 | 429 => {
            has(WORDS)
                || codes(&text)
                    .iter()
                    .any(|code| CODES.contains(&code.as_str()))
        }
        _ => false,
    }
}

/// The codes and types of an error, as far as the body has one.
fn codes(text: &str) -> Vec<String> {
    let Some(body) = Json::parse(text) else {
        return Vec::new();
    };
    let error = body.get("error").unwrap_or(body);
    let named = ["code", "type", "status"].into_iter();
    let found = named.filter_map(|name| error.get(name)?.text());
    let own = error.text().into_iter();
    found.chain(own).map(|code| code.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::is_about_account;

    #[test]
    fn what_is_said_of_the_account_is_told_from_the_rest() {
        let quota = r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        let low = r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
        let xai = r#"{"code":"Some resource has been exhausted","error":"Your team has used all available credits or reached its monthly spending limit."}"#;
        let gemini = r#"{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}"#;
        let moderated = r#"{"error":{"code":403,"message":"Input was flagged","metadata":{"reasons":["violence"]}}}"#;
        for (status, body, expected) in [
            (401, "", true),
            (402, r#"{"error":{"message":"Insufficient Balance"}}"#, true),
            (403, r#"{"error":{"type":"permission_error"}}"#, true),
            (403, moderated, false),
            (400, low, true),
            (
                400,
                r#"{"error":{"message":"max_tokens is too large"}}"#,
                false,
            ),
            (429, quota, true),
            (429, xai, true),
            (429, r#"{"error":{"code":"rate_limit_exceeded"}}"#, false),
            // Also said of a limit by the minute, which waiting mends.
            (429, gemini, false),
            (500, quota, false),
        ] {
            assert_eq!(
                is_about_account(status, body.as_bytes()),
                expected,
                "{status} {body}"
            );
        }
    }
}
