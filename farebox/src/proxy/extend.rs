//! The hold of a streamed call is extended while the call runs.
//!
//! Such a call starts with a hold that is likely to be enough ([`Bound::likely`]). What may have been used by now follows from
//! what the provider has reported, from the text that has come, and from the time in which none came, since reasoning may be
//! hidden. When that comes near what is held, a larger hold takes its place, in one step of the committer, with the same
//! limits and spend rules. A call has one hold at any time, which is why its settlement, its expiry and the audit don't know
//! of extensions.
//!
//! If there is no credit for it, the answer is ended in good form (`wire::ending`) when all that is held may be used.

mod take;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ledger::rates::affordable;
use ledger::{Amount, Kind, Unit, Usage};
use tokio::time::Instant;
use wire::SoFar;

use crate::app::App;
use crate::proxy::Prepared;
use crate::proxy::call::Call;
use crate::proxy::reserve::Held;
use crate::proxy::route::{BYTES_PER_TOKEN, Bound, Route};
use take::Taken;

/// Output tokens that a model writes in a second at most while nothing of it is seen. Hosted models whose reasoning is hidden
/// write 50 to 250 (Artificial Analysis, "Output speed"); faster hardware shows its reasoning.
const HIDDEN_PER_SECOND: u64 = 300;

/// A silence up to this is the network's, or a provider that passes several tokens on at once.
const SILENCE: Duration = Duration::from_secs(1);

/// So few bytes of text make a token where more is to be held: Chinese, or code.
const BYTES_PER_TOKEN_LEAST: u64 = 2;

/// An extension is for so many tokens at least, or it is not worth a commit.
const TOKENS_MIN: u64 = 64;

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(500);

/// How long after a refusal it is asked again: other calls end meanwhile.
const PAUSE: Duration = Duration::from_secs(1);

/// How long an answer waits for a store that fails to say whether more is held.
const STORE_WAIT: Duration = Duration::from_secs(15);

type Asking<'a> = Pin<Box<dyn Future<Output = Taken> + Send + 'a>>;

/// A call whose hold may have to be extended.
pub struct Extension<'a> {
    app: &'a Arc<App>,
    call: &'a Call,
    route: &'a Route,
    bound: &'a Bound,
    output: Unit,
    held: Held,
    /// The output limit that was sent, over all answers.
    limit: u64,
    /// What the call can cost with it.
    ceiling: Amount,
    /// What the operator bears beyond what is held.
    risk: Amount,
    /// What it has used beside its output, as far as is known.
    input: Usage,
    /// How many output tokens what is held pays for, and with the operator's risk.
    paid: u64,
    paid_with_risk: u64,
    /// What the provider has reported, in output tokens, and how much text has come.
    reported: u64,
    text_bytes: u64,
    /// The most tokens that have come at once: what comes next may be as much.
    burst: u64,
    /// Tokens that may have been written in silence, and when text came last.
    hidden: u64,
    heard_at: Instant,
    asking: Option<Asking<'a>>,
    /// What was asked for when nobody knows what became of it: it is asked for again, with the same ids.
    unknown: Option<[Amount; 2]>,
    unknown_since: Option<Instant>,
    /// Not before.
    asks_again_at: Option<Instant>,
}

/// Whether a call may start with less than it can cost: its hold can be extended, and it may be cut.
pub fn is_extendable(call: &Call, bound: &Bound) -> bool {
    let may_be_cut = call.gateway.settings.clamp_max_tokens && bound.output.is_some();
    bound.is_extendable && may_be_cut && bound.likely < bound.most
}

/// Whether the provider runs tools for the model, whose results it reads.
fn has_server_tools(route: &Route) -> bool {
    route.asked.may_use.keys().any(|unit| is_tool(*unit))
}

fn is_tool(unit: Unit) -> bool {
    let is_call = unit.kind() == Kind::Call && unit != Unit::Request;
    is_call || unit == Unit::CodeExecution
}

