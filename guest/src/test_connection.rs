//! Test Connection: discovery, token, identity, compute, one step a call.
//!
//! Nothing is carried from one call to the next but the name of the step, so any instance can do any step. Only GET is
//! used beyond tokens: a test must not start a cluster or a warehouse, which costs money.

use crate::api_call;
use crate::contract::databricks_oauth::{FabricSelection, TestResult, TestStep};
use crate::contract::journal::Action;
use crate::contract::{Caller, Error, FabricKind, IdentityKind};
use crate::core::{Core, event};
use crate::discovery::Workspace;
use crate::error::Result;
use crate::exchange::LARGE_REPLY;
use crate::permissions;
use crate::personal_access_token;
use crate::ports::{HttpRequest, Ports};
use crate::record::{DiscoveryRecord, FabricRecord, Stored};
use crate::secret::{AccessToken, ClientSecret};
use crate::text;
use crate::token_call::Principal;

/// What is tested.
struct Subject {
    fabric: Stored<FabricRecord>,
    identity: IdentityKind,
    /// Credentials from a form, not stored yet.
    given: Option<(String, ClientSecret)>,
    /// Whether the fabric is stored as it is tested.
    stored: bool,
}

impl Subject {
    /// Whether what is tested is the caller's personal access token.
    fn has_personal_access_token(&self) -> bool {
        self.identity == IdentityKind::Person && self.fabric.record.takes_personal_access_tokens()
    }

    /// A personal access token needs no authorization server.
    fn first_step(&self) -> TestStep {
        if self.has_personal_access_token() { TestStep::AccessToken } else { TestStep::Discovery }
    }

    /// What a refusal of the workspace means to whoever is tested.
    fn told(&self, problem: Error) -> Error {
        if self.has_personal_access_token() { personal_access_token::in_its_words(problem) } else { problem }
    }
}

impl<P: Ports> Core<P> {
    /// `databricks-oauth.test-connection`.
    pub async fn test_connection(
        &self,
        caller: &Caller,
        fabric: FabricSelection,
        service_principal_secret: Option<ClientSecret>,
        identity: IdentityKind,
        step: Option<TestStep>,
    ) -> Result<TestResult> {
        let subject = self.subject(caller, fabric, service_principal_secret, identity).await?;
        let step = step.unwrap_or(subject.first_step());
        let outcome = match step {
            TestStep::Discovery => self.test_discovery(&subject).await,
            TestStep::AccessToken => self.test_access_token(caller, &subject).await,
            TestStep::Identity => self.test_identity(caller, &subject).await,
            TestStep::Compute => self.test_compute(caller, &subject).await,
        };
        let result = match outcome {
            Ok(detail) => TestResult { step, problem: None, detail, next: after(step) },
            Err(problem) => TestResult { step, problem: Some(problem), detail: String::new(), next: None },
        };
        if result.next.is_none() {
            self.journal_test(caller, &subject, result.problem.as_ref()).await;
        }
        Ok(result)
    }

    async fn subject(
        &self,
        caller: &Caller,
        fabric: FabricSelection,
        secret: Option<ClientSecret>,
        identity: IdentityKind,
    ) -> Result<Subject> {
        let (fabric, stored) = match fabric {
            FabricSelection::Stored(name) => (self.fabric(caller, &name).await?, true),
            FabricSelection::Unsaved(settings) => {
                (self.unsaved_fabric(caller, &settings, secret.is_some()).await?, false)
            }
        };
        permissions::use_fabric(caller, &fabric.record)
            .or_else(|error| permissions::administer_fabrics(caller, &fabric.record.team).map_err(|_| error))?;
        if identity == IdentityKind::ServicePrincipal {
            permissions::administer_fabrics(caller, &fabric.record.team)?;
        }
        let given = match (&fabric.record.service_principal_client_id, secret) {
            (Some(client_id), Some(secret)) if !stored => Some((client_id.clone(), secret)),
            (_, Some(_)) if stored => {
                return Err(Error::invalid(
                    "service-principal-secret",
                    "A secret is taken only with an unsaved fabric.",
                ));
            }
            _ => None,
        };
        Ok(Subject { fabric, identity, given, stored })
    }

    async fn test_discovery(&self, subject: &Subject) -> Result<String> {
        let server = self.discover_anew(&Workspace::from(&subject.fabric.record)).await?;
        Ok(format!("{} issues the tokens.", server.issuer))
    }

    async fn test_access_token(&self, caller: &Caller, subject: &Subject) -> Result<String> {
        self.test_token(caller, subject).await?;
        Ok(match subject.identity {
            _ if subject.has_personal_access_token() => "You have entered a personal access token.".to_owned(),
            IdentityKind::Person => "You are signed in.".to_owned(),
            IdentityKind::ServicePrincipal => "Databricks accepts the service principal's credentials.".to_owned(),
        })
    }

