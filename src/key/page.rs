//! Which part of an ordered list is wanted, and what came of it: the arguments of the
//! [Relay cursor connections specification](https://relay.dev/graphql/connections.htm) as a type.

use super::error::InvalidInput;
use super::model::KeyId;

/// How many items a page has when nobody says.
pub const DEFAULT_SIZE: u32 = 20;
/// The most items a page may have.
pub const MAX_SIZE: u32 = 100;

/// A part of a list that is ordered by id, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Only what follows this id.
    pub after: Option<KeyId>,
    /// Only what precedes this id.
    pub before: Option<KeyId>,
    /// How many at most, 0 to 100.
    pub size: u32,
    /// From which end of what is left they are taken.
    pub end: End,
}

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Where `first` counts from: the newest.
    First,
    /// Where `last` counts from: the oldest.
    Last,
}

impl PageRequest {
    /// Checks the four arguments of a connection.
    pub fn parse(
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
        let cursor = |field, text: Option<&str>| {
            text.map(|text| {
                KeyId::parse(field, text).map_err(|_| {
                    let hint = "take one from `edges { cursor }` or `pageInfo`";
                    InvalidInput::new(
                        field,
                        format!("`{field}` is not a cursor of this list; {hint}"),
                    )
                })
            })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_the_first_twenty_are_meant() {
        let page = PageRequest::parse(None, None, None, None).unwrap();
        assert_eq!((page.size, page.end), (20, End::First));
    }

    #[test]
    fn each_wrong_argument_is_named() {
        let refused = |first, after, last, before| {
            PageRequest::parse(first, after, last, before)
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
            PageRequest::parse(Some(0), None, None, None).unwrap().size,
            0
        );
    }
}