impl<'a> Extension<'a> {
    /// `None` if what is held pays for all that the call can cost. `sent_at` is when the provider was asked.
    pub fn new(app: &'a Arc<App>, prepared: &'a Prepared, sent_at: Instant) -> Option<Self> {
        let (credit, route) = (prepared.credit.as_ref()?, prepared.route.as_ref()?);
        let (call, bound, held) = (&*prepared.call, &credit.bound, credit.held);
        let limit = prepared.clamped.limit.unwrap_or(bound.limit);
        let limit = limit.saturating_mul(bound.choices);
        let ceiling = bound.cost(&bound.input, limit);
        let ceiling = ceiling.unwrap_or(bound.most).min(bound.most);
        if held.amount >= ceiling || !is_extendable(call, bound) {
            return None;
        }
        let risk = match has_server_tools(route) {
            true => app.config.gateway.tool_overrun_max,
            false => Amount::ZERO,
        };
        let mut extension = Self {
            app,
            call,
            route,
            bound,
            output: bound.output?,
            held,
            limit,
            ceiling,
            risk,
            input: bound.likely_input.clone(),
            paid: 0,
            paid_with_risk: 0,
            reported: 0,
            text_bytes: 0,
            burst: 0,
            hidden: 0,
            heard_at: sent_at,
            asking: None,
            unknown: None,
            unknown_since: None,
            asks_again_at: None,
        };
        extension.count_paid();
        Some(extension)
    }

    /// What is held now.
    pub const fn held(&self) -> Held {
        self.held
    }

    /// Takes in how far the answer is, and asks for more if that comes near what is held.
    pub fn observe(&mut self, so_far: &SoFar<'_>) {
        let now = Instant::now();
        if so_far.text_bytes > self.text_bytes {
            self.hidden = self.hidden_until(now);
            self.heard_at = now;
            let more = so_far.text_bytes.saturating_sub(self.text_bytes);
            self.burst = self.burst.max(more.div_ceil(BYTES_PER_TOKEN));
            self.text_bytes = so_far.text_bytes;
        }
        if let Some(usage) = so_far.reported {
            self.reported = self.reported.max(usage.output_tokens());
        }
        if let Some(input) = self.input_of(so_far).filter(|input| *input != self.input) {
            self.input = input;
            self.count_paid();
        }
        let may_ask = self.asks_again_at.is_none_or(|at| now >= at);
        let likely = self.tokens(BYTES_PER_TOKEN_LEAST, now);
        if self.asking.is_none()
            && may_ask
            && likely.saturating_mul(8) >= self.paid.saturating_mul(7)
        {
            self.ask(likely, now);
        }
    }

    /// Says that for so long it was the client that was waited for, and not the provider.
    pub fn not_silent(&mut self, waited: Duration) {
        self.heard_at = self.heard_at.checked_add(waited).unwrap_or(self.heard_at);
    }

    /// Whether all that is held may be used, and more is not to be had: or not yet, while it is being asked for. If what is
    /// held pays for the output limit, the provider ends the answer, however much text its tokens make.
    pub fn is_spent(&self) -> bool {
        // The event that is under way is passed on to its end, and that may be as much again.
        let next = self.burst.saturating_mul(2).min(self.paid / 8);
        let used = self.tokens(BYTES_PER_TOKEN, Instant::now());
        used.saturating_add(next) >= self.paid_with_risk && self.paid_with_risk < self.limit
    }

    /// Whether no more is to be had: none is being asked for, nor is it unknown whether there is more.
    pub fn is_refused(&self) -> bool {
        let waits = self
            .unknown_since
            .is_some_and(|since| since.elapsed() < STORE_WAIT);
        self.asking.is_none() && !waits
    }

    /// Comes when there is something to look at: an answer of the committer's, or that time has passed.
    pub async fn changed(&mut self) {
        let Some(asking) = &mut self.asking else {
            return tokio::time::sleep(TICK).await;
        };
        let taken = asking.await;
        self.asking = None;
        self.took(taken);
    }

    /// At the end: waits until it is known what is held, and holds what the call has cost, as far as there is credit for it. A last
    /// report may be of more than was seen.
    pub async fn cover(&mut self, cost: Amount) {
        if let Some(asking) = self.asking.take() {
            let taken = asking.await;
            self.took(taken);
        }
        let cost = cost.min(self.bound.most);
        // Twice: the first may be one again of which the outcome is unknown.
        for _ in 0..2 {
            if cost <= self.held.amount {
                return;
            }
            let least = self.held.amount.checked_add(Amount::from_nanos(1));
            let amounts = [least.unwrap_or(cost).min(cost), cost];
            let taken = self.taking(amounts).await;
            self.took(taken);
        }
    }

