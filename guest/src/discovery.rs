//! Finding a workspace's authorization server.
//!
//! Two documents, neither trusted for being there: `databricks-config` on the host names the OIDC root, and the server
//! metadata (RFC 8414) under that root names the endpoints. Databricks appends the well-known suffix to the issuer
//! instead of inserting it as RFC 8414 section 3.1 has it. A host that is not a workspace often answers 200 with a
//! page, so only JSON with the right members counts, and every endpoint must be on the workspace's own host.

use std::time::Duration;

use serde::Deserialize;

use crate::contract::Error;
use crate::contract::storage::{Precondition, StorageError};
use crate::core::Core;
use crate::error::{Failure, Result};
use crate::exchange::{CALL_DEADLINE, unreachable};
use crate::ports::{HttpFailure, HttpRequest, HttpResponse, Ports};
use crate::record::{DiscoveryRecord, FabricRecord, GrantRecord, Record as _, Stored};
use crate::storage_key;

/// A document is used this long without asking again. Databricks does not move endpoints; an hour bounds the effect
/// of a mistake there.
const LIFE: Duration = Duration::from_secs(3_600);

/// When the host cannot be asked, an older document may serve: renewals then fail or succeed at the token endpoint.
const LIFE_IN_NEED: Duration = Duration::from_secs(24 * 3_600);

/// Where to look: a workspace's root URL, and what else the fabric's URL told.
pub struct Workspace<'a> {
    /// Root URL.
    pub root: &'a str,
    /// The Databricks account id, which a unified host's document may leave to be filled in.
    pub account_id: Option<&'a str>,
}

impl<'a> From<&'a FabricRecord> for Workspace<'a> {
    fn from(fabric: &'a FabricRecord) -> Self {
        Self { root: &fabric.workspace, account_id: fabric.account_id.as_deref() }
    }
}

impl<'a> From<&'a GrantRecord> for Workspace<'a> {
    fn from(grant: &'a GrantRecord) -> Self {
        // The issuer of a host that serves several accounts names the account.
        let account_id = grant.issuer.split_once("/oidc/accounts/").map(|(_, account)| account);
        Self { root: &grant.workspace, account_id }
    }
}

/// The members of `databricks-config` that are used. All are optional in practice.
#[derive(Default, Deserialize)]
struct HostMetadata {
    oidc_endpoint: Option<String>,
    account_id: Option<String>,
    workspace_id: Option<String>,
    host_type: Option<String>,
}

/// The members of the server metadata that are used (RFC 8414 section 2).
#[derive(Deserialize)]
struct ServerMetadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: Option<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl<P: Ports> Core<P> {
    /// The authorization server of a workspace, from the store while the document is young, else from the host.
    ///
    /// # Errors
    /// `unreachable`, `unavailable`, or `wrong-workspace` when the host is no workspace with OAuth.
    pub(crate) async fn discover(&self, workspace: &Workspace<'_>) -> Result<DiscoveryRecord> {
        let key = storage_key::discovery(workspace.root, workspace.account_id);
        let (stored, precondition) = self.remembered(&key, workspace).await?;
        if let Some(stored) = stored.as_ref().filter(|stored| stored.age < LIFE) {
            return Ok(stored.record.clone());
        }
        match self.discover_anew(workspace).await {
            Ok(record) => {
                self.remember(&key, &record, precondition).await;
                Ok(record)
            }
            Err(error) => match stored {
                Some(stored) if stored.age < LIFE_IN_NEED && is_passing(&error) => Ok(stored.record),
                _ => Err(error),
            },
        }
    }

    /// The authorization server as it was last seen, however long ago; asked for only when it never was. Enough to
    /// find a grant, whose issuer is the one it was given by.
    pub(crate) async fn last_seen_server(&self, workspace: &Workspace<'_>) -> Result<DiscoveryRecord, Failure> {
        match self.known_server(workspace).await? {
            Some(server) => Ok(server),
            None => Ok(self.discover(workspace).await?),
        }
    }

    /// The same without asking anybody.
    pub(crate) async fn known_server(&self, workspace: &Workspace<'_>) -> Result<Option<DiscoveryRecord>, Failure> {
        let key = storage_key::discovery(workspace.root, workspace.account_id);
        let (stored, _) = self.remembered(&key, workspace).await?;
        Ok(stored.map(|stored| stored.record))
    }

