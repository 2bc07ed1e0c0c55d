//! Arguments of a plan, and the values that a request puts into them.
//!
//! The document was validated with other values than those of the request at hand. Strings in the text cannot make a
//! difference; values of variables can, so they are held against the types of the arguments here, more strictly than
//! GraphQL does: whatever is not clearly right goes the long way, which says what is wrong.

use std::convert::Infallible;

use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Value, Variables};

use super::template::number_of;
use crate::graphql::build::Plain;
use crate::graphql::filter::{ENTITY_FILTER, LABEL_FILTER, PATH_FILTER, RELATED_FILTER, STRING_FILTER};

/// A value as a document has it. Where it names a variable stands the name as binary data, which no document can hold.
pub(super) type Written = Value;

/// What stands for a variable in [`Written`].
pub(super) fn stand_in(variable: Name) -> Result<Written, Infallible> {
    Ok(Value::Binary(variable.as_str().as_bytes().to_vec().into()))
}

/// The request cannot be answered by its plan; the long way answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LongWay;

/// What a request fills the plan with.
pub(super) struct Inputs<'a> {
    pub(super) literals: Vec<&'a str>,
    pub(super) variables: &'a Variables,
    pub(super) defaults: &'a [(Name, Option<Value>)],
}

impl Inputs<'_> {
    fn variable(&self, name: &str) -> Result<&Value, LongWay> {
        let (name, default) = self
            .defaults
            .iter()
            .find(|(known, _)| known.as_str() == name)
            .ok_or(LongWay)?;
        self.variables.get(name).or(default.as_ref()).ok_or(LongWay)
    }

    fn fill(&self, written: &Written) -> Result<Value, LongWay> {
        Ok(match written {
            Value::Binary(name) => self.variable(std::str::from_utf8(name).map_err(|_| LongWay)?)?.clone(),
            Value::String(text) => Value::String(self.text(text).to_owned()),
            Value::List(items) => Value::List(items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?),
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, item)| Ok((name.clone(), self.fill(item)?)))
                    .collect::<Result<_, _>>()?,
            ),
            constant => constant.clone(),
        })
    }

    /// A string of the text, or what stood there in the text of the request.
    fn text<'t>(&'t self, text: &'t str) -> &'t str {
        if self.literals.is_empty() {
            return text;
        }
        number_of(text)
            .and_then(|number| self.literals.get(number).copied())
            .unwrap_or(text)
    }
}

/// An argument that is a text.
#[derive(Debug, PartialEq)]
pub(super) enum Text {
    Written(String),
    Variable(String),
}

impl Text {
    pub(super) fn of(written: Written) -> Option<Self> {
        match written {
            Value::String(text) => Some(Self::Written(text)),
            Value::Binary(name) => String::from_utf8(name.to_vec()).ok().map(Self::Variable),
            _ => None,
        }
    }

    pub(super) fn read<'a>(&'a self, inputs: &'a Inputs<'_>) -> Result<&'a str, LongWay> {
        match self {
            Self::Written(text) => Ok(inputs.text(text)),
            Self::Variable(name) => match inputs.variable(name)? {
                Value::String(text) => Ok(text),
                _ => Err(LongWay),
            },
        }
    }
}

/// Arguments by name.
pub(crate) type Values = IndexMap<Name, Value>;

/// The arguments of a field.
#[derive(Debug)]
pub(super) struct Arguments {
    written: Vec<(Name, Written)>,
    /// What they are, where no request has a say.
    fixed: Option<Values>,
    table: &'static [Plain],
}

impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Arguments {
    pub(super) fn new(written: Vec<(Name, Written)>, table: &'static [Plain]) -> Self {
        let constant = written.iter().all(|(_, written)| is_constant(written));
        let fixed = constant.then(|| written.iter().cloned().collect());
        Self { written, fixed, table }
    }

    /// The arguments that are known beforehand.
    pub(super) fn fixed(&self) -> Option<&Values> {
        self.fixed.as_ref()
    }

    pub(super) fn read(&self, inputs: &Inputs<'_>) -> Result<Values, LongWay> {
        let mut values = Values::with_capacity(self.written.len());
        for (name, written) in &self.written {
            let value = inputs.fill(written)?;
            let (_, type_text, _) = self
                .table
                .iter()
                .find(|(known, ..)| *known == name.as_str())
                .ok_or(LongWay)?;
            if !fits(&value, type_text) {
                return Err(LongWay);
            }
            values.insert(name.clone(), value);
        }
        Ok(values)
    }
}

/// Neither variables nor strings in it: a string of a template is a mark.
fn is_constant(written: &Written) -> bool {
    match written {
        Value::Binary(_) | Value::String(_) => false,
        Value::List(items) => items.iter().all(is_constant),
        Value::Object(members) => members.values().all(is_constant),
        _ => true,
    }
}

/// Whether a value is clearly of a type.
fn fits(value: &Value, type_text: &str) -> bool {
    if let Some(inner) = type_text.strip_suffix('!') {
        return !matches!(value, Value::Null) && fits(value, inner);
    }
    if matches!(value, Value::Null) {
        return true;
    }
    if let Some(inner) = type_text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return match value {
            Value::List(items) => items.iter().all(|item| fits(item, inner)),
            single => fits(single, inner),
        };
    }
    match (type_text, value) {
        ("String", Value::String(_)) | ("Boolean", Value::Boolean(_)) => true,
        ("Int", Value::Number(number)) => number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        ("RelationDirection", value) => is_one_of(value, &["OUTGOING", "INCOMING", "BOTH"]),
        ("SortDirection", value) => is_one_of(value, &["ASC", "DESC"]),
        (name, Value::Object(members)) => input_fields(name).is_some_and(|table| {
            let known = |member: &Name| table.iter().find(|(field, ..)| *field == member.as_str());
            members
                .iter()
                .all(|(member, value)| known(member).is_some_and(|(_, inner, _)| fits(value, inner)))
                && table
                    .iter()
                    .all(|(field, inner, _)| !inner.ends_with('!') || members.contains_key(*field))
        }),
        _ => false,
    }
}

fn is_one_of(value: &Value, names: &[&str]) -> bool {
    match value {
        Value::Enum(name) => names.contains(&name.as_str()),
        Value::String(name) => names.contains(&name.as_str()),
        _ => false,
    }
}

fn input_fields(name: &str) -> Option<&'static [Plain]> {
    Some(match name {
        "StringFilter" => STRING_FILTER,
        "LabelFilter" => LABEL_FILTER,
        "PathFilter" => PATH_FILTER,
        "RelatedFilter" => RELATED_FILTER,
        "EntityFilter" => ENTITY_FILTER,
        "EntityOrder" => crate::graphql::query::ENTITY_ORDER,
        _ => return None,
    })
}

/// A value of an argument, unless it is null.
pub(crate) fn given<'a>(values: &'a Values, name: &str) -> Option<&'a Value> {
    values.get(name).filter(|value| !matches!(value, Value::Null))
}
