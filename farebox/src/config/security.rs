//! `[security]`, and the key file.

use std::{
    fmt::Write as _,
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretBox, SecretString};

use super::reader::{Choice, Reader};

/// What protects the secrets in the database.
#[derive(Debug)]
pub struct SecurityConfig {
    /// Where the key comes from.
    pub key: KeySource,
    /// Where the one before it comes from, while this one takes its place.
    pub previous_key: Option<KeySource>,
}

/// Where the key comes from that secrets in the database are encrypted with.
#[derive(Debug)]
pub enum KeySource {
    /// From the configuration itself.
    Given(SecretBox<[u8; 32]>),
    /// From a file.
    File {
        /// Which file.
        path: PathBuf,
        /// Whether a missing one is made, which only a lone node may do.
        create: bool,
    },
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file is missing and this node may not make one.
    #[error(
        "the key file {0} does not exist; every node needs the same key, so make it once \
             (`openssl rand -hex 32`) and give it to each"
    )]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("the key file {0} cannot be read: {1}")]
    Read(PathBuf, io::Error),
    /// The file holds something else.
    #[error("the key file {0} does not hold 64 hexadecimal digits")]
    Malformed(PathBuf),
    /// The file cannot be made.
    #[error("the key file {0} cannot be created: {1}")]
    Create(PathBuf, io::Error),
    /// The machine gives no random numbers.
    #[error("no random key can be made: {0}")]
    Random(#[from] getrandom::Error),
}

const DIGITS: &str = "write 64 hexadecimal digits, such as `openssl rand -hex 32` prints";

impl SecurityConfig {
    pub(super) fn read(reader: &mut Reader, create: bool) -> Self {
        let key = source(reader, "security.key", create).unwrap_or_else(|| {
            reader.fail("security.key_file", "there is no key", "name a file for it");
            KeySource::File {
                path: PathBuf::new(),
                create: false,
            }
        });
        let previous_key = source(reader, "security.previous_key", false);
        Self { key, previous_key }
    }
}

fn source(reader: &mut Reader, option: &str, create: bool) -> Option<KeySource> {
    match reader.choice(option) {
        Choice::Inline(setting) => {
            let text = SecretString::from(setting.value.as_str().unwrap_or_default());
            Some(KeySource::Given(unhex(&text).unwrap_or_else(|| {
                reader.fail(option, "the key is malformed", DIGITS);
                SecretBox::new(Box::new([0; 32]))
            })))
        }
        Choice::File(path) => Some(KeySource::File { path, create }),
        Choice::Neither => None,
    }
}

/// The key, and the one before it where there is one.
pub type Keys = (SecretBox<[u8; 32]>, Option<SecretBox<[u8; 32]>>);

/// Both keys, as [`load_or_create_key`] loads one.
///
/// # Errors
///
/// [`KeyError`].
pub fn load_keys(config: &SecurityConfig) -> Result<Keys, KeyError> {
    let key = load_or_create_key(&config.key)?;
    let previous = config.previous_key.as_ref().map(load_or_create_key);
    Ok((key, previous.transpose()?))
}

/// The key, made and written with mode 0600 where it is missing and may be made.
///
/// Of two processes that start at once, both get the key of the one that wrote first.
///
/// # Errors
///
/// [`KeyError`]; a file with other content is never overwritten.
pub fn load_or_create_key(source: &KeySource) -> Result<SecretBox<[u8; 32]>, KeyError> {
    match source {
        KeySource::Given(key) => Ok(SecretBox::new(Box::new(*key.expose_secret()))),
        KeySource::File { path, create } => match read(path)? {
            Some(key) => Ok(key),
            None if *create => create_key(path),
            None => Err(KeyError::Missing(path.clone())),
        },
    }
}

/// `None` where there is no such file.
fn read(path: &Path) -> Result<Option<SecretBox<[u8; 32]>>, KeyError> {
    match std::fs::read_to_string(path) {
        Ok(text) => match unhex(&SecretString::from(text.trim())) {
            Some(key) => Ok(Some(key)),
            None => Err(KeyError::Malformed(path.to_path_buf())),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(KeyError::Read(path.to_path_buf(), error)),
    }
}

fn create_key(path: &Path) -> Result<SecretBox<[u8; 32]>, KeyError> {
    let mut key = SecretBox::new(Box::new([0; 32]));
    getrandom::fill(secrecy::ExposeSecretMut::expose_secret_mut(&mut key))?;
    match write_new(path, &key) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| KeyError::Missing(path.to_path_buf()))
        }
        Err(error) => Err(KeyError::Create(path.to_path_buf(), error)),
    }
}

/// Writes the file whole or not at all: a key that is cut short by a crash would lock the next
/// start out. A temporary file has mode 0600 and keeps it.
fn write_new(path: &Path, key: &SecretBox<[u8; 32]>) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(file, "{}", hex(key).expose_secret())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)
        .map_err(|failed| failed.error)?;
    std::fs::File::open(directory)?.sync_all()
}

fn hex(key: &SecretBox<[u8; 32]>) -> SecretString {
    let digits = key
        .expose_secret()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
    digits.into()
}

fn unhex(text: &SecretString) -> Option<SecretBox<[u8; 32]>> {
    let text = text.expose_secret();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = Box::new([0; 32]);
    for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(SecretBox::new(key))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn source(path: &Path, create: bool) -> KeySource {
        KeySource::File {
            path: path.to_path_buf(),
            create,
        }
    }

    #[test]
    fn a_missing_key_is_made_once_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("farebox.key");
        assert!(matches!(
            load_or_create_key(&source(&path, false)),
            Err(KeyError::Missing(_))
        ));
        assert!(!path.exists());
        let first = load_or_create_key(&source(&path, true)).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = load_or_create_key(&source(&path, false)).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_ne!(first.expose_secret(), &[0; 32]);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_appears_in_between_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("farebox.key");
        std::fs::write(&path, "ab".repeat(32)).unwrap();
        assert_eq!(create_key(&path).unwrap().expose_secret(), &[0xab; 32]);
    }

    #[test]
    fn other_content_is_neither_taken_nor_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("farebox.key");
        for content in [
            String::new(),
            "ab".repeat(31),
            "zz".repeat(32),
            "é".repeat(32),
        ] {
            std::fs::write(&path, &content).unwrap();
            assert!(matches!(
                load_or_create_key(&source(&path, true)),
                Err(KeyError::Malformed(_))
            ));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }
}
