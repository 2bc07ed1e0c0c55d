//! From descriptors that were read to the items that tell of them.

use bailiwick_schema::{Finding, Severity};

use super::client::GitError;
use super::declare::Visitor;
use super::facts::OwnersFile;
use super::map::{self, Subjects};
use super::output::{Output, Outputs};
use crate::descriptors::EntityItem;

/// Turns descriptors into claims.
pub(super) struct Teller<'a> {
    pub(super) outputs: &'a Outputs,
    pub(super) subjects: &'a Subjects,
    pub(super) owners: Option<&'a OwnersFile>,
    pub(super) delta: bool,
    pub(super) damaged: &'a mut bool,
}

impl Visitor for Teller<'_> {
    fn file(&mut self, path: &str) -> Result<(), GitError> {
        if self.delta {
            self.outputs.send(Output::OriginRead(path.to_owned()))
        } else {
            Ok(())
        }
    }

    fn entity(&mut self, path: &str, entity: EntityItem) -> Result<(), GitError> {
        self.outputs
            .claim(map::described(self.subjects, path, entity, self.owners))
    }

    fn unreadable(&mut self, path: &str, finding: Finding) -> Result<(), GitError> {
        *self.damaged |= matches!(
            finding.code.as_str(),
            "object_missing" | "object_damaged" | "placeholder_unreadable"
        );
        self.outputs.send(Output::Unreadable(path.to_owned(), finding))
    }

    fn finding(&mut self, finding: Finding) -> Result<(), GitError> {
        self.outputs.finding(finding)
    }

    fn gone(&mut self, path: &str) -> Result<(), GitError> {
        self.outputs.send(Output::Gone(path.to_owned()))
    }
}

pub(super) fn object_finding(what: &str, error: &GitError) -> Finding {
    let code = match error {
        GitError::ObjectMissing { .. } => "object_missing",
        GitError::TooLarge { .. } => "object_too_large",
        _ => "object_damaged",
    };
    Finding::new(code, Severity::Error, format!("{what} cannot be read: {error}"))
}
