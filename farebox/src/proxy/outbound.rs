//! The client that calls providers: hyper's, with connections that are kept, and nothing on top of it that a call
//! has no use for. It follows no redirect, which would hand the key to another host, and undoes no compression.
//!
//! How it connects is two steps, each a connector. [`Road`] leads to the provider, over TCP or through the proxy
//! that the operator's environment names; [`Connector`] adds TLS and the time limit over both.

use std::error::Error;
use std::fmt;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, PROXY_AUTHORIZATION};
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::dns::{GaiFuture, GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::Service;

use crate::gateways::Reach;

/// How long it may take to reach a provider, its name and TLS included.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How long a connection is kept that nothing is asked on.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// After how much silence the other end is asked for a sign of life, and how often it is asked again.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;

/// How long what was sent may go unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

type BoxError = Box<dyn Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Calls providers, and keeps its connections.
#[derive(Clone)]
pub struct Client {
    pool: legacy::Client<Connector, Full<Bytes>>,
    proxies: Option<Arc<Matcher>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client that looks names up at `names` and goes through `proxies` where one is named for an address.
    pub fn new(tls: ClientConfig, names: Names, proxies: Option<Matcher>) -> Self {
        Self::within(CONNECT_MAX, tls, names, proxies)
    }

    fn within(max: Duration, tls: ClientConfig, names: Names, proxies: Option<Matcher>) -> Self {
        let (tls, proxies) = (Arc::new(tls), proxies.map(Arc::new));
        let road = Road {
            tcp: tcp(max, names),
            tls: tls.clone(),
            proxies: proxies.clone(),
        };
        let connector = Connector {
            https: Arc::new(HttpsConnector::from((road, tls))),
            max,
        };
        let pool = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .build(connector);
        Self { pool, proxies }
    }

    /// Sends a request; the answer's head has come when this returns. One that meets a kept connection which was
    /// closed before any of it was sent goes out again on another.
    ///
    /// # Errors
    /// Where none comes, with why.
    pub async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let headers = request.headers_mut();
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        if let Some(credentials) = self.forward_credentials(&request) {
            let headers = request.headers_mut();
            headers.entry(PROXY_AUTHORIZATION).or_insert(credentials);
        }
        self.pool.request(request).await.map_err(NoAnswer)
    }

    /// What a proxy wants to see that is given the request itself. One that makes a tunnel sees it as that is made.
    fn forward_credentials(&self, request: &Request<Full<Bytes>>) -> Option<HeaderValue> {
        let proxies = self.proxies.as_ref()?;
        let is_forwarded = request.uri().scheme() == Some(&Scheme::HTTP);
        let proxy = is_forwarded.then(|| proxies.intercept(request.uri()))??;
        proxy.basic_auth().cloned()
    }
}

/// The next piece of an answer's body; nothing at its end. Trailers are passed over.
///
/// # Errors
/// Where the answer breaks off.
pub async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, hyper::Error> {
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

/// Why no answer came, with its causes. None of them has the address in it, whose query may be a key.
#[derive(Debug)]
pub struct NoAnswer(legacy::Error);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn tcp(max: Duration, names: Names) -> HttpConnector<Names> {
    let mut tcp = HttpConnector::new_with_resolver(names);
    // What is above decides on the scheme.
    tcp.enforce_http(false);
    // Shared by the addresses of a name, so that one that is silent leaves time for the others.
    tcp.set_connect_timeout(Some(max));
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
    tcp
}

/// What a name leads to.
#[derive(Clone, Debug)]
pub enum Names {
    /// What the system says.
    System(GaiResolver),
    /// What the system says, unless any of it is an address of this machine or its network.
    Public(GaiResolver),
    /// These addresses, whatever the name: they have been checked.
    Checked(Arc<[SocketAddr]>),
}

impl Names {
    /// What the system says.
    pub fn of_the_system() -> Self {
        Self::System(GaiResolver::new())
    }

    /// What the system says, as far as it is public.
    pub fn public() -> Self {
        Self::Public(GaiResolver::new())
    }
}

impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        match self {
            Self::System(resolver) => Resolving::System(resolver.call(name)),
            Self::Public(resolver) => Resolving::Public(resolver.call(name)),
            Self::Checked(addresses) => Resolving::Checked(ready(addresses.to_vec())),
        }
    }
}

