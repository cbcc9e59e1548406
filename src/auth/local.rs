//! Local mode: one token for the one operator, printed at start inside the sign-in link.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::key::secret::{RandomUnavailable, random_base62};

/// The token of the local operator. It works as a bearer token, and opens a session through the sign-in link.
pub struct LocalToken(Zeroizing<String>);

/// The configured token cannot serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusableToken {
    /// Too easy to guess.
    #[error("must have at least {} characters", LocalToken::MIN_LEN)]
    TooShort,
    /// It could not be sent in an `Authorization` header (RFC 6750 section 2.1).
    #[error("may only have letters, digits and - . _ ~ + / =")]
    NotABearerToken,
}

impl LocalToken {
    /// The fewest characters that a configured token may have.
    pub const MIN_LEN: usize = 32;

    /// Makes a token of 40 uniform characters.
    pub fn generate() -> Result<Self, RandomUnavailable> {
        let mut text = Zeroizing::new(String::with_capacity(40));
        random_base62(40, &mut text)?;
        Ok(Self(text))
    }

    /// Takes a token from the configuration.
    pub fn parse(text: &str) -> Result<Self, UnusableToken> {
        if text.len() < Self::MIN_LEN {
            return Err(UnusableToken::TooShort);
        }
        let sendable = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        if !text.bytes().all(sendable) {
            return Err(UnusableToken::NotABearerToken);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Whether `presented` is this token. The time it takes tells nothing but a difference in length.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }

    /// The token itself, for the sign-in link.
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LocalToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_itself_alone() {
        let token = LocalToken::generate().unwrap();
        let text = token.expose_secret().to_owned();
        assert!(token.matches(&text));
        assert!(!token.matches(&text[1..]));
        assert!(!token.matches(&format!("{text}x")));
        assert!(!token.matches(""));
        assert!(!token.matches(LocalToken::generate().unwrap().expose_secret()));
        assert_eq!(format!("{token:?}"), "LocalToken(…)");
    }

    #[test]
    fn an_unusable_token_is_refused() {
        let parse = |text: &str| LocalToken::parse(text).err();
        assert_eq!(parse(&"x".repeat(31)), Some(UnusableToken::TooShort));
        assert_eq!(parse(&"x".repeat(32)), None);
        assert_eq!(parse(&" ".repeat(32)), Some(UnusableToken::NotABearerToken));
        assert_eq!(parse(&"é".repeat(32)), Some(UnusableToken::NotABearerToken));
    }
}
