//! Makes `docs/reference/cli.md` out of the commands' own definitions, and holds the two together.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory};
use farebox::cli::Cli;

const HEADER: &str = "\
<!-- Made from farebox/src/cli. Change a command's help there, then run\n     \
UPDATE_EXPECT=1 cargo test -p farebox reference_is_up_to_date -->\n\n\
# The command line\n\n\
Every command with its arguments. `farebox help COMMAND` prints the same. Exit codes: 0 done, 1 not done (or, for a \
check, not as it should be), 2 not understood.\n";

fn render() -> String {
    let mut page = HEADER.to_owned();
    let mut root = Cli::command();
    root.build();
    add_list(&mut page, &root);
    for command in commands(&root) {
        add(&mut page, command, "farebox");
    }
    page
}

/// The commands that do something, in the order of their definition.
fn commands(of: &Command) -> impl Iterator<Item = &Command> {
    of.get_subcommands()
        .filter(|command| command.get_name() != "help")
}

fn add_list(page: &mut String, root: &Command) {
    page.push_str("\n| command | what it does |\n|---|---|\n");
    for command in commands(root) {
        let (name, about) = (command.get_name(), about(command));
        writeln!(page, "| [`{name}`](#farebox-{name}) | {} |", cell(&about)).unwrap();
    }
}

fn add(page: &mut String, command: &Command, parent: &str) {
    let path = format!("{parent} {}", command.get_name());
    let level = "#".repeat(path.split(' ').count());
    write!(page, "\n{level} `{path}`\n\n{}.\n", about(command)).unwrap();
    let has_subcommands = commands(command).next().is_some();
    if !has_subcommands {
        add_arguments(page, command, &path);
        if let Some(text) = command.get_after_help() {
            write!(page, "\n{text}\n").unwrap();
        }
    }
    for each in commands(command) {
        add(page, each, &path);
    }
}

fn add_arguments(page: &mut String, command: &Command, path: &str) {
    let shown =
        |arg: &&Arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str());
    let mut arguments: Vec<&Arg> = command.get_arguments().filter(shown).collect();
    // What has to be given comes first, as in the usage.
    arguments.sort_by_key(|arg| (!arg.is_positional(), !arg.is_required_set()));
    let usage: Vec<String> = arguments
        .iter()
        .filter(|arg| arg.is_required_set())
        .map(|arg| written(arg))
        .collect();
    let usage = [path.to_owned(), usage.join(" ")].join(" ");
    write!(page, "\n```text\n{}\n```\n", usage.trim_end()).unwrap();
    if arguments.is_empty() {
        return;
    }
    page.push_str("\n| argument | what it does |\n|---|---|\n");
    for arg in arguments {
        writeln!(page, "| `{}` | {} |", written(arg), cell(&told(arg))).unwrap();
    }
}

/// As it is typed: `--name <NAME>`, `--json`, `<ID>`.
fn written(arg: &Arg) -> String {
    let values = if arg.is_positional() || arg.get_action().takes_values() {
        let names = arg.get_value_names().unwrap_or_default();
        let names: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
        names.join(" ")
    } else {
        String::new()
    };
    let option = arg.get_long().map(|long| format!("--{long}"));
    [option.unwrap_or_default(), values]
        .join(" ")
        .trim()
        .to_owned()
}

/// Its help, with what it may be, its default and its variable.
fn told(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let possible = arg.get_possible_values();
    if arg.get_action().takes_values() && !possible.is_empty() {
        let values: Vec<String> = possible
            .iter()
            .map(|value| match value.get_help() {
                Some(help) => format!("`{}` ({help})", value.get_name()),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        write!(text, ". One of {}", values.join(", ")).unwrap();
    }
    if arg.get_action().takes_values() {
        for value in arg.get_default_values() {
            write!(text, ". Default `{}`", value.to_string_lossy()).unwrap();
        }
    }
    if let Some(variable) = arg.get_env() {
        write!(text, ". Variable `{}`", variable.to_string_lossy()).unwrap();
    }
    text
}

fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// A text in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn cli_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/cli.md");
    let expected = render();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/reference/cli.md is out of date: run this test with UPDATE_EXPECT=1"
    );
}
