//! How long a file and a function may be: as long as a reader can hold.

use super::source::{File, item_end, line_of, words};

/// Lines of a file, tests apart.
const FILE_LINES_MAX: usize = 800;

/// Lines of a function, its signature included.
const FUNCTION_LINES_MAX: usize = 70;

/// Hand-written Rust files that hold more than one idea.
pub fn long_files(files: &[File]) -> Vec<String> {
    let ours = files.iter().filter(|file| file.is_rust() && !file.is_test);
    let long = ours.filter(|file| file.text.lines().count() > FILE_LINES_MAX);
    long.map(|file| {
        format!(
            "{}: {} lines, at most {FILE_LINES_MAX}: move one of its ideas to a file of its own",
            file.path,
            file.text.lines().count()
        )
    })
    .collect()
}

/// Functions outside tests that do more than one thing.
pub fn long_functions(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test) {
        let code = file.code();
        for (line, lines, name) in functions(&code) {
            if lines > FUNCTION_LINES_MAX {
                faults.push(format!(
                    "{}:{line}: {name} has {lines} lines, at most {FUNCTION_LINES_MAX}: name a part of it \
                     and make that a function",
                    file.path
                ));
            }
        }
    }
    faults
}

/// Line, number of lines and name of every function.
fn functions(code: &str) -> Vec<(usize, usize, &str)> {
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let signature = code[at + 2..].trim_start();
        let end = signature
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(0);
        // Without a name it is a function's type.
        if end > 0 {
            let lines = code[at..item_end(code, at)].lines().count();
            found.push((line_of(code, at), lines, &signature[..end]));
        }
    }
    found
}

#[test]
fn functions_are_measured() {
    let code = "trait T { fn none(&self) -> [u8; 2]; }\n\
                fn one() { x }\n\
                fn four(\n    x: fn(u8) -> [u8; 2],\n) {\n    if x { y }\n}\n";
    assert_eq!(
        functions(code),
        [(1, 1, "none"), (2, 1, "one"), (3, 5, "four")]
    );
}

#[test]
fn long_functions_and_files_are_found() {
    let body = "    x();\n".repeat(69);
    let at = |path, text: &str| long_functions(&[super::file(path, text)]).len();
    assert_eq!(at("ledger/src/x.rs", &format!("fn f() {{\n{body}}}\n")), 1);
    assert_eq!(
        at("ledger/src/x.rs", &format!("fn f() {{\n{}}}\n", &body[9..])),
        0
    );
    assert_eq!(
        at("ledger/tests/it/x.rs", &format!("fn f() {{\n{body}}}\n")),
        0
    );
    let lines = "// line\n".repeat(801);
    assert_eq!(
        long_files(&[super::file("ledger/src/x.rs", &lines)]).len(),
        1
    );
    assert_eq!(
        long_files(&[super::file("ledger/src/x.rs", &lines[8..])]).len(),
        0
    );
    assert_eq!(
        long_files(&[super::file("ledger/src/tests.rs", &lines)]).len(),
        0
    );
}
