//! How much models write at most, where their providers say so. It bounds a call that names no limit of its own,
//! and a limit that is put into one: providers refuse a limit above a model's own.

/// The most tokens of an answer, by provider and the beginning of a model's name; the longest counts. From
/// OpenAI's pages "Models" and Google's "Gemini models". Anthropic's API wants a limit in each request.
const OUTPUT_TOKENS_MAX: &[(&str, &str, u64)] = &[
    ("openai", "gpt-3.5-turbo", 4096),
    ("openai", "gpt-4", 8192),
    ("openai", "gpt-4-0125", 4096),
    ("openai", "gpt-4-1106", 4096),
    ("openai", "gpt-4-turbo", 4096),
    ("openai", "gpt-4.1", 32_768),
    ("openai", "gpt-4.5", 16_384),
    ("openai", "gpt-4o", 16_384),
    ("openai", "gpt-4o-2024-05-13", 4096),
    ("openai", "chatgpt-4o", 16_384),
    ("openai", "gpt-5", 128_000),
    ("openai", "gpt-5-chat", 16_384),
    ("openai", "o1", 100_000),
    ("openai", "o1-mini", 65_536),
    ("openai", "o1-preview", 32_768),
    ("openai", "o3", 100_000),
    ("openai", "o4-mini", 100_000),
    ("google-ai-studio", "gemini-1.5", 8192),
    ("google-ai-studio", "gemini-2.0", 8192),
    ("google-ai-studio", "gemini-2.5", 65_536),
    ("google-ai-studio", "gemini-3", 65_536),
];

/// The most tokens that an answer of the model has; nothing where nobody has said.
pub fn output_tokens_max(provider: &str, model: &str) -> Option<u64> {
    let fitting = OUTPUT_TOKENS_MAX
        .iter()
        .filter(|(of, prefix, _)| *of == provider && model.starts_with(prefix));
    let closest = fitting.max_by_key(|(_, prefix, _)| prefix.len());
    closest.map(|(_, _, tokens)| *tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_counts() {
        for (provider, model, expected) in [
            ("openai", "gpt-4o-mini", Some(16_384)),
            ("openai", "gpt-4o-2024-05-13", Some(4096)),
            ("openai", "gpt-4-0613", Some(8192)),
            ("openai", "gpt-4.1-nano", Some(32_768)),
            ("openai", "davinci", None),
            ("google-ai-studio", "gemini-2.5-flash", Some(65_536)),
            ("groq", "gpt-4o", None),
        ] {
            assert_eq!(output_tokens_max(provider, model), expected, "{model}");
        }
    }
}
