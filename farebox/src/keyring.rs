//! What the secret key of an installation is used for: hashing tokens and sealing texts.
//!
//! Every use has a key of its own, derived from the one by name, so that none can stand for another. A
//! sealed text says which key has sealed it. While one key takes the place of another both are on the
//! ring: the older one opens what it has sealed, and nothing is sealed by it any more.

pub mod context;
mod rotate;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::ids;
use crate::store::db::Db;
use crate::store::{StoreError, secrets, settings};

pub use rotate::{RotateError, rotate};

/// The settings of the database: which key it is sealed with, and the keys of hashes, sealed, where they
/// are not that key's own.
const FINGERPRINT: &str = "key_fingerprint";
const HASH_KEYS: &str = "hash_keys";

/// Between the name of the key and what it has sealed.
const SEPARATOR: char = '.';

/// The derived keys.
pub struct Keyring {
    hashes: Hashes,
    current: Seals,
    previous: Option<Seals>,
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
         that one. Restore the key file, give the old key as previous_key to move over to this one, or \
         begin with a new database"
    )]
    OtherKey,
    /// The move from one key to another was not finished.
    #[error(
        "{0} secrets are still sealed with the key before this one: give it as [security] previous_key \
         and run `farebox keys rotate`"
    )]
    Unfinished(i64),
    /// The keys of hashes can't be opened.
    #[error(transparent)]
    CantOpen(#[from] CantOpen),
    /// The database can't be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A sealed text can't be opened: it was changed, or another key sealed it.
#[derive(Debug, thiserror::Error)]
#[error("a sealed text can't be opened: was the key ([security] key) changed?")]
pub struct CantOpen;

/// The keys of keyed hashes. They stay when the key that seals is changed: nobody could hash the tokens
/// anew.
struct Hashes {
    tokens: SecretBox<[u8; 32]>,
    global_keys: SecretBox<[u8; 32]>,
}

/// The sealing keys that derive from one key.
struct Seals {
    /// By which a sealed text names it.
    id: String,
    answers: SecretBox<[u8; 32]>,
    secrets: SecretBox<[u8; 32]>,
    hash_keys: SecretBox<[u8; 32]>,
}

fn derive(name: &str, key: &[u8; 32]) -> SecretBox<[u8; 32]> {
    SecretBox::new(Box::new(blake3::derive_key(name, key)))
}

impl Hashes {
    fn new(key: &[u8; 32]) -> Self {
        Self {
            tokens: derive("farebox 2026 api token hash v1", key),
            global_keys: derive("farebox 2026 global key hash v1", key),
        }
    }

    fn written(&self) -> SecretString {
        let (tokens, global_keys) = (
            self.tokens.expose_secret(),
            self.global_keys.expose_secret(),
        );
        format!("{}{}", ids::hex(tokens), ids::hex(global_keys)).into()
    }

    fn read(text: &SecretString) -> Option<Self> {
        let bytes = ids::unhex(text.expose_secret())?;
        let (tokens, global_keys) = bytes.split_first_chunk::<32>()?;
        Some(Self {
            tokens: SecretBox::new(Box::new(*tokens)),
            global_keys: SecretBox::new(Box::new(global_keys.try_into().ok()?)),
        })
    }
}

impl Seals {
    fn new(key: &[u8; 32]) -> Self {
        Self {
            id: ids::hex(&blake3::derive_key("farebox 2026 key fingerprint v1", key)[..8]),
            answers: derive("farebox 2026 idempotent answer v1", key),
            secrets: derive("farebox 2026 provider secret v1", key),
            hash_keys: derive("farebox 2026 hash keys v1", key),
        }
    }

    /// The keys of hashes of a database that is sealed with this key.
    async fn hashes(&self, key: &[u8; 32], db: &Db) -> Result<Hashes, KeyringError> {
        let Some(sealed) = settings::find(db, HASH_KEYS).await? else {
            return Ok(Hashes::new(key));
        };
        let (_, sealed) = sealed.split_once(SEPARATOR).ok_or(CantOpen)?;
        let text = open(&self.hash_keys, HASH_KEYS, sealed)?;
        Ok(Hashes::read(&text).ok_or(CantOpen)?)
    }
}

impl Keyring {
    /// The keys that derive from `key`.
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            hashes: Hashes::new(key),
            current: Seals::new(key),
            previous: None,
        }
    }

    /// The keys, if they are the ones that this database was begun with, or `previous` is and gives way to
    /// `key`. With others every token would be unknown and every sealed text lost, which must not come to
    /// light one request at a time.
    ///
    /// # Errors
    /// [`KeyringError`].
    pub async fn open(
        key: &[u8; 32],
        previous: Option<&[u8; 32]>,
        db: &Db,
    ) -> Result<Self, KeyringError> {
        let current = Seals::new(key);
        let older = previous.map(|key| (key, Seals::new(key)));
        let begun_with = settings::keep_first(db, FINGERPRINT, &current.id).await?;
        let hashes = match &older {
            _ if begun_with == current.id => current.hashes(key, db).await?,
            Some((key, older)) if begun_with == older.id => older.hashes(key, db).await?,
            _ => return Err(KeyringError::OtherKey),
        };
        if older.is_none() {
            let left = secrets::count_sealed_otherwise(db, &current.id).await?;
            if left > 0 {
                return Err(KeyringError::Unfinished(left));
            }
        }
        Ok(Self {
            hashes,
            current,
            previous: older.map(|(_, older)| older),
        })
    }

    /// The keyed hash under which an API token is stored. Tokens are drawn from 2^238, so a fast hash
    /// is as good as a slow one; the key makes a stolen database useless for trying tokens out.
    pub fn hash_token(&self, token: &str) -> String {
        hash(&self.hashes.tokens, token)
    }

    /// The keyed hash under which a user's global key is stored.
    pub fn hash_global_key(&self, key: &str) -> String {
        hash(&self.hashes.global_keys, key)
    }

    /// Seals an answer so that it can be stored; `context` binds it to the row that it belongs to.
    ///
    /// # Errors
    /// [`CantOpen`] where the cipher refuses, which no text of ours is long enough for.
    pub fn seal_answer(&self, context: &str, text: &str) -> Result<String, CantOpen> {
        self.seal(|seals| &seals.answers, context, text)
    }

    /// Opens what [`Keyring::seal_answer`] sealed for the same context.
    ///
    /// # Errors
    /// [`CantOpen`].
    pub fn open_answer(&self, context: &str, sealed: &str) -> Result<String, CantOpen> {
        let text = self.unseal(|seals| &seals.answers, context, sealed)?;
        Ok(text.expose_secret().to_owned())
    }

    /// Seals a secret of a customer's, such as a provider's key, for the row of this context.
    ///
    /// # Errors
    /// As [`Keyring::seal_answer`].
    pub fn seal_secret(&self, context: &str, secret: &SecretString) -> Result<String, CantOpen> {
        self.seal(|seals| &seals.secrets, context, secret.expose_secret())
    }

    /// Opens what [`Keyring::seal_secret`] sealed for the same context.
    ///
    /// # Errors
    /// [`CantOpen`].
    pub fn open_secret(&self, context: &str, sealed: &str) -> Result<SecretString, CantOpen> {
        self.unseal(|seals| &seals.secrets, context, sealed)
    }

    fn seal(
        &self,
        of: impl Fn(&Seals) -> &SecretBox<[u8; 32]>,
        context: &str,
        text: &str,
    ) -> Result<String, CantOpen> {
        let sealed = seal(of(&self.current), context, text)?;
        Ok(format!("{}{SEPARATOR}{sealed}", self.current.id))
    }

    fn unseal(
        &self,
        of: impl Fn(&Seals) -> &SecretBox<[u8; 32]>,
        context: &str,
        sealed: &str,
    ) -> Result<SecretString, CantOpen> {
        let (id, sealed) = sealed.split_once(SEPARATOR).ok_or(CantOpen)?;
        let mut ring = [Some(&self.current), self.previous.as_ref()].into_iter();
        let seals = ring.find_map(|seals| seals.filter(|seals| seals.id == id));
        open(of(seals.ok_or(CantOpen)?), context, sealed)
    }
}

