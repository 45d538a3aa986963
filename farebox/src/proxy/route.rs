//! What a call asks for, and the most that it can cost. Pure: it reads the request and the catalogue, and
//! decides nothing about money that is there.
//!
//! The bound is safe rather than close. Text is counted by its bytes where it is short or there is no tokenizer
//! (`tokens`), since no token is shorter than a byte; what the request leaves open is taken for the most that its
//! model can do.

use std::sync::Arc;

use ledger::rates::{Card, Markup, affordable, charge, dearest};
use ledger::{Amount, Basis, Kind, Unit, Usage};
use wire::{Asked, Endpoint, Unreadable};

use crate::catalog::{Catalog, Model, output_tokens_max};
use crate::proxy::call::Call;
use crate::proxy::error::{ProxyError, codes};

/// What an answer is taken to have at most where neither the request nor anybody else says: no model that is
/// sold writes more.
const OUTPUT_TOKENS_MAX: u64 = 131_072;

/// What there is to read at most where the request doesn't show it: no context window that is sold is larger.
const CONTEXT_TOKENS_MAX: u64 = 2_097_152;

/// Tokens of an image at most, in any of the providers' ways of counting (OpenAI: "Calculating costs"; Anthropic:
/// "Vision"; Gemini: 258 a tile).
const IMAGE_TOKENS_MAX: u64 = 6_200;

/// Bytes of sound that make a token at least: 32 tokens a second (Gemini: "Audio understanding") of sound at 8
/// kbit a second.
const AUDIO_BYTES_PER_TOKEN: u64 = 32;

/// Bytes of sound that last a millisecond at least, at 8 kbit a second.
const AUDIO_BYTES_PER_MS: u64 = 1;

/// Milliseconds of sound at most that is somewhere else: the longest that is taken is three hours (Mistral's docs, "Audio &
/// Transcription").
const AUDIO_MS_MAX: u64 = 3 * 60 * 60 * 1000;

/// What a provider may count more of a recording than it says it lasts: OpenAI counts whole seconds.
const AUDIO_MS_MORE: u64 = 1000;

/// How often a provider's own tools are used at most, where the request doesn't say.
const TOOL_CALLS_MAX: u64 = 25;

/// What providers charge for their own tools.
const TOOLS: [Unit; 4] = [
    Unit::WebSearch,
    Unit::SocialSearch,
    Unit::FileSearch,
    Unit::CodeExecution,
];

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
    /// The most tokens that its text is, where they have been counted.
    pub text_tokens: Option<u64>,
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
    /// What it uses before its first output token, as a rule: the part of `input` that the first hold of a
    /// streamed call covers.
    pub likely_input: Usage,
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
    /// The cost with the least output that can be requested.
    pub least: Amount,
}

/// Output tokens that the first hold of a streamed call covers, for each answer.
const OUTPUT_TOKENS_LIKELY: u64 = 8192;

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
    Ok(Some(Route {
        endpoint,
        asked,
        model,
        text_tokens: None,
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
        let card = model.card(call.at, &self.asked.terms);
        let card = card.map_err(unpriced)?;
        self.sold(&card, &model)?;
        let input = self.input(&card).map_err(unpriced)?;
        let output = self.output(&card, &input).map_err(unpriced)?;
        let known = || output_tokens_max(call.target.provider.slug, &self.model);
        let limit = self.asked.output_limit.or_else(known);
        let limit = limit.unwrap_or(OUTPUT_TOKENS_MAX);
        let choices = self.asked.choices.max(1);
        let likely_limit = limit.min(OUTPUT_TOKENS_LIKELY.max(self.asked.output_limit_min));
        let mut bound = Bound {
            model,
            models: Vec::new(),
            card,
            markup,
            likely_input: input.clone(),
            input,
            output,
            limit,
            likely_limit,
            choices,
            most: Amount::ZERO,
            likely: Amount::ZERO,
            least: Amount::ZERO,
        };
        let tokens = |limit: u64| limit.saturating_mul(choices);
        bound.least = bound.cost(&bound.input, tokens(self.asked.output_limit_min.min(limit)))?;
        bound.most = bound.cost(&bound.input, tokens(limit))?;
        let likely = bound.cost(&bound.likely_input, bound.likely_output())?;
        bound.likely = likely.max(bound.least).min(bound.most);
        Ok(bound)
    }

    /// The most that the call uses besides what it writes.
    fn input(&self, card: &Card) -> Result<Usage, ledger::rates::ChargeError> {
        let asked = &self.asked;
        let mut usage = Usage::new(Basis::Estimated);
        usage.terms.clone_from(&asked.terms);
        let tokens = self.input_tokens();
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

    fn input_tokens(&self) -> u64 {
        let input = &self.asked.input;
        if input.is_open {
            return CONTEXT_TOKENS_MAX;
        }
        let counted = self.text_tokens.unwrap_or(input.text_bytes);
        let over = input.text_bytes.saturating_sub(counted);
        let shown = input
            .text_tokens_max()
            .saturating_sub(over)
            .saturating_add(input.images.saturating_mul(IMAGE_TOKENS_MAX))
            .saturating_add(input.audio_bytes / AUDIO_BYTES_PER_TOKEN)
            .saturating_add(input.file_bytes);
        shown.min(CONTEXT_TOKENS_MAX)
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

    /// The output limit that `held` pays for, where it is lower than the one that the call has.
    ///
    /// # Errors
    /// Where the ledger can't price it, which the bound rules out.
    pub fn clamped(&self, held: Amount) -> Result<Option<u64>, ProxyError> {
        let Some(unit) = self.output.filter(|_| held < self.most) else {
            return Ok(None);
        };
        let paid = affordable(&self.card, &self.input, unit, held, self.markup);
        let paid = paid.map_err(ProxyError::internal)?.unwrap_or_default();
        let limit = paid / self.choices;
        Ok((limit < self.limit).then_some(limit))
    }
}

/// The model, or what is requested of it, has no price.
pub fn unpriced(error: impl std::fmt::Display) -> ProxyError {
    ProxyError::bad_request(codes::NO_PRICE, error.to_string())
}
