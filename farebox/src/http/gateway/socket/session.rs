//! One connection from its opening to its end: one response at a time, and at any time what the client sends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::app::App;
use crate::http::gateway::runner::Runner;
use crate::http::gateway::socket::client::Client;
use crate::http::gateway::socket::create::{ClientEvent, Create, PREPARED};
use crate::http::gateway::socket::events::{Ended, Events};
use crate::http::gateway::socket::frames::{Refusal, on_lane, prepared};
use crate::http::gateway::socket::history::{History, Items};
use crate::http::gateway::socket::pending::{Full, Pending};
use crate::ids;
use crate::proxy::{self, Answer, Body, Broken};

/// How often a client is pinged, so that nothing between it and us forgets the connection.
const PING: Duration = Duration::from_secs(30);

/// How long a client may take to read a message before it counts as gone.
const SEND_MAX: Duration = Duration::from_secs(60);

/// How long a client may take to answer that the connection is closed.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// How much is read and written at once, in bytes. Most connections are idle most of the time.
const BUFFER: usize = 16 * 1024;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client has disconnected, or reads nothing.
    Gone,
    /// The client has sent nothing for too long.
    Idle,
    /// The connection has been open for its time.
    Expired,
    /// The server stops.
    Stopping,
    /// A message is larger than a body may be.
    TooLarge,
    /// A message that is no text.
    Binary,
    /// A frame that is none.
    Malformed,
    /// The credentials are no longer valid.
    Unauthorized,
}

/// A connection.
pub struct Session {
    app: Arc<App>,
    client: Client,
    socket: Socket,
    pending: Pending,
    history: History,
    opened: tokio::time::Instant,
    /// When the last response ended, or the client sent its last event.
    active: tokio::time::Instant,
    pinged: tokio::time::Instant,
}

