//! What an answer used, as far as it has said so.

use ledger::{Basis, Kind, Unit, Usage};

/// What is known of an answer, when it has ended or been cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used {
    /// What the provider has reported.
    pub report: Report,
    /// The model that answered, by the provider's name for it.
    pub model: Option<String>,
    /// The provider's own words for what went wrong, where the answer is an error or broke off with one.
    pub error: Option<String>,
    /// Whether the answer came to its own end.
    pub has_ended: bool,
    /// Bytes of text that the model wrote, as far as they came by: an estimate's basis.
    pub text_bytes: u64,
    /// Tokens of that text, if the server writes one an event: closer than its bytes.
    pub text_tokens: Option<u64>,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Documents in the body that could not be read.
    pub faults: u64,
    /// What other models used in the same call.
    pub also: Vec<Also>,
    /// Whether the provider bills it. It doesn't bill an answer that is nothing but an error, nor one that it refused to
    /// begin.
    pub is_billed: bool,
    /// What the provider itself says that the call costs, in trillionths of a dollar.
    pub cost: Option<u64>,
}

/// What a provider has reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// Nothing.
    Nothing,
    /// Figures that were not the last ones; the answer was cut.
    Partial(Usage),
    /// All of it.
    Final(Usage),
}

/// A part of a call that is charged apart from the rest: another model's, or one with a context of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Also {
    /// The model, if the provider says so.
    pub model: Option<String>,
    /// What it used.
    pub usage: Usage,
}

impl Used {
    /// The usage to settle by. What was not reported is taken from a guess ([`crate::Asked::guess`]): its input where the provider
    /// said nothing of it, and for the output the text that came by: its tokens if they were counted, or else
    /// one for `bytes_per_token`, rounded up. A guess never makes less of anything than was reported.
    pub fn settled(&self, guess: &Usage, bytes_per_token: u64) -> Usage {
        let reported = match &self.report {
            Report::Final(usage) => return usage.clone(),
            Report::Partial(usage) => Some(usage),
            Report::Nothing => None,
        };
        let mut settled = Usage::new(Basis::Estimated);
        settled.terms.clone_from(&guess.terms);
        if let Some(usage) = reported {
            settled.terms.extend(usage.terms.clone());
        }
        let input_of = reported
            .filter(|usage| usage.input_tokens() > 0)
            .unwrap_or(guess);
        for (unit, quantity) in input_of.iter() {
            if unit.kind() == Kind::InputToken {
                settled.add(unit, quantity);
            }
        }
        for usage in [Some(guess), reported].into_iter().flatten() {
            for (unit, quantity) in usage
                .iter()
                .filter(|(unit, _)| unit.kind() != Kind::InputToken)
            {
                settled.add(unit, quantity.saturating_sub(settled.get(unit)));
            }
        }
        let by_bytes = self.text_bytes.div_ceil(bytes_per_token.max(1));
        let written = self.text_tokens.unwrap_or(by_bytes);
        settled.add(
            Unit::Output,
            written.saturating_sub(settled.output_tokens()),
        );
        settled
    }
}

/// Counts the whole in its parts, and what is left of it as `rest`. Parts that together are more than the
/// whole can't be true; the first ones are believed, which is why the dearest come first.
pub(crate) fn split(usage: &mut Usage, whole: u64, rest: Unit, parts: &[(Unit, u64)]) {
    let mut left = whole;
    for (unit, quantity) in parts {
        let quantity = left.min(*quantity);
        usage.add(*unit, quantity);
        left = left.saturating_sub(quantity);
    }
    usage.add(rest, left);
}
