//! Whose entry it is, how long it is good, and that the cache stays within its bounds.

use proptest::prelude::*;

use super::*;
use crate::contract::{Activity, Caller, CallerKind, IdentityKind};

fn caller(user: &str) -> Caller {
    Caller {
        tenant: "acme".into(),
        kind: CallerKind::Person,
        user: user.into(),
        email: None,
        cluster_admin: false,
        teams: Vec::new(),
        on_behalf_of: None,
    }
}

fn token(size: usize, grant: &str) -> CachedToken {
    CachedToken {
        token: AccessToken::from("t".repeat(size)),
        description: TokenDescription {
            reference: TokenReference { lineage: "l".into(), generation: 1 },
            identity: IdentityKind::Person,
            databricks_user: "alice".into(),
            workspace_url: "https://x".into(),
            workspace_id: None,
            scopes: vec!["all-apis".into(), "offline_access".into()],
            expires_in: 0,
        },
        grant: grant.into(),
        fabric: "fabric/acme/dev".into(),
        usable_until: Duration::from_secs(100),
        confirmed_at: Duration::ZERO,
        served_at: Cell::default(),
    }
}

fn key(user: &str) -> CacheKey {
    CacheKey::new(&caller(user), "dev", Activity::PipelineDevelopment)
}

/// Adds a token that was just read.
fn insert(cache: &mut TokenCache, user: &str, token: CachedToken) {
    let asking = cache.asking(Duration::ZERO);
    cache.insert(key(user), token, asking);
}

/// What must be so after every step.
#[track_caller]
fn check(cache: &TokenCache) {
    let sum: usize = cache.entries.iter().map(|(key, entry)| entry.token.bytes(key)).sum();
    assert_eq!(cache.bytes, sum);
    assert!(sum <= CAPACITY);
    let by_number: BTreeMap<u64, CacheKey> =
        cache.entries.iter().map(|(key, entry)| (entry.number, key.clone())).collect();
    assert!(cache.arrivals == by_number);
}

/// PB-032.
#[test]
fn one_persons_token_is_not_found_for_another() {
    let mut cache = TokenCache::default();
    insert(&mut cache, "alice", token(10, "g"));
    assert!(cache.get(&key("alice")).is_some());
    assert!(cache.get(&key("bob")).is_none());
    let mut other_tenant = caller("alice");
    other_tenant.tenant = "other".into();
    assert!(cache.get(&CacheKey::new(&other_tenant, "dev", Activity::PipelineDevelopment)).is_none());
    assert!(cache.get(&CacheKey::new(&caller("alice"), "dev", Activity::JobConfiguration)).is_none());
}

#[test]
fn it_forgets_the_oldest_first() {
    let mut cache = TokenCache::default();
    for number in 0..1_000 {
        insert(&mut cache, &format!("user-{number}"), token(16 * 1024, "g"));
    }
    check(&cache);
    let kept: Vec<bool> = (0..1_000).map(|number| cache.get(&key(&format!("user-{number}"))).is_some()).collect();
    let first_kept = kept.iter().position(|kept| *kept).unwrap();
    assert!(first_kept > 0 && kept[first_kept..].iter().all(|kept| *kept));
}

#[test]
fn a_token_that_is_larger_than_the_cache_displaces_nothing() {
    let mut cache = TokenCache::default();
    insert(&mut cache, "alice", token(10, "g"));
    insert(&mut cache, "bob", token(CAPACITY, "g"));
    assert!(cache.get(&key("alice")).is_some() && cache.get(&key("bob")).is_none());
    check(&cache);
}

#[test]
fn a_changed_grant_or_fabric_is_forgotten_and_others_are_not() {
    let mut cache = TokenCache::default();
    insert(&mut cache, "alice", token(10, "grant/a"));
    insert(&mut cache, "bob", token(10, "grant/b"));
    cache.invalidate(&["grant/a".to_owned()]);
    assert!(cache.get(&key("alice")).is_none());
    assert!(cache.get(&key("bob")).is_some());
    cache.invalidate(&["fabric/acme/dev".to_owned()]);
    assert!(cache.get(&key("bob")).is_none());
    check(&cache);
}

