//! Small helpers to write dynamic types as tables.

use async_graphql::Value;
use async_graphql::dynamic::{
    Field, FieldFuture, FieldValue, InputObject, InputValue, Object, ResolverContext, TypeRef,
};
use futures_util::future::BoxFuture;

use crate::error::ApiError;

/// A resolver without state.
pub(super) type Resolver = for<'a> fn(ResolverContext<'a>) -> FieldFuture<'a>;

/// Name, type in SDL, description.
pub(super) type Plain = (&'static str, &'static str, &'static str);

/// Reads a type reference as SDL writes it: `[String!]!`.
pub(super) fn ty(text: &str) -> TypeRef {
    if let Some(inner) = text.strip_suffix('!') {
        return TypeRef::NonNull(Box::new(ty(inner)));
    }
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(inner) => TypeRef::List(Box::new(ty(inner))),
        None => TypeRef::Named(text.to_owned().into()),
    }
}

/// An object whose fields are the keys of the value that its parent gave.
pub(super) fn object(name: &str, description: &str, fields: &[Plain]) -> Object {
    fields
        .iter()
        .fold(Object::new(name).description(description), |object, field| {
            object.field(plain(*field))
        })
}

/// A field that is a key of its parent's value.
pub(super) fn plain((name, type_text, description): Plain) -> Field {
    Field::new(name, ty(type_text), move |ctx| {
        FieldFuture::Value(match ctx.parent_value.as_value() {
            Some(Value::Object(map)) => match map.get(name) {
                None | Some(Value::Null) => None,
                Some(value) => Some(FieldValue::value(value.clone())),
            },
            _ => None,
        })
    })
    .description(description)
}

/// A field with a resolver. An error becomes null with an entry under `errors` that has the path of the field, and the
/// rest is answered. So a field that can fail is never of a type with `!`: async-graphql 7.2.1 would leave out its key.
pub(super) fn field(name: &str, type_text: &str, description: &str, resolver: Resolver) -> Field {
    Field::new(name, ty(type_text), move |ctx| guarded(resolver, ctx)).description(description)
}

fn guarded<'a>(resolver: Resolver, ctx: ResolverContext<'a>) -> FieldFuture<'a> {
    let context = ctx.ctx;
    match resolver(ctx) {
        FieldFuture::Future(future) => FieldFuture::Future(Box::pin(async move {
            match future.await {
                Ok(value) => Ok(value),
                Err(error) => {
                    context.add_error(context.set_error_path(error.into_server_error(context.item.pos)));
                    Ok(None)
                }
            }
        })),
        value => value,
    }
}

/// An argument or input field.
pub(super) fn input((name, type_text, description): Plain) -> InputValue {
    InputValue::new(name, ty(type_text)).description(description)
}

pub(super) fn input_object(name: &str, description: &str, fields: &[Plain]) -> InputObject {
    fields
        .iter()
        .fold(InputObject::new(name).description(description), |object, field| {
            object.field(input(*field))
        })
}

/// Adds arguments to a field.
pub(super) fn with_arguments(field: Field, arguments: &[Plain]) -> Field {
    arguments
        .iter()
        .fold(field, |field, argument| field.argument(input(*argument)))
}

/// A resolver that waits for something.
pub(super) fn later<'a>(
    future: impl Future<Output = Result<Option<FieldValue<'a>>, ApiError>> + Send + 'a,
) -> FieldFuture<'a> {
    let boxed: BoxFuture<'a, _> = Box::pin(async move { future.await.map_err(ApiError::into_graphql) });
    FieldFuture::Future(boxed)
}

/// A resolver that has its answer, or an error.
pub(super) fn now<'a>(result: Result<Option<FieldValue<'a>>, ApiError>) -> FieldFuture<'a> {
    match result {
        Ok(value) => FieldFuture::Value(value),
        Err(error) => later(std::future::ready(Err(error))),
    }
}

/// A text, or nothing.
pub(super) fn text<'a>(text: Option<&str>) -> FieldFuture<'a> {
    FieldFuture::Value(text.map(FieldValue::value))
}

/// A JSON value as GraphQL has it; null is nothing.
pub(super) fn json<'a>(value: serde_json::Value) -> Option<FieldValue<'a>> {
    match Value::from_json(value) {
        Ok(Value::Null) | Err(_) => None,
        Ok(value) => Some(FieldValue::value(value)),
    }
}
