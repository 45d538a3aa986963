//! What each crate's Cargo.toml may name: purity is easiest to keep where the tools aren't there.

use toml::{Table, Value};

use super::source::File;

enum May {
    /// These and no others.
    Only(&'static [&'static str]),
    /// Any but these.
    NotUse(&'static [&'static str]),
}

/// The rule of each crate that has one, for its dependencies apart from those of its tests.
const RULES: &[(&str, May, &str)] = &[
    (
        "ledger",
        May::Only(&[]),
        "the money core is pure: pass what it needs as an argument",
    ),
    (
        "wire",
        May::Only(&["flate2", "ledger", "memchr", "serde", "serde_json"]),
        "what providers say is read without waiting, logging or asking anybody",
    ),
    (
        "api",
        May::NotUse(&[
            "axum",
            "farebox",
            "ledger",
            "rusqlite",
            "sandbox",
            "tokio-postgres",
            "wire",
        ]),
        "types and a client, no logic: it must be usable without a server",
    ),
    (
        "sandbox",
        May::NotUse(&["api", "farebox", "ledger", "wire"]),
        "it stands for somebody else's servers and knows nothing of Farebox",
    ),
];

/// What `api` brings along for those who only want its types.
const API_ALWAYS: &[&str] = &["serde", "serde_json"];

/// Dependencies that a crate must not have.
pub fn forbidden_dependencies(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, may, why) in RULES {
        let path = format!("{name}/Cargo.toml");
        let Some(file) = files.iter().find(|file| file.path == path) else {
            continue;
        };
        for dependency in dependencies(&file.text, |_| true) {
            let fine = match may {
                May::Only(allowed) => allowed.contains(&dependency.as_str()),
                May::NotUse(banned) => !banned.contains(&dependency.as_str()),
            };
            if !fine {
                faults.push(format!("{path}: {name} must not use {dependency}: {why}"));
            }
        }
        if *name == "api" {
            let always = dependencies(&file.text, |dependency| {
                dependency.get("optional") != Some(&Value::Boolean(true))
            });
            let heavy = always
                .iter()
                .filter(|dependency| !API_ALWAYS.contains(&dependency.as_str()));
            faults.extend(heavy.map(|dependency| {
                format!("{path}: make {dependency} optional, behind a feature: the types need only serde")
            }));
        }
    }
    faults
}

/// The dependencies, those of one system and of the build included, that are of this kind.
fn dependencies(manifest: &str, is_wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let manifest: Table = match manifest.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("(the manifest can't be read: {error})")],
    };
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables = targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table);
    let tables = tables.chain([&manifest]);
    let lists = tables.flat_map(|table| {
        ["dependencies", "build-dependencies"].map(|list| table.get(list).and_then(Value::as_table))
    });
    let all = lists.flatten().flatten();
    all.filter(|(_, how)| is_wanted(how))
        .map(|(name, _)| name.clone())
        .collect()
}

#[test]
fn forbidden_dependencies_are_found() {
    let at = |path, text| forbidden_dependencies(&[super::file(path, text)]).len();
    assert_eq!(
        at(
            "ledger/Cargo.toml",
            "[dependencies]\nserde.workspace = true"
        ),
        1
    );
    assert_eq!(
        at(
            "ledger/Cargo.toml",
            "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\""
        ),
        1
    );
    assert_eq!(
        at(
            "ledger/Cargo.toml",
            "[dev-dependencies]\nserde.workspace = true"
        ),
        0
    );
    assert_eq!(at("ledger/Cargo.toml", "[dependencies"), 1);
    assert_eq!(
        at(
            "sandbox/Cargo.toml",
            "[dependencies]\nledger.workspace = true"
        ),
        1
    );
    assert_eq!(
        at("api/Cargo.toml", "[dependencies]\ntokio.workspace = true"),
        1
    );
    let optional = "[dependencies]\ntokio = { workspace = true, optional = true }";
    assert_eq!(at("api/Cargo.toml", optional), 0);
}
