//! What the source may not contain, read from the source itself: wire is as pure as the ledger.

use std::fs;
use std::path::{Path, PathBuf};

/// Each with what to use in its place.
const BANNED: &[(&str, &str)] = &[
    ("f32", "Json::count, which reads a number's text"),
    ("f64", "Json::count, which reads a number's text"),
    ("SystemTime", "an argument"),
    ("Instant", "an argument"),
    ("async", "a plain function: nothing here waits"),
    ("thread", "a plain function: nothing here waits"),
    ("println", "a return value: nothing here logs"),
    ("eprintln", "a return value: nothing here logs"),
    ("unreachable", "a return value: nothing here panics"),
    ("panic", "a return value: nothing here panics"),
    ("unsafe", "safe code"),
    ("rates", "nothing: wire knows no prices"),
    ("Amount", "nothing: wire knows no money"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The words of the code, without comments and strings.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).flat_map(|(number, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let outside = code.split('"').step_by(2);
        let separator = |c: char| !c.is_alphanumeric() && c != '_';
        outside.flat_map(move |part| part.split(separator).map(move |word| (number, word)))
    })
}

#[test]
fn floats_clocks_panics_and_prices_are_banned() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    assert!(files.len() > 2, "the source was not found");
    let mut offences = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        // The crate's root names the lints, and with them what they ban.
        let start = text
            .find("\n)]")
            .filter(|_| file.ends_with("src/lib.rs"))
            .unwrap_or(0);
        for (line, word) in words(&text[start..]) {
            if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| *banned == word) {
                offences.push(format!("{}:{line}: {word}: use {instead}", file.display()));
            }
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}
