//! Secrets that are given to a command: from a file or standard input, never as an argument, which others see
//! in the list of processes.

use std::io::{IsTerminal, Read, stdin};
use std::path::Path;

use crate::cli::Failure;

/// All that the file has, or standard input where there is none or it is called `-`; without blanks around it.
pub(super) fn read(file: Option<&Path>, what: &str) -> Result<String, Failure> {
    let text = match file.filter(|file| *file != Path::new("-")) {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Failure::new(format!("{} can't be read: {error}", file.display()))),
        None => from_stdin(what),
    }?;
    match text.trim() {
        "" => Err(Failure::new(format!(
            "there is no {what}: nothing was read"
        ))),
        text => Ok(text.to_owned()),
    }
}

fn from_stdin(what: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if stdin().is_terminal() {
        eprintln!("the {what}, and Enter:");
        stdin().read_line(&mut text)
    } else {
        stdin().read_to_string(&mut text)
    };
    read.map_err(|error| Failure::new(format!("standard input can't be read: {error}")))?;
    Ok(text)
}
