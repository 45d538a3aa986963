//! Containers that say how long they are: WAV, FLAC, Ogg, MP4, WebM.

use super::{big, in_millis, little};

/// Formats of WAV whose rate follows from their samples: PCM, floats, and either with an extended header.
const PLAIN_WAV: [u64; 3] = [1, 3, 0xFFFE];

/// RIFF WAVE, by the bytes of its data that are there.
pub(super) fn wav(bytes: &[u8]) -> Option<u64> {
    let rate = wav_rate(bytes)?;
    let (at, told) = riff_chunk(bytes, b"data")?;
    let there = u64::try_from(bytes.len().checked_sub(at)?).ok()?;
    // Recorders that stream don't know the length yet, and write none or the largest.
    let length = if told == 0 { there } else { told.min(there) };
    in_millis(length, rate)
}

/// Bytes of a second of a WAV that begins like this.
pub(super) fn wav_rate(head: &[u8]) -> Option<u64> {
    if head.get(..4)? != b"RIFF" || head.get(8..12)? != b"WAVE" {
        return None;
    }
    let (at, _) = riff_chunk(head, b"fmt ")?;
    let field = |offset: usize, length| little(head, at.checked_add(offset)?, length);
    let rate = if PLAIN_WAV.contains(&field(0, 2)?) {
        let frame = field(2, 2)?.checked_mul(field(14, 2)?.div_ceil(8))?;
        frame.checked_mul(field(4, 4)?)?
    } else {
        field(8, 4)?
    };
    (rate > 0).then_some(rate)
}

/// Where a chunk's data begins, and how long it says it is.
fn riff_chunk(bytes: &[u8], name: &[u8; 4]) -> Option<(usize, u64)> {
    let mut at = 12_usize;
    loop {
        let data = at.checked_add(8)?;
        let found = bytes.get(at..at.checked_add(4)?)?;
        let length = little(bytes, at.checked_add(4)?, 4)?;
        if found == name {
            return Some((data, length));
        }
        // Chunks begin at even places.
        let padded = length.checked_add(length & 1)?;
        at = data.checked_add(usize::try_from(padded).ok()?)?;
    }
}

/// FLAC's first block of metadata has the rate in 20 bits and the number of samples in 36.
pub(super) fn flac(bytes: &[u8]) -> Option<u64> {
    if bytes.get(..4)? != b"fLaC" {
        return None;
    }
    let packed = big(bytes, 18, 8)?;
    let rate = packed.checked_shr(44)?;
    let samples = packed & 0xF_FFFF_FFFF;
    (samples > 0 && rate > 0).then(|| in_millis(samples, rate))?
}

/// Ogg: the last page's position, in samples of the codec that the first page names.
pub(super) fn ogg(bytes: &[u8]) -> Option<u64> {
    let mut at = 0_usize;
    let mut codec = None;
    let mut last = 0_u64;
    while bytes.get(at..at.checked_add(4)?) == Some(b"OggS") {
        let position = little(bytes, at.checked_add(6)?, 8)?;
        let segments = usize::try_from(big(bytes, at.checked_add(26)?, 1)?).ok()?;
        let table = at.checked_add(27)?;
        let data = table.checked_add(segments)?;
        let lengths = bytes.get(table..data)?;
        codec = codec.or_else(|| ogg_codec(bytes.get(data..)?));
        // A page on which no packet ends has the largest position.
        if position != u64::MAX {
            last = last.max(position);
        }
        let length: usize = lengths.iter().map(|length| usize::from(*length)).sum();
        at = data.checked_add(length)?;
    }
    let (rate, skipped) = codec?;
    in_millis(last.saturating_sub(skipped), rate)
}

/// Samples in a second, and how many of them at the beginning are not heard.
fn ogg_codec(packet: &[u8]) -> Option<(u64, u64)> {
    if packet.starts_with(b"OpusHead") {
        return Some((48_000, little(packet, 10, 2)?));
    }
    let rate = if packet.starts_with(b"\x01vorbis") {
        little(packet, 12, 4)?
    } else if packet.starts_with(b"Speex   ") {
        little(packet, 36, 4)?
    } else {
        return None;
    };
    (rate > 0).then_some((rate, 0))
}

/// MP4 and M4A: `moov/mvhd`.
pub(super) fn mp4(bytes: &[u8]) -> Option<u64> {
    if bytes.get(4..8)? != b"ftyp" {
        return None;
    }
    let header = mp4_box(mp4_box(bytes, b"moov")?, b"mvhd")?;
    let (scale, duration) = match header.first()? {
        0 => (big(header, 12, 4)?, big(header, 16, 4)?),
        _ => (big(header, 20, 4)?, big(header, 24, 8)?),
    };
    (scale > 0 && duration > 0).then(|| in_millis(duration, scale))?
}

