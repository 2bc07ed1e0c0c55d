//! What every command gets handed in: environment, working directory, and how to print.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::args::{ColorChoice, Format, Global};
use crate::exit::{Exit, Failure};
use crate::output::{Style, printable};

/// The surroundings of one command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) working_dir: PathBuf,
    pub(crate) format: Format,
    /// Colours of standard output.
    pub(crate) style: Style,
    pub(crate) quiet: bool,
    /// `--server`, without the variable.
    pub(crate) server_flag: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    stderr_style: Style,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Self {
        let env = environment();
        let no_color = env.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colors = |terminal: bool| match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !no_color && env.get("TERM").is_none_or(|term| term != "dumb"),
        };
        Self {
            style: Style {
                colors: colors(std::io::stdout().is_terminal()),
            },
            stderr_style: Style {
                colors: colors(std::io::stderr().is_terminal()),
            },
            working_dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            format: global.output,
            quiet: global.quiet,
            server_flag: global.server.clone(),
            token_file: global.token_file.clone(),
            env,
        }
    }

    /// Whether the log may use colours.
    pub(crate) fn stderr_colors(&self) -> bool {
        self.stderr_style.colors
    }

    /// Whether progress may be shown: on a terminal, unless `--quiet`.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }

    /// A line for people on standard error; nothing with `--quiet`.
    pub(crate) fn note(&self, line: &str) {
        if !self.quiet {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "{}", printable(line));
        }
    }

    /// Tells about a failure: one line what, one line what to do.
    pub(crate) fn report(&self, failure: Failure) -> ExitCode {
        if failure.exit != Exit::Ok && !failure.what.is_empty() {
            let mut stderr = std::io::stderr().lock();
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(
                stderr,
                "{}: {}",
                self.stderr_style.red("error"),
                printable_lines(&failure.what)
            );
            if let Some(hint) = &failure.hint {
                let _ = writeln!(stderr, "{}: {}", self.stderr_style.dim("help"), printable_lines(hint));
            }
        }
        failure.exit.into()
    }
}

fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| printable(line).into_owned()).collect();
    lines.join("\n")
}

/// All variables that are valid Unicode; the only place where the environment is read.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
