//! LiteLLM's `model_prices_and_context_window.json`. Its numbers are the text of floats, which is read as
//! decimal text, exactly; one that is no whole number of pico-units is noise, and its model is left out.

use std::collections::BTreeMap;

use ledger::{Term, Unit};
use serde_json::value::RawValue;

use super::Imported;
use crate::catalog::file::{Entry, FileError, PriceText};
use crate::catalog::number::Decimal;

type Fields = BTreeMap<String, Box<RawValue>>;

/// Its words for providers, where they aren't ours.
const PROVIDERS: &[(&str, &str)] = &[
    ("azure", "azure-openai"),
    ("cohere_chat", "cohere"),
    ("fireworks_ai", "fireworks"),
    ("gemini", "google-ai-studio"),
    ("moonshot", "moonshotai"),
    ("perplexity", "perplexity-ai"),
    ("together_ai", "together"),
    ("voyage", "voyageai"),
    ("xai", "grok"),
];

/// By how much its price for one is more than ours.
#[derive(Copy, Clone)]
enum Times {
    /// A power of ten.
    Ten(i32),
    /// By the second there, by the hour here.
    Seconds,
}

/// Its units.
const UNITS: &[(&str, Unit, Times)] = &[
    ("input_cost_per_token", Unit::Input, Times::Ten(6)),
    (
        "cache_read_input_token_cost",
        Unit::CacheRead,
        Times::Ten(6),
    ),
    (
        "cache_creation_input_token_cost",
        Unit::CacheWrite5m,
        Times::Ten(6),
    ),
    (
        "cache_creation_input_token_cost_above_1hr",
        Unit::CacheWrite1h,
        Times::Ten(6),
    ),
    (
        "input_cost_per_audio_token",
        Unit::InputAudio,
        Times::Ten(6),
    ),
    (
        "cache_read_input_audio_token_cost",
        Unit::CacheReadAudio,
        Times::Ten(6),
    ),
    (
        "input_cost_per_image_token",
        Unit::InputImage,
        Times::Ten(6),
    ),
    (
        "cache_read_input_image_token_cost",
        Unit::CacheReadImage,
        Times::Ten(6),
    ),
    (
        "input_cost_per_video_token",
        Unit::InputVideo,
        Times::Ten(6),
    ),
    ("output_cost_per_token", Unit::Output, Times::Ten(6)),
    (
        "output_cost_per_reasoning_token",
        Unit::Reasoning,
        Times::Ten(6),
    ),
    ("citation_cost_per_token", Unit::Citation, Times::Ten(6)),
    (
        "output_cost_per_audio_token",
        Unit::OutputAudio,
        Times::Ten(6),
    ),
    (
        "output_cost_per_image_token",
        Unit::OutputImage,
        Times::Ten(6),
    ),
    (
        "output_cost_per_video_token",
        Unit::OutputVideo,
        Times::Ten(6),
    ),
    (
        "file_search_cost_per_1k_calls",
        Unit::FileSearch,
        Times::Ten(0),
    ),
    (
        "code_interpreter_cost_per_session",
        Unit::CodeExecution,
        Times::Ten(0),
    ),
    (
        "input_cost_per_character",
        Unit::InputCharacters,
        Times::Ten(6),
    ),
    ("input_cost_per_second", Unit::InputAudioMs, Times::Seconds),
    ("input_cost_per_request", Unit::Request, Times::Ten(3)),
];

/// What stands at the end of a field's name for a call under a term.
const TERMS: &[(&str, Option<(Term, &str)>)] = &[
    ("_batches", Some((Term::Processing, "batch"))),
    ("_flex", Some((Term::ServiceTier, "flex"))),
    ("_priority", Some((Term::ServiceTier, "priority"))),
    // Terms that no call has here: it is refused, whatever it would cost.
    ("_decisions", None),
    ("_ultrafast", None),
];

/// Fields that say again what another says, or what is not counted here and comes beside what is.
const PASSED_OVER: &[&str] = &[
    "google_maps_grounding_cost_per_query",
    "input_cost_per_token_cache_hit",
];

pub(super) fn read(text: &str) -> Result<Imported, FileError> {
    let models: BTreeMap<String, Fields> = serde_json::from_str(text)
        .map_err(|error| FileError(format!("not LiteLLM's list: {error}")))?;
    let mut imported = Imported::new(false);
    for (name, fields) in &models {
        // The entry that only explains the others.
        if name == "sample_spec" {
            continue;
        }
        let theirs = fields
            .get("litellm_provider")
            .map_or("", |text| unquoted(text));
        let provider = PROVIDERS.iter().find(|(known, _)| *known == theirs);
        let provider = provider.map_or(theirs, |(_, slug)| slug);
        let id = name.strip_prefix(&format!("{theirs}/")).unwrap_or(name);
        match read_prices(fields) {
            Ok(prices) => imported.add(provider, entry(id, prices)),
            Err(why) => imported.leave_out(provider, id, why),
        }
    }
    dedup(&mut imported);
    Ok(imported)
}

