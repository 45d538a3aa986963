//! Vectors that stand for texts: of length one, in a direction of the text's own.

use serde_json::{Value, json};

use super::base64;

/// The vector of a text, as numbers: all 0 but one.
pub(crate) fn numbers(text: &str, dimensions: usize) -> Value {
    let direction = direction(text, dimensions);
    let number = |index| {
        if index == direction {
            json!(1.0)
        } else {
            json!(0.0)
        }
    };
    (0..dimensions).map(number).collect()
}

/// The same as 32-bit numbers, little end first, in Base64.
pub(crate) fn encoded(text: &str, dimensions: usize) -> Value {
    const ONE: [u8; 4] = 0x3f80_0000_u32.to_le_bytes();
    let mut bytes = vec![0; dimensions * ONE.len()];
    let begin = direction(text, dimensions) * ONE.len();
    if let Some(one) = bytes.get_mut(begin..begin + ONE.len()) {
        one.copy_from_slice(&ONE);
    }
    json!(base64::encode(&bytes))
}

/// FNV-1a, so that the same text has the same direction everywhere.
fn direction(text: &str, dimensions: usize) -> usize {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(start, mix);
    let remainder = hash % dimensions.max(1) as u64;
    usize::try_from(remainder).unwrap_or(0)
}
