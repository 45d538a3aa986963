//! Decoding pieces that the nouns share: open enumerations, and fields that hold an object's id
//! or the object itself.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// Metadata as Stripe keeps it: text to text.
pub(super) type Metadata = BTreeMap<String, String>;

/// An enumeration that stays open: a value that Stripe adds later is kept as text in `Other`
/// instead of failing the whole answer.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A value that this version does not know.
            Other(String),
        }

        impl $name {
            /// The value as Stripe writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)+
                    _ => Self::Other(text),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer).map(Self::from)
            }
        }
    };
}
pub(super) use open_enum;

/// The id of another object, whether Stripe sent the id, the object, or nothing.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) id: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IdOrObject {
    Id(String),
    Object { id: String },
}

/// For `deserialize_with`: an expandable field, of which only the id is wanted.
pub(super) fn reference<'de, D: Deserializer<'de>>(d: D) -> Result<Reference, D::Error> {
    let id = Option::<IdOrObject>::deserialize(d)?.map(|value| match value {
        IdOrObject::Id(id) | IdOrObject::Object { id } => id,
    });
    Ok(Reference { id })
}

/// For `deserialize_with`: the same as [`reference`], as a plain optional id.
pub(super) fn optional_id<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    reference(d).map(|found| found.id)
}

/// For `deserialize_with`: a field that may be null and then means its default.
pub(super) fn nullable<'de, D, T>(d: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// For `deserialize_with`: a text that must not be printed.
pub(super) fn secret<'de, D: Deserializer<'de>>(d: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(d)?.map(SecretString::from))
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro makes public types, also here")]
mod tests {
    use serde_json::json;

    use super::*;

    open_enum! {
        /// A test's own.
        Light {
            /// Stop.
            Red = "red",
        }
    }

    #[test]
    fn an_unknown_value_survives() {
        let lights: Vec<Light> = serde_json::from_value(json!(["red", "ultraviolet"])).unwrap();
        assert_eq!(lights, [Light::Red, Light::Other("ultraviolet".to_owned())]);
        assert_eq!(lights[1].as_str(), "ultraviolet");
    }

    #[test]
    fn an_expandable_field_is_read_in_every_form() {
        #[derive(Deserialize)]
        struct Holder {
            #[serde(default, deserialize_with = "optional_id")]
            customer: Option<String>,
        }
        for (json, expected) in [
            (json!({"customer": "cus_1"}), Some("cus_1")),
            (
                json!({"customer": {"id": "cus_1", "object": "customer"}}),
                Some("cus_1"),
            ),
            (json!({"customer": null}), None),
            (json!({}), None),
        ] {
            let holder: Holder = serde_json::from_value(json).unwrap();
            assert_eq!(holder.customer.as_deref(), expected);
        }
    }
}
