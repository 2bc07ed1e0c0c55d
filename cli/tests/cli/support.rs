//! Running the binary, and a server of it, in temporary folders.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest time that a test waits for a process; far beyond what it takes.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The binary with nothing of the test's own environment that it would look at.
#[expect(clippy::disallowed_methods, reason = "these tests are about the process")]
pub(crate) fn command(args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("COLUMNS", "100")
        .env("HOME", folder);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn run(args: &[&str], folder: &Path) -> Ended {
    run_command(command(args, folder))
}

pub(crate) fn run_command(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

/// A running server, killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server with this configuration; its folder is the configuration's.
    pub(crate) fn start(config: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            write(folder.path(), name, text);
        }
        write(folder.path(), "bailiwick.yaml", config);
        Self::start_in(
            folder,
            &["serve", "--config", "bailiwick.yaml", "--listen", "127.0.0.1:0"],
        )
    }

    pub(crate) fn start_in(folder: tempfile::TempDir, args: &[&str]) -> Self {
        let mut child = command(args, folder.path()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim_end()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("{line:?}"))
            .to_owned();
        Self { child, url, folder }
    }

    /// Runs a command against the server.
    pub(crate) fn ask(&self, args: &[&str]) -> Ended {
        let mut all = args.to_vec();
        all.extend(["--server", &self.url]);
        run(&all, self.folder.path())
    }

    /// Asks for JSON.
    pub(crate) fn json(&self, args: &[&str]) -> serde_json::Value {
        let mut all = args.to_vec();
        all.extend(["--output", "json"]);
        self.ask(&all).expect(0).json()
    }

    /// Ends it by a signal; gives its exit code, what else it printed and how long it took.
    pub(crate) fn stop(&mut self, signal: &str) -> (Option<i32>, String, Duration) {
        let began = now();
        let id = self.child.id().to_string();
        assert!(kill(signal, &id), "the server is there to be ended");
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < WAIT_MAX, "the server does not end");
            std::thread::yield_now();
        };
        let mut rest = String::new();
        self.child.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        (status.code(), rest, began.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "these tests are about the process and its signals"
)]
fn kill(signal: &str, id: &str) -> bool {
    Command::new("kill").args([signal, id]).status().unwrap().success()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a process takes to end is measured by the clock"
)]
fn now() -> Instant {
    Instant::now()
}

/// Sends a request as it is written and gives the whole answer.
pub(crate) fn http(url: &str, request: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(WAIT_MAX)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
