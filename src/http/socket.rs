//! Connections that stand still are closed, also in the middle of a request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How long a connection may stand still. Longer than the usual 60 s of a proxy, so that the proxy closes first.
pub(super) const PATIENCE: Duration = Duration::from_secs(75);

/// Accepts connections that close themselves when they stand still.
pub(super) struct PatientAcceptor {
    inner: TcpAcceptor,
}

impl PatientAcceptor {
    pub(super) fn new(inner: TcpAcceptor) -> Self {
        Self { inner }
    }
}

impl Acceptor for PatientAcceptor {
    type Io = PatientStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.inner.accept().await {
            Ok((inner, local, remote, scheme)) => {
                let patience = Box::pin(sleep(PATIENCE));
                Ok((PatientStream { inner, patience }, local, remote, scheme))
            }
            Err(error) => {
                // Mostly that there are no file descriptors left: without a pause this would be tried again at once.
                tracing::error!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
                Err(error)
            }
        }
    }
}

/// A connection that fails when for [`PATIENCE`] nothing was read from it nor written to it.
pub(super) struct PatientStream {
    inner: TcpStream,
    patience: Pin<Box<Sleep>>,
}

impl PatientStream {
    /// What `outcome` says; and where it has to wait, no longer than patience lasts.
    fn patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_pending() {
            ready!(self.patience.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.patience.as_mut().reset(Instant::now() + PATIENCE);
        outcome
    }
}

impl AsyncRead for PatientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.patiently(context, outcome)
    }
}

impl AsyncWrite for PatientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.patiently(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.patiently(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
