//! Completes what async-graphql leaves open in an answer: the order of its fields (GraphQL specification, section 7.2.2), and
//! what stands where a field failed (section 6.4.4).
//!
//! async-graphql writes fields in the order in which they were finished, leaves out those that failed, and keeps their parents
//! as if they had not been asked for them.

use std::collections::HashMap;
use std::sync::LazyLock;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, PathSegment, ServerError, Value};

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

/// What a field of the schema gives.
#[derive(Debug, Clone)]
struct Output {
    /// The object, interface or leaf, whether it is alone or in a list.
    named: String,
    may_be_null: bool,
    /// Where it is a list: whether an item may be null.
    items_may_be_null: Option<bool>,
}

/// The fields of the schema, by the name of their type and their own.
static OUTPUTS: LazyLock<HashMap<String, HashMap<String, Output>>> = LazyLock::new(|| {
    // The schema that we print is one that can be read.
    let definitions = parse_schema(super::sdl()).map(|document| document.definitions);
    let types = definitions.unwrap_or_default().into_iter();
    let types = types.filter_map(|definition| {
        let TypeSystemDefinition::Type(definition) = definition else {
            return None;
        };
        let fields = match definition.node.kind {
            TypeKind::Object(object) => object.fields,
            TypeKind::Interface(interface) => interface.fields,
            _ => return None,
        };
        let outputs = fields.into_iter().map(|field| {
            let name = field.node.name.node.to_string();
            (name, Output::of(&field.node.ty.node))
        });
        Some((definition.node.name.node.to_string(), outputs.collect()))
    });
    types.collect()
});

impl Output {
    fn of(ty: &Type) -> Self {
        let (named, items_may_be_null) = match &ty.base {
            BaseType::Named(name) => (name.to_string(), None),
            BaseType::List(item) => (Self::of(item).named, Some(item.nullable)),
        };
        Self {
            named,
            may_be_null: ty.nullable,
            items_may_be_null,
        }
    }
}

/// What may be null in an answer.
#[derive(Debug)]
struct Shape {
    may_be_null: bool,
    items_may_be_null: bool,
    fields: HashMap<Name, Shape>,
}

impl Shape {
    fn of(document: &ExecutableDocument, operation: &OperationDefinition) -> Self {
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        // `data` may always be null.
        let mut shape = Self::new(None);
        shape.add(document, &operation.selection_set.node, root);
        shape
    }

    /// Of what is not in the schema that we print, which is introspection, all may be null: it does not fail.
    fn new(output: Option<&Output>) -> Self {
        Self {
            may_be_null: output.is_none_or(|output| output.may_be_null),
            items_may_be_null: output.is_none_or(|output| output.items_may_be_null != Some(false)),
            fields: HashMap::new(),
        }
    }

    fn add(&mut self, document: &ExecutableDocument, set: &SelectionSet, parent: &str) {
        for selection in &set.items {
            let (on, set) = match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let outputs = OUTPUTS.get(parent);
                    let output = outputs.and_then(|all| all.get(field.name.node.as_str()));
                    let key = field.response_key().node.clone();
                    let below = self.fields.entry(key);
                    let below = below.or_insert_with(|| Self::new(output));
                    let named = output.map_or("", |output| &output.named);
                    below.add(document, &field.selection_set.node, named);
                    continue;
                }
                Selection::InlineFragment(fragment) => (
                    fragment.node.type_condition.as_ref(),
                    &fragment.node.selection_set.node,
                ),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let Some(fragment) = document.fragments.get(name) else {
                        continue;
                    };
                    let on = Some(&fragment.node.type_condition);
                    (on, &fragment.node.selection_set.node)
                }
            };
            self.add(document, set, on.map_or(parent, |on| &on.node.on.node));
        }
    }

    /// Makes null what holds a null that may not be there. Whether the value itself is one that may not.
    fn propagate(&self, value: &mut Value) -> bool {
        let is_broken = match value {
            Value::List(items) => {
                items
                    .iter_mut()
                    .filter_map(|item| {
                        let is_broken = self.propagate_below(item) && !self.items_may_be_null;
                        is_broken.then_some(())
                    })
                    .count()
                    > 0
            }
            _ => self.propagate_below(value) && !self.may_be_null,
        };
        if is_broken {
            *value = Value::Null;
        }
        is_broken && !self.may_be_null
    }

    /// The same for the fields of an object. Whether it is null.
    fn propagate_below(&self, value: &mut Value) -> bool {
        if let Value::Object(fields) = value {
            let broken = fields.iter_mut().filter_map(|(key, value)| {
                let below = self.fields.get(key)?;
                below.propagate(value).then_some(())
            });
            // Each is looked at, also after one that was broken.
            if broken.count() > 0 {
                *value = Value::Null;
            }
        }
        *value == Value::Null
    }
}

