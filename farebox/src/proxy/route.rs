//! What a call asks for, and what it can cost. Pure: it reads the request and the catalogue, and decides nothing about
//! money that is there.
//!
//! A bound has three amounts: the ceiling, what is likely at the start of a stream, and the least with which the call
//! makes sense. How many tokens it reads is `input`'s to say.

use std::sync::Arc;

use ledger::rates::{Card, Markup, affordable, charge, dearest};
use ledger::{Amount, Basis, Kind, Timestamp, Unit, Usage};
use wire::{Api, Asked, Endpoint, Unreadable};

use crate::catalog::{Catalog, Model, Tokens, output_tokens_max};
use crate::proxy::call::Call;
use crate::proxy::error::{ProxyError, codes};
use crate::proxy::input::Reads;

/// What an answer is taken to have at most where neither the request nor anybody else says: no model that is
/// sold writes more.
const OUTPUT_TOKENS_MAX: u64 = 131_072;

/// Bytes of sound that last a millisecond at least, at 8 kbit a second.
const AUDIO_BYTES_PER_MS: u64 = 1;

/// Milliseconds of sound at most that is somewhere else: the longest that is taken is three hours (Mistral's docs, "Audio &
/// Transcription").
const AUDIO_MS_MAX: u64 = 3 * 60 * 60 * 1000;

/// What a provider may count more of a recording than it says it lasts: OpenAI counts whole seconds.
const AUDIO_MS_MORE: u64 = 1000;

/// How often a server-side tool that is charged by the call is used at most, if the request doesn't say.
const TOOL_CALLS_MAX: u64 = 25;

/// What providers charge for their own tools.
const TOOLS: [Unit; 4] = [
    Unit::WebSearch,
    Unit::SocialSearch,
    Unit::FileSearch,
    Unit::CodeExecution,
];

/// Tokens that a model's chat template adds at most, at a server that the operator runs: some add a system prompt of
/// their own. SmolLM2's makes 33 tokens of "Say hello." (`foreign/llama`).
const TEMPLATE_TOKENS: u64 = 256;

/// How many bytes of text make a token, where an answer has to be guessed at: few enough to be no gift.
pub const BYTES_PER_TOKEN: u64 = 3;

/// What a call asks for, as far as the gateway has to know.
#[derive(Debug)]
pub struct Route {
    /// The API at its provider.
    pub endpoint: Endpoint,
    /// What it asks for.
    pub asked: Asked,
    /// The model's name in the request.
    pub model: String,
    /// The tokens of its text, if they have been counted.
    pub text_tokens: Option<Tokens>,
    /// The most tokens that the call can read and write, if the operator runs the server and says so.
    pub context_tokens: Option<u64>,
    /// The most tokens that the server puts around the conversation.
    pub template_tokens: u64,
    /// Whether a stream of it has events that show how far the answer is.
    pub has_events: bool,
}

/// Whether a stream at that path has events that show how far the answer is. Gemini's without `alt=sse` is one document.
pub fn has_events(api: Api, path: &str) -> bool {
    match api {
        Api::Chat | Api::Messages | Api::Responses => true,
        Api::Generate => {
            let query = path.split_once('?').map_or("", |(_, query)| query);
            query.split('&').any(|pair| pair == "alt=sse")
        }
        _ => false,
    }
}

/// A call whose cost is bounded.
#[derive(Debug)]
pub struct Bound {
    /// The requested model in the catalogue.
    pub model: Arc<Model>,
    /// Every model that may answer, the requested one first, with its markup; empty if it is that one alone. The bound is
    /// that of the dearest.
    pub models: Vec<(Arc<Model>, Markup)>,
    /// The rates that count for it.
    pub card: Card,
    /// What is added to them.
    pub markup: Markup,
    /// The most that it uses, without its output.
    pub input: Usage,
    /// What it uses before its first output token, as a rule, with the first round of a server-side tool: the part of
    /// `input` that the first hold of a streamed call covers.
    pub likely_input: Usage,
    /// How many tokens it reads, and in how many rounds of server-side tools.
    pub reads: Reads,
    /// The dearest output unit that it may use; `None` if it writes no tokens.
    pub output: Option<Unit>,
    /// The output limit of each answer, in tokens.
    pub limit: u64,
    /// How many of these tokens the first hold of a streamed call covers, for each answer.
    pub likely_limit: u64,
    /// How many answers, each up to the limit.
    pub choices: u64,
    /// The ceiling of its cost.
    pub most: Amount,
    /// The cost of `likely_input` and `likely_limit`: what a streamed call holds at its start.
    /// `least <= likely <= most`.
    pub likely: Amount,
    /// The cost with the fewest rounds and the least output that can be requested; of a stream, with `likely_input`.
    pub least: Amount,
    /// Whether its hold can be extended while it runs: it streams events that say how it goes on.
    pub is_extendable: bool,
}

