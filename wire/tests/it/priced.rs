//! From a recorded answer to the right dollars: what gateways are known to charge wrongly, from the bytes
//! on. The prices are those that the providers published for these models.

use ledger::rates::{Card, Markup, Per, Rate, Tier, charge, picos};
use ledger::{Kind, Unit};

use crate::golden::cases;

/// `input=2.5 output=10@200000:15`, per million tokens, thousand calls, or hour.
fn card(text: &str) -> Card {
    Card::new(text.split_whitespace().map(|word| {
        let (unit, prices) = word.split_once('=').unwrap();
        let unit = Unit::from_name(unit).unwrap();
        let per = match unit.kind() {
            Kind::Time | Kind::Piece => Per::One,
            Kind::Call => Per::Thousand,
            _ => Per::Million,
        };
        let mut prices = prices.split('@');
        let base = picos(prices.next().unwrap(), per).unwrap();
        let tiers = prices.map(|tier| {
            let (above, price) = tier.split_once(':').unwrap();
            Tier {
                above_input_tokens: above.parse().unwrap(),
                picos: picos(price, per).unwrap(),
            }
        });
        (unit, Rate::tiered(base, tiers.collect()).unwrap())
    }))
}

const SONNET: &str = "input=3@200000:6 cache_read=0.3@200000:0.6 cache_write_5m=3.75@200000:7.5 \
                      cache_write_1h=6@200000:12 output=15@200000:22.5 web_search=10";
const GEMINI_PRO: &str =
    "input=1.25@200000:2.5 cache_read=0.125@200000:0.25 output=10@200000:15 web_search=35";
const GEMINI_FLASH: &str =
    "input=0.3 input_audio=1 cache_read=0.03 cache_read_audio=0.1 output=2.5 web_search=35";
const GROK: &str = "input=3@199999:6 cache_read=0.75@199999:1.5 output=15@199999:30";

#[test]
fn what_others_charge_wrongly_is_right_from_the_bytes_on() {
    let table: &[(&str, &str, &str)] = &[
        // Cached tokens are inside OpenAI's prompt: charged twice, or at the full rate, by some.
        (
            "chat/cached_prompt",
            "input=2.5 cache_read=1.25 output=10",
            "0.02",
        ),
        (
            "chat/stream_cached",
            "input=2.5 cache_read=1.25 output=10",
            "0.00659",
        ),
        (
            "responses/cached",
            "input=1.25 cache_read=0.125 output=10",
            "0.001704",
        ),
        // Reasoning is inside OpenAI's completion: charged again by some.
        (
            "chat/reasoning",
            "input=1.1 cache_read=0.275 output=4.4",
            "0.0017875",
        ),
        // Cache reads and writes are beside Anthropic's input: left out, or subtracted, by some.
        ("messages/cache_read", SONNET, "0.039036"),
        ("messages/cache_write", SONNET, "0.349536"),
        ("messages/cache_of_both_lives", SONNET, "0.01233"),
        ("messages/stream_cached", SONNET, "0.040536"),
        ("messages/web_search", SONNET, "0.042082"),
        // Gemini's cached tokens are inside the prompt, its thoughts beside the answer.
        ("generate/plain", GEMINI_FLASH, "0.0001015"),
        ("generate/stream_events", GEMINI_FLASH, "0.0001015"),
        ("generate/stream_array", GEMINI_FLASH, "0.0001015"),
        ("generate/cached_and_thinking", GEMINI_PRO, "0.02625"),
        // Cached tokens of no known modality are spread over all of them.
        (
            "generate/cached_of_unknown_modality",
            "input=1.5 cache_read=0.15 output=9",
            "0.03187545",
        ),
        ("chat/gemini_compat", GEMINI_FLASH, "0.0000606"),
        // Beyond 200,000 tokens, cached ones included, all of the call costs more.
        ("generate/long_context", GEMINI_PRO, "0.1375"),
        // xAI repeats the usage in each chunk of a stream, with reasoning beside the completion.
        ("chat/grok_stream_usage_in_each_chunk", GROK, "0.001662"),
        ("chat/grok_reasoning_beside", GROK, "0.001662"),
        // Perplexity counts reasoning and citations beside, and searches.
        (
            "chat/perplexity_deep_research",
            "input=2 output=8 reasoning=3 citation=2 web_search=5",
            "0.409393",
        ),
        // Sound and images have rates of their own.
        (
            "chat/audio",
            "input=2.5 output=10 input_audio=32 output_audio=64",
            "0.010915",
        ),
        (
            "images/by_token",
            "input=5 output=40 cache_read=1.25 input_image=10",
            "0.332865",
        ),
        ("transcription/by_duration", "input_audio_ms=0.36", "0.0009"),
        (
            "transcription/groq_at_least_ten_seconds",
            "input_audio_ms=0.04",
            "0.000111112",
        ),
        ("speech/by_character", "input_characters=15", "0.000285"),
        (
            "chat/search_model",
            "input=2.5 output=10 web_search=35",
            "0.03534",
        ),
    ];
    let cases = cases();
    for (name, rates, dollars) in table {
        let case = cases.iter().find(|case| case.name == *name).unwrap();
        let used = case.used_at_once();
        let wire::Report::Final(usage) = used.report else {
            panic!("{name}: not all was reported");
        };
        let charge = charge(&card(rates), &usage, Markup::NONE)
            .unwrap()
            .to_string();
        let total = charge.rsplit("total: ").next().unwrap();
        assert_eq!(total, *dollars, "{name}\n{charge}");
    }
}
