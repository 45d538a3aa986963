//! The right dollars for real models of the compiled-in catalogue. Each sum is worked out by hand from the
//! provider's published prices; `|` stands between a call and what it costs.
//!
//! ```text
//! openai/gpt-4o input=2000 cache_read=8000 output=500 | 0.02
//! deepseek/deepseek-flash @2026-11-23T02:00:00Z input=10000 | 0.003
//! openai/gpt-5 service_tier=flex input=1000 | 0.000625
//! ```

use farebox::catalog::Catalog;
use ledger::rates::Markup;
use ledger::{Basis, Term, Timestamp, Unit, Usage};

/// A Tuesday after every price that was known when the list was made, off DeepSeek's peak.
const NOW: &str = "2026-11-24T12:00:00Z";

fn cost(catalog: &Catalog, call: &str) -> String {
    let mut words = call.split_whitespace();
    let (provider, model) = words.next().unwrap().split_once('/').unwrap();
    let (mut at, mut markup) = (NOW, Markup::NONE);
    let mut usage = Usage::new(Basis::Reported);
    for word in words {
        if let Some(time) = word.strip_prefix('@') {
            at = time;
            continue;
        }
        if let Some(percent) = word.strip_suffix('%') {
            markup = Markup::parse(percent.trim_start_matches('+')).unwrap();
            continue;
        }
        let (name, value) = word.split_once('=').unwrap();
        match Term::from_name(name) {
            Some(term) => {
                usage.terms.insert(term, value.to_owned());
            }
            None => usage.add(Unit::from_name(name).unwrap(), value.parse().unwrap()),
        }
    }
    let at = at.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let found = catalog.find(provider, model);
    let charged = found.map_err(|error| error.to_string()).and_then(|model| {
        let priced = model.charge(Timestamp::from_millis(at), &usage, markup);
        priced.map_err(|error| error.to_string())
    });
    match charged {
        Ok(priced) => {
            let text = priced.charge.to_string();
            text.rsplit("total: ").next().unwrap().to_owned()
        }
        Err(error) => error,
    }
}

