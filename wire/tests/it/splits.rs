//! What is read off an answer doesn't depend on the pieces in which it came.

use proptest::prelude::*;

use wire::Used;

use crate::golden::{Case, cases};

/// The body in pieces that end at these places.
fn pieces<'a>(body: &'a [u8], ends: &[usize]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = ends.iter().map(|end| end % (body.len() + 1)).collect();
    ends.extend([0, body.len()]);
    ends.sort_unstable();
    ends.windows(2)
        .map(|pair| &body[pair[0]..pair[1]])
        .collect()
}

#[test]
fn byte_by_byte() {
    for case in cases() {
        let bytes = case.response.body.chunks(1);
        assert_eq!(case.used(bytes, true), case.used_at_once(), "{}", case.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn in_any_pieces(which in any::<prop::sample::Index>(), ends in prop::collection::vec(any::<usize>(), 0..12)) {
        let cases = all();
        let case = which.get(cases);
        let pieces = pieces(&case.response.body, &ends);
        prop_assert_eq!(case.used(pieces, true), case.used_at_once(), "{}", &case.name);
    }

    /// Other ends of lines are the same stream.
    #[test]
    fn with_any_ends_of_lines(which in any::<prop::sample::Index>(), ends in prop::collection::vec(any::<usize>(), 0..12), by_return in any::<bool>()) {
        let cases = all();
        let is_stream = |case: &&Case| case.response.content_type == "text/event-stream";
        let streams: Vec<&Case> = cases.iter().filter(is_stream).collect();
        let case = which.get(&streams);
        let expected = case.used_at_once();
        let text = str::from_utf8(&case.response.body).unwrap().replace("\r\n", "\n");
        let body = text.replace('\n', if by_return { "\r" } else { "\r\n" }).into_bytes();
        let got = case.used(pieces(&body, &ends), true);
        let body_bytes = expected.body_bytes;
        prop_assert_eq!(Used { body_bytes, ..got }, expected, "{}", &case.name);
    }
}

/// Read from the disk once.
fn all() -> &'static Vec<Case> {
    static CASES: std::sync::OnceLock<Vec<Case>> = std::sync::OnceLock::new();
    CASES.get_or_init(cases)
}
