//! `/graphql`: GraphQL over HTTP ([draft specification](https://graphql.github.io/graphql-over-http/draft/)).
//!
//! POST takes `application/json`, GET runs queries only. Every refusal is a GraphQL body, typed by `Accept`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use poem::error::ReadBodyError;
use poem::http::{Method, StatusCode, header};
use poem::session::Session;
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use serde_json::{Map, Value};
use tracing::Instrument;

use super::App;
use super::caller::{self, Rejected};
use super::log::{OperationName, RequestId};
use super::media::{MediaType, is_json};

use crate::auth::Refused;
use crate::graphql::{Answer, Operation, Parameters, code, request_error};
use crate::key::error::{Error, chain};

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// A request that is answered without executing anything.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(header::HeaderName, &'static str)>,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::BAD_USER_INPUT, message)
    }

    fn with_header(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    fn into_response(self, media_type: MediaType) -> Response {
        let answer = Answer::request_error(request_error(self.code, self.message));
        let mut response = respond(&answer, self.status, media_type);
        if let Some((name, value)) = self.header {
            response
                .headers_mut()
                .insert(name, header::HeaderValue::from_static(value));
        }
        response
    }
}

/// `/graphql`, whatever the method.
#[handler]
pub(super) async fn graphql(
    request: &Request,
    body: Body,
    app: Data<&Arc<App>>,
    session: &Session,
    request_id: Data<&RequestId>,
) -> Response {
    let Some(media_type) = MediaType::negotiate(request).await else {
        let message = "The answer is application/graphql-response+json or application/json; `Accept` takes neither.";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, code::BAD_USER_INPUT, message)
            .into_response(MediaType::Json);
    };
    match handle(request, body, &app, session, media_type, &request_id.0.0).await {
        Ok(response) => response,
        Err(refusal) if refusal.code == code::INTERNAL => {
            let answer = Answer::internal_error(&request_id.0.0);
            respond(&answer, refusal.status, media_type)
        }
        Err(refusal) => refusal.into_response(media_type),
    }
}

async fn handle(
    request: &Request,
    body: Body,
    app: &App,
    session: &Session,
    media_type: MediaType,
    request_id: &str,
) -> Result<Response, Refusal> {
    let caller = caller::caller(app, request.headers(), session)
        .await
        .map_err(refusal)?;
    let parameters = match *request.method() {
        Method::GET => parameters_of_query_string(request.uri().query().unwrap_or_default())?,
        Method::POST => parameters_of_body(request, body).await?,
        _ => {
            let message = "Use POST, or GET for queries.";
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                code::BAD_USER_INPUT,
                message,
            )
            .with_header(header::ALLOW, "GET, POST"));
        }
    };
    let operation = match Operation::parse(parameters) {
        Ok(operation) => operation,
        Err(error) => {
            let answer = Answer::request_error(error);
            return Ok(respond(&answer, status_of(&answer, media_type), media_type));
        }
    };
    if request.method() == Method::GET && !operation.is_query() {
        let message = "GET runs queries only; send this operation with POST.";
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            code::BAD_USER_INPUT,
            message,
        )
        .with_header(header::ALLOW, "POST"));
    }
    let name = operation.name().map(ToOwned::to_owned);
    // As a task of its own, so that a panic ends this request alone and is answered.
    let work = {
        let (schema, request_id) = (app.schema.clone(), request_id.to_owned());
        async move { operation.execute(&schema, caller, &request_id).await }
    };
    let mut response = match tokio::spawn(work.in_current_span()).await {
        Ok(answer) => respond(&answer, status_of(&answer, media_type), media_type),
        Err(panic) => {
            tracing::error!(%panic, "a request ended in a panic");
            let answer = Answer::internal_error(request_id);
            respond(&answer, StatusCode::INTERNAL_SERVER_ERROR, media_type)
        }
    };
    if let Some(name) = name {
        response.extensions_mut().insert(OperationName(name));
    }
    Ok(response)
}

