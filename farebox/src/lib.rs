//! farebox

pub mod stripe;
pub mod tls;
