//! What is settled when an answer didn't say everything.

use ledger::{Basis, Term, Unit, Usage};
use wire::{Report, Used};

fn used(report: Report, text_bytes: u64) -> Used {
    Used {
        report,
        model: None,
        error: None,
        has_ended: false,
        text_bytes,
        text_tokens: None,
        body_bytes: 1000,
        faults: 0,
        also: Vec::new(),
        is_billed: true,
        cost: None,
    }
}

fn usage(quantities: &[(Unit, u64)]) -> Usage {
    Usage::new(Basis::Estimated).with(quantities)
}

#[test]
fn a_guess_is_what_the_request_shows() {
    let asked = |path: &str, body: &str| {
        let endpoint = crate::dialects::endpoint("openai", path).unwrap();
        wire::ask(&endpoint, "application/json", body.as_bytes(), &mut |_| {}).unwrap()
    };
    let chat = asked(
        "v1/chat/completions",
        r#"{"model":"m","service_tier":"flex"}"#,
    )
    .guess(9);
    assert_eq!(chat.basis, Basis::Estimated);
    assert_eq!(chat.terms.get(&Term::ServiceTier).unwrap(), "flex");
    let counts = |usage: &Usage| usage.iter().collect::<Vec<_>>();
    assert_eq!(counts(&chat), [(Unit::Input, 9), (Unit::Request, 1)]);
    let speech = asked("v1/audio/speech", r#"{"model":"tts-1","input":"four"}"#).guess(0);
    assert_eq!(
        counts(&speech),
        [(Unit::InputCharacters, 4), (Unit::Request, 1)]
    );
    let images = asked("v1/images/generations", r#"{"model":"dall-e-3","n":2}"#).guess(0);
    assert_eq!(
        counts(&images),
        [(Unit::OutputImage, 2 * 1056), (Unit::Request, 1)]
    );
}

#[test]
fn what_was_reported_in_full_is_believed() {
    let reported = Usage::new(Basis::Reported).with(&[(Unit::Input, 3), (Unit::Output, 4)]);
    let used = used(Report::Final(reported.clone()), 4000);
    assert_eq!(used.settled(&usage(&[(Unit::Input, 100)]), 4), reported);
}

#[test]
fn a_guess_fills_what_is_missing() {
    let mut guess = usage(&[(Unit::Input, 100), (Unit::Image, 2), (Unit::Request, 1)]);
    guess.terms.insert(Term::ServiceTier, "priority".to_owned());
    let settled = used(Report::Nothing, 10).settled(&guess, 4);
    assert_eq!(settled.basis, Basis::Estimated);
    assert_eq!(settled.terms, guess.terms);
    let expected = [
        (Unit::Input, 100),
        (Unit::Output, 3),
        (Unit::Image, 2),
        (Unit::Request, 1),
    ];
    assert_eq!(settled.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_guess_never_lowers_what_was_reported() {
    let partial = usage(&[
        (Unit::CacheRead, 90),
        (Unit::Input, 2),
        (Unit::Reasoning, 50),
        (Unit::Request, 1),
    ]);
    let guess = usage(&[(Unit::Input, 100), (Unit::WebSearch, 1), (Unit::Request, 1)]);
    let settled = used(Report::Partial(partial), 60).settled(&guess, 3);
    let expected = [
        (Unit::Input, 2),
        (Unit::CacheRead, 90),
        (Unit::Reasoning, 50),
        (Unit::WebSearch, 1),
        (Unit::Request, 1),
    ];
    assert_eq!(settled.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_report_of_no_input_is_no_report_of_it() {
    let partial = usage(&[(Unit::WebSearch, 1)]);
    let settled = used(Report::Partial(partial), 0).settled(&usage(&[(Unit::Input, 100)]), 0);
    assert_eq!(settled.get(Unit::Input), 100);
    assert_eq!(settled.get(Unit::WebSearch), 1);
    assert_eq!(settled.get(Unit::Output), 0);
}
