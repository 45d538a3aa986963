//! An answer, watched while somebody else passes it on.

use ledger::{Basis, Kind, Unit, Usage};

use crate::asked::Asked;
use crate::endpoint::{Api, Endpoint};
use crate::json::Json;
use crate::json::skim::{Shape, Skim};
use crate::openai::speech::{self, Spoken};
use crate::openai::{chat, embeddings, images, moderations, responses, transcription};
use crate::sse::{Decoder, Piece};
use crate::tally::Tally;
use crate::used::{Report, Used};
use crate::{anthropic, cohere, gemini};

/// Of the data of an event, enough to tell `[DONE]`.
const HEAD_BYTES_MAX: usize = 16;
const DONE: &[u8] = b"[DONE]";

/// How a body is made up.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Framing {
    /// JSON documents in server-sent events.
    Events,
    /// A JSON document, or an array of them.
    Documents,
    /// Something else: sound, or plain text.
    Bytes,
}

/// What an answer has used, as far as it has come.
#[derive(Copy, Clone, Debug)]
pub struct SoFar<'a> {
    /// Bytes of text that the model wrote.
    pub text_bytes: u64,
    /// The last usage that was reported; of a stream that reports none before its end, nothing.
    pub reported: Option<&'a Usage>,
    /// How often the provider has run a tool for the model.
    pub server_calls: u64,
}

/// Watches one answer. It never changes what it sees, keeps next to nothing of it, and can't fail.
pub struct Observer {
    api: Api,
    framing: Framing,
    /// The answer is one document, and over when that is.
    is_one_document: bool,
    decoder: Decoder,
    head: Vec<u8>,
    skim: Skim,
    tally: Tally,
    /// Tokens of a stream's text, counted by its events.
    event_tokens: EventTokens,
    /// The most tokens that all answers together may have, if the request says so.
    output_max: Option<u64>,
    /// Of text that is not JSON.
    text_bytes: u64,
    body_bytes: u64,
    faults: u64,
    /// Speech, if it comes as sound or in events.
    spoken: Option<Spoken>,
}

impl Observer {
    /// For the answer to that request, by its status-independent head: the content type.
    pub fn new(endpoint: &Endpoint, asked: &Asked, content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default();
        let framing = match kind.trim().to_ascii_lowercase().as_str() {
            "text/event-stream" => Framing::Events,
            kind if kind.ends_with("json") => Framing::Documents,
            _ => Framing::Bytes,
        };
        let is_sound = endpoint.api == Api::Speech && framing != Framing::Documents;
        let spoken = is_sound.then(|| Spoken::new(asked, kind));
        Self {
            api: endpoint.api,
            framing,
            // Gemini streams an array of documents. Whoever else answers in JSON doesn't stream, also
            // where it was asked to.
            is_one_document: framing == Framing::Documents
                && !(asked.stream && endpoint.api == Api::Generate),
            decoder: Decoder::default(),
            head: Vec::new(),
            skim: Skim::new(shape(endpoint.api, framing)),
            tally: Tally::new(endpoint, asked),
            event_tokens: EventTokens::default(),
            output_max: asked
                .output_limit
                .map(|limit| limit.saturating_mul(asked.choices)),
            text_bytes: 0,
            body_bytes: 0,
            faults: 0,
            spoken,
        }
    }

