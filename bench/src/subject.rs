//! A running Farebox in this process, with one customer, and a sandbox where Stripe would be.

use std::net::SocketAddr;
use std::sync::Arc;

use farebox::admin::{self, Command};
use farebox::app::{App, system_clock};
use farebox::config::Config;
use farebox::store::audit;
use farebox::{http as farebox_http, ids};
use ledger::AccountId;
use sandbox::StripeConfig;

use crate::Failure;
use crate::engine::Scratch;

/// What is measured.
pub(crate) struct Subject {
    pub(crate) app: Arc<App>,
    pub(crate) address: SocketAddr,
    pub(crate) stripe: sandbox::Stripe,
    pub(crate) account: AccountId,
    /// May do what `permission` says.
    pub(crate) token: String,
}

impl Subject {
    /// Starts it with these options beside those that it needs.
    pub(crate) async fn start(
        scratch: &Scratch,
        options: &[(&str, String)],
        permission: &str,
    ) -> Result<Self, Failure> {
        let secret_key = format!("sk_test_{}", ids::opaque());
        let stripe = sandbox::Stripe::start(StripeConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            secret_key: secret_key.clone(),
            webhook: None,
            livemode: false,
        });
        let stripe = stripe.await?;
        let config = configure(scratch, &stripe, secret_key, options)?;
        let app = App::start(config, system_clock()).await?;
        let address = farebox_http::serve(&app).await?.address;
        let (account, token) = create_access(&app, permission).await?;
        Ok(Self {
            app,
            address,
            stripe,
            account,
            token,
        })
    }

    /// Stops it, and looks at the books.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        let audit = audit::check(&self.app.store.db).await?;
        self.app.shut_down().await;
        self.stripe.shutdown().await;
        match audit.problems.first() {
            None => Ok(()),
            Some(first) => {
                Err(format!("the books are wrong: {}: {}", first.row, first.what).into())
            }
        }
    }
}

fn configure(
    scratch: &Scratch,
    stripe: &sandbox::Stripe,
    secret_key: String,
    more: &[(&str, String)],
) -> Result<Config, Failure> {
    let mut options = vec![
        ("FAREBOX_DATABASE__URL", scratch.url.clone()),
        (
            "FAREBOX_SECURITY__KEY",
            format!("{}{}", ids::opaque(), ids::opaque()),
        ),
        ("FAREBOX_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ("FAREBOX_HTTP__METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ("FAREBOX_STRIPE__BASE_URL", stripe.url()),
        ("FAREBOX_STRIPE__SECRET_KEY", secret_key),
    ];
    options.extend(more.iter().cloned());
    let options = options
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Ok(Config::load(None, options)?)
}

async fn create_access(app: &App, permission: &str) -> Result<(AccountId, String), Failure> {
    let run = async |command| admin::run(&app.store.db, &app.keyring, command, app.now()).await;
    let created = run(Command::CreateAccount {
        name: "Benchmark".to_owned(),
        id: None,
    })
    .await?;
    let account = created["id"].as_str().unwrap_or_default().to_owned();
    let token = run(Command::CreateToken {
        account: account.clone(),
        name: "benchmark".to_owned(),
        permissions: vec![permission.to_owned()],
        expires_in_seconds: None,
    });
    let token = token.await?["token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok((account.parse()?, token))
}
