//! What can be set on a gateway, as values: checked by whoever makes them, and complete.

use std::collections::BTreeMap;

use ledger::Amount;
use serde::{Deserialize, Serialize};

/// Declares an enum whose variants have the names that the API and the columns carry.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every variant by its name.
            pub const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)+];

            /// The name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            pub(super) fn from_name(name: &str) -> Option<Self> {
                let found = Self::NAMES.iter().find(|(known, _)| *known == name);
                found.map(|(_, variant)| *variant)
            }
        }
    };
}

named! {
    /// How windows of time follow each other.
    Technique {
        /// One begins where the last one ends.
        Fixed = "fixed",
        /// Each moment has its own.
        Sliding = "sliding",
    }
}

named! {
    /// What happens when a gateway has as many logs as it may.
    LogStrategy {
        /// New calls leave none.
        StopInserting = "STOP_INSERTING",
        /// The oldest make room.
        DeleteOldest = "DELETE_OLDEST",
    }
}

named! {
    /// How the pause before an attempt grows.
    Backoff {
        /// It doesn't.
        Constant = "constant",
        /// By itself each time.
        Linear = "linear",
        /// It doubles.
        Exponential = "exponential",
    }
}

/// Everything that can be set on a gateway and acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For how long answers are kept, in seconds; 0 is not at all.
    pub cache_ttl: i64,
    /// Whether a change of the settings forgets the kept answers.
    pub cache_invalidate_on_update: bool,
    /// Whether calls leave a log.
    pub collect_logs: bool,
    /// The most logs that are kept; all of them where there is none.
    pub log_management: Option<i64>,
    /// What happens then; where there is none, as [`LogStrategy::StopInserting`].
    pub log_management_strategy: Option<LogStrategy>,
    /// How many calls may be made in [`Settings::rate_limiting_interval`]; 0 is any number.
    pub rate_limiting_limit: i64,
    /// In seconds; 0 is no limit.
    pub rate_limiting_interval: i64,
    /// How those intervals follow each other.
    pub rate_limiting_technique: Technique,
    /// Whether a call has to bring a token with the permission to run.
    pub authentication: bool,
    /// Whether only the customer's own keys are used, and never the operator's.
    pub byok_only: bool,
    /// Whether calls with the operator's key go only with an account of which the provider keeps nothing.
    pub zdr: bool,
    /// Whether a call whose most is more than there is credit for is sent with a lower output limit, rather
    /// than refused. Farebox's own.
    pub clamp_max_tokens: bool,
    /// How often a call is tried, from 1 to 5; once where there is none.
    pub retry_max_attempts: Option<i64>,
    /// The pause before the second attempt, in milliseconds.
    pub retry_delay: Option<i64>,
    /// How the pause grows.
    pub retry_backoff: Option<Backoff>,
    /// A name of Cloudflare's Secrets Store, kept for who asks; Farebox keeps keys itself.
    pub store_id: Option<String>,
    /// What may be spent; nothing is said where there is none.
    pub spend_limits: Option<SpendLimits>,
}

impl Default for Settings {
    /// What the `default` gateway begins with (contract: section 3.1).
    fn default() -> Self {
        Self {
            cache_ttl: 0,
            cache_invalidate_on_update: false,
            collect_logs: true,
            log_management: None,
            log_management_strategy: None,
            rate_limiting_limit: 0,
            rate_limiting_interval: 0,
            rate_limiting_technique: Technique::Fixed,
            authentication: true,
            byok_only: false,
            zdr: false,
            clamp_max_tokens: true,
            retry_max_attempts: None,
            retry_delay: None,
            retry_backoff: None,
            store_id: None,
            spend_limits: None,
        }
    }
}

impl Settings {
    /// After how many logs new calls leave none, if ever.
    pub fn logs_stop_at(&self) -> Option<i64> {
        let stops = self.log_management_strategy != Some(LogStrategy::DeleteOldest);
        self.log_management.filter(|_| stops)
    }
}

/// What may be spent through a gateway (contract: section 4.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendLimits {
    /// Whether any rule counts.
    pub enabled: bool,
    /// At most 20.
    pub rules: Vec<SpendRule>,
}

/// So much may be spent in a window of time, on the calls that the rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendRule {
    /// Unique in its gateway; it keeps what was counted when the rule is changed.
    pub id: String,
    /// Whether it counts.
    pub enabled: bool,
    /// The most, in nano-units of the currency; above zero.
    pub limit_nanos: i64,
    /// In seconds; above zero.
    pub window: i64,
    /// How windows follow each other.
    pub technique: Technique,
    /// Only calls to these models; to any where there is none.
    pub models: Option<Vec<String>>,
    /// Only calls to these providers; to any where there is none.
    pub providers: Option<Vec<String>>,
    /// Whether each model has a limit of its own.
    #[serde(default)]
    pub by_model: bool,
    /// Whether each provider has a limit of its own.
    #[serde(default)]
    pub by_provider: bool,
    /// What a call's metadata has to be like, by its key.
    pub metadata: BTreeMap<String, Dimension>,
}

impl SpendRule {
    /// The most that may be spent in a window.
    pub const fn limit(&self) -> Amount {
        Amount::from_nanos(self.limit_nanos)
    }
}

/// What a rule makes of a key of a call's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Each value has a limit of its own; a call without the key is not counted.
    Partition,
    /// Only calls with one of these values are counted.
    Filter(Vec<String>),
}
