//! `wrk` beside our own client, where it is on the machine: two clients that agree measure the server.
//!
//! It gets the same requests from a script; with `-t2`, as it is used by most.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::client::Prepared;
use crate::failure::{Outcome, While as _};

/// Requests that the script holds.
const REQUESTS: usize = 1_000;

/// Requests in a second as `wrk` counts them; nothing where there is no `wrk`.
pub(crate) fn rate(
    address: SocketAddr,
    pool: &[Prepared],
    connections: usize,
    time: Duration,
    scratch: &Path,
) -> Outcome<Option<f64>> {
    let script = scratch.join("wrk.lua");
    std::fs::write(&script, script_of(pool)).while_doing("writing the script for wrk")?;
    let output = Command::new("wrk")
        .args([
            "-t2",
            &format!("-c{connections}"),
            &format!("-d{}s", time.as_secs().max(1)),
            "-s",
        ])
        .arg(&script)
        .arg(format!("http://{address}/graphql"))
        .output();
    let Ok(output) = output else { return Ok(None) };
    Ok(rate_of(&String::from_utf8_lossy(&output.stdout)))
}

fn script_of(pool: &[Prepared]) -> String {
    let mut script = String::from("local bodies = {\n");
    for request in pool.iter().take(REQUESTS) {
        // Brackets of a level that JSON and GraphQL do not contain.
        let body = String::from_utf8_lossy(&request.bytes[request.body_at..]);
        let _ = writeln!(script, "[==[{body}]==],");
    }
    script.push_str(
        "}\nlocal at = 0\nlocal headers = { [\"Content-Type\"] = \"application/json\" }\nfunction request()\n  \
         at = at % #bodies + 1\n  return wrk.format(\"POST\", \"/graphql\", headers, bodies[at])\nend\n",
    );
    script
}

fn rate_of(output: &str) -> Option<f64> {
    let refused = output
        .lines()
        .any(|line| line.contains("Non-2xx") || line.contains("Socket errors"));
    let line = output.lines().find_map(|line| line.strip_prefix("Requests/sec:"))?;
    if refused { None } else { line.trim().parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::rate_of;

    #[test]
    fn the_rate_is_read_unless_answers_were_refused() {
        let output = "  1000 requests in 1.00s, 1.0MB read\nRequests/sec:  25123.45\nTransfer/sec:  1.0MB\n";
        assert_eq!(rate_of(output), Some(25_123.45));
        assert_eq!(rate_of(&format!("  Non-2xx or 3xx responses: 3\n{output}")), None);
        assert_eq!(rate_of("unable to connect"), None);
    }
}
