//! Gemini's usage metadata.
//!
//! Cached tokens are counted inside the prompt; tokens that tools brought, and thoughts, beside prompt
//! and candidates. Each of these may be told apart by modality.

use ledger::{Basis, Unit, Usage};

use crate::json::{Json, Object};
use crate::used::split;

/// A modality, with the units that its tokens are when read afresh, read from a cache, and written.
/// A document is read as images of its pages.
const MODALITIES: &[(&str, Unit, Unit, Unit)] = &[
    (
        "AUDIO",
        Unit::InputAudio,
        Unit::CacheReadAudio,
        Unit::OutputAudio,
    ),
    (
        "IMAGE",
        Unit::InputImage,
        Unit::CacheReadImage,
        Unit::OutputImage,
    ),
    (
        "DOCUMENT",
        Unit::InputImage,
        Unit::CacheReadImage,
        Unit::OutputImage,
    ),
    (
        "VIDEO",
        Unit::InputVideo,
        Unit::CacheRead,
        Unit::OutputVideo,
    ),
];

/// `None` where there are no numbers of tokens.
pub(super) fn metadata(metadata: Json<'_>) -> Option<Usage> {
    let members = metadata.object();
    let told = |name: &str| members.get(name).and_then(Json::count);
    let count = |name: &str| told(name).unwrap_or_default();
    told("promptTokenCount").or(told("candidatesTokenCount"))?;
    let mut used = Usage::new(Basis::Reported);
    let cached = count("cachedContentTokenCount");
    let prompt = count("promptTokenCount");
    split(
        &mut used,
        prompt,
        Unit::Input,
        &read(&members, prompt, cached),
    );
    let afresh = MODALITIES.iter().map(|(modality, afresh, _, _)| {
        let brought = of_modality(&members, "toolUsePromptTokensDetails", modality);
        (*afresh, brought)
    });
    let afresh: Vec<_> = afresh.collect();
    split(
        &mut used,
        count("toolUsePromptTokenCount"),
        Unit::Input,
        &afresh,
    );
    outputs(&mut used, &members, count("candidatesTokenCount"));
    used.add(Unit::Reasoning, count("thoughtsTokenCount"));
    Some(used)
}

/// What was read, by modality, afresh and from a cache; the rest of the prompt is text.
///
/// Not every answer says of which modality its cached tokens are (`cacheTokensDetails`). Those that it doesn't tell are
/// spread over the modalities by what each has left.
fn read(members: &Object<'_>, prompt: u64, cached: u64) -> Vec<(Unit, u64)> {
    let told = |name: &str| -> u64 {
        let all = MODALITIES.iter();
        all.map(|(modality, ..)| of_modality(members, name, modality))
            .fold(0, u64::saturating_add)
    };
    let text = of_modality(members, "cacheTokensDetails", "TEXT");
    let told_cached = told("cacheTokensDetails").saturating_add(text);
    let untold = cached.saturating_sub(told_cached);
    let left = prompt.saturating_sub(told_cached).max(1);
    let share = |of: u64| {
        let share = u128::from(of).saturating_mul(u128::from(untold));
        let share = share.checked_div(u128::from(left)).unwrap_or_default();
        u64::try_from(share).unwrap_or(u64::MAX).min(of)
    };
    let mut parts = Vec::new();
    let mut cached_otherwise = 0_u64;
    for (modality, afresh, kept, _) in MODALITIES {
        let all = of_modality(members, "promptTokensDetails", modality);
        let told = of_modality(members, "cacheTokensDetails", modality);
        let from_cache = told.saturating_add(share(all.saturating_sub(told)));
        parts.push((*afresh, all.saturating_sub(from_cache)));
        parts.push((*kept, from_cache));
        cached_otherwise = cached_otherwise.saturating_add(from_cache);
    }
    parts.push((Unit::CacheRead, cached.saturating_sub(cached_otherwise)));
    parts
}

fn outputs(used: &mut Usage, members: &Object<'_>, candidates: u64) {
    let written = MODALITIES.iter().map(|(modality, _, _, written)| {
        let of = of_modality(members, "candidatesTokensDetails", modality);
        (*written, of)
    });
    let written: Vec<_> = written.collect();
    split(used, candidates, Unit::Output, &written);
}

fn of_modality(members: &Object<'_>, details: &str, modality: &str) -> u64 {
    let details = members.get(details).map(Json::items).unwrap_or_default();
    let is_it = |entry: &&Json<'_>| entry.get("modality").is_some_and(|name| name.is(modality));
    let counts = details
        .iter()
        .filter(is_it)
        .filter_map(|entry| entry.get("tokenCount")?.count());
    counts.fold(0, u64::saturating_add)
}