fn seal(key: &SecretBox<[u8; 32]>, context: &str, text: &str) -> Result<String, CantOpen> {
    let nonce = ids::nonce();
    let payload = Payload {
        msg: text.as_bytes(),
        aad: context.as_bytes(),
    };
    let sealed = XChaCha20Poly1305::new(key.expose_secret().into())
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| CantOpen)?;
    Ok(format!("{}{}", ids::hex(&nonce), ids::hex(&sealed)))
}

fn open(key: &SecretBox<[u8; 32]>, context: &str, sealed: &str) -> Result<SecretString, CantOpen> {
    let bytes = ids::unhex(sealed).ok_or(CantOpen)?;
    let (nonce, sealed) = bytes.split_first_chunk::<24>().ok_or(CantOpen)?;
    let payload = Payload {
        msg: sealed,
        aad: context.as_bytes(),
    };
    let text = XChaCha20Poly1305::new(key.expose_secret().into())
        .decrypt(&XNonce::from(*nonce), payload)
        .map_err(|_| CantOpen)?;
    let text = String::from_utf8(text).map_err(|_| CantOpen)?;
    Ok(text.into())
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
        assert!(ring.open_secret("account:key", &sealed).is_err());
        assert!(
            Keyring::new(&[8; 32])
                .open_answer("account:key", &sealed)
                .is_err()
        );
        let (id, rest) = sealed.split_once(SEPARATOR).unwrap();
        for changed in [rest, &format!("{id}.{}", &rest[2..]), &format!("{id}.")] {
            assert!(ring.open_answer("account:key", changed).is_err());
        }
    }

    #[test]
    fn a_hash_depends_on_the_key_and_on_its_use() {
        let ring = Keyring::new(&[7; 32]);
        assert_eq!(ring.hash_token("t"), ring.hash_token("t"));
        assert_ne!(ring.hash_token("t"), ring.hash_global_key("t"));
        assert_ne!(ring.hash_token("t"), Keyring::new(&[8; 32]).hash_token("t"));
    }
}
