//! One call: its attempts, and what its answer says.

use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{Client, Error, Exchange, Failure, LogBody, retry};
use crate::Envelope;

/// The header in which Cloudflare, and Farebox with it, names a request.
const REQUEST_ID: &str = "cf-ray";

/// What is sent, the same in every attempt.
pub(super) struct Call<'a> {
    method: Method,
    path: &'a [&'a str],
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    /// What the server may take on top of the client's timeout.
    extra_time: Duration,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self {
            method,
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            extra_time: Duration::ZERO,
        }
    }

    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        let text = serde_json::to_vec(body)
            .map_err(|error| Error::Invalid(format!("the body can't be written: {error}")))?;
        self.body = Some(text);
        Ok(self.header(
            CONTENT_TYPE.as_str(),
            HeaderValue::from_static("application/json"),
        ))
    }

    /// Adds a query parameter, where there is a value.
    pub(super) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Lets the server wait for news before it answers (RFC 7240, section 4.3).
    pub(super) fn prefer_wait(mut self, seconds: u64) -> Result<Self, Error> {
        if seconds == 0 {
            return Ok(self);
        }
        self.extra_time = Duration::from_secs(seconds);
        let value = HeaderValue::from_str(&format!("wait={seconds}"))
            .map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(self.header("prefer", value))
    }
}

/// A whole answer, whatever it says.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// Makes the call, again where that is worthwhile, and reads the envelope.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Error> {
        self.answer(call).await?.into_result()
    }

    /// The same of an answer that has no `result`, or more than that.
    pub(super) async fn call_whole<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
    ) -> Result<T, Error> {
        self.answer(call).await?.into_whole()
    }

    /// The same of an answer that has no envelope.
    pub(super) async fn call_raw(&self, call: &Call<'_>) -> Result<LogBody, Error> {
        self.answer(call).await?.into_raw()
    }

    async fn answer(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let mut url = self.url(call.path)?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        for attempt in 0..self.inner.max_retries {
            let outcome = self.attempt(url.clone(), call).await;
            if !is_worthwhile(&outcome) {
                return outcome;
            }
            let none = HeaderMap::new();
            let headers = outcome.as_ref().map_or(&none, |answer| &answer.headers);
            let delay = retry::delay(attempt, headers, SystemTime::now(), retry::jitter());
            tokio::time::sleep(delay).await;
        }
        self.attempt(url, call).await
    }

    async fn attempt(&self, url: Url, call: &Call<'_>) -> Result<Answer, Error> {
        let mut request = self
            .inner
            .http
            .request(call.method.clone(), url)
            .headers(call.headers.clone())
            .timeout(self.inner.timeout.saturating_add(call.extra_time));
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(Error::from_transport)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let url = response.url().clone();
        let body = response
            .bytes()
            .await
            .map_err(Error::from_transport)?
            .to_vec();
        self.inner.observer.tell(&Exchange {
            method: call.method.as_str(),
            url: url.as_str(),
            request_body: call.body.as_deref(),
            status: status.as_u16(),
            response_body: &body,
        });
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    fn url(&self, path: &[&str]) -> Result<Url, Error> {
        // A URL drops the segments "." and "..", so they would lead to another resource.
        if path
            .iter()
            .any(|segment| matches!(*segment, "" | "." | ".."))
        {
            return Err(Error::Invalid(
                "an id in the path must not be empty or dots".into(),
            ));
        }
        let mut url = self.inner.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| Error::Invalid("the base URL can't carry a path".into()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }
}

fn is_worthwhile(outcome: &Result<Answer, Error>) -> bool {
    match outcome {
        Ok(answer) if answer.status.is_success() => false,
        Ok(answer) => retry::is_worthwhile(answer.status, &answer.headers),
        Err(error) => matches!(error, Error::Connection(_) | Error::Timeout),
    }
}

impl Answer {
    fn into_result<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.check()?;
        let envelope: Envelope<T> = self.decode()?;
        envelope
            .result
            .ok_or_else(|| self.unreadable("`result` is missing".to_owned()))
    }

    fn into_whole<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.check()?;
        serde_json::from_slice(&self.body).map_err(|error| self.unreadable(error.to_string()))
    }

    fn into_raw(self) -> Result<LogBody, Error> {
        if !self.status.is_success() {
            return Err(Error::from_failure(self.failure()));
        }
        let content_type = self.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        Ok(LogBody {
            content_type: content_type.map(str::to_owned),
            bytes: self.body,
        })
    }

    /// `success` is looked at before all else: a failure's `result` may be `{}` or anything else.
    fn check(&self) -> Result<(), Error> {
        if !self.status.is_success() {
            return Err(Error::from_failure(self.failure()));
        }
        match self.decode::<IgnoredAny>()?.success {
            true => Ok(()),
            false => Err(Error::Status(self.failure())),
        }
    }

    fn decode<T: DeserializeOwned>(&self) -> Result<Envelope<T>, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.unreadable(error.to_string()))
    }

    /// What the body says about the failure. A body that is no envelope says nothing: it may be
    /// empty, `null`, or the page of a proxy in between.
    fn failure(&self) -> Failure {
        let errors = self.decode::<IgnoredAny>().map(|envelope| envelope.errors);
        Failure {
            status: self.status.as_u16(),
            errors: errors.unwrap_or_default(),
            request_id: self.request_id(),
        }
    }

    fn unreadable(&self, detail: String) -> Error {
        Error::Decode {
            detail,
            request_id: self.request_id(),
        }
    }

    fn request_id(&self) -> Option<String> {
        Some(self.headers.get(REQUEST_ID)?.to_str().ok()?.to_owned())
    }
}
