//! A call through the gateway, phase by phase: who may, where to, what it can cost, credit held, the provider
//! asked, the answer metered, the call settled.
//!
//! A call goes on whoever waits for it (`driving`), and the client only reads from a bounded channel: a client that leaves
//! strands no hold, one that reads slowly takes no memory, and a shutdown waits for the settlement. This file has the
//! branches; each phase is straight.
//!
//! Nothing here knows a provider by name, or the envelope of the management API.

mod address;
mod agents;
mod answer;
mod cache;
mod call;
mod credential;
mod decode;
mod driving;
mod error;
mod extend;
mod guess;
mod hop;
mod identity;
mod input;
mod instead;
mod lease;
mod meter;
mod operated;
mod outbound;
mod own;
mod parameters;
mod price;
mod pump;
mod quote;
mod rate;
mod record;
mod refuse;
mod reserve;
mod route;
mod settle;
mod spend;
mod tail;
mod tokens;
mod translate;
mod upstream;
mod watched;
mod worth;
mod zstd;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use wire::Change;

pub use answer::{Answer, Body, Broken};
pub use cache::CacheWishes;
pub use call::{Call, Target, Wishes};
pub use credential::KEY_HEADERS;
pub use error::{ProxyError, codes};
pub use identity::{Identity, REQUEST_ID};
pub use operated::{AllOperated, Operated, OperatedError};
pub use outbound::Client;
pub use own::Clients as OwnClients;
pub use parameters::admitted;
pub use quote::{Quote, Request as QuoteRequest, quote};
pub use translate::Translation;
pub use upstream::{ClientError, client};
pub use zstd::Zstd;

use crate::app::App;
use crate::billing;
use crate::catalog::Priced;
use crate::store::buckets::Ended;
use cache::Cached;
use credential::Key;
use driving::Driving;
use record::Outcome;
use reserve::Held;
use route::{Bound, Clamped, Route};
use settle::Paid;
use spend::Reserved;

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
    /// Whether it is answered with a kept answer.
    cached: Cached,
    /// What a call that takes no credit counts under its gateway's spend rules.
    reserved: Option<Reserved>,
    /// The body as it is sent.
    body: Bytes,
    /// What was lowered in it.
    clamped: Clamped,
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
    let task_app = app.clone();
    let call = Arc::new(call);
    let task_call = call.clone();
    let driving = Driving::new(&app.tasks, async move {
        drive(&task_app, task_call, reply).await;
    });
    let answer = driving.until(answer).await;
    let answer = answer.unwrap_or_else(|| Err(ProxyError::internal("a call died")));
    answer.map_err(|error| error.of(identity(&call)))
}

/// The identity of a call that came to no answer. Its request is read again for it: a refusal may have come before.
fn identity(call: &Call) -> Identity {
    let route = route::route(call).ok().flatten();
    Identity::of(call, route.as_ref().map(|route| route.model.as_str()))
}

/// Whether a call would be paid from credit.
///
/// # Errors
/// If there is no key that it may use.
pub async fn is_prepaid(app: &App, call: &Call) -> Result<bool, ProxyError> {
    let key = credential::choose(app, call).await;
    key.map(|key| key.is_operators())
        .map_err(|error| error.of(Identity::of(call, None)))
}

