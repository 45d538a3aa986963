//! What the ledger's source may not contain, read from the source itself, so that it holds even
//! where a lint is allowed away.

use std::fs;
use std::path::{Path, PathBuf};

/// Each with what to use in its place.
const BANNED: &[(&str, &str)] = &[
    ("f32", "Amount, or i128 inside a calculation"),
    ("f64", "Amount, or i128 inside a calculation"),
    ("SystemTime", "a Timestamp argument"),
    ("Instant", "a Timestamp argument"),
    ("async", "a plain function: the ledger never waits"),
    ("thread", "a plain function: the ledger never waits"),
    ("println", "a return value: the ledger never logs"),
    ("eprintln", "a return value: the ledger never logs"),
    ("env", "an argument"),
    ("unreachable", "a refusal: the ledger never panics"),
    ("panic", "a refusal: the ledger never panics"),
    ("assert", "a refusal: the ledger never panics"),
    ("unsafe", "safe code"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The words of the code, without comments.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).flat_map(|(number, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let separator = |c: char| !c.is_alphanumeric() && c != '_';
        code.split(separator).map(move |word| (number, word))
    })
}

#[test]
fn floats_clocks_and_panics_are_banned() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    assert!(files.len() > 10, "the source was not found");
    let mut offences = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        // The crate's root names the lints, and with them what they ban.
        let start = text
            .find("\nmod ")
            .filter(|_| file.ends_with("lib.rs"))
            .unwrap_or(0);
        for (line, word) in words(&text[start..]) {
            if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| *banned == word) {
                offences.push(format!("{}:{line}: {word}: use {instead}", file.display()));
            }
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn the_ledger_has_no_dependencies() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let text = fs::read_to_string(manifest).unwrap();
    let dependencies: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.contains("dependencies]"))
        .take_while(|line| *line != "[lints]")
        .filter(|line| line.contains('='))
        .collect();
    assert!(dependencies.is_empty(), "{dependencies:?}");
}
