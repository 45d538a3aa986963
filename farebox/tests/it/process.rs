//! Farebox as a process of its own: the real binary, as a user runs it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take to start or to end on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The binary with these arguments and variables, and none of ours.
pub fn command(args: &[&str], variables: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
    command
        .args(args)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end, off the async threads.
pub async fn run(args: &[&str], variables: &BTreeMap<String, String>) -> Output {
    let mut command = command(args, variables);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// What a command printed, after a look at its exit code.
#[track_caller]
pub fn printed(output: &Output, code: i32) -> String {
    let (out, error) = texts(output);
    assert_eq!(output.status.code(), Some(code), "{out}\n{error}");
    out
}

/// Standard output and standard error.
pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

/// A process that goes on until it is told to stop, or killed when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    log: Arc<Mutex<String>>,
}

impl Running {
    /// Starts it; its lines on standard output and standard error come as they are printed.
    pub fn start(mut command: Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let log = Arc::new(Mutex::new(String::new()));
        let both: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in both {
            let (sender, log) = (sender.clone(), log.clone());
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push_str(&line);
                    log.push('\n');
                    let _ = sender.send(line);
                }
            });
        }
        Self { child, lines, log }
    }

    /// `farebox serve`, once it serves; with the address of its API.
    pub async fn serve(variables: &BTreeMap<String, String>) -> (Self, String) {
        let command = command(&["serve"], variables);
        let served = move || {
            let running = Self::start(command);
            let line = running.line_with("farebox serves");
            let rest = line.split("address=").nth(1).unwrap_or_default();
            let address = rest.split(' ').next().unwrap_or_default();
            (running, format!("http://{address}"))
        };
        tokio::task::spawn_blocking(served).await.unwrap()
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that contains `what`.
    pub fn line_with(&self, what: &str) -> String {
        let begun = Instant::now();
        while let Ok(line) = self
            .lines
            .recv_timeout(PATIENCE.saturating_sub(begun.elapsed()))
        {
            if line.contains(what) {
                return line;
            }
        }
        panic!("{what:?} is not printed:\n{}", self.log());
    }

    /// Everything printed so far.
    pub fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }

    /// As the system's killer or a power cut ends it: no time to tidy up.
    pub fn kill_9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same; everything that it printed before, to the last line.
    pub fn kill_and_read(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The readers end, and with them the lines, when they have read what was left in the pipes.
        while self.lines.recv().is_ok() {}
        self.log()
    }

    /// As an init system ends it. How it ended, and everything that it printed.
    pub async fn terminate(mut self) -> (ExitStatus, String) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.unwrap().success());
        let ended = move || {
            let begun = Instant::now();
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return (status, self.log());
                }
                assert!(begun.elapsed() < PATIENCE, "it does not end");
                thread::sleep(Duration::from_millis(10));
            }
        };
        tokio::task::spawn_blocking(ended).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
