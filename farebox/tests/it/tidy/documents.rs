//! Documents that nobody finds, and links that lead nowhere.

use super::source::File;

/// Where a reader begins.
const ENTRIES: &[&str] = &["README.md", "ARCHITECTURE.md"];

fn is_document(file: &File) -> bool {
    file.path.ends_with(".md")
}

/// Links to files that aren't there.
pub fn dead_links(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| is_document(file)) {
        for target in linked(file) {
            let is_there = |other: &File| other.path == target || is_inside(&other.path, &target);
            if !files.iter().any(is_there) {
                faults.push(format!(
                    "{}: the link to {target} leads nowhere: mend or drop it",
                    file.path
                ));
            }
        }
    }
    faults
}

/// Documents in docs/ that no document leads to from where a reader begins.
pub fn unlinked(files: &[File]) -> Vec<String> {
    let mut reached: Vec<String> = ENTRIES.iter().map(ToString::to_string).collect();
    let mut next = 0;
    while let Some(path) = reached.get(next) {
        let found = files.iter().find(|file| file.path == *path);
        let targets = found.map(linked).unwrap_or_default();
        let new = targets
            .into_iter()
            .filter(|target| !reached.contains(target))
            .collect::<Vec<_>>();
        reached.extend(new);
        next += 1;
    }
    let documents = files
        .iter()
        .filter(|file| is_document(file) && file.path.starts_with("docs/"));
    documents
        .filter(|file| !reached.contains(&file.path))
        .map(|file| format!("{}: link it from {}", file.path, ENTRIES.join(" or ")))
        .collect()
}

/// Error codes that no table of the documents tells the reader what to do about.
pub fn untold_codes(files: &[File]) -> Vec<String> {
    let text = |path: &str| {
        let found = files.iter().find(|file| file.path == path);
        found.map(|file| file.text.as_str()).unwrap_or_default()
    };
    let told = ["docs/api.md", "docs/billing.md", "docs/gateway.md"]
        .map(text)
        .concat();
    let sources = ["farebox/src/error.rs", "farebox/src/proxy/error.rs"];
    let declared = sources
        .into_iter()
        .flat_map(|path| text(path).lines())
        .filter_map(|line| {
            let (_, code) = line
                .trim()
                .strip_prefix("pub const ")?
                .split_once(": i64 = ")?;
            code.strip_suffix(';')
        });
    let is_told = |code: &&str| {
        told.lines()
            .any(|line| line.contains(&format!("{code} ")) && line.starts_with('|'))
    };
    declared
        .filter(|code| !is_told(code))
        .map(|code| {
            format!("{code} is in no table of docs/api.md, docs/billing.md or docs/gateway.md: say what to do about it")
        })
        .collect()
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The files that a document links to, from the root of the repository.
fn linked(file: &File) -> Vec<String> {
    let targets = file
        .text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split(['#', ' ']).next().unwrap_or_default());
    let ours = targets.filter(|target| !target.is_empty() && !target.contains(':'));
    ours.map(|target| resolve(&file.path, target)).collect()
}

fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from
            .split('/')
            .rev()
            .skip(1)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn dead_links_are_found() {
    let link = |target: &str| {
        let text = format!("[x]({target})");
        dead_links(&[
            super::file("docs/a.md", &text),
            super::file("api/src/lib.rs", ""),
        ])
        .len()
    };
    assert_eq!(link("b.md"), 1);
    assert_eq!(link("../api/src/nothing.rs"), 1);
    for fine in [
        "a.md",
        "../docs/a.md#part",
        "../api/src/lib.rs",
        "../api",
        "#part",
        "https://x.org/b.md",
    ] {
        assert_eq!(link(fine), 0, "{fine}");
    }
}

#[test]
fn unlinked_documents_are_found() {
    let files = [
        super::file("README.md", "[a](docs/a.md)"),
        super::file("docs/a.md", "[b](b.md)"),
        super::file("docs/b.md", ""),
        super::file("docs/c.md", "[itself](c.md)"),
    ];
    let faults = unlinked(&files);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("docs/c.md"));
}

#[test]
fn untold_codes_are_found() {
    let files = [
        super::file(
            "farebox/src/error.rs",
            "pub const A: i64 = 8001;\npub const B: i64 = 8002;",
        ),
        super::file("docs/billing.md", "| 8001 | 400 |\n8002 is not in a table"),
    ];
    let faults = untold_codes(&files);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("8002"));
}