impl Session {
    /// Serves a connection to its end.
    pub async fn run(client: Client, io: TokioIo<Upgraded>) {
        let app = client.app.clone();
        let gateway = &app.config.gateway;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER)
            .max_message_size(Some(gateway.body_limit_bytes))
            .max_frame_size(Some(gateway.body_limit_bytes));
        let now = tokio::time::Instant::now();
        let mut session = Self {
            pending: Pending::new(gateway.body_limit_bytes),
            history: History::new(gateway.websocket_kept_bytes),
            socket: WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await,
            app,
            client,
            opened: now,
            active: now,
            pinged: now,
        };
        let end = session.serve().await;
        tracing::debug!(?end, "a WebSocket ends");
        let _ = timeout(CLOSE_MAX, session.close(end)).await;
    }

    async fn serve(&mut self) -> End {
        loop {
            let served = match self.pending.pop() {
                Some(event) => self.answer(&event).await,
                None => self.wait().await,
            };
            if let Err(end) = served {
                return end;
            }
        }
    }

    /// Waits for the client's next message, while nothing is in flight.
    async fn wait(&mut self) -> Result<(), End> {
        let gateway = &self.app.config.gateway;
        let expires = self.opened + gateway.websocket_max;
        let idle = self.active + gateway.websocket_idle;
        let stop = self.app.stop.clone();
        tokio::select! {
            message = self.socket.next() => self.take(message).await,
            () = stop.cancelled() => Err(End::Stopping),
            () = sleep_until(expires) => Err(End::Expired),
            () = sleep_until(idle) => Err(End::Idle),
            () = sleep_until(self.pinged + PING) => self.ping().await,
        }
    }

    /// What a response brings next, while the client's messages are read and wait.
    async fn meanwhile<T>(&mut self, future: impl Future<Output = T>) -> Result<T, End> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                biased;
                done = &mut future => return Ok(done),
                message = self.socket.next() => self.take(message).await?,
                () = sleep_until(self.pinged + PING) => self.ping().await?,
            }
        }
    }

    async fn take(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        match message {
            Some(Ok(Message::Text(text))) => {
                self.active = tokio::time::Instant::now();
                match self.pending.push(text) {
                    Ok(()) => Ok(()),
                    Err(Full) => self.refuse(&Refusal::too_many_waiting()).await,
                }
            }
            Some(Ok(Message::Binary(_))) => Err(End::Binary),
            // The library answers pings.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Close(_))) | None => Err(End::Gone),
            Some(Err(Error::Capacity(_))) => Err(End::TooLarge),
            // Codex 0.171.0 leaves without a close.
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                Err(End::Gone)
            }
            Some(Err(Error::Protocol(_) | Error::Utf8(_))) => Err(End::Malformed),
            Some(Err(_)) => Err(End::Gone),
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.pinged = tokio::time::Instant::now();
        self.send(Message::Ping(Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND_MAX, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    async fn refuse(&mut self, refusal: &Refusal) -> Result<(), End> {
        self.send(Message::text(refusal.frame())).await
    }

    /// Answers an event of the client's, to the end of its response.
    async fn answer(&mut self, event: &Utf8Bytes) -> Result<(), End> {
        let done = match ClientEvent::read(event, &self.history) {
            Ok(ClientEvent::Processed) => Ok(()),
            Ok(ClientEvent::Create(create)) => self.create(create).await,
            Err(refusal) => self.refuse(&refusal).await,
        };
        self.active = tokio::time::Instant::now();
        done
    }

    async fn create(&mut self, create: Create) -> Result<(), End> {
        let runner = match self.client.runner().await {
            Ok(runner) => runner,
            Err(error) => {
                let refusal = Refusal::of(error).on(create.stream_id);
                self.refuse(&refusal).await?;
                return match refusal.is_for_credentials() {
                    true => Err(End::Unauthorized),
                    false => Ok(()),
                };
            }
        };
        match create.generate {
            true => self.generate(runner, create).await,
            false => self.prepare(create).await,
        }
    }

    /// Keeps what the model is to read, for a later response. No provider is asked, and nothing is charged.
    async fn prepare(&mut self, create: Create) -> Result<(), End> {
        let id = format!("{PREPARED}{}", ids::opaque());
        let created_at = self.app.now().millis() / 1000;
        let lane = create.stream_id.as_deref();
        for event in prepared(&id, create.model.as_deref(), created_at) {
            self.pass(event, lane).await?;
        }
        self.history.keep(id, create.items);
        Ok(())
    }

    async fn generate(&mut self, runner: Runner, create: Create) -> Result<(), End> {
        let (app, stream_id) = (self.app.clone(), create.stream_id.clone());
        let call = self.client.call(runner, create.body.clone()).await;
        let asked = async {
            match call {
                Ok(call) => proxy::make(&app, call).await,
                Err(error) => Err(error),
            }
        };
        match self.meanwhile(asked).await? {
            Ok(answer) => self.pass_on(answer, create).await,
            Err(error) => self.refuse(&Refusal::of(error).on(stream_id)).await,
        }
    }

    /// Passes an answer on, event by event, and keeps what a later response may continue.
    async fn pass_on(&mut self, answer: Answer, create: Create) -> Result<(), End> {
        if !answer.status.is_success() {
            return self.pass_error(answer, create.stream_id).await;
        }
        let lane = create.stream_id.clone();
        let kept_max = self.app.config.gateway.websocket_kept_bytes;
        let mut events = Events::new(kept_max);
        match answer.body {
            Body::Whole(bytes) => {
                let messages = match is_event_stream(&answer.headers) {
                    true => events.feed(&bytes),
                    false => events.whole(&bytes),
                };
                self.pass_all(messages, lane.as_deref()).await?;
            }
            Body::Pieces(mut pieces) => {
                while let Some(Ok(piece)) = self.meanwhile(pieces.recv()).await? {
                    let messages = events.feed(&piece);
                    self.pass_all(messages, lane.as_deref()).await?;
                }
            }
        }
        match events.ended() {
            None => self.refuse(&Refusal::cut().on(lane)).await,
            Some(Ended::Failed) => Ok(()),
            Some(Ended::Whole { id, output }) => {
                let output = Items::of_output(output, create.is_stored);
                self.history.keep(id, create.items.then(&output));
                Ok(())
            }
        }
    }

    async fn pass_error(&mut self, answer: Answer, lane: Option<String>) -> Result<(), End> {
        let body = match answer.body {
            Body::Whole(bytes) => bytes,
            Body::Pieces(pieces) => self.meanwhile(collect(pieces)).await?,
        };
        let refusal = Refusal::of_answer(answer.status, &answer.headers, &body);
        self.refuse(&refusal.on(lane)).await
    }

    async fn pass_all(&mut self, events: Vec<String>, lane: Option<&str>) -> Result<(), End> {
        for event in events {
            self.pass(event, lane).await?;
        }
        Ok(())
    }

    async fn pass(&mut self, event: String, lane: Option<&str>) -> Result<(), End> {
        self.send(Message::text(on_lane(event, lane))).await
    }

    /// Says why, and waits for the client to say that it has understood.
    async fn close(&mut self, end: End) {
        if end == End::Expired {
            let minutes = self.app.config.gateway.websocket_max.as_secs() / 60;
            let _ = self.refuse(&Refusal::expired(minutes)).await;
        }
        if end != End::Gone {
            let (code, reason) = end.told();
            let frame = CloseFrame {
                code,
                reason: Utf8Bytes::from_static(reason),
            };
            if self.socket.close(Some(frame)).await.is_err() {
                return;
            }
        }
        // Also sends the answer to the client's own close.
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

impl End {
    /// RFC 6455, section 7.4.1. openai 3.57.0 opens a new connection after 1001, and not after 1000 or 1008.
    const fn told(self) -> (CloseCode, &'static str) {
        match self {
            Self::Gone => (CloseCode::Normal, ""),
            Self::Idle => (CloseCode::Normal, "idle for too long"),
            Self::Expired => (CloseCode::Normal, "open for too long"),
            Self::Stopping => (CloseCode::Away, "the gateway stops"),
            Self::TooLarge => (
                CloseCode::Size,
                "the message is larger than body_limit_bytes",
            ),
            Self::Binary => (CloseCode::Unsupported, "send events as text"),
            Self::Malformed => (CloseCode::Protocol, "a frame is malformed"),
            Self::Unauthorized => (CloseCode::Policy, "unauthorized"),
        }
    }
}

async fn collect(mut pieces: tokio::sync::mpsc::Receiver<Result<Bytes, Broken>>) -> Bytes {
    let mut body = Vec::new();
    while let Some(Ok(piece)) = pieces.recv().await {
        body.extend_from_slice(&piece);
    }
    Bytes::from(body)
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"))
}