#[track_caller]
fn check(table: &str) {
    let catalog = Catalog::open("usd", None).unwrap();
    let mut failures = Vec::new();
    for line in table.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (call, expected) = line.split_once('|').unwrap();
        let got = cost(&catalog, call);
        // Of an error its beginning.
        if got != expected.trim() && (!got.starts_with("there") || !got.contains(expected.trim())) {
            failures.push(format!("{line}\n    got: {got}"));
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn openai() {
    check(
        "
        # 10,000 tokens of a prompt, of which 8,000 were cached, which OpenAI counts inside it.
        openai/gpt-4o               input=2000 cache_read=8000 output=500                    | 0.02
        openai/gpt-4o-2024-08-06    input=2000 cache_read=8000 output=500                    | 0.02
        openai/gpt-4o-2024-05-13    input=10000 output=500                                   | 0.0575
        openai/gpt-4o-mini          input=10000 output=1000                                  | 0.0021

        # Reasoning is a part of the output, once.
        openai/gpt-5                input=1760 cache_read=10240 output=260 reasoning=640     | 0.01248
        openai/gpt-5  service_tier=flex      input=1760 cache_read=10240 output=260 reasoning=640 | 0.00624
        openai/gpt-5  service_tier=priority  input=1760 cache_read=10240 output=260 reasoning=640 | 0.02496
        openai/gpt-5  service_tier=default   input=1760 cache_read=10240 output=260 reasoning=640 | 0.01248
        openai/gpt-5  service_tier=auto      input=1760 cache_read=10240 output=260 reasoning=640 | 0.01248
        openai/gpt-5  processing=batch       input=1760 cache_read=10240 output=260 reasoning=640 | 0.00624
        openai/gpt-5                input=1000 web_search=2 file_search=1                    | 0.02375
        openai/o3  @2025-06-09T23:59:59Z     input=1000 output=100                           | 0.014
        openai/o3  @2025-06-10T00:00:00Z     input=1000 output=100                           | 0.0028

        # From 272,001 tokens on all of the call costs more.
        openai/gpt-5.5              input=272000 output=100                                  | 1.363
        openai/gpt-5.5              input=272001 output=100                                  | 2.72451
        openai/gpt-5.5              input=1 cache_read=272000 output=100                     | 0.27651

        # Writing to the cache costs a quarter more; the price fell on a day.
        openai/gpt-5.6-sol  @2026-08-20T23:59:59Z  input=500 cache_write_5m=10000 output=200 | 0.071
        openai/gpt-5.6-sol  @2026-08-21T00:00:00Z  input=500 cache_write_5m=10000 output=200 | 0.056
        openai/gpt-6.1-sol-2026-09-29  input=500 cache_read=10000 output=200                 | 0.004

        openai/gpt-audio            input=100 input_audio=1000 output=50 output_audio=500    | 0.06475
        openai/gpt-image-1          input=17 input_image=300 output_image=1056               | 0.045325
        openai/whisper-1            input_audio_ms=60000                                     | 0.006
        openai/tts-1                input_characters=43                                      | 0.000645
        openai/text-embedding-3-small  input=1000                                            | 0.00002
        openai/omni-moderation-latest  input=1000 request=1                                  | 0
        openai/gpt-4o  +20%         input=2000 cache_read=8000 output=500                    | 0.024
        ",
    );
}

#[test]
fn anthropic() {
    check(
        "
        # Reads and writes of the cache are beside the input; an hour costs more than five minutes.
        anthropic/claude-sonnet-4-5-20250929  input=12 cache_read=90000 output=800           | 0.039036
        anthropic/claude-sonnet-4-5           input=12 cache_write_5m=90000 output=800       | 0.349536
        anthropic/claude-sonnet-4-5           input=12 cache_write_1h=90000 output=800       | 0.552036
        anthropic/claude-sonnet-4-5           input=10 cache_read=1000 cache_write_5m=2000 cache_write_1h=500 output=100 | 0.01233
        anthropic/claude-sonnet-4-5           input=1000 output=1000 web_search=3            | 0.048
        anthropic/claude-sonnet-4-5           input=200000 output=1000                       | 0.615
        anthropic/claude-sonnet-4-5           input=1 cache_read=200000 output=1000          | 0.142506

        # The dearer tier ended on a day.
        anthropic/claude-opus-4-6  @2026-03-12T12:00:00Z  input=250000 output=1000           | 2.5375
        anthropic/claude-opus-4-6  @2026-03-13T00:00:00Z  input=250000 output=1000           | 1.275
        anthropic/claude-haiku-5-5            input=100000 output=1000                       | 0.0105
        anthropic/claude-haiku-5-5            input=100001 output=1000                       | 0.0525005

        # A fortieth of the input for what is cached, and twice as much for speed.
        anthropic/claude-fable-5-2            cache_read=100000                              | 0.02
        anthropic/claude-fable-5-2  speed=fast      input=1000 output=500                    | 0.056
        anthropic/claude-fable-5-2  inference_geo=us  input=1000 output=500                  | 0.0308
        anthropic/claude-fable-5-2  speed=standard  input=1000 output=500                    | 0.028
        anthropic/claude-fable-5-2-20261101   input=1000 output=500                          | 0.028
        anthropic/claude-opus-4-5  processing=batch  input=1000 output=500                   | 0.00875
        ",
    );
}

#[test]
fn google() {
    check(
        "
        # Cached tokens are inside the prompt, thoughts beside the answer.
        google-ai-studio/gemini-2.5-pro   input=2000 cache_read=30000 output=400 reasoning=1600   | 0.02625
        google-ai-studio/gemini-2.5-pro   input=20000 cache_read=230000 output=400 reasoning=1600 | 0.1375
        google-ai-studio/gemini-2.5-pro   input=200000 output=1                                   | 0.25001
        google-ai-studio/gemini-2.5-pro   input=200001 output=1                                   | 0.5000175
        google-ai-studio/gemini-2.5-pro   input=100 output=50 web_search=1                        | 0.035625
        google-ai-studio/gemini-2.5-flash input=100 input_audio=1920 output=60                    | 0.0021
        google-ai-studio/gemini-2.5-flash input=100 cache_read_audio=1920 output=60               | 0.000372
        google-ai-studio/gemini-2.5-flash-image  input=10 output_image=1290                       | 0.038703
        google-ai-studio/gemini-4-argon  @2026-11-30T23:59:59Z  input=1000 output=500             | 0.007
        google-ai-studio/gemini-4-argon  @2026-12-01T00:00:00Z  input=1000 output=500             | 0.014
        google-ai-studio/gemini-3.6-flash  processing=batch  @2026-12-31T23:59:59Z  input=1000 output=1000 | 0.00225
        google-ai-studio/gemini-3.6-flash  processing=batch  @2027-01-01T00:00:00Z  input=1000 output=1000 | 0.0045
        # Its voices are other models, with other prices.
        google-ai-studio/gemini-2.5-pro-preview-tts  input=1000 output=1000                       | 0.021
        google-ai-studio/gemma-4-31b-it   input=1000 output=1000                                  | 0
        ",
    );
}

#[test]
fn others() {
    check(
        "
        # xAI: the stream repeats its usage, of which the last counts; 200,000 tokens are the dearer ones.
        grok/grok-3           input=31 cache_read=32 output=9 reasoning=94                    | 0.001662
        grok/grok-4-0709      input=31 cache_read=32 output=9 reasoning=94                    | 0.001662
        grok/grok-4.3         input=199999 output=1                                           | 0.25000125
        grok/grok-4.3         input=200000 output=1                                           | 0.500005

        # DeepSeek: twice as much at its peak, which are hours of Monday to Friday.
        deepseek/deepseek-flash  @2026-11-23T00:59:59Z  input=10000 cache_read=20000 output=1000  | 0.00216
        deepseek/deepseek-flash  @2026-11-23T01:00:00Z  input=10000 cache_read=20000 output=1000  | 0.00432
        deepseek/deepseek-flash  @2026-11-23T03:59:59Z  input=10000 cache_read=20000 output=1000  | 0.00432
        deepseek/deepseek-flash  @2026-11-23T04:00:00Z  input=10000 cache_read=20000 output=1000  | 0.00216
        deepseek/deepseek-flash  @2026-11-23T06:00:00Z  input=10000 cache_read=20000 output=1000  | 0.00432
        deepseek/deepseek-flash  @2026-11-23T10:00:00Z  input=10000 cache_read=20000 output=1000  | 0.00216
        deepseek/deepseek-flash  @2026-11-27T09:59:59Z  input=10000 cache_read=20000 output=1000  | 0.00432
        deepseek/deepseek-flash  @2026-11-28T02:00:00Z  input=10000 cache_read=20000 output=1000  | 0.00216
        deepseek/deepseek-flash  @2026-11-29T08:00:00Z  input=10000 cache_read=20000 output=1000  | 0.00216
        deepseek/deepseek-v4-pro @2026-11-23T02:00:00Z  input=1000 output=1000                    | 0.00528

        # Groq charges ten seconds of sound at least.
        groq/whisper-large-v3        input_audio_ms=3000                                      | 0.000308334
        groq/whisper-large-v3        input_audio_ms=10000                                     | 0.000308334
        groq/whisper-large-v3-turbo  input_audio_ms=60000                                     | 0.000666667
        groq/openai/gpt-oss-120b     input=1000 cache_read=1000 output=1000                   | 0.000825

        # A charge is rounded once, up.
        cohere/command-r7b           input=3                                                  | 0.000000113
        mistral/mistral-large-2512   input=1000 output=1000                                   | 0.002
        cerebras/gpt-oss-120b        input=1000 output=1000                                   | 0.0011
        fireworks/accounts/fireworks/models/kimi-k3  input=1000 output=1000                   | 0.018
        openrouter/anthropic/claude-haiku-4.5  input=1000 output=1000                         | 0.006
        perplexity-ai/sonar-deep-research  input=33 output=7163 reasoning=73997 citation=20016 web_search=18 | 0.409393
        # What Azure's list doesn't have costs there what its maker asks for the tokens.
        azure-openai/gpt-4o          input=2000 cache_read=8000 output=500                    | 0.02
        ",
    );
}

#[test]
fn what_is_not_known_is_refused() {
    check(
        "
        openai/gpt-9  input=1                                 | there is no price for openai/gpt-9. The operator
        openai/gpt-4o-audio-preview  input=1                  | no price of its sound
        openai/gpt-4o  service_tier=scale  input=1            | none for calls with service_tier \"scale\"
        anthropic/claude-fable-5-2  inference_geo=eu  input=1 | none for calls with inference_geo \"eu\"
        google-ai-studio/gemini-2.5-pro  service_tier=flex  input=1 | none for calls with service_tier \"flex\"
        deepseek/deepseek-v4-pro  @2026-08-01T00:00:00Z  input=1    | none for that time yet
        deepseek/deepseek-chat  input=1                       | the name has moved on
        azure-openai/gpt-4o  service_tier=priority  input=1   | none for calls with service_tier \"priority\"
        grok/grok-code-fast-1  input=1                        | have different prices for it
        ",
    );
    let catalog = Catalog::open("usd", None).unwrap();
    for (call, why) in [
        (
            "azure-openai/gpt-4o web_search=1",
            "azure-openai/gpt-4o: there is no rate for web_search",
        ),
        (
            "anthropic/claude-2 cache_write_1h=1",
            "anthropic/claude-2: there is no rate for cache_write_1h",
        ),
        (
            "openai/gpt-4o image=1",
            "openai/gpt-4o: there is no rate for image",
        ),
    ] {
        let got = cost(&catalog, call);
        assert!(got.starts_with(why), "{call}: {got}");
    }
}