/// A name being looked up.
pub enum Resolving {
    /// By the system.
    System(GaiFuture),
    /// By the system, and to be checked.
    Public(GaiFuture),
    /// It was before.
    Checked(Ready<Vec<SocketAddr>>),
}

impl Future for Resolving {
    type Output = io::Result<std::vec::IntoIter<SocketAddr>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let found = match self.get_mut() {
            Self::System(found) => Pin::new(found).poll(context).map_ok(Vec::from_iter),
            Self::Public(found) => {
                let found = Pin::new(found).poll(context).map_ok(Vec::from_iter);
                found.map(|found| found.and_then(public))
            }
            Self::Checked(found) => Pin::new(found).poll(context).map(Ok),
        };
        found.map_ok(Vec::into_iter)
    }
}

fn public(found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let checked = Reach { private: false }.check_all(&found);
    checked.map(|()| found).map_err(io::Error::other)
}

/// Leads to the host of an address, without TLS but for a proxy's own.
#[derive(Clone)]
struct Road {
    tcp: HttpConnector<Names>,
    tls: Arc<ClientConfig>,
    proxies: Option<Arc<Matcher>>,
}

impl Service<Uri> for Road {
    type Response = Link;
    type Error = BoxError;
    type Future = Connecting<Link>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Connecting<Link> {
        let proxies = self.proxies.as_ref();
        let Some(proxy) = proxies.and_then(|proxies| proxies.intercept(&to)) else {
            let connecting = self.tcp.call(to);
            return Box::pin(async { Ok(Link::direct(connecting.await?)) });
        };
        let mut hop = HttpsConnector::from((self.tcp.clone(), self.tls.clone()));
        if to.scheme() != Some(&Scheme::HTTPS) {
            let connecting = hop.call(proxy.uri().clone());
            return Box::pin(async { Ok(Link::forwarding(connecting.await?)) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), hop);
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(async { Ok(Link::tunnelled(connecting.await?)) })
    }
}

/// A way to a host that is open.
struct Link {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    /// Whether there is a proxy at its end that passes requests on and has to be told where to.
    is_forwarded: bool,
}

impl Link {
    fn direct(stream: TokioIo<TcpStream>) -> Self {
        Self::tunnelled(MaybeHttpsStream::Http(stream))
    }

    fn tunnelled(stream: MaybeHttpsStream<TokioIo<TcpStream>>) -> Self {
        Self {
            stream,
            is_forwarded: false,
        }
    }

    fn forwarding(stream: MaybeHttpsStream<TokioIo<TcpStream>>) -> Self {
        Self {
            stream,
            is_forwarded: true,
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut MaybeHttpsStream<TokioIo<TcpStream>>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.is_forwarded)
    }
}

impl hyper::rt::Read for Link {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, into)
    }
}

impl hyper::rt::Write for Link {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(context, slices)
    }
}

/// Connects, with TLS where the address asks for it, and gives up after `max`. A call takes a copy along.
#[derive(Clone)]
struct Connector {
    https: Arc<HttpsConnector<Road>>,
    max: Duration,
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Link>;
    type Error = BoxError;
    type Future = Connecting<MaybeHttpsStream<Link>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = HttpsConnector::clone(&self.https).call(to);
        let max = self.max;
        Box::pin(async move {
            let connected = tokio::time::timeout(max, connecting).await;
            connected.map_err(|_| format!("no connection within {max:?}"))?
        })
    }
}

#[cfg(test)]
mod tests;
