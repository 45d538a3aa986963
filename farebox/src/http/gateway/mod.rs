//! The data plane: calls to models, in the providers' own form. What a client sees of an error has the shape of
//! contract section 5, and not the envelope of the management API.
//!
//! Nothing about money or providers is decided in here.

mod error;
mod native;
mod runner;
mod wishes;

pub use native::call;

/// The path of a call in a provider's own form (contract: section 4.1).
pub const NATIVE: &str = "/v1/{account_id}/{gateway_id}/{provider}/{*path}";
