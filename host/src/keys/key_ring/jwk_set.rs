//! The JWK set of a key ring (RFC 7517 section 5), and the keys in it.

use std::{
    collections::HashSet,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{KeyRingError, key_id};
use crate::{
    clock::Clock,
    keys::master_key::{ALGORITHM, KeyBytes, KeyStatus, MASTER_KEY_BYTES, MasterKey},
};

/// The key type of a symmetric key (RFC 7518 section 6.4).
const KEY_TYPE: &str = "oct";
/// What the key is for (RFC 7517 section 4.2).
const USE: &str = "enc";

/// What the file holds. Members that are not known here are kept as they are.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct JwkSet {
    pub(super) keys: Vec<Jwk>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// A symmetric key (RFC 7517 section 4, RFC 7518 section 6.4) with its status.
#[derive(Serialize, Deserialize)]
pub(super) struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    use_: String,
    alg: String,
    pub(super) kid: String,
    k: EncodedKey,
    pub(super) status: KeyStatus,
    /// In seconds since the Unix epoch.
    created: u64,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The key bytes as they stand in the file; wiped when dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
struct EncodedKey(String);

impl EncodedKey {
    fn of(bytes: &KeyBytes) -> Self {
        Self(URL_SAFE_NO_PAD.encode(**bytes))
    }

    /// `None` unless it is the base64url text of a key of the right length.
    fn decode(&self) -> Option<KeyBytes> {
        let mut bytes: KeyBytes = Zeroizing::new([0; MASTER_KEY_BYTES]);
        match URL_SAFE_NO_PAD.decode_slice(&self.0, &mut *bytes) {
            Ok(MASTER_KEY_BYTES) => Some(bytes),
            _ => None,
        }
    }
}

impl JwkSet {
    /// Adds a fresh key and gives its id. Fails only if the operating system gives no random bytes.
    pub(super) fn add(&mut self, clock: &dyn Clock, status: KeyStatus) -> io::Result<String> {
        let since_epoch = clock.system().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut bytes: KeyBytes = Zeroizing::new([0; MASTER_KEY_BYTES]);
        getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
        let kid = key_id::fresh(since_epoch)?;
        self.keys.push(Jwk {
            kty: KEY_TYPE.into(),
            use_: USE.into(),
            alg: ALGORITHM.into(),
            kid: kid.clone(),
            k: EncodedKey::of(&bytes),
            status,
            created: since_epoch.as_secs(),
            others: Map::new(),
        });
        Ok(kid)
    }

    /// The keys, if this is a ring that can be used: every key is what it should be, no id stands twice, and there is
    /// exactly one primary. `path` is for the message.
    pub(super) fn keys(&self, path: &Path) -> Result<Keys, KeyRingError> {
        self.check().map_err(|problem| KeyRingError::Invalid { path: path.into(), problem })
    }

    fn check(&self) -> Result<Keys, String> {
        let mut ids = HashSet::new();
        let mut keys = Vec::with_capacity(self.keys.len());
        for (jwk, number) in self.keys.iter().zip(1_usize..) {
            let key = jwk.check().map_err(|problem| format!("in key number {number} {problem}"))?;
            keys.push(Arc::new(key));
            if !ids.insert(jwk.kid.as_str()) {
                return Err(format!("the kid of key number {number} stands twice"));
            }
        }
        let mut primaries = keys.iter().filter(|key| key.status == KeyStatus::Primary);
        match (primaries.next(), primaries.next()) {
            (Some(primary), None) => Ok(Keys { primary: Arc::clone(primary), all: keys }),
            (Some(_), Some(_)) => Err("more than one key is the primary".into()),
            (None, _) if keys.is_empty() => Err("it holds no key".into()),
            (None, _) => Err("no key is the primary".into()),
        }
    }
}

impl Jwk {
    fn check(&self) -> Result<MasterKey, String> {
        for (name, value, expected) in
            [("kty", &self.kty, KEY_TYPE), ("use", &self.use_, USE), ("alg", &self.alg, ALGORITHM)]
        {
            if value != expected {
                return Err(format!("the {name} is not {expected:?}"));
            }
        }
        if !key_id::is_valid(&self.kid) {
            return Err("the kid is not 1 to 64 characters of A-Z a-z 0-9 . _ -".into());
        }
        let bytes = self.k.decode().ok_or("the k is not the base64url text (without padding) of 32 bytes")?;
        let created = Duration::from_secs(self.created);
        Ok(MasterKey { key_id: self.kid.clone(), status: self.status, created, bytes })
    }
}

/// The keys of a ring that was found good.
pub(super) struct Keys {
    primary: Arc<MasterKey>,
    all: Vec<Arc<MasterKey>>,
}

impl Keys {
    /// The one under which to wrap.
    pub(super) fn primary(&self) -> &MasterKey {
        &self.primary
    }

    /// All of them, in the order of the file.
    pub(super) fn all(&self) -> &[Arc<MasterKey>] {
        &self.all
    }

    /// The one of this id.
    pub(super) fn find(&self, key_id: &str) -> Option<&MasterKey> {
        self.all.iter().find(|key| key.key_id == key_id).map(|key| &**key)
    }
}
