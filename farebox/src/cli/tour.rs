//! The tour of the demo: what a user does, with every request and answer, in the order in which money
//! moves. Each stop checks what it shows; the first thing that isn't as it should be ends the tour.

mod models;
mod wallet;

use std::sync::Arc;
use std::time::Duration;

use api::{
    Client, CreditBalance, CreditBalanceParams, Exchange, Topup, TopupCreateParams, TopupStatus,
    TopupStatusParams,
};
use reqwest::header::CONTENT_TYPE;
use sandbox::Outcome;
use secrecy::SecretString;
use serde_json::Value;

use crate::cli::dev::Dev;
use crate::cli::{Failure, ledger as books};
use crate::store::audit;
use crate::stripe::signature;

/// How long the tour waits for a payment that should be there at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// Takes the tour; answers the invoice of the first top-up.
pub(super) async fn take(dev: &Dev) -> Result<String, Failure> {
    println!(
        "Farebox: credit, from the card to the model. A sandbox stands in for Stripe and for the providers of \
         models: no money moves."
    );
    stop("An account and a token (farebox account create, farebox token create)");
    println!(
        "account  {}\ntoken    {}",
        dev.access.account_id, dev.access.token
    );
    let tour = Tour {
        dev,
        client: client(dev)?,
        http: http_client()?,
    };
    stop("A test card, saved at Stripe: 4242 4242 4242 4242");
    dev.add_cards().await?;
    let balance = tour.balance().await?;
    expect("the account has a card", balance.has_default_payment_method)?;
    let invoice = tour.card_is_charged().await?;
    tour.card_is_declined().await?;
    tour.customer_authenticates().await?;
    tour.webhook_comes_three_times(&invoice).await?;
    tour.limit_is_kept().await?;
    tour.operator_refunds(&invoice).await?;
    tour.wallet_fills_itself().await?;
    tour.models_are_called().await?;
    stop("Do the books add up? (farebox ledger check)");
    let audit = audit::check(&dev.app.store.db)
        .await
        .map_err(Failure::new)?;
    books::print_audit(&audit);
    expect("the books are right", audit.is_right())?;
    println!(
        "\nEverything is as it should be. `--keep` leaves it running; README.md says how to go on."
    );
    Ok(invoice)
}

struct Tour<'a> {
    dev: &'a Dev,
    client: Client,
    /// For what the API's client has no method for.
    http: reqwest::Client,
}

