//! `…/gateways/{gateway_id}/logs`: calls through a gateway, looked up and judged.

use reqwest::Method;

use super::gateway_params::{
    LogDeleteParams, LogDirection, LogEditParams, LogFilter, LogListParams, LogParams,
};
use super::gateways::gateway_path;
use super::send::Call;
use super::{Client, Error};
use crate::{Log, LogList, LogsDeleted};

/// `…/gateways/{gateway_id}/logs`.
#[derive(Clone, Copy, Debug)]
pub struct Logs<'a> {
    pub(super) client: &'a Client,
}

/// A body as a call's log has it, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBody {
    /// All of it.
    pub bytes: Vec<u8>,
    /// What it says that it is: a stranger has made it.
    pub content_type: Option<String>,
}

impl Logs<'_> {
    /// A page of a gateway's logs, newest first unless `params` say otherwise: `GET …/logs`. Needs `AI Gateway
    /// Read`. A page past the last is empty.
    ///
    /// ```no_run
    /// # async fn example(client: api::Client) -> Result<(), api::Error> {
    /// let params = api::LogListParams {
    ///     account_id: "account_id".into(),
    ///     gateway_id: "default".into(),
    ///     filters: vec![api::LogFilter::new("cost", api::LogOperator::Gt, "0.01")],
    ///     ..Default::default()
    /// };
    /// for log in client.ai_gateway().logs().list(params).await?.result {
    ///     println!("{} {}", log.id, log.model);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where a filter can't be; otherwise any [`Error`].
    pub async fn list(self, params: LogListParams) -> Result<LogList, Error> {
        let path = logs_path(&params.account_id, &params.gateway_id, &[]);
        let call = Call::new(Method::GET, &path)
            .query("filters", filters(&params.filters)?)
            .query("search", params.search)
            .query("order_by", params.order_by.map(|order| order.name()))
            .query("order_by_direction", direction(params.direction))
            .query("meta_info", params.meta_info.then_some(true))
            .query("page", params.page)
            .query("per_page", params.per_page);
        self.client.call_whole(&call).await
    }

    /// Removes the logs that match, or all, the oldest first unless `params` say otherwise: `DELETE …/logs`.
    /// Needs `AI Gateway Write`. What calls were charged stays on record.
    ///
    /// # Errors
    ///
    /// [`Error::BadRequest`] where a filter can't be; otherwise any [`Error`].
    pub async fn delete(self, params: LogDeleteParams) -> Result<LogsDeleted, Error> {
        let path = logs_path(&params.account_id, &params.gateway_id, &[]);
        let call = Call::new(Method::DELETE, &path)
            .query("filters", filters(&params.filters)?)
            .query("order_by", params.order_by.map(|order| order.name()))
            .query("order_by_direction", direction(params.direction))
            .query("limit", params.limit);
        self.client.call_whole(&call).await
    }

    /// One log, with the beginnings of its bodies and what it was charged: `GET …/logs/{id}`. Needs `AI
    /// Gateway Read`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the gateway has no such log; otherwise any [`Error`].
    pub async fn get(self, params: LogParams) -> Result<Log, Error> {
        let path = logs_path(&params.account_id, &params.gateway_id, &[&params.log_id]);
        self.client.call(&Call::new(Method::GET, &path)).await
    }

    /// Says what somebody thinks of a call: `PATCH …/logs/{id}`. Needs `AI Gateway Write`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where the gateway has no such log; otherwise any [`Error`].
    pub async fn edit(self, params: LogEditParams) -> Result<Log, Error> {
        let path = logs_path(&params.account_id, &params.gateway_id, &[&params.log_id]);
        let call = Call::new(Method::PATCH, &path).json(&params.edit)?;
        self.client.call(&call).await
    }

    /// What was sent with a call: `GET …/logs/{id}/request`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where there is no such log, or it was not kept, or not whole; otherwise any
    /// [`Error`].
    pub async fn request(self, params: LogParams) -> Result<LogBody, Error> {
        self.body(&params, "request").await
    }

    /// What came back from a call: `GET …/logs/{id}/response`. Needs `AI Gateway Read`.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub async fn response(self, params: LogParams) -> Result<LogBody, Error> {
        self.body(&params, "response").await
    }

    async fn body(self, params: &LogParams, side: &str) -> Result<LogBody, Error> {
        let rest = [params.log_id.as_str(), side];
        let path = logs_path(&params.account_id, &params.gateway_id, &rest);
        self.client.call_raw(&Call::new(Method::GET, &path)).await
    }
}

/// As a JSON array, which is the one encoding that leaves nothing to guess.
fn filters(filters: &[LogFilter]) -> Result<Option<String>, Error> {
    if filters.is_empty() {
        return Ok(None);
    }
    let written = serde_json::to_string(filters);
    let written = written.map_err(|error| Error::Invalid(format!("a filter: {error}")))?;
    Ok(Some(written))
}

fn direction(direction: Option<LogDirection>) -> Option<&'static str> {
    direction.map(LogDirection::name)
}

fn logs_path<'a>(account_id: &'a str, gateway_id: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    let logs = ["gateways", gateway_id, "logs"];
    gateway_path(account_id, &[&logs, rest].concat())
}
