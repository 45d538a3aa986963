//! What a request asks for: enough to bound what it can cost before it is sent.

use std::collections::BTreeMap;
use std::fmt;

use ledger::{Basis, Kind, Terms, Unit, Usage};

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The model by the name that the request gives it.
    pub model: Option<String>,
    /// Whether the answer is to come in a stream.
    pub stream: bool,
    /// Whether a stream will bring its usage to the client without anybody changing the request.
    pub usage_in_stream: bool,
    /// The most tokens that an answer may have, if the request says so; the model's own limit otherwise.
    pub output_limit: Option<u64>,
    /// The least output limit with which the request is still valid.
    pub output_limit_min: u64,
    /// How many answers there are to be, each of them up to the limit.
    pub choices: u64,
    /// How much there is to read.
    pub input: Input,
    /// Every unit that the call may use, and the most of it where the request says so. Input may be
    /// charged by any of the input units here, output by any of the output units.
    pub may_use: BTreeMap<Unit, Option<u64>>,
    /// The conditions under which it is to be served.
    pub terms: Terms,
    /// Other models that may be used beside.
    pub also: Vec<String>,
    /// Other models that may answer in its place, by name.
    pub instead: Vec<String>,
    /// Another model may answer in its place: one of those, or one that the provider chooses.
    pub may_switch: bool,
    /// What the answer has if it doesn't say, as it is likely: tokens of an image, say.
    pub likely: BTreeMap<Unit, u64>,
    /// The answer says for how long a sound it is charged.
    pub reports_duration: bool,
    /// The answer will not say what was used, because the work goes on after it.
    pub is_deferred: bool,
}

/// How much a request gives a model to read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Input {
    /// Bytes of text in UTF-8, definitions of tools included. No tokenizer makes more tokens of it.
    pub text_bytes: u64,
    /// Tokens that the request has as numbers.
    pub tokens: u64,
    /// Messages, parts of them, tools: each has a few tokens around it.
    pub pieces: u64,
    /// Images.
    pub images: Vec<Image>,
    /// Bytes of sound, decoded.
    pub audio_bytes: u64,
    /// Milliseconds of sound. `None` if some of it doesn't say how long it is.
    pub audio_ms: Option<u64>,
    /// Characters to be spoken.
    pub characters: u64,
    /// Documents and videos.
    pub documents: Vec<Document>,
    /// The request names something that the provider stores or fetches (an earlier response, a file, a document
    /// by its URL). The request doesn't show its length: only the model's context window bounds it.
    pub is_open: bool,
    /// How often the provider may read the whole input again before it answers (compaction).
    pub rereads: u64,
    /// What tools that the provider executes may add.
    pub rounds: Rounds,
}

/// An image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Image {
    /// Width and height in pixels, from the image's header; `None` if it isn't in the request or can't be read.
    pub pixels: Option<[u64; 2]>,
    /// OpenAI's `detail`.
    pub detail: Detail,
}

/// In which resolution a model looks at an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    /// Reduced to a thumbnail.
    Low,
    /// The model's standard.
    High,
    /// Whatever the provider takes when the request doesn't say.
    #[default]
    Auto,
    /// As it is.
    Original,
}

/// A document or a video in the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Document {
    /// Bytes, decoded.
    pub bytes: u64,
    /// Pages of a PDF, from its page tree; `None` if it is something else or can't be read.
    pub pages: Option<u64>,
}

/// Rounds of tools that the provider executes. After each round the model reads everything again, with what
/// the round has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rounds {
    /// How many there are at most. Zero without such a tool.
    pub most: u64,
    /// The most tokens that one round adds; `None` if only the context window bounds it.
    pub tokens: Option<u64>,
    /// Whether [`crate::Change::rounds`] can lower the number.
    pub can_be_lowered: bool,
}

impl Rounds {
    /// Both together: the rounds of each tool add up, and the largest decides about all.
    pub(crate) fn add(&mut self, other: Self) {
        *self = match self.most {
            0 => other,
            _ => Self {
                most: self.most.saturating_add(other.most),
                tokens: self.tokens.zip(other.tokens).map(|(one, two)| one.max(two)),
                can_be_lowered: self.can_be_lowered && other.can_be_lowered,
            },
        };
    }
}

/// Tokens around a piece of a request: roles, separators, a tool's frame. Providers' formats have up to
/// a dozen.
const TOKENS_AROUND_PIECE: u64 = 16;

impl Input {
    /// The most tokens that the text can be, by its length: a token is at least one byte. A tokenizer
    /// finds less; images, sound and files come on top.
    pub fn text_tokens_max(&self) -> u64 {
        self.text_bytes
            .saturating_add(self.tokens)
            .saturating_add(self.pieces.saturating_mul(TOKENS_AROUND_PIECE))
    }
}

impl Asked {
    pub(crate) fn new(units: &[Unit]) -> Self {
        Self {
            model: None,
            stream: false,
            usage_in_stream: false,
            output_limit: None,
            output_limit_min: 1,
            choices: 1,
            input: Input::default(),
            may_use: units
                .iter()
                .chain([&Unit::Request])
                .map(|unit| (*unit, None))
                .collect(),
            terms: Terms::new(),
            also: Vec::new(),
            instead: Vec::new(),
            may_switch: false,
            likely: BTreeMap::new(),
            reports_duration: false,
            is_deferred: false,
        }
    }

    /// The units of a kind that the call may use.
    pub fn units(&self, kind: Kind) -> impl Iterator<Item = Unit> {
        self.may_use
            .keys()
            .copied()
            .filter(move |unit| unit.kind() == kind)
    }

    /// What the call uses as far as the request shows, with that many tokens to read and none written: the
    /// guess that [`crate::Used::settled`] completes. Images that never came are not in it.
    pub fn guess(&self, input_tokens: u64) -> Usage {
        let mut guess = Usage::new(Basis::Estimated);
        guess.terms.clone_from(&self.terms);
        guess.add(Unit::Request, 1);
        guess.add(Unit::Input, input_tokens);
        for (unit, most) in &self.may_use {
            if matches!(unit.kind(), Kind::Character | Kind::OutputToken) {
                guess.add(*unit, most.unwrap_or_default());
            }
        }
        for (unit, quantity) in &self.likely {
            guess.add(*unit, *quantity);
        }
        guess
    }

    pub(crate) fn likely(&mut self, unit: Unit, quantity: u64) {
        self.likely.insert(unit, quantity);
    }

    pub(crate) fn may_use(&mut self, unit: Unit, most: Option<u64>) {
        self.may_use.insert(unit, most);
    }
}

/// Why a request can't be read, which is the client's fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// The body is no JSON object.
    NoObject,
    /// The body is no form, or the content type doesn't say so.
    NoForm,
    /// A member is there twice, and readers differ in which of the two they take.
    Repeated(String),
    /// A member has a value that means nothing.
    Invalid(&'static str),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoObject => f.write_str("the body is no JSON object"),
            Self::NoForm => f.write_str("the body is no multipart form: check its content type"),
            Self::Repeated(name) => write!(f, "{name} is there twice: leave one of them out"),
            Self::Invalid(name) => write!(f, "{name} has a value of the wrong kind"),
        }
    }
}

impl std::error::Error for Unreadable {}
