//! Sound that is nothing but frames, each with a head of its own: MP3 (ISO 11172-3) and AAC (ADTS).

use super::{big, in_millis};

/// Bits in a millisecond, by the index in a frame's head: MPEG 1 layers I to III, MPEG 2 layer I and the others.
const BITRATES: [[u64; 15]; 5] = [
    [
        0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [
        0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [
        0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

const AAC_RATES: [u64; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

struct Frame {
    bytes: usize,
    samples: u64,
    per_second: u64,
    /// Bytes in a second, if that is constant.
    bytes_per_second: Option<u64>,
}

/// The sum of all frames; one alone may be chance.
pub(super) fn millis(bytes: &[u8]) -> Option<u64> {
    let mut at = after_tag(bytes);
    let (mut count, mut samples, mut per_second) = (0_u64, 0_u64, 0_u64);
    while let Some(found) = bytes.get(at..).and_then(frame) {
        count = count.saturating_add(1);
        samples = samples.saturating_add(found.samples);
        per_second = found.per_second;
        at = at.saturating_add(found.bytes);
    }
    (count >= 2).then(|| in_millis(samples, per_second))?
}

/// Bytes of a second of MP3, by its first frame.
pub(super) fn mp3_rate(head: &[u8]) -> Option<u64> {
    frame(head.get(after_tag(head)..)?)?.bytes_per_second
}

/// Where the frames begin: behind an ID3 tag, whose length has seven bits in a byte.
fn after_tag(bytes: &[u8]) -> usize {
    if bytes.get(..3) != Some(b"ID3") {
        return 0;
    }
    let length = bytes.get(6..10).unwrap_or_default();
    let length = length.iter().fold(0_usize, |length, byte| {
        length.wrapping_shl(7) | usize::from(byte & 0x7F)
    });
    length.saturating_add(10)
}

fn frame(bytes: &[u8]) -> Option<Frame> {
    let head = big(bytes, 0, 4)?;
    if head & 0xFFE0_0000 != 0xFFE0_0000 {
        return None;
    }
    match head.checked_shr(17)? & 3 {
        0 => aac(bytes),
        layer => mpeg(head, layer),
    }
}

fn mpeg(head: u64, layer: u64) -> Option<Frame> {
    let field = |shift: u32, mask: u64| head.checked_shr(shift).map(|bits| bits & mask);
    let version = field(19, 3)?;
    let (is_first, halvings) = match version {
        3 => (true, 0),
        2 => (false, 1),
        0 => (false, 2),
        _ => return None,
    };
    let table = match (is_first, layer) {
        (true, 3) => 0,
        (true, 2) => 1,
        (true, _) => 2,
        (false, 3) => 3,
        (false, _) => 4,
    };
    let index = usize::try_from(field(12, 15)?).ok()?;
    let kilobits = *BITRATES.get(table)?.get(index)?;
    let samplings = [44_100_u64, 48_000, 32_000];
    let rate = samplings.get(usize::try_from(field(10, 3)?).ok()?)?;
    let rate = rate.checked_shr(halvings)?;
    let samples: u64 = match (layer, is_first) {
        (3, _) => 384,
        (1, false) => 576,
        _ => 1152,
    };
    let bytes_per_second = kilobits.checked_mul(125)?;
    let bytes = samples
        .checked_mul(bytes_per_second)?
        .checked_div(rate)?
        .checked_add(field(9, 1)?)?;
    let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes > 4)?;
    Some(Frame {
        bytes,
        samples,
        per_second: rate,
        bytes_per_second: Some(bytes_per_second),
    })
}

/// An ADTS frame: 1,024 samples, and its length in 13 bits.
fn aac(bytes: &[u8]) -> Option<Frame> {
    let head = big(bytes, 0, 7)?;
    if head.checked_shr(44)? != 0xFFF {
        return None;
    }
    let index = usize::try_from(head.checked_shr(34)? & 15).ok()?;
    let length = usize::try_from(head.checked_shr(13)? & 0x1FFF).ok()?;
    Some(Frame {
        bytes: Some(length).filter(|length| *length > 7)?,
        samples: 1024,
        per_second: *AAC_RATES.get(index)?,
        bytes_per_second: None,
    })
}
