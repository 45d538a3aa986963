//! What is kept, against a model that has the whole document in its hands.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Shape, Skim};

const SHAPE: Shape = Shape {
    whole: &["usage", "id"],
    inside: &["a", "b", "text"],
    text: &["text", "delta"],
    written: &["args"],
};

fn skimmed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, u64, u64) {
    let mut skim = Skim::new(&SHAPE);
    let mut documents = Vec::new();
    for piece in pieces {
        skim.feed(piece, &mut |document| documents.push(document.to_owned()));
    }
    skim.cut();
    (documents, skim.text_bytes(), skim.faults())
}

/// The same without taking anything in one piece.
fn byte_by_byte(text: &str) -> (Vec<String>, u64, u64) {
    let mut skim = Skim::new(&SHAPE);
    let mut documents = Vec::new();
    for byte in text.bytes() {
        skim.take_byte(byte, &mut |document| documents.push(document.to_owned()));
    }
    skim.cut();
    (documents, skim.text_bytes(), skim.faults())
}

#[track_caller]
fn check(text: &str, kept: &[&str], text_bytes: u64) {
    let (documents, counted, faults) = skimmed([text.as_bytes()]);
    assert_eq!(documents, kept, "{text}");
    assert_eq!((counted, faults), (text_bytes, 0), "{text}");
}

#[test]
fn what_a_shape_names_is_kept() {
    check(
        r#"{"usage":{"x":[1,"y"]},"z":1}"#,
        &[r#"{"usage":{"x":[1,"y"]}}"#],
        0,
    );
    check(r#"{"z":{"usage":1},"id":2}"#, &[r#"{"id":2}"#], 0);
    check(
        r#"{"a":{"usage":1,"z":2},"b":[{"id":3},4,"5",[{"id":6}]]}"#,
        &[r#"{"a":{"usage":1},"b":[{"id":3},[{"id":6}]]}"#],
        0,
    );
    check(
        r#"{"a":"scalar","b":null}"#,
        &[r#"{"a":"scalar","b":null}"#],
        0,
    );
    check(r#" { "id" : 12.5 , "z" : [ ] } "#, &[r#"{"id":12.5}"#], 0);
    check("{}", &["{}"], 0);
}

#[test]
fn text_is_counted_and_not_kept() {
    check(r#"{"text":"four","z":"not"}"#, &["{}"], 4);
    check(
        r#"{"text":[{"text":"one"},{"delta":"three"}]}"#,
        &[r#"{"text":[{},{}]}"#],
        8,
    );
    check(r#"{"args":{"q":1},"delta":["no"]}"#, &["{}"], 7);
    // As long as it is in UTF-8: an escape is one byte, a character by its number at most three.
    check(r#"{"text":"\"\\\n"}"#, &["{}"], 3);
    check(r#"{"text":"\u00e9x"}"#, &["{}"], 4);
    check("{\"text\":\"é\"}", &["{}"], 2);
    // What only looks like text.
    check(
        r#"{"z":"\"text\":\"no\"","id":"text"}"#,
        &[r#"{"id":"text"}"#],
        0,
    );
}

#[test]
fn documents_follow_each_other() {
    check(
        "{\"id\":1}{\"id\":2}\n{\"z\":3}",
        &[r#"{"id":1}"#, r#"{"id":2}"#, "{}"],
        0,
    );
    check(
        "[{\"id\":1},\r\n{\"id\":2}\n]",
        &[r#"{"id":1}"#, r#"{"id":2}"#],
        0,
    );
    check("[DONE]", &[], 0);
    check("12 \"x\" null {\"id\":1}", &[r#"{"id":1}"#], 0);
}

#[test]
fn what_is_cut_or_too_large_is_a_fault() {
    assert_eq!(skimmed([b"{\"id\":1".as_slice()]), (vec![], 0, 1));
    let large = format!("{{\"usage\":\"{}\"}}{{\"id\":1}}", "x".repeat(1 << 20));
    assert_eq!(
        skimmed([large.as_bytes()]),
        (vec!["{\"id\":1}".to_owned()], 0, 1)
    );
    let not_text = b"{\"id\":\"\xff\"}{\"id\":1}".as_slice();
    assert_eq!(skimmed([not_text]), (vec!["{\"id\":1}".to_owned()], 0, 1));
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap()
}

/// What the shape keeps of a value under a name.
fn kept(value: &Value, counted: &mut u64) -> Value {
    let Value::Object(members) = value else {
        return value.clone();
    };
    let mut out = Map::new();
    for (name, value) in members {
        let is_in = |names: &[&str]| names.contains(&name.as_str());
        let is_container = value.is_object() || value.is_array();
        if is_in(SHAPE.whole) {
            out.insert(name.clone(), value.clone());
        } else if is_in(SHAPE.inside) && is_container {
            out.insert(name.clone(), entered(value, counted));
        } else if value.is_string() && is_in(SHAPE.text) {
            *counted += length(value.as_str().unwrap());
        } else if is_container && is_in(SHAPE.written) {
            *counted += length(&value.to_string());
        } else if is_in(SHAPE.inside) {
            out.insert(name.clone(), value.clone());
        }
    }
    Value::Object(out)
}

fn entered(value: &Value, counted: &mut u64) -> Value {
    match value {
        Value::Array(items) => {
            let containers = items
                .iter()
                .filter(|item| item.is_object() || item.is_array());
            Value::Array(containers.map(|item| entered(item, counted)).collect())
        }
        value => kept(value, counted),
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "usage", "id", "a", "b", "text", "delta", "args", "z", "é",
    ])
    .prop_map(str::to_owned)
}

/// Without characters that JSON escapes, whose length would depend on how.
fn document() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -!#-\\[\\]-~é]{0,6}".prop_map(Value::from),
    ];
    let value = scalar.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::vec((name(), value), 0..5)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(5000) })]

    #[test]
    fn as_the_model_says(document in document(), pretty in any::<bool>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        // White space inside of written objects is counted as it stands.
        let text = if pretty && !document.to_string().contains("args") { format!("{document:#}") } else { document.to_string() };
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let mut counted = 0;
        let expected = kept(&document, &mut counted);
        let (documents, text_bytes, faults) = skimmed(pieces);
        let documents: Vec<Value> = documents.iter().map(|document| serde_json::from_str(document).unwrap()).collect();
        prop_assert_eq!(json!(documents), json!([expected]));
        prop_assert_eq!((text_bytes, faults), (counted, 0));
    }

    #[test]
    fn nonsense_in_pieces_is_what_it_is_byte_by_byte(text in r#"([{}\[\]",:\\u1é]|"(text|usage|args|a|z)":|"text":"|\\u00e9){0,60}"#, cut in any::<prop::sample::Index>()) {
        let (before, after) = text.as_bytes().split_at(cut.index(text.len() + 1));
        prop_assert_eq!(skimmed([before, after]), byte_by_byte(&text));
    }
}
