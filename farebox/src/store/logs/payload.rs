//! What was sent and what came back, as it is kept: compressed, and of what is too long the beginning.

use std::cell::RefCell;
use std::io::Read;

use flate2::read::GzDecoder;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use crate::store::StoreError;

/// How much is kept of a body that is too long to be kept whole, in bytes: enough to see what it was.
const BEGINNING: usize = 4096;

/// What stands before a deflated body that has no name and no time (RFC 1952, section 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The longest body that is kept as it is, in bytes: there is little to be saved, and to clear what finds repetitions
/// takes longer than to find them.
const STORED: usize = 512;

thread_local! {
    /// Kept, because making one takes longer than compressing most bodies: it has some hundred kilobytes.
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
}

/// Appends the body as one block that is stored (RFC 1951, section 3.2.4).
fn store(body: &[u8], to: &mut Vec<u8>) {
    let length = u16::try_from(body.len()).unwrap_or_default();
    to.push(1);
    to.extend(length.to_le_bytes());
    to.extend((!length).to_le_bytes());
    to.extend_from_slice(body);
}

/// Appends the deflated body.
fn deflate(compress: &mut Compress, body: &[u8], to: &mut Vec<u8>) {
    compress.reset();
    loop {
        to.reserve(body.len() / 2 + 64);
        let read = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let rest = body.get(read..).unwrap_or_default();
        // It can't fail on a stream that has just begun; what would is left as it is, and can't be unpacked.
        match compress.compress_vec(rest, to, FlushCompress::Finish) {
            Ok(Status::StreamEnd) | Err(_) => return,
            Ok(Status::Ok | Status::BufError) => {}
        }
    }
}

/// One call's bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payloads {
    /// What was sent; nothing where it is not kept.
    pub request: Option<Body>,
    /// What came back.
    pub response: Option<Body>,
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
        let mut packed = Vec::with_capacity(GZIP_HEADER.len() + STORED.min(kept.len()) + 16);
        packed.extend(GZIP_HEADER);
        match kept.len() <= STORED {
            true => store(kept, &mut packed),
            false => COMPRESS.with_borrow_mut(|compress| deflate(compress, kept, &mut packed)),
        }
        let mut sum = Crc::new();
        sum.update(kept);
        packed.extend(sum.sum().to_le_bytes());
        packed.extend(sum.amount().to_le_bytes());
        Self(packed)
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
        let around = [STORED - 1, STORED, STORED + 1].map(|len| vec![b'b'; len]);
        let others = [vec![], b"{}".to_vec(), vec![b'a'; 100_000], vec![]];
        for body in around.into_iter().chain(others) {
            let packed = Body::pack(&body, 100_000);
            assert_eq!(packed.unpack().unwrap(), body);
            assert!(packed.0.len() < 1000, "{}", packed.0.len());
        }
        // What can't be made shorter needs more room than a guess may have left.
        let noise = (0..50_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17));
        let noise: Vec<_> = noise.flat_map(u64::to_le_bytes).collect();
        assert_eq!(Body::pack(&noise, noise.len()).unpack().unwrap(), noise);
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
