//! Who may use whom: modules inside `farebox`, and the crates that are one module's own.

use super::source::{File, line_of, words};

/// What each module of `farebox` may use of the others. Upwards never: `store` knows no HTTP and no
/// Stripe, `stripe` no ledger, `billing` no HTTP, and nobody the command line.
const MODULES: &[(&str, &[&str])] = &[
    // Leaves.
    ("csv", &[]),
    ("ids", &[]),
    ("reach", &[]),
    ("tls", &[]),
    // Data: what models cost. Nobody's account or request is known there.
    ("catalog", &[]),
    // `config` asks `stripe` whether a key and an address go together.
    ("config", &["stripe"]),
    // `metrics` only counts what the committer reports.
    ("metrics", &["store"]),
    // The layers, from below.
    ("stripe", &["tls"]),
    ("store", &["config", "ids", "tls"]),
    // `keyring` asks `store` whether the database was begun with its key.
    ("keyring", &["ids", "store"]),
    ("admin", &["ids", "keyring", "store"]),
    // `app` holds one of everything that requests share, the throttle of `http` and the client of `proxy` among them.
    (
        "app",
        &[
            "catalog", "config", "http", "keyring", "metrics", "proxy", "store", "stripe",
        ],
    ),
    ("control", &["admin", "app", "keyring", "store"]),
    (
        "billing",
        &[
            "app", "catalog", "config", "ids", "keyring", "metrics", "store", "stripe",
        ],
    ),
    (
        "gateways",
        &[
            "app", "catalog", "config", "ids", "keyring", "reach", "store",
        ],
    ),
    ("error", &["store"]),
    // A call to a model: money by way of `billing` and the committer, and no HTTP of ours.
    (
        "proxy",
        &[
            "app", "billing", "catalog", "config", "gateways", "ids", "store", "stripe", "tls",
        ],
    ),
    (
        "http",
        &[
            "app", "billing", "catalog", "config", "csv", "error", "gateways", "ids", "metrics",
            "proxy", "store", "stripe",
        ],
    ),
    (
        "jobs",
        &[
            "app", "billing", "catalog", "config", "gateways", "metrics", "store", "stripe",
        ],
    ),
    (
        "cli",
        &[
            "admin", "app", "billing", "catalog", "config", "control", "csv", "http", "ids",
            "jobs", "keyring", "store", "stripe", "tls",
        ],
    ),
];

/// Crates that belong to some modules alone, with what to do instead.
const CRATES: &[(&str, &[&str], &str)] = &[
    (
        "sandbox",
        &["cli"],
        "the sandbox is for `dev`, `demo` and tests",
    ),
    ("rusqlite", &["store"], "add a function to store/"),
    ("tokio_postgres", &["store"], "add a function to store/"),
    ("deadpool_postgres", &["store"], "add a function to store/"),
    ("axum", &["http"], "only http/ knows HTTP's server side"),
    ("utoipa", &["http"], "only http/ knows HTTP's server side"),
    ("clap", &["cli"], "only cli/ knows the command line"),
    (
        "api",
        &["http", "billing", "gateways", "cli", "error"],
        "only what answers requests knows the wire types",
    ),
];

/// Crates that a module must not use although others may.
const BANNED: &[(&str, &str, &str)] = &[
    (
        "stripe",
        "ledger",
        "stripe/ tells what Stripe says; billing/ makes money of it",
    ),
    ("store", "http", "store/ knows no HTTP"),
];

/// A use of something at the root of `farebox`.
struct Arrow {
    line: usize,
    to: String,
}

/// The module that a file of `farebox` belongs to.
fn module_of(file: &File) -> Option<&str> {
    let inside = file
        .path
        .strip_prefix("farebox/src/")?
        .strip_suffix(".rs")?;
    let module = inside.split('/').next()?;
    let is_module = file.is_rust() && !file.is_test && !["lib", "main"].contains(&module);
    is_module.then_some(module)
}

