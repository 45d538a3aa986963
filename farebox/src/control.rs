//! A socket beside the SQLite file, on which the process that has it carries out the operator's
//! commands: SQLite serves one process, and nobody should have to stop it to make a token.
//!
//! Only the user who runs Farebox can open the socket (mode 0600). One JSON line in, one out.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::admin::{self, Command};
use crate::app::App;

/// The longest command, in bytes.
const LINE_MAX: u64 = 64 * 1024;

/// Listens until the app is told to stop.
///
/// # Errors
/// Where the socket can't be made.
pub fn listen(app: &Arc<App>, path: &Path) -> io::Result<()> {
    // What a killed process has left behind. Nobody else listens: we hold the database's lock.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    let (app_of_task, path) = (app.clone(), path.to_owned());
    app.tasks.spawn(async move {
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted,
                () = app_of_task.stop.cancelled() => break,
            };
            let Ok((stream, _)) = stream else { continue };
            let app = app_of_task.clone();
            app_of_task.tasks.spawn(async move {
                if let Err(error) = answer(&app, stream).await {
                    tracing::debug!(%error, "an operator's command was cut off");
                }
            });
        }
        let _ = std::fs::remove_file(path);
    });
    Ok(())
}

async fn answer(app: &App, stream: UnixStream) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reader.take(LINE_MAX))
        .read_line(&mut line)
        .await?;
    let outcome = match serde_json::from_str::<Command>(&line) {
        Ok(command) => {
            tracing::info!(?command, "an operator's command");
            let done = admin::run(&app.store.db, &app.keyring, command, app.now()).await;
            done.map_err(|error| error.to_string())
        }
        Err(error) => Err(format!(
            "the running Farebox doesn't know this command: {error}"
        )),
    };
    let mut text = match outcome {
        Ok(value) => json!({ "ok": value }),
        Err(why) => json!({ "error": why }),
    }
    .to_string();
    text.push('\n');
    writer.write_all(text.as_bytes()).await
}

/// Has a command carried out by the process that listens at `path`; none where nobody does.
///
/// # Errors
/// Where the conversation breaks off; a refusal is the inner error.
pub async fn call(path: &Path, command: &Command) -> io::Result<Option<Result<Value, String>>> {
    let Ok(stream) = UnixStream::connect(path).await else {
        return Ok(None);
    };
    let (reader, mut writer) = stream.into_split();
    let mut line = serde_json::to_string(command)?;
    line.push('\n');
    writer.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(reader).read_line(&mut answer).await?;
    let mut answer: Value = serde_json::from_str(&answer)?;
    Ok(Some(match answer.get_mut("ok") {
        Some(value) => Ok(value.take()),
        None => Err(answer["error"].as_str().unwrap_or("no answer").to_owned()),
    }))
}