    /// The stored document, and the precondition for writing over it. One that is damaged or points elsewhere was
    /// changed in the store. It is as good as none and is written over: nothing in it is worth keeping, since the host
    /// says it all again.
    async fn remembered(
        &self,
        key: &str,
        workspace: &Workspace<'_>,
    ) -> Result<(Option<Stored<DiscoveryRecord>>, Precondition), Failure> {
        let Some(entry) = self.ports.get(key).await? else { return Ok((None, Precondition::Absent)) };
        let precondition = Precondition::Revision(entry.revision);
        match Stored::<DiscoveryRecord>::parse(key, entry) {
            Ok(stored) => Ok((Some(stored).filter(|stored| stays_on(workspace.root, &stored.record)), precondition)),
            Err(Error::Internal(_)) => Ok((None, precondition)),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the host, whatever is stored. Test Connection does, since it is to tell what is so now.
    pub(crate) async fn discover_anew(&self, workspace: &Workspace<'_>) -> Result<DiscoveryRecord> {
        let host = self.host_metadata(workspace.root).await?;
        if host.host_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("account")) {
            return Err(Error::WrongWorkspace(format!(
                "{} is an account console, which serves no workspace. Enter the URL of a workspace.",
                workspace.root
            )));
        }
        let issuer = issuer(workspace, &host)?;
        let url = format!("{issuer}/.well-known/oauth-authorization-server");
        let reply = self
            .send(HttpRequest::get(url), CALL_DEADLINE)
            .await
            .map_err(|failure| unreachable(failure, workspace.root))?;
        let metadata = server_metadata(workspace.root, &reply)?;
        check(workspace.root, &issuer, &metadata)?;
        Ok(DiscoveryRecord {
            version: DiscoveryRecord::VERSION,
            issuer,
            authorization_endpoint: metadata.authorization_endpoint,
            token_endpoint: metadata.token_endpoint,
            revocation_endpoint: metadata.revocation_endpoint.filter(|endpoint| is_on(workspace.root, endpoint)),
            sends_issuer: metadata.authorization_response_iss_parameter_supported,
            workspace_id: host
                .workspace_id
                .filter(|id| !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit())),
            unified: host.host_type.is_some_and(|kind| kind.eq_ignore_ascii_case("unified")),
            unknown: serde_json::Map::new(),
        })
    }

    /// `databricks-config`. Older hosts do not have it, and some answer with a page: then there is nothing to know.
    async fn host_metadata(&self, root: &str) -> Result<HostMetadata> {
        let url = format!("{root}/.well-known/databricks-config");
        match self.send(HttpRequest::get(url), CALL_DEADLINE).await {
            Ok(reply) if reply.status == 200 => Ok(serde_json::from_slice(&reply.body).unwrap_or_default()),
            // A passing failure must not be taken for a host without this document, and kept for an hour.
            Ok(reply) if reply.status == 429 || reply.status >= 500 => Err(Error::unavailable(
                format!("{root} does not answer properly just now (status {}).", reply.status),
                None,
            )),
            Ok(_) => Ok(HostMetadata::default()),
            // A host that does not accept connections will not do so for the second document either.
            Err(failure @ HttpFailure::NotSent(_)) => Err(unreachable(failure, root)),
            Err(failure @ HttpFailure::OutcomeUnknown) => Err(unreachable(failure, root)),
        }
    }

    /// Keeps a document. If that fails it is asked for again next time, and nothing is lost.
    async fn remember(&self, key: &str, record: &DiscoveryRecord, over: Precondition) {
        if let Ok(value) = crate::record::encode(record) {
            let _: std::result::Result<_, StorageError> = self.ports.put(key, value, None, over).await;
        }
    }
}

/// The issuer, as the host names it: `<root>/oidc` where it names none.
fn issuer(workspace: &Workspace<'_>, host: &HostMetadata) -> Result<String> {
    let Some(endpoint) = host.oidc_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
        return Ok(format!("{}/oidc", workspace.root));
    };
    let issuer = if endpoint.contains("{account_id}") {
        let account_id = workspace.account_id.or(host.account_id.as_deref()).filter(|id| is_identifier(id)).ok_or_else(|| {
            Error::WrongWorkspace(format!(
                "{} serves several accounts and does not say which. Enter the workspace URL with its account, as `?a=<account id>`.",
                workspace.root
            ))
        })?;
        endpoint.replace("{account_id}", account_id)
    } else {
        endpoint.to_owned()
    };
    let issuer = issuer.trim_end_matches('/').to_owned();
    if !is_on(workspace.root, &issuer) || issuer.contains(['?', '#']) {
        return Err(Error::WrongWorkspace(format!(
            "{} names an authorization server on another host. It was not used; check the workspace URL.",
            workspace.root
        )));
    }
    Ok(issuer)
}

fn server_metadata(root: &str, reply: &HttpResponse) -> Result<ServerMetadata> {
    match reply.status {
        200 => serde_json::from_slice(&reply.body).map_err(|_| {
            Error::WrongWorkspace(format!(
                "{root} answers with something other than OAuth metadata, as a login page or another product does. Check the workspace URL."
            ))
        }),
        404 => Err(Error::WrongWorkspace(format!("{root} offers no OAuth. Check that it is the URL of a Databricks workspace."))),
        429 | 500..=599 => Err(Error::unavailable(format!("{root} does not answer properly just now (status {}).", reply.status), None)),
        300..=399 if reply.location.as_deref().is_some_and(|location| location.contains("private-link-validation-error")) => {
            Err(Error::PrivateLinkOnly(format!(
                "{root} can only be reached through its private link. The network administrator must connect this deployment to it."
            )))
        }
        status => Err(Error::WrongWorkspace(format!("{root} answers a question for its OAuth metadata with status {status}."))),
    }
}

