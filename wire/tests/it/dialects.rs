//! The dialects behind the providers' names that recordings have.

use wire::{Dialect, Endpoint};

/// The dialect of the provider with that slug. Providers of accounts and of operators speak OpenAI's API.
pub fn dialect(provider: &str) -> Dialect {
    let name = match provider {
        "google-ai-studio" => "gemini",
        "perplexity-ai" => "perplexity",
        name => name,
    };
    Dialect::named(name).unwrap_or(Dialect::COMPATIBLE)
}

/// The API behind a path of the provider with that slug.
pub fn endpoint(provider: &str, path: &str) -> Option<Endpoint> {
    Endpoint::find(dialect(provider), path)
}

#[test]
fn each_dialect_has_a_name_of_its_own() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::named(dialect.name()), Some(*dialect));
    }
    assert_eq!(Dialect::named("fireworks"), None);
}
