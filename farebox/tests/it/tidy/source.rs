//! The files of the tree, and Rust source seen without its comments, strings or tests.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Stands before what is compiled for tests alone.
const TEST_MARK: &str = "#[cfg(test)]";

/// A text file of the tree.
pub struct File {
    /// From the root of the repository, with slashes.
    pub path: String,
    /// Its content.
    pub text: String,
    /// Whether it is there for tests alone.
    pub is_test: bool,
}

impl File {
    /// A file as its path and content tell.
    pub fn new(path: String, text: String) -> Self {
        let is_test = path.contains("/tests/") || path.ends_with("tests.rs");
        Self {
            path,
            text,
            is_test,
        }
    }

    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The Rust source as it runs: without comments, tests and the content of strings. Every line is
    /// where it was.
    pub fn code(&self) -> String {
        without_tests(&masked(&self.text, Keep::Code))
    }

    /// The content of the string literals outside tests, and nothing else. Every line is where it was.
    pub fn strings(&self) -> String {
        let code = masked(&self.text, Keep::Code);
        let strings = masked(&self.text, Keep::Strings);
        let tests = test_ranges(&code);
        blank(&strings, |at| tests.iter().any(|range| range.contains(&at)))
    }
}

/// The line number of a place in a text.
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Where `word` stands as a word of its own.
pub fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            !text[..at].ends_with(part_of_word)
                && !text[at + word.len()..].starts_with(part_of_word)
        })
}

/// Every text file that is committed or could be, at its path from the root.
pub fn tree() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let paths = listed_by_git(&root).unwrap_or_else(|| walk(&root, Path::new("")));
    let read = |path: String| {
        let text = std::fs::read_to_string(root.join(&path)).ok()?;
        Some(File::new(path, text))
    };
    // What can't be read is no text, or has been removed and not yet committed.
    let mut files: Vec<_> = paths.into_iter().filter_map(read).collect();
    let for_tests: Vec<_> = files.iter().flat_map(modules_for_tests).collect();
    for file in &mut files {
        file.is_test |= for_tests.contains(&file.path);
    }
    files
}

/// Where the modules may be that the file declares, with a semicolon, for tests alone.
fn modules_for_tests(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let code = masked(&file.text, Keep::Code);
    let inside = file.path.trim_end_matches(".rs");
    let folder = ["/mod", "/lib", "/main"]
        .iter()
        .find_map(|name| inside.strip_suffix(name));
    let folder = folder.unwrap_or(inside);
    let items = test_ranges(&code)
        .into_iter()
        .map(|range| code[range].trim_start_matches(TEST_MARK));
    let names = items.filter_map(|item| item.trim().strip_prefix("mod ")?.strip_suffix(';'));
    names
        .flat_map(|name| {
            [
                format!("{folder}/{name}.rs"),
                format!("{folder}/{name}/mod.rs"),
            ]
        })
        .collect()
}

/// `None` where this is not a clone, such as an unpacked release.
fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let output = git.current_dir(root).output().ok()?;
    let paths = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<_> = paths
        .split_terminator('\0')
        .map(ToOwned::to_owned)
        .collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

fn walk(root: &Path, below: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(root.join(below))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let path: PathBuf = below.join(&name);
        let skipped = ["target", "node_modules", "__pycache__", ".git", ".venv"];
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !skipped.iter().any(|skip| name == **skip) => {
                paths.extend(walk(root, &path));
            }
            Ok(kind) if kind.is_file() => paths.extend(path.to_str().map(ToOwned::to_owned)),
            _ => {}
        }
    }
    paths
}

/// What of a source is kept by [`masked`].
#[derive(Clone, Copy, PartialEq)]
enum Keep {
    Code,
    Strings,
}

/// The source with everything else made blank, byte for byte at its place.
fn masked(text: &str, keep: Keep) -> String {
    let mut strings = vec![false; text.len()];
    let mut comments = vec![false; text.len()];
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let length = if let Some(length) = comment(rest) {
            comments[at..at + length].fill(true);
            length
        } else if let Some((open, length, close)) = literal(rest) {
            strings[at + open..at + length - close].fill(true);
            length
        } else {
            word_or_char(rest)
        };
        at += length;
    }
    match keep {
        Keep::Code => blank(text, |at| strings[at] || comments[at]),
        Keep::Strings => blank(text, |at| !strings[at]),
    }
}

/// Blanks every byte that is wanted so, line ends apart.
fn blank(text: &str, is_blank: impl Fn(usize) -> bool) -> String {
    let bytes = text.bytes().enumerate();
    let kept = bytes.map(|(at, byte)| {
        if byte != b'\n' && is_blank(at) {
            b' '
        } else {
            byte
        }
    });
    String::from_utf8_lossy(&kept.collect::<Vec<_>>()).into_owned()
}

