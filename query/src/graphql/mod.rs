//! GraphQL over the catalog: a schema made from the kinds at hand, and the way from a request to its response.
//!
//! Resolvers are thin: read the arguments, ask the catalog once, hand over a view. A request is guarded as text and as
//! a document before anything is validated, sees one snapshot, and answers with `extensions.position`.

mod build;
mod context;
mod direct;
mod entity;
mod filter;
pub(crate) mod fuzzing;
mod guard;
mod ledger;
mod mutation;
mod names;
mod owner;
mod query;
mod relations;
mod search;
#[cfg(test)]
mod tests;
mod typed_spec;
mod types;
mod view;

use std::collections::HashSet;
use std::sync::Arc;

use async_graphql::dynamic::{Object, Scalar, Schema, SchemaError};
use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, SDLExportOptions, Value};
use bailiwick_schema::kind::KindSet;
use bailiwick_schema::{Position, Viewer};
use serde::Serialize;

use self::build::input_object;
use self::context::RequestContext;
pub(crate) use self::context::run_blocking;
pub(crate) use self::direct::{Plans, answer as answer_directly};
pub(crate) use self::entity::EntityTypes;
pub use self::view::run as run_view;
use crate::error::{ApiError, Code};
use crate::limits::POSITION_TIMEOUT;
use crate::state::AppState;

/// The key of request extensions under which a client names the position that it must see.
const AT_LEAST: &str = "atLeast";

/// The schema for a set of kinds, and which type each kind has.
pub(crate) fn build_schema(kinds: &KindSet) -> Result<(Schema, EntityTypes), SchemaError> {
    let mut objects: Vec<Object> = Vec::new();
    objects.extend(types::objects());
    objects.extend(relations::objects());
    objects.extend(search::objects());
    objects.extend(owner::objects());
    objects.extend(query::objects());
    objects.push(mutation::object());
    let enums = types::enums();
    let inputs = vec![
        input_object(
            "StringFilter",
            "Conditions on a text; all must hold.",
            filter::STRING_FILTER,
        ),
        input_object(
            "LabelFilter",
            "Conditions on labels; all must hold.",
            filter::LABEL_FILTER,
        ),
        input_object("PathFilter", "A condition on any field.", filter::PATH_FILTER),
        input_object("RelatedFilter", "A condition on relations.", filter::RELATED_FILTER),
        input_object(
            "EntityFilter",
            "Conditions on entities; all must hold.",
            filter::ENTITY_FILTER,
        ),
        input_object(
            "FindingFilter",
            "Conditions on findings; all must hold.",
            ledger::FINDING_FILTER,
        ),
        input_object("EntityOrder", "One field to order by.", query::ENTITY_ORDER),
    ];
    let scalars = [
        ("JSON", "Any JSON value."),
        ("Long", "A whole number of up to 53 bits."),
        ("DateTime", "A point in time in RFC 3339, in UTC."),
    ];

    let mut taken: HashSet<String> = [
        "Entity",
        "GenericEntity",
        "EntityMetadata",
        "EntityLink",
        "Int",
        "Float",
        "String",
        "Boolean",
        "ID",
        "Upload",
        "Subscription",
    ]
    .into_iter()
    .chain(scalars.iter().map(|(name, _)| *name))
    .map(str::to_owned)
    .collect();
    taken.extend(objects.iter().map(|object| object.type_name().to_owned()));
    taken.extend(enums.iter().map(|one| one.type_name().to_owned()));
    taken.extend(inputs.iter().map(|input| input.type_name().to_owned()));
    let built = entity::build(kinds, taken);

    let mut schema = Schema::build("Query", Some("Mutation"), None).register(built.interface);
    schema = objects
        .into_iter()
        .chain(built.objects)
        .fold(schema, async_graphql::dynamic::SchemaBuilder::register);
    schema = enums
        .into_iter()
        .fold(schema, async_graphql::dynamic::SchemaBuilder::register);
    schema = inputs
        .into_iter()
        .fold(schema, async_graphql::dynamic::SchemaBuilder::register);
    schema = scalars.iter().fold(schema, |schema, (name, description)| {
        let scalar = Scalar::new(*name).description(*description);
        schema.register(match *name {
            "Long" => {
                scalar.validator(|value| matches!(value, Value::Number(number) if number.is_i64() || number.is_u64()))
            }
            "DateTime" => scalar.validator(|value| matches!(value, Value::String(_))),
            _ => scalar,
        })
    });
    Ok((schema.finish()?, built.types))
}

