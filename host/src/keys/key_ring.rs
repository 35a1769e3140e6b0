//! A key ring in a file: the default keeper of the master keys.
//!
//! A key is added as *standby*, becomes the *primary* once every host has seen the file, and is *retired* by the next
//! one. The file is looked at again while the program runs, so that all this needs no restart.

mod edit;
mod error;
mod file;
mod jwk_set;
mod key_id;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, UNIX_EPOCH},
};

use futures::{FutureExt, future::BoxFuture};
use zeroize::Zeroizing;

pub use self::{edit::SealedUnder, error::KeyRingError};
use self::{
    file::Stamp,
    jwk_set::{JwkSet, Keys},
};
use super::{
    DerivedKey, KeyStatus, KeysError, MasterKeys, WrappedKey,
    master_key::{KeyBytes, MasterKey},
};
use crate::clock::SharedClock;

/// How often the file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The master keys in a file (a JWK set, RFC 7517 section 5, of mode 0600). Clones share what was read.
#[derive(Clone)]
pub struct KeyRing {
    path: Arc<Path>,
    clock: SharedClock,
    loaded: Arc<RwLock<Loaded>>,
}

/// What was last read from the file.
struct Loaded {
    keys: Arc<Keys>,
    /// The file that they were read from, by which a change of it is noticed.
    stamp: Option<Stamp>,
    /// When the file was last looked at, on the monotonic clock.
    looked_at: Duration,
    /// The last look, if what it found could not be read.
    refused: Option<Refused>,
}

/// A file that could not be read.
struct Refused {
    stamp: Option<Stamp>,
    at: Duration,
}

/// What may be told of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDescription {
    /// The id that sealed records name.
    pub key_id: String,
    /// Where it stands in its life.
    pub status: KeyStatus,
    /// Time since it was made, by the system clock. Never negative.
    pub age: Duration,
}

impl KeyRing {
    /// Makes a ring of one fresh primary key. A file that exists is never written over.
    ///
    /// # Errors
    /// [`KeyRingError::Exists`] when there is something under this path, [`KeyRingError::NotWritten`] when the file
    /// cannot be made.
    pub fn create(path: impl AsRef<Path>, clock: SharedClock) -> Result<Self, KeyRingError> {
        let path = path.as_ref();
        let mut set = JwkSet::default();
        set.add(&*clock, KeyStatus::Primary)
            .map_err(|source| KeyRingError::NotWritten { path: path.into(), source })?;
        file::create(path, &set)?;
        Self::open(path, clock)
    }

    /// Opens a ring.
    ///
    /// # Errors
    /// One sentence that names the file and what to do about it: see the cases of [`KeyRingError`].
    pub fn open(path: impl Into<PathBuf>, clock: SharedClock) -> Result<Self, KeyRingError> {
        let path: PathBuf = path.into();
        // Taken before the file is read: a change in between is then noticed by the next look.
        let (stamp, looked_at) = (Stamp::of(&path), clock.monotonic());
        let keys = Arc::new(file::read(&path)?.keys(&path)?);
        let loaded = Arc::new(RwLock::new(Loaded { keys, stamp, looked_at, refused: None }));
        Ok(Self { path: path.into(), clock, loaded })
    }

    /// What is in the ring, in the order of the file. Never a key itself.
    pub fn list(&self) -> Vec<KeyDescription> {
        let now = self.clock.system().duration_since(UNIX_EPOCH).unwrap_or_default();
        let describe = |key: &Arc<MasterKey>| KeyDescription {
            key_id: key.key_id.clone(),
            status: key.status,
            age: now.saturating_sub(key.created),
        };
        self.keys().all().iter().map(describe).collect()
    }

    /// A key for another purpose than wrapping, named by `label`, from the primary key.
    pub fn derive(&self, label: &str) -> KeyBytes {
        self.keys().primary().derive(label)
    }

    /// The keys of that purpose from every key of the ring, that of the primary first: whatever was authenticated
    /// under one of them can be verified as long as the master key is kept.
    pub fn derive_each(&self, label: &str) -> Vec<KeyBytes> {
        let keys = self.keys();
        let others = keys.all().iter().filter(|key| key.status != KeyStatus::Primary);
        std::iter::once(keys.primary().derive(label)).chain(others.map(|key| key.derive(label))).collect()
    }

    /// Uses the key of an id.
    fn with_key<T>(&self, key_id: &str, work: impl FnOnce(&MasterKey) -> Result<T, KeysError>) -> Result<T, KeysError> {
        let mut keys = self.keys();
        if keys.find(key_id).is_none() {
            // Another host may use a key that came into the file a moment ago.
            keys = self.look(self.clock.monotonic());
        }
        keys.find(key_id).map_or_else(|| Err(KeysError::UnknownKey(key_id.to_owned())), work)
    }

    /// The keys, read again if the file has changed.
    fn keys(&self) -> Arc<Keys> {
        let now = self.clock.monotonic();
        {
            let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
            if now.saturating_sub(loaded.looked_at) < LOOK_EVERY {
                return Arc::clone(&loaded.keys);
            }
        }
        self.look(now)
    }

    /// Looks at the file now, and reads it if it has changed. Keys that were good stay in use while it cannot be read;
    /// what could not be read is tried again at every look, but the same file at most once in [`LOOK_EVERY`].
    fn look(&self, now: Duration) -> Arc<Keys> {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        loaded.looked_at = now;
        let stamp = Stamp::of(&self.path);
        if stamp == loaded.stamp {
            loaded.refused = None;
            return Arc::clone(&loaded.keys);
        }
        let refused_at = loaded.refused.as_ref().filter(|refused| refused.stamp == stamp).map(|refused| refused.at);
        if refused_at.is_some_and(|at| now.saturating_sub(at) < LOOK_EVERY) {
            return Arc::clone(&loaded.keys);
        }
        match file::read(&self.path).and_then(|set| set.keys(&self.path)) {
            Ok(keys) => (loaded.keys, loaded.stamp, loaded.refused) = (Arc::new(keys), stamp, None),
            Err(error) => {
                // Told once for each state of the file, not every second.
                if refused_at.is_none() {
                    tracing::warn!(%error, "the key ring has changed and cannot be read; the keys read before stay in use");
                }
                loaded.refused = Some(Refused { stamp, at: now });
            }
        }
        Arc::clone(&loaded.keys)
    }
}

impl MasterKeys for KeyRing {
    fn wrap<'a>(&'a self, data_key: &'a [u8]) -> BoxFuture<'a, Result<WrappedKey, KeysError>> {
        async move { self.keys().primary().wrap(data_key) }.boxed()
    }

    fn unwrap<'a>(&'a self, wrapped: &'a WrappedKey) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, KeysError>> {
        async move { self.with_key(&wrapped.key_id, |key| key.unwrap(wrapped)) }.boxed()
    }

    fn derived_key<'a>(
        &'a self,
        purpose: &'a str,
        key_id: Option<&'a str>,
    ) -> BoxFuture<'a, Result<DerivedKey, KeysError>> {
        let derive = |key: &MasterKey| DerivedKey { key_id: key.key_id.clone(), bytes: key.derive(purpose) };
        async move {
            match key_id {
                Some(key_id) => self.with_key(key_id, |key| Ok(derive(key))),
                None => Ok(derive(self.keys().primary())),
            }
        }
        .boxed()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyRing").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
