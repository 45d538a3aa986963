//! Lists: newest first, a page at a time, by cursor.

use serde_json::{Value, json};

use super::error::Refusal;
use super::params::Params;
use super::state::{Answer, Call, integer, text};

/// Which of the given objects a list is narrowed to beside the caller's own filter.
pub(crate) enum Within {
    /// Those that the parameter `created` admits.
    Time,
    /// All of them: the list has no parameter `created`.
    Any,
}

/// One page of the objects, which come newest first.
///
/// # Errors
///
/// `parameter_invalid_integer` for a limit outside 1 to 100, `resource_missing` for a cursor that
/// is not in the list.
pub(crate) fn page<'a>(
    objects: impl Iterator<Item = &'a Value>,
    call: &Call,
    url: &str,
    within: Within,
) -> Answer {
    let limit = limit(&call.params)?;
    let admitted = |object: &&Value| match within {
        Within::Time => created(&call.params, integer(object, "created")),
        Within::Any => true,
    };
    let all: Vec<&Value> = objects.filter(admitted).collect();
    let (data, has_more) = window(&all, &call.params, limit)?;
    Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
}

fn window<'a>(
    all: &'a [&'a Value],
    params: &Params,
    limit: usize,
) -> Result<(&'a [&'a Value], bool), Refusal> {
    let position = |cursor: &str, param: &str| {
        let found = all.iter().position(|object| text(object, "id") == cursor);
        found.ok_or_else(|| {
            let message = format!("No such object: '{cursor}'");
            Refusal::invalid(message)
                .code("resource_missing")
                .param(param)
        })
    };
    if let Some(cursor) = params.text("ending_before") {
        // The page that ends just before the cursor, so that walking back never skips an object.
        let end = position(cursor, "ending_before")?;
        let start = end.saturating_sub(limit);
        return Ok((&all[start..end], start > 0));
    }
    let start = match params.text("starting_after") {
        Some(cursor) => position(cursor, "starting_after")? + 1,
        None => 0,
    };
    let end = all.len().min(start + limit);
    Ok((&all[start..end], end < all.len()))
}

fn limit(params: &Params) -> Result<usize, Refusal> {
    let limit = params.integer("limit").unwrap_or(10);
    match usize::try_from(limit) {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => {
            let bound = if limit < 1 {
                "greater than or equal to 1"
            } else {
                "less than or equal to 100"
            };
            let message = format!("This value must be {bound} (it currently is '{limit}').");
            Err(Refusal::unfit(
                "parameter_invalid_integer",
                "limit",
                message,
            ))
        }
    }
}

/// Whether the parameter `created`, an instant or a range in seconds, admits this instant.
fn created(params: &Params, at: i64) -> bool {
    if let Some(exact) = params.integer("created") {
        return at == exact;
    }
    let range = params.nested("created");
    range.integer("gt").is_none_or(|bound| at > bound)
        && range.integer("gte").is_none_or(|bound| at >= bound)
        && range.integer("lt").is_none_or(|bound| at < bound)
        && range.integer("lte").is_none_or(|bound| at <= bound)
}

/// A list that is part of another object and always whole.
pub(crate) fn embedded(items: Vec<Value>, url: String) -> Value {
    json!({ "object": "list", "url": url, "has_more": false, "data": items })
}
