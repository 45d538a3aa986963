//! What is kept in mind of an answer while it passes: what it used, and for its log what it said.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use std::time::Instant;
use wire::{Observer, SoFar, Used};

use crate::proxy::Prepared;
use crate::proxy::decode::{Coding, Compressed};

/// An answer as far as it has come.
pub struct Watched {
    observer: Option<Observer>,
    /// What the observer reads at the end, if the answer is compressed.
    compressed: Option<Compressed>,
    /// How many bytes have come.
    pub bytes: u64,
    /// When the first of them came.
    pub first_byte: Option<Instant>,
    /// What the answer says that it is.
    pub content_type: Option<String>,
    copy: Option<Copied>,
}

/// The bytes that have come, for the log of a stream.
struct Copied {
    bytes: Vec<u8>,
    max: usize,
}

impl Watched {
    /// Watches an answer with these headers, of which at most `copy` bytes are kept, and one more that says that
    /// there was more.
    pub fn new(prepared: &Prepared, headers: &HeaderMap, copy: Option<usize>) -> Self {
        let said = content_type(headers);
        Self {
            observer: observer(prepared, headers),
            compressed: coding(headers).map(Compressed::new),
            bytes: 0,
            first_byte: None,
            content_type: Some(said.to_owned()).filter(|text| !text.is_empty()),
            copy: copy.map(|max| Copied {
                bytes: Vec::new(),
                max,
            }),
        }
    }

    /// More of it has come.
    pub fn feed(&mut self, piece: &[u8]) {
        self.first_byte.get_or_insert_with(Instant::now);
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        match (&mut self.compressed, &mut self.observer) {
            (Some(compressed), _) => compressed.feed(piece),
            (None, Some(observer)) => observer.feed(piece),
            (None, None) => {}
        }
        if let Some(copy) = &mut self.copy {
            copy.add(piece);
        }
    }

    /// What is known of its use before its end; nothing if it can't be read.
    pub fn so_far(&self) -> Option<SoFar<'_>> {
        self.observer.as_ref().map(Observer::so_far)
    }

    /// The bytes that were kept.
    pub fn take_copy(&mut self) -> Option<Vec<u8>> {
        self.copy.take().map(|copy| copy.bytes)
    }

    /// What it used, as far as it has said so; `is_whole` where it came to its end.
    pub fn used(self, prepared: &Prepared, is_whole: bool) -> Option<Used> {
        if let Some(mut observer) = self.observer {
            let mut decoded = 0_u64;
            let is_decoded = self.compressed.is_none_or(|compressed| {
                compressed.decode(&mut |piece| {
                    decoded += piece.len() as u64;
                    observer.feed(piece);
                })
            });
            if is_decoded || decoded > 0 {
                return Some(observer.finish(is_whole && is_decoded));
            }
        }
        // An answer that can't be read: all of it is taken for what was written.
        let route = prepared.route.as_ref()?;
        let mut used = Observer::new(&route.endpoint, &route.asked, "").finish(false);
        used.text_bytes = self.bytes;
        used.body_bytes = self.bytes;
        Some(used)
    }
}

impl Copied {
    fn add(&mut self, piece: &[u8]) {
        let room = self.max.saturating_add(1).saturating_sub(self.bytes.len());
        self.bytes.extend(piece.iter().take(room));
    }
}

/// An observer of the answer; none where nobody can say what its bytes mean.
fn observer(prepared: &Prepared, headers: &HeaderMap) -> Option<Observer> {
    let route = prepared.route.as_ref()?;
    let is_readable = is_plain(headers) || coding(headers).is_some();
    is_readable.then(|| Observer::new(&route.endpoint, &route.asked, content_type(headers)))
}

/// How an answer is compressed, if that is known.
fn coding(headers: &HeaderMap) -> Option<Coding> {
    Coding::of(headers.get(CONTENT_ENCODING)?.to_str().ok()?)
}

/// Whether an answer can be read as it comes.
pub fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_ENCODING)
        .is_none_or(|value| value == "identity")
}

/// What an answer says that it is; an empty text where it says nothing.
pub fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_tells_that_there_was_more() {
        let mut copy = Copied {
            bytes: Vec::new(),
            max: 4,
        };
        for piece in [&b"ab"[..], b"cd", b"efgh", b"i"] {
            copy.add(piece);
        }
        assert_eq!(copy.bytes, b"abcde");
    }
}
