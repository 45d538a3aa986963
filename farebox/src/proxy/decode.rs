//! Compressed answers, decoded for the count alone. No provider is asked for one (`upstream` sends no
//! `Accept-Encoding`), and some compress all the same.
//!
//! The client gets the bytes as they came. They are kept until the answer is over and decoded then, in pieces, so that a
//! small body that unpacks to a huge one takes time, which has a limit, and no memory.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::proxy::zstd::Zstd;

/// Of a compressed answer; a longer one is estimated by its length.
const COMPRESSED_MAX: usize = 16 * 1024 * 1024;

/// Of what it unpacks to.
const DECODED_MAX: usize = 64 * 1024 * 1024;

const PIECE: usize = 64 * 1024;

/// How an answer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 from servers that take the name literally.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// The one of that name in `Content-Encoding`.
    pub fn of(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A compressed body as far as it has arrived.
pub struct Compressed {
    coding: Coding,
    bytes: Vec<u8>,
    is_too_long: bool,
}

impl Compressed {
    /// Nothing yet.
    pub const fn new(coding: Coding) -> Self {
        Self {
            coding,
            bytes: Vec::new(),
            is_too_long: false,
        }
    }

    /// More of it.
    pub fn feed(&mut self, piece: &[u8]) {
        self.is_too_long |= self.bytes.len() + piece.len() > COMPRESSED_MAX;
        if !self.is_too_long {
            self.bytes.extend_from_slice(piece);
        }
    }

    /// Hands on what it says, in pieces, as far as it can be decoded. Returns whether that is all of it.
    pub fn decode(self, sink: &mut dyn FnMut(&[u8])) -> bool {
        if self.is_too_long {
            return false;
        }
        let bytes = self.bytes.as_slice();
        match self.coding {
            Coding::Gzip => pump(MultiGzDecoder::new(bytes), sink),
            Coding::Deflate if is_zlib(bytes) => pump(ZlibDecoder::new(bytes), sink),
            Coding::Deflate => pump(DeflateDecoder::new(bytes), sink),
            Coding::Brotli => pump(brotli_decompressor::Decompressor::new(bytes, PIECE), sink),
            Coding::Zstd => pump(Zstd::new(bytes, 0), sink),
        }
    }
}

/// A head of two bytes whose number is a multiple of 31, and the method 8.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..]
        if first & 0x0F == 8 && (u16::from(*first) * 256 + u16::from(*second)).is_multiple_of(31))
}

fn pump(mut from: impl Read, sink: &mut dyn FnMut(&[u8])) -> bool {
    let mut piece = vec![0; PIECE];
    let mut decoded = 0;
    loop {
        match from.read(&mut piece) {
            Ok(0) => return true,
            Ok(length) if decoded + length <= DECODED_MAX => {
                decoded += length;
                sink(piece.get(..length).unwrap_or_default());
            }
            Ok(_) | Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const TEXT: &[u8] = b"{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}";

    fn decoded(coding: &str, bytes: &[u8]) -> (Vec<u8>, bool) {
        let mut body = Compressed::new(Coding::of(coding).unwrap());
        bytes.chunks(7).for_each(|piece| body.feed(piece));
        let mut all = Vec::new();
        let is_whole = body.decode(&mut |piece| all.extend_from_slice(piece));
        (all, is_whole)
    }

    /// One raw block with its frame's head (RFC 8878, section 3.1.1).
    fn zstd() -> Vec<u8> {
        let length = u8::try_from(TEXT.len()).unwrap();
        let block = (u32::from(length) << 3) | 1;
        let mut frame = vec![0x28, 0xB5, 0x2F, 0xFD, 0x20, length];
        frame.extend_from_slice(&block.to_le_bytes()[..3]);
        frame.extend_from_slice(TEXT);
        frame
    }

    /// One block that is not compressed, and an empty last one (RFC 7932, section 9).
    fn brotli() -> Vec<u8> {
        let length = u32::try_from(TEXT.len()).unwrap() - 1;
        // Window of 16 bits (one bit 0); not the last block, four nibbles, the length, not compressed.
        let bits = (length << 4) | (1 << 20);
        let mut stream = bits.to_le_bytes()[..3].to_vec();
        stream.extend_from_slice(TEXT);
        stream.push(0b11);
        stream
    }

    #[test]
    fn every_coding_says_what_it_says() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(TEXT).unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(TEXT).unwrap();
        for (coding, bytes) in [
            ("gzip", gzip.finish().unwrap()),
            ("deflate", zlib.finish().unwrap()),
            ("Deflate", deflate.finish().unwrap()),
            ("br", brotli()),
            ("zstd", zstd()),
        ] {
            assert_eq!(decoded(coding, &bytes), (TEXT.to_vec(), true), "{coding}");
            // One that is cut says what it can.
            let (part, _) = decoded(coding, &bytes[..bytes.len() - 9]);
            assert!(TEXT.starts_with(&part), "{coding}");
        }
        // Every frame is read, and one with a window above 8 MiB is not.
        let twice = [zstd(), zstd()].concat();
        assert_eq!(decoded("zstd", &twice), ([TEXT, TEXT].concat(), true));
        let wide = [&[0x28, 0xB5, 0x2F, 0xFD, 0x00, 14 << 3][..], &zstd()[6..]].concat();
        assert_eq!(decoded("zstd", &wide), (Vec::new(), false));
        assert_eq!(decoded("gzip", TEXT), (Vec::new(), false));
        assert_eq!(Coding::of("aes128gcm"), None);
    }
}
