//! `bailiwick token new`.

use bailiwick_query::token;
use serde_json::json;

use crate::args::{TokenArgs, TokenCommand};
use crate::context::Context;
use crate::exit::{Exit, Failure};

pub(crate) fn run(args: &TokenArgs, context: &Context) -> Result<Exit, Failure> {
    let TokenCommand::New { name } = &args.command;
    if name.is_empty()
        || !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    {
        return Err(Failure::usage(
            "a token's name is made of letters, digits, `-`, `_` and `.`",
        ));
    }
    let (token, hash) = token::generate();
    let token = token.expose();
    let value = json!({ "name": name, "token": token, "hash": hash });
    context.print(&value, |_| {
        format!(
            "token: {token}\nhash:  {hash}\n\n\
             The token is shown this once; keep it in a file that only its holder can read. The configuration gets the hash:\n\n\
             auth:\n  tokens:\n    - name: {name}\n      hash: {hash}\n      operate: true\n"
        )
    })?;
    Ok(Exit::Ok)
}
