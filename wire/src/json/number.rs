//! Numbers by their text, exactly.

/// The number times ten to the power of `places`, rounded up. `None` where the text is no JSON number,
/// or the result is below zero or doesn't fit.
///
/// Most counts are plain integers; some providers write them as `12.0`, and durations have fractions.
pub(super) fn scaled_up(text: &str, places: i64) -> Option<u64> {
    if places == 0 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let negative = whole.starts_with('-');
    let whole = whole.trim_start_matches('-');
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let fraction_length = i64::try_from(fraction.len()).ok()?;
    let shift = exponent.checked_add(places)?.checked_sub(fraction_length)?;
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    match digits {
        "" => Some(0),
        _ if negative => None,
        digits => shifted(digits, shift),
    }
}

/// A positive number of these digits times ten to the power of `shift`.
fn shifted(digits: &str, shift: i64) -> Option<u64> {
    let zeros = usize::try_from(shift.unsigned_abs()).ok()?;
    if shift >= 0 {
        // More than twenty digits don't fit; an exponent must not make us write a billion zeros.
        let fits = digits.len().checked_add(zeros)? <= 20;
        return fits
            .then(|| format!("{digits}{}", "0".repeat(zeros)))?
            .parse()
            .ok();
    }
    let kept = digits.len().saturating_sub(zeros);
    let (whole, rest) = digits.split_at_checked(kept)?;
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let is_whole = rest.bytes().all(|digit| digit == b'0');
    if is_whole {
        Some(whole)
    } else {
        whole.checked_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::scaled_up;

    #[test]
    fn numbers_are_read_exactly() {
        let cases = [
            ("0", 0, Some(0)),
            ("12", 0, Some(12)),
            ("12.0", 0, Some(12)),
            ("12.01", 0, Some(13)),
            ("1.2e3", 0, Some(1200)),
            ("1200E-2", 0, Some(12)),
            ("5e-7", 0, Some(1)),
            ("0.00", 0, Some(0)),
            ("-0", 0, Some(0)),
            ("-1", 0, None),
            ("3.7400000095367432", 3, Some(3741)),
            ("9", 3, Some(9000)),
            ("18446744073709551615", 0, Some(u64::MAX)),
            ("18446744073709551616", 0, None),
            ("1e999999999", 0, None),
            ("1e-999999999", 0, Some(1)),
            ("1e99999999999999999999", 0, None),
            ("true", 0, None),
            ("\"12\"", 0, None),
            ("", 0, None),
            ("-", 0, None),
        ];
        for (text, places, expected) in cases {
            assert_eq!(scaled_up(text, places), expected, "{text}");
        }
    }
}