    fn took(&mut self, taken: Taken) {
        let is_more = taken.held.amount > self.held.amount;
        self.app.metrics.hold_extended(is_more);
        tracing::debug!(call = %self.call.id, held = %taken.held.amount, is_more, "a hold is extended");
        self.held = taken.held;
        self.unknown = taken.unknown;
        let since = self.unknown_since.unwrap_or_else(Instant::now);
        self.unknown_since = self.unknown.map(|_| since);
        self.asks_again_at = (!is_more).then(|| Instant::now() + PAUSE);
        self.count_paid();
    }

    fn ask(&mut self, likely: u64, now: Instant) {
        let known = self.tokens(BYTES_PER_TOKEN, now);
        let most = likely.max(self.paid).saturating_mul(2);
        let least = known.max(self.paid).saturating_add(TOKENS_MIN);
        let cost = |tokens| self.bound.cost(&self.input, tokens).unwrap_or(self.ceiling);
        let most = cost(most).min(self.ceiling);
        if most <= self.held.amount {
            return;
        }
        let amounts = [cost(least).min(most), most];
        self.asking = Some(Box::pin(self.taking(amounts)));
    }

    /// Takes so much, or what was asked for before if the outcome of that is unknown.
    fn taking(&self, amounts: [Amount; 2]) -> impl Future<Output = Taken> + Send + use<'a> {
        let amounts = self.unknown.unwrap_or(amounts);
        let Self {
            app,
            call,
            route,
            bound,
            held,
            ..
        } = *self;
        take::take(app, call, route, bound, held, amounts)
    }

    /// The output tokens that may be written by now.
    fn tokens(&self, bytes_per_token: u64, now: Instant) -> u64 {
        let text = self.text_bytes.div_ceil(bytes_per_token);
        self.reported
            .max(text.saturating_add(self.hidden_until(now)))
    }

    fn hidden_until(&self, now: Instant) -> u64 {
        let silence = now.duration_since(self.heard_at).saturating_sub(SILENCE);
        let millis = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        self.hidden
            .saturating_add(millis.saturating_mul(HIDDEN_PER_SECOND) / 1000)
    }

    fn count_paid(&mut self) {
        let with_risk = self
            .held
            .amount
            .checked_add(self.risk)
            .unwrap_or(self.held.amount);
        self.paid = self.pays_for(self.held.amount);
        self.paid_with_risk = self.pays_for(with_risk);
    }

    fn pays_for(&self, amount: Amount) -> u64 {
        let Bound { card, markup, .. } = self.bound;
        let paid = affordable(card, &self.input, self.output, amount, *markup);
        paid.ok().flatten().unwrap_or_default()
    }

    /// What it has used beside its output: as reported; where the provider's tools run, no less than was likely, and more with
    /// each of their rounds. `None` if nothing has been reported or run.
    fn input_of(&self, so_far: &SoFar<'_>) -> Option<Usage> {
        let reported = so_far.reported.filter(|usage| usage.input_tokens() > 0);
        if !has_server_tools(self.route) {
            return reported.map(|usage| self.priced_input(usage));
        }
        // The round after those that were seen may be running.
        let rounds = so_far.server_calls.saturating_add(1);
        let likely = self.bound.reads.likely_of(rounds);
        let reported = reported.map_or(0, Usage::input_tokens);
        Some(self.bound.input_of(likely.max(reported), rounds))
    }

    /// The reported input under the call's own terms; as it was likely if its units have no rate here.
    fn priced_input(&self, reported: &Usage) -> Usage {
        let mut input = Usage::new(reported.basis);
        input.terms.clone_from(&self.bound.input.terms);
        for (unit, quantity) in reported.iter() {
            if unit.kind() == Kind::OutputToken {
                continue;
            }
            if self.bound.card.rate(unit).is_none() && unit != Unit::Request {
                return self.bound.likely_input.clone();
            }
            input.add(unit, quantity);
        }
        input
    }
}
