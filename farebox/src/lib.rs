//! farebox

pub mod config;
pub mod stripe;
pub mod tls;
