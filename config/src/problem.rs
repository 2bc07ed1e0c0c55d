//! A problem in the configuration, with its place.

use std::fmt;

/// One problem. The message is a lower-case fragment that says what is wrong and what would be right; it never holds a
/// configured value, since that might be a secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The key, its parts separated by dots, items of a list by their id (`sources.code.schedule`); empty for the whole.
    pub path: String,
    /// Where the value comes from: a file, `environment variable X` or `flag --x`.
    pub file: String,
    /// From 1; only for files.
    pub line: Option<u32>,
    /// From 1, in characters; only for files.
    pub column: Option<u32>,
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Every problem of one reading; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.lines())]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    fn lines(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        lines.join("\n")
    }
}
