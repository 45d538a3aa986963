//! `farebox dev`: the same server with the sandbox in the place of Stripe and of the providers of models. There is
//! no second code path: the same clients get other base URLs.

mod models;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ledger::AccountId;
use sandbox::{StripeConfig, Webhook};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::admin::{self, Command, PERMISSIONS};
use crate::app::App;
use crate::billing;
use crate::cli::args::DevArgs;
use crate::cli::{Failure, logging, serve};
use crate::config::Config;
use crate::http::Served;
use crate::ids;
use models::Models;

/// The cards of the account, under Stripe's test ids; the first is the default.
const CARDS: [&str; 3] = [
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_authenticationRequired",
];

/// The environment's options that `dev` takes. It chooses those of Stripe, the database and its addresses itself.
const WISHES: [&str; 5] = [
    LOG,
    "FAREBOX_PROVIDERS__",
    "FAREBOX_PRICES__",
    "FAREBOX_GATEWAY__",
    "FAREBOX_JOBS__",
];

/// The environment's options as to logging.
pub(super) const LOG: &str = "FAREBOX_LOG__";

pub(super) async fn run(args: &DevArgs) -> Result<(), Failure> {
    let dev = Dev::start(args, &WISHES).await?;
    dev.add_cards().await?;
    if args.json {
        println!(
            "{}",
            serde_json::to_string(&dev.ready()).map_err(Failure::new)?
        );
    } else {
        dev.introduce();
    }
    serve::until_told_to_stop().await?;
    dev.stop().await;
    Ok(())
}

/// A running Farebox with its sandbox and one account.
pub(super) struct Dev {
    pub(super) app: Arc<App>,
    pub(super) stripe: sandbox::Stripe,
    pub(super) models: Models,
    pub(super) access: Access,
    /// What webhooks are signed with.
    pub(super) webhook_secret: String,
    served: Served,
    account: AccountId,
    /// Removed at the end.
    _dir: Option<TempDir>,
}

/// The account and its credentials.
pub(super) struct Access {
    pub(super) account_id: String,
    pub(super) token: String,
    pub(super) email: String,
    pub(super) key: String,
}

/// The line that `--json` prints.
#[derive(Serialize)]
struct Ready<'a> {
    base_url: String,
    account_id: &'a str,
    token: &'a str,
    email: &'a str,
    key: &'a str,
    webhook_url: String,
    gateway_url: String,
    stripe_url: String,
    provider_url: String,
    metrics_url: Option<String>,
}

impl Dev {
    /// Starts everything. `wishes` are the beginnings of those variables of the environment that count.
    pub(super) async fn start(args: &DevArgs, wishes: &[&str]) -> Result<Self, Failure> {
        let (secret_key, webhook_secret) = (
            format!("sk_test_{}", ids::opaque()),
            format!("whsec_{}", ids::opaque()),
        );
        let stripe = sandbox::Stripe::start(StripeConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            secret_key: secret_key.clone(),
            webhook: None,
            livemode: false,
        });
        let stripe = stripe.await.map_err(Failure::new)?;
        let (dir, path) = directory(args)?;
        let mut options = vec![
            ("FAREBOX_STRIPE__BASE_URL", stripe.url()),
            ("FAREBOX_STRIPE__SECRET_KEY", secret_key),
            ("FAREBOX_STRIPE__WEBHOOK_SECRETS", webhook_secret.clone()),
            ("FAREBOX_HTTP__LISTEN", args.listen.to_string()),
            ("FAREBOX_HTTP__METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ];
        options.extend(where_things_are(args, &path));
        let mut config = configure(options, wishes)?;
        let models = Models::start(&mut config.providers).await?;
        logging::start(&config.log);
        let (app, served) = serve::start(config).await?;
        stripe.set_webhook(Some(Webhook {
            url: format!("http://{}/webhooks/stripe", served.address),
            secrets: vec![webhook_secret.clone()],
        }));
        let (account, access) = create_access(&app).await?;
        Ok(Self {
            app,
            stripe,
            models,
            access,
            webhook_secret,
            served,
            account,
            _dir: dir,
        })
    }

    /// Gives the account its test cards.
    pub(super) async fn add_cards(&self) -> Result<(), Failure> {
        let customer = billing::ensure_customer(&self.app, self.account).await;
        let customer = customer.map_err(Failure::new)?;
        for (index, card) in CARDS.iter().enumerate() {
            let seeded = self.stripe.seed_customer_card(&customer, card, index == 0);
            seeded.map_err(|refusal| Failure::new(format!("{card}: {refusal:?}")))?;
        }
        // Stripe's events say so too, in a moment; whoever reads the balance now is not to wait for them.
        let refreshed = billing::refresh_card(&self.app, self.account, &customer).await;
        refreshed.map_err(Failure::new)?;
        Ok(())
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}/client/v4", self.served.address)
    }

    /// Where the account's default gateway is; a provider's slug and its path stand behind it.
    pub(super) fn gateway_url(&self) -> String {
        let (address, account) = (self.served.address, &self.access.account_id);
        format!("http://{address}/v1/{account}/default")
    }

    pub(super) fn webhook_url(&self) -> String {
        format!("http://{}/webhooks/stripe", self.served.address)
    }