/// Holds the document against what was expected (RFC 8414 section 3.3).
fn check(root: &str, issuer: &str, metadata: &ServerMetadata) -> Result<()> {
    if metadata.issuer != issuer {
        return Err(Error::WrongWorkspace(format!(
            "{root} presents the OAuth metadata of another issuer. It was not used; check the workspace URL."
        )));
    }
    for endpoint in [&metadata.authorization_endpoint, &metadata.token_endpoint] {
        if !is_on(root, endpoint) {
            return Err(Error::WrongWorkspace(format!(
                "{root} names OAuth endpoints on another host. They were not used."
            )));
        }
    }
    if metadata
        .code_challenge_methods_supported
        .as_ref()
        .is_some_and(|methods| !methods.iter().any(|method| method == "S256"))
    {
        return Err(Error::WrongWorkspace(format!(
            "{root} does not support PKCE with S256, without which nobody is signed in here."
        )));
    }
    Ok(())
}

/// Whether a stored document names nothing but the workspace's own host.
fn stays_on(root: &str, record: &DiscoveryRecord) -> bool {
    let endpoints = [&record.issuer, &record.authorization_endpoint, &record.token_endpoint];
    endpoints.into_iter().chain(&record.revocation_endpoint).all(|endpoint| is_on(root, endpoint))
}

/// Whether a URL is on a root's very origin. The root is normalised; the URL comes from a peer and must begin with it.
pub(crate) fn is_on(root: &str, url: &str) -> bool {
    url.strip_prefix(root).is_some_and(|rest| rest.starts_with('/')) && url.parse::<http::Uri>().is_ok()
}

fn is_identifier(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether an error may go by itself, so that an older document may serve meanwhile.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Unreachable(_) | Error::Unavailable(_) | Error::Throttled(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "https://dbc-a1.cloud.databricks.com";

    fn workspace() -> Workspace<'static> {
        Workspace { root: ROOT, account_id: None }
    }

    fn host(oidc_endpoint: &str) -> HostMetadata {
        HostMetadata { oidc_endpoint: Some(oidc_endpoint.to_owned()), ..HostMetadata::default() }
    }

    #[test]
    fn the_issuer_is_the_hosts_own_word_or_oidc_under_the_root() {
        assert_eq!(issuer(&workspace(), &HostMetadata::default()).unwrap(), format!("{ROOT}/oidc"));
        assert_eq!(issuer(&workspace(), &host(&format!("{ROOT}/oidc/"))).unwrap(), format!("{ROOT}/oidc"));
    }

    #[test]
    fn an_issuer_on_another_host_is_refused() {
        for endpoint in [
            "https://evil.example/oidc",
            "https://dbc-a1.cloud.databricks.com.evil.example/oidc",
            "https://dbc-a1.cloud.databricks.com@evil.example/oidc",
            "http://dbc-a1.cloud.databricks.com/oidc",
            "https://dbc-a1.cloud.databricks.com/oidc?x=1",
        ] {
            assert!(issuer(&workspace(), &host(endpoint)).is_err(), "{endpoint}");
        }
    }

    #[test]
    fn the_account_of_a_unified_host_is_filled_in() {
        let template = format!("{ROOT}/oidc/accounts/{{account_id}}");
        let with_account = Workspace { root: ROOT, account_id: Some("ab-12") };
        assert_eq!(issuer(&with_account, &host(&template)).unwrap(), format!("{ROOT}/oidc/accounts/ab-12"));
        assert!(matches!(issuer(&workspace(), &host(&template)), Err(Error::WrongWorkspace(_))));
        let hostile = Workspace { root: ROOT, account_id: Some("../../x") };
        assert!(issuer(&hostile, &host(&template)).is_err());
    }

    fn metadata() -> ServerMetadata {
        ServerMetadata {
            issuer: format!("{ROOT}/oidc"),
            authorization_endpoint: format!("{ROOT}/oidc/v1/authorize"),
            token_endpoint: format!("{ROOT}/oidc/v1/token"),
            revocation_endpoint: None,
            code_challenge_methods_supported: Some(vec!["S256".into()]),
            authorization_response_iss_parameter_supported: false,
        }
    }

    #[test]
    fn metadata_of_another_issuer_or_with_foreign_endpoints_is_not_used() {
        let issuer = format!("{ROOT}/oidc");
        assert!(check(ROOT, &issuer, &metadata()).is_ok());
        assert!(check(ROOT, &issuer, &ServerMetadata { issuer: format!("{ROOT}/oidc/"), ..metadata() }).is_err());
        let foreign = "https://evil.example/token".to_owned();
        assert!(check(ROOT, &issuer, &ServerMetadata { token_endpoint: foreign, ..metadata() }).is_err());
        let plain = Some(vec!["plain".to_owned()]);
        assert!(
            check(ROOT, &issuer, &ServerMetadata { code_challenge_methods_supported: plain, ..metadata() }).is_err()
        );
    }
}
