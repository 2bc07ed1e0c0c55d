//! Real repositories for tests, made by the `git` command with fixed authors and dates.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Seconds since 1970 of the first commit of a test repository: Monday 2024-01-01T00:00:00Z.
pub(crate) const EPOCH: i64 = 1_704_067_200;

/// A repository in a folder; the folder belongs to whoever made it.
pub(crate) struct TestRepo {
    pub(crate) path: PathBuf,
    /// Time of the next commit; each takes an hour.
    pub(crate) now: i64,
    pub(crate) author: (String, String),
}

impl TestRepo {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        std::fs::create_dir_all(&path).unwrap();
        let repo = Self::at(path);
        repo.git(["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// A repository that is there already.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            now: EPOCH,
            author: ("Ada".to_owned(), "ada@acme.test".to_owned()),
        }
    }

    pub(crate) fn output<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        let date = format!("{} +0000", self.now);
        git_command()
            .current_dir(&self.path)
            .env("GIT_AUTHOR_NAME", &self.author.0)
            .env("GIT_AUTHOR_EMAIL", &self.author.1)
            .env("GIT_COMMITTER_NAME", &self.author.0)
            .env("GIT_COMMITTER_EMAIL", &self.author.1)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Runs git and returns its trimmed output; fails the test if git fails.
    pub(crate) fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let output = self.output(arguments);
        assert!(
            output.status.success(),
            "git failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// Commits everything in the work tree and returns the commit's id.
    pub(crate) fn commit(&mut self, message: &str) -> String {
        self.git(["add", "--all"]);
        self.git(["commit", "--quiet", "--allow-empty", "--message", message]);
        self.now += 3_600;
        self.git(["rev-parse", "HEAD"])
    }

    pub(crate) fn clone_to(&self, path: &Path, arguments: &[&str]) -> Self {
        let from = format!("file://{}", self.path.display());
        let output = git_command()
            .arg("clone")
            .arg("--quiet")
            .args(arguments)
            .arg(from)
            .arg(path)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git clone failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut clone = Self::at(path);
        clone.now = self.now;
        clone
    }

    /// Builds a straight history of `commits` commits quickly, one an hour, by `authors` authors in turn.
    pub(crate) fn fast_import(&mut self, commits: usize, authors: usize) {
        use std::fmt::Write as _;
        let mut stream = String::new();
        for number in 0..commits {
            let author = number % authors;
            let _ = write!(
                stream,
                "commit refs/heads/main\ncommitter Author {author} <a{author}@acme.test> {} +0000\ndata 2\nc\n\nM 100644 inline file-{}\ndata {}\n{number}\n",
                self.now,
                number % 50,
                number.to_string().len(),
            );
            self.now += 3_600;
        }
        let mut child = git_command()
            .current_dir(&self.path)
            .args(["fast-import", "--quiet", "--force"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), stream.as_bytes()).unwrap();
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests build their repositories with the real git"
)]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Git that sees no configuration of the machine.
pub(crate) fn git_command() -> Command {
    let mut command = command("git");
    command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .args([
            "-c",
            "protocol.file.allow=always",
            "-c",
            "gc.auto=0",
            "-c",
            "core.hooksPath=/dev/null",
        ]);
    command
}
