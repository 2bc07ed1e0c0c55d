//! Repositories made by the `git` command, with fixed authors and dates.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Seconds since 1970 of the first commit: 2026-01-05T00:00:00Z.
const EPOCH: i64 = 1_767_571_200;

/// A repository with a work tree.
pub(crate) struct Repo {
    pub(crate) path: PathBuf,
    commits: i64,
}

impl Repo {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        std::fs::create_dir_all(&path).unwrap();
        let repo = Self { path, commits: 0 };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// The same repository in another folder.
    pub(crate) fn moved(self, to: impl Into<PathBuf>) -> Self {
        let to = to.into();
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(&self.path, &to).unwrap();
        Self {
            path: to,
            commits: self.commits,
        }
    }

    pub(crate) fn clone_to(&self, path: &Path) {
        let output = command()
            .arg("clone")
            .arg("--quiet")
            .arg(&self.path)
            .arg(path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs git in the repository and gives its trimmed output.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let date = format!("{} +0000", EPOCH + self.commits * 3_600);
        let output = command()
            .current_dir(&self.path)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn write(&mut self, path: &str, content: impl AsRef<[u8]>) -> &mut Self {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn remove(&mut self, path: &str) -> &mut Self {
        std::fs::remove_file(self.path.join(path)).unwrap();
        self
    }

    /// Commits everything in the work tree and gives the commit's id.
    pub(crate) fn commit(&mut self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "Change something"]);
        self.commits += 1;
        self.git(&["rev-parse", "HEAD"])
    }

    /// Takes one object out of the repository, as a failing disk would.
    pub(crate) fn lose_object(&self, id: &str) {
        let path = self.path.join(".git/objects").join(&id[..2]).join(&id[2..]);
        std::fs::remove_file(path).unwrap();
    }
}

/// Git that sees no configuration of the machine.
#[expect(
    clippy::disallowed_methods,
    reason = "tests build their repositories with the real git"
)]
fn command() -> Command {
    let mut command = Command::new("git");
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@acme.test")])
        .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@acme.test")])
        .args([
            "-c",
            "gc.auto=0",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "protocol.file.allow=always",
        ]);
    command
}
