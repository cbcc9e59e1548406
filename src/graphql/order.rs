//! Puts the fields of an answer into the order in which they were asked for (GraphQL specification, section 7.2.2).
//! async-graphql writes them in the order in which they were finished.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Value};

/// The response keys of a selection, each with those below it.
#[derive(Debug, Default)]
pub(super) struct Order(IndexMap<Name, Order>);

impl Order {
    /// The order that an operation's selection asks for. What it costs is limited by [`super::limit`].
    pub(super) fn of(document: &ExecutableDocument, set: &SelectionSet) -> Self {
        let mut order = Self::default();
        order.add(document, set);
        order
    }

    fn add(&mut self, document: &ExecutableDocument, set: &SelectionSet) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.clone();
                    let below = self.0.entry(key).or_default();
                    below.add(document, &field.node.selection_set.node);
                }
                Selection::InlineFragment(fragment) => {
                    self.add(document, &fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name) {
                        self.add(document, &fragment.node.selection_set.node);
                    }
                }
            }
        }
    }

    /// Puts a value into this order.
    pub(super) fn apply(&self, value: &mut Value) {
        match value {
            // Most are, and it costs little to see it.
            Value::Object(fields) if fields.keys().eq(self.0.keys()) => {
                for (value, below) in fields.values_mut().zip(self.0.values()) {
                    below.apply(value);
                }
            }
            Value::Object(fields) => {
                fields.sort_by_cached_key(|key, _| self.0.get_index_of(key));
                for (key, value) in fields.iter_mut() {
                    if let Some(below) = self.0.get(key) {
                        below.apply(value);
                    }
                }
            }
            Value::List(items) if !self.0.is_empty() => {
                items.iter_mut().for_each(|item| self.apply(item));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use async_graphql::value;

    use super::*;

    #[test]
    fn fields_come_as_they_were_asked_for() {
        let document = parse_query(
            "{ b a: x { d ...F c } ... on Query { e a { g } } } fragment F on X { f d }",
        )
        .unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let order = Order::of(&document, &operation.node.selection_set.node);
        let mut value = value!({
            "e": 1,
            "a": [{ "g": 1, "c": 2, "d": 3, "f": null }, null],
            "b": { "unasked": [] },
        });
        order.apply(&mut value);
        let written = serde_json::to_string(&value).unwrap();
        assert_eq!(
            written,
            r#"{"b":{"unasked":[]},"a":[{"d":3,"f":null,"c":2,"g":1},null],"e":1}"#
        );
    }
}
