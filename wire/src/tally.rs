//! What has been read of an answer so far.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Basis, Kind, Term, Terms, Unit, Usage};

use crate::asked::Asked;
use crate::dialect::{Dialect, Searches};
use crate::endpoint::{Api, Endpoint};
use crate::json::Json;
use crate::reading::term_value;
use crate::used::{Also, Report};

/// The longest word for an error or a model that is kept.
const TEXT_CHARS_MAX: usize = 300;

pub(crate) struct Tally {
    pub(crate) dialect: Dialect,
    /// The last usage that was reported, or the sum of several.
    pub(crate) usage: Option<Usage>,
    /// How many usages were reported.
    reports: u64,
    /// Members of usage objects that complete each other, by their names, as they were written.
    pub(crate) members: BTreeMap<String, String>,
    terms: Terms,
    model: Option<String>,
    error: Option<String>,
    pub(crate) also: Vec<Also>,
    /// The answer has come to its own end, after which its usage no longer changes.
    pub(crate) has_ended: bool,
    /// How many answers in one there are to be, and which of them have finished.
    choices: u64,
    finished: BTreeSet<u64>,
    /// A search of the web belongs to the call, and is in no usage.
    pub(crate) searches_once: bool,
    /// Images that were made.
    pub(crate) images: u64,
    /// Sound has come in events.
    pub(crate) has_sound: bool,
    /// Searches of the web, where they are told apart from the usage.
    pub(crate) searches: u64,
    /// Containers in which code ran, by their ids.
    pub(crate) containers: BTreeSet<String>,
    /// How many units one of them is.
    pub(crate) container_size: u64,
    /// The provider refused to answer.
    pub(crate) is_refusal: bool,
    /// What the provider says that the call costs, in trillionths of a dollar.
    cost: Option<u64>,
    /// Runs of the provider's own tools that a stream has shown.
    pub(crate) server_calls: u64,
}

impl Tally {
    pub(crate) fn new(endpoint: &Endpoint, asked: &Asked) -> Self {
        let search = asked.may_use.get(&Unit::WebSearch);
        let once = endpoint.dialect.searches == Searches::OnceIfAsked && endpoint.api == Api::Chat;
        Self {
            dialect: endpoint.dialect,
            usage: None,
            reports: 0,
            members: BTreeMap::new(),
            terms: asked.terms.clone(),
            model: None,
            error: None,
            also: Vec::new(),
            has_ended: false,
            choices: asked.choices,
            finished: BTreeSet::new(),
            searches_once: once && search == Some(&Some(1)),
            images: 0,
            has_sound: false,
            searches: 0,
            containers: BTreeSet::new(),
            container_size: container_size(asked),
            is_refusal: false,
            cost: None,
            server_calls: 0,
        }
    }

    /// Takes the cost that a usage reports, from providers whose word for it is believed: OpenRouter's is in dollars, xAI's
    /// in ten-billionths of one.
    pub(crate) fn cost(&mut self, usage: Option<Json<'_>>) {
        if !self.dialect.reports_cost {
            return;
        }
        let dollars = usage.and_then(|usage| usage.get("cost")?.trillionths());
        let ticks = usage.and_then(|usage| usage.get("cost_in_usd_ticks")?.count());
        let ticks = ticks.map(|ticks| ticks.saturating_mul(100));
        self.cost = dollars.or(ticks).or(self.cost);
    }

    /// Takes a usage in the place of an earlier one, or adds the output of another answer to the same prompt.
    pub(crate) fn report(&mut self, usage: Option<Usage>) {
        let Some(usage) = usage else {
            return;
        };
        self.reports = self.reports.saturating_add(1);
        let earlier = self.usage.take().filter(|_| self.adds_usages());
        self.usage = Some(match earlier {
            Some(earlier) => with_output_of(earlier, &usage),
            None => usage,
        });
    }

    fn adds_usages(&self) -> bool {
        self.dialect.usage_per_choice && self.choices > 1
    }

