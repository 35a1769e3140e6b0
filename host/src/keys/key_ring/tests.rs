use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    clock::{Clock, MovableClock},
    keys::DATA_KEY_BYTES,
};

/// The base64url text of 32 bytes of 1.
const K: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const DATA_KEY: [u8; DATA_KEY_BYTES] = [9; DATA_KEY_BYTES];

/// A folder with a ring.
struct Fixture {
    folder: TempDir,
    clock: MovableClock,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), clock: MovableClock::new() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keys.json")
    }

    fn create(&self) -> KeyRing {
        KeyRing::create(self.path(), Arc::new(self.clock.clone())).unwrap()
    }

    fn open(&self) -> Result<KeyRing, KeyRingError> {
        KeyRing::open(self.path(), Arc::new(self.clock.clone()))
    }

    fn write(&self, text: &[u8]) {
        fs::write(self.path(), text).unwrap();
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Opens what must be refused, and checks that the refusal is one line that names the file and quotes no key, and
    /// that the file is as it was.
    fn refusal(&self) -> String {
        let before = fs::read(self.path()).ok();
        let message = self.open().unwrap_err().to_string();
        assert!(message.contains(self.path().to_str().unwrap()), "{message}");
        assert!(!message.contains('\n') && !message.contains(&K[..12]), "{message}");
        assert_eq!(fs::read(self.path()).ok(), before);
        message
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path()).unwrap()).unwrap()
    }
}

fn jwk(kid: &str, status: &str) -> Value {
    json!({ "kty": "oct", "use": "enc", "alg": "A256KW", "kid": kid, "k": K, "status": status, "created": 1 })
}

fn statuses(ring: &KeyRing) -> Vec<(String, KeyStatus)> {
    ring.list().into_iter().map(|key| (key.key_id, key.status)).collect()
}

#[tokio::test]
async fn a_new_ring_wraps_and_unwraps_under_its_one_primary() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let wrapped = ring.wrap(&DATA_KEY).await.unwrap();
    let described = ring.list();
    assert_eq!(statuses(&ring), [(wrapped.key_id.clone(), KeyStatus::Primary)]);
    assert!(described[0].age < Duration::from_secs(60));
    let again = fixture.open().unwrap();
    assert_eq!(again.unwrap(&wrapped).await.unwrap().as_slice(), DATA_KEY);
    fixture.clock.advance(Duration::from_secs(86_400));
    assert!(again.list()[0].age >= Duration::from_secs(86_400));
    fixture.clock.step_system(-1_000_000);
    assert_eq!(again.list()[0].age, Duration::ZERO);
}

/// PB-114.
#[test]
fn a_ring_is_a_jwk_set_that_only_its_owner_can_read() {
    let fixture = Fixture::new();
    fixture.create();
    assert_eq!(fs::metadata(fixture.path()).unwrap().mode() & 0o777, 0o600);
    let json = fixture.json();
    let key = &json["keys"][0];
    assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!("oct"), &json!("enc"), &json!("A256KW")));
    assert_eq!((key["k"].as_str().unwrap().len(), &key["status"]), (43, &json!("primary")));
    assert_eq!(fs::read_dir(fixture.folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_ring_that_exists_is_never_written_over() {
    let fixture = Fixture::new();
    fixture.create();
    let before = fixture.json();
    let error = KeyRing::create(fixture.path(), Arc::new(fixture.clock.clone())).unwrap_err();
    assert!(matches!(error, KeyRingError::Exists(_)), "{error}");
    assert_eq!(fixture.json(), before);
}

#[tokio::test]
async fn keys_go_from_standby_to_primary_to_retired_and_out() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let by_first = ring.wrap(&DATA_KEY).await.unwrap();
    let first = by_first.key_id.clone();
    let second = ring.add_standby().unwrap();
    assert_eq!(ring.wrap(&DATA_KEY).await.unwrap().key_id, first);
    ring.promote(&second).unwrap();
    let expected = [(first.clone(), KeyStatus::Retired), (second.clone(), KeyStatus::Primary)];
    assert_eq!(statuses(&ring), expected);
    assert_eq!(ring.wrap(&DATA_KEY).await.unwrap().key_id, second);
    assert_eq!(ring.unwrap(&by_first).await.unwrap().as_slice(), DATA_KEY);
    let third = ring.rotate().unwrap();
    ring.remove(&first, SealedUnder::Nothing).unwrap();
    assert_eq!(statuses(&ring), [(second, KeyStatus::Retired), (third, KeyStatus::Primary)]);
    assert_eq!(ring.unwrap(&by_first).await.unwrap_err(), KeysError::UnknownKey(first));
    assert_eq!(statuses(&fixture.open().unwrap()), statuses(&ring));
}

#[test]
fn a_change_that_does_not_fit_is_refused_and_the_file_untouched() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let retired = ring.list()[0].key_id.clone();
    let primary = ring.rotate().unwrap();
    let before = fs::read(fixture.path()).unwrap();
    for error in [
        ring.promote(&primary).unwrap_err(),
        ring.promote("nobody").unwrap_err(),
        ring.promote(&retired).unwrap_err(),
        ring.remove(&primary, SealedUnder::Nothing).unwrap_err(),
        ring.remove(&retired, SealedUnder::NotKnown).unwrap_err(),
        ring.remove("nobody", SealedUnder::Nothing).unwrap_err(),
    ] {
        assert!(matches!(error, KeyRingError::NotPossible { .. }), "{error}");
    }
    assert_eq!(fs::read(fixture.path()).unwrap(), before);
}