    /// Takes the next bytes of the body, in whatever pieces they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.body_bytes = self.body_bytes.saturating_add(length);
        match self.framing {
            Framing::Events => self.feed_events(bytes),
            Framing::Documents => {
                let (api, tally, faults) = (self.api, &mut self.tally, &mut self.faults);
                let is_one = self.is_one_document;
                self.skim.feed(bytes, &mut |document| {
                    read(api, tally, faults, document);
                    tally.has_ended |= is_one;
                });
            }
            // A transcription may be plain text; sound is no text.
            Framing::Bytes if self.api == Api::Transcription => {
                self.text_bytes = self.text_bytes.saturating_add(length);
            }
            Framing::Bytes => {
                if let Some(spoken) = &mut self.spoken {
                    spoken.feed(bytes);
                }
            }
        }
    }

    fn feed_events(&mut self, bytes: &[u8]) {
        let (api, tally, faults) = (self.api, &mut self.tally, &mut self.faults);
        let (head, skim) = (&mut self.head, &mut self.skim);
        let event_tokens = &mut self.event_tokens;
        self.decoder.feed(bytes, &mut |piece| match piece {
            Piece::Data(data) => {
                let room = HEAD_BYTES_MAX.saturating_sub(head.len());
                head.extend(data.iter().take(room));
                skim.feed(data, &mut |document| read(api, tally, faults, document));
            }
            Piece::End { .. } => {
                tally.has_ended |= head.trim_ascii() == DONE;
                head.clear();
                skim.cut();
                event_tokens.event(skim.text_bytes());
            }
        });
    }

    /// What is known before the end.
    pub fn so_far(&self) -> SoFar<'_> {
        SoFar {
            text_bytes: self.text_bytes.saturating_add(self.skim.text_bytes()),
            reported: self.tally.usage.as_ref(),
            server_calls: self.tally.server_calls,
        }
    }

    /// The tokens that were written, as far as the stream's events show.
    fn text_tokens(&self) -> Option<u64> {
        let is_counted = self.framing == Framing::Events && self.tally.dialect.token_per_event;
        is_counted.then_some(self.event_tokens.tokens)
    }

    /// What was used. `is_whole` says whether the body came to its end as HTTP knows it, and was not cut.
    pub fn finish(mut self, is_whole: bool) -> Used {
        self.skim.cut();
        if is_whole {
            self.tally.whole();
        }
        if self.framing == Framing::Bytes && is_whole {
            self.tally.has_ended = true;
        }
        let spoken = self.spoken.as_ref().filter(|_| self.body_bytes > 0);
        let is_reported = self.tally.usage.is_some();
        if let Some(spoken) = spoken.filter(|_| !is_reported && !self.tally.is_silent_error()) {
            self.tally.usage = spoken.used(is_whole && self.framing == Framing::Bytes);
        }
        if self.api.is_free() {
            self.tally.usage = Some(Usage::new(Basis::Reported).with(&[(Unit::Request, 0)]));
            self.tally.has_ended = true;
        }
        let text_bytes = self.text_bytes.saturating_add(self.skim.text_bytes());
        let mut text_tokens = self.text_tokens();
        let is_counted = self.tally.uncounted() == 0;
        if !is_counted {
            // No more than the request allows.
            let counted = text_tokens.unwrap_or(text_bytes.div_ceil(BYTES_PER_TOKEN));
            text_tokens = Some(counted.min(self.output_max.unwrap_or(u64::MAX)));
        }
        let parts = self.tally.into_parts();
        let is_talk = talks(self.api) && parts.also.is_empty();
        let report = match is_counted {
            true => believed(parts.report, is_talk, text_bytes),
            false => incomplete(parts.report),
        };
        let is_nothing = text_bytes == 0 && parts.also.is_empty() && is_only_input(&report);
        let came_to_nothing = parts.is_refusal || parts.error.is_some();
        Used {
            is_billed: !(came_to_nothing && is_nothing),
            cost: parts.cost,
            report,
            model: parts.model,
            error: parts.error,
            has_ended: parts.has_ended,
            text_bytes,
            text_tokens,
            body_bytes: self.body_bytes,
            faults: self.faults.saturating_add(self.skim.faults()),
            also: parts.also,
        }
    }
}

/// Whether nothing is reported but what was read.
fn is_only_input(report: &Report) -> bool {
    let usage = match report {
        Report::Final(usage) | Report::Partial(usage) => usage,
        Report::Nothing => return true,
    };
    usage
        .iter()
        .all(|(unit, _)| unit.kind() == Kind::InputToken || unit == Unit::Request)
}