    async fn test_identity(&self, caller: &Caller, subject: &Subject) -> Result<String> {
        let token = self.test_token(caller, subject).await?;
        let (root, workspace_id) = place(&subject.fabric.record);
        let me = self.who_am_i(root, workspace_id, &token).await.map_err(|problem| subject.told(problem))?;
        Ok(format!("Databricks knows this identity as {}.", me.user_name))
    }

    async fn test_compute(&self, caller: &Caller, subject: &Subject) -> Result<String> {
        let token = self.test_token(caller, subject).await?;
        let fabric = &subject.fabric.record;
        let (root, workspace_id) = place(fabric);
        let path = compute_path(fabric.kind.into(), fabric.compute.as_deref());
        let request = HttpRequest { reply_limit: LARGE_REPLY, ..HttpRequest::get(format!("{root}{path}")) };
        let reply =
            self.call_workspace(request, root, workspace_id, &token).await.map_err(|problem| subject.told(problem))?;
        let reply = reply.json().ok_or_else(|| api_call::unexpected(root))?;
        Ok(compute_detail(fabric.kind.into(), fabric.compute.as_deref(), &reply))
    }

    /// A token of the identity that is tested.
    async fn test_token(&self, caller: &Caller, subject: &Subject) -> Result<AccessToken> {
        let fabric = &subject.fabric;
        if let (IdentityKind::ServicePrincipal, Some((client_id, secret))) = (subject.identity, &subject.given) {
            let server = self.discover(&Workspace::from(&fabric.record)).await?;
            return self.test_credentials(fabric, &server, client_id, secret).await;
        }
        if !subject.stored && subject.identity == IdentityKind::ServicePrincipal {
            return self.token_with_stored_secret(caller, fabric).await;
        }
        if subject.has_personal_access_token() {
            self.deployment()?;
            let stored = self.usable_personal_access_token(caller, &fabric.record).await?;
            return Ok(self.open_personal_access_token(&caller.tenant, &stored).await?);
        }
        let holder = self.holder_of(caller, fabric.clone(), subject.identity).await?;
        let grant = self.usable_grant(&holder).await?;
        Ok(self.access_token_of(&caller.tenant, &grant).await?)
    }

    /// A form may leave the secret out while workspace and client id are those it was stored with.
    async fn token_with_stored_secret(&self, caller: &Caller, fabric: &Stored<FabricRecord>) -> Result<AccessToken> {
        let (client_id, secret) = self.service_principal_secret(&caller.tenant, fabric).await?;
        let server = self.discover(&Workspace::from(&fabric.record)).await?;
        self.test_credentials(fabric, &server, &client_id, &secret).await
    }

    async fn test_credentials(
        &self,
        fabric: &Stored<FabricRecord>,
        server: &DiscoveryRecord,
        client_id: &str,
        secret: &ClientSecret,
    ) -> Result<AccessToken> {
        let asked = self.client_credentials(&fabric.record, server, client_id, secret).await;
        asked.map(|reply| reply.access_token).map_err(|failure| failure.of_service_principal(Principal::from(fabric)))
    }

    async fn journal_test(&self, caller: &Caller, subject: &Subject, problem: Option<&Error>) {
        let mut entry = event(caller, Action::ConnectionTested);
        entry.fabric = Some(subject.fabric.record.name.clone());
        entry.workspace = Some(subject.fabric.record.workspace.clone());
        if let Some(problem) = problem {
            entry.outcome = crate::contract::journal::Outcome::Failed(problem.case().to_owned());
        }
        self.journal(entry).await;
    }
}

fn after(step: TestStep) -> Option<TestStep> {
    match step {
        TestStep::Discovery => Some(TestStep::AccessToken),
        TestStep::AccessToken => Some(TestStep::Identity),
        TestStep::Identity => Some(TestStep::Compute),
        TestStep::Compute => None,
    }
}

fn place(fabric: &FabricRecord) -> (&str, Option<&str>) {
    (&fabric.workspace, fabric.workspace_id.as_deref())
}

fn compute_path(kind: FabricKind, compute: Option<&str>) -> String {
    let encode = |id| percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string();
    match (kind, compute) {
        (FabricKind::Spark, Some(id)) => format!("/api/2.1/clusters/get?cluster_id={}", encode(id)),
        (FabricKind::Spark, None) => "/api/2.1/clusters/list?page_size=1".to_owned(),
        (FabricKind::Sql, Some(id)) => format!("/api/2.0/sql/warehouses/{}", encode(id)),
        (FabricKind::Sql, None) => "/api/2.0/sql/warehouses?page_size=1".to_owned(),
    }
}

fn compute_detail(kind: FabricKind, compute: Option<&str>, reply: &serde_json::Value) -> String {
    let noun = match kind {
        FabricKind::Spark => "cluster",
        FabricKind::Sql => "warehouse",
    };
    match compute {
        Some(id) => {
            let state = reply.get("state").and_then(|state| state.as_str()).unwrap_or("in an unknown state");
            format!("The {noun} {} can be seen; it is {}.", text::clean(id, 64), text::clean(state, 32))
        }
        None => format!("A {noun} can be listed."),
    }
}
