//! What an operator does to a ring. Each is one replacement of the whole file, and is in use here at once.

use super::{JwkSet, KeyRing, KeyRingError, file};
use crate::keys::KeyStatus;

impl KeyRing {
    /// Adds a fresh key that only unwraps, and gives its id. To be promoted once every host has the file.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`KeyRingError::NotWritten`] or [`KeyRingError::Busy`].
    pub fn add_standby(&self) -> Result<String, KeyRingError> {
        self.change(|set| self.add_to(set))
    }

    /// Makes a standby key the primary and retires the primary.
    ///
    /// # Errors
    /// As [`add_standby`](Self::add_standby), and [`KeyRingError::NotPossible`] unless `key_id` names a standby key.
    pub fn promote(&self, key_id: &str) -> Result<(), KeyRingError> {
        self.change(|set| self.promote_in(set, key_id))
    }

    /// Adds a key and promotes it in one step, and gives its id. For a single host: another one that has not read the
    /// file yet could not open what is sealed from now on.
    ///
    /// # Errors
    /// As [`add_standby`](Self::add_standby).
    pub fn rotate(&self) -> Result<String, KeyRingError> {
        self.change(|set| {
            let key_id = self.add_to(set)?;
            self.promote_in(set, &key_id)?;
            Ok(key_id)
        })
    }

    /// Takes a retired key out for good. What is still sealed under it can never be opened again.
    ///
    /// # Errors
    /// As [`add_standby`](Self::add_standby), and [`KeyRingError::NotPossible`] unless `key_id` names a retired key.
    pub fn remove_retired(&self, key_id: &str) -> Result<(), KeyRingError> {
        self.change(|set| {
            self.expect_status(set, key_id, KeyStatus::Retired)?;
            set.keys.retain(|key| key.kid != key_id);
            Ok(())
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut JwkSet) -> Result<T, KeyRingError>) -> Result<T, KeyRingError> {
        let result = file::change(&self.path, change)?;
        self.look(self.clock.monotonic());
        Ok(result)
    }

    fn add_to(&self, set: &mut JwkSet) -> Result<String, KeyRingError> {
        set.add(&*self.clock, KeyStatus::Standby)
            .map_err(|source| KeyRingError::NotWritten { path: self.path.to_path_buf(), source })
    }

    fn promote_in(&self, set: &mut JwkSet, key_id: &str) -> Result<(), KeyRingError> {
        self.expect_status(set, key_id, KeyStatus::Standby)?;
        for key in &mut set.keys {
            if key.status == KeyStatus::Primary {
                key.status = KeyStatus::Retired;
            } else if key.kid == key_id {
                key.status = KeyStatus::Primary;
            }
        }
        Ok(())
    }

    /// Checks that the ring has a key of this id and status.
    fn expect_status(&self, set: &JwkSet, key_id: &str, status: KeyStatus) -> Result<(), KeyRingError> {
        let not_possible = |problem| KeyRingError::NotPossible { path: self.path.to_path_buf(), problem };
        match set.keys.iter().find(|key| key.kid == key_id) {
            Some(key) if key.status == status => Ok(()),
            Some(key) => Err(not_possible(format!("the key {key_id} is {}, not {status}", key.status))),
            None => Err(not_possible(format!("it has no key {key_id:?}; list the keys to see their ids"))),
        }
    }
}