/// How many bytes of text make a token in an answer that no usage counts: few enough to be no gift.
const BYTES_PER_TOKEN: u64 = 3;

/// The longest text of one token, as a rule. An event with more has several.
const TOKEN_BYTES_MAX: u64 = 8;

/// Tokens by the events that bring them.
#[derive(Default)]
struct EventTokens {
    tokens: u64,
    text_bytes: u64,
}

impl EventTokens {
    /// Counts an event after which so many bytes of text have come.
    fn event(&mut self, text_bytes: u64) {
        let grown = text_bytes.saturating_sub(self.text_bytes);
        self.text_bytes = text_bytes;
        if grown > 0 {
            let tokens = grown.checked_div(TOKEN_BYTES_MAX).unwrap_or_default();
            self.tokens = self.tokens.saturating_add(tokens.max(1));
        }
    }
}

/// A usage that counts some of several answers.
fn incomplete(report: Report) -> Report {
    match report {
        Report::Final(mut usage) => {
            usage.basis = Basis::Estimated;
            Report::Partial(usage)
        }
        report => report,
    }
}

/// Whether the API's models read tokens and write tokens, always.
const fn talks(api: Api) -> bool {
    match api {
        Api::Chat | Api::Completions | Api::Messages | Api::Generate | Api::CohereChat => true,
        Api::Responses | Api::Compact => true,
        Api::Embeddings | Api::Images | Api::Speech | Api::Transcription => false,
        Api::Moderations | Api::CountTokens | Api::Embed | Api::CohereMeta => false,
    }
}

/// A report that forgets what was plainly there is not all of it: a model that has read nothing, or has
/// written text of no tokens. Some servers report zeros.
fn believed(report: Report, is_talk: bool, text_bytes: u64) -> Report {
    match report {
        Report::Final(mut usage) if is_talk => {
            let wrote_nothing = text_bytes > 0 && usage.output_tokens() == 0;
            if usage.input_tokens() > 0 && !wrote_nothing {
                return Report::Final(usage);
            }
            usage.basis = Basis::Estimated;
            Report::Partial(usage)
        }
        report => report,
    }
}

/// What to keep of the API's documents.
const fn shape(api: Api, framing: Framing) -> &'static Shape {
    let in_events = matches!(framing, Framing::Events);
    match api {
        Api::Chat | Api::Completions => &chat::SHAPE,
        Api::Responses if in_events => &responses::STREAM_SHAPE,
        Api::Responses | Api::Compact => &responses::BODY_SHAPE,
        Api::Embeddings => &embeddings::SHAPE,
        Api::Images => &images::SHAPE,
        Api::Speech => &speech::SHAPE,
        Api::Transcription if in_events => &transcription::STREAM_SHAPE,
        Api::Transcription => &transcription::BODY_SHAPE,
        Api::Moderations | Api::CountTokens => &moderations::SHAPE,
        Api::Messages => &anthropic::messages::SHAPE,
        Api::Generate => &gemini::generate::SHAPE,
        Api::Embed => &gemini::embed::SHAPE,
        Api::CohereChat | Api::CohereMeta => &cohere::SHAPE,
    }
}

fn read(api: Api, tally: &mut Tally, faults: &mut u64, document: &str) {
    let Some(document) = Json::parse(document) else {
        *faults = faults.saturating_add(1);
        return;
    };
    match api {
        Api::Chat | Api::Completions => chat::read(tally, document),
        Api::Responses | Api::Compact => responses::read(tally, document),
        Api::Embeddings => embeddings::read(tally, document),
        Api::Images => images::read(tally, document),
        Api::Speech => speech::read(tally, document),
        Api::Transcription => transcription::read(tally, document),
        Api::Moderations | Api::CountTokens => moderations::read(tally, document),
        Api::Messages => anthropic::messages::read(tally, document),
        Api::Generate => gemini::generate::read(tally, document),
        Api::Embed => gemini::embed::read(tally, document),
        Api::CohereChat | Api::CohereMeta => cohere::read(tally, document),
    }
}