/// Puts null where a field failed, and where it may not be null, in place of its nearest parent that may.
pub(super) fn complete(
    data: &mut Value,
    errors: &[ServerError],
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) {
    for error in errors.iter().filter(|error| !error.path.is_empty()) {
        put_null(data, &error.path);
    }
    Shape::of(document, operation).propagate(data);
}

/// An object of whose fields all failed is null as yet.
fn put_null(value: &mut Value, path: &[PathSegment]) {
    match path {
        [] => *value = Value::Null,
        [PathSegment::Field(name), path @ ..] => {
            if *value == Value::Null {
                *value = Value::Object(IndexMap::new());
            }
            if let Value::Object(fields) = value {
                put_null(fields.entry(Name::new(name)).or_default(), path);
            }
        }
        [PathSegment::Index(index), path @ ..] => {
            if let Value::List(items) = value
                && let Some(item) = items.get_mut(*index)
            {
                put_null(item, path);
            }
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

    fn completed(query: &str, mut data: Value, paths: &[&[PathSegment]]) -> String {
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let errors = paths.iter().map(|path| {
            let mut error = ServerError::new("failed", None);
            error.path = path.to_vec();
            error
        });
        let errors: Vec<ServerError> = errors.collect();
        complete(&mut data, &errors, &document, &operation.node);
        serde_json::to_string(&data).unwrap()
    }

    #[test]
    fn a_field_that_failed_is_null_or_else_its_nearest_parent_that_may_be() {
        let field = |name: &str| PathSegment::Field(name.to_owned());
        // One that may be null.
        let query = "{ a: apiKey(id: 1) { id } b: apiKey(id: 2) { id } }";
        let data = value!({ "a": { "id": "1" } });
        let expected = r#"{"a":{"id":"1"},"b":null}"#;
        assert_eq!(completed(query, data, &[&[field("b")]]), expected);
        // All of an object's fields.
        let query = "{ apiKey(id: 1) { events { totalCount } } }";
        let path = [field("apiKey"), field("events")];
        let expected = r#"{"apiKey":{"events":null}}"#;
        assert_eq!(completed(query, Value::Null, &[&path]), expected);
        // One that may not, in a list of items that may not, in an object that may.
        let query = "{ node(id: 1) { ...F } } fragment F on ApiKey { events { nodes { at } } }";
        let data = value!({ "node": { "events": { "nodes": [{ "at": 1 }, null] } } });
        let path = ["node", "events", "nodes"].map(field);
        let path = [&path[..], &[PathSegment::Index(1), field("at")]].concat();
        let expected = r#"{"node":{"events":null}}"#;
        assert_eq!(completed(query, data, &[&path]), expected);
        // One that may not, up to the top.
        let query = "{ viewer { owner } apiKeys { totalCount } }";
        let data = value!({ "viewer": { "owner": "o" } });
        let path = [field("apiKeys"), field("totalCount")];
        assert_eq!(completed(query, data, &[&path]), "null");
    }
}
