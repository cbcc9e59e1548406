//! A backend that asks apikeys whose key a request has, with the crate `oauth2`.
//!
//!     cargo run --example backend

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::env;
use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use oauth2::basic::{BasicClient, BasicTokenIntrospectionResponse};
use oauth2::{
    AccessToken, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IntrospectionUrl, TokenIntrospectionResponse,
};
use poem::http::{StatusCode, header};
use poem::listener::TcpAcceptor;
use poem::web::Data;
use poem::{EndpointExt, Request, Response, Route, Server, get, handler};

/// A client that knows where to ask, and nothing else.
type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointSet>;

struct ApiKeys {
    client: Client,
    http: reqwest::Client,
}

/// Why a request is refused.
enum Refused {
    Missing,
    Invalid,
    OutOfScope(&'static str),
    /// Whether the key is good is not known.
    CannotTell(String),
}

impl ApiKeys {
    fn from_env() -> Result<Self, Box<dyn Error>> {
        let url = env::var("APIKEYS_URL")?;
        // The id and the secret of a key with the scope `apikeys:introspect`.
        let client = BasicClient::new(ClientId::new(env::var("APIKEYS_CLIENT_ID")?))
            .set_client_secret(ClientSecret::new(env::var("APIKEYS_CLIENT_SECRET")?))
            .set_introspection_url(IntrospectionUrl::new(format!("{url}/introspect"))?);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20));
        // A redirect would take the credentials elsewhere.
        let http = http.redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, http })
    }

    /// The key that a request presents, if it has the scope.
    async fn authenticate(
        &self,
        request: &Request,
        scope: &'static str,
    ) -> Result<BasicTokenIntrospectionResponse, Refused> {
        let token = bearer_token(request).ok_or(Refused::Missing)?;
        let token = AccessToken::new(token.to_owned());
        let send = |request| send(self.http.clone(), request);
        let asked = self.client.introspect(&token).request_async(&send);
        let key = asked
            .await
            .map_err(|error| Refused::CannotTell(format!("{error:?}")))?;
        if !key.active() {
            return Err(Refused::Invalid);
        }
        let scopes = key.scopes().into_iter().flatten();
        if !scopes.into_iter().any(|granted| granted.as_str() == scope) {
            return Err(Refused::OutOfScope(scope));
        }
        Ok(key)
    }
}

/// Carries a request of `oauth2` by the reqwest of our choice.
async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let response = http.execute(request.try_into()?).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut answer = HttpResponse::new(response.bytes().await?.to_vec());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

fn bearer_token(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[handler]
async fn hello(request: &Request, apikeys: Data<&Arc<ApiKeys>>) -> Response {
    let (status, challenge) = match apikeys.authenticate(request, "hello").await {
        Ok(key) => return format!("Hello, {}", key.sub().unwrap_or_default()).into(),
        Err(Refused::Missing) => (StatusCode::UNAUTHORIZED, "Bearer".to_owned()),
        Err(Refused::Invalid) => {
            let challenge = "Bearer error=\"invalid_token\"".to_owned();
            (StatusCode::UNAUTHORIZED, challenge)
        }
        Err(Refused::OutOfScope(scope)) => {
            let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
            (StatusCode::FORBIDDEN, challenge)
        }
        Err(Refused::CannotTell(cause)) => {
            eprintln!("apikeys does not answer: {cause}");
            return StatusCode::SERVICE_UNAVAILABLE.into();
        }
    };
    let response = Response::builder().status(status);
    response
        .header(header::WWW_AUTHENTICATE, challenge)
        .finish()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Route::new()
        .at("/hello", get(hello))
        .data(Arc::new(ApiKeys::from_env()?));
    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    listener.set_nonblocking(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let acceptor = TcpAcceptor::from_std(listener)?;
    Server::new_with_acceptor(acceptor).run(app).await?;
    Ok(())
}
