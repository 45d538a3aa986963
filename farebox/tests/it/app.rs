//! A running Farebox for one test, with its sandbox, an account and a token. When it is dropped, it
//! checks that the books are right, that no job is left and that no hold is open.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use api::{Client, CreditBalance, CreditBalanceParams};
use farebox::admin::{self, Command};
use farebox::app::App;
use farebox::config::Config;
use farebox::store::{audit, jobs as job_rows};
use farebox::{billing, http, jobs};
use ledger::{AccountId, Amount, Code, Operation, Timestamp};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use sandbox::{StripeConfig, Webhook};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where the tests' PostgreSQL is: a superuser's URL, under which each test makes its own database.
const POSTGRES: &str = "FAREBOX_TEST_POSTGRES";

pub const WEBHOOK_SECRET: &str = "whsec_test";
pub const STRIPE_KEY: &str = "sk_test_integration";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Makes two tests of each function, one an engine. A function takes `&TestApp`; options of the
/// configuration may follow it.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident $(with [$(($option:literal, $value:literal)),+ $(,)?])?),+ $(,)?) => {
        $(mod $name {
            const OPTIONS: &[(&str, &str)] = &[$($(($option, $value)),+)?];

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                if let Some(app) = $crate::app::TestApp::start($crate::app::Engine::Sqlite, OPTIONS).await {
                    super::$name(&app).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(app) = $crate::app::TestApp::start($crate::app::Engine::Postgres, OPTIONS).await {
                    super::$name(&app).await;
                }
            }
        })+
    };
}

pub struct TestApp {
    pub app: Arc<App>,
    pub stripe: sandbox::Stripe,
    /// Every provider of models.
    pub provider: sandbox::Provider,
    /// Scheme, host and port.
    pub url: String,
    pub metrics_url: String,
    pub account: AccountId,
    pub token: String,
    /// How far the app's clock is ahead of the system's, in milliseconds.
    ahead: Arc<AtomicI64>,
    /// Whether the test leaves a balance below zero.
    owes: AtomicBool,
    _database: Database,
}

/// Where a test's database is, and what removes it.
pub struct Database {
    pub url: String,
    /// Removed with the value.
    _dir: TempDir,
    dropped: Option<(String, String)>,
}

impl Database {
    /// A new one; none, with a word, where there is no PostgreSQL. In CI that is a failure.
    pub async fn create(engine: Engine) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        if engine == Engine::Sqlite {
            let url = format!("sqlite://{}", dir.path().join("farebox.db").display());
            return Some(Self {
                url,
                _dir: dir,
                dropped: None,
            });
        }
        let Ok(server) = std::env::var(POSTGRES) else {
            assert!(std::env::var("CI").is_err(), "{POSTGRES} must be set in CI");
            eprintln!("skipped: {POSTGRES} is not set (scripts/test starts a server)");
            return None;
        };
        let name = format!("farebox_{}", farebox::ids::opaque());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let (head, _) = server.rsplit_once('/').expect("a database in the URL");
        Some(Self {
            url: format!("{head}/{name}"),
            _dir: dir,
            dropped: Some((server, name)),
        })
    }
}

async fn execute(server: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(server, tokio_postgres::NoTls)
        .await
        .expect("PostgreSQL answers");
    let done = async { client.batch_execute(sql).await.expect("the statement runs") };
    tokio::select! {
        () = done => {}
        _ = connection => panic!("PostgreSQL closed the connection"),
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some((server, name)) = self.dropped.take() else {
            return;
        };
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // Not waited for: PostgreSQL drops a database only once every connection that is being made is
        // made, and one of those may be this very task's, which would wait for itself.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(execute(&server, &sql));
        });
    }
}

/// Waits for something asynchronous inside a destructor.
fn wait_for<F: Future<Output = ()> + Send>(future: F) {
    let handle = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        let waited = scope.spawn(move || handle.block_on(future)).join();
        if let (Err(cause), false) = (waited, std::thread::panicking()) {
            std::panic::resume_unwind(cause);
        }
    });
}

