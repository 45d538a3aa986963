//! Listening, stopping and the tasks in between: the same for every sandbox.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::reset::{Listening, Reset};

/// The longest that a shutdown waits for connections to end by themselves.
const GRACE: Duration = Duration::from_millis(800);

/// A server that has its address and may run tasks. It stops when it is shut down or dropped.
pub(crate) struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Takes the address. Connections wait until [`Server::serve`].
    pub(crate) async fn bind(listen: SocketAddr) -> io::Result<(Server, TcpListener)> {
        let listener = TcpListener::bind(listen).await?;
        let server = Server {
            address: listener.local_addr()?,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Ok((server, listener))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    pub(crate) fn tasks(&self) -> TaskTracker {
        self.tasks.clone()
    }

    /// A task that a shutdown waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    pub(crate) fn serve(&self, listener: TcpListener, app: Router) {
        self.spawn(serve(listener, app, self.stop.clone()));
        self.tasks.close();
    }

    /// Stops within a second. A connection that does not end in time is left to the runtime.
    pub(crate) async fn shutdown(self) {
        self.stop.cancel();
        let _ = timeout(GRACE, self.tasks.wait()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve(listener: TcpListener, app: Router, stop: CancellationToken) {
    let app = app.into_make_service_with_connect_info::<Reset>();
    let served = axum::serve(Listening(listener), app)
        .with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = served.await {
        tracing::warn!(%error, "the sandbox's server ended");
    }
}

/// A response whose body fails before its first byte: the server then closes the connection
/// without having sent even the head, which it buffers until the body gives something.
pub(crate) fn hang_up() -> Response {
    let broken = futures_util::stream::once(async {
        Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    Response::new(Body::from_stream(broken))
}
