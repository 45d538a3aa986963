//! Makes prices of a list's text, and says what is wrong with it and where.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use ledger::rates::{Card, Price, Tariff, Window};
use ledger::{Term, Timestamp, Unit};

use super::file::{Entry, FileError, PriceFile, PriceList, PriceText};
use super::layer::{Layer, List};
use super::model::Model;
use super::rate;
use super::surcharges::Surcharges;

/// How many hexadecimal digits of a hash stand in a version.
const HASH_DIGITS: usize = 12;

/// How the days of the week are written, from Monday.
pub(crate) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The whole file. `below` is the layer whose surcharges count as well.
pub(crate) fn layer(file: &PriceFile, below: Option<&Layer>) -> Result<Layer, FileError> {
    let mut layer = Layer::new(file.source.clone());
    for (provider, list) in &file.providers {
        let other = below.and_then(|below| below.list(provider));
        let read = read_list(
            &file.source,
            provider,
            list,
            other.map(|list| &*list.surcharges),
        );
        layer.add(
            provider.clone(),
            read.map_err(|why| FileError(format!("{provider}/{why}")))?,
        );
    }
    Ok(layer)
}

fn read_list(
    source: &str,
    provider: &str,
    list: &PriceList,
    other: Option<&Surcharges>,
) -> Result<List, String> {
    let surcharges = Arc::new(Surcharges::read(list, other)?);
    let mut read = List::new(list.also.clone(), surcharges.clone());
    let mut ids = HashSet::new();
    for entry in &list.models {
        if !ids.insert(&entry.id) {
            return Err(format!("{}: it stands there twice", entry.id));
        }
        let mut model =
            model(source, provider, entry).map_err(|why| format!("{}: {why}", entry.id))?;
        model.surcharges = surcharges.clone();
        read.add(Arc::new(model), &entry.names);
    }
    Ok(read)
}

/// One model.
pub(crate) fn model(source: &str, provider: &str, entry: &Entry) -> Result<Model, String> {
    if entry.id.is_empty() {
        return Err("a model needs an id".to_owned());
    }
    let tariff = match entry.prices.as_slice() {
        [] if entry.why.is_some() => None,
        [] => return Err("it has neither prices nor, in `why`, a reason for that".to_owned()),
        prices => {
            let read: Result<Vec<_>, String> = prices.iter().map(price).collect();
            let version = version(entry.source.as_deref().unwrap_or(source), entry)?;
            Some(Tariff::new(version, read?).map_err(|error| error.to_string())?)
        }
    };
    let least = entry
        .least
        .iter()
        .map(|(name, quantity)| Ok((unit(name)?, *quantity)));
    Ok(Model {
        provider: provider.to_owned(),
        id: entry.id.clone(),
        names: entry.names.clone(),
        why: entry.why.clone(),
        least: least.collect::<Result<_, String>>()?,
        context: entry.context,
        texts: entry.prices.clone(),
        tariff,
        surcharges: Arc::default(),
    })
}

/// Names exactly these prices for good: where they are from, and a hash of what they say.
fn version(source: &str, entry: &Entry) -> Result<String, String> {
    let said = serde_json::to_string(&(&entry.prices, &entry.least));
    let hash = blake3::hash(said.map_err(|error| error.to_string())?.as_bytes()).to_hex();
    let hash = hash.get(..HASH_DIGITS).unwrap_or_default();
    Ok(format!("{source}:{hash}"))
}

fn price(text: &PriceText) -> Result<Price, String> {
    let rates = text.rates.iter().map(|(name, written)| {
        let unit = unit(name)?;
        let rate = rate::parse(unit, written).map_err(|why| format!("{name}: {why}"))?;
        Ok((unit, rate))
    });
    let terms = text
        .when
        .iter()
        .map(|(name, value)| Ok((term(name)?, value.clone())));
    Ok(Price {
        valid_from: match &text.from {
            Some(from) => moment(from)?,
            None => Timestamp::from_millis(i64::MIN),
        },
        window: window(text)?,
        terms: terms.collect::<Result<_, String>>()?,
        card: Card::new(rates.collect::<Result<Vec<_>, String>>()?),
    })
}

/// The term of that name.
pub(super) fn term(name: &str) -> Result<Term, String> {
    Term::from_name(name).ok_or_else(|| unknown("term", name, Term::ALL))
}

/// The unit of that name.
pub(super) fn unit(name: &str) -> Result<Unit, String> {
    Unit::from_name(name).ok_or_else(|| unknown("unit", name, Unit::ALL))
}

fn unknown<T: std::fmt::Display>(what: &str, name: &str, known: &[T]) -> String {
    let known: Vec<String> = known.iter().map(ToString::to_string).collect();
    format!("there is no {what} {name:?}: {}", known.join(", "))
}

/// A day's beginning in UTC, or a time with its zone.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_millis(time.as_millisecond()));
    }
    let day: Option<Date> = text.parse().ok();
    let begin = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    let begin = begin.ok_or_else(|| format!("{text:?} is no day such as 2026-11-01"))?;
    Ok(Timestamp::from_millis(begin.timestamp().as_millisecond()))
}

