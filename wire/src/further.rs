//! Output limits and numbers of answers that a dialect reads beside those of its API's own format.
//!
//! A request that has several limits is bounded by the highest, since servers differ in which one counts. A limit
//! that is no count, such as llama.cpp's -1, is none.

use crate::asked::{Asked, Unreadable};
use crate::dialect::Dialect;
use crate::endpoint::{Api, Endpoint};
use crate::json::{Json, Object};

/// Completes what was read by the format alone.
pub(crate) fn ask(
    asked: &mut Asked,
    body: &Object<'_>,
    endpoint: &Endpoint,
) -> Result<(), Unreadable> {
    if !matches!(endpoint.api, Api::Chat | Api::Responses | Api::Messages) {
        return Ok(());
    }
    let given = endpoint.dialect.limits.iter();
    let given: Vec<_> = given.filter_map(|name| body.get(name)).collect();
    if !given.is_empty() {
        let counts: Option<Vec<u64>> = given.into_iter().map(Json::count).collect();
        asked.output_limit = counts.and_then(|counts| counts.into_iter().max());
    }
    for name in endpoint.dialect.choices {
        if let Some(number) = body.get(name) {
            let number = number.count().ok_or(Unreadable::Invalid(name))?;
            asked.choices = asked.choices.max(number);
        }
    }
    Ok(())
}

/// All names of an output limit: the format's, and those of the dialect beside them.
pub(crate) fn names<'a>(own: &[&'a str], dialect: Dialect) -> Vec<&'a str> {
    let further = dialect.limits.iter().filter(|name| !own.contains(name));
    own.iter().chain(further).copied().collect()
}
