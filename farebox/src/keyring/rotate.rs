//! One key takes the place of another: everything that the older one has sealed is sealed anew.
//!
//! It can be interrupted anywhere and begun again. As long as both keys are on the ring everything can be
//! opened, and what is done is not done twice.

use crate::keyring::{CantOpen, FINGERPRINT, HASH_KEYS, Keyring, SEPARATOR, context, seal};
use crate::store::db::Db;
use crate::store::secrets::{self, Kind, Sealed};
use crate::store::{StoreError, settings};
use secrecy::ExposeSecret;

/// How many secrets are read at a time.
const BATCH: i64 = 100;

/// Why the rest could not be sealed anew; what was done before stays done.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// One was sealed with neither key, or is not as it was sealed.
    #[error(
        "{table}: a secret opens with neither key; it is left as it is, and so are those after it"
    )]
    CantOpen {
        /// Where it stands.
        table: &'static str,
    },
    /// The keys of hashes can't be sealed.
    #[error(transparent)]
    CantSeal(#[from] CantOpen),
    /// The database can't be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Seals everything with the ring's current key; answers how many secrets were sealed with another one.
///
/// # Errors
/// [`RotateError`].
pub async fn rotate(ring: &Keyring, db: &Db) -> Result<u64, RotateError> {
    adopt(ring, db).await?;
    let mut resealed: u64 = 0;
    for kind in Kind::ALL {
        loop {
            let left = secrets::sealed_otherwise(db, kind, &ring.current.id, BATCH).await?;
            if left.is_empty() {
                break;
            }
            for one in &left {
                let new = reseal(ring, one).map_err(|_| RotateError::CantOpen {
                    table: kind.table(),
                })?;
                // One that has changed meanwhile is found again, or was sealed by the new key.
                resealed = resealed.saturating_add(secrets::replace(db, one, &new).await?);
            }
        }
    }
    Ok(resealed)
}

/// Makes the current key the database's, with the keys of hashes sealed by it, all or nothing: from here
/// on the tokens need the older key no more.
async fn adopt(ring: &Keyring, db: &Db) -> Result<(), RotateError> {
    if settings::find(db, FINGERPRINT).await?.as_deref() == Some(&ring.current.id) {
        return Ok(());
    }
    let hash_keys = ring.hashes.written();
    let sealed = seal(
        &ring.current.hash_keys,
        HASH_KEYS,
        hash_keys.expose_secret(),
    )?;
    let sealed = format!("{}{SEPARATOR}{sealed}", ring.current.id);
    settings::set_all(db, &[(HASH_KEYS, &sealed), (FINGERPRINT, &ring.current.id)]).await?;
    Ok(())
}

fn reseal(ring: &Keyring, one: &Sealed) -> Result<String, CantOpen> {
    let (account, key) = (&one.account, one.key.as_str());
    match one.kind {
        Kind::Answer => {
            let context = context::answer(account, key);
            ring.seal_answer(&context, &ring.open_answer(&context, &one.text)?)
        }
        Kind::Invoice => {
            let context = context::invoice(account, key);
            ring.seal_answer(&context, &ring.open_answer(&context, &one.text)?)
        }
        Kind::ProviderKey => {
            let context = context::provider_key(account, key);
            ring.seal_secret(&context, &ring.open_secret(&context, &one.text)?)
        }
        Kind::ProviderHeaders => {
            let context = context::provider_headers(account, key);
            ring.seal_secret(&context, &ring.open_secret(&context, &one.text)?)
        }
    }
}
