//! The form of the service's own records: each carries a MAC under a key of the ring. Whoever can write the database but
//! has no key can neither make a user or an API token, nor change one, nor move one to another name.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use serde::{Deserialize, Serialize};

use crate::contract::Error;
use crate::keys::{DerivedKey, KeysError, MasterKeys, hmac_sha_256};

/// What the keys are derived for.
const PURPOSE: &str = "service-record/1";

/// A record as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Signed {
    /// The master key whose MAC it is.
    key_id: String,
    /// The MAC, base64url.
    mac: String,
    /// Milliseconds that it had stood already when it was written this time.
    stood: u64,
    /// What it says, as JSON.
    record: String,
}

impl Signed {
    /// Signs a record under the primary key. `place` is the key that it is stored under.
    pub(super) async fn new(
        keys: &dyn MasterKeys,
        place: &str,
        record: String,
        stood: Duration,
    ) -> Result<Self, Error> {
        let key = keys.derived_key(PURPOSE, None).await.map_err(no_key)?;
        let stood = u64::try_from(stood.as_millis()).unwrap_or(u64::MAX);
        let mac = URL_SAFE_NO_PAD.encode(mac(&key, place, &record, stood).finalize().into_bytes());
        Ok(Self { key_id: key.key_id, mac, stood, record })
    }

    /// Reads a record, and checks that a host has written it there.
    ///
    /// # Errors
    /// `internal` for what no host has written, `misconfigured` when its key is not in the ring.
    pub(super) async fn read(keys: &dyn MasterKeys, place: &str, value: &[u8]) -> Result<Self, Error> {
        let signed: Self = serde_json::from_slice(value).map_err(|_| damaged(place))?;
        let key = keys.derived_key(PURPOSE, Some(&signed.key_id)).await.map_err(no_key)?;
        let claimed = URL_SAFE_NO_PAD.decode(&signed.mac).map_err(|_| damaged(place))?;
        let expected = mac(&key, place, &signed.record, signed.stood);
        expected.verify_slice(&claimed).map_err(|_| damaged(place))?;
        Ok(signed)
    }

    /// What it says.
    pub(super) fn record(&self) -> &str {
        &self.record
    }

    /// How long it has stood, `age` being the time since it was written.
    pub(super) fn stood(&self, age: Duration) -> Duration {
        age.saturating_add(Duration::from_millis(self.stood))
    }

    /// Whether it is signed under this key.
    pub(super) fn is_under(&self, key_id: &str) -> bool {
        self.key_id == key_id
    }
}

/// The id of the key under which records are signed now.
pub(super) async fn present_key(keys: &dyn MasterKeys) -> Result<String, Error> {
    Ok(keys.derived_key(PURPOSE, None).await.map_err(no_key)?.key_id)
}

fn mac(key: &DerivedKey, place: &str, record: &str, stood: u64) -> hmac::Hmac<sha2::Sha256> {
    let mut mac = hmac_sha_256(&key.bytes);
    for part in [place.as_bytes(), record.as_bytes(), &stood.to_be_bytes()] {
        // Each with its length before it, so that no two records are the same to the MAC.
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac
}

fn damaged(place: &str) -> Error {
    // The place names a digest and no person.
    tracing::warn!(place, "a record of the service is not as a host has written it");
    Error::Internal(
        "A stored record of the service is damaged, of a newer version, or written by a stranger.".to_owned(),
    )
}

fn no_key(error: KeysError) -> Error {
    match error {
        KeysError::UnknownKey(key_id) => Error::Misconfigured(format!(
            "A record of the service is signed with the key {key_id}, which is not in this host's key ring. Whoever operates \
             this deployment must give it back."
        )),
        error => {
            tracing::warn!(%error, "the key of the service's records could not be had");
            Error::unavailable("The key store of this service does not answer.")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::keys::KeyRing;

    fn ring(folder: &tempfile::TempDir) -> KeyRing {
        KeyRing::create(folder.path().join("keyring.json"), Arc::new(SystemClock::new())).unwrap()
    }

    async fn signed(keys: &KeyRing) -> Vec<u8> {
        let signed = Signed::new(keys, "service/user/a", r#"{"admin":false}"#.to_owned(), Duration::from_secs(5)).await;
        serde_json::to_vec(&signed.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_record_is_read_where_and_as_a_host_has_written_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys = ring(&folder);
        let read = Signed::read(&keys, "service/user/a", &signed(&keys).await).await.unwrap();
        assert_eq!(read.record(), r#"{"admin":false}"#);
        assert_eq!(read.stood(Duration::from_secs(2)), Duration::from_secs(7));
        keys.rotate().unwrap();
        assert!(!read.is_under(&present_key(&keys).await.unwrap()));
        Signed::read(&keys, "service/user/a", &signed(&keys).await).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_changed_or_moved_or_made_by_a_stranger_is_not_read() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let keys = ring(&folder);
        let value = signed(&keys).await;
        let text = String::from_utf8(value.clone()).unwrap();
        assert!(Signed::read(&keys, "service/user/b", &value).await.is_err());
        for (from, to) in [("false", "true "), ("\"stood\":5000", "\"stood\":0"), ("\"mac\":\"", "\"mac\":\"A")] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let read = Signed::read(&keys, "service/user/a", changed.as_bytes()).await;
            assert!(matches!(read, Err(Error::Internal(_))), "{from}");
        }
        let strangers = signed(&ring(&other)).await;
        assert!(matches!(Signed::read(&keys, "service/user/a", &strangers).await, Err(Error::Misconfigured(_))));
        assert!(Signed::read(&keys, "service/user/a", br#"{"admin":true}"#).await.is_err());
    }
}
