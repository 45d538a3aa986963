//! The stops of the tour at which the credit is spent on models: whole answers and streams, an answer that is cut
//! to what there is, one that is refused, and one whose reader leaves. Each says what it cost and what is left.
//!
//! The sandbox writes as many words as `[sandbox words=…]` in a prompt says.

use std::time::Duration;

use api::{Cents, HoldParams, TopupAccountParams};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{PATIENCE, Tour, expect, stop};
use crate::cli::Failure;

/// What the account is left for the answer that is cut, in billionths of a dollar: at $10 for a million tokens
/// that are written, a good thirty.
const LITTLE_NANOS: i64 = 500_000;

/// How much of a body is shown, in characters.
const SHOWN: usize = 800;

/// After how many events the reader of a stream leaves.
const READ: usize = 5;

/// The headers of an answer that are shown.
const HEADERS: [&str; 2] = ["cf-aig-cost", "cf-aig-max-tokens-clamped"];

/// A call of a model, as its provider's own SDK makes it.
struct Call {
    /// From the provider's slug on.
    path: &'static str,
    /// Where the SDK puts its key, which is the account's token here.
    key: &'static str,
    /// What else the SDK always sends.
    headers: &'static [(&'static str, &'static str)],
    body: Value,
}

impl Tour<'_> {
    pub(super) async fn models_are_called(&self) -> Result<(), Failure> {
        stop("Calls of models are paid by the credit, so nothing shall top it up from here on");
        let params = TopupAccountParams {
            account_id: self.dev.access.account_id.clone(),
        };
        let config = self.client.ai_gateway().billing().topup().config();
        config.delete(params).await.map_err(Failure::new)?;
        let left = self.balance().await?.balance;
        let left = self.model_answers(left).await?;
        let left = self.models_stream(left).await?;
        let left = self.answer_is_cut(left).await?;
        self.reader_leaves(left).await
    }

    async fn model_answers(&self, before: Cents) -> Result<Cents, Failure> {
        stop("OpenAI's API with the account's token for a key: cf-aig-cost says what it cost");
        let (status, body) = self.whole(&chat("What is a farebox?")).await?;
        expect("it is answered", status == 200 && body.contains("choices"))?;
        self.paid(before).await
    }

    async fn models_stream(&self, before: Cents) -> Result<Cents, Failure> {
        let mut left = before;
        for (name, call, end) in streams() {
            stop(&format!("{name}, streamed: paid for before its last byte"));
            self.stream(&call, end).await?;
            left = self.paid(left).await?;
        }
        Ok(left)
    }

    async fn answer_is_cut(&self, before: Cents) -> Result<Cents, Failure> {
        stop("An application holds all but a twentieth of a cent");
        let most = Cents::from_nanos(before.nanos().saturating_sub(LITTLE_NANOS));
        let hold = self.hold_amount(most).await.map_err(Failure::new)?;
        stop(
            "A long answer: it is cut to what the credit pays, and nobody has to ask how long that is",
        );
        let long = chat("Tell me all of it. [sandbox words=5000]");
        let (status, body) = self.whole(&long).await?;
        let is_cut = status == 200 && body.contains("\"finish_reason\":\"length\"");
        expect("it is cut", is_cut)?;
        let left = self.paid(before).await?;
        self.answer_is_refused(&long, left).await?;
        stop("The application gives back what it held");
        let voided = self.client.ai_gateway().billing().holds().void(HoldParams {
            account_id: self.dev.access.account_id.clone(),
            hold_id: hold.id,
        });
        voided.await.map_err(Failure::new)?;
        Ok(left)
    }

    async fn answer_is_refused(&self, long: &Call, left: Cents) -> Result<(), Failure> {
        stop("The same again: what is left pays for no answer, and the provider isn't asked");
        let asked = self.dev.models.provider.requests().len();
        let (status, body) = self.whole(long).await?;
        expect("it is refused", status == 402 && body.contains("2021"))?;
        let is_unasked = self.dev.models.provider.requests().len() == asked;
        expect("the provider heard nothing of it", is_unasked)?;
        let after = self.balance().await?.balance;
        print_cost(left, after);
        expect("it cost nothing", after == left)
    }

    async fn reader_leaves(&self, before: Cents) -> Result<(), Failure> {
        stop(
            "A reader who leaves midway: the provider writes on and wants its money, so the rest is read and paid",
        );
        let mut call = chat("Think aloud. [sandbox words=40 between_ms=10]");
        call.body["stream"] = json!(true);
        let mut answer = self.send(&call).await?;
        let mut read = String::new();
        while read.matches("data:").count() < READ {
            let piece = answer.chunk().await.map_err(Failure::new)?;
            let piece =
                piece.ok_or_else(|| Failure::new("the answer is shorter than it should be"))?;
            read.push_str(&String::from_utf8_lossy(&piece));
        }
        drop(answer);
        let last = read.trim().lines().last().unwrap_or_default();
        println!("← {}", shown(last));
        println!("  and the reader is gone");
        let left = self.balance_once_nothing_is_held().await?;
        paid(before, left)?;
        let cancelled = self.dev.models.provider.counts().cancelled;
        expect("the provider was read to the end", cancelled == 0)
    }

    /// Makes a call, and shows its whole answer.
    async fn whole(&self, call: &Call) -> Result<(u16, String), Failure> {
        let answer = self.send(call).await?;
        let status = answer.status().as_u16();
        let body = answer.text().await.map_err(Failure::new)?;
        println!("← {}", shown(&body));
        Ok((status, body))
    }

    /// Makes a call, and shows the first and the last event of its answer, which has `end` in it.
    async fn stream(&self, call: &Call, end: &str) -> Result<(), Failure> {
        let mut answer = self.send(call).await?;
        let is_answered = answer.status() == 200;
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(Failure::new)? {
            body.extend_from_slice(&piece);
        }
        let text = String::from_utf8_lossy(&body);
        let events: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("data:"))
            .collect();
        if let [first, between @ .., last] = events.as_slice() {
            println!("← {}", shown(first));
            println!("  … {} more …", between.len());
            println!("← {}", shown(last));
        }
        expect(
            "it is streamed to its end",
            is_answered && text.contains(end),
        )
    }

    async fn send(&self, call: &Call) -> Result<Response, Failure> {
        let url = format!("{}/{}", self.dev.gateway_url(), call.path);
        let body = call.body.to_string();
        println!("→ POST {url}  {body}");
        let token = match call.key {
            "authorization" => format!("Bearer {}", self.dev.access.token),
            _ => self.dev.access.token.clone(),
        };
        let mut request = self.http.post(&url).header(call.key, token);
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let answer = request.send().await.map_err(Failure::new)?;
        println!("← {}{}", answer.status().as_u16(), told(&answer));
        Ok(answer)
    }

    /// What is left of a balance of `before`, after a call that cost something.
    async fn paid(&self, before: Cents) -> Result<Cents, Failure> {
        paid(before, self.balance().await?.balance)
    }

    async fn balance_once_nothing_is_held(&self) -> Result<Cents, Failure> {
        let begun = Instant::now();
        loop {
            let balance = self.balance().await?;
            let is_free = balance.held == Some(Cents::ZERO);
            if is_free || begun.elapsed() > PATIENCE {
                return expect("nothing is held any more", is_free).map(|()| balance.balance);
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}

fn paid(before: Cents, left: Cents) -> Result<Cents, Failure> {
    print_cost(before, left);
    expect("it cost something", left < before).map(|()| left)
}

fn print_cost(before: Cents, left: Cents) {
    let cost = Cents::from_nanos(before.nanos().saturating_sub(left.nanos()));
    println!("It cost {cost} cents; the balance is {left} cents.");
}

/// A chat completion of OpenAI's.
fn chat(words: &str) -> Call {
    Call {
        path: "openai/v1/chat/completions",
        key: "authorization",
        headers: &[],
        body: json!({"model": "gpt-4o", "messages": [{"role": "user", "content": words}]}),
    }
}

/// One streamed call for each of the three APIs, with what its last event has in it.
fn streams() -> [(&'static str, Call, &'static str); 3] {
    let words = "What is a farebox?";
    let mut openai = chat(words);
    openai.body["stream"] = json!(true);
    let anthropic = Call {
        path: "anthropic/v1/messages",
        key: "x-api-key",
        headers: &[("anthropic-version", "2023-06-01")],
        body: json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "stream": true,
            "messages": [{"role": "user", "content": words}]}),
    };
    let gemini = Call {
        path: "google-ai-studio/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        key: "x-goog-api-key",
        headers: &[],
        body: json!({"contents": [{"role": "user", "parts": [{"text": words}]}]}),
    };
    [
        ("OpenAI", openai, "[DONE]"),
        ("Anthropic", anthropic, "message_stop"),
        ("Gemini", gemini, "STOP"),
    ]
}

/// The headers worth showing, each on a line of its own.
fn told(answer: &Response) -> String {
    let header = |name: &&str| {
        let value = answer.headers().get(*name)?.to_str().ok()?;
        Some(format!("\n← {name}: {value}"))
    };
    HEADERS.iter().filter_map(header).collect()
}

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let line = text.trim().replace('\n', " ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}
