//! Names of models with gaps in them: `*` stands for any characters or none, `#` for one digit.

/// Names, or patterns of names, in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// Upper and lower case are the same in it.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    /// Whether it is a name without gaps.
    pub(crate) fn is_exact(&self) -> bool {
        !self.0.contains(['*', '#'])
    }

    /// Whether the name, which is in lower case, is one of those.
    pub(crate) fn matches(&self, name: &str) -> bool {
        matches(self.0.as_bytes(), name.as_bytes())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// On a mismatch it goes back to the last `*` alone, which then stands for one character more, so that
/// the time is at most the product of both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut last_star = None;
    while let Some(byte) = name.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, read));
                at += 1;
            }
            Some(b'#') if byte.is_ascii_digit() => (at, read) = (at + 1, read + 1),
            Some(one) if one == byte && *one != b'#' => (at, read) = (at + 1, read + 1),
            _ => match last_star {
                Some((star, from)) => {
                    last_star = Some((star, from + 1));
                    (at, read) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    let rest = pattern.get(at..).unwrap_or_default();
    rest.iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps() {
        for (pattern, fits, fails) in [
            ("gpt-4o", &["gpt-4o"][..], &["gpt-4o-mini", "gpt-4", ""][..]),
            (
                "claude-3-opus*",
                &["claude-3-opus", "claude-3-opus-latest"],
                &["x-claude-3-opus"],
            ),
            (
                "*o4-mini*",
                &["o4-mini", "us/o4-mini-2025-04-16"],
                &["o4-min"],
            ),
            ("*-tts", &["x-tts", "-tts"], &["tts", "x-tts-1"]),
            (
                "claude-opus-5-########",
                &["claude-opus-5-20260801"],
                &[
                    "claude-opus-5-2026080",
                    "claude-opus-5-202608011",
                    "claude-opus-5-2026080a",
                ],
            ),
            ("a*b*c", &["abc", "axbyc", "abbc", "abcbc"], &["acb", "ab"]),
            ("*", &["", "anything"], &[]),
            ("x-#*", &["x-1", "x-12-b"], &["x-", "x-b"]),
            ("#", &["7"], &["#", "77", ""]),
        ] {
            let pattern = Pattern::new(pattern);
            for name in fits {
                assert!(pattern.matches(name), "{pattern:?} {name}");
            }
            for name in fails {
                assert!(!pattern.matches(name), "{pattern:?} {name}");
            }
        }
        assert!(Pattern::new("GPT-4o").is_exact());
        assert!(Pattern::new("GPT-4o").matches("gpt-4o"));
        assert!(!Pattern::new("gpt-#").is_exact());
    }

    #[test]
    fn many_gaps_take_no_time() {
        let pattern = Pattern::new(&"*a".repeat(60));
        assert!(!pattern.matches(&"a".repeat(59)));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(2000))));
    }
}