/// What is changed in a request so that it costs no more than there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clamped {
    /// The output limit of each answer, in tokens.
    pub limit: Option<u64>,
    /// The rounds of server-side tools.
    pub rounds: Option<u64>,
}

/// Output tokens that the first hold of a streamed call covers, for each answer: as many as the prompt has, between
/// these. Few answers are longer than their prompt, and a longer one has its hold extended.
const OUTPUT_TOKENS_LIKELY: std::ops::RangeInclusive<u64> = 1024..=8192;

fn likely_limit(reads: &Reads, limit: u64, limit_min: u64) -> u64 {
    let (low, high) = (OUTPUT_TOKENS_LIKELY.start(), OUTPUT_TOKENS_LIKELY.end());
    let likely = reads.shown_likely().clamp(*low, *high);
    limit.min(likely.max(limit_min))
}

/// Reads what a call asks for; nothing where its path is none that is metered.
///
/// # Errors
/// Where the body is not what the API takes.
pub fn route(call: &Call) -> Result<Option<Route>, ProxyError> {
    if call.method != http::Method::POST {
        return Ok(None);
    }
    let Some(endpoint) = Endpoint::find(call.target.provider.dialect, &call.path) else {
        return Ok(None);
    };
    let asked = ask(call, &endpoint, &mut |_| ());
    let asked =
        asked.map_err(|error| ProxyError::bad_request(codes::BAD_FORMAT, error.to_string()))?;
    let Some(model) = asked.model.clone() else {
        let message = "the request names no model: add model";
        return Err(ProxyError::bad_request(codes::BAD_FORMAT, message));
    };
    // It could be kept in no log, and is none that there is.
    if model.contains('\0') {
        let message = "the model's name has the character U+0000: leave it out";
        return Err(ProxyError::bad_request(codes::BAD_FORMAT, message));
    }
    let has_template = matches!(
        endpoint.api,
        Api::Chat | Api::Responses | Api::Messages | Api::Generate
    );
    let template_tokens = match has_template && call.target.operated.is_some() {
        true => TEMPLATE_TOKENS,
        false => 0,
    };
    Ok(Some(Route {
        has_events: has_events(endpoint.api, &call.path),
        endpoint,
        asked,
        model,
        text_tokens: None,
        context_tokens: call
            .target
            .operated
            .as_deref()
            .and_then(|operated| operated.context_tokens),
        template_tokens,
    }))
}

/// Reads the body; `text` is handed every piece of text that the model is to read.
///
/// # Errors
/// Where it is not what the API takes.
pub fn ask(
    call: &Call,
    endpoint: &Endpoint,
    text: &mut dyn FnMut(&str),
) -> Result<Asked, Unreadable> {
    let content_type = call.header(&http::header::CONTENT_TYPE);
    let content_type = content_type.unwrap_or("application/json");
    wire::ask(endpoint, content_type, &call.body, text)
}

impl Route {
    /// The model in the catalogue.
    ///
    /// # Errors
    /// Where it has no price, or the work goes on after the answer.
    pub fn model(&self, call: &Call, catalog: &Catalog) -> Result<Arc<Model>, ProxyError> {
        if self.asked.is_deferred {
            let message = "what goes on after its answer can't be paid for in advance: ask for the answer \
                 itself, or send a provider key of your own";
            return Err(ProxyError::bad_request(codes::NOT_METERED, message));
        }
        let model = catalog.find(call.target.provider.slug, &self.model);
        model.map_err(unpriced)
    }