    /// How many answers no usage counts.
    pub(crate) fn uncounted(&self) -> u64 {
        match self.adds_usages() && self.usage.is_some() {
            true => self.choices.saturating_sub(self.reports),
            false => 0,
        }
    }

    pub(crate) fn model(&mut self, model: Option<Json<'_>>) {
        let text = model.and_then(Json::text).map(|text| shortened(&text));
        self.model = text.or(self.model.take());
    }

    /// Whether the answer is an error and no sound.
    pub(crate) fn is_silent_error(&self) -> bool {
        self.error.is_some() && !self.has_sound
    }

    pub(crate) fn model_name(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Keeps the first error, which is the cause of those that follow.
    pub(crate) fn error(&mut self, error: Option<Json<'_>>) {
        let Some(error) = error else {
            return;
        };
        let words = ["type", "status", "code", "message"];
        let words = words.iter().filter_map(|name| error.get(name));
        let words: Vec<String> = words.map(plain).collect();
        let told = if words.is_empty() {
            plain(error)
        } else {
            words.join(": ")
        };
        self.error.get_or_insert_with(|| shortened(&told));
    }

    /// The term as the answer has it, which is what is charged, and not what was asked for.
    pub(crate) fn term(&mut self, term: Term, value: Option<Json<'_>>) {
        let Some(value) = value.and_then(Json::text) else {
            return;
        };
        match term_value(&value) {
            Some(value) => drop(self.terms.insert(term, value)),
            None => drop(self.terms.remove(&term)),
        }
    }

    /// Says that one of the answers has finished; it is known by its place where it has no number.
    pub(crate) fn finish(&mut self, index: Option<Json<'_>>, place: usize) {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let index = index.and_then(Json::count).unwrap_or(place);
        self.finished.insert(index);
        let finished = u64::try_from(self.finished.len()).unwrap_or(u64::MAX);
        self.has_ended |= finished >= self.choices;
    }

    /// Says that nothing more comes, and that nothing is missing as far as the connection knows. Some
    /// answers end like this, without a word.
    pub(crate) fn whole(&mut self) {
        self.has_ended |= !self.finished.is_empty();
    }

    /// For terms that decide nothing, since what they change is in the counts.
    pub(crate) fn forget_terms(&mut self, terms: &[Term]) {
        self.terms.retain(|term, _| !terms.contains(term));
    }

    pub(crate) fn into_parts(mut self) -> Parts {
        let report = match self.usage.take() {
            None => Report::Nothing,
            Some(mut usage) => {
                usage.add(Unit::Request, 1);
                usage.terms = self.terms;
                if self.has_ended && usage.basis == Basis::Reported {
                    Report::Final(usage)
                } else {
                    usage.basis = Basis::Estimated;
                    Report::Partial(usage)
                }
            }
        };
        Parts {
            report,
            model: self.model,
            error: self.error,
            has_ended: self.has_ended,
            also: self.also,
            is_refusal: self.is_refusal,
            cost: self.cost,
        }
    }
}

fn container_size(asked: &Asked) -> u64 {
    let most = asked.may_use.get(&Unit::CodeExecution).copied().flatten();
    most.unwrap_or(1)
}

fn with_output_of(mut sum: Usage, usage: &Usage) -> Usage {
    for (unit, quantity) in usage.iter() {
        if unit.kind() == Kind::OutputToken {
            sum.add(unit, quantity);
        }
    }
    sum
}

/// What a tally comes to.
pub(crate) struct Parts {
    pub(crate) report: Report,
    pub(crate) model: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) has_ended: bool,
    pub(crate) also: Vec<Also>,
    pub(crate) is_refusal: bool,
    pub(crate) cost: Option<u64>,
}

/// A string without its quotes, or the JSON that it is.
fn plain(value: Json<'_>) -> String {
    match value.text() {
        Some(text) => text.into_owned(),
        None => value.raw().to_owned(),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
