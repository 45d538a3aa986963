//! A sandbox with a client to it.

use std::sync::Once;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use sandbox::{Stripe, StripeConfig, Webhook};
use serde_json::Value;

pub(crate) const KEY: &str = "sk_test_it";
pub(crate) const PUBLISHABLE: &str = "pk_test_it";

pub(crate) type Form<'a> = &'a [(&'a str, &'a str)];

pub(crate) struct App {
    pub(crate) stripe: Stripe,
    pub(crate) http: Http,
}

#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) url: String,
    client: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

pub(crate) async fn start() -> App {
    start_with(None).await
}

/// A client wants to know what to do TLS with, even where it does none.
pub(crate) fn tls() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap();
    });
}

pub(crate) async fn start_with(webhook: Option<Webhook>) -> App {
    tls();
    let config = StripeConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        secret_key: KEY.to_owned(),
        webhook,
        livemode: false,
    };
    let stripe = Stripe::start(config).await.unwrap();
    // A fresh connection for each request: a retry by the client must never hide a closed one.
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .pool_max_idle_per_host(0)
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let http = Http {
        url: stripe.url(),
        client,
    };
    App { stripe, http }
}

fn encode(form: Form<'_>) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    let pairs = form
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

impl Http {
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        form: Form<'_>,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<Answer> {
        let encoded = encode(form);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let (query, body) = match method {
            Method::POST => (String::new(), Some(encoded)),
            _ if encoded.is_empty() => (String::new(), None),
            _ => (format!("?{encoded}"), None),
        };
        let mut request = self
            .client
            .request(method, format!("{}{path}{query}", self.url));
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.bearer_auth(KEY);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    pub(crate) async fn post(&self, path: &str, form: Form<'_>) -> Answer {
        self.send("POST", path, form, &[]).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, form: Form<'_>) -> Answer {
        self.send("GET", path, form, &[]).await.unwrap()
    }

    pub(crate) async fn keyed(&self, path: &str, form: Form<'_>, key: &str) -> Answer {
        self.send("POST", path, form, &[("idempotency-key", key)])
            .await
            .unwrap()
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> Answer {
        let request = self
            .client
            .post(format!("{}/_sandbox/{path}", self.url))
            .json(&body);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status,
            headers,
            body,
        }
    }

    /// A new customer's id.
    pub(crate) async fn customer(&self) -> String {
        self.post("/v1/customers", &[("name", "A")]).await.ok()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A new customer with this card as default.
    pub(crate) async fn customer_with(&self, card: &str) -> String {
        let customer = self.customer().await;
        let path = format!("/v1/payment_methods/{card}/attach");
        let method = self.post(&path, &[("customer", &customer)]).await.id();
        let default = [("invoice_settings[default_payment_method]", method.as_str())];
        self.post(&format!("/v1/customers/{customer}"), &default)
            .await
            .ok();
        customer
    }

    /// A draft with one line of this many cents.
    pub(crate) async fn draft(&self, customer: &str, cents: &str) -> String {
        let invoice = self
            .post("/v1/invoices", &[("customer", customer)])
            .await
            .id();
        let item = [
            ("invoice", invoice.as_str()),
            ("amount", cents),
            ("description", "Credits"),
        ];
        self.post("/v1/invoiceitems", &item).await.ok();
        invoice
    }

    /// A finalized invoice and its intent.
    pub(crate) async fn open(&self, customer: &str, cents: &str) -> (String, String) {
        let invoice = self.draft(customer, cents).await;
        let path = format!("/v1/invoices/{invoice}/finalize");
        let open = self.post(&path, &[("expand[]", "payments")]).await.ok();
        let intent = &open["payments"]["data"][0]["payment"]["payment_intent"];
        (invoice, intent.as_str().unwrap_or("").to_owned())
    }

    pub(crate) async fn pay(&self, invoice: &str, form: Form<'_>) -> Answer {
        self.post(&format!("/v1/invoices/{invoice}/pay"), form)
            .await
    }

    /// The intent of an invoice of 5000 cents, paid with this card.
    pub(crate) async fn paid(&self, card: &str) -> String {
        let customer = self.customer_with(card).await;
        let (invoice, intent) = self.open(&customer, "5000").await;
        self.pay(&invoice, &[]).await.ok();
        intent
    }

    /// The charge that paid an intent.
    pub(crate) async fn charge(&self, intent: &str) -> Value {
        let intent = self.intent(intent).await;
        let charge = intent["latest_charge"].as_str().unwrap();
        self.get(&format!("/v1/charges/{charge}"), &[]).await.ok()
    }

    pub(crate) async fn refund(&self, intent: &str, cents: &str) -> Answer {
        let form = [("payment_intent", intent), ("amount", cents)];
        self.post("/v1/refunds", &form).await
    }

    pub(crate) async fn invoice(&self, invoice: &str) -> Value {
        self.get(&format!("/v1/invoices/{invoice}"), &[]).await.ok()
    }

    pub(crate) async fn intent(&self, intent: &str) -> Value {
        self.get(&format!("/v1/payment_intents/{intent}"), &[])
            .await
            .ok()
    }

    /// The types of all events about an object, oldest first.
    pub(crate) async fn events_about(&self, id: &str) -> Vec<String> {
        let page = self.get("/v1/events", &[("limit", "100")]).await.ok();
        let events = page["data"].as_array().unwrap().iter().rev();
        let about = events.filter(|event| event["data"]["object"]["id"] == id);
        about
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Answer {
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{:#}", self.body);
        self.body
    }

    pub(crate) fn id(self) -> String {
        self.ok()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status, then code of the error, or its message where Stripe has no code for it.
    pub(crate) fn error(&self) -> (u16, &str) {
        let error = &self.body["error"];
        let told = error["code"].as_str().or(error["message"].as_str());
        (self.status, told.unwrap_or("no error"))
    }
}
