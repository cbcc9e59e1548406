//! The connections of clients: accepted while there are files for them, served by hyper, and ended when their time is over.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::http::{Request, Response};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, EndpointExt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::exchange::{Exchanges, Unread};
use super::patience::Patient;
use crate::bounds;

/// The pause after a connection that could not be accepted. Mostly there are no files left, and it would fail again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// The places for connections.
pub(super) struct Places {
    free: Arc<Semaphore>,
    all: usize,
}

impl Places {
    /// As many as the process may open files for, beside those that it needs itself; the limit of files is raised as far as it can be.
    pub(super) fn new() -> Self {
        let files = raise_files();
        let all = files.saturating_sub(bounds::OTHER_FILES);
        let all = all.max(files / 2).clamp(1, bounds::CLIENTS);
        if all < bounds::CLIENTS {
            tracing::warn!(
                files,
                connections = all,
                "few files may be open at once (ulimit -n), so that few connections are taken"
            );
        }
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// Whether few places are left. Those who send nothing are then waited for less.
    pub(super) fn are_short(&self) -> bool {
        self.free.available_permits() < self.all / 4
    }
}

/// Raises the limit of open files to the most that the system allows the process, and gives it.
fn raise_files() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    // No limit at all is written as none.
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// Serves until `stop`, and then lets what runs end within [`bounds::GRACE`].
pub(super) async fn serve(
    listener: TcpListener,
    endpoint: impl Endpoint + 'static,
    stop: impl Future<Output = ()>,
) {
    let endpoint = Arc::new(endpoint.map_to_response());
    let places = Arc::new(Places::new());
    let builder = builder();
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Whoever is gone already is met when the connection is read.
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else {
            continue;
        };
        let exchanges = Exchanges::new();
        let stream = Patient::new(stream, exchanges.clone(), places.clone());
        let endpoint = endpoint.clone();
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let exchange = exchanges.begin(request.version());
            let endpoint = endpoint.clone();
            let local = LocalAddr(local.into());
            let remote = RemoteAddr(remote.into());
            async move {
                let request = (request, local, remote, Scheme::HTTP).into();
                let mut response = Response::from(endpoint.get_response(request).await);
                let unread = response.extensions_mut().remove::<Arc<Unread>>();
                Ok::<_, Infallible>(response.map(|body| exchange.goes_on_with(body, unread)))
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            // How a client ends a connection is its own affair.
            drop(connection.await);
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(bounds::GRACE) => tracing::warn!("some requests did not end in time"),
    }
}

/// Waits for a free place, then for a connection. Until then clients wait in the system's queue.
async fn accept(
    listener: &TcpListener,
    places: &Places,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.free.clone().acquire_owned().await;
    let place = place.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

fn builder() -> Builder<TokioExecutor> {
    const WINDOW: u32 = bounds::STREAM_LEN as u32;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(bounds::HEAD_LEN);
    builder
        .http2()
        .max_concurrent_streams(bounds::STREAMS)
        .max_pending_accept_reset_streams(20)
        .max_header_list_size(WINDOW)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .max_send_buf_size(bounds::STREAM_LEN);
    builder
}
