//! Where SQL may stand, and the one table that is only ever added to.

use super::source::{File, line_of};

/// What SQL looks like in a string. Upper case, as all of ours is written.
const STATEMENTS: &[&str] = &[
    "SELECT ",
    "INSERT INTO",
    "DELETE FROM",
    "CREATE TABLE",
    "DROP TABLE",
];

/// SQL in a string literal of `farebox` outside `store/`.
pub fn outside_the_store(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let inside = file.path.strip_prefix("farebox/src/");
        if !file.is_rust() || file.is_test || inside.is_none_or(|path| path.starts_with("store")) {
            continue;
        }
        let strings = file.strings();
        let statements = STATEMENTS.iter().flat_map(|sql| strings.match_indices(sql));
        let updates = strings.match_indices("UPDATE ").filter(|(at, _)| {
            strings[*at..]
                .chars()
                .take(200)
                .collect::<String>()
                .contains(" SET ")
        });
        for (at, sql) in statements.chain(updates) {
            let line = line_of(&strings, at);
            faults.push(format!(
                "{}:{line}: {sql}… outside store/: add a function to store/ and call it",
                file.path
            ));
        }
    }
    faults
}

/// Statements that would change or remove a transfer, in the program and in its migrations.
pub fn changed_transfers(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| !file.is_test) {
        let sql = match file.path.rsplit('.').next() {
            Some("rs") => file.strings(),
            Some("sql") => file.text.clone(),
            _ => continue,
        };
        if changes_transfers(&sql) {
            faults.push(format!(
                "{}: a transfer is written once: correct it with another transfer",
                file.path
            ));
        }
    }
    faults
}

fn changes_transfers(sql: &str) -> bool {
    let words: Vec<_> = sql
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let says = |phrase: &[&str]| words.windows(phrase.len()).any(|window| window == phrase);
    [
        &["update", "transfers"][..],
        &["update", "only", "transfers"],
        &["update", "or", "replace", "transfers"],
        &["delete", "from", "transfers"],
        &["delete", "from", "only", "transfers"],
        &["replace", "into", "transfers"],
        &["truncate", "transfers"],
        &["truncate", "table", "transfers"],
        &["drop", "table", "transfers"],
    ]
    .iter()
    .any(|phrase| says(phrase))
}

#[test]
fn sql_outside_the_store_is_found() {
    let at = |path, text| outside_the_store(&[super::file(path, text)]).len();
    let select = "const S: &str = \"SELECT id FROM tokens\";";
    assert_eq!(at("farebox/src/http/auth.rs", select), 1);
    assert_eq!(
        at("farebox/src/cli/admin.rs", "f(\"UPDATE x \\\n SET y = 1\")"),
        1
    );
    assert_eq!(
        at("farebox/src/jobs.rs", "f(r#\"INSERT INTO x VALUES (1)\"#)"),
        1
    );
    assert_eq!(at("farebox/src/jobs.rs", "f(\"DELETE FROM x\")"), 1);
    assert_eq!(at("farebox/src/store/tokens.rs", select), 0);
    assert_eq!(
        at(
            "farebox/src/http/auth.rs",
            "// SELECT is for store/\nf(\"UPDATE it\")"
        ),
        0
    );
}

#[test]
fn changed_transfers_are_found() {
    let at = |path, text| changed_transfers(&[super::file(path, text)]).len();
    assert_eq!(
        at(
            "farebox/src/store/x.rs",
            "f(\"UPDATE transfers SET amount = 0\")"
        ),
        1
    );
    assert_eq!(
        at(
            "farebox/src/store/x.rs",
            "f(\"DELETE \\\n  FROM  transfers\")"
        ),
        1
    );
    assert_eq!(
        at("farebox/migrations/2.sql", "drop table \"transfers\";"),
        1
    );
    assert_eq!(
        at(
            "farebox/src/store/x.rs",
            "f(\"INSERT INTO transfers VALUES ($1)\")"
        ),
        0
    );
    assert_eq!(
        at("farebox/src/store/x.rs", "f(\"UPDATE holds SET x = 1\")"),
        0
    );
    assert_eq!(
        at(
            "farebox/tests/it/ledger.rs",
            "f(\"UPDATE transfers SET amount = 0\")"
        ),
        0
    );
}
