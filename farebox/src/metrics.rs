//! What is counted, in Prometheus' terms. One set per running Farebox, no globals.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use http::{Method, StatusCode};
use ledger::Amount;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::store::committer::GroupReport;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReversalLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    state: String,
}

/// All metrics of a running Farebox.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    authentication_failures: Counter,
    webhooks: Family<OutcomeLabels, Counter>,
    topups: Family<OutcomeLabels, Counter>,
    topups_open: Family<StateLabels, Gauge>,
    auto_topups: Family<OutcomeLabels, Counter>,
    reversals: Family<ReversalLabels, Counter>,
    stripe_drift: Gauge,
    jobs: Gauge,
    job_failures: Counter,
    group_entries: Histogram,
    group_seconds: Histogram,
    extensions: Family<OutcomeLabels, Counter>,
    overruns: Counter,
    overrun_dollars: Counter<f64, AtomicU64>,
}

fn seconds_histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 18))
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("farebox"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds_histogram),
            authentication_failures: Counter::default(),
            webhooks: Family::default(),
            topups: Family::default(),
            topups_open: Family::default(),
            auto_topups: Family::default(),
            reversals: Family::default(),
            stripe_drift: Gauge::default(),
            jobs: Gauge::default(),
            job_failures: Counter::default(),
            group_entries: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            group_seconds: seconds_histogram(),
            extensions: Family::default(),
            overruns: Counter::default(),
            overrun_dollars: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let seconds = || Unit::Seconds;
        let all = &mut self.registry;
        all.register("http_requests", "Requests answered", self.requests.clone());
        let help = "Time to answer a request";
        all.register_with_unit(
            "http_request",
            help,
            seconds(),
            self.request_seconds.clone(),
        );
        let help = "Requests whose credentials were missing or not valid";
        all.register(
            "authentication_failures",
            help,
            self.authentication_failures.clone(),
        );
        let help = "Stripe events received, by what became of them";
        all.register("stripe_webhooks", help, self.webhooks.clone());
        let help = "Top-ups settled, by outcome; 'review' is money that matches no top-up of ours";
        all.register("topups_settled", help, self.topups.clone());
        let help = "Top-ups that are not settled, or wait for the operator in 'review'";
        all.register("topups_open", help, self.topups_open.clone());
        let help = "Automatic top-ups, by what became of them; 'limit' is one that was not started";
        all.register("auto_topups", help, self.auto_topups.clone());
        let help = "Credit taken back for refunds and disputes, and given back again";
        all.register("reversals", help, self.reversals.clone());
        let help = "By how many cents Stripe's money and the ledger's differ, as last compared";
        all.register("stripe_drift_cents", help, self.stripe_drift.clone());
        all.register(
            "jobs_waiting",
            "Jobs that are not done yet",
            self.jobs.clone(),
        );
        all.register(
            "job_failures",
            "Attempts at a job that failed",
            self.job_failures.clone(),
        );
        let help = "Entries that one commit of the ledger has written";
        all.register("ledger_group_entries", help, self.group_entries.clone());
        let help = "Time of one commit of the ledger";
        all.register_with_unit("ledger_group", help, seconds(), self.group_seconds.clone());
        let help = "Extensions of the holds of running calls, by outcome";
        all.register("hold_extensions", help, self.extensions.clone());
        let help = "Calls that cost more than was held for them";
        all.register("call_overruns", help, self.overruns.clone());
        let help = "What these cost beyond that, in dollars: written off";
        all.register("call_overrun_dollars", help, self.overrun_dollars.clone());
    }

    /// A request was answered.
    pub fn request(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        // A client may invent methods; each would be a label for good.
        let method = if is_common(method) {
            method.as_str()
        } else {
            "other"
        };
        let labels = RequestLabels {
            method: method.to_owned(),
            route: route.to_owned(),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels {
            route: route.to_owned(),
        };
        self.request_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Credentials were missing or not valid.
    pub fn authentication_failed(&self) {
        self.authentication_failures.inc();
    }

    /// A webhook came: `taken`, `repeated`, `ignored` or `refused`.
    pub fn webhook(&self, outcome: &'static str) {
        self.webhooks
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// A top-up was settled: `completed`, `closed` or `review`.
    pub fn topup_settled(&self, outcome: &'static str) {
        self.topups.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// An automatic top-up was `started`, `completed`, `interrupted` or set aside for `review`, or it failed
    /// for one of the reasons that the customer is told.
    pub fn auto_topup(&self, outcome: &'static str) {
        let labels = OutcomeLabels { outcome };
        self.auto_topups.get_or_create(&labels).inc();
    }

    /// Credit was `taken` or `given_back` for a `refund` or a `dispute`.
    pub fn reversal(&self, kind: &'static str, outcome: &'static str) {
        let labels = ReversalLabels { kind, outcome };
        self.reversals.get_or_create(&labels).inc();
    }

    /// By how many cents Stripe's money and the ledger's differ.
    pub fn set_stripe_drift(&self, cents: i64) {
        self.stripe_drift.set(cents);
    }

    /// How many top-ups are in each state just now.
    pub fn set_topups_open(&self, counts: &[(String, i64)]) {
        for state in ["started", "pending", "review"] {
            let count = counts
                .iter()
                .find(|(name, _)| name == state)
                .map_or(0, |(_, count)| *count);
            let labels = StateLabels {
                state: state.to_owned(),
            };
            self.topups_open.get_or_create(&labels).set(count);
        }
    }

    /// How many jobs there are just now.
    pub fn set_jobs(&self, count: i64) {
        self.jobs.set(count);
    }

    /// An attempt at a job failed.
    pub fn job_failed(&self) {
        self.job_failures.inc();
    }

    /// A running call's hold was to be extended: it was `granted`, or `refused`.
    pub fn hold_extended(&self, is_granted: bool) {
        let outcome = if is_granted { "granted" } else { "refused" };
        let labels = OutcomeLabels { outcome };
        self.extensions.get_or_create(&labels).inc();
    }

    /// A call cost so much more than was held for it.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a sum to look at; the ledger has it to the nano"
    )]
    pub fn overrun(&self, amount: Amount) {
        self.overruns.inc();
        self.overrun_dollars.inc_by(amount.nanos() as f64 / 1e9);
    }

    /// The committer answered a group.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of callers, for a histogram"
    )]
    pub fn group_committed(&self, group: GroupReport) {
        self.group_entries.observe(group.entries as f64);
        self.group_seconds.observe(group.took.as_secs_f64());
    }

    /// Everything, as Prometheus reads it.
    ///
    /// # Errors
    /// Where a text can't be written, which memory alone could cause.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn is_common(method: &Method) -> bool {
    [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ]
    .contains(method)
}
