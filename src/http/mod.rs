//! HTTP: poem, and only here. Which routes there are, and what is the same for all of them.

mod body;
mod caller;
mod clients;
mod console;
mod cors;
mod exchange;
mod forward_auth;
mod graphql;
mod health;
mod introspect;
mod log;
mod media;
mod pages;
mod parameters;
mod patience;
mod refusal;
mod session;
mod turns;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Bytes;
use poem::http::HeaderName;
use poem::middleware::CatchPanic;
use poem::{Endpoint, EndpointExt, Route, get, post};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use self::turns::Turns;
use crate::auth::{Authenticator, People};
use crate::graphql::{Schema, sdl};
use crate::key::background::Health;
use crate::key::service::Service;
use crate::key::verify::Verifier;

/// What the server needs to know.
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where browsers reach the server; `None` for `http://` and the address that it got.
    pub public_url: Option<Url>,
    /// The header in which API keys are taken.
    pub key_header: HeaderName,
    /// The origins whose pages may call `/graphql`.
    pub allowed_origins: Vec<String>,
    /// Whether there is a GraphiQL page.
    pub has_graphiql: bool,
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    stop: StopSignal,
    address: SocketAddr,
    public_url: Url,
    app: Arc<App>,
}

/// What the handlers share.
struct App {
    schema: Schema,
    sdl: Bytes,
    service: Arc<Service>,
    turns: Turns,
    verifier: Arc<Verifier>,
    /// Whether the tasks beside the requests can do their work.
    health: Vec<Arc<Health>>,
    authenticator: Authenticator,
    key_header: HeaderName,
    /// Where browsers reach the server, as they write it in `Origin`.
    origin: String,
    /// The origins whose pages may call `/graphql`.
    allowed_origins: Vec<String>,
    has_graphiql: bool,
}

impl Server {
    /// Takes the address. From here on connections wait to be accepted.
    pub fn bind(
        settings: Settings,
        authenticator: Authenticator,
        service: Arc<Service>,
        verifier: Arc<Verifier>,
        health: Vec<Arc<Health>>,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let public_url = match settings.public_url {
            Some(url) => url,
            None => Url::parse(&format!("http://{address}")).map_err(io::Error::other)?,
        };
        let app = App {
            schema: crate::graphql::schema(),
            sdl: sdl().into(),
            service,
            turns: Turns::new()?,
            verifier,
            health,
            authenticator,
            key_header: settings.key_header,
            origin: public_url.origin().ascii_serialization(),
            allowed_origins: settings.allowed_origins,
            has_graphiql: settings.has_graphiql,
        };
        Ok(Self {
            listener: TcpListener::from_std(listener)?,
            stop: StopSignal::new()?,
            address,
            public_url,
            app: Arc::new(app),
        })
    }

    /// The link to open: in local mode it signs the operator in.
    pub fn link(&self) -> Url {
        let mut link = self.public_url.clone();
        if let People::Local(token) = self.app.authenticator.people() {
            link.set_path("/sign-in");
            link.query_pairs_mut()
                .append_pair("token", token.expose_secret());
        }
        link
    }

    /// Serves until SIGTERM or Ctrl-C, then finishes what runs.
    pub async fn run(self) {
        tracing::info!(address = %self.address, "listening");
        let is_https = self.public_url.scheme() == "https";
        let routes = routes(self.app, is_https);
        clients::serve(self.listener, routes, self.stop.received()).await;
        tracing::info!("stopped");
    }
}

fn routes(app: Arc<App>, is_https: bool) -> impl Endpoint {
    let routes = Route::new()
        .at("/", get(console::console))
        .at("/new", get(console::console))
        .at("/events", get(console::console))
        .at("/graphiql", get(console::graphiql))
        .at("/assets/*", get(console::asset))
        .at("/favicon.svg", get(console::asset))
        .at("/favicon.ico", get(console::icon))
        .at("/console.json", get(console::sign_in))
        .at("/graphql", graphql::graphql.around(cors::cors))
        .at("/auth", forward_auth::forward_auth)
        .at("/auth/*", forward_auth::forward_auth)
        .at("/introspect", post(introspect::introspect))
        .at("/schema.graphql", get(pages::schema))
        .at("/livez", get(health::livez))
        .at("/readyz", get(health::readyz));
    // In OIDC mode there are no sessions, and none of their routes.
    let routes = match app.authenticator.people() {
        People::Oidc(_) => routes.boxed(),
        People::Local(_) => routes
            .at("/sign-in", get(session::sign_in))
            .at("/sign-out", post(session::sign_out))
            .with(session::middleware(is_https))
            .boxed(),
    };
    routes.data(app).with(CatchPanic::new()).around(log::log)
}

/// SIGTERM and SIGINT, from the moment that this is made.
struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("stopping: no new connections; waiting for what runs");
    }
}