/// Uses of one module by another that [`MODULES`] doesn't have.
pub fn between_modules(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let Some(from) = module_of(file) else {
            continue;
        };
        let Some((_, may)) = MODULES.iter().find(|(module, _)| *module == from) else {
            faults.push(format!(
                "{}: the module {from} is new: say in MODULES what it may use",
                file.path
            ));
            continue;
        };
        for Arrow { line, to } in arrows(&file.code(), depth(file)) {
            if to != from && !may.contains(&to.as_str()) {
                faults.push(format!(
                    "{}:{line}: {from} must not use {to}: move what both need below them, or pass it as \
                     an argument",
                    file.path
                ));
            }
        }
    }
    faults
}

/// How many modules the file's code is below the root of the crate.
fn depth(file: &File) -> usize {
    let inside = file.path.trim_start_matches("farebox/src/");
    inside.split('/').count() - usize::from(inside.ends_with("/mod.rs"))
}

/// What the code names at the root of its crate: by `crate::`, or by as many `super::` as it takes.
fn arrows(code: &str, depth: usize) -> Vec<Arrow> {
    let roots = [
        "crate::".to_owned(),
        "$crate::".to_owned(),
        "super::".repeat(depth),
    ];
    let mut found = Vec::new();
    for root in roots {
        for (at, _) in code.match_indices(&root) {
            if code[..at].ends_with("super::") {
                continue;
            }
            let line = line_of(code, at);
            let names = first_names(&code[at + root.len()..]);
            found.extend(names.into_iter().map(|to| Arrow { line, to }));
        }
    }
    found
}

/// The first name of a path, or of each path of a group in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let Some(group) = path.trim_start().strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut depth, mut names, mut begins) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && !c.is_whitespace() => {
                names.push(name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// Uses of a crate by a module that it doesn't belong to.
pub fn to_crates(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let Some(module) = module_of(file) else {
            continue;
        };
        let code = file.code();
        let mut fault = |name: &str, at: usize, instead: &str| {
            let line = line_of(&code, at);
            faults.push(format!(
                "{}:{line}: {module} must not use the crate {name}: {instead}",
                file.path
            ));
        };
        for (name, may, instead) in CRATES {
            if !may.contains(&module) {
                crate_uses(&code, name).for_each(|at| fault(name, at, instead));
            }
        }
        for (banned_in, name, instead) in BANNED {
            if *banned_in == module {
                crate_uses(&code, name).for_each(|at| fault(name, at, instead));
            }
        }
    }
    faults
}

/// Where a path begins with the crate's name. A module of that name further on in a path is another
/// thing, and so is a variable.
fn crate_uses<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let ends_a_name = |c: char| c.is_alphanumeric() || c == '_' || c == '>';
    words(code, name).filter(move |&at| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let begins_a_path = match before.strip_suffix("::") {
            Some(outer) => !outer.ends_with(ends_a_name),
            None => true,
        };
        let goes_on =
            after.starts_with("::") || (before.ends_with("use ") && after.starts_with(';'));
        begins_a_path && goes_on
    })
}