/// What is in the first box of that name.
fn mp4_box<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let mut at = 0_usize;
    loop {
        let found = bytes.get(at.checked_add(4)?..at.checked_add(8)?)?;
        let short = big(bytes, at, 4)?;
        let (head, length) = match short {
            1 => (16, big(bytes, at.checked_add(8)?, 8)?),
            0 => (8, u64::try_from(bytes.len().checked_sub(at)?).ok()?),
            length => (8, length),
        };
        let end = at.checked_add(usize::try_from(length).ok()?)?;
        if found == name {
            let end = end.min(bytes.len());
            return bytes.get(at.checked_add(head)?..end);
        }
        // A box shorter than its head would never end.
        at = (end > at).then_some(end)?;
    }
}

/// WebM: the duration that it says, or else the time of its last block.
pub(super) fn webm(bytes: &[u8]) -> Option<u64> {
    if bytes.get(..4)? != [0x1A, 0x45, 0xDF, 0xA3] {
        return None;
    }
    let mut scale = 1_000_000_u64;
    let (mut told, mut cluster, mut last) = (None, 0_u64, 0_u64);
    let mut at = 0_usize;
    while let Some((id, data, length)) = element(bytes, at) {
        let end = data.saturating_add(length).min(bytes.len());
        let content = bytes.get(data..end).unwrap_or_default();
        at = end;
        match id {
            // Segment, information, cluster, group of blocks: what is in them comes next.
            0x1853_8067 | 0x1549_A966 | 0x1F43_B675 | 0xA0 => at = data,
            0x2A_D7B1 => scale = big(content, 0, content.len().min(8)).unwrap_or(scale),
            0x4489 => told = float(content),
            0xE7 => cluster = big(content, 0, content.len().min(8)).unwrap_or_default(),
            0xA3 | 0xA1 => last = last.max(cluster.saturating_add(block_time(content))),
            _ => {}
        }
    }
    let ticks = told.unwrap_or_default().max(last);
    let nanos = u128::from(ticks).checked_mul(u128::from(scale))?;
    let millis = u64::try_from(nanos.div_ceil(1_000_000)).ok()?;
    (millis > 0).then_some(millis)
}

/// An element's id, where its content begins, and how long it is; one of unknown length is taken to be endless.
fn element(bytes: &[u8], at: usize) -> Option<(u64, usize, usize)> {
    let id_length = usize::try_from(bytes.get(at)?.leading_zeros()).ok()?;
    let id_length = id_length.checked_add(1).filter(|length| *length <= 4)?;
    let id = big(bytes, at, id_length)?;
    let at = at.checked_add(id_length)?;
    let size_length = usize::try_from(bytes.get(at)?.leading_zeros()).ok()?;
    let size_length = size_length.checked_add(1).filter(|length| *length <= 8)?;
    let bits = u32::try_from(size_length.checked_mul(7)?).ok()?;
    let mask = 1_u64.checked_shl(bits)?.checked_sub(1)?;
    let size = big(bytes, at, size_length)? & mask;
    let size = if size == mask { u64::MAX } else { size };
    let data = at.checked_add(size_length)?;
    Some((id, data, usize::try_from(size).unwrap_or(usize::MAX)))
}

/// A block's time after its cluster's, which follows the number of its track; none if it lies before.
fn block_time(block: &[u8]) -> u64 {
    let track = block.first().map_or(0, |first| first.leading_zeros());
    let at = usize::try_from(track.saturating_add(1)).unwrap_or(usize::MAX);
    let time = big(block, at, 2).unwrap_or_default();
    if time < 0x8000 { time } else { 0 }
}

/// A float's whole part, rounded up, from its bits: nothing here computes with floats.
fn float(content: &[u8]) -> Option<u64> {
    let (bits, exponent_bits, fraction_bits, bias) = match content.len() {
        4 => (big(content, 0, 4)?, 8_u32, 23_u32, 127_u64),
        8 => (big(content, 0, 8)?, 11, 52, 1023),
        _ => return None,
    };
    let exponent_max = 1_u64.checked_shl(exponent_bits)?.checked_sub(1)?;
    let exponent = bits.checked_shr(fraction_bits)?;
    // Signs, infinities and what is less than one.
    let power = (exponent < exponent_max).then(|| exponent.checked_sub(bias))??;
    let one = 1_u64.checked_shl(fraction_bits)?;
    let mantissa = (bits & one.checked_sub(1)?) | one;
    let power = u32::try_from(power).ok()?;
    match fraction_bits.checked_sub(power) {
        Some(down) => Some(mantissa.div_ceil(1_u64.checked_shl(down)?)),
        None => mantissa.checked_mul(1_u64.checked_shl(power.checked_sub(fraction_bits)?)?),
    }
}
