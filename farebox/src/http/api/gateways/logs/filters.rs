//! Which logs a URL asks for: every filter of Cloudflare's, in each of its ways (contract: section 3.2).

use ::api::Dollars;

use super::given::{self, Given};
use crate::http::nul;
use crate::http::query::Params;
use crate::store::Value;
use crate::store::logs::{Direction, Field, Filter, Kind, Operator, Order};

/// The keys of filters by their names.
const KEYS: [(&str, Field); 24] = [
    ("id", Field::Id),
    ("created_at", Field::CreatedAt),
    ("request_content_type", Field::RequestContentType),
    ("response_content_type", Field::ResponseContentType),
    ("request_type", Field::RequestType),
    ("success", Field::Success),
    ("cached", Field::Cached),
    ("provider", Field::Provider),
    ("model", Field::Model),
    ("model_type", Field::ModelType),
    ("cost", Field::Cost),
    ("tokens", Field::Tokens),
    ("tokens_in", Field::TokensIn),
    ("tokens_out", Field::TokensOut),
    ("duration", Field::Duration),
    ("feedback", Field::Feedback),
    ("event_id", Field::EventId),
    ("metadata.key", Field::MetadataKey),
    ("metadata.value", Field::MetadataValue),
    ("authentication", Field::Authentication),
    ("wholesale", Field::Wholesale),
    ("compatibilityMode", Field::Compatibility),
    ("dlp_action", Field::DlpAction),
    ("user_agent", Field::UserAgent),
];

const OPERATORS: [(&str, Operator); 5] = [
    ("eq", Operator::Equal),
    ("neq", Operator::NotEqual),
    ("contains", Operator::Contains),
    ("lt", Operator::Below),
    ("gt", Operator::Above),
];

const ORDERS: [(&str, Order); 11] = [
    ("created_at", Order::CreatedAt),
    ("provider", Order::Provider),
    ("model", Order::Model),
    ("model_type", Order::ModelType),
    ("success", Order::Success),
    ("cached", Order::Cached),
    ("cost", Order::Cost),
    ("tokens_in", Order::TokensIn),
    ("tokens_out", Order::TokensOut),
    ("duration", Order::Duration),
    ("feedback", Order::Feedback),
];

const DIRECTIONS: [(&str, Direction); 2] = [
    ("asc", Direction::Ascending),
    ("desc", Direction::Descending),
];

/// The filters before there was `filters`, by their names.
const SINGLE: [(&str, Field, Operator); 20] = [
    ("cached", Field::Cached, Operator::Equal),
    ("success", Field::Success, Operator::Equal),
    ("feedback", Field::Feedback, Operator::Equal),
    ("provider", Field::Provider, Operator::Equal),
    ("model", Field::Model, Operator::Equal),
    ("model_type", Field::ModelType, Operator::Equal),
    (
        "request_content_type",
        Field::RequestContentType,
        Operator::Equal,
    ),
    (
        "response_content_type",
        Field::ResponseContentType,
        Operator::Equal,
    ),
    ("start_date", Field::CreatedAt, Operator::AtLeast),
    ("end_date", Field::CreatedAt, Operator::AtMost),
    ("min_cost", Field::Cost, Operator::AtLeast),
    ("max_cost", Field::Cost, Operator::AtMost),
    ("min_duration", Field::Duration, Operator::AtLeast),
    ("max_duration", Field::Duration, Operator::AtMost),
    ("min_tokens_in", Field::TokensIn, Operator::AtLeast),
    ("max_tokens_in", Field::TokensIn, Operator::AtMost),
    ("min_tokens_out", Field::TokensOut, Operator::AtLeast),
    ("max_tokens_out", Field::TokensOut, Operator::AtMost),
    ("min_total_tokens", Field::Tokens, Operator::AtLeast),
    ("max_total_tokens", Field::Tokens, Operator::AtMost),
];

/// Takes everything that says which logs are wanted. Faults are noted.
pub(super) fn filters(params: &mut Params) -> Vec<Filter> {
    let read = given::read(params.beginning_with("filter"), fits);
    let given = read.unwrap_or_else(|why| {
        params.refuse(&["filters"], why);
        Vec::new()
    });
    let mut filters = Vec::new();
    for (at, one) in given.iter().enumerate() {
        match filter(one) {
            Ok(filter) => filters.push(filter),
            Err((part, why)) => params.refuse(&["filters", &at.to_string(), part], why),
        }
    }
    for (name, field, operator) in SINGLE {
        let Some(text) = params.text(name) else {
            continue;
        };
        match value(field, &text) {
            Ok(value) => filters.push(Filter {
                field,
                operator,
                values: vec![value],
            }),
            Err(why) => params.refuse(&[name], why),
        }
    }
    if let Some(text) = params.text("search") {
        filters.push(Filter {
            field: Field::Metadata,
            operator: Operator::Contains,
            values: vec![text.into()],
        });
    }
    filters
}

