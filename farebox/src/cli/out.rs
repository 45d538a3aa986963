//! Where commands print. If the reader has seen enough and left (`farebox logs list | head`), the command ends quietly,
//! as others do: `println!` of the standard library panics instead.

use std::fmt;
use std::io::{self, ErrorKind, StdoutLock, Write};

/// Prints a line, as the standard library's macro does.
macro_rules! println {
    () => {
        $crate::cli::out::print(format_args!("\n"))
    };
    ($($text:tt)*) => {
        $crate::cli::out::print(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Prints a text.
macro_rules! print {
    ($($text:tt)*) => {
        $crate::cli::out::print(format_args!($($text)*))
    };
}

/// Standard output, which ends the process when its reader has left.
pub(super) struct Stdout(StdoutLock<'static>);

/// Locks standard output.
pub(super) fn stdout() -> Stdout {
    Stdout(io::stdout().lock())
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_leave(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        or_leave(self.0.flush())
    }
}

fn or_leave<T>(written: io::Result<T>) -> io::Result<T> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written,
    }
}

/// Prints; if that fails for another reason than a reader who has left, the process ends with the reason.
pub(super) fn print(text: fmt::Arguments<'_>) {
    if let Err(error) = stdout().write_fmt(text) {
        complain(format_args!(
            "farebox: can't write to standard output: {error}"
        ));
        std::process::exit(1);
    }
}

/// Prints a line on standard error. If that has no reader there is nobody to tell.
pub(super) fn complain(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}
