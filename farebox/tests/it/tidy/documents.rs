//! Documents that nobody finds, links that lead nowhere, and references that lack what they are there to list.

use super::source::File;

/// Where a reader begins.
const ENTRIES: &[&str] = &["README.md", "ARCHITECTURE.md", BOOK];

/// The contents of the book that mdBook makes of docs/.
const BOOK: &str = "docs/SUMMARY.md";

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

/// Links to headings that aren't there.
pub fn dead_anchors(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| is_document(file)) {
        for (target, anchor) in anchored(file) {
            let found = files.iter().find(|other| other.path == target);
            let is_there = found.is_none_or(|other| anchors(&other.text).contains(&anchor));
            if !is_there {
                faults.push(format!(
                    "{}: {target} has no heading #{anchor}: mend or drop the link",
                    file.path
                ));
            }
        }
    }
    faults
}

/// Pages of docs/ that the book lacks, and links of the book's pages to what it lacks.
pub fn outside_the_book(files: &[File]) -> Vec<String> {
    let book = files.iter().find(|file| file.path == BOOK);
    let contents = book.map(linked).unwrap_or_default();
    let pages = files
        .iter()
        .filter(|file| is_document(file) && file.path.starts_with("docs/") && file.path != BOOK);
    let mut faults = Vec::new();
    for page in pages {
        if !contents.contains(&page.path) {
            faults.push(format!("{}: add it to {BOOK}", page.path));
        }
        let strays = linked(page);
        let strays = strays.iter().filter(|target| !target.starts_with("docs/"));
        faults.extend(strays.map(|target| {
            format!(
                "{}: the book has no {target}: name it without a link",
                page.path
            )
        }));
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

/// Error codes that the reference doesn't say what to do about.
pub fn untold_codes(files: &[File]) -> Vec<String> {
    let told = text_of(files, "docs/reference/errors.md");
    let sources = ["farebox/src/error.rs", "farebox/src/proxy/error.rs"];
    let declared = sources
        .into_iter()
        .flat_map(|path| text_of(files, path).lines())
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
            format!("{code} is in no table of docs/reference/errors.md: say what to do about it")
        })
        .collect()
}

/// Metrics that the reference lacks.
pub fn untold_metrics(files: &[File]) -> Vec<String> {
    let told = text_of(files, "docs/reference/metrics.md");
    let source = text_of(files, "farebox/src/metrics.rs");
    let registered = source.split("all.register").skip(1).filter_map(|rest| {
        let (call, rest) = rest.split_once('(')?;
        let name = rest.trim_start().strip_prefix('"')?.split('"').next()?;
        let unit = if call == "_with_unit" { "_seconds" } else { "" };
        Some(format!("`farebox_{name}{unit}`"))
    });
    registered
        .filter(|name| !told.contains(name))
        .map(|name| format!("{name} is not in docs/reference/metrics.md: say what it counts"))
        .collect()
}

/// The gateway's own headers that the reference lacks.
pub fn untold_headers(files: &[File]) -> Vec<String> {
    let told = text_of(files, "docs/reference/headers.md");
    let mut missing: Vec<&str> = files
        .iter()
        .filter(|file| file.path.starts_with("farebox/src/") && !file.is_test)
        .flat_map(|file| file.text.split("\"cf-aig-").skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| is_header_name(name))
        .filter(|name| !told.contains(&format!("`cf-aig-{name}`")))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
        .into_iter()
        .map(|name| format!("cf-aig-{name} is not in docs/reference/headers.md: say what it means"))
        .collect()
}

/// Whether it is a name, and no text that begins with one.
fn is_header_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|each| each.is_ascii_lowercase() || each == '-')
}

fn text_of<'a>(files: &'a [File], path: &str) -> &'a str {
    let found = files.iter().find(|file| file.path == path);
    found.map(|file| file.text.as_str()).unwrap_or_default()
}

fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The files that a document links to, from the root of the repository.
fn linked(file: &File) -> Vec<String> {
    let targets = targets(file).map(|target| target.split('#').next().unwrap_or_default());
    targets
        .filter(|target| !target.is_empty())
        .map(|target| resolve(&file.path, target))
        .collect()
}

/// The headings that a document links to, each with its file.
fn anchored(file: &File) -> Vec<(String, String)> {
    let pairs = targets(file).filter_map(|target| target.split_once('#'));
    pairs
        .map(|(path, anchor)| {
            let path = match path {
                "" => file.path.clone(),
                path => resolve(&file.path, path),
            };
            (path, anchor.to_owned())
        })
        .collect()
}

/// Where its links lead to, other than to the web.
fn targets(file: &File) -> impl Iterator<Item = &str> {
    let targets = file
        .text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let targets = targets.map(|target| target.split(' ').next().unwrap_or_default());
    targets.filter(|target| !target.contains(':'))
}

/// The names by which GitHub and mdBook know a document's headings.
fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if is_code || heading == line || !heading.starts_with(' ') {
            continue;
        }
        let name = anchor(heading.trim());
        let before = found.iter().filter(|other| **other == name).count();
        found.push(match before {
            0 => name,
            more => format!("{name}-{more}"),
        });
    }
    found
}

fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower.chars().filter_map(|each| match each {
        ' ' => Some('-'),
        '-' | '_' => Some(each),
        each => each.is_alphanumeric().then_some(each),
    });
    kept.collect()
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
        super::file(
            "docs/reference/errors.md",
            "| 8001 | 400 |\n8002 is not in a table",
        ),
    ];
    let faults = untold_codes(&files);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("8002"));
}

#[test]
fn dead_anchors_are_found() {
    let faults = |link: &str| {
        let text = format!(
            "# A page\n\n## `[http]` and B's\n\n```sh\n# not a heading\n```\n\n## Twice\n\n## Twice\n\n[x]({link})"
        );
        dead_anchors(&[super::file("docs/a.md", &text)]).len()
    };
    for fine in ["#a-page", "a.md#http-and-bs", "#twice-1", "a.md"] {
        assert_eq!(faults(fine), 0, "{fine}");
    }
    for dead in ["#b-page", "../docs/a.md#http", "#not-a-heading", "#twice-2"] {
        assert_eq!(faults(dead), 1, "{dead}");
    }
}

#[test]
fn pages_outside_the_book_are_found() {
    let files = [
        super::file(BOOK, "[a](a.md)"),
        super::file("docs/a.md", "[r](../README.md)"),
        super::file("docs/b.md", "[a](a.md)"),
        super::file("README.md", ""),
    ];
    let faults = outside_the_book(&files);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("README.md") && faults[1].starts_with("docs/b.md"));
}

#[test]
fn untold_metrics_and_headers_are_found() {
    let files = [
        super::file(
            "farebox/src/metrics.rs",
            "all.register(\n\"a\", \"A\");\nall.register_with_unit(\"b\", help, seconds());",
        ),
        super::file(
            "farebox/src/x.rs",
            "(\"cf-aig-c\", \"cf-aig-d\", \"cf-aig-e: 1\")",
        ),
        super::file("docs/reference/metrics.md", "| `farebox_a` | `farebox_b` |"),
        super::file("docs/reference/headers.md", "| `cf-aig-c` |"),
    ];
    let metrics = untold_metrics(&files);
    assert_eq!(metrics.len(), 1, "{metrics:?}");
    assert!(metrics[0].contains("`farebox_b_seconds`"));
    let headers = untold_headers(&files);
    assert_eq!(headers.len(), 1, "{headers:?}");
    assert!(headers[0].contains("cf-aig-d"));
}
