//! `/introspect`: OAuth 2.0 Token Introspection ([RFC 7662](https://datatracker.ietf.org/doc/html/rfc7662)).
//!
//! A backend that has an API key with `apikeys:introspect` asks about another. Its answers are JSON, and an answer about a key
//! that does not work tells nothing but that.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::web::headers::authorization::{Basic, Credentials};
use poem::web::{Data, Json};
use poem::{Body, IntoResponse, Request, Response, handler};
use serde::Serialize;

use super::body::Unread;
use super::caller::{self, Rejected};
use super::media::is_form;
use super::{App, body};
use crate::auth::{Caller, Refused};
use crate::bounds;
use crate::key::api_key::LiveKey;
use crate::key::error::{Error, chain};

/// What is told of a key that works (section 2.2).
#[derive(Serialize)]
struct Active {
    active: bool,
    scope: String,
    /// The owner.
    sub: String,
    /// The id of the key.
    client_id: String,
    /// The name of the key.
    username: String,
    token_type: &'static str,
    /// When the secret was made, in seconds since 1970.
    iat: i64,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    jti: String,
}

/// What is told of anything else.
#[derive(Serialize)]
struct Inactive {
    active: bool,
}

/// A request that is not answered (section 2.3; RFC 6749 section 5.2).
struct Problem {
    status: StatusCode,
    error: &'static str,
    description: String,
    challenges: &'static [&'static str],
}

/// `POST /introspect`.
#[handler]
pub(super) async fn introspect(request: &Request, body: Body, app: Data<&Arc<App>>) -> Response {
    match answer(request, body, &app).await {
        Ok(Some(live_key)) => Json(active(&live_key)).into_response(),
        Ok(None) => Json(Inactive { active: false }).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(request: &Request, body: Body, app: &App) -> Result<Option<Arc<LiveKey>>, Problem> {
    // First the body, which may take its time, and then who sends it.
    if caller::is_nobody(app, request) {
        return Err(Refused::Missing.into());
    }
    let body = body::read(body).await;
    let checks = async {
        let caller = authenticate(request.headers(), app).await?;
        let permission = caller.introspect_keys().map_err(|error| Problem {
            challenges: &["Bearer error=\"insufficient_scope\", scope=\"apikeys:introspect\""],
            ..error.into()
        })?;
        let token = token(request, body)?;
        Ok(app.verifier.introspect(&permission, &token).await?)
    };
    let late = |elapsed| Problem::from(Error::Unavailable(Box::new(elapsed)));
    tokio::time::timeout(bounds::CHECK, checks)
        .await
        .map_err(late)?
}

/// Finds out who asks: by a bearer token, the header for keys, or HTTP Basic with a key's id and secret. A cookie is nothing
/// here.
async fn authenticate(headers: &HeaderMap, app: &App) -> Result<Caller, Problem> {
    let mut presented = caller::presented(headers, app)?;
    let basic = headers.get(header::AUTHORIZATION).and_then(basic);
    let id_and_secret = basic.as_ref().map(|basic| {
        (
            form_decoded(basic.username()),
            form_decoded(basic.password()),
        )
    });
    if let Some((_, secret)) = &id_and_secret {
        if presented.api_key.is_some() {
            return Err(Refused::Several.into());
        }
        presented.bearer = None;
        presented.api_key = Some(secret);
    }
    let caller = app.authenticator.authenticate(presented).await?;
    if id_and_secret.is_some_and(|(id, _)| caller.subject() != id) {
        return Err(Refused::Invalid.into());
    }
    Ok(caller)
}

/// Clients of OAuth write id and secret as in a form (RFC 6749 section 2.3.1), and some encode all that is no letter or digit.
/// Neither has a `+` or `%` of its own.
fn form_decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

fn basic(value: &HeaderValue) -> Option<Basic> {
    let scheme = value.to_str().ok()?.split(' ').next()?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    is_basic.then(|| Basic::decode(value))?
}

/// The parameter `token` of the form, which must be there once. Others, such as `token_type_hint`, change nothing.
fn token(request: &Request, body: Result<Vec<u8>, Unread>) -> Result<String, Problem> {
    if !is_form(request.headers()) {
        let right = "send the body as application/x-www-form-urlencoded";
        return Err(Problem::of_request(right));
    }
    let body = body.map_err(|unread| match unread.status {
        StatusCode::SERVICE_UNAVAILABLE => Error::Unavailable(unread.message.into()).into(),
        status => Problem {
            status,
            ..Problem::of_request(unread.message)
        },
    })?;
    let parameters = url::form_urlencoded::parse(&body);
    let mut tokens = parameters.filter(|(name, _)| name == "token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) => Ok(token.into_owned()),
        (None, _) => Err(Problem::of_request("the parameter token is missing")),
        (Some(_), Some(_)) => Err(Problem::of_request("the parameter token is there twice")),
    }
}

fn active(live_key: &LiveKey) -> Active {
    Active {
        active: true,
        scope: live_key.scopes.as_str().to_owned(),
        sub: live_key.owner.as_str().to_owned(),
        client_id: live_key.id.to_string(),
        username: live_key.name.as_str().to_owned(),
        token_type: "Bearer",
        iat: live_key.issued_at.as_second(),
        exp: live_key.expires_at.map(|end| end.as_second()),
        jti: live_key.id.to_string(),
    }
}

impl Problem {
    fn of_request(description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description: description.into(),
            challenges: &[],
        }
    }

    fn into_response(self) -> Response {
        let body = serde_json::json!({"error": self.error, "error_description": self.description});
        let mut response = Json(body).with_status(self.status).into_response();
        let headers = response.headers_mut();
        for challenge in self.challenges {
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Refused(refused) => refused.into(),
            // Cookies are not looked at.
            Rejected::CrossSite => Refused::Missing.into(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let unauthorized = |description: &str, challenges| Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: description.to_owned(),
            challenges,
        };
        match refused {
            Refused::Missing => unauthorized(
                "present an API key: as a bearer token, or by HTTP Basic with its id and secret",
                &["Bearer", "Basic realm=\"apikeys\""],
            ),
            Refused::Invalid => unauthorized(
                "these credentials are not good",
                &["Bearer error=\"invalid_token\"", "Basic realm=\"apikeys\""],
            ),
            Refused::Several => Self::of_request("present one credential, not several"),
            Refused::IssuerUnavailable(cause) => Error::Unavailable(cause).into(),
            Refused::Failed(error) => error.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem = |status, error, description: String| Self {
            status,
            error,
            description,
            challenges: &[],
        };
        match error {
            Error::InvalidInput(invalid) => Self::of_request(invalid.message),
            Error::Forbidden(needed) => Self {
                challenges: &["Bearer error=\"insufficient_scope\""],
                ..problem(StatusCode::FORBIDDEN, "insufficient_scope", needed)
            },
            Error::Unavailable(_) => {
                tracing::error!(cause = chain(&error), "not available");
                let description = "the service cannot tell now; try again in a moment";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                problem(status, "temporarily_unavailable", description.to_owned())
            }
            Error::Unauthenticated => Refused::Invalid.into(),
            Error::Internal(_) | Error::NotFound | Error::LimitReached(_) => {
                tracing::error!(cause = chain(&error), "internal error");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                problem(status, "server_error", String::new())
            }
        }
    }
}
