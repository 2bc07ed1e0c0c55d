//! The reading of answers: whole, in pieces, wrong.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use serde_json::json;

use super::response::{Head, complaint, head};
use super::{Connection, OpenLoop, Prepared, closed_loop, open_loop};

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

/// Answers every request for a position, in two pieces, and stalls once in each connection.
fn server(stall: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let request_bytes = Prepared::graphql(address, "{ position }", &json!({}), "").bytes.len();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut request = vec![0; request_bytes];
                for round in 0.. {
                    if stream.read_exact(&mut request).is_err() {
                        return;
                    }
                    if round == 3 {
                        std::thread::sleep(stall);
                    }
                    let (head, body) = ANSWER.split_at(40);
                    if stream.write_all(head).and_then(|()| stream.write_all(body)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn a_closed_loop_keeps_its_connections_busy_and_counts_right_answers() {
    let address = server(Duration::ZERO);
    let pool = [Prepared::graphql(address, "{ position }", &json!({}), r#"{"data":{}}"#)];
    let time = Duration::from_millis(500);
    let load = closed_loop(address, 4, &pool, Duration::ZERO, time).unwrap();
    assert!(load.count() > 0);
    let alone = Connection::open(address)
        .unwrap()
        .sequential(&pool, Duration::ZERO, time)
        .unwrap();
    assert!(alone.quantile_ms(0.5) > 0.0 && alone.quantile_ms(0.5) <= alone.quantile_ms(1.0));
    let wrong = [Prepared::graphql(address, "{ position }", &json!({}), r#""ref":"a""#)];
    assert!(
        closed_loop(address, 4, &wrong, Duration::ZERO, time).is_err(),
        "a wrong answer ends it"
    );
}

#[test]
fn an_open_loop_shows_a_stall_in_every_request_that_waited() {
    let address = server(Duration::from_millis(200));
    let pool = [Prepared::graphql(address, "{ position }", &json!({}), "")];
    let plan = OpenLoop {
        address,
        connections: 1,
        rate: 200,
        time: Duration::from_millis(500),
        pool: &pool,
    };
    let mut slow = 0;
    let mut answers = 0;
    open_loop(&plan, |_, took, complaint| {
        assert_eq!(complaint, None);
        answers += 1;
        slow += usize::from(took > Duration::from_millis(50));
    })
    .unwrap();
    assert_eq!(answers, 100, "every request is sent, however late");
    // One request stalled for 200 ms at 200 requests/s: some thirty more should have been sent meanwhile.
    assert!(slow > 20, "{slow} requests show the stall");
}
