//! Base64, in both of its alphabets, as far as it can be read.

/// Up to `max` bytes of what the text stands for. It ends at the first sign that isn't base64; white space is
/// left out.
pub(super) fn decode(text: &str, max: usize) -> Vec<u8> {
    let expected = text.len().div_ceil(4).saturating_mul(3).min(max);
    let mut bytes = Vec::with_capacity(expected);
    let (mut bits, mut count) = (0_u32, 0_u8);
    for sign in text.bytes().filter(|sign| !sign.is_ascii_whitespace()) {
        let Some(value) = value(sign) else {
            break;
        };
        bits = (bits << 6 | u32::from(value)) & 0x00ff_ffff;
        count = count.wrapping_add(1);
        if count == 4 {
            let [_, a, b, c] = bits.to_be_bytes();
            bytes.extend([a, b, c]);
            count = 0;
        }
        if bytes.len() >= max {
            bytes.truncate(max);
            return bytes;
        }
    }
    let [_, _, a, b] = bits.to_be_bytes();
    match count {
        2 => bytes.push((u16::from_be_bytes([a, b]) >> 4).to_be_bytes()[1]),
        3 => bytes.extend((bits >> 2).to_be_bytes().into_iter().skip(2)),
        _ => {}
    }
    bytes
}

const fn value(sign: u8) -> Option<u8> {
    match sign {
        b'A'..=b'Z' => sign.checked_sub(b'A'),
        b'a'..=b'z' => sign.wrapping_sub(b'a').checked_add(26),
        b'0'..=b'9' => sign.wrapping_sub(b'0').checked_add(52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9v\nYmFy", b"foobar"),
            ("-_-_", b"\xfb\xff\xbf"),
            ("Zm9v!Zm9v", b"foo"),
        ] {
            assert_eq!(decode(text, usize::MAX), bytes, "{text}");
        }
        assert_eq!(decode("Zm9vYmFy", 4), b"foob");
    }
}
