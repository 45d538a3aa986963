//! What calls cost: tables of published prices, of what was used, and of the right dollars.
//!
//! ```text
//! card gpt input=2.5 cache_read=1.25 output=10 web_search=10    published: per million, thousand, hour, piece
//! card long input=3@200000:6                                    6 for calls that read more than 200,000
//! gpt input=1000 output=20                                      | 0.0027
//! gpt +5% input=1000                                            | 0.002625
//! ```

use std::collections::BTreeMap;

use ledger::rates::{Card, Charge, ChargeError, Markup, Per, Rate, Tier, charge, picos};
use ledger::{Basis, Kind, Unit, Usage};

/// A published price: per million tokens or characters, per thousand calls, per hour, per piece.
pub(crate) fn published(unit: Unit, text: &str) -> u64 {
    let per = match unit.kind() {
        Kind::InputToken | Kind::OutputToken | Kind::Character => Per::Million,
        Kind::Call => Per::Thousand,
        Kind::Time | Kind::Piece => Per::One,
    };
    picos(text, per).unwrap()
}

fn rate(unit: Unit, text: &str) -> Rate {
    let mut parts = text.split('@');
    let base = published(unit, parts.next().unwrap());
    let tiers = parts.map(|tier| {
        let (above, price) = tier.split_once(':').unwrap();
        Tier {
            above_input_tokens: above.parse().unwrap(),
            picos: published(unit, price),
        }
    });
    Rate::tiered(base, tiers.collect()).unwrap()
}

fn assignments<'a>(words: &[&'a str]) -> Vec<(Unit, &'a str)> {
    let parse = |word: &&'a str| {
        let (unit, value) = word.split_once('=').unwrap();
        (Unit::from_name(unit).unwrap(), value)
    };
    words.iter().map(parse).collect()
}

pub(crate) fn card(text: &str) -> Card {
    let words: Vec<&str> = text.split_whitespace().collect();
    let rates = assignments(&words).into_iter();
    Card::new(rates.map(|(unit, text)| (unit, rate(unit, text))))
}

pub(crate) fn usage(text: &str) -> Usage {
    let words: Vec<&str> = text.split_whitespace().collect();
    let counts = assignments(&words).into_iter();
    let counts: Vec<_> = counts
        .map(|(unit, count)| (unit, count.parse().unwrap()))
        .collect();
    Usage::new(Basis::Reported).with(&counts)
}

