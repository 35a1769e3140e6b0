//! Asking the workspace whose token this is (SCIM `Me`). The browser is never believed about it.

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::api_call;
use crate::contract::Error;
use crate::core::Core;
use crate::error::Result;
use crate::exchange::LARGE_REPLY;
use crate::ports::{HttpRequest, Ports};
use crate::secret::AccessToken;
use crate::text;

/// Entitlements make the reply long and are not used.
const PATH: &str = "/api/2.0/preview/scim/v2/Me?excludedAttributes=entitlements";

/// A Databricks identity.
#[derive(Debug)]
pub struct Me {
    /// The SCIM id: what stays when somebody is renamed.
    pub id: String,
    /// E-mail address of a person, application id of a service principal. Cleaned for showing.
    pub user_name: String,
}

#[derive(Deserialize)]
struct Reply {
    id: String,
    #[serde(rename = "userName")]
    user_name: Option<String>,
    #[serde(rename = "displayName")]
    display_name: Option<String>,
}

impl<P: Ports> Core<P> {
    /// Asks a workspace who a token belongs to.
    ///
    /// # Errors
    /// As for any workspace call, see [`api_call`].
    pub(crate) async fn who_am_i(&self, root: &str, workspace_id: Option<&str>, token: &AccessToken) -> Result<Me> {
        let request = HttpRequest { reply_limit: LARGE_REPLY, ..HttpRequest::get(format!("{root}{PATH}")) };
        let reply = self.call_workspace(request, root, workspace_id, token).await?;
        me(&reply.body).ok_or_else(|| api_call::unexpected(root))
    }
}

fn me(body: &Zeroizing<Vec<u8>>) -> Option<Me> {
    let reply: Reply = serde_json::from_slice(body).ok()?;
    let user_name = reply.user_name.or(reply.display_name)?;
    if reply.id.is_empty() || reply.id.len() > 256 || user_name.is_empty() {
        return None;
    }
    Some(Me { id: reply.id, user_name: text::clean(&user_name, 320) })
}

/// Compares a Databricks user name with the e-mail address by which Prophecy knows the person.
///
/// # Errors
/// `identity-mismatch` with both names.
pub fn expect_email(me: &Me, email: Option<&str>) -> Result<()> {
    match email {
        Some(email) if !email.trim().eq_ignore_ascii_case(&me.user_name) => Err(mismatch(email, &me.user_name)),
        _ => Ok(()),
    }
}

/// The error for two identities that should be one.
pub fn mismatch(expected: &str, found: &str) -> Error {
    let expected = text::clean(expected, 320);
    Error::IdentityMismatch(crate::contract::IdentityMismatch {
        message: format!(
            "You signed in to Databricks as {found}, but {expected} was expected. Sign out of Databricks in this browser and sign in as {expected}; to change over, sign out of the fabric first."
        ),
        expected,
        found: found.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_without_identity_is_none() {
        for body in ["", "[]", "{}", r#"{"id":""}"#, r#"{"id":"","userName":"a"}"#, r#"{"userName":"a"}"#, "<html>"] {
            assert!(me(&Zeroizing::new(body.as_bytes().to_vec())).is_none(), "{body}");
        }
    }

    /// PB-154.
    #[test]
    fn an_address_that_differs_from_prophecys_is_reported_with_both() {
        let me = Me { id: "1".into(), user_name: "Alice@Example.com".into() };
        assert!(expect_email(&me, None).is_ok());
        assert!(expect_email(&me, Some("alice@example.com")).is_ok());
        let error = expect_email(&me, Some("bob@example.com")).unwrap_err();
        assert!(
            matches!(error, Error::IdentityMismatch(mismatch) if mismatch.expected == "bob@example.com" && mismatch.found == "Alice@Example.com")
        );
    }
}
