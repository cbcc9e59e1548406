//! The parameters of a GraphQL request, as GET and POST carry them.

use std::collections::HashMap;

use poem::Request;
use poem::http::StatusCode;
use serde_json::{Map, Value};

use super::body::Unread;
use super::media::{content_encoding, is_json};
use super::refusal::Refusal;
use crate::graphql::{Parameters, code};

/// The parameters of a POST request, whose body was read.
pub(super) fn of_body(
    request: &Request,
    body: Result<Vec<u8>, Unread>,
) -> Result<Parameters, Refusal> {
    if !is_json(request.headers()) {
        let message = "Send the body as JSON, with `Content-Type: application/json`.";
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code::BAD_USER_INPUT,
            message,
        ));
    }
    if let Some(encoding) = content_encoding(request.headers()) {
        let message = format!(
            "The body is encoded as `{encoding}`; send it as it is, without `Content-Encoding`."
        );
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Refusal::new(status, code::BAD_USER_INPUT, message));
    }
    let bytes = body.map_err(|unread| match unread.status {
        StatusCode::SERVICE_UNAVAILABLE => Refusal::unavailable(&unread.message, "1"),
        status => Refusal::new(status, code::BAD_USER_INPUT, unread.message),
    })?;
    // RFC 8259 section 8.1 lets a reader pass over a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let body: Value = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::bad_request(format!("The body is not JSON: {error}.")))?;
    let Value::Object(mut body) = body else {
        return Err(Refusal::bad_request(
            "The body must be one JSON object with `query`; batches are not supported.",
        ));
    };
    parameters(|name| body.remove(name))
}

/// The parameters of a GET request.
pub(super) fn of_query_string(query: &str) -> Result<Parameters, Refusal> {
    let pairs: HashMap<String, String> = serde_urlencoded::from_str(query).map_err(|error| {
        Refusal::bad_request(format!("The query string cannot be read: {error}."))
    })?;
    for name in ["variables", "extensions"] {
        let text = pairs.get(name).map_or("", String::as_str);
        if !text.is_empty() && serde_json::from_str::<Value>(text).is_err() {
            return Err(Refusal::bad_request(format!(
                "`{name}` in the query string is not JSON."
            )));
        }
    }
    parameters(|name| match (name, pairs.get(name)?.as_str()) {
        (_, "") => None,
        ("variables" | "extensions", text) => serde_json::from_str(text).ok(),
        (_, text) => Some(Value::from(text)),
    })
}

/// Checks the types of the parameters, where `take` gives one by its name.
fn parameters(mut take: impl FnMut(&str) -> Option<Value>) -> Result<Parameters, Refusal> {
    let wrong =
        |name: &str, right: &str| Err(Refusal::bad_request(format!("`{name}` must be {right}.")));
    let extensions = match take("extensions") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(extensions)) => extensions,
        Some(_) => return wrong("extensions", "an object or null"),
    };
    let query = match take("query") {
        Some(Value::String(query)) => query,
        None | Some(Value::Null) if extensions.contains_key("persistedQuery") => {
            return Err(Refusal::persisted_query_not_supported());
        }
        None => return wrong("query", "there: a GraphQL document as a string"),
        Some(_) => return wrong("query", "a GraphQL document as a string"),
    };
    let operation_name = match take("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name).filter(|name| !name.is_empty()),
        Some(_) => return wrong("operationName", "a string or null"),
    };
    let variables = match take("variables") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(variables)) => variables,
        Some(_) => return wrong("variables", "an object or null"),
    };
    Ok(Parameters {
        query,
        operation_name,
        variables,
    })
}
