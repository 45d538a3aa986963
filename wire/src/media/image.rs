//! The size of an image, from the header of its format: PNG (RFC 2083, IHDR), GIF89a, JPEG (ITU T.81, start of frame)
//! and WebP (RFC 9649).

/// Width and height in pixels; `None` if the bytes are no such image.
pub(super) fn pixels(bytes: &[u8]) -> Option<[u64; 2]> {
    let found = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let size = bytes.get(16..24)?;
        let (width, height) = size.split_at_checked(4)?;
        [be(width), be(height)]
    } else if bytes.starts_with(b"GIF8") {
        [le(bytes.get(6..8)?), le(bytes.get(8..10)?)]
    } else if bytes.starts_with(b"\xff\xd8") {
        jpeg(bytes.get(2..)?)?
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12)? == b"WEBP" {
        webp(bytes)?
    } else {
        return None;
    };
    (found.iter().all(|side| *side > 0)).then_some(found)
}

/// Segments, each with a marker and its length, up to the start of the frame.
fn jpeg(mut bytes: &[u8]) -> Option<[u64; 2]> {
    loop {
        let at = bytes.iter().position(|byte| *byte == 0xff)?;
        let rest = bytes.get(at..)?;
        let fill = rest.iter().position(|byte| *byte != 0xff)?;
        let (marker, segment) = rest.get(fill..)?.split_first()?;
        match marker {
            0x00 | 0x01 | 0xd0..=0xd8 => bytes = segment,
            // Every start of a frame; between them are tables (C4, CC) and a reserved one (C8).
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                return Some([be(segment.get(5..7)?), be(segment.get(3..5)?)]);
            }
            // The scan, or the end: the size should have come before.
            0xd9 | 0xda => return None,
            _ => {
                let length = usize::try_from(be(segment.get(..2)?)).ok()?;
                bytes = segment.get(length..)?;
            }
        }
    }
}

fn webp(bytes: &[u8]) -> Option<[u64; 2]> {
    let plus_one = |bytes: &[u8]| le(bytes).saturating_add(1);
    Some(match bytes.get(12..16)? {
        b"VP8X" => [plus_one(bytes.get(24..27)?), plus_one(bytes.get(27..30)?)],
        b"VP8L" => {
            let bits = le(bytes.get(21..25)?);
            let side = |shift: u32| (bits >> shift & 0x3fff).saturating_add(1);
            [side(0), side(14)]
        }
        b"VP8 " => {
            let side = |bytes: &[u8]| le(bytes) & 0x3fff;
            [side(bytes.get(26..28)?), side(bytes.get(28..30)?)]
        }
        _ => return None,
    })
}

fn be(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn le(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn headers_say_the_size() {
        let png = bytes(&[
            b"\x89PNG\r\n\x1a\n",
            b"\0\0\0\rIHDR",
            b"\0\0\x05\0",
            b"\0\0\x02\xd0",
            b"\x08\x02",
        ]);
        let gif = b"GIF89a\x40\x01\xf0\0\xf7".to_vec();
        let thumbnail = [0xff, 0xd8, 0xff, 0xc0, 0, 9, 8, 0, 9, 0, 9];
        let jpeg = bytes(&[
            b"\xff\xd8\xff\xe1\x00\x0d",
            &thumbnail,
            b"\xff\xff\xc2\x00\x11\x08\x04\x38\x07\x80\x03",
        ]);
        let extended = bytes(&[
            b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0",
            b"\xff\x03\0",
            b"\xff\x02\0",
        ]);
        let lossless = bytes(&[b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f", b"\xff\xc3\xbf\0"]);
        let lossy = bytes(&[
            b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a",
            b"\x40\x01\xf0\0",
        ]);
        for (bytes, size) in [
            (png, Some([1280, 720])),
            (gif, Some([320, 240])),
            (jpeg, Some([1920, 1080])),
            (extended, Some([1024, 768])),
            (lossless, Some([1024, 768])),
            (lossy, Some([320, 240])),
            (b"\x89PNG\r\n\x1a\n".to_vec(), None),
            (b"GIF89a\0\0\0\0".to_vec(), None),
            (b"\xff\xd8\xff\xda".to_vec(), None),
            (b"BM".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(pixels(&bytes), size, "{bytes:?}");
        }
    }
}
