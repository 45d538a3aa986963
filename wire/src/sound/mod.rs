//! How long a recording lasts, read off its own bytes.
//!
//! Some answers to a transcription don't say for how long a recording is charged, and no answer of speech does. So the
//! container is read as far as its duration needs: no sample is decoded. What a header says is never believed below
//! what the length of the file allows.

mod containers;
mod frames;

/// Compressed speech has at most 512 kbit in a second: a file that says it is shorter than that lies.
const COMPRESSED_BYTES_PER_MS_MAX: u64 = 64;

/// PCM as OpenAI's speech has it: one channel of 16 bits, 24,000 times a second ("Text to speech", OpenAI's docs).
const SPEECH_PCM_BYTES_PER_SECOND: u64 = 48_000;

/// Milliseconds of a recording in WAV, MP3, AAC, FLAC, Ogg, MP4 or WebM, rounded up. `None` if it is in no such format, or
/// doesn't say.
pub(crate) fn millis(bytes: &[u8]) -> Option<u64> {
    if let Some(millis) = containers::wav(bytes) {
        return Some(millis);
    }
    let told = containers::flac(bytes)
        .or_else(|| containers::ogg(bytes))
        .or_else(|| containers::mp4(bytes))
        .or_else(|| containers::webm(bytes))
        .or_else(|| frames::millis(bytes))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let least = length.checked_div(COMPRESSED_BYTES_PER_MS_MAX)?;
    Some(told.max(least))
}

/// Bytes in a second of sound that begins like this. `None` if its format has no constant rate, or is unknown.
pub(crate) fn bytes_per_second(content_type: &str, head: &[u8]) -> Option<u64> {
    if content_type.starts_with("audio/pcm") || content_type.starts_with("audio/l16") {
        return Some(SPEECH_PCM_BYTES_PER_SECOND);
    }
    containers::wav_rate(head).or_else(|| frames::mp3_rate(head))
}

/// A big-endian number of `length` bytes.
fn big(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(length)?)?;
    Some(part.iter().fold(0_u64, |number, byte| {
        number.wrapping_shl(8) | u64::from(*byte)
    }))
}

/// A little-endian number of `length` bytes.
fn little(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let part = bytes.get(at..at.checked_add(length)?)?;
    Some(part.iter().rev().fold(0_u64, |number, byte| {
        number.wrapping_shl(8) | u64::from(*byte)
    }))
}

/// So many of `per_second` in milliseconds, rounded up.
fn in_millis(count: u64, per_second: u64) -> Option<u64> {
    let millis = u128::from(count)
        .checked_mul(1000)?
        .checked_add(u128::from(per_second).checked_sub(1)?)?
        .checked_div(u128::from(per_second))?;
    u64::try_from(millis).ok()
}

#[cfg(test)]
mod tests;
