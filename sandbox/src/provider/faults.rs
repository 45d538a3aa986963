//! Faults that a test asks for: how answers are to be, on which request, how often.

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;
use crate::faults::{Hits, Window, names_path, one};

/// Which requests are answered in an unusual way, and how. A hit takes the place of what the
/// server or the name of the model would do; what the prompt asks for is laid over it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// HTTP method; any, where absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Path pattern: `*` stands for one part, a last `**` for all the rest. Any path, where absent.
    #[serde(default = "anywhere")]
    pub path: String,
    /// The model that is asked for; any, where absent.
    #[serde(default)]
    pub model: Option<String>,
    /// A text that stands in the body as it was sent; any body, where absent.
    #[serde(default)]
    pub contains: Option<String>,
    /// The first matching request that is hit, counted from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many matching requests are hit from there on.
    #[serde(default = "one")]
    pub times: u32,
    /// How they are answered.
    pub behaviour: Behaviour,
}

fn anywhere() -> String {
    "**".to_owned()
}

impl Fault {
    /// Hits the next request, whatever it is.
    pub fn next(behaviour: Behaviour) -> Fault {
        Fault {
            method: None,
            path: anywhere(),
            model: None,
            contains: None,
            nth: 1,
            times: 1,
            behaviour,
        }
    }

    pub(crate) fn names(&self, method: &str, path: &str, model: &str, body: &[u8]) -> bool {
        let wanted = self.model.as_deref();
        wanted.is_none_or(|wanted| wanted == model)
            && names_path(self.method.as_deref(), &self.path, method, path)
            && self
                .contains
                .as_ref()
                .is_none_or(|text| contains(body, text.as_bytes()))
    }
}

/// Whether a text, which is not empty, stands somewhere in these bytes.
pub(crate) fn contains(bytes: &[u8], text: &[u8]) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text)
}

impl Hits for Fault {
    fn window(&self) -> Window {
        Window {
            nth: self.nth,
            times: self.times,
        }
    }
}