    /// Bounds what the call can cost.
    ///
    /// # Errors
    /// Where the model has no price for what is asked of it.
    pub fn bound(
        &self,
        call: &Call,
        model: Arc<Model>,
        markup: Markup,
    ) -> Result<Bound, ProxyError> {
        let provider = call.target.provider.slug;
        self.bound_at(call.at, provider, &call.headers, model, markup)
    }

    /// The same of a call that isn't made.
    ///
    /// # Errors
    /// As [`Route::bound`].
    pub fn bound_at(
        &self,
        at: Timestamp,
        provider: &str,
        headers: &http::HeaderMap,
        model: Arc<Model>,
        markup: Markup,
    ) -> Result<Bound, ProxyError> {
        let card = model.card(at, &self.asked.terms);
        let card = card.map_err(unpriced)?;
        self.sold(&card, &model)?;
        let window = self.context_tokens.or_else(|| context(headers, &model));
        let reads = Reads::of(self, &model.id, window);
        let input = self.input(&card, &reads).map_err(unpriced)?;
        let output = self.output(&card, &input).map_err(unpriced)?;
        let known = || output_tokens_max(provider, &self.model);
        let limit = self.asked.output_limit.or_else(known);
        let limit = limit
            .unwrap_or(OUTPUT_TOKENS_MAX)
            .min(self.context_tokens.unwrap_or(u64::MAX));
        let mut bound = Bound {
            model,
            models: Vec::new(),
            card,
            markup,
            likely_input: input.clone(),
            input,
            reads,
            output,
            limit,
            likely_limit: likely_limit(&reads, limit, self.asked.output_limit_min),
            choices: self.asked.choices.max(1),
            most: Amount::ZERO,
            likely: Amount::ZERO,
            least: Amount::ZERO,
            is_extendable: self.asked.stream && self.has_events,
        };
        bound.likely_input = bound.input_of(reads.likely(), reads.rounds.most.min(1));
        bound.find_amounts(self.asked.output_limit_min)?;
        Ok(bound)
    }

    /// The most that the call uses besides its output.
    fn input(&self, card: &Card, reads: &Reads) -> Result<Usage, ledger::rates::ChargeError> {
        let asked = &self.asked;
        let mut usage = Usage::new(Basis::Estimated);
        usage.terms.clone_from(&asked.terms);
        let tokens = reads.most(reads.rounds.most);
        let units = self.token_units(card, Kind::InputToken);
        if !units.is_empty() {
            usage.add(dearest(card, &units, tokens)?, tokens);
        }
        for (unit, most) in &asked.may_use {
            let quantity = match unit.kind() {
                Kind::InputToken | Kind::OutputToken => continue,
                Kind::Call if *unit == Unit::Request => 1,
                Kind::Call => most.unwrap_or(TOOL_CALLS_MAX),
                Kind::Character => most.unwrap_or(asked.input.text_bytes),
                Kind::Time => most.unwrap_or_else(|| self.audio_ms_max()),
                Kind::Piece => most.unwrap_or(asked.choices),
            };
            // What is left has been checked (`sold`), or is one of several ways in which a model may be sold.
            if card.rate(*unit).is_some() {
                usage.add(*unit, quantity);
            }
        }
        Ok(usage)
    }

    /// What the call may use of the provider's tools needs a rate, and a recording that is charged by its duration has to
    /// have one. If the provider reports what a call costs, its tools are in that.
    fn sold(&self, card: &Card, model: &Model) -> Result<(), ProxyError> {
        let mut tools = TOOLS.iter().copied();
        let unsold =
            tools.find(|unit| self.asked.may_use.contains_key(unit) && card.rate(*unit).is_none());
        let id = format!("{}/{}", model.provider, model.id);
        if let Some(unit) = unsold.filter(|_| !self.endpoint.reports_cost()) {
            return Err(unpriced(format!(
                "{id} has no price for {unit}, which this request may use. Leave that tool out, or use your own \
                 provider key. The operator can add a rate to the file that [prices] file names"
            )));
        }
        let by_duration = self.token_units(card, Kind::InputToken).is_empty()
            && card.rate(Unit::InputAudioMs).is_some();
        if by_duration && self.asked.input.audio_ms.is_none() && !self.asked.reports_duration {
            let message = format!(
                "{id} is charged by the recording's duration, and neither the file nor the requested \
                 response_format says it. Send WAV, MP3, M4A, AAC, FLAC, OGG or WebM, or set response_format to \
                 verbose_json"
            );
            return Err(ProxyError::bad_request(codes::BAD_FORMAT, message));
        }
        Ok(())
    }

