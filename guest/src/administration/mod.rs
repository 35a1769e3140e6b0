//! Interface `administration`: app connections, fabrics, grants and sealed records.

mod app_connections;
mod end_grants;
mod fabric_check;
mod fabrics;
mod grants;
mod personal_access_tokens;
mod reseal;
mod restore_check;

use crate::contract::Error;
use crate::contract::journal::{Action, Outcome};
use crate::core::{Core, event_of_host};
use crate::error::Result;
use crate::permissions;
use crate::ports::Ports;
use crate::record::Unreadable;
use crate::storage_key::{self, GrantKey};

/// Most scopes in one list, and bytes in one scope: more than any app connection can hold.
const MOST_SCOPES: usize = 200;
const LONGEST_SCOPE: usize = 128;

impl<P: Ports> Core<P> {
    /// Writes down that a record was passed over because it cannot be read.
    async fn journal_unreadable(&self, tenant: &str, action: Action, unreadable: &Unreadable) {
        let mut entry = event_of_host(tenant, action, None);
        entry.fabric = match storage_key::parse_grant(&unreadable.key) {
            Some(GrantKey::ServicePrincipal { fabric, .. }) => Some(fabric),
            _ => storage_key::fabric_name(tenant, &unreadable.key)
                .or_else(|| storage_key::fabric_of_personal_access_token(tenant, &unreadable.key)),
        };
        entry.outcome = Outcome::Failed(unreadable.error.case().to_owned());
        self.journal(entry).await;
    }
}

/// Takes apart a cursor that goes through several listings, one after the other: which of them, and the key after which to
/// go on.
///
/// # Errors
/// `invalid-input` (`after`) for one that [`next_cursor`] did not give.
fn cursor(prefixes: &[String], after: Option<&str>) -> Result<(usize, Option<String>)> {
    let Some(after) = after else { return Ok((0, None)) };
    let (part, key) = after.split_once(':').ok_or_else(unknown_cursor)?;
    let part: usize = part.parse().map_err(|_| unknown_cursor())?;
    let prefix = prefixes.get(part).ok_or_else(unknown_cursor)?;
    if key.is_empty() {
        return Ok((part, None));
    }
    storage_key::check_cursor(prefix, Some(key))?;
    Ok((part, Some(key.to_owned())))
}

/// Where to go on after a piece of one of so many listings, which gave this `next`. None after the last.
fn next_cursor(listings: usize, part: usize, next: Option<String>) -> Option<String> {
    match next {
        Some(next) => Some(format!("{part}:{next}")),
        None => (part + 1 < listings).then(|| format!("{}:", part + 1)),
    }
}

fn unknown_cursor() -> Error {
    Error::invalid("after", "Give back what `next` was, or none to begin.")
}

/// Puts scopes in order: trimmed, sorted, each once. Their spelling is Databricks' business.
///
/// # Errors
/// `invalid-input` when one is not a scope token (RFC 6749 section 3.3).
fn scopes(field: &str, scopes: &[String]) -> Result<Vec<String>> {
    if scopes.len() > MOST_SCOPES {
        return Err(Error::invalid(field, format!("At most {MOST_SCOPES} scopes are taken.")));
    }
    let mut sorted = Vec::with_capacity(scopes.len());
    for scope in scopes {
        let scope = scope.trim();
        let is_token = (1..=LONGEST_SCOPE).contains(&scope.len())
            && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if !is_token {
            return Err(Error::invalid(
                field,
                "A scope is one word of printable ASCII without quotes and backslashes.",
            ));
        }
        sorted.push(scope.to_owned());
    }
    sorted.sort();
    sorted.dedup();
    Ok(sorted)
}

/// A client id: trimmed, printable ASCII.
///
/// # Errors
/// `invalid-input`.
fn client_id(field: &str, id: &str) -> Result<String> {
    let id = id.trim();
    if !(1..=256).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(
            field,
            "A client id is 1 to 256 printable ASCII characters, as Databricks shows it.",
        ));
    }
    Ok(id.to_owned())
}

/// A secret: trimmed, printable ASCII. The error says nothing of it.
///
/// # Errors
/// `invalid-input`.
fn secret(field: &str, secret: &str) -> Result<String> {
    let secret = secret.trim();
    if !(1..=1_024).contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(
            field,
            "A secret is 1 to 1,024 printable ASCII characters, as Databricks shows it.",
        ));
    }
    Ok(secret.to_owned())
}

/// A name of an app connection.
///
/// # Errors
/// `invalid-input`.
fn plain_name(field: &str, name: &str) -> Result<()> {
    permissions::bounded(field, name, 64)?;
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
        return Err(Error::invalid(field, "A name is made of letters, digits, `.`, `_` and `-`."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PB-024, PB-141.
    #[test]
    fn blanks_around_what_is_pasted_are_removed() {
        assert_eq!(client_id("f", "  abc \n").unwrap(), "abc");
        assert_eq!(secret("f", " dose1\t").unwrap(), "dose1");
        assert_eq!(scopes("f", &[" sql ".into(), "all-apis".into(), "sql".into()]).unwrap(), ["all-apis", "sql"]);
    }

    #[test]
    fn a_cursor_goes_through_one_listing_after_the_other_and_leaves_none() {
        let prefixes = ["a/".to_owned(), "b/".to_owned()];
        let at = |after: Option<&str>| cursor(&prefixes, after).unwrap();
        assert_eq!(at(None), (0, None));
        let next = next_cursor(2, 0, Some("a/1".into()));
        assert_eq!(at(next.as_deref()), (0, Some("a/1".into())));
        let next = next_cursor(2, 0, None);
        assert_eq!(at(next.as_deref()), (1, None));
        assert_eq!(next_cursor(2, 1, None), None);
        for after in ["", "a/1", "0:b/1", "1:a/1", "2:", "-1:", "0:a/\0"] {
            assert!(cursor(&prefixes, Some(after)).is_err(), "{after}");
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_by_its_field() {
        for id in ["", "  ", "a b", "ü", &"x".repeat(257)] {
            assert!(
                matches!(client_id("settings.client-id", id), Err(Error::InvalidInput(input)) if input.field == "settings.client-id")
            );
        }
        for scope in ["", "a b", "a\"b", "a\\b", "ü"] {
            assert!(scopes("f", &[scope.to_owned()]).is_err(), "{scope}");
        }
        assert!(plain_name("f", "a/b").is_err());
    }
}
