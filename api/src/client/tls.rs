//! TLS for the client, set up explicitly: rustls with ring.
//!
//! It installs no process-wide provider. That belongs to the application, which may want another.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::Error;

/// The variables with which an operator names the certificates to trust.
const OVERRIDES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

pub(super) fn config() -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Invalid(format!("TLS can't be set up: {error}")))?;
    Ok(builder
        .with_root_certificates(roots())
        .with_no_client_auth())
}

/// The machine's certificates; where it has none (a bare container), Mozilla's, built in. An
/// operator's own choice is never widened: if it holds no certificate, nothing is trusted.
fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let chosen = OVERRIDES
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if roots.is_empty() && !chosen {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