/// The length of the comment that the text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    Some(at)
}

/// The opening, the whole length and the closing of the literal that the text begins with.
fn literal(text: &str) -> Option<(usize, usize, usize)> {
    raw_string(text)
        .or_else(|| string(text))
        .or_else(|| character(text))
}

fn raw_string(text: &str) -> Option<(usize, usize, usize)> {
    let marks = ["r", "br", "cr"]
        .into_iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    let inside = marks[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let open = text.len() - inside.len();
    Some((open, open + inside.find(&close)? + close.len(), close.len()))
}

fn string(text: &str) -> Option<(usize, usize, usize)> {
    let inside = ["\"", "b\"", "c\""]
        .into_iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    let open = text.len() - inside.len();
    Some((open, open + quoted(inside, '"')?, 1))
}

/// A character, escaped or closed right after it; otherwise it is a lifetime.
fn character(text: &str) -> Option<(usize, usize, usize)> {
    let inside = text.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        return Some((1, 1 + quoted(inside, '\'')?, 1));
    }
    let length = inside.chars().next()?.len_utf8();
    inside[length..]
        .starts_with('\'')
        .then_some((1, length + 2, 1))
}

/// The length up to and with the closing quote, escapes passed over.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A word is passed over whole, so that the `r` at its end doesn't begin a raw string.
fn word_or_char(text: &str) -> usize {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    match text.find(|c| !part_of_word(c)) {
        Some(0) => text.chars().next().map_or(1, char::len_utf8),
        Some(length) => length,
        None => text.len(),
    }
}

fn without_tests(code: &str) -> String {
    let tests = test_ranges(code);
    blank(code, |at| tests.iter().any(|range| range.contains(&at)))
}

/// Where the items are that are compiled for tests alone, in a source without comments and strings.
fn test_ranges(code: &str) -> Vec<std::ops::Range<usize>> {
    let marks = code.match_indices(TEST_MARK).map(|(at, _)| at);
    marks.map(|at| at..item_end(code, at)).collect()
}

/// Where the item ends that begins here: at its closing brace, or at its semicolon.
pub fn item_end(code: &str, start: usize) -> usize {
    let (mut inner, mut braces) = (0_i32, 0_i32);
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => inner += 1,
            b')' | b']' => inner -= 1,
            b'{' => braces += 1,
            b'}' => {
                braces -= 1;
                if braces == 0 {
                    return at + 1;
                }
            }
            b';' if inner == 0 && braces == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn code_is_seen_without_comments_strings_and_tests() {
    let text = "fn a() { f(\"in a \\\" string\", 'x', '\\'', b\"bytes\"); } // a comment\n\
                /* one /* inside */ another */ fn b<'a>(x: &'a str) { r#\"raw \" string\"#; }\n\
                #[cfg(test)]\nmod tests { fn c() {} }\nfn d() {}\n";
    let code = super::file("x.rs", text).code();
    for kept in ["fn a()", "fn b<'a>(x: &'a str)", "fn d()"] {
        assert!(code.contains(kept), "{kept} is missing in {code}");
    }
    for gone in ["string", "bytes", "comment", "another", "fn c", "mod tests"] {
        assert!(!code.contains(gone), "{gone} is left in {code}");
    }
    assert_eq!(code.len(), text.len());
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
}

#[test]
fn strings_are_seen_without_code_comments_and_tests() {
    let text = "fn a() { f(\"kept\", r#\"raw\"#); } // \"comment\"\n\
                #[cfg(test)]\nfn c() { f(\"tested\") }\nfn d() { \"last\" }\n";
    let strings = super::file("x.rs", text).strings();
    let found: Vec<_> = strings.split_whitespace().collect();
    assert_eq!(found, ["kept", "raw", "last"]);
}

#[test]
fn modules_for_tests_are_known() {
    let text = "#[cfg(test)]\nmod reference;\nmod network;\n#[cfg(test)]\nmod inline {}\n";
    let declared = |path| modules_for_tests(&super::file(path, text));
    let both = ["ledger/src/x/reference.rs", "ledger/src/x/reference/mod.rs"];
    assert_eq!(declared("ledger/src/x.rs"), both);
    assert_eq!(declared("ledger/src/x/mod.rs"), both);
    assert!(declared("ledger/src/x.md").is_empty());
}

#[test]
fn a_tree_without_git_is_walked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let walked = walk(&root, Path::new(""));
    assert!(
        walked
            .iter()
            .any(|path| path == "farebox/tests/it/tidy/source.rs")
    );
    assert!(walked.iter().all(|path| !path.contains("node_modules/")));
}
