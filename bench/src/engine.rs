//! A new, empty database of either engine, gone after the measurement.

use farebox::config::DatabaseUrl;
use farebox::ids;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use tokio_util::task::TaskTracker;

use crate::Failure;
use crate::plan::Plan;

/// Where databases are made.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    /// In a file.
    Sqlite,
    /// On the server with this address.
    Postgres(SecretString),
}

impl Engine {
    /// For people.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }
}

/// A database that nobody else uses.
pub(crate) struct Scratch {
    /// Its address.
    pub(crate) url: String,
    /// A folder of its own, on the disk under measurement.
    pub(crate) dir: TempDir,
    on_server: Option<(SecretString, String)>,
}

impl Scratch {
    /// An empty database.
    pub(crate) async fn create(plan: &Plan, engine: &Engine) -> Result<Self, Failure> {
        let dir = tempfile::tempdir_in(&plan.dir)?;
        let Engine::Postgres(server) = engine else {
            let url = format!("sqlite://{}", dir.path().join("farebox.db").display());
            return Ok(Self {
                url,
                dir,
                on_server: None,
            });
        };
        let name = format!("farebox_bench_{}", ids::opaque());
        connect(server)
            .await?
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await?;
        let (address, _) = server
            .expose_secret()
            .rsplit_once('/')
            .ok_or("the PostgreSQL address must end in a database's name")?;
        Ok(Self {
            url: format!("{address}/{name}"),
            dir,
            on_server: Some((server.clone(), name)),
        })
    }

    /// The address as Farebox's configuration has it.
    pub(crate) fn database_url(&self) -> DatabaseUrl {
        match &self.on_server {
            Some(_) => DatabaseUrl::Postgres(self.url.clone().into()),
            None => DatabaseUrl::Sqlite(self.dir.path().join("farebox.db")),
        }
    }

    /// Removes it from the server; a file goes with its folder.
    pub(crate) async fn drop_database(self) -> Result<(), Failure> {
        if let Some((server, name)) = &self.on_server {
            let drop = format!("DROP DATABASE {name} WITH (FORCE)");
            connect(server).await?.batch_execute(&drop).await?;
        }
        Ok(())
    }
}

/// What the server says about how durable its commits are, as `name = value`.
pub(crate) async fn durability(server: &SecretString) -> Result<String, Failure> {
    let client = connect(server).await?;
    let mut settings = Vec::new();
    for name in [
        "server_version",
        "fsync",
        "synchronous_commit",
        "full_page_writes",
    ] {
        let row = client.query_one(&format!("SHOW {name}"), &[]).await?;
        settings.push(format!("{name} = {}", row.try_get::<_, String>(0)?));
    }
    Ok(settings.join(", "))
}

async fn connect(server: &SecretString) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(server.expose_secret(), NoTls).await?;
    // It ends when the client is dropped.
    TaskTracker::new().spawn(connection);
    Ok(client)
}
