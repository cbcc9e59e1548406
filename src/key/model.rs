//! The words of the domain as types. Each is parsed once, at the edge, and right from then on.
//!
//! No secret is ever part of these: that is [`super::secret`]'s.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::error::InvalidInput;

/// The id of an API key, a UUID of version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Uuid);

impl KeyId {
    /// Reads an id in its canonical form (36 characters, with hyphens, lower case); `field` is the argument it came in.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, InvalidInput> {
        let uuid = Uuid::try_parse(text)
            .ok()
            .filter(|uuid| uuid.to_string() == text);
        uuid.map(Self).ok_or_else(|| {
            let example = "01890a5d-ac96-774b-bcce-b302099a8057";
            InvalidInput::new(
                field,
                format!("`{field}` is not an id of this service; one looks like {example}"),
            )
        })
    }
}

impl From<Uuid> for KeyId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl From<KeyId> for Uuid {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an owner calls a key: trimmed, 1 to 100 characters, no control characters. Names need not be unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The most characters (Unicode scalar values) a name may have.
    pub const MAX_CHARS: usize = 100;

    /// Trims and checks a name.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let invalid = |problem: String| Err(InvalidInput::new("name", problem));
        let text = text.trim();
        let count = text.chars().count();
        if count == 0 {
            return invalid("`name` is empty; give the key a name of 1 to 100 characters".into());
        }
        if count > Self::MAX_CHARS {
            return invalid(format!(
                "`name` has {count} characters; the most is {}",
                Self::MAX_CHARS
            ));
        }
        if let Some(position) = text.chars().position(char::is_control) {
            return invalid(format!(
                "`name` has a control character (such as a line break) at position {}; leave it out",
                position + 1
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The trimmed name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as it is compared, without regard to case.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }

    /// Takes a name as the database has it, which holds only what was parsed before.
    pub(crate) fn from_store(text: String) -> Self {
        Self(text)
    }
}

/// A text without regard to case, by Unicode's rules and the same for every database: each character in capitals, and those in
/// small letters, which makes one of `ß` and `SS`, and of the three sigmas.
pub fn fold(text: &str) -> String {
    text.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Whose keys: an opaque string from the identity provider (a user's `sub`, an organisation's id).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(Arc<str>);

impl Owner {
    /// The most characters an owner may have.
    pub const MAX_CHARS: usize = 255;

    /// Checks an owner: 1 to 255 characters, none of them a control character, not blank. It is not trimmed,
    /// because it is not ours to change.
    pub fn parse(text: &str) -> Result<Self, InvalidInput> {
        let fits = !text.trim().is_empty() && text.chars().count() <= Self::MAX_CHARS;
        if !fits || text.chars().any(char::is_control) {
            return Err(InvalidInput::new(
                "owner",
                "`owner` must have 1 to 255 characters and no control characters",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The owner of every key in local mode.
    pub fn local() -> Self {
        Self("local".into())
    }

    /// The owner as the identity provider spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes an owner as the database has it, which holds only what was parsed before.
    pub(crate) fn from_store(text: String) -> Self {
        Self(text.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_refused_or_kept_but_for_the_blanks_around_it(text in any::<String>()) {
            let trimmed = text.trim();
            let fits = (1..=100).contains(&trimmed.chars().count());
            let expected = fits && !trimmed.chars().any(char::is_control);
            match Name::parse(&text) {
                Ok(name) => prop_assert!(expected && name.as_str() == trimmed),
                Err(error) => prop_assert!(!expected && error.field == "name"),
            }
        }

        #[test]
        fn an_id_survives_being_written_and_read(bytes in any::<[u8; 16]>()) {
            let id = KeyId::from(Uuid::from_bytes(bytes));
            prop_assert_eq!(KeyId::parse("id", &id.to_string()).unwrap(), id);
        }
    }

    #[test]
    fn the_canonical_form_of_an_id_is_the_only_one() {
        let good = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(KeyId::parse("id", good).unwrap().to_string(), good);
        for bad in [
            "",
            "01890a5dac96774bbcceb302099a8057",
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
            "urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057",
            " 01890a5d-ac96-774b-bcce-b302099a8057",
            "01890A5D-AC96-774B-BCCE-B302099A8057",
            "01890a5d-ac96-774b-bcce-b302099a805g",
        ] {
            assert_eq!(
                KeyId::parse("after", bad).unwrap_err().field,
                "after",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_name_counts_characters_not_bytes() {
        assert!(Name::parse(&"é".repeat(100)).is_ok());
        assert!(
            Name::parse(&"é".repeat(101))
                .unwrap_err()
                .message
                .contains("101")
        );
    }

    #[test]
    fn folding_forgets_case_and_nothing_else() {
        for (a, b) in [
            ("NIGHTLY", "nightly"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("Ünï", "üNÏ"),
        ] {
            assert_eq!(fold(a), fold(b));
        }
        assert_ne!(fold("é"), fold("e"));
        assert_eq!(fold("100%_\\"), "100%_\\");
    }

    #[test]
    fn an_owner_is_not_blank_and_not_changed() {
        assert_eq!(Owner::parse(" a ").unwrap().as_str(), " a ");
        for bad in ["", " ", "a\nb", "a\0", &"x".repeat(256)] {
            assert_eq!(Owner::parse(bad).unwrap_err().field, "owner");
        }
    }
}
