//! Connections that can be made to end by a reset: what a client sees where the other machine is gone.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Accepts connections with what resets them in the place of their addresses.
pub(crate) struct Listening(pub(crate) TcpListener);

/// Makes one connection end by a reset, whenever it ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reset(Arc<AtomicBool>);

impl Reset {
    pub(crate) fn at_the_end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Connected<IncomingStream<'_, Listening>> for Reset {
    fn connect_info(stream: IncomingStream<'_, Listening>) -> Reset {
        stream.remote_addr().clone()
    }
}

impl Listener for Listening {
    type Io = Connection;
    type Addr = Reset;

    async fn accept(&mut self) -> (Connection, Reset) {
        let (stream, _) = Listener::accept(&mut self.0).await;
        // Without it the end of a stream waits for the client's acknowledgement of what came before.
        let _ = stream.set_nodelay(true);
        let reset = Reset::default();
        let connection = Connection {
            stream,
            reset: reset.clone(),
        };
        (connection, reset)
    }

    fn local_addr(&self) -> io::Result<Reset> {
        Ok(Reset::default())
    }
}

/// A connection that knows how it is to end.
pub(crate) struct Connection {
    stream: TcpStream,
    reset: Reset,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.reset.is_wanted() {
            // Then the kernel resets it as soon as it is closed.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.is_wanted() {
            // A proper end would come first.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