    fn ready(&self) -> Ready<'_> {
        Ready {
            base_url: self.base_url(),
            account_id: &self.access.account_id,
            token: &self.access.token,
            email: &self.access.email,
            key: &self.access.key,
            webhook_url: self.webhook_url(),
            gateway_url: self.gateway_url(),
            stripe_url: self.stripe.url(),
            provider_url: self.models.provider.url(),
            metrics_url: self
                .served
                .metrics
                .map(|address| format!("http://{address}/metrics")),
        }
    }

    fn introduce(&self) {
        println!(
            "Farebox for development. A sandbox stands in for Stripe and for the providers of models: no money moves.\n"
        );
        println!("  API      {}", self.base_url());
        println!("  Gateway  {}/{{provider}}", self.gateway_url());
        println!("  Account  {}", self.access.account_id);
        println!("  Token    {}", self.access.token);
        println!("  Email    {}   Key {}", self.access.email, self.access.key);
        println!("  Stripe   {}", self.stripe.url());
        println!(
            "  Models   {} as {}",
            self.models.provider.url(),
            self.models.slugs.join(", ")
        );
        for operated in self.app.operated.iter() {
            println!("           {} of [providers]", operated.provider.slug);
        }
        let keys = self.app.config.providers.keys.keys();
        let own = keys.filter(|slug| !self.models.slugs.contains(&slug.as_str()));
        for slug in own {
            println!("           {slug} with your own key: what it costs is real");
        }
        if let Some(metrics) = self.served.metrics {
            println!("  Metrics  http://{metrics}/metrics");
        }
        println!(
            "  Cards    {} (default), {}, {}\n",
            CARDS[0], CARDS[1], CARDS[2]
        );
        println!(
            "To pass 3-D Secure, open this with the client_secret of the top-up (pi_…_secret_…):"
        );
        println!(
            "  {}/3ds/pi_…?client_secret=pi_…_secret_…\n",
            self.stripe.url()
        );
        println!("{}\n", self.snippet("in_…"));
        println!(
            "A model, once the account has credit (client.ai_gateway.billing.topup.create):\n"
        );
        println!("{}", self.chat());
        println!("\nCtrl-C ends it.");
    }

    /// The documentation's own Python example, ready to paste, for a top-up.
    pub(super) fn snippet(&self, invoice: &str) -> String {
        let (url, account) = (self.base_url(), &self.access.account_id);
        format!(
            "from cloudflare import Cloudflare\n\n\
             client = Cloudflare(\n    api_token=\"{}\",\n    base_url=\"{url}\",\n)\n\
             response = client.ai_gateway.billing.topup.status(\n    account_id=\"{account}\",\n    \
             payment_intent_id=\"{invoice}\",\n)\n\
             print(response.payment_intent_id, response.status)",
            self.access.token
        )
    }

    /// A chat completion through the gateway, ready to paste.
    pub(super) fn chat(&self) -> String {
        let (url, token) = (self.gateway_url(), &self.access.token);
        format!(
            "curl -i {url}/openai/v1/chat/completions \\\n  \
             -H 'authorization: Bearer {token}' -H 'content-type: application/json' \\\n  \
             -d '{{\"model\": \"gpt-4o\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
        )
    }

    pub(super) async fn stop(self) {
        serve::stop(&self.app).await;
        self.models.provider.shutdown().await;
        self.stripe.shutdown().await;
    }
}

fn directory(args: &DevArgs) -> Result<(Option<TempDir>, PathBuf), Failure> {
    match &args.dir {
        Some(path) => {
            std::fs::create_dir_all(path).map_err(Failure::new)?;
            Ok((None, std::path::absolute(path).map_err(Failure::new)?))
        }
        None => {
            let dir = tempfile::Builder::new().prefix("farebox-").tempdir();
            let dir = dir.map_err(Failure::new)?;
            let path = dir.path().to_owned();
            Ok((Some(dir), path))
        }
    }
}

fn where_things_are(args: &DevArgs, dir: &std::path::Path) -> Vec<(&'static str, String)> {
    let in_dir = format!("sqlite://{}", dir.join("farebox.db").display());
    let mut options = vec![(
        "FAREBOX_DATABASE__URL",
        args.database.clone().unwrap_or(in_dir),
    )];
    match &args.database {
        // The key belongs to the database and not to the directory; nothing here is worth a secret one.
        Some(url) if url.starts_with("postgres") => {
            options.push(("FAREBOX_SECURITY__KEY", "0".repeat(64)));
        }
        _ => {
            let key = dir.join("farebox.key").display().to_string();
            options.push(("FAREBOX_SECURITY__KEY_FILE", key));
        }
    }
    options
}

/// The defaults, the environment's wishes, and what development needs.
fn configure(options: Vec<(&'static str, String)>, wishes: &[&str]) -> Result<Config, Failure> {
    let wished = std::env::vars()
        .filter(|(name, _)| wishes.iter().any(|beginning| name.starts_with(beginning)));
    let quiet = ("FAREBOX_LOG__LEVEL".to_owned(), "warn".to_owned());
    let options = options
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Config::load(None, std::iter::once(quiet).chain(wished).chain(options)).map_err(Failure::new)
}

async fn create_access(app: &App) -> Result<(AccountId, Access), Failure> {
    let run = async |command| {
        let done = admin::run(&app.store.db, &app.keyring, command, app.now()).await;
        done.map_err(Failure::new)
    };
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let created = run(Command::CreateAccount {
        name: "Development".to_owned(),
        id: None,
    })
    .await?;
    let account_id = text(&created, "id");
    let token = run(Command::CreateToken {
        account: account_id.clone(),
        name: "development".to_owned(),
        permissions: PERMISSIONS.iter().map(|&name| name.to_owned()).collect(),
        expires_in_seconds: None,
    });
    let token = text(&token.await?, "token");
    // The account's own address: a kept database may have had a user before.
    let email = format!("dev-{}@example.com", &account_id[..8]);
    let accounts = vec![account_id.clone()];
    let user = run(Command::CreateUser {
        email: email.clone(),
        accounts,
    })
    .await?;
    let account = account_id.parse().map_err(Failure::new)?;
    Ok((
        account,
        Access {
            account_id,
            token,
            email,
            key: text(&user, "key"),
        },
    ))
}
