//! The one way to the server: GraphQL over HTTP, and the streams of its REST half.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use bailiwick_schema::Secret;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use serde_json::{Value, json};

use crate::args::{DEFAULT_SERVER, SERVER_VARIABLE};
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Longest time until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for one query, a little more than the server takes at most.
const QUERY_TIMEOUT: Duration = Duration::from_secs(40);
/// Largest answer to one query, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Largest token file, in bytes.
const TOKEN_FILE_BYTES_MAX: u64 = 4 * 1024;

/// A server and the token for it.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    token: Option<Secret>,
}

impl Client {
    pub(crate) fn new(context: &Context) -> Result<Self, Failure> {
        let text = context
            .server_flag
            .as_ref()
            .or_else(|| context.env.get(SERVER_VARIABLE));
        let server = parse_server(text.map_or(DEFAULT_SERVER, String::as_str))?;
        let token = context.token_file.as_deref().map(read_token).transpose()?;
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT);
        if is_this_machine(&server) {
            // A proxy would look for the server on its own machine.
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot speak HTTP: {error}")))?;
        Ok(Self { http, server, token })
    }

    /// Asks a query and gives its `data`.
    pub(crate) async fn query(&self, query: &str, variables: Value) -> Result<Value, Failure> {
        let request = self
            .http
            .post(self.url("graphql"))
            .json(&json!({ "query": query, "variables": variables }));
        let response = self.send(request.timeout(QUERY_TIMEOUT)).await?;
        let status = response.status();
        let body = self.body(response).await?;
        let mut answer: Value = match serde_json::from_slice(&body) {
            Ok(answer) => answer,
            Err(_) if status.is_success() => return Err(self.no_bailiwick("an answer that is no JSON")),
            Err(_) => return Err(self.no_bailiwick(&format!("status {status}"))),
        };
        if let Some(error) = answer.pointer("/errors/0") {
            return Err(of_error(error, status));
        }
        match answer.get_mut("data").map(Value::take) {
            Some(data @ Value::Object(_)) => Ok(data),
            _ => Err(self.no_bailiwick("an answer without data")),
        }
    }

    /// Asks for a path below the server; any status but success is a failure. No time limit: exports take their time.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, Failure> {
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(query);
        self.expect_success(self.http.get(url)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Result<Response, Failure> {
        self.expect_success(self.http.post(self.url(path)).json(&json!({})))
            .await
    }

    /// The status and text of a path, whatever the status is.
    pub(crate) async fn probe(&self, path: &str) -> Result<(StatusCode, String), Failure> {
        let response = self.send(self.http.get(self.url(path)).timeout(QUERY_TIMEOUT)).await?;
        let status = response.status();
        let body = self.body(response).await?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    pub(crate) fn server(&self) -> String {
        self.server.as_str().trim_end_matches('/').to_owned()
    }

    async fn expect_success(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = self.send(request).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(response).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        match answer.pointer("/errors/0") {
            Some(error) => Err(of_error(error, status)),
            None => Err(self.no_bailiwick(&format!("status {status}"))),
        }
    }

    async fn send(&self, mut request: RequestBuilder) -> Result<Response, Failure> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let what = format!("the answer is larger than {ANSWER_BYTES_MAX} bytes (answer_bytes_max)");
                return Err(Failure::new(Exit::Failed, what).hint("ask for less at once, with --first"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.server.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        url
    }

    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let what = match error.is_timeout() {
            true => format!("{} did not answer in time", self.server()),
            false => format!("cannot reach {}: {}", self.server(), innermost(error)),
        };
        Failure::new(Exit::Unavailable, what)
            .hint("start it with `bailiwick serve`, or name another one with --server URL")
    }

    fn no_bailiwick(&self, what: &str) -> Failure {
        Failure::new(Exit::Failed, format!("{} gave {what}", self.server()))
            .hint("see whether a Bailiwick server runs there; `bailiwick health` asks it")
    }
}

/// The failure that an error of the API stands for.
fn of_error(error: &Value, status: StatusCode) -> Failure {
    let message = error
        .get("message")
        .and_then(Value::as_str)
        .unwrap_or("the server gave no reason")
        .to_owned();
    let code = error
        .pointer("/extensions/code")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match code {
        "NOT_FOUND" => Failure::not_found(message),
        "UNAUTHENTICATED" => Failure::new(Exit::Denied, message)
            .hint("name a file with the token by --token-file FILE; `bailiwick token new` makes one"),
        "FORBIDDEN" => {
            Failure::new(Exit::Denied, message).hint("use a token that may do this: `operate: true` in auth.tokens")
        }
        "BAD_REQUEST" | "LIMIT_EXCEEDED" => Failure::usage(message),
        "POSITION_TIMEOUT" | "UNAVAILABLE" => Failure::new(Exit::Unavailable, message)
            .hint("try again; `bailiwick health` says whether the server is ready"),
        _ => match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::new(Exit::Denied, message),
            _ => Failure::new(Exit::Failed, message),
        },
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn parse_server(text: &str) -> Result<Url, Failure> {
    let refused = |reason: &str| {
        Failure::usage(format!("the address of the server {reason}")).hint("write it as http://127.0.0.1:7007")
    };
    let url = Url::parse(text).map_err(|error| refused(&format!("is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refused("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("must hold no credentials; use --token-file"));
    }
    Ok(url)
}

fn is_this_machine(server: &Url) -> bool {
    match server.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback()),
        None => false,
    }
}

fn read_token(path: &Path) -> Result<Secret, Failure> {
    let shown = path.display();
    let refused = |reason: String| {
        Failure::usage(format!("the token file `{shown}` {reason}"))
            .hint("it holds the token alone, as `bailiwick token new` prints it")
    };
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(TOKEN_FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| refused(format!("cannot be read: {error}")))?;
    if text.len() as u64 > TOKEN_FILE_BYTES_MAX {
        return Err(refused(format!(
            "is longer than {TOKEN_FILE_BYTES_MAX} bytes (token_file_bytes_max)"
        )));
    }
    match text.trim() {
        "" => Err(refused("is empty".to_owned())),
        token if token.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Err(refused("holds more than a token".to_owned()))
        }
        token => Ok(Secret::new(token)),
    }
}