/// Takes the order, which is this way where nobody says.
pub(super) fn order(params: &mut Params, usual: Direction) -> (Order, Direction) {
    let order = params
        .choice("order_by", &ORDERS)
        .unwrap_or(Order::CreatedAt);
    let direction = params.choice("order_by_direction", &DIRECTIONS);
    // What it was called before.
    let before = params.choice("direction", &DIRECTIONS);
    (order, direction.or(before).unwrap_or(usual))
}

/// The filter that was meant, or which part of it is wrong and why.
fn filter(given: &Given) -> Result<Filter, (&'static str, String)> {
    let field = named(&given.key, &KEYS).map_err(|why| ("key", why))?;
    let operator = named(&given.operator, &OPERATORS).map_err(|why| ("operator", why))?;
    let suits = match operator {
        Operator::Contains => field.kind() == Kind::Text,
        Operator::Below | Operator::Above => {
            field == Field::Id || !matches!(field.kind(), Kind::Text | Kind::Flag)
        }
        _ => true,
    };
    if !suits {
        let why = format!("{} can't be compared with {}", given.key, given.operator);
        return Err(("operator", why));
    }
    if given.values.is_empty() || (given.takes_one() && given.values.len() > 1) {
        let count = if given.takes_one() {
            "one value"
        } else {
            "a value"
        };
        return Err(("value", format!("{} needs {count}", given.operator)));
    }
    let values = given.values.iter().map(|given_value| match given_value {
        None if matches!(operator, Operator::Equal | Operator::NotEqual) => Ok(Value::Null),
        None => Err("Expected a value, received null".to_owned()),
        Some(text) => value(field, text),
    });
    let values: Result<Vec<_>, _> = values.collect();
    Ok(Filter {
        field,
        operator,
        values: values.map_err(|why| ("value", why))?,
    })
}

/// Whether a filter can take a value.
fn fits(given: &Given, value: Option<&str>) -> bool {
    let alone = Given {
        values: vec![value.map(str::to_owned)],
        ..given.clone()
    };
    filter(&alone).is_ok()
}

fn named<T: Copy>(name: &str, names: &[(&str, T)]) -> Result<T, String> {
    let found = names.iter().find(|(known, _)| *known == name);
    found.map(|(_, meant)| *meant).ok_or_else(|| {
        let quoted: Vec<_> = names
            .iter()
            .map(|(known, _)| format!("'{known}'"))
            .collect();
        let expected = quoted.join(" | ");
        format!("Invalid enum value. Expected {expected}, received '{name}'")
    })
}

/// A value of the field's kind, as the store has it.
fn value(field: Field, text: &str) -> Result<Value, String> {
    match field.kind() {
        // Written in JSON, where the parameter itself doesn't have it.
        Kind::Text if nul::is_in(text) => Err(nul::MESSAGE.to_owned()),
        Kind::Text => Ok(text.into()),
        Kind::Flag => match text {
            "true" | "1" => Ok(true.into()),
            "false" | "0" => Ok(false.into()),
            _ => Err(format!("Expected boolean, received '{text}'")),
        },
        Kind::Number => {
            let whole = match text.split_once('.') {
                Some((whole, places)) if places.bytes().all(|byte| byte == b'0') => whole,
                _ => text,
            };
            let number = whole.parse::<i64>();
            number
                .map(Value::from)
                .map_err(|_| format!("Expected integer, received '{text}'"))
        }
        Kind::Money => {
            let cost = text.parse::<Dollars>();
            cost.map(|cost| cost.nanos().into())
                .map_err(|why| format!("Invalid cost '{text}': {why}"))
        }
        Kind::Time => time(text).map(Value::from),
    }
}

/// Milliseconds since the epoch, out of a time, a day in UTC, or the number itself.
fn time(text: &str) -> Result<i64, String> {
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(millis);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let day = text.parse::<jiff::civil::Date>();
    let begin = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
    begin
        .map(|begin| begin.timestamp().as_millisecond())
        .map_err(|_| format!("Invalid date '{text}': write 2026-11-01T12:00:00Z"))
}
