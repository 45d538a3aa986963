//! What must not be left lying about: markers, one machine's paths, panics, floats.

use super::source::{File, line_of, words};

/// Written in halves, so that this file has none of them itself.
const MARKERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
    concat!("dbg", "!"),
];

/// Folders that exist on one machine.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
];

/// Files that tools write.
fn is_generated(file: &File) -> bool {
    file.path.ends_with("Cargo.lock") || file.path.ends_with("package-lock.json")
}

/// Markers of something that somebody meant to come back to.
pub fn markers(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !is_generated(file)) {
        for marker in MARKERS {
            let word = marker.trim_end_matches('!');
            let found = words(&file.text, word).filter(|at| file.text[*at..].starts_with(marker));
            faults.extend(found.map(|at| {
                let line = line_of(&file.text, at);
                format!(
                    "{}:{line}: {marker}: do it now, or open an issue and name it",
                    file.path
                )
            }));
        }
    }
    faults
}

/// Paths that exist on one machine alone.
pub fn machine_paths(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !is_generated(file)) {
        for folder in MACHINE_PATHS {
            let inside_a_path = |c: char| c.is_alphanumeric() || "._-}".contains(c);
            for (at, _) in file.text.match_indices(folder) {
                // The folder of that name further on in another path is fine.
                if !file.text[..at].ends_with(inside_a_path) {
                    let line = line_of(&file.text, at);
                    faults.push(format!(
                        "{}:{line}: {folder}…: name it from the repository's root or by a variable",
                        file.path
                    ));
                }
            }
        }
    }
    faults
}

/// Ways to end the process where an error could be returned.
const PANICS: &[&str] = &["panic!", "unreachable!", ".unwrap()", ".expect("];

/// Files that may panic, with why. The list only shrinks.
const MAY_PANIC: &[(&str, &str)] = &[(
    "farebox/src/ids.rs",
    "a system without randomness can make no token; nothing can go on",
)];

/// Panics outside tests.
pub fn panics(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test) {
        if MAY_PANIC.iter().any(|(path, _)| *path == file.path) {
            continue;
        }
        let code = file.code();
        for panic in PANICS {
            for (at, _) in code.match_indices(panic) {
                let line = line_of(&code, at);
                faults.push(format!("{}:{line}: {panic}: return an error", file.path));
            }
        }
    }
    faults
}

/// Where money is counted, and so where no float may be.
const COUNT_MONEY: &[&str] = &[
    "api/src/balance.rs",
    "api/src/cents.rs",
    "api/src/topup.rs",
    "farebox/src/billing/",
    "farebox/src/catalog/",
    "farebox/src/store/",
    "farebox/src/stripe/",
    "ledger/src/",
    "sandbox/src/",
    "wire/src/",
];

/// Floats where money is counted.
pub fn floats(files: &[File]) -> Vec<String> {
    let counts_money = |file: &&File| {
        file.is_rust()
            && !file.is_test
            && COUNT_MONEY.iter().any(|path| file.path.starts_with(path))
    };
    let mut faults = Vec::new();
    for file in files.iter().filter(counts_money) {
        let code = file.code();
        for float in ["f32", "f64", "as_f64"] {
            for at in words(&code, float) {
                let line = line_of(&code, at);
                faults.push(format!(
                    "{}:{line}: {float}: money is counted in whole units (ledger::Amount, cents)",
                    file.path
                ));
            }
        }
    }
    faults
}

#[test]
fn markers_and_machine_paths_are_found() {
    let file = |text: &str| [super::file("docs/x.md", text)];
    for marker in MARKERS {
        assert_eq!(
            markers(&file(&format!("// {marker}(): later"))).len(),
            1,
            "{marker}"
        );
    }
    assert!(markers(&file("mktemp /tmp/x.XXXXXX, todos, a todo list")).is_empty());
    for folder in MACHINE_PATHS {
        assert_eq!(
            machine_paths(&file(&format!("see {folder}notes"))).len(),
            1,
            "{folder}"
        );
    }
    let elsewhere = format!("https://example.com{}x", concat!("/ho", "me/"));
    assert!(machine_paths(&file(&elsewhere)).is_empty());
}

#[test]
fn panics_and_floats_are_found() {
    let source = |text: &str| [super::file("ledger/src/x.rs", text)];
    for panic in PANICS {
        assert_eq!(
            panics(&source(&format!("fn f() {{ x{panic}; }}"))).len(),
            1,
            "{panic}"
        );
    }
    assert!(panics(&source("#[cfg(test)]\nmod tests { fn f() { x.unwrap() } }")).is_empty());
    assert!(
        panics(&source(
            "fn f() { x.unwrap_or_default(); expect(1) } // panic!"
        ))
        .is_empty()
    );
    assert_eq!(floats(&source("fn f(x: f64) {}")).len(), 1);
    assert!(floats(&source("fn f(x: i64) {} // not f64")).is_empty());
    assert!(floats(&[super::file("farebox/src/metrics.rs", "fn f(x: f64) {}")]).is_empty());
}
