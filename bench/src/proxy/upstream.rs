//! The provider of the measurement: a process that answers every request with the same bytes, as cheaply as a
//! process can, so that what is measured is what stands before it.
//!
//! It reads as much of a request as it needs: where the body ends, whether a stream is asked for, and whether
//! that is to wait halfway ([`IDLE`]) until somebody asks for [`GO`].

use std::net::SocketAddr;
use std::process::Stdio;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::Failure;
use crate::load::{self, Frame};

/// In a request's body: the stream stops after its first event.
pub(crate) const IDLE: &str = "[idle]";

/// The path that lets all streams go on that wait.
const GO: &str = "/_go";

/// A running upstream. It ends when this is dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    _process: Child,
}

impl Upstream {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--upstream")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = process.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).await?;
        Ok(Self {
            address: line.trim().parse()?,
            _process: process,
        })
    }

    /// Lets the streams go on that wait.
    pub(crate) async fn go(&self) -> Result<(), Failure> {
        let request = format!("POST {GO} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        load::ask_once(self.address, &request).await.map(|_| ())
    }
}

/// The other process. Standard output tells its address.
pub(crate) fn serve() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?);
        let answers = Rc::new(Answers::new());
        let tasks = tokio::task::LocalSet::new();
        tasks
            .run_until(async {
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    let answers = answers.clone();
                    // One that leaves is no failure of the measurement's.
                    tasks.spawn_local(async move { answers.serve(stream).await.ok() });
                }
            })
            .await
    })
}

/// What is answered.
struct Answers {
    whole: Vec<u8>,
    /// The head, and each event in a chunk of its own; the end with the last.
    stream: Vec<Vec<u8>>,
    /// How often [`GO`] was asked for.
    went: watch::Sender<u64>,
}

/// Words in a streamed answer.
const WORDS: usize = 20;

const USAGE: &str = r#"{"prompt_tokens":9,"completion_tokens":20,"total_tokens":29}"#;

impl Answers {
    fn new() -> Self {
        let text = " word".repeat(WORDS);
        let body = format!(
            r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{USAGE}}}"#
        );
        Self {
            whole: answer("application/json", &body),
            stream: stream(),
            went: watch::Sender::new(0),
        }
    }

    async fn serve(&self, mut stream: TcpStream) -> Result<(), Failure> {
        let mut buffer = Vec::with_capacity(4096);
        loop {
            let Some(length) = read(&mut stream, &mut buffer).await? else {
                return Ok(());
            };
            let request = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            if request.starts_with(&format!("POST {GO}")) {
                self.went.send_modify(|count| *count += 1);
                stream.write_all(&answer("text/plain", "gone")).await?;
            } else if request.contains(r#""stream":true"#) {
                self.stream(&mut stream, request.contains(IDLE)).await?;
            } else {
                stream.write_all(&self.whole).await?;
            }
            buffer.drain(..length);
        }
    }

    async fn stream(&self, stream: &mut TcpStream, is_idle: bool) -> Result<(), Failure> {
        let mut went = self.went.subscribe();
        for (number, part) in self.stream.iter().enumerate() {
            if is_idle && number == 2 {
                went.changed().await?;
            }
            stream.write_all(part).await?;
        }
        Ok(())
    }
}

/// Reads until a whole request is there; nothing at the connection's end.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<usize>, Failure> {
    loop {
        if let Some(Frame { end: Some(end), .. }) = Frame::of(buffer)? {
            return Ok(Some(end));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn answer(kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

fn stream() -> Vec<Vec<u8>> {
    let chunk = |choices: &str, usage: &str| {
        format!(
            r#"{{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":{choices}{usage}}}"#
        )
    };
    let choice = |delta: &str, finish: &str| {
        format!(r#"[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]"#)
    };
    let mut events = vec![chunk(
        &choice(r#"{"role":"assistant","content":""}"#, "null"),
        "",
    )];
    let word = chunk(&choice(r#"{"content":" word"}"#, "null"), "");
    events.extend(std::iter::repeat_n(word, WORDS));
    events.push(chunk(&choice("{}", r#""stop""#), ""));
    events.push(chunk("[]", &format!(r#","usage":{USAGE}"#)));
    events.push("[DONE]".to_owned());
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut parts = vec![head.as_bytes().to_vec()];
    for data in events {
        let event = format!("data: {data}\n\n");
        parts.push(format!("{:x}\r\n{event}\r\n", event.len()).into_bytes());
    }
    if let Some(last) = parts.last_mut() {
        last.extend_from_slice(b"0\r\n\r\n");
    }
    parts
}
