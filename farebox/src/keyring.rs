//! What the one secret key of an installation is used for: hashing tokens and sealing texts.
//!
//! Every use has a key of its own, derived from the one by name, so that none can stand for another.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretBox};

use crate::ids;
use crate::store::db::Db;
use crate::store::{StoreError, settings};

/// The derived keys.
pub struct Keyring {
    tokens: SecretBox<[u8; 32]>,
    global_keys: SecretBox<[u8; 32]>,
    answers: SecretBox<[u8; 32]>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(…)")
    }
}

/// Why the keys can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The database was begun with another key.
    #[error(
        "[security] key is not the key that this database was begun with: its tokens and secrets need \
         that one. Restore the key file, or begin with a new database"
    )]
    OtherKey,
    /// The database can't be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sealed text can't be opened: it was changed, or another key sealed it.
#[derive(Debug, thiserror::Error)]
#[error("a sealed text can't be opened: was the key ([security] key) changed?")]
pub struct CantOpen;

impl Keyring {
    /// The keys that derive from `key`.
    pub fn new(key: &[u8; 32]) -> Self {
        let derive = |name: &str| SecretBox::new(Box::new(blake3::derive_key(name, key)));
        Self {
            tokens: derive("farebox 2026 api token hash v1"),
            global_keys: derive("farebox 2026 global key hash v1"),
            answers: derive("farebox 2026 idempotent answer v1"),
        }
    }

    /// The keys, if they are the ones that this database was begun with. With others every token would
    /// be unknown and every sealed text lost, which must not come to light one request at a time.
    ///
    /// # Errors
    /// [`KeyringError::OtherKey`], or [`KeyringError::Store`].
    pub async fn open(key: &[u8; 32], db: &Db) -> Result<Self, KeyringError> {
        let fingerprint =
            ids::hex(&blake3::derive_key("farebox 2026 key fingerprint v1", key)[..8]);
        if settings::keep_first(db, "key_fingerprint", &fingerprint).await? != fingerprint {
            return Err(KeyringError::OtherKey);
        }
        Ok(Self::new(key))
    }

    /// The keyed hash under which an API token is stored. Tokens are drawn from 2^238, so a fast hash
    /// is as good as a slow one; the key makes a stolen database useless for trying tokens out.
    pub fn hash_token(&self, token: &str) -> String {
        hash(&self.tokens, token)
    }

    /// The keyed hash under which a user's global key is stored.
    pub fn hash_global_key(&self, key: &str) -> String {
        hash(&self.global_keys, key)
    }

    /// Seals an answer so that it can be stored; `context` binds it to the row that it belongs to.
    ///
    /// # Errors
    /// [`CantOpen`] where the cipher refuses, which no text of ours is long enough for.
    pub fn seal_answer(&self, context: &str, text: &str) -> Result<String, CantOpen> {
        let nonce = ids::nonce();
        let payload = Payload {
            msg: text.as_bytes(),
            aad: context.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| CantOpen)?;
        Ok(format!("{}{}", ids::hex(&nonce), ids::hex(&sealed)))
    }

    /// Opens what [`Keyring::seal_answer`] sealed for the same context.
    ///
    /// # Errors
    /// [`CantOpen`].
    pub fn open_answer(&self, context: &str, sealed: &str) -> Result<String, CantOpen> {
        let bytes = ids::unhex(sealed).ok_or(CantOpen)?;
        let (nonce, sealed) = bytes.split_first_chunk::<24>().ok_or(CantOpen)?;
        let payload = Payload {
            msg: sealed,
            aad: context.as_bytes(),
        };
        let text = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| CantOpen)?;
        String::from_utf8(text).map_err(|_| CantOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.answers.expose_secret().into())
    }
}

fn hash(key: &SecretBox<[u8; 32]>, text: &str) -> String {
    blake3::keyed_hash(key.expose_secret(), text.as_bytes())
        .to_hex()
        .to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sealed_answer_opens_only_in_its_own_place() {
        let ring = Keyring::new(&[7; 32]);
        let sealed = ring.seal_answer("account:key", "secret").unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(ring.open_answer("account:key", &sealed).unwrap(), "secret");
        assert!(ring.open_answer("account:other", &sealed).is_err());
        assert!(
            Keyring::new(&[8; 32])
                .open_answer("account:key", &sealed)
                .is_err()
        );
        assert!(ring.open_answer("account:key", &sealed[2..]).is_err());
    }

    #[test]
    fn a_hash_depends_on_the_key_and_on_its_use() {
        let ring = Keyring::new(&[7; 32]);
        assert_eq!(ring.hash_token("t"), ring.hash_token("t"));
        assert_ne!(ring.hash_token("t"), ring.hash_global_key("t"));
        assert_ne!(ring.hash_token("t"), Keyring::new(&[8; 32]).hash_token("t"));
    }
}
