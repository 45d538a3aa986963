//! The store: what the committer promises, what the audit finds, and who may open a database.

mod audit;
mod committer;
mod gateways;
mod keys;
mod leases;
pub mod logs;
pub mod money;
mod noted;
mod one_process;
mod rates;
mod reads;
mod schema;
