//! A provider that says what a test has put into its mouth, byte by byte.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// An answer.
#[derive(Clone, Debug)]
pub struct Said {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Vec<u8>,
    /// The connection breaks before the body's end.
    pub is_cut: bool,
}

/// The provider: every slug's, at one address.
pub struct Upstream {
    pub url: String,
    next: Arc<Mutex<Option<Said>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Ends with the value.
    _tasks: JoinSet<()>,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let next = Arc::new(Mutex::new(None));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (said, heard) = (next.clone(), asked.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (said, heard) = (said.clone(), heard.clone());
                connections.spawn(async move { answer(stream, &said, &heard).await });
            }
        });
        Self {
            url,
            next,
            asked,
            _tasks: tasks,
        }
    }

    /// What the next request is answered with.
    pub fn says(&self, said: Said) {
        *self.next.lock().unwrap() = Some(said);
    }

    /// How many requests have come.
    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn answer(mut stream: TcpStream, next: &Mutex<Option<Said>>, asked: &Mutex<Vec<String>>) {
    let mut request = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    while !is_whole(&request) {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&piece[..length]),
        }
    }
    let head = String::from_utf8_lossy(&request);
    let line = head.lines().next().unwrap_or_default().to_owned();
    asked.lock().unwrap().push(line);
    let said = next.lock().unwrap().take().expect("nobody expects a call");
    let mut head = format!("HTTP/1.1 {} Said\r\nconnection: close\r\n", said.status);
    for (name, value) in &said.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("transfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for part in said.body.chunks(1000) {
        let framed = [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
    if !said.is_cut {
        let _ = stream.write_all(b"0\r\n\r\n").await;
    }
    let _ = stream.shutdown().await;
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|part| part == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().unwrap());
    request.len() >= end + 4 + length
}
