//! Sending a [`Call`]: attempts, logging, and reading the answer.
//!
//! A line is logged per attempt with what support asks for (Stripe's request id) and nothing
//! that is secret: no header of ours, no parameter, no body.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response, header::HeaderMap};
use serde::de::DeserializeOwned;
use tracing::{debug, info, warn};

use super::{
    Stripe, StripeError,
    call::Call,
    error::from_answer,
    retry::{Failure, delay},
};

impl Stripe {
    /// Sends the call, repeats it where that is safe and helps, and decodes the answer.
    pub(super) async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<T, StripeError> {
        let body = self
            .attempts(&call)
            .await
            .inspect_err(|error| match error {
                // A refused card is the customer's business and nothing that an operator must mend.
                StripeError::Card { .. } => {
                    info!(method = %call.method, path = %call.path, %error, "payment refused");
                }
                _ => warn!(method = %call.method, path = %call.path, %error, "stripe call failed"),
            })?;
        serde_json::from_slice(&body).map_err(|error| {
            // The error of serde_json quotes single values at worst, so only its place is kept.
            let detail = format!(
                "{:?} error at line {} column {}",
                error.classify(),
                error.line(),
                error.column()
            );
            warn!(method = %call.method, path = %call.path, detail, "stripe answer not understood");
            StripeError::Decode { detail }
        })
    }

    async fn attempts(&self, call: &Call) -> Result<Bytes, StripeError> {
        let mut uncertain = false;
        let mut retries_done = 0;
        loop {
            let failure = match self.attempt(call, retries_done + 1).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            let random = getrandom::u32().unwrap_or_default();
            let Some(wait) = delay(&failure, retries_done, self.inner.max_retries, random) else {
                let error = failure.error;
                return Err(if uncertain {
                    error.after_uncertainty()
                } else {
                    error
                });
            };
            uncertain |= failure.error.outcome_unknown();
            retries_done += 1;
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, call: &Call, attempt: u32) -> Result<Bytes, Failure> {
        let answer = self.request(call).send().await.map_err(|error| {
            let error = from_transport(&error);
            debug!(method = %call.method, path = %call.path, attempt, %error, "stripe did not answer");
            error
        })?;
        let request_id = header(answer.headers(), "request-id").unwrap_or_default();
        let status = answer.status().as_u16();
        debug!(method = %call.method, path = %call.path, status, request_id, attempt, "stripe answered");
        read(answer).await
    }

    fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let url = format!("{}{}", self.inner.base_url, call.path);
        let request = self.inner.http.request(call.method.clone(), url);
        let request = match call.method {
            Method::GET => request.query(&call.pairs),
            _ => request.form(&call.pairs),
        };
        match &call.idempotency_key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        }
    }
}

async fn read(answer: Response) -> Result<Bytes, Failure> {
    let status = answer.status();
    let headers = answer.headers().clone();
    let body = answer
        .bytes()
        .await
        .map_err(|error| from_transport(&error))?;
    if status.is_success() {
        return Ok(body);
    }
    let retry_after = header(&headers, "retry-after").and_then(seconds);
    Err(Failure {
        error: from_answer(status.as_u16(), &body, retry_after),
        hint: header(&headers, "stripe-should-retry").and_then(|text| text.parse().ok()),
        retry_after,
        replayed: header(&headers, "idempotent-replayed") == Some("true"),
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

/// A request that never became an answer.
fn from_transport(error: &reqwest::Error) -> StripeError {
    if error.is_builder() {
        // An idempotency key or a URL with a character that cannot be sent: ours to mend.
        return StripeError::Invalid {
            status: 0,
            code: None,
            param: None,
            message: "the request cannot be put together".to_owned(),
        };
    }
    // Asked first: a connection that could not be made in time is a timeout too, but nothing was
    // sent over it.
    if error.is_connect() {
        return unreachable_host(root_cause(error), false);
    }
    if error.is_timeout() {
        return StripeError::TimedOut;
    }
    unreachable_host(root_cause(error), true)
}

fn unreachable_host(detail: String, may_have_run: bool) -> StripeError {
    StripeError::Unavailable {
        status: None,
        may_have_run,
        detail,
    }
}

/// The innermost reason: the outer ones say only that a request failed.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    // Without an inner reason the text would name the URL with its query.
    if std::ptr::addr_eq(cause, error) {
        "the request could not be made".to_owned()
    } else {
        cause.to_string()
    }
}

#[cfg(test)]
mod tests;