/// From the call to its settlement.
async fn drive(app: &Arc<App>, call: Arc<Call>, reply: Reply) {
    let _under_way = app.store.db.call_begins();
    let settled = match prepare(app, &call).await {
        Ok(prepared) => ask(app, &prepared, reply).await,
        Err(error) => {
            let log = record::log(app, &call, None, &Outcome::refused(&error));
            let settled = settle::settle(app, &call, None, None, log).await;
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
    rate::admit(app, call).await?;
    let key = credential::choose(app, call).await?;
    let is_prepaid = key.is_operators();
    // With a key of its own a call is passed on whatever it is: what can't be read is not metered.
    let mut route = match route::route(call) {
        Err(error) if is_prepaid => return Err(error),
        route => route.unwrap_or_default(),
    };
    let cached = cache::look(app, call, &key, route.as_ref()).await;
    let is_hit = cached.hit().is_some();
    if let Some(known) = route.as_mut().filter(|_| is_prepaid && !is_hit) {
        known.text_tokens = tokens::count(app, call, known).await;
    }
    let Some(known) = route.as_ref().filter(|_| is_prepaid && !is_hit) else {
        if is_prepaid && !is_hit {
            return Err(not_metered(call));
        }
        return prepare_own(app, call, key, route, cached).await;
    };
    let model = known.model(call, &app.catalog.current())?;
    let terms = billing::terms(app, call.account, &model).await;
    let billing::Terms { markup, may_take } = terms.map_err(ProxyError::internal)?;
    let bound = known.bound(call, model, markup)?;
    let bound = instead::dearest(app, call, known, bound).await?;
    let held = reserve::reserve(app, call, known, &bound, may_take).await?;
    // From here on credit is held: what fails now still has to be settled.
    let (body, clamped, hides_usage) = counted(call, known, &bound, held.affordable);
    Ok(Prepared {
        call: call.clone(),
        key,
        credit: Some(Credit { bound, held }),
        cached,
        reserved: None,
        body,
        clamped,
        hides_usage,
        route,
    })
}

/// The same of a call that takes no credit: it is passed on as it came, unless a spend rule counts it. An answer
/// that is kept costs nothing, whoever's key it would have gone with.
async fn prepare_own(
    app: &Arc<App>,
    call: &Arc<Call>,
    key: Key,
    route: Option<Route>,
    cached: Cached,
) -> Result<Prepared, ProxyError> {
    let asks = route.as_ref().filter(|_| cached.hit().is_none());
    let reserved = spend::reserve_own(app, call, asks).await?;
    let (body, clamped, hides_usage) = match (&reserved, &route) {
        (Some(reserved), Some(known)) => counted(call, known, &reserved.bound, reserved.amount),
        _ => (call.body.clone(), Clamped::default(), false),
    };
    Ok(Prepared {
        call: call.clone(),
        key,
        credit: None,
        cached,
        reserved,
        body,
        clamped,
        hides_usage,
        route,
    })
}

/// The body as it is sent for a call whose cost is counted: with no more output than `amount` pays for, and in a
/// stream with its usage, which is hidden where the client hasn't asked for it.
fn counted(
    call: &Call,
    known: &Route,
    bound: &Bound,
    amount: ledger::Amount,
) -> (Bytes, Clamped, bool) {
    let clamped = bound.clamped(amount).unwrap_or_default();
    let hides_usage = known.asked.stream && !known.asked.usage_in_stream;
    let change = Change {
        output_limit: clamped.limit,
        rounds: clamped.rounds,
        usage_in_stream: hides_usage,
        model: None,
    };
    (changed(call, known, change), clamped, hides_usage)
}

fn not_metered(call: &Call) -> ProxyError {
    let path: String = call
        .path
        .split('?')
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    let message = format!(
        "/{path} is not a metered endpoint of {}, so prepaid credit can't pay for it. Use your own provider \
         key (cf-aig-byok-alias, or the provider's own header).",
        call.target.slug
    );
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

/// Asks the provider, unless an answer is kept, passes its answer on and settles.
async fn ask(app: &Arc<App>, prepared: &Prepared, reply: Reply) -> Result<(), ProxyError> {
    if let Some(kept) = prepared.cached.hit() {
        return cache::serve(app, prepared, kept, reply).await;
    }
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
    };
    match answered {
        Ok(response) => meter::pass_on(app, prepared, response, reply).await,
        Err(error) => meter::failed(app, prepared, error, reply).await,
    }
}

/// Comes when the server has been told to stop and calls have had their time to end by themselves. Then what is
/// under way is cut, and settled.
async fn stopped(app: &App) {
    app.stop.cancelled().await;
    tokio::time::sleep(app.config.gateway.drain).await;
}

/// Comes when the client has left that waits for a whole answer, and has been gone for as long as one is read on.
/// An answer that has not begun is waited for whoever has left: its provider writes it all the same, and only what
/// comes can be charged.
async fn left(app: &App, call: &Call, reply: &mut Reply) {
    reply.closed().await;
    tokio::time::sleep(drain(app, call)).await;
}

/// For how long an answer is read on without its client.
fn drain(app: &App, call: &Call) -> Duration {
    match app
        .config
        .providers
        .cuts_when_client_leaves(&call.target.slug)
    {
        true => Duration::ZERO,
        false => app.config.gateway.drain,
    }
}

impl Prepared {
    /// How the call's cost is bounded, where that is known.
    fn bound(&self) -> Option<&Bound> {
        let own = self.reserved.as_ref().map(|reserved| &reserved.bound);
        self.credit.as_ref().map(|credit| &credit.bound).or(own)
    }

    /// What it has come to: of the credit that is held, which may have been extended to `held`, and under its gateway's spend rules. Without a price it
    /// costs nothing.
    fn settlement<'a>(
        &'a self,
        priced: Option<&'a Priced>,
        held: Option<Held>,
    ) -> (Option<Paid<'a>>, Option<Ended>) {
        let cost = priced.map(Priced::amount);
        let own = self.reserved.as_ref().map(|reserved| reserved.ended(cost));
        let paid = self.credit.as_ref().map(|credit| Paid {
            held: held.unwrap_or(credit.held),
            bound: &credit.bound,
            priced,
            is_passed_on: false,
        });
        let counted = paid.as_ref().and_then(Paid::counted).or(own);
        (paid, counted)
    }
}
