//! Connections that say nothing are closed, also in the middle of a request.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

/// How long a connection may be silent. Longer than the usual 60 s of a proxy, so that the proxy closes first.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(75);

/// Accepts connections whose reads fail after [`READ_TIMEOUT`].
pub(super) struct PatientAcceptor {
    inner: TcpAcceptor,
}

impl PatientAcceptor {
    pub(super) fn new(inner: TcpAcceptor) -> Self {
        Self { inner }
    }
}

impl Acceptor for PatientAcceptor {
    type Io = Pin<Box<TimeoutStream<TcpStream>>>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.inner.accept().await {
            Ok((stream, local, remote, scheme)) => {
                let mut stream = TimeoutStream::new(stream);
                stream.set_read_timeout(Some(READ_TIMEOUT));
                stream.set_write_timeout(Some(READ_TIMEOUT));
                Ok((Box::pin(stream), local, remote, scheme))
            }
            Err(error) => {
                // Mostly that there are no file descriptors left: without a pause this would be tried again at once.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(error)
            }
        }
    }
}
