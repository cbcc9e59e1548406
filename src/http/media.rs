//! Media types: the two of a GraphQL answer, and which of them a client wants; and those that bodies may have.

use poem::http::HeaderMap;
use poem::web::Accept;
use poem::{FromRequest, Request};

/// How an answer is typed, and so which statuses it may have
/// ([GraphQL over HTTP](https://graphql.github.io/graphql-over-http/draft/)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`: the status tells of a refused document.
    GraphqlResponse,
    /// `application/json`: every well-formed request is answered 200.
    Json,
}

impl MediaType {
    /// The value of `Content-Type`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// What the client likes best of what there is; `None` where it takes neither.
    pub(super) async fn negotiate(request: &Request) -> Option<Self> {
        // RFC 9110 section 12.5.1: none, or an empty one, takes anything.
        let mut wanted = request.headers().get_all("accept").iter();
        if wanted.all(|value| value.as_bytes().trim_ascii().is_empty()) {
            return Some(Self::Json);
        }
        let Accept(wanted) = Accept::from_request_without_body(request).await.ok()?;
        wanted.iter().find_map(|wanted| match wanted.essence_str() {
            "application/graphql-response+json" => Some(Self::GraphqlResponse),
            "application/json" | "application/*" | "*/*" => Some(Self::Json),
            _ => None,
        })
    }
}

/// Whether the body is `application/json`, in UTF-8 (RFC 8259 section 8.1).
///
/// Anything else is refused: forms and `text/plain` can be sent from another site without a preflight.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all("content-type").iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = value.trim().trim_matches('"');
            // The second is no registered name, and some clients send it.
            ["utf-8", "utf8"]
                .iter()
                .any(|name| charset.eq_ignore_ascii_case(name))
        }
        _ => true,
    });
    is_json && is_utf8
}

/// How the body is encoded (RFC 9110 section 8.4), where it is not as it is.
pub(super) fn content_encoding(headers: &HeaderMap) -> Option<String> {
    let codings = headers.get_all("content-encoding").iter();
    let codings = codings.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let mut codings = codings.map(|coding| coding.trim().to_owned());
    codings.find(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
}

/// Whether the body is a form, `application/x-www-form-urlencoded`.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get("content-type");
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = text.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
