//! Streams that their gateway ends: wherever that is, what the client receives is a whole answer.

use wire::ending::{Ending, Last};

use crate::golden::{Case, cases};

/// The most tokens that a test's end can tell.
const LAST: Last = Last {
    input_tokens: 11,
    output_tokens: 22,
    tells_usage: true,
    is_final: false,
};

/// What the client receives of a stream that is ended in its `end`th byte; `None` if it can't be.
fn ended(case: &Case, end: usize, last: &Last) -> Option<(String, String)> {
    let body = &case.response.body;
    let mut ending = Ending::new(case.endpoint.api)?;
    ending.feed(&body[..end]);
    let taken = ending.feed_to_boundary(&body[end..])?;
    let came = String::from_utf8(body[..end + taken].to_vec()).unwrap();
    Some((came, ending.end(last)?))
}

fn is_stream(case: &Case) -> bool {
    case.response.content_type.starts_with("text/event-stream")
        && Ending::new(case.endpoint.api).is_some()
}

#[test]
fn a_stream_that_is_ended_anywhere_is_whole() {
    let (mut streams, mut ends) = (0, 0);
    for case in cases().iter().filter(|case| is_stream(case)) {
        streams += 1;
        let length = case.response.body.len();
        for end in (0..length).step_by(length.div_ceil(60).max(1)) {
            let Some((came, ending)) = ended(case, end, &LAST) else {
                continue;
            };
            ends += 1;
            let all = came + &ending;
            let used = case.used([all.as_bytes()], true);
            assert!(used.has_ended, "{} ended at {end}: {ending}", case.name);
            let faults = case.used_at_once().faults;
            assert!(
                used.faults <= faults,
                "{} ended at {end}: {ending}",
                case.name
            );
            assert!(
                ending.is_empty() || ending.ends_with("\n\n"),
                "{}",
                case.name
            );
        }
    }
    assert!(streams > 10 && ends > 100, "{streams} {ends}");
}

/// The response of the last event has all that came before it, in the item that it belongs to.
#[test]
fn an_incomplete_response_has_what_was_streamed() {
    let cases = cases();
    let streams = cases
        .iter()
        .filter(|case| is_stream(case) && case.name.starts_with("responses/"));
    for case in streams {
        for (is_final, kind, status) in [
            (false, "response.incomplete", "incomplete"),
            (true, "response.failed", "failed"),
        ] {
            let last = Last { is_final, ..LAST };
            let Some((_, ending)) = ended(case, case.response.body.len() / 2, &last) else {
                continue;
            };
            let data = ending.trim_end().rsplit_once("data: ").unwrap().1;
            let event: serde_json::Value = serde_json::from_str(data).unwrap();
            assert_eq!(event["type"], kind, "{}", case.name);
            assert_eq!(event["response"]["status"], status);
            assert_eq!(event["response"]["usage"]["total_tokens"], 33);
            assert!(event["response"]["id"].is_string(), "{}", case.name);
            assert_eq!(event["response"]["error"]["code"].is_string(), is_final);
        }
    }
}
