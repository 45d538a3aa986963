//! The one TLS configuration of everything that Farebox calls: Stripe and the providers.
//!
//! It reads the machine's certificates and nothing else: no network, no process-wide default,
//! so a test and a server in one process cannot disturb each other.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rustls::pki_types::{CertificateDer, pem, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Whom the machine trusts. Read once: it is a hundred certificates or more, and calls to accounts' own providers, for
/// each of which there is a client, would wait for it.
static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| Arc::new(roots()));

/// A client configuration on `ring` that trusts what the machine trusted when the first one was made.
///
/// The system's store comes first, because an operator's private authority is there
/// (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured). Mozilla's roots are compiled in for
/// machines that have no store at all, such as an empty container image.
///
/// # Errors
///
/// When `ring` does not offer the protocol versions that rustls asks for by default.
pub fn client_config() -> Result<ClientConfig, rustls::Error> {
    trusting(ROOTS.clone())
}

/// A client configuration that trusts the roots of a PEM file and no others.
///
/// # Errors
///
/// If the file can't be read or has no certificate.
pub fn client_config_with(roots: &Path) -> Result<ClientConfig, RootsError> {
    let unread = |error: pem::Error| RootsError::Unread {
        file: roots.to_owned(),
        why: error.to_string(),
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots).map_err(unread)? {
        store.add(certificate.map_err(unread)?)?;
    }
    if store.is_empty() {
        let file = roots.to_owned();
        return Err(RootsError::Empty { file });
    }
    Ok(trusting(Arc::new(store))?)
}

/// Why the roots of a PEM file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// It can't be read.
    #[error("{} can't be read: {why}", .file.display())]
    Unread {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// It has no certificate.
    #[error("{} has no certificate: write the roots in PEM", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// A certificate in it can't be a root.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

fn trusting(roots: Arc<RootCertStore>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    // A store may hold a certificate that nobody can parse any more. That is no reason to stop.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    store
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_somebody_to_trust() {
        assert!(!roots().is_empty());
    }

    #[test]
    fn the_http_client_takes_the_configuration() {
        let builder =
            reqwest::Client::builder().tls_backend_preconfigured(client_config().unwrap());
        // reqwest refuses a configuration of another rustls version when it builds, not before.
        assert!(builder.build().is_ok());
    }
}