#[test]
fn a_standby_key_goes_without_more_ado_since_it_has_sealed_nothing() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let before = statuses(&ring);
    let standby = ring.add_standby().unwrap();
    ring.remove(&standby, SealedUnder::NotKnown).unwrap();
    assert_eq!(statuses(&ring), before);
}

#[test]
fn a_changed_ring_can_still_be_read_by_its_owner_alone() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let retired = ring.list()[0].key_id.clone();
    let standby = ring.add_standby().unwrap();
    ring.promote(&standby).unwrap();
    ring.remove(&retired, SealedUnder::Nothing).unwrap();
    assert_eq!(fs::metadata(fixture.path()).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(fixture.folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn two_changes_at_once_are_not_mixed_up() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let lock = fs::File::open(fixture.folder.path()).unwrap();
    lock.try_lock().unwrap();
    let error = ring.rotate().unwrap_err();
    assert!(matches!(error, KeyRingError::Busy(_)), "{error}");
    drop(lock);
    ring.rotate().unwrap();
}

#[test]
fn members_that_are_not_known_here_are_kept() {
    let fixture = Fixture::new();
    let mut key = jwk("one", "primary");
    key["x-note"] = json!({ "by": "ada" });
    fixture.write(json!({ "keys": [key], "x-cluster": [1, 2] }).to_string().as_bytes());
    fixture.open().unwrap().rotate().unwrap();
    let json = fixture.json();
    assert_eq!((&json["x-cluster"], &json["keys"][0]["x-note"]), (&json!([1, 2]), &json!({ "by": "ada" })));
    assert_eq!((&json["keys"][0]["status"], &json["keys"][0]["k"]), (&json!("retired"), &json!(K)));
}

#[test]
fn a_link_to_a_ring_stays_a_link_when_the_ring_is_changed() {
    let fixture = Fixture::new();
    fixture.create();
    let link = fixture.folder.path().join("link.json");
    symlink(fixture.path(), &link).unwrap();
    let ring = KeyRing::open(&link, Arc::new(fixture.clock.clone())).unwrap();
    ring.rotate().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fixture.json()["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_ring_that_another_process_changes_is_read_again_within_a_second() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let another = fixture.open().unwrap();
    let key_id = another.rotate().unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(ring.wrap(&DATA_KEY).await.unwrap().key_id, key_id);
}

#[tokio::test]
async fn a_key_that_is_not_known_is_looked_for_in_the_file_at_once() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let another = fixture.open().unwrap();
    another.rotate().unwrap();
    let by_another = another.wrap(&DATA_KEY).await.unwrap();
    assert_eq!(ring.unwrap(&by_another).await.unwrap().as_slice(), DATA_KEY);
}

#[tokio::test]
async fn a_ring_that_could_not_be_read_for_a_moment_is_read_when_it_can_be_although_it_has_not_changed_since() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let first = ring.list()[0].key_id.clone();
    let another = fixture.open().unwrap();
    another.rotate().unwrap();
    let by_another = another.wrap(&DATA_KEY).await.unwrap();
    // As when reading failed for want of a file handle: the file is the same before and after. An hour ahead, so that a
    // slow machine does not get to the next try by itself.
    let hour = Duration::from_secs(3600);
    let failed = Refused { stamp: Stamp::of(&fixture.path()), at: fixture.clock.monotonic() + hour };
    ring.loaded.write().unwrap().refused = Some(failed);
    assert_eq!(ring.wrap(&DATA_KEY).await.unwrap().key_id, first);
    let unknown = KeysError::UnknownKey(by_another.key_id.clone());
    assert_eq!(ring.unwrap(&by_another).await.unwrap_err(), unknown, "the same file is tried once a second");
    fixture.clock.advance(hour + Duration::from_secs(1));
    assert_eq!(ring.unwrap(&by_another).await.unwrap().as_slice(), DATA_KEY);
}

