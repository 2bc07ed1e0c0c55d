//! `bailiwick health`: for the health check of a container.

use serde_json::{Value, json};

use super::client::Client;
use crate::context::Context;
use crate::exit::{Exit, Failure};

pub(super) async fn run(client: &Client, context: &Context) -> Result<Exit, Failure> {
    let (status, text) = client.probe("readyz").await?;
    let ready = status.is_success();
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.trim()));
    let value = json!({ "ready": ready, "status": status.as_u16(), "answer": answer });
    context.print(&value, |style| match ready {
        true => format!("{} {} answers queries\n", style.green("ready"), client.server()),
        false => String::new(),
    })?;
    if ready {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(
        Exit::Unavailable,
        format!("{} is not ready: {}", client.server(), text.trim()),
    )
    .hint("wait for it; its log says what it is doing"))
}
