//! Lists of objects that hold all that they tell, resolved in one go.
//!
//! async-graphql makes a future of each field, and for a page of keys that was most of the work. What is not plain, such as a
//! field that the database is asked for, and whatever is not known here, is left to async-graphql: the answer is the same.

use std::borrow::Cow;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::indexmap::map::Entry;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::resolve_list;
use async_graphql::{ContextSelectionSet, Name, OutputType, Positioned, ServerResult, Value};

use super::size::{Size, bytes_of};

/// An object whose fields are there, or most of them.
pub(super) trait Plain: Sync {
    /// The name of its type.
    fn type_name(&self) -> &'static str;

    /// The names of the interfaces that its type implements.
    fn interfaces(&self) -> &'static [&'static str] {
        &[]
    }

    /// What a field holds; `None` for one that is not plain.
    fn held(&self, field: &str) -> Option<Held<'_>>;
}

/// What a field holds.
pub(super) enum Held<'a> {
    Leaf(Value),
    Object(&'a dyn Plain),
    Objects(Vec<&'a dyn Plain>),
}

/// A list of plain objects, which GraphQL sees as a list.
pub(super) struct PlainList<T>(pub(super) Vec<T>);

impl<T: OutputType + Plain> OutputType for PlainList<T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        let size = ctx.data_opt::<Arc<Size>>();
        let mut items = Vec::with_capacity(self.0.len());
        let mut counted = 0;
        for item in &self.0 {
            let Some(item) = resolve(ctx, item, &ctx.item.node) else {
                if let Some(size) = size {
                    size.take_back(counted);
                }
                return resolve_list(ctx, field, &self.0, Some(self.0.len())).await;
            };
            if let Some(size) = size {
                let bytes = bytes_of(&item, true);
                counted += bytes;
                if !size.add(bytes) {
                    return Ok(Value::Null);
                }
            }
            items.push(item);
        }
        Ok(Value::List(items))
    }
}

fn resolve(
    ctx: &ContextSelectionSet<'_>,
    object: &dyn Plain,
    selected: &SelectionSet,
) -> Option<Value> {
    let mut fields = IndexMap::with_capacity(selected.items.len());
    collect(ctx, object, selected, &mut fields)?;
    // What it means that nothing is selected is not ours to say.
    (!fields.is_empty()).then_some(Value::Object(fields))
}

/// Collects the fields of an object (GraphQL specification, section 6.3.2).
fn collect(
    ctx: &ContextSelectionSet<'_>,
    object: &dyn Plain,
    selected: &SelectionSet,
    fields: &mut IndexMap<Name, Value>,
) -> Option<()> {
    let applies = |on: &str| on == object.type_name() || object.interfaces().contains(&on);
    for selection in &selected.items {
        let (directives, on, selected) = match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                if !field.directives.is_empty() {
                    return None;
                }
                let value = value_of(ctx, object, field)?;
                add(fields, field.response_key().node.clone(), value);
                continue;
            }
            Selection::InlineFragment(fragment) => {
                let fragment = &fragment.node;
                let on = fragment.type_condition.as_ref();
                (&fragment.directives, on, &fragment.selection_set.node)
            }
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                let fragment = &ctx.query_env.fragments.get(name)?.node;
                let on = Some(&fragment.type_condition);
                (&spread.node.directives, on, &fragment.selection_set.node)
            }
        };
        if !directives.is_empty() {
            return None;
        }
        if on.is_none_or(|on| applies(&on.node.on.node)) {
            collect(ctx, object, selected, fields)?;
        }
    }
    Some(())
}

fn value_of(ctx: &ContextSelectionSet<'_>, object: &dyn Plain, field: &Field) -> Option<Value> {
    let name = field.name.node.as_str();
    if name == "__typename" {
        return Some(Value::from(object.type_name()));
    }
    let selected = &field.selection_set.node;
    match object.held(name)? {
        Held::Leaf(value) => Some(value),
        Held::Object(inner) => resolve(ctx, inner, selected),
        Held::Objects(inner) => {
            let items = inner.into_iter().map(|item| resolve(ctx, item, selected));
            items.collect::<Option<_>>().map(Value::List)
        }
    }
}

/// Adds a field. One that was asked for twice is merged (section 6.3.3): validation has made sure that both mean the same.
fn add(fields: &mut IndexMap<Name, Value>, key: Name, value: Value) {
    match fields.entry(key) {
        Entry::Vacant(entry) => drop(entry.insert(value)),
        Entry::Occupied(mut entry) => merge(entry.get_mut(), value),
    }
}

fn merge(known: &mut Value, more: Value) {
    match (known, more) {
        (Value::Object(known), Value::Object(more)) => {
            more.into_iter()
                .for_each(|(key, value)| add(known, key, value));
        }
        (Value::List(known), Value::List(more)) => {
            known
                .iter_mut()
                .zip(more)
                .for_each(|(known, more)| merge(known, more));
        }
        _ => {}
    }
}