/// The total as a charge shows it, or the error.
fn told(result: Result<Charge, ChargeError>) -> String {
    match result {
        Ok(charge) => {
            let text = charge.to_string();
            text.rsplit("total: ").next().unwrap().to_owned()
        }
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(table: &str) {
    let mut cards = BTreeMap::new();
    let mut failures = Vec::new();
    for line in table.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(definition) = line.strip_prefix("card ") {
            let (name, rates) = definition.trim().split_once(' ').unwrap();
            cards.insert(name, card(rates));
            continue;
        }
        let (call, expected) = line.split_once('|').unwrap();
        let (name, rest) = call.trim().split_once(' ').unwrap_or((call.trim(), ""));
        let (percent, used) = match rest.trim().split_once('%') {
            Some((percent, used)) => (percent.trim_start_matches('+'), used),
            None => ("0", rest),
        };
        let markup = Markup::parse(percent).unwrap();
        let got = told(charge(&cards[name], &usage(used), markup));
        if got != expected.trim() {
            failures.push(format!("{line}\n    got: {got}"));
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// What gateways are known to get wrong, each with what the provider's own price list makes of it.
#[test]
fn what_others_charge_wrongly() {
    check(
        "
        # OpenAI counts cached tokens inside the prompt: 10,000 read, of which 8,000 from the cache.
        card gpt-4o             input=2.5 cache_read=1.25 output=10 web_search=10
        gpt-4o  input=2000 cache_read=8000 output=500                | 0.02
        # Not 0.035 (the cached ones charged again in full), and not 0.03 (at the full rate).

        # Anthropic counts cache reads and writes beside the input.
        card claude-sonnet-4-5  input=3@200000:6 cache_read=0.3@200000:0.6 cache_write_5m=3.75@200000:7.5 \
             cache_write_1h=6@200000:12 output=15@200000:22.5 web_search=10
        claude-sonnet-4-5  input=12 cache_read=90000 output=800      | 0.039036
        claude-sonnet-4-5  input=12 cache_write_5m=90000 output=800  | 0.349536
        claude-sonnet-4-5  input=12 cache_write_1h=90000 output=800  | 0.552036
        claude-sonnet-4-5  input=10 cache_read=1000 cache_write_5m=2000 cache_write_1h=500 output=100 | 0.01233
        claude-sonnet-4-5  input=1000 output=1000 web_search=3       | 0.048

        # What was cached counts for the length of the context, which decides for all of the call.
        claude-sonnet-4-5  input=200000 output=1000                  | 0.615
        claude-sonnet-4-5  input=200001 output=1000                  | 1.222506
        claude-sonnet-4-5  input=1 cache_read=200000 output=1000     | 0.142506
        claude-sonnet-4-5  input=1 cache_read=199999 output=1000     | 0.0750027

        # Gemini counts cached tokens inside the prompt, and thoughts beside the answer.
        card gemini-2.5-pro     input=1.25@200000:2.5 cache_read=0.125@200000:0.25 output=10@200000:15 web_search=35
        gemini-2.5-pro  input=2000 cache_read=30000 output=400 reasoning=1600   | 0.02625
        gemini-2.5-pro  input=20000 cache_read=230000 output=400 reasoning=1600 | 0.1375
        gemini-2.5-pro  input=100 output=50 web_search=1             | 0.035625

        card gemini-2.5-flash   input=0.3 input_audio=1 cache_read=0.03 cache_read_audio=0.1 output=2.5
        gemini-2.5-flash  input=100 input_audio=1920 output=60       | 0.0021
        gemini-2.5-flash  input=100 cache_read_audio=1920 output=60  | 0.000372
        # Its images and videos cost what its text does.
        gemini-2.5-flash  input_image=258 input_video=1000           | 0.0003774

        # xAI's stream repeats its usage in each chunk; only the last counts. Reasoning is beside.
        card grok-4             input=3@199999:6 cache_read=0.75@199999:1.5 output=15@199999:30
        grok-4  input=31 cache_read=32 output=9 reasoning=94         | 0.001662
        grok-4  input=200000 output=1                                | 1.20003
        ",
    );
}

#[test]
fn units_that_are_no_tokens() {
    check(
        "
        # By the hour: a millisecond is no whole number of pico-dollars, and nothing is lost by that.
        card whisper       input_audio_ms=0.36
        whisper  input_audio_ms=60000                                | 0.006
        whisper  input_audio_ms=1                                    | 0.0000001
        card groq-whisper  input_audio_ms=0.111
        groq-whisper  input_audio_ms=10000                           | 0.000308334
        groq-whisper  input_audio_ms=3600000                         | 0.111

        card tts-1         input_characters=15
        tts-1  input_characters=43                                   | 0.000645

        card gpt-image-1   input=5 input_image=10 cache_read=1.25 output=40
        gpt-image-1  input=17 input_image=300 output_image=1056      | 0.045325

        card dall-e-3      image=0.04
        dall-e-3  image=2 request=1                                  | 0.08

        card sonar         input=1 output=1 request=12
        sonar  input=33 output=200 request=1                         | 0.012233
        card sonar-deep    input=2 output=8 reasoning=3 citation=2 web_search=5
        sonar-deep  input=33 output=7163 reasoning=73997 citation=20016 web_search=18 | 0.409393

        card gpt-5         input=1.25 output=10 web_search=10 file_search=2.5 code_execution=0.03
        gpt-5  input=1000 web_search=2 file_search=1 code_execution=1 | 0.05375
        ",
    );
}

#[test]
fn a_charge_is_rounded_once_and_up() {
    check(
        "
        card tiny      input=0.0125 output=0.0001
        # A token is 12.5 nanos: three are 37.5, and not 39.
        tiny  input=3                                                | 0.000000038
        tiny  input=1 output=1                                       | 0.000000013
        tiny  output=1                                               | 0.000000001
        tiny  output=10                                              | 0.000000001
        tiny  output=11                                              | 0.000000002
        tiny                                                         | 0
        tiny  request=1                                              | 0
        # A markup comes before the rounding.
        tiny  +20% input=1                                           | 0.000000015
        tiny  +0.0001% input=2                                       | 0.000000026
        tiny  -50% input=2                                           | 0.000000013
        tiny  -100% input=2                                          | 0
        card free      input=0 output=0
        free  input=1000000 output=1                                 | 0
        ",
    );
}

#[test]
fn nothing_is_free_because_nobody_said_what_it_costs() {
    check(
        "
        card plain         input=1 output=2
        card nothing-read  output=2
        nothing-read  input=1                      | there is no rate for input: add one to the model's prices
        nothing-read  cache_read=1                 | there is no rate for cache_read: add one to the model's prices
        plain  web_search=1                        | there is no rate for web_search: add one to the model's prices
        plain  image=1                             | there is no rate for image: add one to the model's prices
        plain  input_audio_ms=1                    | there is no rate for input_audio_ms: add one to the model's prices
        plain  input_characters=1                  | there is no rate for input_characters: add one to the model's prices

        # A part without a rate of its own costs what the whole does.
        plain  cache_read=1000000                  | 1
        plain  cache_write_5m=1000000              | 1
        plain  input_audio=1000000                 | 1
        plain  cache_read_audio=1000000            | 1
        plain  cache_read_image=1000000            | 1
        plain  reasoning=1000000                   | 2
        plain  citation=1000000                    | 2
        plain  output_audio=1000000                | 2
        # An hour in the cache never costs what five minutes do.
        card five-minutes  input=1 cache_write_5m=1.25
        five-minutes  cache_write_1h=1             | there is no rate for cache_write_1h: add one to the model's prices

        # Sound from the cache: rather too dear than too cheap.
        card sound         input=1 cache_read=0.1 input_audio=10
        sound  cache_read_audio=1000000            | 10
        card text-cached   input=1 cache_read=0.1
        text-cached  cache_read_audio=1000000      | 0.1

        # Figures that can't be true.
        plain  input=18446744073709551615          | the usage is too large to be priced
        ",
    );
    assert_eq!(
        told(charge(
            &Card::new([(Unit::Output, Rate::flat(u64::MAX))]),
            &usage("output=18446744073709551615"),
            Markup::NONE
        )),
        ChargeError::TooLarge.to_string()
    );
}

#[test]
fn a_charge_shows_its_arithmetic() {
    let card = card("input=2.5 output=10 web_search=10 input_audio_ms=0.111 image=0.04");
    let used = usage("input=1000 reasoning=20 web_search=1 input_audio_ms=10000 image=1 request=1");
    let charge = charge(&card, &used, Markup::parse("5").unwrap()).unwrap();
    assert_eq!(
        charge.to_string(),
        "input: 1000 x 2.5 per million = 0.0025\n\
         reasoning as output: 20 x 10 per million = 0.0002\n\
         web_search: 1 x 10 per thousand = 0.01\n\
         input_audio_ms: 10000 x 0.111 per hour = 0.000308333334\n\
         image: 1 x 0.04 each = 0.04\n\
         markup: 5%\n\
         total: 0.05565875"
    );
}

#[test]
fn a_charge_shows_what_was_rounded() {
    let card = card("input=0.0375 output=10");
    let charged =
        |markup| charge(&card, &usage("input=1"), Markup::parse(markup).unwrap()).unwrap();
    // 37.5 nano-units.
    assert_eq!(
        charged("0").to_string(),
        "input: 1 x 0.0375 per million = 0.0000000375\n\
         rounded up by: 0.0000000005\n\
         total: 0.000000038"
    );
    // 37.875: an eighth of a nano-unit is 125 pico-units.
    assert_eq!(charged("1").rounding_picos(), Some(125));
    // 37.5000375, which is finer than a pico-unit.
    assert_eq!(charged("0.0001").rounding_picos(), Some(500));
    let given = Charge {
        lines: Vec::new(),
        ..charged("0")
    };
    assert_eq!(
        (given.rounding_picos(), given.to_string().as_str()),
        (None, "total: 0.000000038")
    );
}

#[test]
fn published_prices_are_whole_numbers_of_picos() {
    let cases = [
        ("0.0125", Per::Million, Some(12_500)),
        ("0.0028", Per::Million, Some(2_800)),
        ("75", Per::Million, Some(75_000_000)),
        ("35", Per::Thousand, Some(35_000_000_000)),
        ("0.111", Per::One, Some(111_000_000_000)),
        ("0", Per::Million, Some(0)),
        ("-1", Per::Million, None),
        ("0.08333333", Per::Million, None),
        ("1e-6", Per::One, None),
    ];
    for (text, per, expected) in cases {
        assert_eq!(picos(text, per).ok(), expected, "{text}");
    }
}

#[test]
fn tiers_ascend() {
    let tier = |above| Tier {
        above_input_tokens: above,
        picos: 1,
    };
    assert!(Rate::tiered(1, vec![tier(1), tier(2)]).is_some());
    assert_eq!(Rate::tiered(1, vec![tier(2), tier(1)]), None);
    assert_eq!(Rate::tiered(1, vec![tier(2), tier(2)]), None);
}

#[test]
fn markups_read_back() {
    for percent in ["0", "20", "2.5", "-100", "0.0001", "10000"] {
        assert_eq!(Markup::parse(percent).unwrap().to_string(), percent);
    }
    for wrong in ["", "5%", "-100.0001", "10001", "1.00001"] {
        assert!(Markup::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn quantities_add_up_and_are_never_negative() {
    let mut used = usage("input=10 cache_read=5 input_audio=2 output=7 reasoning=3 web_search=9");
    assert_eq!((used.input_tokens(), used.output_tokens()), (17, 10));
    used.add(Unit::Input, u64::MAX);
    assert_eq!(used.get(Unit::Input), u64::MAX);
    assert_eq!(used.input_tokens(), u64::MAX);
    used.add(Unit::Image, 0);
    assert!(used.iter().all(|(unit, _)| unit != Unit::Image));
}

#[test]
fn names_are_stable() {
    let names: Vec<&str> = Unit::ALL.iter().map(|unit| unit.name()).collect();
    assert_eq!(
        names.join(" "),
        "input cache_read cache_write_5m cache_write_1h input_audio cache_read_audio input_image \
         cache_read_image input_video output reasoning citation output_audio output_image output_video \
         web_search social_search file_search code_execution rerank_search input_characters \
         input_audio_ms image request"
    );
}