/// What a request hears that is not let in. RFC 6750 section 3 has the challenges.
fn refusal(rejected: Rejected) -> Refusal {
    let challenge = |status, code, message: &str, challenge| {
        Refusal::new(status, code, message).with_header(header::WWW_AUTHENTICATE, challenge)
    };
    let refused = match rejected {
        Rejected::Refused(refused) => refused,
        Rejected::CrossSite => {
            let message = "The session of this browser is for pages of this server; another site needs a token.";
            return Refusal::new(StatusCode::FORBIDDEN, code::FORBIDDEN, message);
        }
    };
    match refused {
        Refused::Missing => challenge(
            StatusCode::UNAUTHORIZED,
            code::UNAUTHENTICATED,
            "Sign in, or send `Authorization: Bearer` with a token or an API key.",
            "Bearer",
        ),
        Refused::Invalid => challenge(
            StatusCode::UNAUTHORIZED,
            code::UNAUTHENTICATED,
            "The token or API key is not valid.",
            r#"Bearer error="invalid_token""#,
        ),
        Refused::Several => challenge(
            StatusCode::BAD_REQUEST,
            code::BAD_USER_INPUT,
            "The request has several credentials (a token, an API key, a session); send one.",
            r#"Bearer error="invalid_request""#,
        ),
        Refused::Failed(Error::Forbidden(message)) => challenge(
            StatusCode::FORBIDDEN,
            code::FORBIDDEN,
            &message,
            r#"Bearer error="insufficient_scope""#,
        ),
        Refused::Failed(Error::InvalidInput(invalid)) => Refusal::bad_request(invalid.message),
        Refused::Failed(Error::Unavailable(cause)) => {
            tracing::error!(cause = chain(&*cause), "the database is not available");
            let message = "The service cannot reach its database; try again in a moment.";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, message)
                .with_header(header::RETRY_AFTER, "1")
        }
        Refused::Failed(error @ (Error::Internal(_) | Error::NotFound)) => {
            tracing::error!(cause = chain(&error), "internal error");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, "")
        }
    }
}

/// A refused document is 400 in the new media type, and 200 in the old one, which has always been so.
fn status_of(answer: &Answer, media_type: MediaType) -> StatusCode {
    match media_type {
        MediaType::GraphqlResponse if answer.is_request_error() => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

fn respond(answer: &Answer, status: StatusCode, media_type: MediaType) -> Response {
    match answer.to_json() {
        Ok(body) => Response::builder()
            .status(status)
            .content_type(media_type.as_str())
            .body(body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            Response::builder()
                .status(StatusCode::INTERNAL_SERVER_ERROR)
                .finish()
        }
    }
}

async fn parameters_of_body(request: &Request, body: Body) -> Result<Parameters, Refusal> {
    if !is_json(request.headers()) {
        let message = "Send the body as JSON, with `Content-Type: application/json`.";
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code::BAD_USER_INPUT,
            message,
        ));
    }
    let whole_body = tokio::time::timeout(BODY_TIMEOUT, body.into_bytes_limit(MAX_BODY));
    let bytes = whole_body
        .await
        .map_err(|_| {
            let message = "The body did not arrive in time.";
            Refusal::new(StatusCode::REQUEST_TIMEOUT, code::BAD_USER_INPUT, message)
        })?
        .map_err(|error| match error {
            ReadBodyError::PayloadTooLarge => {
                let message = format!("The body is larger than {MAX_BODY} bytes.");
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, code::BAD_USER_INPUT, message)
            }
            _ => Refusal::bad_request("The body ended before it was whole."),
        })?;
    let body: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad_request(format!("The body is not JSON: {error}.")))?;
    let Value::Object(mut body) = body else {
        return Err(Refusal::bad_request(
            "The body must be one JSON object with `query`; batches are not supported.",
        ));
    };
    parameters(|name| body.remove(name))
}

fn parameters_of_query_string(query: &str) -> Result<Parameters, Refusal> {
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
    let query = match take("query") {
        Some(Value::String(query)) => query,
        None => return wrong("query", "there: a GraphQL document as a string"),
        Some(_) => return wrong("query", "a GraphQL document as a string"),
    };
    let operation_name = match take("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return wrong("operationName", "a string or null"),
    };
    let variables = match take("variables") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(variables)) => variables,
        Some(_) => return wrong("variables", "an object or null"),
    };
    match take("extensions") {
        None | Some(Value::Null | Value::Object(_)) => {}
        Some(_) => return wrong("extensions", "an object or null"),
    }
    Ok(Parameters {
        query,
        operation_name,
        variables,
    })
}
