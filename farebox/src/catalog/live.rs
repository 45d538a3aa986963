//! The catalogue of a running server, which follows the operator's file as it changes.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use super::{Catalog, FileError};

/// The catalogue that counts now. A call keeps the model it began with, whatever comes after.
#[derive(Debug)]
pub struct Live {
    currency: String,
    file: Option<PathBuf>,
    now: RwLock<Arc<Catalog>>,
    seen: Mutex<Option<Stamp>>,
}

/// By what a changed file is recognised: which one it is, when it was written, and how long it is.
type Stamp = (u64, Option<SystemTime>, u64);

/// What a look at the file brought.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Reloaded {
    /// It is as it was.
    Unchanged,
    /// It counts from now on.
    Changed,
}

impl Live {
    /// Reads the operator's file, if there is one.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(currency: &str, file: Option<PathBuf>) -> Result<Self, FileError> {
        let seen = file.as_ref().and_then(stamp);
        let catalog = Catalog::open(currency, file.as_deref())?;
        Ok(Self {
            currency: currency.to_owned(),
            file,
            now: RwLock::new(Arc::new(catalog)),
            seen: Mutex::new(seen),
        })
    }

    /// The catalogue that counts now.
    pub fn current(&self) -> Arc<Catalog> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }

    /// Reads the file again where it has changed since it was last looked at.
    ///
    /// # Errors
    /// [`FileError`], once for each change; then what was there before goes on to count.
    pub fn reload(&self) -> Result<Reloaded, FileError> {
        let Some(file) = &self.file else {
            return Ok(Reloaded::Unchanged);
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(file);
        if *seen == stamp {
            return Ok(Reloaded::Unchanged);
        }
        *seen = stamp;
        let catalog = Arc::new(Catalog::open(&self.currency, Some(file))?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = catalog;
        Ok(Reloaded::Changed)
    }
}

fn stamp(file: &PathBuf) -> Option<Stamp> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.ino(), about.modified().ok(), about.len()))
}
