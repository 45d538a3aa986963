//! Query parameters: taken one by one, every fault named at once, as [`crate::http::body`] does with fields.
//!
//! The SDKs write `null` as nothing (contract: section 0, trap 3), so an empty parameter is an absent one.
//! Parameters that nobody takes are ignored, as Cloudflare ignores them.

use std::str::FromStr;
use std::sync::Arc;

use ::api::ApiMessage;
use axum::extract::{FromRequestParts, Query};
use http::request::Parts;

use crate::app::App;
use crate::error::{ApiError, issue};
use crate::http::nul;

/// The parameters of a request's URL.
#[derive(Debug)]
pub struct Params {
    pairs: Vec<(String, String)>,
    errors: Vec<ApiMessage>,
}

impl FromRequestParts<Arc<App>> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, app).await;
        let Query(pairs) =
            query.map_err(|_| ApiError::invalid(&["query"], "The query string can't be read"))?;
        let has_nul = |(name, value): &&(String, String)| nul::is_in(name) || nul::is_in(value);
        let nul = pairs.iter().filter(has_nul);
        let nul: Vec<_> = nul.map(|(name, _)| nul::fault(&["query", name])).collect();
        if !nul.is_empty() {
            return Err(ApiError::all_invalid(nul));
        }
        Ok(Self {
            pairs,
            errors: Vec::new(),
        })
    }
}

impl Params {
    /// Takes a parameter as it is. Empty and `null` count as absent.
    fn take(&self, name: &str) -> Option<String> {
        let found = self.pairs.iter().find(|(known, _)| known == name);
        let value = found.map(|(_, value)| value.trim())?;
        (!value.is_empty() && value != "null").then(|| value.to_owned())
    }

    /// The parameters whose names begin so, in their order.
    pub fn beginning_with<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self
            .pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        all.filter(move |(name, _)| name.starts_with(prefix))
    }

    /// Notes a fault that somebody else has found, from the parameter's name inwards.
    pub fn refuse(&mut self, inwards: &[&str], message: impl Into<String>) {
        self.errors
            .push(issue(&[&["query"], inwards].concat(), message));
    }

    /// Takes a text of at most 500 characters.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let value = self.take(name)?;
        if value.chars().count() > 500 {
            return self.fault(name, "String must contain at most 500 character(s)");
        }
        Some(value)
    }

    /// Takes a yes or no.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// Takes which page of a list is wanted, from 1 on, and how many entries a page has.
    pub fn page(&mut self, usual: i64, most: i64) -> (i64, i64) {
        let page = self.integer("page", 1, i64::MAX).unwrap_or(1);
        let per_page = self.integer("per_page", 1, most).unwrap_or(usual);
        (page, per_page)
    }

    /// Takes one of several words.
    pub fn choice<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let value = self.take(name)?;
        let found = words.iter().find(|(word, _)| *word == value);
        if found.is_none() {
            let quoted: Vec<_> = words.iter().map(|(word, _)| format!("'{word}'")).collect();
            let expected = quoted.join(" | ");
            let message = format!("Invalid enum value. Expected {expected}, received '{value}'");
            self.fault::<T>(name, message);
        }
        found.map(|(_, choice)| *choice)
    }

    /// The same for a parameter that must be there; `None` is a fault that is noted.
    pub fn needed_choice<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        if self.take(name).is_none() {
            self.fault::<T>(name, "Required");
        }
        self.choice(name, words)
    }

    /// Takes an integer from `min` to `max`. The SDKs type some as floats, so `7.0` is one too.
    pub fn integer(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let value = self.take(name)?;
        let whole = match value.split_once('.') {
            Some((whole, places)) if places.bytes().all(|byte| byte == b'0') => whole,
            _ => value.as_str(),
        };
        let Ok(number) = whole.parse::<i64>() else {
            return self.fault(name, "Expected integer, received string");
        };
        if number < min {
            return self.fault(
                name,
                format!("Number must be greater than or equal to {min}"),
            );
        }
        if number > max {
            return self.fault(name, format!("Number must be less than or equal to {max}"));
        }
        Some(number)
    }

    /// Takes a time in milliseconds since the epoch, up to the end of the year 9999.
    pub fn millis(&mut self, name: &str) -> Option<i64> {
        self.integer(name, 0, 253_402_300_799_999)
    }

    /// Takes an id.
    pub fn id<T: FromStr>(&mut self, name: &str) -> Option<T> {
        match self.take(name)?.parse() {
            Ok(id) => Some(id),
            Err(_) => self.fault(name, "Invalid id: write 32 lower-case hexadecimal digits"),
        }
    }

    /// The faults found so far, all together.
    ///
    /// # Errors
    /// An [`ApiError`] with one entry per fault, where there is any.
    pub fn check(self) -> Result<(), ApiError> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(ApiError::all_invalid(self.errors))
        }
    }

    fn fault<T>(&mut self, name: &str, message: impl Into<String>) -> Option<T> {
        self.errors.push(issue(&["query", name], message));
        None
    }
}
