//! What stands between the client and the upstream: nothing, a plain nginx, a Farebox, or one of its peers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::Failure;
use crate::load;

/// How long a peer may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one may take to end by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Something that passes calls on.
pub(crate) struct Gateway {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// The first line and the headers of a request, as this one wants them, without its length.
    pub(crate) head: String,
    /// The process whose memory is its own, and that of its children; none where there is nothing.
    pub(crate) process: Option<u32>,
    /// Ends when this is dropped.
    pub(crate) child: Option<Child>,
}

impl Drop for Gateway {
    /// Asked to end first: a master of nginx's that is killed leaves its workers behind.
    fn drop(&mut self) {
        let Some(child) = &mut self.child else {
            return;
        };
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let begun = Instant::now();
        while matches!(child.try_wait(), Ok(None)) && begun.elapsed() < LAST_WORDS {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Gateway {
    /// A request with this body.
    pub(crate) fn request(&self, body: &str) -> String {
        let (head, length) = (&self.head, body.len());
        format!(
            "{head}\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        )
    }

    /// The upstream itself.
    pub(crate) fn direct(upstream: SocketAddr) -> Self {
        Self {
            name: "the upstream alone",
            address: upstream,
            head: PLAIN.to_owned(),
            process: None,
            child: None,
        }
    }

    /// nginx as a plain reverse proxy, that keeps its connections to the upstream.
    pub(crate) async fn nginx(
        program: &Path,
        dir: &Path,
        upstream: SocketAddr,
    ) -> Result<Self, Failure> {
        let address = free_address()?;
        let folder = dir.display();
        let file = dir.join("nginx.conf");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
            .collect();
        let text = format!(
            "daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\nworker_processes auto;\n\
             events {{ worker_connections 32768; }}\n\
             http {{\n access_log off;\n keepalive_requests 1000000000;\n {temporary}\n \
             upstream up {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}\n \
             server {{\n listen {address};\n location / {{\n proxy_pass http://up;\n \
             proxy_http_version 1.1;\n proxy_set_header Connection \"\";\n proxy_buffering off;\n \
             proxy_read_timeout 600s;\n }}\n }}\n}}\n"
        );
        std::fs::write(&file, text)?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).arg("-p").arg(dir);
        started("nginx, plain", command, address, PLAIN).await
    }

    /// ferrogw: one provider, one master key, no request log, and a limit on the rate that nobody reaches.
    pub(crate) async fn ferrogw(
        program: &Path,
        dir: &Path,
        upstream: SocketAddr,
    ) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .current_dir(dir)
            .env("PORT", address.port().to_string())
            .env("OPENAI_API_KEY", "sk-upstream")
            .env("OPENAI_BASE_URL", format!("http://{upstream}"))
            .env("MASTER_KEY", "benchmark")
            .env("RATE_LIMIT_RPS", "1000000");
        let head = "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer benchmark";
        started("ferrogw", command, address, head).await
    }

    /// Portkey's gateway, told by each request where to go.
    pub(crate) async fn portkey(script: &Path, upstream: SocketAddr) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new("node");
        command
            .arg(script)
            .arg("--headless")
            .arg(format!("--port={}", address.port()));
        let head = format!(
            "{PLAIN}\r\nauthorization: Bearer sk-upstream\r\nx-portkey-provider: openai\r\n\
             x-portkey-custom-host: http://{upstream}/v1"
        );
        started("@portkey-ai/gateway", command, address, &head).await
    }
}

const PLAIN: &str = "POST /v1/chat/completions HTTP/1.1";

/// Starts it and waits until it answers.
async fn started(
    name: &'static str,
    mut command: Command,
    address: SocketAddr,
    head: &str,
) -> Result<Gateway, Failure> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let process = child.id();
    let head = head.to_owned();
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if let Some(status) = child.try_wait()? {
            return Err(format!("it ends at once: {status}").into());
        }
        if begun.elapsed() > PATIENCE {
            return Err("it does not listen".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(Gateway {
        name,
        address,
        head,
        process,
        child: Some(child),
    })
}

/// An address that nobody listened on a moment ago: none of the peers takes port 0 and tells what it got.
fn free_address() -> Result<SocketAddr, Failure> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// A program: a file, or a name that is looked for in `PATH`.
pub(crate) fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    let sbin = [PathBuf::from("/usr/sbin")];
    let folders = std::env::split_paths(&path).chain(sbin);
    folders
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Whether it answers a call with the upstream's words.
pub(crate) async fn answers(gateway: &Gateway, body: &str) -> Result<load::Answer, Failure> {
    let request = gateway.request(body);
    let asked = load::ask_once(gateway.address, &request);
    let answer = tokio::time::timeout(PATIENCE, asked).await??;
    match answer.head.starts_with("HTTP/1.1 200 ") && answer.body.contains(" word") {
        true => Ok(answer),
        false => Err(format!("{}{}", answer.head, answer.body).into()),
    }
}
