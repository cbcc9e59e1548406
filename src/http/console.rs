//! The page: Access Tokens and GraphiQL, built from `web/` and embedded in the binary.
//!
//! Every file is embedded as it is and as gzip and Brotli, compressed when it was built. Files under `/assets/` carry a
//! hash of their content in their name and never change; the pages are asked for anew each time, by ETag.

use std::borrow::Cow;
use std::sync::Arc;

use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::web::{Data, Json};
use poem::{Request, Response, handler};
use rust_embed::{Embed, EmbeddedFile};
use serde::Serialize;

use super::App;
use crate::auth::People;

/// What `vite build` made; empty where the page was not built, which is no reason not to build the server.
#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Files;

/// Scripts come from files of ours alone. Styles may be inline, because the components measure and place themselves. What
/// the page may connect to comes after it.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; worker-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
    connect-src 'self'";

const PAGE_CACHING: &str = "no-cache";
const ASSET_CACHING: &str = "public, max-age=31536000, immutable";

/// `GET /`, `GET /new` and `GET /events`: one page, which shows what its address says.
#[handler]
pub(super) fn console(request: &Request, app: Data<&Arc<App>>) -> Response {
    page("index.html", request.headers(), &app)
}

/// How the page signs people in.
#[derive(Serialize)]
#[serde(
    tag = "mode",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub(super) enum SignIn {
    /// With the link that the server printed.
    Local,
    /// With the issuer, by authorization code.
    Oidc {
        issuer: String,
        client_id: Option<String>,
        audience: String,
        scope: String,
        redirect_uri: String,
    },
}

/// `GET /console.json`: what the page has to know of this server before it can ask it anything.
#[handler]
pub(super) fn sign_in(app: Data<&Arc<App>>) -> Json<SignIn> {
    Json(match app.authenticator.people() {
        People::Local(_) => SignIn::Local,
        People::Oidc(oidc) => {
            let settings = oidc.settings().clone();
            SignIn::Oidc {
                issuer: settings.issuer.as_str().to_owned(),
                client_id: settings.client_id,
                audience: settings.audience,
                scope: settings.scope,
                redirect_uri: format!("{}/", app.origin),
            }
        }
    })
}

/// `GET /graphiql`: GraphiQL, where it is switched on.
#[handler]
pub(super) fn graphiql(request: &Request, app: Data<&Arc<App>>) -> Response {
    if app.has_graphiql {
        page("graphiql.html", request.headers(), &app)
    } else {
        not_found()
    }
}

/// `GET /assets/*` and the icon: the files that the pages are made of.
#[handler]
pub(super) fn asset(request: &Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let caching = if path.starts_with("assets/") {
        ASSET_CACHING
    } else {
        PAGE_CACHING
    };
    file(path, request.headers(), caching).unwrap_or_else(not_found)
}

/// `GET /favicon.ico`: what browsers ask for on pages that name no icon.
#[handler]
pub(super) fn icon(request: &Request) -> Response {
    file("favicon.svg", request.headers(), PAGE_CACHING).unwrap_or_else(not_found)
}

fn page(path: &str, headers: &HeaderMap, app: &App) -> Response {
    let Some(mut response) = file(path, headers, PAGE_CACHING) else {
        return Response::builder()
            .content_type("text/plain; charset=utf-8")
            .body("The page is not part of this build: `make run` builds it, or `npm ci && npm run build` in web/ before `cargo build`.\n");
    };
    let mut policy = PAGE_POLICY.to_owned();
    if let People::Oidc(oidc) = app.authenticator.people() {
        for origin in oidc.browser_origins() {
            policy.push(' ');
            policy.push_str(&origin);
        }
    }
    let headers = response.headers_mut();
    // Origins are ASCII.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// A file in the best form that the client takes; 304 where it has that already.
fn file(path: &str, headers: &HeaderMap, caching: &'static str) -> Option<Response> {
    // Compressed files are forms of others, and not to be had under their own names.
    let content_type = content_type(path)?;
    let (encoding, file) = compressed(path, headers).or_else(|| Some((None, Files::get(path)?)))?;
    let hash = file.metadata.sha256_hash();
    let etag = format!(
        "\"{}\"",
        hash[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    );
    let mut response = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::CACHE_CONTROL, caching)
        .header(header::VARY, "accept-encoding");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| {
        known
            .split(',')
            .any(|known| known.trim().trim_start_matches("W/") == etag)
    }) {
        return Some(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    if let Some(encoding) = encoding {
        response = response.header(header::CONTENT_ENCODING, encoding);
    }
    let response = response.content_type(content_type);
    Some(match file.data {
        Cow::Borrowed(bytes) => response.body(poem::Body::from_bytes(bytes.into())),
        Cow::Owned(bytes) => response.body(bytes),
    })
}

fn compressed(path: &str, headers: &HeaderMap) -> Option<(Option<&'static str>, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let accepts = |coding: &str| {
        accepted.split(',').any(|offer| {
            let mut parts = offer.split(';').map(str::trim);
            parts.next() == Some(coding) && !parts.any(|part| part.replace(' ', "") == "q=0")
        })
    };
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .find_map(|(coding, ending)| {
            let file = accepts(coding).then(|| Files::get(&format!("{path}.{ending}")))??;
            Some((Some(coding), file))
        })
}

/// The types of the files that Vite makes.
fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "ttf" => "font/ttf",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

fn not_found() -> Response {
    Response::builder()
        .status(StatusCode::NOT_FOUND)
        .body("not found\n")
}
