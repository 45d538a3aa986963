//! Zstandard, of requests and of answers. The decoder fills a frame's window before it hands anything over, so the window
//! has a limit of its own.

use std::io::{self, Read};

/// The largest window that a zstd decoder should be able to give a frame (RFC 8878, section 3.1.1.1.2), in bytes.
const WINDOW: usize = 8 * 1024 * 1024;

/// All frames of a zstd stream, one after the other.
pub struct Zstd<'a> {
    rest: &'a [u8],
    window_max: usize,
    frame: Option<ruzstd::decoding::StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>>,
}

impl<'a> Zstd<'a> {
    /// Of a body that may decode to `max` bytes. A window of 8 MiB is always taken.
    pub fn new(body: &'a [u8], max: usize) -> Self {
        Self {
            rest: body,
            window_max: max.max(WINDOW),
            frame: None,
        }
    }

    /// The decoder fills a frame's window before it hands anything over: one above the limit is a bomb.
    fn begin(&mut self) -> io::Result<()> {
        let window_max = u64::try_from(self.window_max).unwrap_or(u64::MAX);
        if window(self.rest).is_some_and(|window| window > window_max) {
            let why = format!("a frame's window has more than {window_max} bytes");
            return Err(io::Error::other(why));
        }
        let frame = ruzstd::decoding::StreamingDecoder::new(self.rest);
        self.frame = Some(frame.map_err(io::Error::other)?);
        Ok(())
    }
}

/// The window of a frame (RFC 8878, section 3.1.1.1); `None` if it says none. In a frame of a single segment it is
/// the content's size.
fn window(frame: &[u8]) -> Option<u64> {
    let descriptor = *frame.get(4)?;
    let is_single = descriptor & 0b10_0000 != 0;
    if !is_single {
        let byte = *frame.get(5)?;
        let base = 1_u64 << (10 + (byte >> 3));
        return Some(base + base / 8 * u64::from(byte & 7));
    }
    let dictionary_id = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let length = [1, 2, 4, 8][usize::from(descriptor >> 6)];
    let bytes = frame.get(5 + dictionary_id..)?.get(..length)?;
    let read = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    let size = bytes.iter().rev().fold(0, read);
    Some(if length == 2 { size + 256 } else { size })
}

impl Read for Zstd<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // What there is room for decides nothing about what there is.
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(frame) = &mut self.frame {
                match frame.read(into)? {
                    0 => self.rest = *frame.get_ref(),
                    read => return Ok(read),
                }
                self.frame = None;
            }
            if self.rest.is_empty() {
                return Ok(0);
            }
            self.begin()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_its_window() {
        const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        let frame = |rest: &[u8]| [&MAGIC, rest].concat();
        for (rest, expected) in [
            (&[0, 0][..], Some(1024)),
            (&[0, 13 << 3 | 1], Some((8 << 20) + (1 << 20))),
            (&[0b10_0000, 200], Some(200)),
            (&[0b110_0000, 1, 1], Some(257 + 256)),
            (&[0b1110_0000, 0, 0, 0, 0, 1, 0, 0, 0], Some(1 << 32)),
            (&[0b10_0001, 9, 200], Some(200)),
            (&[0b10_0000], None),
        ] {
            assert_eq!(window(&frame(rest)), expected, "{rest:?}");
        }
    }
}
