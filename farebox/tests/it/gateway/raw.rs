//! A client without manners: it writes a request as bytes, and leaves at whatever byte it was told to.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// When a client leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Leave {
    /// When it has been told everything.
    AtTheEnd,
    /// When it has sent so many bytes of its request.
    Sending(usize),
    /// When it has read so many bytes of the answer.
    Reading(usize),
    /// After this time.
    After(Duration),
}

/// What has come of an answer, parsed as far as it goes.
#[derive(Clone, Debug, Default)]
pub struct Got {
    /// HTTP status; none where the head has not come whole.
    pub status: Option<u16>,
    /// Status line and headers.
    pub head: String,
    /// The body so far, without its chunks' frames.
    pub body: Vec<u8>,
    /// Whether the body has come to the end that its framing says.
    pub is_whole: bool,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request as bytes. The connection ends with its answer.
pub fn request(path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// Sends a request on a connection of its own and reads until one of both leaves.
pub async fn exchange(server: SocketAddr, request: &[u8], leave: Leave) -> Got {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut bytes = Vec::new();
    match leave {
        Leave::Sending(at) => {
            let _ = stream.write_all(&request[..at.min(request.len())]).await;
            return Got::default();
        }
        Leave::After(time) => {
            let talking = talk(&mut stream, request, usize::MAX, &mut bytes);
            let _ = tokio::time::timeout(time, talking).await;
        }
        Leave::Reading(at) => talk(&mut stream, request, at, &mut bytes).await,
        Leave::AtTheEnd => talk(&mut stream, request, usize::MAX, &mut bytes).await,
    }
    parse(&bytes)
}

async fn talk(stream: &mut TcpStream, request: &[u8], until: usize, bytes: &mut Vec<u8>) {
    if stream.write_all(request).await.is_err() {
        return;
    }
    let mut part = vec![0; 16 * 1024];
    while bytes.len() < until {
        let room = part.len().min(until - bytes.len());
        match stream.read(&mut part[..room]).await {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
    }
}

fn parse(bytes: &[u8]) -> Got {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Got::default();
    };
    let (head, rest) = (&bytes[..end], &bytes[end + 4..]);
    let mut got = Got {
        head: String::from_utf8_lossy(head).into_owned(),
        ..Got::default()
    };
    got.status = got.head.get(9..12).and_then(|status| status.parse().ok());
    match got.header("content-length").map(str::parse::<usize>) {
        Some(length) => {
            got.is_whole = length.unwrap() == rest.len();
            got.body = rest.to_vec();
        }
        None => (got.body, got.is_whole) = unchunked(rest),
    }
    got
}

fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = find(rest, b"\r\n") else {
            return (body, false);
        };
        let length = std::str::from_utf8(&rest[..line]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        rest = &rest[line + 2..];
        if length == 0 {
            return (body, rest == b"\r\n");
        }
        body.extend_from_slice(&rest[..length.min(rest.len())]);
        let Some(next) = rest.get(length + 2..) else {
            return (body, false);
        };
        rest = next;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|part| part == what)
}
