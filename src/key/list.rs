//! Which keys are wanted, in which order, and where in that order one stands.

use std::fmt;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

use super::api_key::{ApiKey, ApiKeyStatus};
use super::error::InvalidInput;
use super::model::{KeyId, fold};
use super::scope::Scopes;

/// Which keys are wanted: those for which all of it is so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Filter {
    /// A folded text that is part of the folded name.
    pub(crate) name_contains: Option<String>,
    pub(crate) status: Option<ApiKeyStatus>,
    pub(crate) scope: Option<String>,
    /// The key ends before this.
    pub(crate) expires_before: Option<Timestamp>,
}

impl Filter {
    /// Checks what a filter asks for.
    pub fn parse(
        name_contains: Option<&str>,
        status: Option<ApiKeyStatus>,
        scope: Option<String>,
        expires_before: Option<Timestamp>,
    ) -> Result<Self, InvalidInput> {
        if name_contains.is_some_and(|text| text.contains(char::is_control)) {
            let problem = "`nameContains` has a control character, and no name has one";
            return Err(InvalidInput::new("nameContains", problem));
        }
        if scope
            .as_deref()
            .is_some_and(|scope| !Scopes::is_token(scope))
        {
            let problem =
                "`scope` must be one scope: visible ASCII characters, without blanks, \" and \\";
            return Err(InvalidInput::new("scope", problem));
        }
        Ok(Self {
            name_contains: name_contains.map(fold).filter(|text| !text.is_empty()),
            status,
            scope,
            expires_before,
        })
    }
}

/// By what keys are ordered; those that are alike in it, by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderField {
    /// When they were made, which is the order of their ids.
    CreatedAt,
    /// Their folded names, by code points.
    Name,
    /// When they were last used; never counts as before all times.
    LastUsedAt,
    /// When they end; never counts as after all times.
    ExpiresAt,
}

/// Which way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

impl Direction {
    /// The other way round.
    pub fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// An order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    /// By what.
    pub field: OrderField,
    /// Which way round.
    pub direction: Direction,
}

/// Newest first.
impl Default for Order {
    fn default() -> Self {
        Self {
            field: OrderField::CreatedAt,
            direction: Direction::Descending,
        }
    }
}

/// Where in an order something stands. It outlives what stood there. Those of one order compare as the database orders.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor {
    pub(crate) place: Place,
    pub(crate) id: Uuid,
}

/// What comes before the id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Nothing.
    Id,
    /// The folded name.
    Name(String),
    LastUsedAt(Timestamp),
    ExpiresAt(Timestamp),
}

/// When a key was last used that never was.
pub(crate) const NEVER_USED: Timestamp = Timestamp::UNIX_EPOCH;
/// When a key ends that never does: the last second that there is a word for.
pub(crate) const NEVER_EXPIRES: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// What is percent-encoded of a name in a cursor.
const NOT_PLAIN: &AsciiSet = &CONTROLS.add(b':').add(b'%');

impl Cursor {
    /// Where a key stands in an order by `field`.
    pub fn of(api_key: &ApiKey, field: OrderField) -> Self {
        let place = match field {
            OrderField::CreatedAt => Place::Id,
            OrderField::Name => Place::Name(api_key.folded_name.clone()),
            OrderField::LastUsedAt => {
                Place::LastUsedAt(api_key.last_used_at().unwrap_or(NEVER_USED))
            }
            OrderField::ExpiresAt => Place::ExpiresAt(api_key.expires_at.unwrap_or(NEVER_EXPIRES)),
        };
        let id = api_key.id.into();
        Self { place, id }
    }

    /// Where something stands in the order of ids.
    pub fn of_id(id: Uuid) -> Self {
        let place = Place::Id;
        Self { place, id }
    }

    /// Reads a cursor of an order by `field`, which came in `argument`.
    pub fn parse(
        argument: &'static str,
        text: &str,
        field: OrderField,
    ) -> Result<Self, InvalidInput> {
        Self::read(text, field).ok_or_else(|| {
            let hint = "take one from `edges { cursor }` or `pageInfo`, in the same order";
            let problem = format!("`{argument}` is not a cursor of this list; {hint}");
            InvalidInput::new(argument, problem)
        })
    }

    fn read(text: &str, field: OrderField) -> Option<Self> {
        let (place, id) = match field {
            OrderField::CreatedAt => (Place::Id, text),
            _ => {
                let (place, id) = text.rsplit_once(':')?;
                (Place::read(place, field)?, id)
            }
        };
        let id = KeyId::parse("id", id).ok()?.into();
        let cursor = Self { place, id };
        // One form for each place.
        (cursor.to_string() == text).then_some(cursor)
    }
}

impl Place {
    fn read(text: &str, field: OrderField) -> Option<Self> {
        let (word, value) = text.split_once(':')?;
        // Nothing of ours lies beyond these, and not every database could be asked for it.
        let is_ours = |at: &Timestamp| (NEVER_USED..=NEVER_EXPIRES).contains(at);
        let instant = || {
            Timestamp::from_microsecond(value.parse().ok()?)
                .ok()
                .filter(is_ours)
        };
        match (field, word) {
            (OrderField::Name, "NAME") => {
                let name = percent_decode_str(value).decode_utf8().ok()?;
                (!name.contains(char::is_control)).then(|| Self::Name(name.into_owned()))
            }
            (OrderField::LastUsedAt, "LAST_USED_AT") => instant().map(Self::LastUsedAt),
            (OrderField::ExpiresAt, "EXPIRES_AT") => instant().map(Self::ExpiresAt),
            _ => None,
        }
    }
}

/// As clients get it: the id alone where ids are the order.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Id => {}
            Place::Name(name) => write!(f, "NAME:{}:", utf8_percent_encode(name, NOT_PLAIN))?,
            Place::LastUsedAt(at) => write!(f, "LAST_USED_AT:{}:", at.as_microsecond())?,
            Place::ExpiresAt(at) => write!(f, "EXPIRES_AT:{}:", at.as_microsecond())?,
        }
        self.id.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELDS: [OrderField; 4] = [
        OrderField::CreatedAt,
        OrderField::Name,
        OrderField::LastUsedAt,
        OrderField::ExpiresAt,
    ];

    fn cursor() -> impl Strategy<Value = (Cursor, OrderField)> {
        let instant = (0..=NEVER_EXPIRES.as_microsecond())
            .prop_map(|micros| Timestamp::from_microsecond(micros).unwrap());
        let place = prop_oneof![
            Just((Place::Id, OrderField::CreatedAt)),
            "[^\\p{Cc}]{0,100}".prop_map(|name| (Place::Name(name), OrderField::Name)),
            instant
                .clone()
                .prop_map(|at| (Place::LastUsedAt(at), OrderField::LastUsedAt)),
            instant.prop_map(|at| (Place::ExpiresAt(at), OrderField::ExpiresAt)),
        ];
        (place, any::<u128>()).prop_map(|((place, field), id)| {
            let id = Uuid::from_u128(id);
            (Cursor { place, id }, field)
        })
    }

    proptest! {
        #[test]
        fn a_cursor_survives_being_written_and_read((cursor, field) in cursor()) {
            let text = cursor.to_string();
            for other in FIELDS {
                let expected = (other == field).then(|| cursor.clone());
                prop_assert_eq!(Cursor::parse("after", &text, other).ok(), expected);
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "(NAME:|EXPIRES_AT:|LAST_USED_AT:)?\\PC{0,60}") {
            for field in FIELDS {
                let _ = Cursor::parse("after", &text, field);
            }
        }
    }
}
