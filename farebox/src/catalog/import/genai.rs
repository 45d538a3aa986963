//! genai-prices' `data.json`: what `scripts/prices` makes of the package, or what the project publishes.

use std::collections::BTreeMap;

use ledger::{Term, Unit};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Imported;
use super::matches::{Rule, patterns};
use crate::catalog::file::{Entry, FileError, PriceText};
use crate::catalog::number::Decimal;

#[derive(Deserialize)]
struct Provider {
    id: String,
    fallback_model_providers: Option<Vec<String>>,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    #[serde(rename = "match")]
    rule: Rule,
    context_window: Option<u64>,
    /// Prices, or a list of them with when they apply.
    prices: Box<RawValue>,
    price_variants: Option<Vec<Variant>>,
}

type Prices = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct Conditional {
    constraint: Option<Constraint>,
    prices: Prices,
}

#[derive(Deserialize)]
struct Variant {
    when: BTreeMap<String, String>,
    constraint: Option<Constraint>,
    prices: Prices,
}

#[derive(Deserialize)]
struct Constraint {
    start_date: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
}

#[derive(Deserialize)]
struct Tiered {
    base: Box<RawValue>,
    tiers: Vec<Tier>,
}

#[derive(Deserialize)]
struct Tier {
    start: u64,
    price: Box<RawValue>,
}

/// Its list of Google's is that of Vertex, too, which sells Anthropic's models; this one doesn't.
const GOOGLE: &str = "google-ai-studio";

/// Its words for providers, where they aren't ours.
const PROVIDERS: &[(&str, &str)] = &[
    ("aws", "aws-bedrock"),
    ("azure", "azure-openai"),
    ("google", GOOGLE),
    ("perplexity", "perplexity-ai"),
    ("x-ai", "grok"),
];

/// Its units, and by which power of ten its price is more than ours.
const UNITS: &[(&str, Unit, i32)] = &[
    ("input_mtok", Unit::Input, 0),
    ("cache_read_mtok", Unit::CacheRead, 0),
    ("cache_write_mtok", Unit::CacheWrite5m, 0),
    ("cache_write_1h_mtok", Unit::CacheWrite1h, 0),
    ("input_audio_mtok", Unit::InputAudio, 0),
    ("cache_audio_read_mtok", Unit::CacheReadAudio, 0),
    ("input_image_mtok", Unit::InputImage, 0),
    ("cache_image_read_mtok", Unit::CacheReadImage, 0),
    ("input_video_mtok", Unit::InputVideo, 0),
    ("output_mtok", Unit::Output, 0),
    ("output_reasoning_mtok", Unit::Reasoning, 0),
    ("output_citation_mtok", Unit::Citation, 0),
    ("output_audio_mtok", Unit::OutputAudio, 0),
    ("output_image_mtok", Unit::OutputImage, 0),
    ("output_video_mtok", Unit::OutputVideo, 0),
    ("web_searches_kcount", Unit::WebSearch, 0),
    ("social_searches_kcount", Unit::SocialSearch, 0),
    ("storage_searches_kcount", Unit::FileSearch, 0),
    // By the thousand there, by the piece here.
    ("code_executions_kcount", Unit::CodeExecution, -3),
    ("rerank_searches_kcount", Unit::RerankSearch, 0),
    ("input_mchars", Unit::InputCharacters, 0),
    ("input_audio_hours", Unit::InputAudioMs, 0),
    ("requests_kcount", Unit::Request, 0),
];

pub(super) fn read(text: &str) -> Result<Imported, FileError> {
    let providers: Vec<Provider> = serde_json::from_str(text)
        .map_err(|error| FileError(format!("not genai-prices' data: {error}")))?;
    let mut imported = Imported::new(true);
    for provider in &providers {
        let slug = ours(&provider.id);
        for model in &provider.models {
            read_model(&mut imported, slug, model);
        }
        let also = provider.fallback_model_providers.iter().flatten();
        let also = also.filter(|_| slug != GOOGLE);
        let also = also.map(|other| ours(other).to_owned()).collect();
        imported.providers.entry(slug.to_owned()).or_default().also = also;
    }
    Ok(imported)
}

fn ours(id: &str) -> &str {
    let known = PROVIDERS.iter().find(|(theirs, _)| *theirs == id);
    known.map_or(id, |(_, slug)| slug)
}

fn read_model(imported: &mut Imported, provider: &str, model: &Model) {
    let found = patterns(&model.rule);
    for why in found.left_out {
        imported.leave_out(provider, &model.id, why);
    }
    if found.names.is_empty() {
        return;
    }
    let mut prices = match standard(&model.prices) {
        Ok(prices) => prices,
        Err(why) => return imported.leave_out(provider, &model.id, why),
    };
    // Its first variant that fits counts, and our last.
    for variant in model.price_variants.iter().flatten().rev() {
        match special(variant) {
            Ok(price) => prices.push(price),
            Err(why) => {
                imported.leave_out(provider, &format!("{} {:?}", model.id, variant.when), why);
            }
        }
    }
    let entry = Entry {
        names: if found.names == [model.id.clone()] {
            Vec::new()
        } else {
            found.names
        },
        id: model.id.clone(),
        source: None,
        why: None,
        least: Vec::new(),
        context: model.context_window,
        prices,
    };
    imported.add(provider, entry);
}

