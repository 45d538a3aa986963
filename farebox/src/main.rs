//! Parse, run, exit code: everything else is in the library, where the tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    farebox::cli::main()
}