impl TestApp {
    pub async fn start(engine: Engine, options: &[(&str, &str)]) -> Option<Self> {
        let database = Database::create(engine).await?;
        let stripe = sandbox::Stripe::start(StripeConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            secret_key: STRIPE_KEY.to_owned(),
            webhook: None,
            livemode: false,
        });
        let stripe = stripe.await.unwrap();
        let provider = start_provider().await;
        let sold = sold(&provider);
        let mut all: Vec<_> = sold
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        all.extend(options);
        let config = configure(&database, &stripe, &all);
        let ahead = Arc::new(AtomicI64::new(0));
        let app = App::start(config, clock(&ahead)).await.unwrap();
        let served = http::serve(&app).await.unwrap();
        jobs::start(&app);
        let url = format!("http://{}", served.address);
        let metrics_url = format!("http://{}/metrics", served.metrics.unwrap());
        let hook = format!("{url}/webhooks/stripe");
        stripe.set_webhook(Some(Webhook {
            url: hook,
            secrets: vec![WEBHOOK_SECRET.to_owned()],
        }));
        let account = create_account(&app).await;
        let token = create_token(&app, account, &["AI Gateway Write"]).await;
        let app = Self {
            app,
            stripe,
            provider,
            url,
            metrics_url,
            account,
            token,
            ahead,
            owes: AtomicBool::new(false),
            _database: database,
        };
        Some(app)
    }

    /// A second Farebox on the same database, with the same clock and the same Stripe; none on SQLite, which
    /// serves one.
    pub async fn another_node(&self) -> Option<Arc<App>> {
        if self.app.store.db.engine() == "sqlite" {
            return None;
        }
        let config = configure(&self._database, &self.stripe, &[]);
        Some(App::start(config, clock(&self.ahead)).await.unwrap())
    }

    /// The same for calls to models, with its address.
    pub async fn another_gateway(&self) -> Option<(Arc<App>, String)> {
        if self.app.store.db.engine() == "sqlite" {
            return None;
        }
        let sold = sold(&self.provider);
        let sold: Vec<_> = sold
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let config = configure(&self._database, &self.stripe, &sold);
        let app = App::start(config, clock(&self.ahead)).await.unwrap();
        let served = http::serve(&app).await.unwrap();
        Some((app, format!("http://{}", served.address)))
    }

    /// Gives the account the sandbox's cards; `pm_card_visa` is the default.
    pub async fn add_cards(&self) {
        self.add_cards_to(self.account).await;
    }

    pub async fn add_cards_to(&self, account: AccountId) {
        let customer = billing::ensure_customer(&self.app, account).await.unwrap();
        for (id, default) in [
            ("pm_card_visa", true),
            ("pm_card_chargeDeclined", false),
            ("pm_card_chargeDeclinedInsufficientFunds", false),
            ("pm_card_authenticationRequired", false),
        ] {
            self.stripe
                .seed_customer_card(&customer, id, default)
                .unwrap();
        }
        // What these events cause is done before a test counts or hinders calls to Stripe.
        self.settle().await;
    }

    /// Gives the test's account credit, in whole cents, without Stripe.
    pub async fn give(&self, cents: i64) {
        let operation = Operation::Transfer {
            id: farebox::ids::transfer_for("test", &farebox::ids::opaque()),
            debit: ledger::Account::Promotions,
            credit: ledger::Account::Customer(self.account),
            amount: Amount::from_cents(cents).unwrap(),
            code: Code::Promotion,
            reference: String::new(),
        };
        let committer = &self.app.store.committer;
        committer.commit_one(operation).await.unwrap();
    }

    /// Moves the app's clock on.
    pub fn tick(&self, duration: Duration) {
        self.ahead.fetch_add(
            i64::try_from(duration.as_millis()).unwrap(),
            Ordering::Relaxed,
        );
    }

    /// Says that this test may leave an account with less than nothing: money that was spent went back.
    pub fn may_owe(&self) {
        self.owes.store(true, Ordering::Relaxed);
    }

    pub async fn another_account(&self) -> AccountId {
        create_account(&self.app).await
    }

    pub async fn token_for(&self, account: AccountId, permissions: &[&str]) -> String {
        create_token(&self.app, account, permissions).await
    }

    /// The path of a billing endpoint of the test's account.
    pub fn billing(&self, endpoint: &str) -> String {
        format!(
            "/client/v4/accounts/{}/ai-gateway/billing/{endpoint}",
            self.account
        )
    }

    pub fn client(&self) -> Client {
        let url = format!("{}/client/v4", self.url);
        Client::builder()
            .base_url(url)
            .api_token(&self.token)
            .max_retries(0)
            .build()
            .unwrap()
    }

    pub async fn balance(&self) -> CreditBalance {
        let params = CreditBalanceParams {
            account_id: self.account.to_string(),
        };
        self.client()
            .ai_gateway()
            .billing()
            .credit_balance(params)
            .await
            .unwrap()
    }

    /// The balance in cents, as the wire writes it.
    pub async fn cents(&self) -> String {
        self.balance().await.balance.to_string()
    }

    /// A request with the test's token.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let builder = http_client().request(method, format!("{}{path}", self.url));
        Request(builder.bearer_auth(&self.token))
    }

    /// A request without credentials.
    pub fn anonymous(&self, method: Method, path: &str) -> Request {
        Request(http_client().request(method, format!("{}{path}", self.url)))
    }

    pub async fn topup(&self, body: Value) -> Answer {
        self.request(Method::POST, &self.billing("topup"))
            .json(body)
            .send()
            .await
    }

    pub async fn status(&self, invoice: &str) -> Answer {
        let body = json!({ "payment_intent_id": invoice });
        self.request(Method::POST, &self.billing("topup/status"))
            .json(body)
            .send()
            .await
    }

    /// Asks for the status until it is what is expected, for ten seconds at most.
    pub async fn status_becomes(&self, invoice: &str, expected: &str) {
        self.until(async || self.status(invoice).await.body["result"]["status"] == expected)
            .await;
    }

    /// Waits until something is so, for ten seconds at most.
    pub async fn until(&self, holds: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !holds().await {
            assert!(
                begun.elapsed() < Duration::from_secs(10),
                "it does not come about"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until every webhook is delivered and every job is done.
    pub async fn settle(&self) {
        let delivered = self.stripe.deliveries_settled();
        tokio::time::timeout(Duration::from_secs(10), delivered)
            .await
            .expect("webhooks are taken");
        // A loop of its own: the destructor needs a future that can be sent.
        let begun = Instant::now();
        while job_rows::count(&self.app.store.db).await.unwrap() > 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "jobs are left");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn is_none(&self, sql: &str) -> bool {
        self.app.store.db.query(sql, &[]).await.unwrap().is_empty()
    }

    async fn check_invariants(&self) {
        self.settle().await;
        let audit = audit::check(&self.app.store.db).await.unwrap();
        assert!(
            audit.is_right(),
            "the books are wrong: {:#?}",
            audit.problems
        );
        // A lease may be: it is released when nobody has used it for a while, or at the stop.
        let sql = "SELECT holds.id FROM holds JOIN transfers ON transfers.id = holds.id \
             WHERE state = 'open' AND reference <> 'lease'";
        assert!(self.is_none(sql).await, "a hold is open");
        let sql = "SELECT id FROM bucket_reservations";
        assert!(
            self.is_none(sql).await,
            "something is reserved under a spend rule"
        );
        let sql = "SELECT account_id FROM balances \
             WHERE credits_posted - debits_posted - debits_pending < 0";
        assert!(
            self.owes.load(Ordering::Relaxed) || self.is_none(sql).await,
            "overdrawn"
        );
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // What a test left waiting must not be held against it, only what is wrong.
        self.stripe.clear_faults();
        wait_for(async {
            self.check_invariants().await;
            tokio::time::timeout(Duration::from_secs(10), self.app.shut_down())
                .await
                .expect("shutdown waits for nothing but requests under way");
            // What a test's clock has made too old is the next pass's to release.
            let now = self.app.now().millis();
            let sql = format!("SELECT id FROM holds WHERE state = 'open' AND expires_at > {now}");
            assert!(self.is_none(&sql).await, "a lease is not released");
        });
    }
}

/// The operator's keys at the providers that the tests sell.
pub const PROVIDER_KEYS: &[(&str, &str)] = &[
    ("openai", "sk-operator-openai"),
    ("anthropic", "sk-ant-operator"),
    ("google-ai-studio", "AIza-operator"),
    ("grok", "xai-operator"),
    ("groq", "gsk_operator"),
    ("deepseek", "sk-operator-deepseek"),
    ("mistral", "operator-mistral"),
];

pub async fn start_provider() -> sandbox::Provider {
    let keys = PROVIDER_KEYS.iter().map(|(_, key)| (*key).to_owned());
    let config = sandbox::ProviderConfig {
        keys: keys.collect(),
        ..Default::default()
    };
    sandbox::Provider::start(config).await.unwrap()
}

/// What makes Farebox call the sandbox's provider, with the operator's keys.
pub fn sold(provider: &sandbox::Provider) -> [(&'static str, String); 2] {
    let keys = PROVIDER_KEYS
        .iter()
        .map(|(slug, key)| format!("{slug}={key}"));
    let urls = PROVIDER_KEYS.iter().map(|(slug, _)| match *slug {
        "openai" | "anthropic" | "google-ai-studio" => format!("{slug}={}", provider.url()),
        "groq" => format!("groq={}/groq/v1", provider.url()),
        other => format!("{other}={}/{other}", provider.url()),
    });
    let (keys, urls): (Vec<_>, Vec<_>) = (keys.collect(), urls.collect());
    [
        ("FAREBOX_PROVIDERS__KEYS", keys.join(",")),
        ("FAREBOX_PROVIDERS__URLS", urls.join(",")),
    ]
}

/// A configuration as `dev` makes it, with webhooks and jobs quick enough for tests.
pub fn configure(
    database: &Database,
    stripe: &sandbox::Stripe,
    options: &[(&str, &str)],
) -> Config {
    Config::load(None, variables(database, stripe, options).into_iter()).unwrap()
}

/// The same as variables, for a process of its own.
pub fn variables(
    database: &Database,
    stripe: &sandbox::Stripe,
    options: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let mut all = vec![
        ("FAREBOX_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ("FAREBOX_HTTP__METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ("FAREBOX_DATABASE__URL", database.url.clone()),
        ("FAREBOX_DATABASE__POOL_SIZE", "6".to_owned()),
        ("FAREBOX_SECURITY__KEY", "07".repeat(32)),
        ("FAREBOX_STRIPE__BASE_URL", stripe.url()),
        ("FAREBOX_STRIPE__SECRET_KEY", STRIPE_KEY.to_owned()),
        ("FAREBOX_STRIPE__WEBHOOK_SECRETS", WEBHOOK_SECRET.to_owned()),
        ("FAREBOX_STRIPE__TIMEOUT_SECONDS", "2".to_owned()),
    ];
    all.extend(
        options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned())),
    );
    // Of two values the later one counts.
    all.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn clock(ahead: &Arc<AtomicI64>) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    let (ahead, system) = (ahead.clone(), farebox::app::system_clock());
    Arc::new(move || Timestamp::from_millis(system().millis() + ahead.load(Ordering::Relaxed)))
}

async fn create_account(app: &App) -> AccountId {
    let command = Command::CreateAccount {
        name: "Test".to_owned(),
        id: None,
    };
    let done = admin::run(&app.store.db, &app.keyring, command, app.now())
        .await
        .unwrap();
    done["id"].as_str().unwrap().parse().unwrap()
}

async fn create_token(app: &App, account: AccountId, permissions: &[&str]) -> String {
    let command = Command::CreateToken {
        account: account.to_string(),
        name: "test".to_owned(),
        permissions: permissions.iter().map(|&name| name.to_owned()).collect(),
        expires_in_seconds: None,
    };
    let done = admin::run(&app.store.db, &app.keyring, command, app.now())
        .await
        .unwrap();
    done["token"].as_str().unwrap().to_owned()
}

/// A client without connections: one that another test has made belongs to that test's runtime.
pub fn http_client() -> reqwest::Client {
    // Reading the system's certificates takes longer than most tests.
    static TLS: OnceLock<rustls::ClientConfig> = OnceLock::new();
    let tls = TLS.get_or_init(|| farebox::tls::client_config().unwrap());
    reqwest::Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(tls.clone())
        .build()
        .unwrap()
}

pub struct Request(pub reqwest::RequestBuilder);

impl Request {
    pub fn json(self, body: Value) -> Self {
        self.body(body.to_string())
    }

    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("content-type", "application/json").body(body))
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub async fn send(self) -> Answer {
        let answer = self.0.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer {
            status,
            headers,
            body,
            text,
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// The `payment_intent_id` of a top-up that was started.
    #[track_caller]
    pub fn invoice(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body["result"]["payment_intent_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The first error's code, after a look at the envelope.
    #[track_caller]
    pub fn code(&self) -> i64 {
        assert_eq!(self.body["success"], false, "{}", self.text);
        assert_eq!(self.body["result"], Value::Null, "{}", self.text);
        self.body["errors"][0]["code"].as_i64().expect("a code")
    }

    /// Status line and body for a snapshot, with ids replaced by their kind.
    pub fn snapshot(&self) -> String {
        let body = serde_json::to_string_pretty(&self.body).unwrap();
        redact(&format!("{}\n{body}", self.status))
    }
}

/// Replaces what differs from run to run: ids of Stripe's and of ours.
pub fn redact(text: &str) -> String {
    let mut redacted = String::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (index, part) in text.split_inclusive(|c| !is_word(c)).enumerate() {
        let (word, rest) = part.split_at(part.trim_end_matches(|c| !is_word(c)).len());
        let kind = ["in_", "pi_", "cus_", "evt_", "fbx_"]
            .into_iter()
            .find(|kind| word.strip_prefix(kind).is_some_and(|id| id.len() > 8));
        let is_hex = word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        match kind {
            Some(kind) => redacted.push_str(&format!("{kind}…")),
            None if is_hex && index > 0 => redacted.push_str("<hex>"),
            None => redacted.push_str(word),
        }
        redacted.push_str(rest);
    }
    redacted
}

/// Stripe answers nothing but 500.
pub fn down() -> sandbox::Fault {
    fault(
        "/v1/**",
        u32::MAX,
        sandbox::FaultAction::Answer {
            status: 500,
            retry_after: None,
        },
    )
}

/// What happens to the next `times` requests to `path`.
pub fn fault(path: &str, times: u32, action: sandbox::FaultAction) -> sandbox::Fault {
    sandbox::Fault {
        method: None,
        path: path.to_owned(),
        nth: 1,
        times,
        action,
    }
}
