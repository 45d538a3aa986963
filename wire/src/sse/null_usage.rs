//! The empty usage of an event's chunk, taken out of its bytes.

use crate::json::Json;
use crate::json::edit::Edits;

/// The event without the member `"usage":null` of its chunk; `None` where it has none. `event` is its bytes, and
/// `data` what was read of them.
pub(super) fn without(event: &[u8], data: &str) -> Option<Vec<u8>> {
    let event = std::str::from_utf8(event).ok()?;
    let chunk = Json::parse(only_data(event).filter(|own| *own == data)?)?;
    // A chunk without choices is no talk: of an error nothing is taken away.
    let members = chunk.object();
    members.get("choices")?;
    let mut usages = members.members().filter(|(name, _)| *name == "usage");
    let (name, value) = usages.next().filter(|(_, value)| value.is_null())?;
    let mut edits = Edits::default();
    edits.remove(event, name, value);
    Some(edits.apply(event).into_bytes())
}

/// The data of an event that has one line of it, as most have.
fn only_data(event: &str) -> Option<&str> {
    let mut data = event
        .split(['\r', '\n'])
        .filter_map(|line| line.strip_prefix("data:"));
    let only = data.next()?;
    let only = only.strip_prefix(' ').unwrap_or(only);
    data.next().is_none().then_some(only)
}
