//! Where each record stands in the store.
//!
//! A key's parts are percent-encoded, so that no name can reach outside its part, and hold no personal data in clear:
//! users appear as digests.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::contract::Error;
use crate::error::Result;

/// What stays as it is in a part of a key.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The app connection of a tenant.
pub fn app_connection(tenant: &str, name: &str) -> String {
    format!("{}{}", app_connections(tenant), encode(name))
}

/// Prefix of a tenant's app connections.
pub fn app_connections(tenant: &str) -> String {
    format!("app-connection/{}/", encode(tenant))
}

/// Which app connection of a tenant is the default one.
pub fn default_app_connection(tenant: &str) -> String {
    format!("default-app-connection/{}", encode(tenant))
}

/// A fabric of a tenant.
pub fn fabric(tenant: &str, name: &str) -> String {
    format!("{}{}", fabrics(tenant), encode(name))
}

/// Prefix of a tenant's fabrics.
pub fn fabrics(tenant: &str) -> String {
    format!("{FABRICS}{}/", encode(tenant))
}

/// Prefix of all fabrics.
pub const FABRICS: &str = "fabric/";

/// A fabric's key, taken apart: tenant and name. `None` when it is not one.
pub fn parse_fabric(key: &str) -> Option<(String, String)> {
    let (tenant, name) = key.strip_prefix(FABRICS)?.split_once('/')?;
    Some((decode(tenant)?, decode(name)?))
}

/// The name in the key of a tenant's fabric. `None` when it is not one.
pub fn fabric_name(tenant: &str, key: &str) -> Option<String> {
    decode(key.strip_prefix(&fabrics(tenant))?)
}

/// A pending sign-in, by the digest of its `state`.
pub fn sign_in(tenant: &str, user: &str, state: &str) -> String {
    format!("{}{}", sign_ins_of(tenant, user), digest(&["state", state]))
}

/// Prefix of one user's pending sign-ins.
pub fn sign_ins_of(tenant: &str, user: &str) -> String {
    format!("{}{}/", sign_ins(tenant), user_digest(tenant, user))
}

/// Prefix of a tenant's pending sign-ins.
pub fn sign_ins(tenant: &str) -> String {
    format!("{SIGN_INS}{}/", encode(tenant))
}

/// Prefix of all pending sign-ins.
pub const SIGN_INS: &str = "sign-in/";

/// Where the grant of a pending sign-in will be kept, by the key of the sign-in, which names its user by a digest only.
/// `None` when it is not the key of one.
pub fn grant_of_sign_in(tenant: &str, sign_in: &str, issuer: &str, client_id: &str) -> Option<String> {
    let (user, _state) = sign_in.strip_prefix(&sign_ins(tenant))?.split_once('/')?;
    Some(format!("{}{user}/{}/{}", person_grants(tenant), digest(&["issuer", issuer]), digest(&["client", client_id])))
}

/// What a workspace's authorization server said about itself. A host that serves several accounts has one for each.
pub fn discovery(workspace_root: &str, account_id: Option<&str>) -> String {
    format!("discovery/{}/{}", encode(workspace_root), encode(account_id.unwrap_or_default()))
}

/// How a token endpoint has been doing lately.
pub fn token_endpoint(url: &str) -> String {
    format!("token-endpoint/{}", digest(&["token-endpoint", url]))
}

/// A person's grant: one for each (tenant, issuer, client id, Prophecy user), so that fabrics on one workspace share it.
pub fn person_grant(tenant: &str, issuer: &str, client_id: &str, user: &str) -> String {
    format!("{}{}", person_grants_at(tenant, issuer, user), digest(&["client", client_id]))
}

/// Prefix of one user's grants from one issuer, whichever client they were given to.
pub fn person_grants_at(tenant: &str, issuer: &str, user: &str) -> String {
    format!("{}{}/", person_grants_of(tenant, user), digest(&["issuer", issuer]))
}

/// Prefix of one user's grants.
pub fn person_grants_of(tenant: &str, user: &str) -> String {
    format!("{}{}/", person_grants(tenant), user_digest(tenant, user))
}

/// Prefix of a tenant's grants of people.
pub fn person_grants(tenant: &str) -> String {
    format!("{PERSON_GRANTS}{}/", encode(tenant))
}

