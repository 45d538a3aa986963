//! How prices are shown: as JSON for scripts, and as text for people.

use std::fmt::Write as _;

use ledger::rates::{Card, Markup};
use ledger::{Terms, Timestamp};
use serde_json::{Value, json};

use crate::catalog::diff::{Difference, Kind, Row};
use crate::catalog::{Catalog, Model, per, published};
use crate::cli::Failure;

/// Both ways to show something.
type Shown = (Value, String);

/// All lists.
pub(super) fn overview(catalog: &Catalog, notice: &str) -> Shown {
    let sizes = catalog.lists_with_sizes();
    let mut text = String::new();
    for (provider, count) in &sizes {
        let also = catalog.also(provider);
        let also = match also.as_slice() {
            [] => String::new(),
            names => format!("; for others those of {}", names.join(", ")),
        };
        let _ = writeln!(text, "{provider}: {count} models{also}");
    }
    let sources = catalog.sources();
    let _ = writeln!(text, "from: {}\n{notice}", sources.join(", "));
    let lists = sizes.iter().map(|(provider, count)| {
        json!({ "provider": provider, "models": count, "also": catalog.also(provider) })
    });
    let value = json!({
        "providers": lists.collect::<Vec<_>>(),
        "sources": sources,
        "notice": notice,
    });
    (value, text)
}

/// A provider's models, with what an ordinary call costs.
pub(super) fn provider(catalog: &Catalog, provider: &str, at: Timestamp) -> Result<Shown, Failure> {
    let models = catalog.models(provider);
    let also = catalog.also(provider);
    if models.is_empty() && also.is_empty() {
        return Err(Failure::new(format!(
            "there is no list of prices for {provider}: `farebox prices show` names those there are"
        )));
    }
    let mut text = String::new();
    let mut values = Vec::new();
    for model in &models {
        let card = model.own_card(at, &Terms::new());
        let told = match (&card, &model.why) {
            (Ok(card), _) => one_line(card),
            (Err(_), Some(why)) => format!("no price: {why}"),
            (Err(_), None) => "no price at that time".to_owned(),
        };
        let _ = writeln!(text, "{}: {told}", model.id);
        values.push(model_json(model, card.ok().as_ref()));
    }
    if !also.is_empty() {
        let _ = writeln!(text, "for others those of {}", also.join(", "));
    }
    Ok((json!({ "models": values, "also": also }), text))
}

/// Everything about one model.
pub(super) fn model(
    catalog: &Catalog,
    provider: &str,
    name: &str,
    at: Timestamp,
) -> Result<Shown, Failure> {
    let model = catalog.find(provider, name).map_err(Failure::new)?;
    let card = model.own_card(at, &Terms::new()).map_err(Failure::new)?;
    let mut text = format!("{}/{}\n", model.provider, model.id);
    if !model.names.is_empty() {
        let _ = writeln!(text, "called: {}", model.names.join(", "));
    }
    let _ = writeln!(text, "version: {}", model.version(Markup::NONE));
    if let Some(why) = &model.why {
        let _ = writeln!(text, "because: {why}");
    }
    for (unit, least) in &model.least {
        let _ = writeln!(text, "at least: {least} {unit}");
    }
    text.push_str("an ordinary call at that time:\n");
    for (unit, rate) in card.rates() {
        let _ = writeln!(text, "  {unit}: {} {}", published(unit, rate), per(unit));
    }
    if model.texts.len() > 1 {
        text.push_str("all its prices, the later before the earlier:\n");
        for price in &model.texts {
            let rates = price
                .rates
                .iter()
                .map(|(unit, rate)| format!("{unit} {rate}"));
            let rates = rates.collect::<Vec<_>>().join(", ");
            let rates = if rates.is_empty() { "the same" } else { &rates };
            let _ = writeln!(text, "  {}: {rates}", price.condition());
        }
    }
    Ok((model_json(&model, Some(&card)), text))
}

fn one_line(card: &Card) -> String {
    let rates = card
        .rates()
        .map(|(unit, rate)| format!("{unit} {}", published(unit, rate)));
    rates.collect::<Vec<_>>().join(", ")
}

fn model_json(model: &Model, card: Option<&Card>) -> Value {
    let rates = card.into_iter().flat_map(Card::rates).map(|(unit, rate)| {
        let told = json!({ "price": published(unit, rate), "per": per(unit) });
        (unit.name().to_owned(), told)
    });
    let least = model
        .least
        .iter()
        .map(|(unit, least)| (unit.name().to_owned(), json!(least)));
    json!({
        "provider": model.provider,
        "model": model.id,
        "names": model.names,
        "version": model.tariff().map(|tariff| tariff.version()),
        "why": model.why,
        "least": least.collect::<serde_json::Map<_, _>>(),
        "rates": rates.collect::<serde_json::Map<_, _>>(),
        "prices": model.texts,
    })
}

/// What an import would change, and what of it is left out.
pub(super) fn differences(differences: &[Difference], left_out: &[(String, String)]) -> Shown {
    let mut text = String::new();
    let count = |kind| differences.iter().filter(|one| one.kind == kind).count();
    for one in differences.iter().filter(|one| one.kind != Kind::Same) {
        let sign = if one.kind == Kind::New { '+' } else { '~' };
        let rows: Vec<String> = one.rows.iter().map(row_text).collect();
        let _ = write!(
            text,
            "{sign} {}/{}: {}",
            one.provider,
            one.model,
            rows.join(", ")
        );
        if one.kind == Kind::Changed && (rows.is_empty() || one.prices.0 != one.prices.1) {
            let (now, then) = one.prices;
            let comma = if rows.is_empty() { "" } else { "; " };
            let _ = write!(
                text,
                "{comma}prices with dates, hours and terms: {now} -> {then}"
            );
        }
        if let Some(why) = &one.why {
            let _ = write!(text, " (as it is because: {why})");
        }
        text.push('\n');
    }
    for (model, why) in left_out {
        let _ = writeln!(text, "left out: {model}: {why}");
    }
    let (new, changed, same) = (count(Kind::New), count(Kind::Changed), count(Kind::Same));
    let out = left_out.len();
    let _ = writeln!(
        text,
        "{new} new, {changed} changed, {same} the same, {out} left out"
    );
    let changes = differences
        .iter()
        .filter(|one| one.kind != Kind::Same)
        .map(|one| {
            json!({
                "model": format!("{}/{}", one.provider, one.model),
                "kind": if one.kind == Kind::New { "new" } else { "changed" },
                "rates": one.rows.iter().map(row_json).collect::<Vec<_>>(),
                "why": one.why,
            })
        });
    let left_out = left_out
        .iter()
        .map(|(model, why)| json!({ "model": model, "why": why }));
    let value = json!({
        "changes": changes.collect::<Vec<_>>(),
        "same": same,
        "left_out": left_out.collect::<Vec<_>>(),
    });
    (value, text)
}

fn row_text(row: &Row) -> String {
    match (&row.now, &row.then) {
        (None, Some(then)) => format!("{} {then}", row.unit),
        (Some(now), Some(then)) => format!("{} {now} -> {then}", row.unit),
        (now, None) => format!("{} {} -> none", row.unit, now.as_deref().unwrap_or("none")),
    }
}

fn row_json(row: &Row) -> Value {
    json!({ "unit": row.unit.name(), "now": row.now, "then": row.then })
}
