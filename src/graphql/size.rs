//! How large an answer grows. An answer to a query that is too large is given up while it is made; a mutation whose answer could
//! be is refused before it begins ([`super::limit`]), because an answer that is given up would take secrets with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo,
};
use async_graphql::{QueryPathSegment, ServerError, ServerResult, Value};

use crate::bounds;

/// The bytes of an answer so far, or a little fewer: what JSON adds to texts is not counted.
#[derive(Default)]
pub(super) struct Size(AtomicUsize);

impl Size {
    /// Counts more bytes. `false` where they are too many: what follows is not worth making.
    pub(super) fn add(&self, bytes: usize) -> bool {
        self.0.fetch_add(bytes, Ordering::Relaxed) + bytes <= bounds::ANSWER_LEN
    }

    /// Takes back what was counted and is counted anew.
    pub(super) fn take_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.0.load(Ordering::Relaxed) > bounds::ANSWER_LEN
    }
}

/// The bytes of a value. Those of objects are left out where they were counted field by field.
pub(super) fn bytes_of(value: &Value, with_objects: bool) -> usize {
    match value {
        Value::Null => 4,
        Value::Boolean(_) => 5,
        Value::Number(_) => 2,
        Value::String(text) => text.len() + 2,
        Value::Enum(name) => name.len() + 2,
        Value::Binary(bytes) => bytes.len(),
        Value::List(items) => {
            let items = items.iter().map(|item| bytes_of(item, with_objects) + 1);
            items.sum::<usize>() + 1
        }
        Value::Object(fields) if with_objects => {
            let fields = fields.iter();
            let fields = fields.map(|(key, value)| key.len() + 4 + bytes_of(value, true));
            fields.sum::<usize>() + 1
        }
        Value::Object(_) => 2,
    }
}

/// Counts each field that async-graphql resolves, and resolves no more where the answer is too large.
pub(super) struct Measured;

impl ExtensionFactory for Measured {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Measured {
    async fn resolve(
        &self,
        context: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(size) = context.data_opt::<Arc<Size>>() else {
            return next.run(context, info).await;
        };
        // The items of a list are counted with it.
        if let QueryPathSegment::Index(_) = info.path_node.segment {
            return next.run(context, info).await;
        }
        if size.is_too_large() {
            return Err(ServerError::new("The answer is too large.", None));
        }
        let key = info.alias.unwrap_or(info.name).len() + 4;
        let value = next.run(context, info).await?;
        size.add(key + value.as_ref().map_or(4, |value| bytes_of(value, false)));
        Ok(value)
    }
}