    /// The units of tokens that the call may use; none if the model has a rate for none of them and is sold by something
    /// else: by the duration, the character, the image or the search.
    fn token_units(&self, card: &Card, kind: Kind) -> Vec<Unit> {
        let units: Vec<Unit> = self.asked.units(kind).collect();
        let has_rate = |unit: &Unit| card.rate(*unit).is_some();
        let others = [
            Unit::InputAudioMs,
            Unit::InputCharacters,
            Unit::Image,
            Unit::RerankSearch,
        ];
        let mut others = others
            .iter()
            .filter(|unit| self.asked.may_use.contains_key(unit));
        match !units.iter().any(has_rate) && others.any(has_rate) {
            true => Vec::new(),
            false => units,
        }
    }

    /// The most milliseconds of sound.
    fn audio_ms_max(&self) -> u64 {
        let input = &self.asked.input;
        match input.audio_ms {
            Some(millis) => millis.saturating_add(AUDIO_MS_MORE),
            None if input.is_open => AUDIO_MS_MAX,
            None => input.audio_bytes / AUDIO_BYTES_PER_MS,
        }
    }

    fn output(
        &self,
        card: &Card,
        input: &Usage,
    ) -> Result<Option<Unit>, ledger::rates::ChargeError> {
        let units = self.token_units(card, Kind::OutputToken);
        if units.is_empty() {
            return Ok(None);
        }
        dearest(card, &units, input.input_tokens()).map(Some)
    }
}

impl Bound {
    /// The cost of that input with that many output tokens over all answers, by the call's card and markup. A hold
    /// that is extended while the call runs is extended to this, and never needs to be above [`Bound::most`].
    ///
    /// # Errors
    /// [`codes::NO_PRICE`] if a unit has no rate.
    pub fn cost(&self, input: &Usage, output_tokens: u64) -> Result<Amount, ProxyError> {
        let mut usage = input.clone();
        if let Some(unit) = self.output {
            usage.add(unit, output_tokens);
        }
        let charged = charge(&self.card, &self.model.charged(&usage), self.markup);
        charged.map(|charge| charge.amount).map_err(unpriced)
    }

    /// The output tokens over all answers that [`Bound::likely`] covers.
    pub fn likely_output(&self) -> u64 {
        self.likely_limit.saturating_mul(self.choices)
    }

    /// The input with that many tokens, and no more calls of server-side tools than rounds.
    pub fn input_of(&self, tokens: u64, rounds: u64) -> Usage {
        let mut usage = Usage::new(self.input.basis);
        usage.terms.clone_from(&self.input.terms);
        for (unit, quantity) in self.input.iter() {
            let quantity = match unit.kind() {
                Kind::InputToken => tokens.min(quantity),
                Kind::Call if unit != Unit::Request && self.reads.rounds.most > 0 => {
                    quantity.min(rounds)
                }
                _ => quantity,
            };
            usage.add(unit, quantity);
        }
        usage
    }

    fn with_rounds(&self, rounds: u64) -> Usage {
        self.input_of(self.reads.most(rounds), rounds)
    }

    /// The input of the least that can be requested.
    fn least_input(&self) -> Usage {
        match self.is_extendable {
            true => self.likely_input.clone(),
            false => self.with_rounds(self.reads.rounds_min()),
        }
    }

