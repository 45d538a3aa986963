//! The floor under every durable write: 256 bytes appended to a file, then `fdatasync`.
//!
//! Callers wait as those of the committer do, for one thread that takes whoever is waiting, writes for
//! all of them and syncs once. What Farebox adds to this is the work on the books.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::Failure;

/// What is appended for each caller.
const RECORD: [u8; 256] = [b'x'; 256];

/// A handle on the appending thread; it ends when every handle is gone.
#[derive(Clone, Debug)]
pub(crate) struct Appender {
    queue: mpsc::Sender<oneshot::Sender<std::io::Result<()>>>,
}

impl Appender {
    /// Starts the thread over a new file. `group_max`: the most callers that one sync answers.
    pub(crate) fn start(dir: &Path, group_max: usize) -> Result<Self, Failure> {
        let path = dir.join("appended");
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (queue, waiting) = mpsc::channel(group_max * 4);
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("appender".to_owned())
            .spawn(move || runtime.block_on(run(file, waiting, group_max)))?;
        Ok(Self { queue })
    }

    /// Appends a record; returns when it is durable.
    pub(crate) async fn append(&self) -> Result<(), Failure> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(reply).await?;
        Ok(answer.await??)
    }
}

async fn run(
    mut file: File,
    mut waiting: mpsc::Receiver<oneshot::Sender<std::io::Result<()>>>,
    group_max: usize,
) {
    let mut group = Vec::with_capacity(group_max);
    while waiting.recv_many(&mut group, group_max).await > 0 {
        let done = file
            .write_all(&RECORD.repeat(group.len()))
            .and_then(|()| file.sync_data());
        for reply in group.drain(..) {
            let answer = match &done {
                Ok(()) => Ok(()),
                Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
            };
            let _ = reply.send(answer);
        }
    }
}
