//! Loopback git servers for tests: smart HTTP through `git http-backend`, and the git protocol through `git daemon`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::testing::{command, git_command};

/// Serves all repositories below a folder at `http://127.0.0.1:<port>/<path>`.
pub(crate) struct HttpServer {
    pub(crate) port: u16,
    state: Arc<HttpState>,
}

struct HttpState {
    root: PathBuf,
    /// What the header `Authorization` must hold; nothing lets everybody in.
    authorization: Option<String>,
    /// Method and target of every request that was let in.
    requests: Mutex<Vec<String>>,
    /// Cuts answers with packs in the middle.
    cut_packs: AtomicBool,
    stop: AtomicBool,
}

impl HttpServer {
    pub(crate) fn start(root: &Path, authorization: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(HttpState {
            root: root.to_owned(),
            authorization: authorization.map(str::to_owned),
            requests: Mutex::default(),
            cut_packs: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || stream.map(|stream| answer(&state, stream)));
            }
        });
        Self { port, state }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.requests.lock().unwrap())
    }

    pub(crate) fn cut_packs(&self, cut: bool) {
        self.state.cut_packs.store(cut, Ordering::SeqCst);
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Reads one request, runs it through `git http-backend` (CGI, RFC 3875), and closes the connection.
fn answer(state: &HttpState, stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut parts = line.split_whitespace();
    let (method, target) = (
        parts.next().unwrap_or("").to_owned(),
        parts.next().unwrap_or("").to_owned(),
    );
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header = |name: &str| {
        headers
            .iter()
            .find(|(held, _)| held == name)
            .map(|(_, value)| value.as_str())
    };
    let body = match header("transfer-encoding") {
        Some("chunked") => read_chunks(&mut reader),
        _ => {
            let mut body = vec![
                0;
                header("content-length")
                    .and_then(|length| length.parse().ok())
                    .unwrap_or(0)
            ];
            reader.read_exact(&mut body).unwrap();
            body
        }
    };
    if state.authorization.is_some() && header("authorization") != state.authorization.as_deref() {
        let refusal = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(refusal.as_bytes());
        return;
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let command = if body.windows(13).any(|window| window == b"command=fetch") {
        " fetch"
    } else {
        ""
    };
    state
        .requests
        .lock()
        .unwrap()
        .push(format!("{method} {target}{command}"));
    let mut child = git_command()
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &state.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROTOCOL", header("git-protocol").unwrap_or(""))
        .env("REQUEST_METHOD", &method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type").unwrap_or(""))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding").unwrap_or(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&body).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let content = output.get(end + 4..).unwrap_or(&[]);
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let answer = format!(
        "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    let _ = stream.write_all(answer.as_bytes());
    let cut = state.cut_packs.load(Ordering::SeqCst) && content.windows(4).any(|window| window == b"PACK");
    let _ = stream.write_all(if cut { &content[..content.len() / 2] } else { content });
}

fn read_chunks(reader: &mut impl BufRead) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunk[..size]);
    }
}

/// `git daemon` on loopback.
pub(crate) struct GitDaemon {
    pub(crate) port: u16,
    child: Child,
}

impl GitDaemon {
    pub(crate) fn start(root: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Not through the `git` wrapper, which would outlive neither signal nor test in order.
        let programs = git_command().arg("--exec-path").output().unwrap().stdout;
        let program = Path::new(String::from_utf8_lossy(&programs).trim()).join("git-daemon");
        let child = command(program)
            .args(["--reuseaddr", "--export-all", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", root.display()))
            .arg(root)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Self { port, child }
    }
}

impl Drop for GitDaemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `sshd` on loopback with a key of its own, for the user who runs the test.
pub(crate) struct SshServer {
    pub(crate) port: u16,
    /// The private key that it lets in.
    pub(crate) key: PathBuf,
    /// How to call `ssh` so that it knows the server's key.
    pub(crate) program: String,
    child: Child,
}

impl SshServer {
    /// Nothing if this machine has no `sshd`; that is an error where the whole suite is expected to run.
    #[expect(clippy::disallowed_methods, reason = "tells a CI machine from a laptop without sshd")]
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let program = std::env::var("BAILIWICK_TEST_SSHD").unwrap_or_else(|_| "/usr/sbin/sshd".to_owned());
        if !Path::new(&program).exists() {
            assert!(
                std::env::var("CI").is_err(),
                "{program} is needed in CI: install openssh-server"
            );
            println!("skipped: no {program} on this machine");
            return None;
        }
        for name in ["host", "user"] {
            let path = folder.join(name);
            let made = command("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(&path)
                .status();
            assert!(made.unwrap().success());
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let shown = folder.display();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {shown}/host\nAuthorizedKeysFile {shown}/user.pub\n\
             PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        );
        std::fs::write(folder.join("sshd_config"), config).unwrap();
        let host_key = std::fs::read_to_string(folder.join("host.pub")).unwrap();
        std::fs::write(folder.join("known_hosts"), format!("[127.0.0.1]:{port} {host_key}")).unwrap();
        std::fs::write(
            folder.join("ssh_config"),
            format!("UserKnownHostsFile {shown}/known_hosts\n"),
        )
        .unwrap();
        let child = command(&program)
            .args(["-D", "-f"])
            .arg(folder.join("sshd_config"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            port,
            key: folder.join("user"),
            program: format!("ssh -F '{shown}/ssh_config'"),
            child,
        };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.child.try_wait().unwrap().is_some() {
                assert!(
                    std::env::var("CI").is_err(),
                    "sshd ended at once; as root it needs the folder /run/sshd"
                );
                println!("skipped: sshd ended at once; as root it needs the folder /run/sshd");
                return None;
            }
            std::thread::yield_now();
        }
        Some(server)
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
