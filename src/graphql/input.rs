//! Explains errors that async-graphql found on its own: whether the document is at fault or a value that was sent
//! with it, and which argument or input field the value was for.

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Positioned, ServerError};
use async_graphql_value::Value;

use super::error::{code, set};

/// How validation begins its message about a value.
pub(super) const INVALID_VALUE: &str = "Invalid value for argument ";

/// How it ends for what is no time.
const NOT_A_TIME: &str = "expected type \"DateTime\"";

/// How it ends for what is no whole number.
const NOT_AN_INT: &str = "expected type \"Int\"";

/// Explains the errors of one request.
pub(super) struct Explainer<'a> {
    query: &'a str,
    unset: &'a [Name],
    document: Option<ExecutableDocument>,
}

impl<'a> Explainer<'a> {
    /// `unset` are the variables that are declared and have no value.
    pub(super) fn new(query: &'a str, unset: &'a [Name]) -> Self {
        Self {
            query,
            unset,
            document: None,
        }
    }

    /// Gives an error without a code its code, and `extensions.field` where a value is at fault.
    pub(super) fn explain(&mut self, error: &mut ServerError) {
        if self.document.is_none() {
            self.document = parse_query(self.query).ok();
        }
        let Some(document) = &self.document else {
            return set(error, "code", code::GRAPHQL_VALIDATION_FAILED);
        };
        let is_execution_error = !error.path.is_empty();
        // A text may be none, as a malformed id may be, wherever it stands.
        let is_malformed_time =
            error.message.starts_with(INVALID_VALUE) && error.message.ends_with(NOT_A_TIME);
        // What the reckoning of the complexity alone trips over: a number beyond what the type holds.
        let is_unreadable = error.message.starts_with("Failed to parse");
        let is_fed_by_variable = || {
            let is_at_fault = |name: &Positioned<Name>| error.locations.first() == Some(&name.pos);
            find_argument(document, &|name, value| {
                (is_at_fault(name) && has_variable(value, None)).then(String::new)
            })
            .is_some()
        };
        if !is_execution_error && !is_unreadable && !is_malformed_time && !is_fed_by_variable() {
            put_into_words(error);
            return set(error, "code", code::GRAPHQL_VALIDATION_FAILED);
        }
        set(error, "code", code::BAD_USER_INPUT);
        let unset = || {
            self.unset
                .iter()
                .find_map(|name| argument_of_variable(document, name))
        };
        if let Some(field) = field_of_message(&error.message).or_else(unset) {
            set(error, "field", &field);
        }
        put_into_words(error);
    }
}

/// Says what would be right where the message only names a type that people may take for another.
fn put_into_words(error: &mut ServerError) {
    let Some(field) = field_of_message(&error.message) else {
        return;
    };
    if error.message.ends_with(NOT_A_TIME) {
        error.message = format!(
            "`{field}` is not a time; it must be as RFC 3339 writes it, such as 2026-11-24T09:30:00Z"
        );
    } else if error.message.ends_with(NOT_AN_INT) {
        error.message = format!(
            "`{field}` is not an Int; it must be a whole number, without quotes or a point, such as 20"
        );
    }
}

/// The innermost name in the argument where a variable is used.
pub(super) fn argument_of_variable(
    document: &ExecutableDocument,
    variable: &Name,
) -> Option<String> {
    find_argument(document, &|name, value| {
        innermost_name(&name.node, value, variable)
    })
}

/// The innermost name in a message such as `Invalid value for argument "input.name", expected type "String"` or
/// `…argument "input", field "name" of type "String!" is required but not provided`.
fn field_of_message(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix(INVALID_VALUE)?.split('"').skip(1);
    let path = quoted.next()?;
    let after_path = quoted.next()?;
    if after_path.ends_with("field ") {
        return quoted.next().map(str::to_owned);
    }
    let mut segments = path.split('.').rev();
    segments
        .find(|segment| segment.parse::<usize>().is_err())
        .map(str::to_owned)
}

/// The first argument of any field for which `found` finds something.
fn find_argument<F>(document: &ExecutableDocument, found: &F) -> Option<String>
where
    F: Fn(&Positioned<Name>, &Value) -> Option<String>,
{
    let operations = document
        .operations
        .iter()
        .map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document
        .fragments
        .values()
        .map(|fragment| &fragment.node.selection_set.node);
    // A stack of our own: how deep a document nests is the sender's choice.
    let mut stack: Vec<&SelectionSet> = operations.chain(fragments).collect();
    while let Some(set) = stack.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let Field {
                        arguments,
                        selection_set,
                        ..
                    } = &field.node;
                    if let Some(text) = arguments
                        .iter()
                        .find_map(|(name, value)| found(name, &value.node))
                    {
                        return Some(text);
                    }
                    stack.push(&selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    stack.push(&fragment.node.selection_set.node)
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }
    None
}

/// Whether a value uses a variable, this one where one is named.
fn has_variable(value: &Value, variable: Option<&Name>) -> bool {
    match value {
        Value::Variable(name) => variable.is_none_or(|variable| variable == name),
        Value::List(values) => values.iter().any(|value| has_variable(value, variable)),
        Value::Object(fields) => fields.values().any(|value| has_variable(value, variable)),
        _ => false,
    }
}

fn innermost_name(name: &Name, value: &Value, variable: &Name) -> Option<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .find_map(|(name, value)| innermost_name(name, value, variable)),
        value => has_variable(value, Some(variable)).then(|| name.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_name_is_taken_from_each_form_of_message() {
        let field = |rest: &str| field_of_message(&format!("Invalid value for argument {rest}"));
        assert_eq!(
            field(r#""first", expected type "Int""#).as_deref(),
            Some("first")
        );
        assert_eq!(
            field(r#""input.name", expected type "String""#).as_deref(),
            Some("name")
        );
        assert_eq!(
            field(r#""input.ids.0", expected type "ID""#).as_deref(),
            Some("ids")
        );
        assert_eq!(
            field(r#""input", field "name" of type "String!" is required but not provided"#)
                .as_deref(),
            Some("name")
        );
        assert_eq!(
            field(r#""input", unknown field "nam" of type "X""#).as_deref(),
            Some("nam")
        );
        assert_eq!(field_of_message("Unknown field"), None);
    }
}
