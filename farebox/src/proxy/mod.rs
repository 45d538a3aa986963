//! A call through the gateway, phase by phase: who may, where to, what it can cost, credit held, the provider
//! asked, the answer metered, the call settled.
//!
//! What has no side effects is done by whoever received the call. From the hold on one tracked task owns it, and
//! the client only reads from a bounded channel: a client that leaves strands no hold, one that reads slowly
//! takes no memory, and a shutdown waits for the settlement. This file has the branches; each phase is straight.
//!
//! Nothing here knows a provider by name, or the envelope of the management API.

mod answer;
mod call;
mod credential;
mod error;
mod meter;
mod own;
mod price;
mod record;
mod reserve;
mod route;
mod settle;
mod upstream;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use wire::Change;

pub use answer::{Answer, Body, Broken};
pub use call::{Call, Target, Wishes};
pub use error::{ProxyError, codes};
pub use upstream::{ClientError, client};

use crate::app::App;
use credential::Key;
use record::Outcome;
use reserve::Held;
use route::{Bound, Route};
use settle::Paid;

/// What is owed an answer: to be sent once.
type Reply = oneshot::Sender<Result<Answer, ProxyError>>;

/// A call of which everything is known that can be known before its provider is asked.
struct Prepared {
    call: Arc<Call>,
    key: Key,
    /// Nothing where the path is none that is metered, which only a call with its own key may take.
    route: Option<Route>,
    /// What is paid for in advance.
    credit: Option<Credit>,
    /// The body as it is sent.
    body: Bytes,
    /// The output limit that was put in, where it was lowered.
    clamped: Option<u64>,
    /// The client has not asked for the usage that its stream will bring.
    hides_usage: bool,
}

/// The money side of a call with the operator's key.
struct Credit {
    bound: Bound,
    held: Held,
}

/// Makes a call. The answer's head has come when this returns; its body may be on its way.
///
/// # Errors
/// [`ProxyError`] where there is no answer of the provider's to pass on.
pub async fn make(app: &Arc<App>, call: Call) -> Result<Answer, ProxyError> {
    let (reply, answer) = oneshot::channel();
    let id = call.id;
    let task_app = app.clone();
    let call = Arc::new(call);
    app.tasks
        .spawn(async move { drive(&task_app, call, reply).await });
    let answer = answer.await;
    let answer = answer.unwrap_or_else(|_| Err(ProxyError::internal("a call's task died")));
    answer.map_err(|error| error.of(id))
}

/// From the call to its settlement.
async fn drive(app: &Arc<App>, call: Arc<Call>, reply: Reply) {
    let settled = match prepare(app, &call).await {
        Ok(prepared) => ask(app, &prepared, reply).await,
        Err(error) => {
            let log = record::log(app, &call, None, &Outcome::refused(&error));
            let settled = settle::settle(app, &call, None, log).await;
            let _ = reply.send(Err(error));
            settled.map(|_| ())
        }
    };
    if let Err(error) = settled {
        // What is held is still there and goes back by itself: nobody pays for what was never finished.
        tracing::error!(
            call = %call.id, account = %call.account, error = error.message, internal = error.internal,
            "a call could not be settled"
        );
    }
}

/// Everything before the provider is asked, the hold last.
async fn prepare(app: &Arc<App>, call: &Arc<Call>) -> Result<Prepared, ProxyError> {
    let key = credential::choose(app, call).await?;
    let is_prepaid = key.is_operators();
    // With a key of its own a call is passed on whatever it is: what can't be read is not metered.
    let route = match route::route(call) {
        Err(error) if is_prepaid => return Err(error),
        route => route.unwrap_or_default(),
    };
    let Some(known) = route.as_ref().filter(|_| is_prepaid) else {
        if is_prepaid {
            return Err(not_metered());
        }
        return Ok(Prepared {
            call: call.clone(),
            key,
            route,
            credit: None,
            body: call.body.clone(),
            clamped: None,
            hides_usage: false,
        });
    };
    let model = known.model(call, &app.catalog.current())?;
    let markup = crate::billing::markup(app, call.account, &model).await;
    let bound = known.bound(call, model, markup.map_err(ProxyError::internal)?)?;
    let held = reserve::reserve(app, call, &bound).await?;
    // From here on credit is held: what fails now still has to be settled.
    let clamped = bound.clamped(held.amount).unwrap_or_default();
    let hides_usage = known.asked.stream && !known.asked.usage_in_stream;
    let change = Change {
        output_limit: clamped,
        usage_in_stream: hides_usage,
        model: None,
    };
    let body = changed(call, known, change);
    Ok(Prepared {
        call: call.clone(),
        key,
        credit: Some(Credit { bound, held }),
        body,
        clamped,
        hides_usage,
        route,
    })
}

fn not_metered() -> ProxyError {
    let message = "This path is none that is metered, so that it can't be paid for in advance: send a provider \
         key of your own";
    ProxyError::bad_request(codes::NOT_METERED, message)
}

fn changed(call: &Call, route: &Route, change: Change<'_>) -> Bytes {
    if change == Change::default() {
        return call.body.clone();
    }
    let changed = std::str::from_utf8(&call.body)
        .ok()
        .and_then(|body| wire::change(&route.endpoint, body, change).ok());
    // What could be read a moment ago can be changed; a form can't and has nothing to change.
    changed.map_or_else(|| call.body.clone(), Bytes::from)
}

/// Asks the provider, passes its answer on and settles.
async fn ask(app: &Arc<App>, prepared: &Prepared, mut reply: Reply) -> Result<(), ProxyError> {
    let Prepared {
        call, key, body, ..
    } = prepared;
    let whole = tokio::time::timeout(
        app.config.gateway.call_max,
        upstream::ask(app, call, key, body.clone()),
    );
    let answered = tokio::select! {
        answered = whole => answered.unwrap_or_else(|_| Err(ProxyError::no_answer("the time was up"))),
        () = stopped(app) => Err(ProxyError::no_answer("the server stops")),
        () = left(app, &mut reply) => Err(ProxyError::no_answer("the client has left")),
    };
    match answered {
        Ok(response) => meter::pass_on(app, prepared, response, reply).await,
        Err(error) => {
            let outcome = Outcome::refused(&error);
            let log = record::log(app, call, Some(prepared), &outcome);
            let settled = settle::settle(app, call, prepared.unpaid(), log).await;
            let _ = reply.send(Err(error));
            settled.map(|_| ())
        }
    }
}

/// Comes when the server has been told to stop and calls have had their time to end by themselves. Then what is
/// under way is cut, and settled.
async fn stopped(app: &App) {
    app.stop.cancelled().await;
    tokio::time::sleep(app.config.gateway.drain).await;
}

/// Comes when the client has left before it was told anything, and has been gone for as long as an answer is
/// waited for all the same.
async fn left(app: &App, reply: &mut Reply) {
    reply.closed().await;
    tokio::time::sleep(app.config.gateway.drain).await;
}

impl Prepared {
    /// To be settled as a call that costs nothing.
    fn unpaid(&self) -> Option<Paid<'_>> {
        self.paid(None)
    }

    fn paid<'a>(&'a self, priced: Option<&'a crate::catalog::Priced>) -> Option<Paid<'a>> {
        let credit = self.credit.as_ref()?;
        Some(Paid {
            held: credit.held,
            bound: &credit.bound,
            priced,
        })
    }
}
