//! The page: Access Tokens and GraphiQL, built from `web/` and embedded in the binary.
//!
//! Every file is embedded as it is and as gzip and Brotli, compressed when it was built. Files under `/assets/` carry a
//! hash of their content in their name and never change; the pages are asked for anew each time, by ETag.

use std::borrow::Cow;
use std::sync::Arc;

use poem::http::{HeaderMap, StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};
use rust_embed::{Embed, EmbeddedFile};

use super::App;

/// What `vite build` made; empty where the page was not built, which is no reason not to build the server.
#[derive(Embed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Files;

/// Scripts come from files of ours alone. Styles may be inline, because the components measure and place themselves.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    connect-src 'self'; img-src 'self' data:; font-src 'self' data:; worker-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const PAGE_CACHING: &str = "no-cache";
const ASSET_CACHING: &str = "public, max-age=31536000, immutable";

/// `GET /` and `GET /new`: one page, which shows what its address says.
#[handler]
pub(super) fn console(request: &Request) -> Response {
    page("index.html", request.headers())
}

/// `GET /graphiql`: GraphiQL, where it is switched on.
#[handler]
pub(super) fn graphiql(request: &Request, app: Data<&Arc<App>>) -> Response {
    if app.has_graphiql {
        page("graphiql.html", request.headers())
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

fn page(path: &str, headers: &HeaderMap) -> Response {
    let Some(mut response) = file(path, headers, PAGE_CACHING) else {
        return Response::builder()
            .content_type("text/plain; charset=utf-8")
            .body("The page is not part of this build: `make run` builds it, or `npm ci && npm run build` in web/ before `cargo build`.\n");
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response
            .headers_mut()
            .insert(name, header::HeaderValue::from_static(value));
    }
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
