//! What was sent and what came back, as it is kept: compressed, and of what is too long the beginning.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::ids::LogId;
use crate::store::StoreError;
use crate::store::value::Value;

/// How much is kept of a body that is too long to be kept whole, in bytes: enough to see what it was.
const BEGINNING: usize = 4096;

/// One call's bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payloads {
    /// What was sent; nothing where it is not kept.
    pub request: Option<Body>,
    /// What came back.
    pub response: Option<Body>,
}

impl Payloads {
    pub(super) fn values(&self, id: LogId) -> Vec<Value> {
        let packed = |body: &Option<Body>| body.as_ref().map(|body| body.0.clone()).into();
        vec![
            id.to_string().into(),
            packed(&self.request),
            packed(&self.response),
        ]
    }
}

/// A body, or its beginning, as gzip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(pub(in crate::store) Vec<u8>);

impl Body {
    /// Compresses a body, where it has at most `max` bytes, and otherwise its beginning. It takes some
    /// microseconds for each kilobyte: not for the committer's thread.
    pub fn pack(body: &[u8], max: usize) -> Self {
        let kept = match body.len() > max {
            true => &body[..BEGINNING.min(max)],
            false => body,
        };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing to a vector cannot fail.
        let _ = encoder.write_all(kept);
        Self(encoder.finish().unwrap_or_default())
    }

    /// What was kept. Whether that is everything, the log's size tells.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn unpack(&self) -> Result<Vec<u8>, StoreError> {
        let mut body = Vec::new();
        let read = GzDecoder::new(self.0.as_slice()).read_to_end(&mut body);
        read.map_err(|error| StoreError::corrupt(format!("a payload: {error}")))?;
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_body_comes_back_as_it_was() {
        for body in [vec![], b"{}".to_vec(), vec![b'a'; 100_000]] {
            let packed = Body::pack(&body, 100_000);
            assert_eq!(packed.unpack().unwrap(), body);
            assert!(packed.0.len() < 1000, "{}", packed.0.len());
        }
    }

    #[test]
    fn of_a_long_one_there_is_the_beginning() {
        let body: Vec<_> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let kept = Body::pack(&body, body.len() - 1).unpack().unwrap();
        assert_eq!(kept, body[..BEGINNING]);
        assert_eq!(Body::pack(&body, 10).unpack().unwrap(), body[..10]);
        assert_eq!(Body::pack(&body, 0).unpack().unwrap(), b"");
    }
}
