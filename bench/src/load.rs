//! The load on a server: the same request over and over, on connections that are kept.
//!
//! It runs in a process of its own, so that the server's memory and threads are the server's. It compares of
//! every answer what must not change: its first line and its body, or the end of its stream.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;
use crate::clock::{Latencies, Round};

/// What a generator is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Load {
    /// The server.
    pub(crate) address: SocketAddr,
    /// How many ask at a time.
    pub(crate) connections: usize,
    /// For how long; a tenth of it is a warm-up that does not count.
    pub(crate) round: Duration,
    /// Head and body, to be sent as they are.
    pub(crate) request: String,
    /// What every answer must end with: all of its body, or the end of a stream.
    pub(crate) body: String,
}

/// One answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The first line and the headers, with the empty line.
    pub(crate) head: String,
    /// The rest. Of a stream the chunks as they came, with their lengths.
    pub(crate) body: String,
}

/// What a stream's answer ends with: the last event, its chunk's end, and the end of all chunks.
pub(crate) const STREAM_END: &str = "data: [DONE]\n\n\r\n0\r\n\r\n";

/// Puts the load on its server, from another process.
pub(crate) async fn run(load: &Load) -> Result<Round, Failure> {
    let job = Job::Load(load.clone());
    let generated = tokio::task::spawn_blocking(move || -> Result<String, Failure> {
        let mut generator = Generator::start(&job)?;
        let told = generator.told()?;
        generator.wait()?;
        Ok(told)
    });
    Ok(serde_json::from_str(&generated.await??)?)
}

/// What the other process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Job {
    Load(Load),
    /// As many streams at once as the load has connections; each is asked for once.
    Open(Load),
}

/// The other process. Lines on its standard input say what to do, lines on its standard output what came of it.
pub(crate) struct Generator {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Generator {
    fn start(job: &Job) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--generator")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("no standard input")?;
        let output = process.stdout.take().ok_or("no standard output")?;
        let mut generator = Self {
            process,
            input,
            output: BufReader::new(output),
        };
        writeln!(generator.input, "{}", serde_json::to_string(job)?)?;
        Ok(generator)
    }

    /// Opens as many streams as there are connections, and returns when each has begun its answer.
    pub(crate) fn open(load: &Load) -> Result<Self, Failure> {
        let mut generator = Self::start(&Job::Open(load.clone()))?;
        generator.told()?;
        Ok(generator)
    }

    /// Waits until all streams have come to their ends, whole.
    pub(crate) fn ended(mut self) -> Result<(), Failure> {
        self.told()?;
        self.wait()
    }

    fn told(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.output.read_line(&mut line)? {
            0 => Err("the generator failed".into()),
            _ => Ok(line),
        }
    }

    fn wait(mut self) -> Result<(), Failure> {
        match self.process.wait()?.success() {
            true => Ok(()),
            false => Err("the generator failed".into()),
        }
    }
}

/// The other process.
pub(crate) fn generate() -> Result<(), Failure> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    // One thread: a generator that takes more than a core would measure itself.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match serde_json::from_str(&line)? {
        Job::Load(load) => {
            let round = runtime.block_on(generate_on_all(Rc::new(load)))?;
            println!("{}", serde_json::to_string(&round)?);
            Ok(())
        }
        Job::Open(load) => runtime.block_on(open_all(&load)),
    }
}

async fn generate_on_all(load: Rc<Load>) -> Result<Round, Failure> {
    let mut connections = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        connections.push(Connection::open(load.address).await?);
    }
    let tasks = tokio::task::LocalSet::new();
    let begun = Instant::now() + load.round / 10;
    let asking = connections.into_iter().map(|connection| {
        let load = load.clone();
        let task = tasks.spawn_local(async move { keep_asking(&load, connection, begun).await });
        async { task.await? }
    });
    let latencies = tasks.run_until(try_join_all(asking)).await?;
    Ok(Round::of(
        &Latencies::new(latencies.concat()),
        begun.elapsed(),
    ))
}

async fn keep_asking(
    load: &Load,
    mut connection: Connection,
    begun: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    loop {
        let asked = Instant::now();
        if asked >= begun + load.round {
            return Ok(latencies);
        }
        connection.send(&load.request).await?;
        connection.receive().await?;
        connection.is_as(&load.body)?;
        if asked >= begun {
            latencies.push(asked.elapsed());
        }
    }
}

async fn open_all(load: &Load) -> Result<(), Failure> {
    let opened = stream::iter(0..load.connections).map(|_| async {
        let mut connection = Connection::open(load.address).await?;
        connection.send(&load.request).await?;
        connection.receive_head().await?;
        Ok::<_, Failure>(connection)
    });
    let mut all: Vec<_> = opened.buffer_unordered(64).try_collect().await?;
    println!("open");
    let ended = all.iter_mut().map(|connection| async {
        connection.receive().await?;
        connection.is_as(&load.body)
    });
    try_join_all(ended).await?;
    println!("ended");
    Ok(())
}

/// Where a message on a connection ends.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Bytes of the head.
    pub(crate) head: usize,
    /// Bytes of all of it, once all of it is there.
    pub(crate) end: Option<usize>,
}

impl Frame {
    /// Of the message at the beginning of these bytes; none where its head is not whole yet.
    pub(crate) fn of(bytes: &[u8]) -> Result<Option<Self>, Failure> {
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = std::str::from_utf8(bytes.get(..head).unwrap_or_default())?;
        let head = head + 4;
        let headers = || text.split("\r\n").filter_map(|line| line.split_once(": "));
        let value = |wanted: &str| {
            let mut found = headers().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.next().map(|(_, value)| value)
        };
        let end = match value("content-length") {
            Some(length) => {
                let end = head + length.parse::<usize>()?;
                (bytes.len() >= end).then_some(end)
            }
            None if value("transfer-encoding").is_some() => {
                bytes.ends_with(b"\r\n0\r\n\r\n").then_some(bytes.len())
            }
            None => return Err(format!("a message without an end: {text}").into()),
        };
        Ok(Some(Self { head, end }))
    }
}

/// A connection, and the answer on it.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    async fn send(&mut self, request: &str) -> Result<(), Failure> {
        self.buffer.clear();
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    /// Reads until an answer is there, however it comes in parts; how long its head is.
    async fn receive(&mut self) -> Result<usize, Failure> {
        loop {
            if let Some(Frame { head, end: Some(_) }) = Frame::of(&self.buffer)? {
                return Ok(head);
            }
            self.read().await?;
        }
    }

    /// Reads until an answer's head is there. Of a stream's first event a proxy may be one behind.
    async fn receive_head(&mut self) -> Result<(), Failure> {
        while Frame::of(&self.buffer)?.is_none() {
            self.read().await?;
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(format!("the answer ends early: {}", self.text()).into()),
            _ => Ok(()),
        }
    }

    fn is_as(&self, body: &str) -> Result<(), Failure> {
        if self.buffer.starts_with(b"HTTP/1.1 200 ") && self.buffer.ends_with(body.as_bytes()) {
            return Ok(());
        }
        Err(format!("another answer: {}", self.text()).into())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}

/// Asks once on a connection of its own.
pub(crate) async fn ask_once(address: SocketAddr, request: &str) -> Result<Answer, Failure> {
    let mut connection = Connection::open(address).await?;
    connection.send(request).await?;
    let head = connection.receive().await?;
    let text = connection.text();
    let (head, body) = text.split_at_checked(head).ok_or("no text")?;
    Ok(Answer {
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
