use axum::http::HeaderValue;

use super::*;

fn headers(host: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
    headers
}

fn gate(token: Option<&str>) -> Gate {
    let tokens = token
        .map(|token| TokenHash {
            name: "ci".to_owned(),
            hash: token::hash_of(token),
            groups: vec!["platform".to_owned()],
            operate: true,
        })
        .into_iter()
        .collect();
    Gate::new(&AuthConfig { tokens }).unwrap()
}

#[test]
fn an_open_server_answers_to_loopback_names_only() {
    let gate = gate(None);
    let uri = Uri::from_static("/graphql");
    for host in [
        "localhost",
        "LOCALHOST:7007",
        "127.0.0.1:7007",
        "127.8.9.1",
        "[::1]:7007",
        "[::1]",
        "localhost.",
    ] {
        assert!(gate.check_host(&headers(host), &uri).is_ok(), "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "10.0.0.1",
        "[::2]",
        "[::1",
        "localhost:80:80",
        "",
        "localhost@evil.example",
        "0.0.0.0:7007",
        "[::1]x",
        "127.0.0.1:7007x",
    ] {
        assert_eq!(
            gate.check_host(&headers(host), &uri).unwrap_err().code,
            Code::Forbidden,
            "{host}"
        );
    }
    assert!(gate.check_host(&HeaderMap::new(), &uri).is_err(), "no host at all");
    let mut two = headers("localhost");
    two.append(header::HOST, HeaderValue::from_static("evil.example"));
    assert!(gate.check_host(&two, &uri).is_err(), "two hosts");
}

#[test]
fn a_server_with_tokens_asks_for_one_and_knows_its_holder() {
    let gate = gate(Some("bwk_secret"));
    let with = |value: &str| {
        let mut headers = headers("catalog.acme.com");
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        headers
    };
    assert!(
        gate.check_host(&headers("catalog.acme.com"), &Uri::from_static("/"))
            .is_ok()
    );
    let viewer = gate.viewer(&with("Bearer bwk_secret")).unwrap();
    assert_eq!((viewer.name(), viewer.operates()), ("ci", true));
    assert!(
        gate.viewer(&with("bearer   bwk_secret ")).is_ok(),
        "the scheme has no case"
    );
    for wrong in [
        "Bearer bwk_other",
        "Basic bwk_secret",
        "bwk_secret",
        "Bearer",
        "Bearer ",
    ] {
        assert_eq!(
            gate.viewer(&with(wrong)).unwrap_err().code,
            Code::Unauthenticated,
            "{wrong}"
        );
    }
    assert!(gate.viewer(&HeaderMap::new()).is_err());
    assert!(gate.viewer(&with(&format!("Bearer {}", "x".repeat(5_000)))).is_err());
}

#[test]
fn only_loopback_may_be_open() {
    let open = AuthConfig::default();
    for address in ["127.0.0.1:7007", "[::1]:7007", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(check_bind(address.parse().unwrap(), &open), Ok(()), "{address}");
    }
    for address in ["0.0.0.0:7007", "[::]:7007", "192.168.1.2:7007"] {
        let address = address.parse().unwrap();
        assert_eq!(check_bind(address, &open), Err(AuthError::OpenBeyondLoopback(address)));
        let closed = AuthConfig {
            tokens: vec![TokenHash {
                name: "a".to_owned(),
                hash: token::hash_of("x"),
                groups: Vec::new(),
                operate: false,
            }],
        };
        assert_eq!(check_bind(address, &closed), Ok(()));
    }
}

#[test]
fn a_generated_token_opens_the_gate_and_never_prints_itself() {
    let (token, hash) = token::generate();
    assert!(token.expose().starts_with(token::PREFIX) && token.expose().len() == 68);
    assert_eq!(hash, token::hash_of(token.expose()));
    assert!(!format!("{token:?}").contains(token.expose()));
    assert_ne!(token::generate().1, hash);
}

#[test]
fn a_bad_hash_or_a_second_name_is_refused() {
    let token = |name: &str, hash: &str| TokenHash {
        name: name.to_owned(),
        hash: hash.to_owned(),
        groups: Vec::new(),
        operate: false,
    };
    for hash in ["", "bwk_plain", "blake3:", "blake3:00", "sha256:00"] {
        let refused = Gate::new(&AuthConfig {
            tokens: vec![token("a", hash)],
        });
        assert_eq!(refused.err(), Some(AuthError::BadHash("a".to_owned())), "{hash}");
    }
    let hash = token::hash_of("x");
    let twice = Gate::new(&AuthConfig {
        tokens: vec![token("a", &hash), token("a", &hash)],
    });
    assert_eq!(twice.err(), Some(AuthError::DuplicateName("a".to_owned())));
}
