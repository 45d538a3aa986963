//! Faults that a test asks for: what goes wrong, on which request, how often.

use serde::{Deserialize, Serialize};

use crate::faults::{Hits, Window, names_path, one};

/// Which requests go wrong, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// HTTP method; any, where absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Path pattern: `*` stands for one part (`/v1/invoices/*/pay`), a last `**` for all the rest.
    pub path: String,
    /// The first matching request that is hit, counted from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many matching requests are hit from there on.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens to them.
    pub action: FaultAction,
}

impl Hits for Fault {
    fn window(&self) -> Window {
        Window {
            nth: self.nth,
            times: self.times,
        }
    }
}

impl Fault {
    pub(crate) fn names(&self, method: &str, path: &str) -> bool {
        names_path(self.method.as_deref(), &self.path, method, path)
    }
}

/// What happens to a request that a fault hits.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultAction {
    /// Answer with an error and do nothing. Nothing is stored under the idempotency key.
    Answer {
        /// HTTP status, such as 429 or 500.
        status: u16,
        /// Header `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// Do the work, then answer with an error. The error is what the idempotency key replays.
    WorkThenAnswer {
        /// HTTP status, such as 500.
        status: u16,
    },
    /// Close the connection without a byte of answer, and do nothing.
    CloseBefore,
    /// Do the work, then close the connection without a byte of answer.
    CloseAfter,
    /// Wait before doing the work, until released. If the client goes away, nothing is done.
    HangBefore,
    /// Do the work, then wait with the answer until released or the client goes away.
    HangAfter,
    /// Wait this long before doing the work.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
}