#[tokio::test]
async fn a_ring_that_is_spoilt_while_in_use_stays_in_use_as_it_was_until_it_is_mended() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let wrapped = ring.wrap(&DATA_KEY).await.unwrap();
    let good = fs::read(fixture.path()).unwrap();
    fixture.write(b"garbage");
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(ring.unwrap(&wrapped).await.unwrap().as_slice(), DATA_KEY);
    fs::remove_file(fixture.path()).unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(ring.unwrap(&wrapped).await.unwrap().as_slice(), DATA_KEY);
    fixture.write(&good);
    let key_id = fixture.open().unwrap().rotate().unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(ring.wrap(&DATA_KEY).await.unwrap().key_id, key_id);
}

#[test]
fn a_ring_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let fixture = Fixture::new();
    fixture.create();
    for mode in [0o640, 0o604, 0o620, 0o644] {
        fs::set_permissions(fixture.path(), fs::Permissions::from_mode(mode)).unwrap();
        let message = fixture.refusal();
        assert!(message.contains(&format!("chmod 600 {}", fixture.path().display())), "{message}");
    }
}

#[test]
fn a_ring_of_another_user_is_refused() {
    let fixture = Fixture::new();
    fixture.create();
    let not_ours = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(fixture.path(), Some(4711), None).unwrap();
        fixture.path()
    } else {
        // Nobody but root can give a file away; this one is root's on every Unix.
        PathBuf::from("/etc/passwd")
    };
    let error = KeyRing::open(not_ours, Arc::new(fixture.clock.clone())).unwrap_err();
    assert!(matches!(error, KeyRingError::NotOwned(_)), "{error}");
}

#[test]
fn what_is_not_a_ring_is_refused_with_one_sentence_and_left_untouched() {
    let changed = |member: &str, value: Value| {
        let mut key = jwk("one", "primary");
        key[member] = value;
        json!({ "keys": [key] }).to_string()
    };
    let set = |keys: Value| json!({ "keys": keys }).to_string();
    for (text, expected) in [
        (String::new(), "it is empty"),
        ("garbage".into(), "line 1, column 1"),
        ("{}".into(), "not a JWK set"),
        ("[]".into(), "not a JWK set"),
        (json!({ "keys": [K] }).to_string(), "not a JWK set"),
        (set(json!([])), "it holds no key"),
        (set(json!([jwk("one", "standby")])), "no key is the primary"),
        (set(json!([jwk("one", "primary"), jwk("two", "primary")])), "more than one key is the primary"),
        (set(json!([jwk("one", "primary"), jwk("one", "retired")])), "the kid of key number 2 stands twice"),
        (changed("kty", json!("RSA")), "the kty is not \"oct\""),
        (changed("use", json!("sig")), "the use is not \"enc\""),
        (changed("alg", json!("A128KW")), "the alg is not \"A256KW\""),
        (changed("kid", json!("a b")), "the kid is not"),
        (changed("kid", json!("")), "the kid is not"),
        (changed("status", json!(K)), "not a JWK set"),
        (changed("created", json!(K)), "not a JWK set"),
        (changed("created", json!(-1)), "not a JWK set"),
        (changed("k", json!(&K[..42])), "the k is not"),
        (changed("k", json!(&K[..22])), "the k is not"),
        (changed("k", json!(format!("{K}AQ"))), "the k is not"),
        (changed("k", json!(format!("{K}="))), "the k is not"),
        (changed("k", json!(7)), "not a JWK set"),
        (" ".repeat(2 * 1024 * 1024), "larger than a key ring"),
    ] {
        let fixture = Fixture::new();
        fixture.write(text.as_bytes());
        let message = fixture.refusal();
        assert!(message.contains(expected), "{message}\nfor {}", &text[..text.len().min(200)]);
    }
}

#[test]
fn a_missing_ring_and_a_folder_in_its_place_are_refused() {
    let fixture = Fixture::new();
    assert!(fixture.refusal().contains("there is no key ring"));
    fs::create_dir(fixture.path()).unwrap();
    assert!(fixture.refusal().contains("it is not a file"));
}

#[test]
fn what_was_derived_before_a_rotation_can_be_verified_after_it() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    let before = ring.derive("compile cache");
    assert_ne!(before, ring.derive("another purpose"));
    ring.rotate().unwrap();
    assert_ne!(ring.derive("compile cache"), before);
    assert_eq!(ring.derive_each("compile cache"), [ring.derive("compile cache"), before]);
}

#[test]
fn a_ring_prints_its_path_and_no_key() {
    let fixture = Fixture::new();
    let ring = fixture.create();
    assert_eq!(format!("{ring:?}"), format!("KeyRing {{ path: {:?}, .. }}", fixture.path()));
}
