//! What an operator does to a ring. Each is one replacement of the whole file, and is in use here at once.

use super::{JwkSet, KeyRing, KeyRingError, file};
use crate::keys::KeyStatus;

/// What is known of the records that are sealed under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedUnder {
    /// There are none: everything has been sealed anew under the primary key.
    Nothing,
    /// There may be some.
    NotKnown,
}

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

    /// Takes a key that is not the primary out for good. What is still sealed under it can never be opened again, so a
    /// retired key goes only once nothing is: `reseal` has then walked through every tenant and left nothing for
    /// another pass. A standby key has never sealed anything.
    ///
    /// # Errors
    /// As [`add_standby`](Self::add_standby), and [`KeyRingError::NotPossible`] when there is no such key, when it is the
    /// primary, or when it is retired and `sealed` is [`SealedUnder::NotKnown`].
    pub fn remove(&self, key_id: &str, sealed: SealedUnder) -> Result<(), KeyRingError> {
        self.change(|set| {
            match (self.status_in(set, key_id)?, sealed) {
                (KeyStatus::Standby, _) | (KeyStatus::Retired, SealedUnder::Nothing) => {}
                (KeyStatus::Primary, _) => {
                    return Err(
                        self.not_possible(format!("the key {key_id} is the primary; promote another one first"))
                    );
                }
                (KeyStatus::Retired, SealedUnder::NotKnown) => {
                    return Err(self.not_possible(format!(
                        "records may still be sealed under the key {key_id}; run `fabric-auth keys reseal` until it \
                         leaves none for another pass"
                    )));
                }
            }
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
        match self.status_in(set, key_id)? {
            found if found == status => Ok(()),
            found => Err(self.not_possible(format!("the key {key_id} is {found}, not {status}"))),
        }
    }

    fn status_in(&self, set: &JwkSet, key_id: &str) -> Result<KeyStatus, KeyRingError> {
        let found = set.keys.iter().find(|key| key.kid == key_id);
        found.map(|key| key.status).ok_or_else(|| {
            self.not_possible(format!("it has no key {key_id:?}; `fabric-auth keys list` shows the ids of its keys"))
        })
    }

    fn not_possible(&self, problem: String) -> KeyRingError {
        KeyRingError::NotPossible { path: self.path.to_path_buf(), problem }
    }
}
