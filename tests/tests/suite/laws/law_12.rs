//! Law 12: secrets stay out of logs, errors, store, index and API.
//!
//! Canaries are put wherever a secret may come in; afterwards everything that was written or said is searched for them.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bailiwick_ingestors::scheduler::Scheduler;
use bailiwick_schema::Viewer;
use serde_json::json;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Api, Home, Repo, component};

const TOKEN_OF_REMOTE: &str = "canary-token-env-5d1f";
const TOKEN_OF_FILE: &str = "canary-token-file-77aa";
const PASSWORD_OF_ORIGIN: &str = "canary-origin-password-90ce";
const PASSWORD_OF_URL: &str = "canary-url-password-1b2c";
const TOKEN_OF_QUERY: &str = "canary-query-token-33ef";
const API_TOKEN: &str = "bwk_canary-api-token-c0de";
const WRONG_API_TOKEN: &str = "bwk_canary-wrong-token-f00d";

const CANARIES: &[&str] = &[
    TOKEN_OF_REMOTE,
    TOKEN_OF_FILE,
    PASSWORD_OF_ORIGIN,
    PASSWORD_OF_URL,
    TOKEN_OF_QUERY,
    API_TOKEN,
    WRONG_API_TOKEN,
    // As HTTP's basic authentication writes the first one behind the user name `ab`.
    "Y2FuYXJ5LXRva2VuLWVudi01ZDFm",
];

/// What is no secret and has to be found, so that the search proves something.
const MARKER: &str = "marker-of-the-ordinary";

/// Takes every line of the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// A git host that refuses everybody and, out of malice, repeats the credentials that it was shown.
async fn refusing_host() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&shown);
    let answer = move |request: Request| {
        let seen = Arc::clone(&seen);
        async move { refuse(&request, &seen) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    (address, shown)
}

fn refuse(request: &Request, seen: &Mutex<Vec<String>>) -> Response {
    let credentials = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let credentials = credentials.unwrap_or("none").to_owned();
    seen.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(credentials.clone());
    let realm = format!("Basic realm=\"you sent {credentials}\"");
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, realm)],
        format!("refused: {credentials}"),
    )
        .into_response()
}

/// A host that takes connections and hangs up, so that https never comes about.
async fn deaf_host() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    address
}

fn search(place: &str, bytes: &[u8]) {
    for canary in CANARIES {
        let found = bytes
            .windows(canary.len())
            .position(|window| window == canary.as_bytes());
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(200)..(at + 200).min(bytes.len())];
            panic!("`{canary}` stands in {place}: …{}…", String::from_utf8_lossy(around));
        }
    }
}

fn search_folder(folder: &Path, marker_seen: &mut bool) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        search("a file name", path.as_os_str().as_encoded_bytes());
        if path.is_dir() {
            search_folder(&path, marker_seen);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            *marker_seen |= bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
            search(&path.display().to_string(), &bytes);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn law_12_secrets_stay_out() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(log.clone());
    subscriber.try_init().expect("no other test takes the log");

    let variables = BTreeMap::from([("REMOTE_TOKEN".to_owned(), TOKEN_OF_REMOTE.to_owned())]);
    let mut home = Home::with_environment(variables);
    std::fs::write(home.path().join("token"), format!("{TOKEN_OF_FILE}\n")).unwrap();
    let mut repo = Repo::new(home.path().join("shop"));
    repo.write("catalog-info.yaml", component(MARKER, "is no secret"))
        .commit();
    let origin = format!("https://deploy:{PASSWORD_OF_ORIGIN}@git.example.test/acme/shop.git");
    repo.git(&["remote", "add", "origin", &origin]);

    let (refusing, shown) = refusing_host().await;
    let deaf = deaf_host().await;
    let source = home.source(
        "code",
        "git",
        &json!({ "repositories": [
            "shop",
            { "url": format!("http://{refusing}/acme/pay"), "token_env": "REMOTE_TOKEN", "username": "ab" },
            { "url": format!("https://{deaf}/acme/hidden?access_token={TOKEN_OF_QUERY}"), "token_file": "token" },
        ] }),
    );
    let refused = home.refused(
        "git",
        &json!({ "repositories": [format!("https://bob:{PASSWORD_OF_URL}@h.test/a/b")] }),
    );
    search("the refusal of options", refused.join("\n").as_bytes());
    assert!(!refused.is_empty());

    let scheduler = Arc::new(Scheduler::start(home.surroundings(), Vec::new()));
    let record = home.run(&source).await;
    search("the row of the run", format!("{record:?}").as_bytes());
    search("findings", format!("{:?}", home.findings()).as_bytes());
    assert!(home.findings().len() >= 2, "both remotes failed: {:?}", home.codes());
    let credentials = shown.lock().unwrap().join("\n");
    assert!(
        credentials.contains("Basic ") || credentials.contains("Bearer "),
        "the token was used: {credentials}"
    );
    assert!(home.has(&format!("component:{MARKER}")));

    let api = Api::closed(home.catalog(), Arc::clone(&scheduler) as _, API_TOKEN);
    let wrong = api.showing(Some(WRONG_API_TOKEN));
    let everything = json!({ "query": r#"{
        entities(first: 100) { nodes { ref metadata { annotations } spec relations(first: 50) { nodes { type target { ref } } } } }
        findings(first: 100) { nodes { code message file source } }
        runs(first: 50) { nodes { id status error } }
        sources { id }
    }"# });
    for api in [&api, &wrong] {
        for path in [
            "/",
            "/graphiql",
            "/healthz",
            "/readyz",
            "/metrics",
            "/api/v1/version",
            "/api/v1/export",
        ] {
            search(path, api.get(path, "localhost").await.1.as_bytes());
        }
        let (_, answer) = api.post("/graphql", "application/json", everything.to_string()).await;
        search("an answer of GraphQL", answer.as_bytes());
        let (_, answer) = api
            .post(
                "/graphql",
                "application/json",
                json!({ "query": "{ nonsense( }" }).to_string(),
            )
            .await;
        search("an error of GraphQL", answer.as_bytes());
    }
    let (status, answer) = api.post("/graphql", "application/json", everything.to_string()).await;
    assert!(status.is_success() && answer.contains(MARKER), "{answer}");
    let mut visit = |value: serde_json::Value| {
        search("the export", value.to_string().as_bytes());
        std::ops::ControlFlow::Continue(())
    };
    home.catalog().export(&Viewer::local(), false, &mut visit).unwrap();
    scheduler.shutdown().await;

    home.close();
    let mut marker_seen = false;
    search_folder(&home.data_dir(), &mut marker_seen);
    assert!(marker_seen, "the search of files finds what is there");
    let lines = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(!lines.is_empty());
    search("the log", &lines);
}
