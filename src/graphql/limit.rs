//! Refuses a document that would cost much merely to look at.
//!
//! Fragments that spread each other double the work with each step, so that 1 KiB can stand for billions of fields.
//! async-graphql reckons depth and complexity by walking them all; here each fragment is counted once.

use std::collections::HashMap;

use async_graphql::ServerError;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::MAX_COMPLEXITY;
use super::error::{code, request_error};

/// How deep selections may nest through fields and fragments together.
const MAX_NESTING: usize = 64;

/// How many variables an operation may declare: validation compares each with each.
const MAX_VARIABLES: usize = 100;

/// Checks a document before it is validated: all of it, because validation walks what is not executed too.
pub(super) fn check(document: &ExecutableDocument) -> Result<(), ServerError> {
    let refuse = |message: String| Err(request_error(code::GRAPHQL_VALIDATION_FAILED, message));
    let mut counter = Counter {
        document,
        fragments: HashMap::new(),
    };
    let mut total: usize = 0;
    for (_, operation) in document.operations.iter() {
        if operation.node.variable_definitions.len() > MAX_VARIABLES {
            return refuse(format!(
                "An operation may declare {MAX_VARIABLES} variables at most."
            ));
        }
        match counter.selections(&operation.node.selection_set.node, 0) {
            Ok(count) => total = total.saturating_add(count),
            Err(TooDeep) => return refuse("Query is nested too deep.".to_owned()),
        }
    }
    for name in document.fragments.keys() {
        match counter.fragment(name, 0) {
            Ok(count) => total = total.max(count),
            Err(TooDeep) => return refuse("Query is nested too deep.".to_owned()),
        }
    }
    if total > MAX_COMPLEXITY {
        return refuse("Query is too complex.".to_owned());
    }
    Ok(())
}

struct TooDeep;

struct Counter<'a> {
    document: &'a ExecutableDocument,
    fragments: HashMap<&'a str, usize>,
}

impl<'a> Counter<'a> {
    /// How many selections there are when every fragment is put in its place.
    fn selections(&mut self, set: &'a SelectionSet, nesting: usize) -> Result<usize, TooDeep> {
        if nesting > MAX_NESTING {
            return Err(TooDeep);
        }
        let mut count: usize = 0;
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => {
                    self.selections(&field.node.selection_set.node, nesting + 1)?
                }
                Selection::InlineFragment(fragment) => {
                    self.selections(&fragment.node.selection_set.node, nesting + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name.node, nesting)?
                }
            };
            count = count.saturating_add(inner).saturating_add(1);
        }
        Ok(count)
    }

    fn fragment(&mut self, name: &'a str, nesting: usize) -> Result<usize, TooDeep> {
        if let Some(count) = self.fragments.get(name) {
            return Ok(*count);
        }
        // An unknown fragment is for validation to report.
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(0);
        };
        let count = self.selections(&fragment.node.selection_set.node, nesting + 1)?;
        self.fragments.insert(name, count);
        Ok(count)
    }
}