    fn find_amounts(&mut self, limit_min: u64) -> Result<(), ProxyError> {
        let tokens = |limit: u64| limit.saturating_mul(self.choices);
        let least = self.cost(&self.least_input(), tokens(limit_min.min(self.limit)))?;
        self.most = self.cost(&self.input, tokens(self.limit))?;
        // An odd price list may have a lower rate for more of it.
        self.least = least.min(self.most);
        let likely = self.cost(&self.likely_input, self.likely_output())?;
        self.likely = likely.max(self.least).min(self.most);
        Ok(())
    }

    /// What `amount` pays for, if that is less than the call can cost: first fewer rounds of server-side tools, as long
    /// as that leaves a likely output, and then a lower output limit.
    ///
    /// # Errors
    /// If the ledger can't price it, which the bound rules out.
    pub fn clamped(&self, amount: Amount) -> Result<Clamped, ProxyError> {
        if amount >= self.most {
            return Ok(Clamped::default());
        }
        let rounds = self.affordable_rounds(amount);
        let input = rounds.map_or_else(|| self.input.clone(), |rounds| self.with_rounds(rounds));
        let mut tokens = self.affordable_output(&input, amount)?;
        if self.is_extendable && tokens.is_none_or(|tokens| tokens < self.likely_output()) {
            // Its hold is extended if it reads more than is likely.
            tokens = tokens.max(self.affordable_output(&self.likely_input, amount)?);
        }
        let limit = self
            .output
            .map(|_| tokens.unwrap_or_default() / self.choices);
        Ok(Clamped {
            limit: limit.filter(|limit| *limit < self.limit),
            rounds,
        })
    }

    /// The most rounds that leave a likely output; `None` if their number stays as it is.
    fn affordable_rounds(&self, amount: Amount) -> Option<u64> {
        let (least, most) = (self.reads.rounds_min(), self.reads.rounds.most);
        let fits = |rounds: u64| {
            let cost = self.cost(&self.with_rounds(rounds), self.likely_output());
            cost.is_ok_and(|cost| cost <= amount)
        };
        // The cost rises with the rounds: half of what is left is ruled out with each look.
        let (mut low, mut high) = (least, most);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match fits(middle) {
                true => low = middle,
                false => high = middle - 1,
            }
        }
        (low < most).then_some(low)
    }

    /// How many output tokens `amount` pays for beside that input; `None` if it doesn't pay for the input.
    fn affordable_output(&self, input: &Usage, amount: Amount) -> Result<Option<u64>, ProxyError> {
        let Some(unit) = self.output else {
            return Ok(None);
        };
        affordable(&self.card, input, unit, amount, self.markup).map_err(ProxyError::internal)
    }

    /// Why the call needs `amount`: `input 41,204 tokens, output up to 32,000 tokens, web_search up to 5`.
    pub fn needs(&self, amount: Amount) -> String {
        let input = match amount >= self.most {
            true => self.input.clone(),
            false => self.least_input(),
        };
        let mut needs = Vec::new();
        if input.input_tokens() > 0 {
            needs.push(format!("input {} tokens", grouped(input.input_tokens())));
        }
        if self.output.is_some() {
            let limit = grouped(self.limit.saturating_mul(self.choices));
            needs.push(format!("output up to {limit} tokens"));
        }
        for (unit, quantity) in self.input.iter() {
            let is_token = matches!(unit.kind(), Kind::InputToken | Kind::OutputToken);
            if !is_token && unit != Unit::Request {
                let unit = unit.name().replace('_', " ");
                needs.push(format!("{unit} up to {}", grouped(quantity)));
            }
        }
        needs.join(", ")
    }
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The model's context window. A header opens a larger one of some of Anthropic's models (Anthropic's docs, "Context
/// windows").
fn context(headers: &http::HeaderMap, model: &Model) -> Option<u64> {
    let beta = headers
        .get("anthropic-beta")
        .and_then(|beta| beta.to_str().ok());
    let is_larger = beta.is_some_and(|beta| beta.contains("context-1m"));
    let window = if is_larger { 1_000_000 } else { 0 };
    model.context.map(|context| context.max(window))
}

/// The model, or what is requested of it, has no price.
pub fn unpriced(error: impl std::fmt::Display) -> ProxyError {
    ProxyError::bad_request(codes::NO_PRICE, error.to_string())
}
