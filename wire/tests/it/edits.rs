//! Requests that are changed: what is asked for is there, and every other byte is as it was.

use wire::{Change, Unreadable, change, without};

use crate::golden::cases;

fn limit(limit: u64) -> Change<'static> {
    Change {
        output_limit: Some(limit),
        ..Change::default()
    }
}

#[track_caller]
fn check(provider: &str, path: &str, wanted: Change<'_>, body: &str, expected: &str) {
    let endpoint = crate::dialects::endpoint(provider, path).unwrap();
    assert_eq!(change(&endpoint, body, wanted).as_deref(), Ok(expected));
}

const CHAT: &str = "v1/chat/completions";
const GEMINI: &str = "v1beta/models/g:generateContent";

#[test]
fn an_output_limit_is_lowered_and_never_raised() {
    let chat = |body, expected| check("openai", CHAT, limit(50), body, expected);
    chat(
        r#"{ "max_tokens" : 100 , "n":1}"#,
        r#"{ "max_tokens" : 50 , "n":1}"#,
    );
    chat(r#"{"max_tokens":20}"#, r#"{"max_tokens":20}"#);
    chat(
        r#"{"max_tokens":100,"max_completion_tokens":70}"#,
        r#"{"max_tokens":50,"max_completion_tokens":50}"#,
    );
    chat(r#"{"max_tokens":"100"}"#, r#"{"max_tokens":50}"#);
    chat(r#"{"max_tokens":50.5}"#, r#"{"max_tokens":50}"#);
    // Where there is none it is set, by the name that the provider knows.
    chat(
        r#"{"model":"m"}"#,
        r#"{"max_completion_tokens":50,"model":"m"}"#,
    );
    chat("{}", r#"{"max_completion_tokens":50}"#);
    chat(
        r#"{"max_completion_tokens":null}"#,
        r#"{"max_completion_tokens":50}"#,
    );
    check("mistral", CHAT, limit(50), "{ }", r#"{"max_tokens":50 }"#);
    check(
        "openai",
        "v1/responses",
        limit(50),
        "{}",
        r#"{"max_output_tokens":50}"#,
    );
    check(
        "anthropic",
        "v1/messages",
        limit(9),
        r#"{"max_tokens":4096}"#,
        r#"{"max_tokens":9}"#,
    );
    check("cohere", "v2/chat", limit(9), "{}", r#"{"max_tokens":9}"#);
    // There is nothing to be lowered in these.
    check("openai", "v1/embeddings", limit(9), "{}", "{}");
}

#[test]
fn a_gemini_limit_is_lowered_in_either_spelling() {
    let gemini = |body, expected| check("google-ai-studio", GEMINI, limit(50), body, expected);
    gemini("{}", r#"{"generationConfig":{"maxOutputTokens":50}}"#);
    gemini(
        r#"{"generationConfig":{}}"#,
        r#"{"generationConfig":{"maxOutputTokens":50}}"#,
    );
    gemini(
        r#"{"generation_config":{"temperature":1}}"#,
        r#"{"generation_config":{"maxOutputTokens":50,"temperature":1}}"#,
    );
    gemini(
        r#"{"generation_config":{"max_output_tokens":1000}}"#,
        r#"{"generation_config":{"max_output_tokens":50}}"#,
    );
    gemini(
        r#"{"generation_config":null}"#,
        r#"{"generation_config":{"maxOutputTokens":50}}"#,
    );
}

#[test]
fn usage_is_asked_for_in_a_stream() {
    let usage = Change {
        usage_in_stream: true,
        ..Change::default()
    };
    let chat = |body, expected| check("openai", CHAT, usage, body, expected);
    chat(
        r#"{"stream":true}"#,
        r#"{"stream_options":{"include_usage":true},"stream":true}"#,
    );
    chat(
        r#"{"stream_options":{"include_obfuscation":false}}"#,
        r#"{"stream_options":{"include_usage":true,"include_obfuscation":false}}"#,
    );
    chat(
        r#"{"stream_options":{"include_usage":false}}"#,
        r#"{"stream_options":{"include_usage":true}}"#,
    );
    chat(
        r#"{"stream_options":null}"#,
        r#"{"stream_options":{"include_usage":true}}"#,
    );
    check("anthropic", "v1/messages", usage, "{}", "{}");
}

#[test]
fn a_model_is_renamed_together_with_the_rest() {
    let wanted = Change {
        rounds: None,
        output_limit: Some(5),
        usage_in_stream: true,
        model: Some("a\"b"),
    };
    check(
        "openai",
        CHAT,
        wanted,
        r#"{"messages":[{"max_tokens":9,"model":"inside"}],"model":"openai/x","max_tokens":10}"#,
        r#"{"stream_options":{"include_usage":true},"messages":[{"max_tokens":9,"model":"inside"}],"model":"a\"b","max_tokens":5}"#,
    );
}

#[test]
fn an_empty_request_takes_every_change() {
    let wanted = Change {
        rounds: None,
        output_limit: Some(5),
        usage_in_stream: true,
        model: Some("m"),
    };
    let expected =
        r#"{"model":"m","stream_options":{"include_usage":true},"max_completion_tokens":5 }"#;
    check("openai", CHAT, wanted, "{ }", expected);
}

#[test]
fn what_could_mean_two_things_is_refused() {
    let endpoint = crate::dialects::endpoint("openai", CHAT).unwrap();
    let ask = |body: &str| wire::ask(&endpoint, "application/json", body.as_bytes(), &mut |_| {});
    let twice = r#"{"max_tokens":1,"max_tokens":100000}"#;
    let repeated = Unreadable::Repeated("max_tokens".to_owned());
    assert_eq!(ask(twice).unwrap_err(), repeated);
    assert_eq!(change(&endpoint, twice, limit(5)).unwrap_err(), repeated);
    // The same name in other letters of JSON.
    assert_eq!(
        ask(r#"{"n":1,"\u006e":5}"#).unwrap_err(),
        Unreadable::Repeated("n".to_owned())
    );
    assert_eq!(ask(r#"{"n":"5"}"#).unwrap_err(), Unreadable::Invalid("n"));
    for body in ["", "[]", "{", "\"x\"", "{}x", "{\"a\":1,}"] {
        assert_eq!(ask(body).unwrap_err(), Unreadable::NoObject, "{body}");
    }
    let gemini = crate::dialects::endpoint("google-ai-studio", GEMINI).unwrap();
    let ask = |body: &str| wire::ask(&gemini, "application/json", body.as_bytes(), &mut |_| {});
    for body in [
        r#"{"generationConfig":{},"generation_config":{"maxOutputTokens":9}}"#,
        r#"{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":9}}"#,
        r#"{"generationConfig":{"maxOutputTokens":1,"maxOutputTokens":9}}"#,
    ] {
        assert!(matches!(ask(body), Err(Unreadable::Repeated(_))), "{body}");
    }
}

/// On every recorded request: the limit that is asked for afterwards is the one that was set, and nothing
/// else is asked for otherwise.
#[test]
fn a_lowered_request_asks_for_the_same_otherwise() {
    for case in cases() {
        let Ok(body) = str::from_utf8(&case.request.body) else {
            continue;
        };
        let before = case.asked();
        let lowered = before.output_limit.map_or(7, |limit| limit.min(7));
        let Ok(changed) = change(&case.endpoint, body, limit(7)) else {
            assert!(
                case.request.content_type.starts_with("multipart/"),
                "{}",
                case.name
            );
            continue;
        };
        let kind = &case.request.content_type;
        let after = wire::ask(&case.endpoint, kind, changed.as_bytes(), &mut |_| {}).unwrap();
        let takes_limit = !matches!(
            case.endpoint.api.name(),
            "embeddings"
                | "embed"
                | "images"
                | "speech"
                | "moderations"
                | "count_tokens"
                | "cohere_meta"
                | "transcription"
                | "compact"
        );
        // A fallback's own limit stays.
        let lowered = lowered.max(match before.instead.is_empty() {
            true => 0,
            false => before.output_limit_min,
        });
        let expected = wire::Asked {
            output_limit: takes_limit.then_some(lowered),
            ..before
        };
        assert_eq!(after, expected, "{}", case.name);
    }
}

#[test]
fn a_member_is_left_out_and_the_others_keep_their_place_and_their_numbers() {
    for (body, expected) in [
        (
            r#"{"b": 1.10, "stream": true, "user": "u", "a": 12345678901234567890}"#,
            r#"{"b":1.10,"a":12345678901234567890}"#,
        ),
        (r#"{"stream":null}"#, "{}"),
        (r#"{"a":{"stream":1}}"#, r#"{"a":{"stream":1}}"#),
    ] {
        assert_eq!(
            without(body, &["stream", "user"].into()).as_deref(),
            Ok(expected)
        );
    }
    assert_eq!(without("[]", &["stream"].into()), Err(Unreadable::NoObject));
    let twice = Unreadable::Repeated("a".to_owned());
    assert_eq!(without(r#"{"a":1,"a":2}"#, &["stream"].into()), Err(twice));
}

#[test]
fn rounds_of_server_side_tools_are_lowered_and_never_raised() {
    let rounds = |rounds| Change {
        rounds: Some(rounds),
        ..Change::default()
    };
    let responses = |body, expected| check("openai", "v1/responses", rounds(2), body, expected);
    responses(r#"{"max_tool_calls":5}"#, r#"{"max_tool_calls":2}"#);
    responses(r#"{"max_tool_calls":1}"#, r#"{"max_tool_calls":1}"#);
    responses(r#"{"a":1}"#, r#"{"max_tool_calls":2,"a":1}"#);
    check(
        "anthropic",
        "v1/messages",
        rounds(2),
        r#"{"tools":[{"type":"web_search_20250305","max_uses":8},{"type":"web_fetch_20250910"},{"name":"mine"}]}"#,
        r#"{"tools":[{"type":"web_search_20250305","max_uses":2},{"max_uses":2,"type":"web_fetch_20250910"},{"name":"mine"}]}"#,
    );
    check("openai", CHAT, rounds(2), "{}", "{}");
}
