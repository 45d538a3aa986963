//! The configuration: raw file and environment in, one checked [`Config`] out.
//!
//! Every option stands once, with its default and its documentation, in `config.default.toml`.
//! The sections here say what a value must be like, and nothing past [`Config::load`] meets an
//! unchecked one. All problems are collected before the load fails, so that an operator mends
//! them in one go. No secret is part of an error.

mod auto_topup;
mod database;
mod disputes;
mod gateway;
mod http;
mod jobs;
mod layers;
mod log;
mod network;
mod prices;
mod problem;
mod providers;
mod reader;
#[cfg(test)]
mod reference;
mod security;
mod stripe;
#[cfg(test)]
mod tests;
mod topup;

use std::path::Path;

pub use self::{
    auto_topup::{AutoTopupConfig, Ceiling},
    database::{DatabaseConfig, DatabaseUrl},
    disputes::DisputesConfig,
    gateway::GatewayConfig,
    http::HttpConfig,
    jobs::JobsConfig,
    log::{LogConfig, LogFormat},
    network::IpRange,
    prices::PricesConfig,
    problem::{ConfigError, Problem},
    providers::{EVERY_PROVIDER, OperatedConfig, ProvidersConfig, UnknownParameters},
    security::{KeyError, KeySource, Keys, SecurityConfig, load_keys, load_or_create_key},
    stripe::StripeConfig,
    topup::TopupConfig,
};
use self::{layers::Layers, reader::Reader};

/// The commented defaults, as they are compiled in. Also a valid configuration file.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Everything an operator can choose, checked.
#[derive(Debug)]
pub struct Config {
    /// The servers.
    pub http: HttpConfig,
    /// Where the books are kept.
    pub database: DatabaseConfig,
    /// What protects the secrets in the database.
    pub security: SecurityConfig,
    /// How money comes in.
    pub stripe: StripeConfig,
    /// What can be bought.
    pub topup: TopupConfig,
    /// How accounts top themselves up.
    pub auto_topup: AutoTopupConfig,
    /// What a disputed payment means.
    pub disputes: DisputesConfig,
    /// How calls to models are passed on.
    pub gateway: GatewayConfig,
    /// The operator's accounts at providers.
    pub providers: ProvidersConfig,
    /// What calls to models cost.
    pub prices: PricesConfig,
    /// What happens by itself.
    pub jobs: JobsConfig,
    /// What is written to standard error.
    pub log: LogConfig,
}

impl Config {
    /// The defaults, overlaid by `file` if there is one, overlaid by the `FAREBOX_…__…` variables
    /// of `env` (other variables are passed over).
    ///
    /// Reads the file and the `…_file` secrets, and nothing else; it creates nothing.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every problem that was found.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(Layers::read(file, env)?);
        let config = Self::read(&mut reader);
        reader.finish(config)
    }

    fn read(reader: &mut Reader) -> Self {
        let database = DatabaseConfig::read(reader);
        // Several nodes need one key, which none of them may make up for itself.
        let one_node = matches!(database.url, DatabaseUrl::Sqlite(_));
        let http = HttpConfig::read(reader);
        let security = SecurityConfig::read(reader, one_node);
        let stripe = StripeConfig::read(reader);
        let topup = TopupConfig::read(reader);
        Self {
            http,
            security,
            stripe,
            auto_topup: AutoTopupConfig::read(reader, topup.min_cents),
            topup,
            disputes: DisputesConfig::read(reader),
            gateway: GatewayConfig::read(reader),
            providers: ProvidersConfig::read(reader),
            prices: PricesConfig::read(reader),
            jobs: JobsConfig::read(reader),
            log: LogConfig::read(reader),
            database,
        }
    }
}
