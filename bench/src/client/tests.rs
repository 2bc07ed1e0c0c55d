//! The reading of answers: whole, in pieces, wrong.

use std::net::SocketAddr;

use serde_json::json;

use super::Prepared;
use super::response::{Head, complaint, head};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-type: application/json\r\nCONTENT-LENGTH: 11\r\n\r\n{\"data\":{}}";

fn request(expect: &str) -> Prepared {
    let address = SocketAddr::from(([127, 0, 0, 1], 7007));
    Prepared::graphql(address, "{ position }", &json!({}), expect)
}

#[test]
fn an_answer_is_read_once_its_head_is_whole() {
    let begin = ANSWER.len() - 11;
    for cut in 0..begin {
        assert_eq!(head(&ANSWER[..cut]), Ok(None), "cut at {cut}");
    }
    let whole = Head {
        status: 200,
        body_at: begin,
        end: ANSWER.len(),
    };
    assert_eq!(head(&ANSWER[..begin]), Ok(Some(whole)), "the body may come later");
    assert_eq!(head(ANSWER), Ok(Some(whole)));
}

#[test]
fn what_is_no_answer_of_a_length_is_refused() {
    for wrong in [
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 \xff\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
    ] {
        assert!(head(wrong).is_err(), "{:?}", String::from_utf8_lossy(wrong));
    }
}

#[test]
fn a_wrong_answer_is_told_apart_from_a_right_one() {
    let answer = |status: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let said = |status: &str, body: &str, expect: &str| {
        let bytes = answer(status, body);
        complaint(&request(expect), head(&bytes).unwrap().unwrap(), &bytes)
    };
    assert_eq!(said("200", r#"{"data":{"ref":"a"}}"#, r#""ref":"a""#), None);
    assert!(
        said("200", r#"{"data":{"ref":"b"}}"#, r#""ref":"a""#).is_some(),
        "another entity"
    );
    assert!(said("200", r#"{"data":null,"errors":[{}]}"#, "").is_some(), "an error");
    assert!(said("503", r#"{"data":{}}"#, "").is_some(), "a status");
}

#[test]
fn a_request_says_its_length() {
    let request = request("");
    let text = String::from_utf8(request.bytes.clone()).unwrap();
    let body = &text[request.body_at..];
    assert!(text.starts_with("POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:7007\r\n"));
    assert!(text.contains(&format!("Content-Length: {}\r\n\r\n{{", body.len())));
}
