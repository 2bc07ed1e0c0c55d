//! The program under test as a process: its configuration, its start, its clean stop.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Connection;
use crate::failure::{Outcome, While as _, fail};

/// The id of the one source.
pub(crate) const SOURCE: &str = "bench";
/// Longest wait for a server that ends.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a condition is looked at while nothing is measured.
const LOOK: Duration = Duration::from_millis(2);

/// What a server needs: where the binary, its data and the file that it reads are.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    pub(crate) engine: String,
    /// Holds configuration, log, data and the file that is read.
    pub(crate) folder: PathBuf,
}

impl Setup {
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The file that the source reads.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("catalog.ndjson")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log.txt")
    }

    /// Writes the configuration: one source of files that runs when it is asked to, everything else as by default.
    fn configure(&self) -> Outcome<PathBuf> {
        let path = self.folder.join("bailiwick.yaml");
        // JSON is YAML.
        let config = json!({
            "server": { "listen": "127.0.0.1:0" },
            "store": { "engine": self.engine, "data_dir": self.data() },
            "log": { "level": "warn" },
            "sources": [{
                "id": SOURCE,
                "type": "files",
                "paths": [self.file()],
                "watch": false,
                "run_at_start": false,
            }],
        });
        std::fs::write(&path, config.to_string()).while_doing("writing the configuration")?;
        Ok(path)
    }

    /// Starts the server and waits until it says that queries answer.
    pub(crate) fn start(&self) -> Outcome<Server> {
        let config = self.configure()?;
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .while_doing("opening the log")?;
        let began = Instant::now();
        let mut child = Command::new(&self.binary)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .while_doing(format!("starting {}", self.binary.display()))?;
        let stdout = child.stdout.take().expect("the output was asked for");
        let mut server = Server {
            child,
            began,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .while_doing("waiting for the server")?;
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .and_then(|text| text.parse().ok());
        let Some(address) = address else {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(5).collect();
            return fail(format!("the server did not start; its log ends, backwards: {tail:?}"));
        };
        server.address = address;
        Ok(server)
    }
}

/// A running server. Dropped, it is killed; [`Server::stop`] is the clean end.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// When its process was started.
    pub(crate) began: Instant,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn connect(&self) -> Outcome<Connection> {
        Connection::open(self.address)
    }

    /// Waits until `/readyz` says so.
    pub(crate) fn wait_ready(&self) -> Outcome<()> {
        let mut connection = self.connect()?;
        loop {
            if connection.page("/readyz")?.0 == 200 {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Asks it to end and waits until it has; how long that took.
    pub(crate) fn stop(mut self) -> Outcome<Duration> {
        let began = Instant::now();
        let sent = Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status()
            .while_doing("stopping the server")?;
        if !sent.success() {
            return fail("the server ended before it was asked to");
        }
        while began.elapsed() < STOP_TIMEOUT {
            if let Some(status) = self.child.try_wait().while_doing("waiting for the server's end")? {
                if !status.success() {
                    return fail(format!("the server ended with {status}"));
                }
                return Ok(began.elapsed());
            }
            std::thread::sleep(LOOK);
        }
        fail("the server did not end when it was asked to")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Bytes of all files below a folder as the disk holds them: whole blocks, holes not counted.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}
