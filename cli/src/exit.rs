//! How the program ends: exit codes, and failures in two lines: what went wrong, and what to do.

use std::fmt;
use std::process::ExitCode;

/// The exit codes, as `--help` and `docs/guides/cli.md` list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    /// The answer is no: not found, problems found, a run failed.
    No = 1,
    /// The command line or the configuration cannot be used.
    Usage = 2,
    /// The server cannot be reached or is not ready, or the data directory is in use.
    Unavailable = 3,
    /// The server asks for a token, or the token does not allow this.
    Denied = 4,
    /// The program or the server failed.
    Failed = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The table of exit codes at the end of `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the answer is no: nothing found, problems found, a run failed
  2  the command line or the configuration cannot be used
  3  the server cannot be reached or is not ready, or the data directory is in use
  4  the server asks for a token, or the token does not allow this
  5  the program or the server failed";

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What went wrong: one line, a lower-case fragment.
    pub(crate) what: String,
    /// What to do about it, if there is something.
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            hint: None,
        }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(Exit::No, what)
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The output could not be written. A reader that has seen enough (`| head`) is no failure.
    pub(crate) fn writing(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::new(Exit::Ok, ""),
            _ => Self::new(Exit::Failed, format!("cannot write the output: {error}")),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::writing(&error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Prints what clap says: help and version to standard output, errors to standard error.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell if this cannot be printed.
    let _ = error.print();
    match error.exit_code() {
        0 => Exit::Ok.into(),
        _ => Exit::Usage.into(),
    }
}
