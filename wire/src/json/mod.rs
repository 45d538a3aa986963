//! JSON read where it lies: a value is the text that it was written as, and is taken apart only as far
//! as somebody asks.
//!
//! That keeps a large prompt from being copied, keeps numbers exact (they are never floats here), and
//! tells where in a body a member stands, so that one can be changed and the rest stay as it is.

pub(crate) mod edit;
mod number;
pub(crate) mod skim;
pub(crate) mod write;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A valid JSON value, as text.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// The value that the text is, without the white space around it; `None` where it is none.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        Some(Self(raw.get()))
    }

    /// Its text.
    pub(crate) const fn raw(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub(crate) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    /// The object's members; none where it is no object.
    pub(crate) fn object(self) -> Object<'a> {
        serde_json::from_str(self.0).unwrap_or_default()
    }

    /// The member of that name; `None` where there is none or it is null.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        self.object().get(name)
    }

    /// The member of the member, and so on.
    pub(crate) fn at(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The array's items; none where it is no array.
    pub(crate) fn items(self) -> Vec<Self> {
        let items: Items<'a> = serde_json::from_str(self.0).unwrap_or_default();
        items.0
    }

    /// The string; `None` where it is no string.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let text: Text<'a> = serde_json::from_str(self.0).ok()?;
        Some(text.0)
    }

    /// Whether it is that string.
    pub(crate) fn is(self, text: &str) -> bool {
        self.text().is_some_and(|own| own == text)
    }

    pub(crate) fn flag(self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A number of things: what has a fraction is rounded up. `None` where it is no number, is below
    /// zero or doesn't fit.
    pub(crate) fn count(self) -> Option<u64> {
        number::scaled_up(self.0, 0)
    }

    /// A number times a thousand, rounded up: seconds in milliseconds.
    pub(crate) fn thousandths(self) -> Option<u64> {
        number::scaled_up(self.0, 3)
    }
}

impl Json<'_> {
    /// A number times 10¹², rounded up: dollars in trillionths of one.
    pub(crate) fn trillionths(self) -> Option<u64> {
        number::scaled_up(self.0, 12)
    }
}

/// The members of an object, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// The member of that name; `None` where there is none or it is null. Of several the last, which is
    /// what most readers take.
    pub(crate) fn get(&self, name: &str) -> Option<Json<'a>> {
        let found = self.0.iter().rev().find(|(own, _)| own == name);
        found
            .map(|(_, value)| *value)
            .filter(|value| !value.is_null())
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A name that is there twice. Not every reader takes the same one of the two, so that such a body
    /// can mean something else to whoever counts than to whoever answers.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.members().map(|(name, _)| name).collect();
        names.sort_unstable();
        names
            .windows(2)
            .find_map(|pair| pair.first().filter(|first| pair.last() == Some(first)))
            .copied()
    }
}

/// A string, borrowed where nothing in it is escaped.
struct Text<'a>(Cow<'a, str>);

#[derive(Default)]
struct Items<'a>(Vec<Json<'a>>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Strings;
        impl<'de> Visitor<'de> for Strings {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Strings)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push((name.0, Json(value.get())));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Items<'de>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = items.next_element::<&'de RawValue>()? {
                    values.push(Json(value.get()));
                }
                Ok(Items(values))
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}
