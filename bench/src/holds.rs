//! Durable holds a second, through the committer and nothing else, beside the disk alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use farebox::app::system_clock;
use farebox::config::DatabaseConfig;
use farebox::ids;
use farebox::store::committer::{Clock, Committer};
use farebox::store::{Store, accounts, audit};
use futures_util::{StreamExt, TryStreamExt, stream};
use ledger::{Account, AccountId, Amount, Code, Operation};

use crate::Failure;
use crate::callers::closed_loop;
use crate::clock::Round;
use crate::disk::Appender;
use crate::engine::{Engine, Scratch};
use crate::plan::Plan;
use crate::report;

/// How many customers the holds are spread over.
const ACCOUNTS: [usize; 2] = [1, 10_000];

/// How many callers wait at a time.
const CALLERS: [usize; 4] = [1, 8, 32, 256];

/// The most callers that one commit answers: the default of `[database] batch_max`.
const GROUP_MAX: usize = 512;

/// For how long a hold would be good, in milliseconds.
const GOOD_FOR: i64 = 600_000;

/// Measures every number of accounts and callers on this engine and prints the table.
pub(crate) async fn measure(plan: &Plan, engine: &Engine) -> Result<(), Failure> {
    let columns = [
        "accounts",
        "callers waiting",
        "holds/s",
        "p50 ms",
        "p99 ms",
        "append + fdatasync/s",
        "p50 ms",
        "p99 ms",
        "ratio",
        "audited transfers",
    ];
    report::head(&format!("Durable holds, {}", engine.name()), &columns);
    for accounts in ACCOUNTS {
        let scratch = Scratch::create(plan, engine).await?;
        let books = Books::open(&scratch, accounts).await?;
        let appender = Appender::start(scratch.dir.path(), GROUP_MAX)?;
        for callers in CALLERS {
            let mut cells = vec![accounts.to_string(), callers.to_string()];
            cells.extend(in_turns(plan, &books, &appender, callers).await?);
            cells.push(books.audit().await?.to_string());
            report::row(&cells);
        }
        drop(books);
        scratch.drop_database().await?;
    }
    Ok(())
}

/// The floor and the holds, one after the other, as often as the plan says.
async fn in_turns(
    plan: &Plan,
    books: &Books,
    appender: &Appender,
    callers: usize,
) -> Result<Vec<String>, Failure> {
    let (mut floor, mut holds) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let appender = appender.clone();
        let append = Arc::new(move |_| {
            let appender = appender.clone();
            async move { appender.append().await }
        });
        floor.push(closed_loop(callers, plan.round, append).await?);
        holds.push(closed_loop(callers, plan.round, books.holder()).await?);
    }
    let mut cells = figures(&Round::median_of(&holds));
    cells.extend(figures(&Round::median_of(&floor)));
    cells.push(format!("{:.2}", report::ratio(&holds, &floor)));
    Ok(cells)
}

fn figures(round: &Round) -> Vec<String> {
    vec![
        format!("{:.0}", round.per_second),
        format!("{:.2}", round.p50),
        format!("{:.2}", round.p99),
    ]
}

/// A store with customers who have more credit than a run can hold.
struct Books {
    store: Store,
    clock: Clock,
    customers: Arc<Vec<AccountId>>,
    /// Counts holds, to spread them over the customers.
    made: Arc<AtomicUsize>,
}

impl Books {
    async fn open(scratch: &Scratch, count: usize) -> Result<Self, Failure> {
        let config = DatabaseConfig {
            url: scratch.database_url(),
            pool_size: 16,
            batch_max: GROUP_MAX,
        };
        let clock = system_clock();
        let store = Store::open(&config, clock.clone(), |_| ()).await?;
        let customers: Vec<_> = (0..count).map(|_| ids::account()).collect();
        let customers = Arc::new(customers);
        let books = Self {
            store,
            clock,
            customers,
            made: Arc::default(),
        };
        books.fund().await?;
        Ok(books)
    }

    async fn fund(&self) -> Result<(), Failure> {
        let funded = stream::iter(self.customers.iter()).map(|&customer| async move {
            accounts::create(&self.store.db, customer, "benchmark", (self.clock)()).await?;
            let credit = Operation::Transfer {
                id: new_id(&self.clock)?,
                debit: Account::Promotions,
                credit: Account::Customer(customer),
                amount: Amount::from_cents(100_000_000).ok_or("out of range")?,
                code: Code::Promotion,
                reference: String::new(),
            };
            self.store.committer.commit_one(credit).await?;
            Ok::<_, Failure>(())
        });
        funded.buffer_unordered(16).try_collect().await
    }

    /// What a caller does: hold a little of the next customer's credit.
    fn holder(&self) -> Arc<impl Fn(usize) -> Holding + Send + Sync + 'static> {
        let (committer, clock) = (self.store.committer.clone(), self.clock.clone());
        let (customers, made) = (self.customers.clone(), self.made.clone());
        Arc::new(move |_| {
            // 7919 is prime: every customer comes, and neighbours in a group are no neighbours on disk.
            let next = made.fetch_add(1, Ordering::Relaxed).wrapping_mul(7919) % customers.len();
            Box::pin(hold(committer.clone(), clock.clone(), customers[next])) as Holding
        })
    }

    /// Checks the whole books; returns how many transfers they consist of.
    async fn audit(&self) -> Result<u64, Failure> {
        let audit = audit::check(&self.store.db).await?;
        match audit.problems.first() {
            None => Ok(audit.transfers),
            Some(first) => {
                Err(format!("the books are wrong: {}: {}", first.row, first.what).into())
            }
        }
    }
}

type Holding = std::pin::Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

async fn hold(committer: Committer, clock: Clock, account: AccountId) -> Result<(), Failure> {
    let expires_at = clock().checked_add_millis(GOOD_FOR).ok_or("out of range")?;
    let hold = Operation::Hold {
        id: new_id(&clock)?,
        account,
        credit: Account::Revenue,
        amount: Amount::from_nanos(10_000),
        code: Code::Usage,
        reference: ids::request(),
        expires_at,
    };
    let outcome = committer.commit_one(hold).await?;
    match outcome.is_new() {
        true => Ok(()),
        false => Err("an id came twice".into()),
    }
}

/// Ids that rise with time, as those of requests do.
fn new_id(clock: &Clock) -> Result<ledger::TransferId, Failure> {
    Ok(ids::ordered(clock()).parse()?)
}
