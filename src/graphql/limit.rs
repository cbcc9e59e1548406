//! Refuses a document that would cost much merely to look at.
//!
//! Fragments that spread each other double the work with each step, so that 1 KiB can stand for billions of fields.
//! async-graphql reckons depth and complexity by walking them all; here each fragment is counted once.

use std::collections::HashMap;

use async_graphql::ServerError;
use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationType, Selection, SelectionSet,
};
use async_graphql_value::Value;

use super::error::{code, request_error};
use crate::bounds;
use crate::key::page;

/// Checks a document before it is validated: all of it, because validation walks what is not executed too.
pub(super) fn check(document: &ExecutableDocument) -> Result<(), ServerError> {
    let refuse = |message: String| Err(request_error(code::GRAPHQL_VALIDATION_FAILED, message));
    let mut counter = Counter {
        document,
        fragments: HashMap::new(),
    };
    let mut total: usize = 0;
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        if operation.variable_definitions.len() > bounds::VARIABLES {
            return refuse(format!(
                "An operation may declare {} variables at most.",
                bounds::VARIABLES
            ));
        }
        let Ok(cost) = counter.selections(&operation.selection_set.node, 0) else {
            return refuse("Query is nested too deep.".to_owned());
        };
        total = total.saturating_add(cost.selections);
        if cost.introspections > 1 {
            let problem =
                "A document may look at the schema once: by one `__schema` or one `__type`.";
            return refuse(problem.to_owned());
        }
        if cost.has_many_type_names {
            return refuse(format!(
                "Below `__schema` or `__type` there may be {} fields `__typename` at most.",
                bounds::TYPE_NAMES
            ));
        }
        if operation.ty == OperationType::Mutation && cost.bytes > bounds::ANSWER_LEN {
            return refuse(
                "The answer could be larger than 1 MiB, which is the most; nothing was changed. Select less of what each \
                 mutation gives, or send them in several documents."
                    .to_owned(),
            );
        }
    }
    for name in document.fragments.keys() {
        match counter.fragment(name, 0) {
            Ok(cost) => total = total.max(cost.selections),
            Err(TooDeep) => return refuse("Query is nested too deep.".to_owned()),
        }
    }
    if total > bounds::COMPLEXITY {
        return refuse("Query is too complex.".to_owned());
    }
    Ok(())
}

struct TooDeep;

/// What a selection costs when every fragment is put in its place.
#[derive(Clone, Copy, Default)]
struct Cost {
    selections: usize,
    /// How many of them are `__schema` or `__type`.
    introspections: usize,
    /// How many are `__typename`, which async-graphql answers without counting.
    type_names: usize,
    /// Whether there are too many of these below one that looks at the schema, where each stands for thousands.
    has_many_type_names: bool,
    /// The most bytes that a mutation answers to it.
    bytes: usize,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.selections = self.selections.saturating_add(other.selections);
        self.introspections = self.introspections.saturating_add(other.introspections);
        self.type_names = self.type_names.saturating_add(other.type_names);
        self.has_many_type_names |= other.has_many_type_names;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    fragments: HashMap<&'a str, Cost>,
}

impl<'a> Counter<'a> {
    fn selections(&mut self, set: &'a SelectionSet, nesting: usize) -> Result<Cost, TooDeep> {
        if nesting > bounds::NESTING {
            return Err(TooDeep);
        }
        let mut total = Cost::default();
        for selection in &set.items {
            let mut cost = match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let mut cost = self.selections(&field.selection_set.node, nesting + 1)?;
                    let name = field.name.node.as_str();
                    if matches!(name, "__schema" | "__type") {
                        cost.introspections += 1;
                        cost.has_many_type_names |= cost.type_names > bounds::TYPE_NAMES;
                    }
                    cost.type_names += usize::from(name == "__typename");
                    cost.bytes = most_bytes(field, cost.bytes);
                    cost
                }
                Selection::InlineFragment(fragment) => {
                    self.selections(&fragment.node.selection_set.node, nesting + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, nesting)?
                }
            };
            cost.selections = cost.selections.saturating_add(1);
            total.add(cost);
        }
        Ok(total)
    }

    fn fragment(&mut self, name: &'a str, nesting: usize) -> Result<Cost, TooDeep> {
        if let Some(cost) = self.fragments.get(name) {
            return Ok(*cost);
        }
        // An unknown fragment is for validation to report.
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Cost::default());
        };
        let cost = self.selections(&fragment.node.selection_set.node, nesting + 1)?;
        self.fragments.insert(name, cost);
        Ok(cost)
    }
}

/// The most bytes of a field of a mutation's payload, where those of what is selected of it are `below`. The domain bounds each
/// text: 50 scopes of 100 characters, 100 characters of a name, 255 of an owner or a subject, in UTF-8 and with what JSON adds.
fn most_bytes(field: &Field, below: usize) -> usize {
    let name = field.name.node.as_str();
    let items = match name {
        "events" => page_size(field),
        "changes" => 4,
        "secrets" => 2,
        _ => 1,
    };
    let own = match name {
        "scopes" => 50 * 103,
        "deletedApiKeyIds" => 100 * 39,
        "name" | "apiKeyName" | "before" | "after" => 800,
        "owner" | "createdBy" | "actor" => 1_100,
        _ => 64,
    };
    let key = field.response_key().node.len() + 8;
    below.saturating_mul(items).saturating_add(own + key)
}

/// How many items a page has at most; the most that any has where a variable says it.
fn page_size(field: &Field) -> usize {
    let size = ["first", "last"]
        .into_iter()
        .find_map(|name| field.get_argument(name));
    let size = match size.map(|size| &size.node) {
        None | Some(Value::Null) => u64::from(page::DEFAULT_SIZE),
        Some(Value::Number(size)) => size.as_u64().unwrap_or_default(),
        Some(_) => u64::from(page::MAX_SIZE),
    };
    usize::try_from(size.min(u64::from(page::MAX_SIZE))).unwrap_or(usize::MAX)
}
