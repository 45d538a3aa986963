//! Every answer of the management API, success or not, in Cloudflare's envelope (contract: section 0).

use ::api::{ApiMessage, Envelope, ResultInfo};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use crate::error::ApiError;

/// By this the SDKs learn not to repeat a call that their own rule would repeat.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A result, to be wrapped in the envelope with status 200.
#[derive(Debug)]
pub struct Success<T> {
    /// The endpoint's own content.
    pub result: T,
    /// What else the caller should know.
    pub messages: Vec<ApiMessage>,
}

impl<T> From<T> for Success<T> {
    fn from(result: T) -> Self {
        Self {
            result,
            messages: Vec::new(),
        }
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        let envelope = Envelope {
            messages: self.messages,
            ..Envelope::success(self.result)
        };
        Json(envelope).into_response()
    }
}

/// A page of a list, with where it stands in it.
#[derive(Debug)]
pub struct Page<T> {
    items: Vec<T>,
    info: ResultInfo,
}

impl<T> Page<T> {
    /// The page of that number, counted from 1, of a list with `total_count` entries.
    pub fn new(items: Vec<T>, page: i64, per_page: i64, total_count: i64) -> Self {
        let info = ResultInfo {
            has_more: page.saturating_mul(per_page) < total_count,
            page,
            per_page,
            total_count,
            ..ResultInfo::default()
        };
        Self { items, info }
    }

    /// The same as the gateways' endpoints have it, with the numbers of entries and pages.
    pub fn listed(items: Vec<T>, page: i64, per_page: i64, total_count: i64) -> Self {
        let mut listed = Self::new(items, page, per_page, total_count);
        let pages = total_count.saturating_add(per_page - 1) / per_page.max(1);
        listed.info.count = i64::try_from(listed.items.len()).ok();
        listed.info.total_pages = Some(pages);
        listed
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let envelope = Envelope {
            result_info: Some(self.info),
            ..Envelope::success(self.items)
        };
        Json(envelope).into_response()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.internal {
            tracing::error!(status = self.status.as_u16(), %cause, "request failed");
        }
        let mut response =
            (self.status, Json(Envelope::<()>::failure(self.errors))).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.never_retry {
            response
                .headers_mut()
                .insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }
}

/// The `result` of an answer that has none: `null`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Nothing;