/// The prices of an ordinary call.
fn standard(text: &RawValue) -> Result<Vec<PriceText>, String> {
    let malformed = |error: serde_json::Error| error.to_string();
    if !text.get().starts_with('[') {
        let prices: Prices = serde_json::from_str(text.get()).map_err(malformed)?;
        return Ok(vec![price(&prices, None)?]);
    }
    let all: Vec<Conditional> = serde_json::from_str(text.get()).map_err(malformed)?;
    all.iter()
        .map(|one| price(&one.prices, one.constraint.as_ref()))
        .collect()
}

fn special(variant: &Variant) -> Result<PriceText, String> {
    for term in variant.when.keys() {
        Term::from_name(term).ok_or_else(|| format!("{term} is no term of a call here"))?;
    }
    // One without prices of its own says that the standard ones count.
    let rates = rates(&variant.prices)?;
    let when = variant.when.clone().into_iter().collect();
    Ok(PriceText {
        rates,
        when,
        ..constrained(variant.constraint.as_ref())?
    })
}

fn price(prices: &Prices, constraint: Option<&Constraint>) -> Result<PriceText, String> {
    let rates = rates(prices)?;
    if rates.is_empty() {
        // A model that is free and one whose price nobody has entered look alike.
        return Err("no price is given".to_owned());
    }
    Ok(PriceText {
        rates,
        ..constrained(constraint)?
    })
}

fn constrained(constraint: Option<&Constraint>) -> Result<PriceText, String> {
    let Some(constraint) = constraint else {
        return Ok(PriceText::default());
    };
    let hours = match (&constraint.start_time, &constraint.end_time) {
        (Some(from), Some(until)) => Some(format!("{}-{}", utc(from)?, utc(until)?)),
        (None, None) => None,
        _ => return Err("hours without a beginning or an end".to_owned()),
    };
    Ok(PriceText {
        from: constraint.start_date.clone(),
        hours,
        ..PriceText::default()
    })
}

/// `00:30` of `00:30:00Z`.
fn utc(time: &str) -> Result<String, String> {
    let in_utc = ["Z", "+00:00"]
        .iter()
        .find_map(|zone| time.strip_suffix(zone));
    let minutes = in_utc.unwrap_or(time).strip_suffix(":00");
    let minutes = minutes.filter(|text| text.len() == 5);
    minutes.map_or_else(
        || Err(format!("the time {time}, which is no minute in UTC")),
        |minutes| Ok(minutes.to_owned()),
    )
}

/// In the order of the units.
fn rates(prices: &Prices) -> Result<Vec<(String, String)>, String> {
    let mut rates: Vec<(Unit, String)> = Vec::new();
    for (key, value) in prices.iter().filter(|(_, value)| value.get() != "null") {
        if key == "audio_hours" {
            whole_session(prices, value)?;
            continue;
        }
        let known = UNITS.iter().find(|(name, ..)| name == key);
        let (_, unit, shift) = known.ok_or_else(|| format!("{key} is not counted here"))?;
        let text = rate(value, *shift).map_err(|why| format!("{key}: {why}"))?;
        rates.push((*unit, text));
    }
    rates.sort_by_key(|(unit, _)| *unit);
    Ok(rates
        .into_iter()
        .map(|(unit, text)| (unit.name().to_owned(), text))
        .collect())
}

/// Sound both ways, or for as long as a connection stands: the same as what is heard alone, where that has
/// the same price.
fn whole_session(prices: &Prices, value: &RawValue) -> Result<(), String> {
    let heard = prices.get("input_audio_hours").map(|heard| heard.get());
    if heard == Some(value.get()) {
        return Ok(());
    }
    Err("audio_hours: the length of a session is not counted here".to_owned())
}

fn rate(value: &RawValue, shift: i32) -> Result<String, String> {
    if !value.get().starts_with('{') {
        return number(value, shift);
    }
    let tiered: Tiered = serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
    let mut text = number(&tiered.base, shift)?;
    for tier in &tiered.tiers {
        text.push_str(&format!(" >{}:{}", tier.start, number(&tier.price, shift)?));
    }
    Ok(text)
}

/// A number, or one in quotes.
fn number(value: &RawValue, shift: i32) -> Result<String, String> {
    let text = value.get().trim_matches('"');
    let number = Decimal::parse(text).and_then(|number| number.shifted(shift));
    number
        .map(|number| number.to_string())
        .map_err(|error| format!("{text}: {error}"))
}
