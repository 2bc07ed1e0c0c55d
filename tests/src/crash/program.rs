//! The binary as a process: started, killed, asked.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::generator::Generator;

/// The guard is wide open: what a set lacks goes, however much that is, so that the end depends on the last set alone.
/// History is kept for a day, so that there is something to trim of what a test puts into the past.
const CONFIG: &str = "\
store: {engine: ENGINE}
sweeps: {guard: {claims: 1000000000, percent: 100}}
retention: {history_days: 1}
sources: [{id: org, type: files, paths: [org], watch: false}]
log: {level: error}
";

/// What a process left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Errors: it ended otherwise than with 0; says what it printed.
    pub fn success(self, what: &str) -> io::Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        Err(io::Error::other(format!(
            "{what} ended with {}\n{}{}",
            self.status, self.stdout, self.stderr
        )))
    }
}

/// Whether SIGKILL ended it.
#[cfg(unix)]
pub fn ended_by_kill(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(9)
}

/// Whether SIGKILL ended it; there is none here.
#[cfg(not(unix))]
pub fn ended_by_kill(_status: ExitStatus) -> bool {
    false
}

/// The binary under test.
#[derive(Debug, Clone)]
pub struct Program(pub PathBuf);

impl Program {
    /// The binary that lies beside the running program, or beside the folder of the running test.
    /// Errors: there is none; says how it is built.
    pub fn beside_this_one() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let name = format!("bailiwick{}", std::env::consts::EXE_SUFFIX);
        own.ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join(&name))
            .find(|path| path.is_file())
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "there is no `{name}` near `{}`: run `cargo build -p bailiwick-cli`",
                    own.display()
                )
            })
    }

    #[expect(clippy::disallowed_methods, reason = "only another process can be killed")]
    fn command(&self, args: &[&str], folder: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.args(args).current_dir(folder).env_clear().env("HOME", folder);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// A folder with a configuration, a set of entities, and a data directory that the program is let loose on.
#[derive(Debug)]
pub struct Home<'p> {
    pub program: &'p Program,
    pub folder: PathBuf,
}

impl<'p> Home<'p> {
    pub fn new(program: &'p Program, folder: PathBuf, engine: &str) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("c.yaml"), CONFIG.replace("ENGINE", engine))?;
        Ok(Self { program, folder })
    }

    /// Puts the set of a round where the source looks.
    pub fn put(&self, generator: &Generator, round: u64) -> io::Result<()> {
        generator.write(round, &self.folder.join("org"))
    }

    /// The command that ingests; `fail_point` as in the variable, for a debug build.
    pub fn ingest(&self, fail_point: Option<&str>) -> io::Result<Child> {
        let args = [
            "ingest",
            "--config",
            "c.yaml",
            "--data-dir",
            "d",
            "--ack-log",
            "acks",
            "--quiet",
        ];
        let mut command = self.program.command(&args, &self.folder);
        // Nothing reads while it runs; its runs are of no interest.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(point) = fail_point {
            command.env("BAILIWICK_FAIL_POINT", point);
        }
        command.spawn()
    }

    /// Ingests to the end.
    pub fn ingest_whole(&self) -> io::Result<()> {
        let args = [
            "ingest",
            "--config",
            "c.yaml",
            "--data-dir",
            "d",
            "--ack-log",
            "acks",
            "--quiet",
        ];
        self.run(&args)?.success("ingest").map(drop)
    }

    /// Runs a command of the program in the folder, to its end.
    pub fn run(&self, args: &[&str]) -> io::Result<Ended> {
        self.run_with(args, &[])
    }

    /// The same with variables of the environment.
    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> io::Result<Ended> {
        let output = self
            .program
            .command(args, &self.folder)
            .envs(env.iter().copied())
            .output()?;
        Ok(Ended {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Opens the store, has it verified, and gives the head of its log.
    /// Errors: it does not open, or what is rebuilt differs; says what was printed.
    pub fn verify(&self) -> io::Result<u64> {
        let args = [
            "verify",
            "--config",
            "c.yaml",
            "--data-dir",
            "d",
            "--output",
            "json",
            "--quiet",
        ];
        let ended = self.run(&args)?.success("verify")?;
        let report: Value = serde_json::from_str(&ended.stdout).map_err(io::Error::other)?;
        match (report["agrees"].as_bool(), report["position"].as_u64()) {
            (Some(true), Some(position)) => Ok(position),
            _ => Err(io::Error::other(format!("verify: {}", ended.stdout))),
        }
    }

    /// What the store holds, and nothing of how it came to be.
    pub fn content(&self) -> io::Result<String> {
        let args = [
            "export",
            "--config",
            "c.yaml",
            "--data-dir",
            "d",
            "--content",
            "--quiet",
        ];
        Ok(self.run(&args)?.success("export")?.stdout)
    }

    /// Every position that was acknowledged so far, as it stands in the file.
    /// Errors: a line is no number; a last line without its end is no error.
    pub fn acknowledged(&self) -> io::Result<Vec<u64>> {
        let text = match std::fs::read_to_string(self.folder.join("acks")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        text.split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
            .map(|line| {
                line.parse()
                    .map_err(|_| io::Error::other(format!("acknowledged: `{line}`")))
            })
            .collect()
    }

    /// Whether there is a store, if only its folder.
    pub fn has_store(&self) -> bool {
        self.folder.join("d/store").is_dir()
    }
}
