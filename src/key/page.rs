//! Which part of an ordered list is wanted, and what came of it: the arguments of the
//! [Relay cursor connections specification](https://relay.dev/graphql/connections.htm) as a type.

use super::error::InvalidInput;
use super::list::{Cursor, OrderField};

/// How many items a page has when nobody says.
pub const DEFAULT_SIZE: u32 = 20;
/// The most items a page may have.
pub const MAX_SIZE: u32 = 100;

/// A part of an ordered list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// Only what follows this.
    pub after: Option<Cursor>,
    /// Only what precedes this.
    pub before: Option<Cursor>,
    /// How many at most, 0 to 100.
    pub size: u32,
    /// From which end of what is left they are taken.
    pub end: End,
}

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// Where `first` counts from.
    First,
    /// Where `last` counts from.
    Last,
}

impl PageRequest {
    /// Checks the four arguments of a connection whose list is ordered by `field`.
    pub fn parse(
        field: OrderField,
        first: Option<i64>,
        after: Option<&str>,
        last: Option<i64>,
        before: Option<&str>,
    ) -> Result<Self, InvalidInput> {
        let (size, end) = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(InvalidInput::new(
                    "last",
                    "`first` and `last` exclude each other; give one of them",
                ));
            }
            (Some(first), None) => (size("first", first)?, End::First),
            (None, Some(last)) => (size("last", last)?, End::Last),
            (None, None) => (DEFAULT_SIZE, End::First),
        };
        let cursor = |argument, text: Option<&str>| {
            text.map(|text| Cursor::parse(argument, text, field))
                .transpose()
        };
        Ok(Self {
            after: cursor("after", after)?,
            before: cursor("before", before)?,
            size,
            end,
        })
    }
}

fn size(field: &'static str, value: i64) -> Result<u32, InvalidInput> {
    u32::try_from(value)
        .ok()
        .filter(|size| *size <= MAX_SIZE)
        .ok_or_else(|| {
            InvalidInput::new(
                field,
                format!("`{field}` is {value}; it must be from 0 to {MAX_SIZE}"),
            )
        })
}

/// A part of a list, in the list's order whichever end it was taken from.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether items follow the last one.
    pub has_next: bool,
    /// Whether items precede the first one.
    pub has_previous: bool,
}

impl<T> Page<T> {
    /// A page of `size` from what was read from its `end` on. `has_more`: there is more than the page has; `has_beyond`: something
    /// lies on the other side of the cursor that it was counted from.
    pub(crate) fn of(
        mut items: Vec<T>,
        size: u32,
        end: End,
        has_more: bool,
        has_beyond: bool,
    ) -> Self {
        items.truncate(size as usize);
        let (has_next, has_previous) = match end {
            End::First => (has_more, has_beyond),
            End::Last => (has_beyond, has_more),
        };
        if end == End::Last {
            items.reverse();
        }
        Self {
            items,
            has_next,
            has_previous,
        }
    }

    /// The same part of a list of what `f` makes of each item.
    pub(crate) fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            has_next: self.has_next,
            has_previous: self.has_previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_the_first_twenty_are_meant() {
        let page = PageRequest::parse(OrderField::CreatedAt, None, None, None, None).unwrap();
        assert_eq!((page.size, page.end), (20, End::First));
    }

    #[test]
    fn each_wrong_argument_is_named() {
        let refused = |first, after, last, before| {
            PageRequest::parse(OrderField::CreatedAt, first, after, last, before)
                .unwrap_err()
                .field
        };
        assert_eq!(refused(Some(-1), None, None, None), "first");
        assert_eq!(refused(Some(101), None, None, None), "first");
        assert_eq!(refused(None, None, Some(-1), None), "last");
        assert_eq!(refused(None, None, Some(101), None), "last");
        assert_eq!(refused(Some(1), None, Some(1), None), "last");
        assert_eq!(refused(Some(1), Some("x"), None, None), "after");
        assert_eq!(refused(None, None, Some(1), Some("")), "before");
        assert_eq!(
            PageRequest::parse(OrderField::CreatedAt, Some(0), None, None, None)
                .unwrap()
                .size,
            0
        );
    }
}