fn window(text: &PriceText) -> Result<Option<Window>, String> {
    let Some(hours) = &text.hours else {
        return match text.days.as_slice() {
            [] => Ok(None),
            _ => Err("days need hours: 00:00-24:00 for all of them".to_owned()),
        };
    };
    let malformed = || format!("{hours:?}: write hours as in 01:00-04:30");
    let (from, until) = hours.split_once('-').ok_or_else(malformed)?;
    let (from, until) = (minute(from), minute(until));
    let (Some(from_minute), Some(until_minute)) = (from, until) else {
        return Err(malformed());
    };
    Ok(Some(Window {
        from_minute,
        until_minute,
        days: days(&text.days)?,
    }))
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2 || minute.len() != 2 {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let of_day = hour.checked_mul(60)?.checked_add(minute)?;
    (minute < 60 && of_day <= 24 * 60).then_some(of_day)
}

fn days(names: &[String]) -> Result<[bool; 7], String> {
    if names.is_empty() {
        return Ok(Window::DAILY);
    }
    let mut days = [false; 7];
    for name in names {
        let known = DAYS.iter().zip(&mut days).find(|(day, _)| day == &name);
        let (_, day) = known.ok_or_else(|| unknown("day", name, &DAYS))?;
        *day = true;
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model of this text, or what is wrong with it.
    fn read(text: &str) -> Result<Model, String> {
        let entry: Entry = serde_json::from_str(text).unwrap();
        model("ours", "openai", &entry)
    }

    #[test]
    fn a_model_is_read() {
        let text = r#"{"id":"m","match":["m","m-*"],"least":{"input_audio_ms":10000},"prices":[
            {"rates":{"input":"1","output":"2 >1000:3"}},
            {"from":"2026-10-12","hours":"22:00-06:00","days":["fri","sun"],"rates":{"input":"0.5"}},
            {"from":"2026-10-12T08:00:00+02:00","when":{"service_tier":"flex"},"rates":{"output":"1"}}]}"#;
        let model = read(text).unwrap();
        let tariff = model.tariff.unwrap();
        let [plain, nightly, flex] = tariff.prices() else {
            panic!("{tariff:?}")
        };
        assert_eq!(plain.valid_from, Timestamp::from_millis(i64::MIN));
        assert_eq!(nightly.valid_from, moment("2026-10-12").unwrap());
        let window = nightly.window.unwrap();
        assert_eq!((window.from_minute, window.until_minute), (22 * 60, 6 * 60));
        assert_eq!(window.days, [false, false, false, false, true, false, true]);
        assert_eq!(flex.valid_from, moment("2026-10-12T06:00:00Z").unwrap());
        assert_eq!(flex.terms, [(Term::ServiceTier, "flex".to_owned())]);
        assert_eq!(model.least, [(Unit::InputAudioMs, 10_000)]);
    }

    #[test]
    fn a_version_names_prices_and_where_they_are_from() {
        let version = |text: &str| read(text).unwrap().tariff.unwrap().version().to_owned();
        let one = version(r#"{"id":"m","prices":[{"rates":{"input":"1"}}]}"#);
        assert_eq!(one, "ours:a9a9bed34d98");
        assert_eq!(
            one,
            version(r#"{"id":"n","match":["x"],"prices":[{"rates":{"input":"1"}}]}"#)
        );
        assert_ne!(
            one,
            version(r#"{"id":"m","prices":[{"rates":{"input":"2"}}]}"#)
        );
        assert_ne!(
            one,
            version(r#"{"id":"m","least":{"input":1},"prices":[{"rates":{"input":"1"}}]}"#)
        );
        let theirs = version(r#"{"id":"m","source":"theirs","prices":[{"rates":{"input":"1"}}]}"#);
        assert_eq!(theirs, one.replace("ours", "theirs"));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        for (text, why) in [
            (r#"{"id":"","prices":[]}"#, "a model needs an id"),
            (
                r#"{"id":"m","prices":[]}"#,
                "it has neither prices nor, in `why`, a reason for that",
            ),
            (
                r#"{"id":"m","prices":[{"rates":{"inputs":"1"}}]}"#,
                "there is no unit \"inputs\": input, cache_read, cache_write_5m",
            ),
            (
                r#"{"id":"m","prices":[{"rates":{"input":"x"}}]}"#,
                "input: \"x\": not a number",
            ),
            (
                r#"{"id":"m","prices":[{"rates":{}},{"when":{"tier":"x"},"rates":{}}]}"#,
                "there is no term \"tier\": service_tier, processing",
            ),
            (
                r#"{"id":"m","prices":[{"when":{"speed":"fast"},"rates":{}}]}"#,
                "there is no price without terms",
            ),
            (
                r#"{"id":"m","prices":[{"from":"soon","rates":{}}]}"#,
                "\"soon\" is no day such as 2026-11-01",
            ),
            (
                r#"{"id":"m","prices":[{"hours":"1-4","rates":{}}]}"#,
                "\"1-4\": write hours as in 01:00-04:30",
            ),
            (
                r#"{"id":"m","prices":[{"hours":"00:00-24:01","rates":{}}]}"#,
                "write hours as in",
            ),
            (
                r#"{"id":"m","prices":[{"days":["mon"],"rates":{}}]}"#,
                "days need hours",
            ),
            (
                r#"{"id":"m","prices":[{"hours":"00:00-24:00","days":["monday"],"rates":{}}]}"#,
                "there is no day \"monday\": mon, tue",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