impl Tour<'_> {
    async fn card_is_charged(&self) -> Result<String, Failure> {
        stop("Top up $50: the default card is charged");
        let topup = self.create(5000, None).await.map_err(Failure::new)?;
        let invoice = topup.payment_intent_id;
        stop("Has the money arrived? (topup.status)");
        self.wait_until_completed(&invoice).await?;
        let balance = self.balance().await?;
        expect("the balance is $50", balance.balance.to_string() == "5000")?;
        Ok(invoice)
    }

    async fn card_is_declined(&self) -> Result<(), Failure> {
        stop(
            "A card that is declined: an error with the reason, nothing charged, nothing credited",
        );
        let refused = self.create(2000, Some("pm_card_chargeDeclined")).await;
        expect(
            "the top-up was refused",
            matches!(refused, Err(api::Error::BadRequest(_))),
        )
    }

    async fn customer_authenticates(&self) -> Result<(), Failure> {
        stop("3-D Secure: the top-up is pending, with a secret for the customer's browser");
        let created = self
            .create(3000, Some("pm_card_authenticationRequired"))
            .await;
        let topup = created.map_err(Failure::new)?;
        let secret = topup.client_secret.unwrap_or_default();
        expect("there is a secret to confirm with", !secret.is_empty())?;
        let status = self.status(&topup.payment_intent_id).await?;
        expect("it is pending", status == TopupStatus::Pending)?;
        stop("The customer authenticates (in a browser, at the bank's page)");
        let intent = secret.split("_secret_").next().unwrap_or_default();
        let done = self.dev.stripe.authenticate(intent, Outcome::Succeed);
        done.map_err(|refusal| Failure::new(format!("{refusal:?}")))?;
        println!("{intent} is authenticated");
        self.wait_until_completed(&topup.payment_intent_id).await?;
        let balance = self.balance().await?;
        expect("the balance is $80", balance.balance.to_string() == "8000")
    }

    async fn webhook_comes_three_times(&self, invoice: &str) -> Result<(), Failure> {
        stop("Stripe sends the same webhook three times more");
        let event = self.paid_event(invoice)?;
        for _ in 0..3 {
            let status = self.send_webhook(&event).await?;
            expect("it was taken", status == 200)?;
        }
        let balance = self.balance().await?;
        expect(
            "the balance has moved once",
            balance.balance.to_string() == "8000",
        )
    }

    /// The event by which Stripe said that the invoice is paid.
    fn paid_event(&self, invoice: &str) -> Result<Value, Failure> {
        let state = self.dev.stripe.state();
        let kinds = state
            .as_object()
            .into_iter()
            .flat_map(|kinds| kinds.values());
        let mut objects = kinds.flat_map(|kind| kind.as_array().into_iter().flatten());
        let found = objects.find(|object| {
            object["type"] == "invoice.paid" && object["data"]["object"]["id"] == invoice
        });
        found
            .cloned()
            .ok_or_else(|| Failure::new("the sandbox has no such event"))
    }

    async fn send_webhook(&self, event: &Value) -> Result<u16, Failure> {
        let (url, body) = (self.dev.webhook_url(), event.to_string());
        let secret = SecretString::from(self.dev.webhook_secret.as_str());
        let now_s = self.dev.app.now().millis() / 1000;
        let signed = signature::sign(body.as_bytes(), &secret, now_s);
        let request = self.http.post(&url).header("stripe-signature", signed);
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let answer = request.send().await.map_err(Failure::new)?;
        let status = answer.status().as_u16();
        let kind = event["type"].as_str().unwrap_or_default();
        println!(
            "→ POST {url}  {kind} {}",
            event["id"].as_str().unwrap_or_default()
        );
        println!("← {status}");
        Ok(status)
    }

    async fn create(&self, amount: i64, card: Option<&str>) -> Result<Topup, api::Error> {
        let params = TopupCreateParams {
            account_id: self.dev.access.account_id.clone(),
            amount,
            payment_method_id: card.map(str::to_owned),
            idempotency_key: None,
        };
        self.client
            .ai_gateway()
            .billing()
            .topup()
            .create(params)
            .await
    }

    fn status_params(&self, invoice: &str) -> TopupStatusParams {
        TopupStatusParams {
            account_id: self.dev.access.account_id.clone(),
            payment_intent_id: invoice.to_owned(),
        }
    }

    async fn status(&self, invoice: &str) -> Result<TopupStatus, Failure> {
        let params = self.status_params(invoice);
        let answer = self
            .client
            .ai_gateway()
            .billing()
            .topup()
            .status(params)
            .await;
        Ok(answer.map_err(Failure::new)?.status)
    }

    async fn wait_until_completed(&self, invoice: &str) -> Result<(), Failure> {
        let params = self.status_params(invoice);
        let topups = self.client.ai_gateway().billing().topup();
        let answer = topups
            .wait_until_completed(params, PATIENCE)
            .await
            .map_err(Failure::new)?;
        expect("it is completed", answer.status == TopupStatus::Completed)
    }

    async fn balance(&self) -> Result<CreditBalance, Failure> {
        let params = CreditBalanceParams {
            account_id: self.dev.access.account_id.clone(),
        };
        let balance = self
            .client
            .ai_gateway()
            .billing()
            .credit_balance(params)
            .await;
        balance.map_err(Failure::new)
    }
}

fn client(dev: &Dev) -> Result<Client, Failure> {
    let builder = Client::builder()
        .base_url(dev.base_url())
        .api_token(&dev.access.token);
    builder
        .observer(Arc::new(print_exchange))
        .build()
        .map_err(Failure::new)
}

fn http_client() -> Result<reqwest::Client, Failure> {
    let tls = crate::tls::client_config().map_err(Failure::new)?;
    let http = reqwest::Client::builder().no_proxy();
    let http = http.tls_backend_preconfigured(tls);
    http.build().map_err(Failure::new)
}

fn print_exchange(exchange: &Exchange<'_>) {
    let body = exchange
        .request_body
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    println!("→ {} {}  {body}", exchange.method, exchange.url);
    println!(
        "← {}  {}",
        exchange.status,
        String::from_utf8_lossy(exchange.response_body)
    );
}

fn stop(title: &str) {
    println!("\n── {title} ──");
}

fn expect(what: &str, holds: bool) -> Result<(), Failure> {
    if holds {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "the tour expected that {what}; it is not so"
        )))
    }
}
