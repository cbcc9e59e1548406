//! `DATABASE_URL`: which database, and where. A mistyped one is refused here, before anything is opened.

use std::path::{Path, PathBuf};

/// A database to open. It may hold a password, so it has no `Debug` and no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A server, as a URL that begins with `postgres://` or `postgresql://`.
    Postgres(String),
}

/// The URL is not one of the two forms; the sentence says why and never repeats the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadDatabaseUrl(String);

impl DatabaseUrl {
    /// Reads a URL. Everything after `sqlite://` is the path as it is, without escapes or parameters.
    pub fn parse(text: &str) -> Result<Self, BadDatabaseUrl> {
        const FORMS: &str = "it must be sqlite://PATH, postgres://… or postgresql://…";
        let refuse = |problem: String| Err(BadDatabaseUrl(format!("{problem}; {FORMS}")));
        if text.trim().is_empty() {
            return refuse("is empty".to_owned());
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("has no scheme".to_owned());
        };
        match scheme {
            "sqlite" if rest.is_empty() => refuse("names no file".to_owned()),
            "sqlite" if rest.contains(":memory:") => {
                refuse("is in memory, where several connections would not share it".to_owned())
            }
            "sqlite" if rest.contains(['?', '#', '\0']) => refuse(
                "has a ?, # or NUL in its path, and sqlite:// takes no parameters".to_owned(),
            ),
            "sqlite" => Ok(Self::Sqlite(Path::new(rest).to_path_buf())),
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned())),
            // Only what looks like a scheme is repeated: a password may stand before a :// that went astray.
            other if other.len() <= 20 && other.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                refuse(format!("has the unknown scheme `{other}`"))
            }
            _ => refuse("has an unknown scheme".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_kinds_are_known() {
        let sqlite = |path: &str| Ok(DatabaseUrl::Sqlite(path.into()));
        assert!(DatabaseUrl::parse("sqlite://apikeys.db") == sqlite("apikeys.db"));
        assert!(DatabaseUrl::parse("sqlite:///var/lib/a b.db") == sqlite("/var/lib/a b.db"));
        for url in ["postgres://u:p@h/d", "postgresql:///d"] {
            assert!(DatabaseUrl::parse(url) == Ok(DatabaseUrl::Postgres(url.to_owned())));
        }
    }

    #[test]
    fn everything_else_is_refused_in_words_without_being_repeated() {
        let refused = |url: &str| match DatabaseUrl::parse(url) {
            Err(BadDatabaseUrl(message)) => message,
            Ok(_) => String::new(),
        };
        assert!(refused("").contains("is empty"));
        assert!(refused("  ").contains("is empty"));
        assert!(refused("apikeys.db").contains("no scheme"));
        assert!(refused("sqlite:apikeys.db").contains("no scheme"));
        assert!(refused("sqlite://").contains("names no file"));
        assert!(refused("sqlite://:memory:").contains("in memory"));
        assert!(refused("sqlite://a.db?mode=ro").contains("no parameters"));
        assert!(refused("postgress://u:hunter2@h/d").contains("`postgress`"));
        assert!(refused("SQLITE://a.db").contains("`SQLITE`"));
        for url in ["postgress://u:hunter2@h/d", "u:hunter2@h://d", "hunter2"] {
            assert!(
                !refused(url).is_empty() && !refused(url).contains("hunter2"),
                "{url}"
            );
        }
    }
}