/// Prefix of all grants.
pub const GRANTS: &str = "grant/";

/// Prefix of all grants of people.
pub const PERSON_GRANTS: &str = "grant/person/";

/// What is held for a fabric's service principal.
pub fn service_principal_grant(tenant: &str, fabric: &str) -> String {
    format!("{}{}", service_principal_grants(tenant), encode(fabric))
}

/// Prefix of what is held for a tenant's service principals.
pub fn service_principal_grants(tenant: &str) -> String {
    format!("{SERVICE_PRINCIPAL_GRANTS}{}/", encode(tenant))
}

const SERVICE_PRINCIPAL_GRANTS: &str = "grant/service-principal/";

/// A grant's key, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub enum GrantKey {
    /// A person's.
    Person {
        /// The tenant.
        tenant: String,
    },
    /// A service principal's.
    ServicePrincipal {
        /// The tenant.
        tenant: String,
        /// The fabric whose credentials it is obtained with.
        fabric: String,
    },
}

/// Takes a grant's key apart. `None` when it is not one.
pub fn parse_grant(key: &str) -> Option<GrantKey> {
    if let Some(rest) = key.strip_prefix(PERSON_GRANTS) {
        let (tenant, _digests) = rest.split_once('/')?;
        return Some(GrantKey::Person { tenant: decode(tenant)? });
    }
    let (tenant, fabric) = key.strip_prefix(SERVICE_PRINCIPAL_GRANTS)?.split_once('/')?;
    Some(GrantKey::ServicePrincipal { tenant: decode(tenant)?, fabric: decode(fabric)? })
}

/// A person's personal access token for a fabric.
pub fn personal_access_token(tenant: &str, fabric: &str, user: &str) -> String {
    format!("{}{}", personal_access_tokens_on(tenant, fabric), user_digest(tenant, user))
}

/// Prefix of everybody's personal access tokens for a fabric.
pub fn personal_access_tokens_on(tenant: &str, fabric: &str) -> String {
    format!("{}{}/", personal_access_tokens(tenant), encode(fabric))
}

/// Prefix of a tenant's personal access tokens.
pub fn personal_access_tokens(tenant: &str) -> String {
    format!("personal-access-token/{}/", encode(tenant))
}

/// The fabric in the key of a tenant's personal access token. `None` when it is not one.
pub fn fabric_of_personal_access_token(tenant: &str, key: &str) -> Option<String> {
    let (fabric, _user) = key.strip_prefix(&personal_access_tokens(tenant))?.split_once('/')?;
    decode(fabric)
}

/// Whether this is the key of a user's own personal access token, for whichever fabric.
pub fn is_personal_access_token_of(tenant: &str, user: &str, key: &str) -> bool {
    let rest = key.strip_prefix(&personal_access_tokens(tenant)).and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(_fabric, of)| of == user_digest(tenant, user))
}

/// Checks that a cursor is one that a listing of this prefix gave.
///
/// # Errors
/// `invalid-input` (`after`).
pub fn check_cursor(prefix: &str, after: Option<&str>) -> Result<()> {
    let stays_inside = |key: &str| {
        key.len() <= LONGEST_KEY
            && key.starts_with(prefix)
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~%/-".contains(&byte))
    };
    match after {
        Some(after) if !stays_inside(after) => {
            Err(Error::invalid("after", "Give back what `next` was, or none to begin."))
        }
        _ => Ok(()),
    }
}

/// The longest key a store takes (`wit/storage.wit`).
const LONGEST_KEY: usize = 1_024;

