//! The usage objects of OpenAI's APIs, and what others add to them.

use ledger::{Basis, Unit, Usage};

use crate::dialect::{Dialect, Reasoning};
use crate::json::{Json, Object};
use crate::used::split;

/// The first of these members that is a count, or 0.
pub(crate) fn count(members: &Object<'_>, names: &[&str]) -> u64 {
    let mut counts = names.iter().filter_map(|name| members.get(name)?.count());
    counts.next().unwrap_or_default()
}

fn details<'a>(members: &Object<'a>, names: &[&str]) -> Object<'a> {
    let found = names.iter().find_map(|name| members.get(name));
    found.map(Json::object).unwrap_or_default()
}

/// The usage of `chat/completions` and of the other APIs with prompts and completions.
///
/// OpenAI counts cached tokens, tokens written to a cache, sound and images inside the prompt, and
/// reasoning and sound inside the completion. DeepSeek calls the cached ones `prompt_cache_hit_tokens`;
/// Perplexity counts reasoning and citations beside the completion, and xAI and Google the reasoning, which
/// in Google's copy of this API can be told from the total alone.
///
/// `None` where the totals are no numbers of tokens.
pub(crate) fn completion(usage: Json<'_>, dialect: Dialect) -> Option<Usage> {
    let members = usage.object();
    is_sane(&members, "prompt_tokens", "completion_tokens")?;
    let mut used = Usage::new(Basis::Reported);
    let prompt = details(&members, &["prompt_tokens_details"]);
    let cached = match count(&prompt, &["cached_tokens"]) {
        0 => count(&members, &["prompt_cache_hit_tokens", "cached_tokens"]),
        cached => cached,
    };
    let parts = [
        (Unit::InputAudio, count(&prompt, &["audio_tokens"])),
        (Unit::CacheWrite5m, count(&prompt, &["cache_write_tokens"])),
        (Unit::CacheRead, cached),
        (Unit::InputImage, count(&prompt, &["image_tokens"])),
    ];
    split(
        &mut used,
        count(&members, &["prompt_tokens"]),
        Unit::Input,
        &parts,
    );
    outputs(&mut used, &members, dialect);
    used.add(Unit::WebSearch, count(&members, &["num_search_queries"]));
    let sound = members
        .get("prompt_audio_seconds")
        .and_then(Json::thousandths);
    used.add(Unit::InputAudioMs, sound.unwrap_or_default());
    tools(&mut used, &members);
    Some(used)
}

/// Whether the two totals are numbers of tokens. What isn't even that is no report.
fn is_sane(members: &Object<'_>, read: &str, written: &str) -> Option<()> {
    members.get(read)?.count()?;
    let written = members.get(written);
    written
        .is_none_or(|written| written.count().is_some())
        .then_some(())
}

fn outputs(used: &mut Usage, members: &Object<'_>, dialect: Dialect) {
    let completion = details(members, &["completion_tokens_details"]);
    let reasoning = match count(&completion, &["reasoning_tokens"]) {
        0 => count(members, &["reasoning_tokens"]),
        reasoning => reasoning,
    };
    let written = count(members, &["completion_tokens"]);
    let total = count(members, &["total_tokens"]);
    let prompt = count(members, &["prompt_tokens"]);
    let beside = match dialect.reasoning {
        Reasoning::Inside => 0,
        Reasoning::Beside => reasoning,
        Reasoning::ByTotal => total.saturating_sub(prompt.saturating_add(written)),
    };
    let whole = written.saturating_add(beside);
    let parts = [
        (Unit::OutputAudio, count(&completion, &["audio_tokens"])),
        (Unit::OutputImage, count(&completion, &["image_tokens"])),
        (Unit::Reasoning, reasoning.max(beside)),
    ];
    split(used, whole, Unit::Output, &parts);
    used.add(Unit::Citation, count(members, &["citation_tokens"]));
}

/// xAI's counts of the tools that it ran.
fn tools(used: &mut Usage, members: &Object<'_>) {
    let calls = details(members, &["server_side_tool_usage_details"]);
    used.add(Unit::WebSearch, count(&calls, &["web_search_calls"]));
    used.add(Unit::SocialSearch, count(&calls, &["x_search_calls"]));
    used.add(
        Unit::CodeExecution,
        count(&calls, &["code_interpreter_calls"]),
    );
    used.add(Unit::FileSearch, count(&calls, &["file_search_calls"]));
    used.add(Unit::FileSearch, count(&calls, &["document_search_calls"]));
}

/// The usage of `responses`, of images and of transcriptions, with inputs and outputs. `written` is what
/// their output is where the details don't say. `None` where the totals are no numbers of tokens.
pub(crate) fn input_output(usage: Json<'_>, written: Unit) -> Option<Usage> {
    let members = usage.object();
    is_sane(&members, "input_tokens", "output_tokens")?;
    let mut used = Usage::new(Basis::Reported);
    let input = details(&members, &["input_tokens_details", "input_token_details"]);
    let cached = match details(&input, &["cached_tokens_details"]) {
        cached if cached.is_empty() => details(&members, &["cached_tokens_details"]),
        cached => cached,
    };
    let cached_images = count(&cached, &["image_tokens", "cached_image_tokens"]);
    let cached_audio = count(&cached, &["audio_tokens"]);
    let all_cached = match count(&input, &["cached_tokens", "cache_read_input_tokens"]) {
        0 => count(&members, &["cached_tokens"]),
        cached => cached,
    };
    let cached_text = all_cached
        .saturating_sub(cached_images)
        .saturating_sub(cached_audio);
    let afresh = |name, cached| count(&input, &[name]).saturating_sub(cached);
    let parts = [
        (Unit::InputAudio, afresh("audio_tokens", cached_audio)),
        (Unit::CacheReadAudio, cached_audio),
        (Unit::InputImage, afresh("image_tokens", cached_images)),
        (Unit::CacheReadImage, cached_images),
        (Unit::CacheWrite5m, count(&input, &["cache_write_tokens"])),
        (Unit::CacheRead, cached_text),
    ];
    split(
        &mut used,
        count(&members, &["input_tokens"]),
        Unit::Input,
        &parts,
    );
    let output = details(&members, &["output_tokens_details", "output_token_details"]);
    let parts = [
        (Unit::OutputAudio, count(&output, &["audio_tokens"])),
        (Unit::OutputImage, count(&output, &["image_tokens"])),
        (Unit::Reasoning, count(&output, &["reasoning_tokens"])),
    ];
    let rest = if output.get("text_tokens").is_some() {
        Unit::Output
    } else {
        written
    };
    split(&mut used, count(&members, &["output_tokens"]), rest, &parts);
    tools(&mut used, &members);
    Some(used)
}
