//! What a client gets of an answer, where that is not what its provider sends: translated to the format that the
//! client speaks, or without the usage that nobody but the gateway has asked for.
//!
//! The observer watches the provider's own bytes, and so does the log: what is charged doesn't depend on what is
//! made of them here.

use bytes::Bytes;
use http::StatusCode;
use wire::compat::{self, Target};
use wire::sse::HideUsageChunk;

use crate::proxy::Prepared;
use crate::proxy::error::{ProxyError, codes};

/// How the answer to a chat completion is told that was asked for in another format.
#[derive(Clone, Copy, Debug)]
pub struct Translation {
    /// The format of the provider.
    pub target: Target,
    /// Whether the client wants to see the usage in its stream.
    pub usage_in_stream: bool,
    /// The time that is put into the answer, in seconds since the Unix epoch.
    pub created_secs: u64,
}

impl Translation {
    /// An answer that came whole. An error that nobody can read is passed on as it is.
    ///
    /// # Errors
    /// [`codes::UNTOLD`] where the model's answer has nothing that could be told.
    pub fn whole(self, status: StatusCode, body: Bytes) -> Result<Bytes, ProxyError> {
        let text = std::str::from_utf8(&body).ok();
        let told = text.and_then(|text| compat::answer(self.target, text, self.created_secs));
        match told {
            Some(told) => Ok(Bytes::from(told)),
            None if !status.is_success() => Ok(body),
            None => {
                let message = "Failed to parse model output: the provider's answer has no part that a chat \
                     completion can carry. The call's log has the answer and its cost.";
                Err(ProxyError::new(StatusCode::BAD_GATEWAY, codes::UNTOLD, message).for_good())
            }
        }
    }
}

/// A stream on its way to the client.
pub enum Passing {
    /// Every byte of it.
    AsItIs,
    /// All but the usage.
    WithoutUsage(Box<HideUsageChunk>),
    /// In the client's format.
    Translated(Box<compat::Stream>),
}

impl Passing {
    /// What this call's client gets.
    pub fn of(prepared: &Prepared) -> Self {
        match prepared.call.translation {
            Some(Translation {
                target,
                usage_in_stream,
                created_secs,
            }) => Self::Translated(Box::new(compat::Stream::new(
                target,
                usage_in_stream,
                created_secs,
            ))),
            None if prepared.hides_usage => Self::WithoutUsage(Box::new(HideUsageChunk::of(
                prepared.call.target.provider.dialect,
            ))),
            None => Self::AsItIs,
        }
    }

    /// Whether the client gets as many bytes as the provider has sent.
    pub const fn is_as_it_is(&self) -> bool {
        matches!(self, Self::AsItIs)
    }

    /// The client's bytes for the provider's next ones.
    pub fn feed(&mut self, piece: Bytes) -> Bytes {
        match self {
            Self::AsItIs => piece,
            Self::WithoutUsage(hider) => Bytes::from(hider.feed(&piece)),
            Self::Translated(stream) => Bytes::from(stream.feed(&piece)),
        }
    }

    /// What is left when the stream has ended; `is_whole` where it came to its end.
    pub fn finish(self, is_whole: bool) -> Bytes {
        match self {
            Self::AsItIs => Bytes::new(),
            Self::WithoutUsage(hider) => Bytes::from(hider.finish()),
            Self::Translated(stream) => Bytes::from(stream.finish(is_whole)),
        }
    }
}
