//! HTTP servers with nothing behind them: fixed bytes, or GraphQL objects that lie in memory.

use async_graphql::dynamic::Schema;
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use serde_json::Value;

use super::shape;
use crate::args::BareArgs;
use crate::failure::{Outcome, While as _};

/// Serves until the process is killed; prints the address first.
pub(super) fn serve(args: &BareArgs) -> Outcome<()> {
    let what = || format!("reading {}", args.answer.display());
    let answer = std::fs::read(&args.answer).while_doing(what())?;
    let router = if args.graphql {
        let answer: Value = serde_json::from_slice(&answer).while_doing(what())?;
        // Lives as long as the process, so that resolvers may borrow it.
        let data: &'static Value = Box::leak(Box::new(answer["data"].clone()));
        let schema = shape::schema(data).while_doing("making a schema")?;
        Router::new().route("/graphql", post(graphql)).with_state(schema)
    } else {
        let answer = Bytes::from(answer);
        Router::new().route("/graphql", post(bytes)).with_state(answer)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .while_doing("starting a bare server")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .while_doing("starting a bare server")?;
        println!("{}", listener.local_addr().while_doing("starting a bare server")?);
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await.while_doing("serving")
    })
}

async fn bytes(State(answer): State<Bytes>, _request: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], answer)
}

async fn graphql(State(schema): State<Schema>, request: GraphQLRequest) -> GraphQLResponse {
    schema.execute(request.into_inner()).await.into()
}