/// Tasks that shutdown wouldn't wait for.
pub fn loose_tasks(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test) {
        let code = file.code();
        for loose in [
            "tokio::spawn(",
            "task::spawn(",
            "task::spawn_local(",
            "Handle::current().spawn(",
        ] {
            for (at, _) in code.match_indices(loose) {
                let line = line_of(&code, at);
                faults.push(format!(
                    "{}:{line}: {loose}…): spawn on a TaskTracker, so that shutdown waits for it",
                    file.path
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn used(path: &str, text: &str) -> Vec<String> {
        let file = file(path, text);
        arrows(&file.code(), depth(&file))
            .into_iter()
            .map(|arrow| arrow.to)
            .collect()
    }

    #[test]
    fn every_way_to_name_a_module_is_seen() {
        let groups = "use crate::{billing::{self, x}, http};\nfn f() { crate::store::g() }";
        assert_eq!(
            used("farebox/src/cli/dev.rs", groups),
            ["billing", "http", "store"]
        );
        assert_eq!(
            used("farebox/src/billing/topup.rs", "use super::super::http::x;"),
            ["http"]
        );
        assert_eq!(
            used("farebox/src/billing/mod.rs", "use super::http;"),
            ["http"]
        );
        assert_eq!(used("farebox/src/jobs.rs", "use super::http;"), ["http"]);
        assert!(used("farebox/src/billing/topup.rs", "use super::apply;").is_empty());
        assert!(used("farebox/src/jobs.rs", "// crate::http").is_empty());
    }

    #[test]
    fn upward_arrows_are_found() {
        for (path, text) in [
            ("farebox/src/store/db.rs", "use crate::http::auth;"),
            ("farebox/src/store/db.rs", "use crate::billing;"),
            ("farebox/src/store/db.rs", "use crate::stripe::Stripe;"),
            ("farebox/src/stripe/send.rs", "fn f() { crate::store::g() }"),
            (
                "farebox/src/billing/mod.rs",
                "use crate::{ids, http::auth};",
            ),
            ("farebox/src/billing/apply.rs", "use crate::jobs;"),
            ("farebox/src/http/auth.rs", "use crate::cli;"),
            ("farebox/src/unheard_of.rs", ""),
        ] {
            assert_eq!(
                between_modules(&[file(path, text)]).len(),
                1,
                "{path}: {text}"
            );
        }
        let fine = file(
            "farebox/src/billing/apply.rs",
            "use crate::store; use crate::billing::x;",
        );
        assert!(between_modules(&[fine]).is_empty());
        let in_a_test = file(
            "farebox/src/store/db.rs",
            "#[cfg(test)]\nmod tests { use crate::http; }",
        );
        assert!(between_modules(&[in_a_test]).is_empty());
    }

    #[test]
    fn crates_out_of_place_are_found() {
        for (path, text) in [
            ("farebox/src/http/x.rs", "use sandbox::Stripe;"),
            ("farebox/src/http/x.rs", "fn f(x: sandbox::Stripe) {}"),
            (
                "farebox/src/http/x.rs",
                "fn f(x: Vec<::sandbox::Stripe>) {}",
            ),
            ("farebox/src/http/x.rs", "use rusqlite::Row;"),
            ("farebox/src/billing/x.rs", "use axum::Json;"),
            ("farebox/src/stripe/x.rs", "use ledger::Amount;"),
            ("farebox/src/stripe/x.rs", "use ledger;"),
            ("farebox/src/store/x.rs", "use http::StatusCode;"),
        ] {
            assert_eq!(to_crates(&[file(path, text)]).len(), 1, "{path}: {text}");
        }
        for (path, text) in [
            ("farebox/src/cli/dev.rs", "use sandbox::Stripe;"),
            (
                "farebox/src/store/x.rs",
                "use rusqlite::Row; use ledger::Amount;",
            ),
            (
                "farebox/src/stripe/x.rs",
                "use crate::ledger::x; fn f(ledger: u8) { ledger; }",
            ),
            ("farebox/src/jobs.rs", "use crate::http::api::x;"),
        ] {
            assert!(to_crates(&[file(path, text)]).is_empty(), "{path}: {text}");
        }
    }

    #[test]
    fn loose_tasks_are_found() {
        let at = |text| loose_tasks(&[file("sandbox/src/x.rs", text)]).len();
        assert_eq!(at("fn f() { tokio::spawn(async {}); }"), 1);
        assert_eq!(at("use tokio::task; fn f() { task::spawn(async {}); }"), 1);
        assert_eq!(
            at("fn f() { app.tasks.spawn(async {}); tokio::task::spawn_blocking(g); }"),
            0
        );
    }
}