#[test]
fn what_was_read_before_an_invalidation_is_not_remembered_after_it() {
    for changed in ["grant/a", "fabric/acme/dev"] {
        let mut cache = TokenCache::default();
        let asking = cache.asking(Duration::ZERO);
        cache.invalidate(&[changed.to_owned()]);
        cache.insert(key("alice"), token(10, "grant/a"), asking);
        assert!(cache.get(&key("alice")).is_none(), "{changed}");
        insert(&mut cache, "alice", token(10, "grant/a"));
        assert!(cache.get(&key("alice")).is_some(), "{changed}");
    }
}

#[test]
fn an_entry_is_confirmed_for_five_seconds_then_only_in_need_then_over() {
    let token = token(10, "g");
    assert_eq!(token.standing(Duration::from_secs(4)), Standing::Confirmed);
    assert_eq!(token.standing(Duration::from_secs(5)), Standing::MayServeUnconfirmed);
    assert_eq!(token.standing(Duration::from_secs(64)), Standing::MayServeUnconfirmed);
    assert_eq!(token.standing(Duration::from_secs(65)), Standing::Over);
}

#[test]
fn nothing_is_served_after_its_end() {
    let mut token = token(10, "g");
    token.confirmed_at = Duration::from_secs(99);
    assert_eq!(token.standing(Duration::from_secs(100)), Standing::Over);
}

#[test]
fn a_token_of_another_lineage_or_generation_is_not_confirmed_but_forgotten() {
    for reference in
        [TokenReference { lineage: "l".into(), generation: 2 }, TokenReference { lineage: "m".into(), generation: 1 }]
    {
        let mut cache = TokenCache::default();
        insert(&mut cache, "alice", token(10, "g"));
        let asking = cache.asking(Duration::from_secs(9));
        assert!(cache.confirm(&key("alice"), &TokenReference { lineage: "l".into(), generation: 1 }, asking));
        assert_eq!(cache.get(&key("alice")).unwrap().confirmed_at, Duration::from_secs(9));
        assert!(!cache.confirm(&key("alice"), &reference, asking));
        assert!(cache.get(&key("alice")).is_none());
        check(&cache);
    }
}

/// A step of a cache's life.
#[derive(Clone, Debug)]
enum Step {
    Insert { user: u8, size: usize, grant: u8 },
    Remove { user: u8 },
    Confirm { user: u8, generation: u64 },
    Invalidate { grant: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (any::<u8>(), 0..CAPACITY / 4, 0..8_u8).prop_map(|(user, size, grant)| Step::Insert { user, size, grant }),
        1 => any::<u8>().prop_map(|user| Step::Remove { user }),
        1 => (any::<u8>(), 1..3_u64).prop_map(|(user, generation)| Step::Confirm { user, generation }),
        1 => (0..8_u8).prop_map(|grant| Step::Invalidate { grant }),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn its_size_is_right_and_bounded_whatever_happens_and_what_was_just_added_is_there(steps in steps()) {
        let mut cache = TokenCache::default();
        for step in steps {
            match step {
                Step::Insert { user, size, grant } => {
                    insert(&mut cache, &user.to_string(), token(size, &format!("grant/{grant}")));
                    prop_assert!(cache.get(&key(&user.to_string())).is_some());
                }
                Step::Remove { user } => cache.remove(&key(&user.to_string())),
                Step::Confirm { user, generation } => {
                    let asking = cache.asking(Duration::ZERO);
                    cache.confirm(&key(&user.to_string()), &TokenReference { lineage: "l".into(), generation }, asking);
                }
                Step::Invalidate { grant } => cache.invalidate(&[format!("grant/{grant}")]),
            }
            check(&cache);
        }
    }
}
