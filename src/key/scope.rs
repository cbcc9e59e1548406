//! Scopes: words granted to a key, as in OAuth 2.0 (RFC 6749 section 3.3).

use super::error::InvalidInput;

/// What a scope of this service itself starts with. Such scopes are granted by operators alone.
const RESERVED: &str = "apikeys:";

/// Lets a key list the keys of its owner.
pub const READ: &str = "apikeys:read";
/// Lets a key make and delete the keys of its owner.
pub const WRITE: &str = "apikeys:write";
/// Lets a key ask about other keys' secrets.
pub const INTROSPECT: &str = "apikeys:introspect";
/// Lets a key act for the owner that a request names.
pub const ACT_AS: &str = "apikeys:act-as";

/// The scopes of a key, in the order in which they were given, each once. As RFC 6749 writes them and the database keeps them:
/// with a single space between two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(String);

impl Scopes {
    /// The most scopes a key may have.
    pub const MAX_COUNT: usize = 50;
    /// The most characters a scope may have.
    pub const MAX_CHARS: usize = 100;

    /// Checks scopes, and folds those that are given twice.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, InvalidInput> {
        let invalid = |problem: String| Err(InvalidInput::new("scopes", problem));
        let mut scopes: Vec<&str> = Vec::new();
        for text in texts.iter().map(AsRef::as_ref) {
            if text.len() > Self::MAX_CHARS || !Self::is_token(text) {
                return invalid(format!(
                    "each of `scopes` must have 1 to {} visible ASCII characters, without blanks, \" and \\",
                    Self::MAX_CHARS
                ));
            }
            if text.starts_with(RESERVED) && ![READ, WRITE, INTROSPECT, ACT_AS].contains(&text) {
                return invalid(format!(
                    "`scopes` has `{text}`, which means nothing; of those that start with `{RESERVED}` there are \
                     {READ}, {WRITE}, {INTROSPECT} and {ACT_AS}"
                ));
            }
            if !scopes.contains(&text) {
                scopes.push(text);
            }
            if scopes.len() > Self::MAX_COUNT {
                let most = Self::MAX_COUNT;
                return invalid(format!("`scopes` has more than {most} different ones"));
            }
        }
        Ok(Self(scopes.join(" ")))
    }

    /// Whether a text is RFC 6749's `scope-token`: visible ASCII but for the quotation mark and the backslash.
    pub fn is_token(text: &str) -> bool {
        let is_part = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        !text.is_empty() && text.bytes().all(is_part)
    }

    /// Whether a scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|own| own == scope)
    }

    /// Whether there is one that only an operator may grant.
    pub fn has_reserved(&self) -> bool {
        self.iter().any(|scope| scope.starts_with(RESERVED))
    }

    /// Each scope.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// All of them, with a single space between two.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes scopes as the database has them, which holds only what was parsed before, unless a person wrote it.
    pub(crate) fn from_store(text: String) -> Self {
        if text.is_empty() || text.split(' ').all(Self::is_token) {
            return Self(text);
        }
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        Self(words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn scopes_survive_being_written_and_read(texts in prop::collection::vec("[!#-\\[\\]-~]{1,100}", 0..50)) {
            let scopes = Scopes::parse(&texts);
            prop_assume!(!texts.iter().any(|text| text.starts_with(RESERVED)));
            let scopes = scopes.unwrap();
            prop_assert_eq!(Scopes::from_store(scopes.as_str().to_owned()), scopes);
        }

        #[test]
        fn any_text_is_parsed_without_a_panic(text in any::<String>()) {
            if let Ok(scopes) = Scopes::parse(&[&text]) {
                prop_assert_eq!(scopes.as_str(), text);
            }
        }
    }

    #[test]
    fn what_a_person_wrote_is_put_in_order() {
        let stored = |text: &str| Scopes::from_store(text.to_owned());
        assert_eq!(stored(" read\n  write ").as_str(), "read write");
        assert_eq!(stored("read write").as_str(), "read write");
        assert_eq!(stored("").iter().count(), 0);
    }

    #[test]
    fn the_limits_are_kept() {
        let distinct = |count: usize| (0..count).map(|i| format!("s{i}")).collect::<Vec<_>>();
        assert!(Scopes::parse(&distinct(50)).is_ok());
        assert!(Scopes::parse(&distinct(51)).is_err());
        assert_eq!(Scopes::parse(&vec!["same"; 200]).unwrap().as_str(), "same");
        assert!(Scopes::parse(&["x".repeat(100)]).is_ok());
        for bad in [
            "",
            " ",
            "a b",
            "a\"b",
            "a\\b",
            "é",
            "a\n",
            "apikeys:",
            "apikeys:wirte",
            &"x".repeat(101),
        ] {
            assert_eq!(Scopes::parse(&[bad]).unwrap_err().field, "scopes", "{bad}");
        }
    }
}
