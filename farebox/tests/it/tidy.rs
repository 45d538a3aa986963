//! The rules about the source itself that no compiler holds: who may use whom, where SQL may stand, how
//! long a function may be, what must not be left lying about (ARCHITECTURE.md, "Invariants").
//!
//! Each rule is a function from files to faults. Here the whole tree has none; beside each rule stands
//! a test that it finds what it is there to find. A fault says what to do instead.

mod arrows;
mod documents;
mod leftovers;
mod manifests;
mod sizes;
mod source;
mod sql;

use source::{File, tree};

/// Fails with every fault, a line each.
fn none(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// A file for the tests of the rules.
fn file(path: &str, text: &str) -> File {
    File::new(path.to_owned(), text.to_owned())
}

#[test]
fn the_tree_is_found() {
    let paths: Vec<_> = tree().into_iter().map(|file| file.path).collect();
    for expected in ["Cargo.toml", "farebox/src/lib.rs", "ledger/src/lib.rs"] {
        assert!(
            paths.iter().any(|path| path == expected),
            "{expected} is missing"
        );
    }
    assert!(
        paths.iter().all(|path| !path.starts_with("target/")),
        "built files"
    );
}

#[test]
fn arrows_between_modules_point_one_way() {
    none(&arrows::between_modules(&tree()));
}

#[test]
fn crates_are_used_where_they_belong() {
    none(&arrows::to_crates(&tree()));
}

#[test]
fn tasks_are_tracked() {
    none(&arrows::loose_tasks(&tree()));
}

#[test]
fn sql_stands_in_the_store_and_transfers_are_never_changed() {
    let tree = tree();
    none(&[sql::outside_the_store(&tree), sql::changed_transfers(&tree)].concat());
}

#[test]
fn crates_have_no_forbidden_dependencies() {
    none(&manifests::forbidden_dependencies(&tree()));
}

#[test]
fn files_and_functions_are_short() {
    let tree = tree();
    none(&[sizes::long_files(&tree), sizes::long_functions(&tree)].concat());
}

#[test]
fn nothing_is_left_lying_about() {
    let tree = tree();
    let rules = [
        leftovers::markers,
        leftovers::machine_paths,
        leftovers::panics,
        leftovers::floats,
    ];
    none(&rules.map(|faults_in| faults_in(&tree)).concat());
}

#[test]
fn documents_are_linked_and_their_links_lead_somewhere() {
    let tree = tree();
    let rules = [
        documents::dead_links,
        documents::dead_anchors,
        documents::unlinked,
        documents::outside_the_book,
    ];
    none(&rules.map(|faults_in| faults_in(&tree)).concat());
}

#[test]
fn references_are_complete() {
    let tree = tree();
    let rules = [
        documents::untold_codes,
        documents::untold_metrics,
        documents::untold_headers,
    ];
    none(&rules.map(|faults_in| faults_in(&tree)).concat());
}
