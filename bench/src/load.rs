//! The load on a server: the same request over and over, on connections that are kept.
//!
//! It runs in a process of its own, so that the server's memory and threads are the server's. It reads
//! as many bytes as the first answer had and compares what must not change: its first line and body.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
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
    /// The body that every answer must have.
    pub(crate) body: String,
}

/// One answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The first line and the headers, with the empty line.
    pub(crate) head: String,
    /// The rest.
    pub(crate) body: String,
}

/// Puts the load on its server, from another process.
pub(crate) async fn run(load: &Load) -> Result<Round, Failure> {
    let job = serde_json::to_vec(load)?;
    let generated = tokio::task::spawn_blocking(move || -> Result<Vec<u8>, Failure> {
        let mut generator = Command::new(std::env::current_exe()?)
            .arg("--generator")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        generator
            .stdin
            .take()
            .ok_or("no standard input")?
            .write_all(&job)?;
        let output = generator.wait_with_output()?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err("the generator failed".into()),
        }
    });
    Ok(serde_json::from_slice(&generated.await??)?)
}

/// The other process: standard input says what to do, standard output what came of it.
pub(crate) fn generate() -> Result<(), Failure> {
    let load: Load = serde_json::from_reader(std::io::stdin())?;
    // One thread: a generator that takes more than a core would measure itself.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let round = runtime.block_on(generate_on_all(Rc::new(load)))?;
    println!("{}", serde_json::to_string(&round)?);
    Ok(())
}

async fn generate_on_all(load: Rc<Load>) -> Result<Round, Failure> {
    let mut streams = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        streams.push(connect(load.address).await?);
    }
    let tasks = tokio::task::LocalSet::new();
    let begun = Instant::now() + load.round / 10;
    let asking = streams.into_iter().map(|stream| {
        let load = load.clone();
        let task = tasks.spawn_local(async move { keep_asking(&load, stream, begun).await });
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
    mut stream: TcpStream,
    begun: Instant,
) -> Result<Vec<Duration>, Failure> {
    let first = ask(&mut stream, &load.request).await?;
    let mut buffer = vec![0; first.head.len() + first.body.len()];
    let mut latencies = Vec::new();
    loop {
        let asked = Instant::now();
        if asked >= begun + load.round {
            return Ok(latencies);
        }
        stream.write_all(load.request.as_bytes()).await?;
        stream.read_exact(&mut buffer).await?;
        if !buffer.starts_with(b"HTTP/1.1 200 OK\r\n") || !buffer.ends_with(load.body.as_bytes()) {
            return Err(format!("another answer: {}", String::from_utf8_lossy(&buffer)).into());
        }
        if asked >= begun {
            latencies.push(asked.elapsed());
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Asks once on a connection of its own.
pub(crate) async fn ask_once(address: SocketAddr, request: &str) -> Result<Answer, Failure> {
    ask(&mut connect(address).await?, request).await
}

/// Asks and reads one answer, however it comes in parts.
async fn ask(stream: &mut TcpStream, request: &str) -> Result<Answer, Failure> {
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= content_length(head)?
        {
            return Ok(Answer {
                head: format!("{head}\r\n\r\n"),
                body: body.to_owned(),
            });
        }
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await?;
        if read == 0 {
            return Err(format!("the answer ends early: {text}").into());
        }
        text.push_str(std::str::from_utf8(&part[..read])?);
    }
}

fn content_length(head: &str) -> Result<usize, Failure> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let (_, length) = lines
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("an answer without content-length")?;
    Ok(length.parse()?)
}