/// A digest over parts, each with its length before it, so that no two lists of parts run together. 43 characters.
pub fn digest(parts: &[&str]) -> String {
    use base64::Engine as _;
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Stands for a user in keys.
fn user_digest(tenant: &str, user: &str) -> String {
    digest(&["user", tenant, user])
}

fn encode(part: &str) -> String {
    utf8_percent_encode(part, ENCODED).to_string()
}

fn decode(part: &str) -> Option<String> {
    Some(percent_decode_str(part).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_reach_outside_its_part_of_the_key() {
        assert_eq!(fabric("a/b", "c/../d %"), "fabric/a%2Fb/c%2F..%2Fd%20%25");
        assert_ne!(fabric("a", "b/c"), fabric("a/b", "c"));
    }

    #[test]
    fn a_grants_key_gives_back_its_parts() {
        let key = service_principal_grant("acme & co", "dev/eu");
        assert_eq!(
            parse_grant(&key),
            Some(GrantKey::ServicePrincipal { tenant: "acme & co".into(), fabric: "dev/eu".into() })
        );
        let key = person_grant("acme", "https://x/oidc", "client", "alice");
        assert_eq!(parse_grant(&key), Some(GrantKey::Person { tenant: "acme".into() }));
        assert_eq!(parse_grant("fabric/acme/dev"), None);
        assert_eq!(parse_grant("grant/person/acme"), None);
    }

    #[test]
    fn a_persons_grants_from_one_issuer_stand_together_and_apart_from_all_others() {
        let prefix = person_grants_at("acme", "https://x/oidc", "alice");
        assert!(prefix.starts_with(&person_grants("acme")));
        let [former, present] = ["former", "present"].map(|id| person_grant("acme", "https://x/oidc", id, "alice"));
        assert!(former.starts_with(&prefix) && present.starts_with(&prefix) && former != present);
        for other in [
            person_grant("acme", "https://x/oidc", "present", "bob"),
            person_grant("acme", "https://y/oidc", "present", "alice"),
            person_grant("globex", "https://x/oidc", "present", "alice"),
        ] {
            assert!(!other.starts_with(&prefix), "{other}");
        }
    }

    #[test]
    fn the_key_of_a_pending_sign_in_leads_to_its_users_grant() {
        let pending = sign_in("acme & co", "alice", "state");
        assert!(pending.starts_with(&sign_ins("acme & co")));
        assert_eq!(
            grant_of_sign_in("acme & co", &pending, "https://x/oidc", "client"),
            Some(person_grant("acme & co", "https://x/oidc", "client", "alice"))
        );
        assert_eq!(grant_of_sign_in("globex", &pending, "https://x/oidc", "client"), None);
    }

    #[test]
    fn the_key_of_a_personal_access_token_tells_fabric_and_user_to_its_own_tenant() {
        let key = personal_access_token("acme & co", "dev/eu", "alice");
        assert!(key.starts_with(&personal_access_tokens_on("acme & co", "dev/eu")));
        assert!(!key.starts_with(&personal_access_tokens_on("acme & co", "dev")));
        assert_eq!(fabric_of_personal_access_token("acme & co", &key).as_deref(), Some("dev/eu"));
        assert_eq!(fabric_of_personal_access_token("acme", &key), None);
        assert!(is_personal_access_token_of("acme & co", "alice", &key));
        assert!(!is_personal_access_token_of("acme & co", "bob", &key));
        assert!(!is_personal_access_token_of("acme", "alice", &key));
    }

    #[test]
    fn a_fabrics_key_gives_back_its_name_to_its_own_tenant() {
        let key = fabric("acme & co", "dev/eu");
        assert_eq!(fabric_name("acme & co", &key).as_deref(), Some("dev/eu"));
        assert_eq!(fabric_name("acme", &key), None);
        assert_eq!(parse_fabric(&key), Some(("acme & co".into(), "dev/eu".into())));
        assert_eq!(parse_fabric("fabric/acme"), None);
    }

    #[test]
    fn the_longest_names_stay_within_a_keys_bounds() {
        assert!(service_principal_grant(&"/".repeat(64), &"ü".repeat(64)).len() <= 1_024);
        assert!(personal_access_token(&"/".repeat(64), &"ü".repeat(64), "alice").len() <= 1_024);
    }

    #[test]
    fn a_cursor_stays_within_its_listing() {
        let prefix = fabrics("acme");
        assert!(check_cursor(&prefix, None).is_ok());
        assert!(check_cursor(&prefix, Some(&fabric("acme", "dev"))).is_ok());
        for after in ["", "fabric/other/dev", "fabric/acme/\0", &format!("{prefix}{}", "x".repeat(1_024))] {
            assert!(check_cursor(&prefix, Some(after)).is_err(), "{after}");
        }
    }

    #[test]
    fn digests_do_not_run_parts_together() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
