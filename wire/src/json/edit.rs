//! Changes to a JSON body that leave every other byte of it as it is.

use std::ops::Range;

use crate::json::{Json, Object};

/// Replacements of parts of a text, in any order, that don't overlap.
#[derive(Default)]
pub(crate) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    /// Puts another value in the place of one that stands in the body.
    pub(crate) fn replace(&mut self, body: &str, value: Json<'_>, with: String) {
        if let Some(range) = place(body, value.raw()) {
            self.0.push((range, with));
        }
    }

    /// Gives an object of the body a member that it doesn't have, as its first.
    pub(crate) fn insert(&mut self, body: &str, object: Json<'_>, name: &str, value: &str) {
        let Some(range) = place(body, object.raw()) else {
            return;
        };
        let inside = range.start.saturating_add(1);
        let inside = inside..inside;
        // In an empty object the first has no comma, and each further one stands behind it.
        let is_empty = object.object().is_empty();
        let follows = is_empty && self.0.iter().any(|(other, _)| *other == inside);
        let before = if follows { "," } else { "" };
        let after = if is_empty { "" } else { "," };
        self.0
            .push((inside, format!("{before}\"{name}\":{value}{after}")));
    }

    /// Sets a member of an object of the body: replaced where it is there, inserted where not.
    pub(crate) fn set(&mut self, body: &str, object: Json<'_>, name: &str, value: &str) {
        // Not `Object::get`: a null has to be replaced, or the name would be there twice.
        let members = object.object();
        match present(&members, name) {
            Some(old) => self.replace(body, old, value.to_owned()),
            None => self.insert(body, object, name, value),
        }
    }

    /// Takes a member out of an object of the body, with a comma beside it. Its name and its value must be parts
    /// of the body; a name with an escape in it is none.
    pub(crate) fn remove(&mut self, body: &str, name: &str, value: Json<'_>) {
        let (Some(name), Some(value)) = (place(body, name), place(body, value.raw())) else {
            return;
        };
        let white = [' ', '\t', '\r', '\n'];
        let before = body.get(..name.start.saturating_sub(1));
        let before = before.unwrap_or_default().trim_end_matches(white);
        let after = body.get(value.end..).unwrap_or_default();
        let (start, end) = match (before.strip_suffix(','), after.trim_start_matches(white)) {
            (Some(before), _) => (before.len(), value.end),
            (None, after) => {
                let after = after.strip_prefix(',').unwrap_or(after);
                let rest = after.trim_start_matches(white).len();
                (
                    name.start.saturating_sub(1),
                    body.len().saturating_sub(rest),
                )
            }
        };
        self.0.push((start..end, String::new()));
    }

    /// The body with the replacements made.
    pub(crate) fn apply(mut self, body: &str) -> String {
        self.0.sort_by_key(|(range, _)| range.start);
        let mut edited = String::with_capacity(body.len().saturating_add(64));
        let mut done = 0;
        for (range, with) in self.0 {
            edited.push_str(body.get(done..range.start).unwrap_or_default());
            edited.push_str(&with);
            done = range.end;
        }
        edited.push_str(body.get(done..).unwrap_or_default());
        edited
    }
}

/// The last member of that name, null or not.
pub(crate) fn present<'a>(members: &Object<'a>, name: &str) -> Option<Json<'a>> {
    let found = members.members().filter(|(own, _)| *own == name);
    found.map(|(_, value)| value).last()
}

/// Where in the body a part of it stands. Both are one text in memory, so the addresses tell.
fn place(body: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= body.len()).then_some(start..end)
}