fn entry(id: &str, prices: Vec<PriceText>) -> Entry {
    Entry {
        id: id.to_owned(),
        names: Vec::new(),
        source: None,
        why: None,
        least: Vec::new(),
        context: None,
        prices,
    }
}

/// Many a model stands there with its provider before its name and without.
fn dedup(imported: &mut Imported) {
    let mut unlike = Vec::new();
    for (provider, list) in &mut imported.providers {
        list.models.sort_by(|a, b| a.id.cmp(&b.id));
        list.models.dedup_by(|a, b| {
            if a.id == b.id && a.prices != b.prices {
                unlike.push((provider.clone(), a.id.clone()));
            }
            a.id == b.id
        });
    }
    for (provider, id) in unlike {
        if let Some(list) = imported.providers.get_mut(&provider) {
            list.models.retain(|entry| entry.id != id);
        }
        imported.leave_out(&provider, &id, "it stands there twice, with two prices");
    }
}

fn unquoted(text: &RawValue) -> &str {
    text.get().trim_matches('"')
}

/// Rates for calls under a term, or for all others.
type Cards = BTreeMap<Option<(Term, &'static str)>, BTreeMap<Unit, Steps>>;

/// The price, and those from a length of context on.
type Steps = BTreeMap<u64, String>;

fn read_prices(fields: &Fields) -> Result<Vec<PriceText>, String> {
    if fields.contains_key("off_peak_pricing") {
        return Err(
            "off_peak_pricing: prices by the hour are not read from this format".to_owned(),
        );
    }
    let mut cards = Cards::new();
    for (name, value) in fields.iter().filter(|(name, _)| is_price(name)) {
        read_field(&mut cards, name, value)?;
    }
    if let Some(search) = fields
        .get("search_context_cost_per_query")
        .and_then(|text| same(text))
    {
        let price = scaled(&search, Times::Ten(3))?;
        let standard = cards.entry(None).or_default();
        standard.insert(Unit::WebSearch, Steps::from([(0, price)]));
    }
    if !cards.contains_key(&None) {
        return Err("no price is given".to_owned());
    }
    cards
        .into_iter()
        .map(|(term, rates)| price(term, rates))
        .collect()
}

fn is_price(name: &str) -> bool {
    let priced = name.contains("cost") && name != "search_context_cost_per_query";
    priced && !PASSED_OVER.contains(&name) && !name.contains("_above_12hr")
}

fn read_field(cards: &mut Cards, name: &str, value: &RawValue) -> Result<(), String> {
    let under = TERMS
        .iter()
        .find_map(|(end, term)| Some((name.strip_suffix(end)?, term)));
    let (plain, term) = match under {
        Some((_, None)) => return Ok(()),
        Some((plain, term)) => (plain, *term),
        None => (name, None),
    };
    let (plain, above) = above(plain);
    let known = UNITS.iter().find(|(field, ..)| *field == plain);
    let (_, unit, times) = known.ok_or_else(|| format!("{name} is not counted here"))?;
    let price = scaled(value.get(), *times).map_err(|why| format!("{name}: {why}"))?;
    let rates = cards.entry(term).or_default();
    rates.entry(*unit).or_default().insert(above, price);
    Ok(())
}

/// `x` and 200,000 of `x_above_200k_tokens`.
fn above(name: &str) -> (&str, u64) {
    let tier = name
        .strip_suffix("k_tokens")
        .and_then(|name| name.rsplit_once("_above_"))
        .and_then(|(name, thousands)| Some((name, thousands.parse::<u64>().ok()?)));
    match tier {
        Some((name, thousands)) => (name, thousands.saturating_mul(1000)),
        None => (name, 0),
    }
}

fn price(
    term: Option<(Term, &'static str)>,
    rates: BTreeMap<Unit, Steps>,
) -> Result<PriceText, String> {
    let rates = rates.into_iter().map(|(unit, steps)| {
        let base = steps.get(&0);
        let mut text = base.cloned().ok_or_else(|| {
            format!("{unit} has a price from a length of context on and none before it")
        })?;
        for (above, price) in steps.iter().filter(|(above, _)| **above > 0) {
            text.push_str(&format!(" >{above}:{price}"));
        }
        Ok((unit.name().to_owned(), text))
    });
    let when = term.map(|(term, value)| (term.name().to_owned(), value.to_owned()));
    Ok(PriceText {
        when: when.into_iter().collect(),
        rates: rates.collect::<Result<_, String>>()?,
        ..PriceText::default()
    })
}

/// The price of a search, where it is the same for each amount of context.
fn same(text: &RawValue) -> Option<String> {
    let sizes: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text.get()).ok()?;
    let mut prices = sizes.values().map(|price| price.get());
    let first = prices.next()?;
    prices.all(|price| price == first).then(|| first.to_owned())
}

/// A price for one in its text, as a published one.
fn scaled(text: &str, times: Times) -> Result<String, String> {
    let number = Decimal::parse(text).and_then(|number| match times {
        Times::Ten(places) => number.shifted(places),
        Times::Seconds => number.times(3600),
    });
    number
        .map(|number| number.to_string())
        .map_err(|error| format!("{text}: {error}"))
}