/// The SDL of the schema for a set of kinds, as it is checked in.
pub fn sdl(kinds: &KindSet) -> Result<String, SchemaError> {
    let options = SDLExportOptions::new()
        .prefer_single_line_descriptions()
        .use_space_ident();
    Ok(build_schema(kinds)?.0.sdl_with_options(options))
}

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
}

/// What is answered, ready to be written.
pub(crate) struct Answer {
    response: Response,
    position: Option<Position>,
    index_position: Option<Position>,
    /// It was refused before anything ran.
    pub(crate) refused: Option<ApiError>,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [async_graphql::ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<WireExtensions>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireExtensions {
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index_position: Option<Position>,
}

impl Answer {
    fn refused(error: ApiError) -> Self {
        Self {
            response: Response::default(),
            position: None,
            index_position: None,
            refused: Some(error),
        }
    }

    /// Whether the request came as far as being run, if perhaps with errors.
    pub(crate) fn ran(&self) -> bool {
        let errors = &self.response.errors;
        let none_of_fields = errors.iter().all(|error| error.path.is_empty());
        self.refused.is_none() && (errors.is_empty() || self.response.data != Value::Null || !none_of_fields)
    }

    /// The response as JSON.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        if let Some(error) = &self.refused {
            return error.body().to_string().into_bytes();
        }
        let extensions = self.position.map(|position| WireExtensions {
            position: Some(position),
            index_position: self.index_position,
        });
        let data = self.ran().then_some(&self.response.data);
        let wire = Wire {
            data,
            errors: &self.response.errors,
            extensions,
        };
        serde_json::to_vec(&wire).expect("a GraphQL response has string keys only")
    }
}

/// Guards and runs one request.
pub(crate) async fn execute(
    app: &AppState,
    viewer: Viewer,
    mut request: Request,
    at_least_header: Option<Position>,
    method: Method,
) -> Answer {
    let at_least = match admit(&mut request, method) {
        Ok(at_least) => at_least.max(at_least_header),
        Err(error) => return Answer::refused(error),
    };
    if let Some(position) = at_least
        && let Err(error) = app.catalog().wait_for(position, POSITION_TIMEOUT).await
    {
        return Answer::refused(error.into());
    }
    let cx = Arc::new(RequestContext::new(app.clone(), viewer));
    let lesson = app.plans().lesson(&request);
    let mut response = app.schema().execute(request.data(Arc::clone(&cx))).await;
    if let Some(lesson) = lesson.filter(|_| response.errors.is_empty()) {
        app.plans().learn(app, &lesson);
    }
    response.errors.iter_mut().for_each(finish_error);
    Answer {
        response,
        position: Some(cx.snapshot.position()),
        index_position: cx.index_position(),
        refused: None,
    }
}

/// Checks a request, parses it, and finds the position that it must see.
fn admit(request: &mut Request, method: Method) -> Result<Option<Position>, ApiError> {
    guard::check_text(&request.query)?;
    let document = match async_graphql::parser::parse_query(&request.query) {
        Ok(document) => document,
        Err(error) => return Err(ApiError::bad_request(format!("the document cannot be read: {error}"))),
    };
    let verdict = guard::check_document(&document, request.operation_name.as_deref(), &request.variables)?;
    if method == Method::Get && verdict.operation != OperationType::Query {
        return Err(
            ApiError::bad_request("GET answers queries only; send mutations by POST")
                .with_status(axum::http::StatusCode::METHOD_NOT_ALLOWED),
        );
    }
    request.set_parsed_query(document);
    let extension = match request.extensions.get(AT_LEAST) {
        Some(Value::Number(number)) => number.as_u64().map(Position),
        _ => None,
    };
    Ok(verdict.at_least.max(extension))
}

/// Gives every error a code, and takes what is of the inside out of its message.
fn finish_error(error: &mut async_graphql::ServerError) {
    let inside = error.message.starts_with("internal:");
    if inside {
        tracing::error!(error = error.message, "a resolver broke its promise to the schema");
        error.message = "an internal error occurred; the log of the server has the details".to_owned();
    }
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        let code = if inside { Code::Internal } else { Code::BadRequest };
        extensions.set("code", code.as_str());
    }
}
