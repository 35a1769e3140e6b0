//! The embedding API: the component's functions as Rust methods.
//!
//! Effects, edge cases and errors of every function are documented in `wit/`; what is said here is what Rust adds.
//! Secrets come and go as [`SecretString`], which does not print and is wiped. When the future of a call is dropped,
//! the call goes on to its end inside.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use wasmtime_wasi_http::Error as WasiError;

use crate::builder::Builder;
use crate::clock::SharedClock;
use crate::contract::administration::{
    AppConnectionDescription, AppConnectionSettings, EndedGrants, FabricDescription, FabricPage, GrantPage,
    GrantSelection, ResealProgress, RestoreProgress,
};
use crate::contract::callers::Admission;
use crate::contract::databricks_oauth::{
    Advisory, AuthenticationOffer, CompletedSignIn, CompletedSignOut, FabricSelection, Job, PendingSignIn, Rejection,
    RejectionVerdict, SignInState, TestResult, TestStep,
};
use crate::contract::maintenance::{ExpiredPage, ForecastPage};
use crate::contract::{Activity, Caller, Error, FabricSettings, IdentityKind, TokenDescription, TokenReference};
use crate::deployment::Deployment;
use crate::figures::Figures;
use crate::runtime::{ForwardedBody, Held, Hold, Instances};
use crate::token_source::TokenSource;

/// A running host. Clones are handles to the same one.
#[derive(Clone)]
pub struct FabricAuth {
    instances: Arc<Instances>,
    _hold: Arc<Hold>,
}

/// Calls a function of an exported interface with owned copies of its parameters.
macro_rules! call {
    ($self:ident, $affinity:expr, $interface:ident . $function:ident ( $($parameter:expr),* )) => {{
        let affinity: &[&str] = &$affinity;
        $self
            .instances
            .call(affinity, move |accessor, guest| {
                Box::pin(async move { guest.$interface().$function(accessor, $($parameter),*).await })
            })
            .await?
    }};
}

impl FabricAuth {
    /// Begins to put a host together.
    pub fn builder(deployment: Deployment) -> Builder {
        Builder::new(deployment)
    }

    pub(crate) fn new(instances: Arc<Instances>, hold: Hold) -> Self {
        Self { instances, _hold: Arc::new(hold) }
    }

    /// `begin-sign-in`: gives the authorization URL, which carries `state` and is not to be logged; the binding secret;
    /// and a description.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn begin_sign_in(
        &self,
        caller: &Caller,
        fabric: &str,
        redirect_url: Option<&str>,
    ) -> Result<(SecretString, SecretString, PendingSignIn), Error> {
        let (owned, name, redirect_url) = (caller.clone(), fabric.to_owned(), redirect_url.map(str::to_owned));
        let begun = call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_begin_sign_in(owned, name, redirect_url)
        );
        begun.map(|(url, binding, pending)| (url.into(), binding.into(), pending))
    }

    /// `complete-sign-in`.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn complete_sign_in(
        &self,
        caller: &Caller,
        callback_query: &SecretString,
        binding: &SecretString,
    ) -> Result<CompletedSignIn, Error> {
        let (owned, query, binding) =
            (caller.clone(), callback_query.expose_secret().to_owned(), binding.expose_secret().to_owned());
        call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_complete_sign_in(owned, query, binding)
        )
    }

    /// `sign-out`.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn sign_out(&self, caller: &Caller, fabric: &str) -> Result<CompletedSignOut, Error> {
        let (owned, name) = (caller.clone(), fabric.to_owned());
        call!(self, [&caller.tenant, &caller.user], prophecy_fabric_auth_databricks_oauth.call_sign_out(owned, name))
    }

    /// `sign-in-status`.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn sign_in_status(&self, caller: &Caller, fabric: &str) -> Result<SignInState, Error> {
        let (owned, name) = (caller.clone(), fabric.to_owned());
        call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_sign_in_status(owned, name)
        )
    }

    /// `access-token`: the token, and what may be said about it.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn access_token(
        &self,
        caller: &Caller,
        fabric: &str,
        activity: Activity,
    ) -> Result<(SecretString, TokenDescription), Error> {
        let (owned, name) = (caller.clone(), fabric.to_owned());
        let served = call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_access_token(owned, name, activity)
        );
        served.map(|(token, description)| (token.into(), description))
    }

    /// Fresh tokens for one operation, for as long as it runs. Asks for nothing yet.
    pub fn token_source(&self, caller: &Caller, fabric: &str, activity: Activity) -> TokenSource {
        TokenSource::new(self.clone(), caller.clone(), fabric.to_owned(), activity)
    }

    /// The clock that this host goes by.
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.instances.parts.clock
    }

    /// `authorize-request`: the token for a request that an embedder sends on by itself, for somebody else.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn authorize_request(
        &self,
        caller: &Caller,
        fabric: &str,
        activity: Activity,
        path: &str,
    ) -> Result<(SecretString, TokenDescription), Error> {
        let (owned, name, path) = (caller.clone(), fabric.to_owned(), path.to_owned());
        let served = call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_authorize_request(owned, name, activity, path)
        );
        served.map(|(token, description)| (token.into(), description))
    }

    /// `report-rejection`.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn report_rejection(
        &self,
        caller: &Caller,
        fabric: &str,
        activity: Activity,
        token: &TokenReference,
        rejection: Rejection,
    ) -> Result<RejectionVerdict, Error> {
        let (owned, name, token) = (caller.clone(), fabric.to_owned(), token.clone());
        call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_report_rejection(owned, name, activity, token, rejection)
        )
    }

    /// `test-connection`: one step; begin with `None`, go on with the result's `next`.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`. A step that fails is an ordinary result with its `problem`.
    pub async fn test_connection(
        &self,
        caller: &Caller,
        fabric: FabricSelection,
        service_principal_secret: Option<&SecretString>,
        identity: IdentityKind,
        step: Option<TestStep>,
    ) -> Result<TestResult, Error> {
        let (owned, secret) = (caller.clone(), exposed(service_principal_secret));
        call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_test_connection(owned, fabric, secret, identity, step)
        )
    }

    /// `authentication-methods`.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn authentication_methods(&self, caller: &Caller) -> Result<AuthenticationOffer, Error> {
        let owned = caller.clone();
        call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_authentication_methods(owned)
        )
    }

    /// `advisories`.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn advisories(&self, caller: &Caller, fabric: &str) -> Result<Vec<Advisory>, Error> {
        self.advisories_of(caller, fabric, None).await
    }

    /// `advisories` for a job that is edited, with what it says.
    ///
    /// # Errors
    /// As in `wit/databricks-oauth.wit`.
    pub async fn job_advisories(&self, caller: &Caller, fabric: &str, job: &Job) -> Result<Vec<Advisory>, Error> {
        self.advisories_of(caller, fabric, Some(job.clone())).await
    }

    async fn advisories_of(&self, caller: &Caller, fabric: &str, job: Option<Job>) -> Result<Vec<Advisory>, Error> {
        let (owned, name) = (caller.clone(), fabric.to_owned());
        call!(
            self,
            [&caller.tenant, &caller.user],
            prophecy_fabric_auth_databricks_oauth.call_advisories(owned, name, job)
        )
    }

    /// `set-app-connection`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn set_app_connection(
        &self,
        caller: &Caller,
        settings: AppConnectionSettings,
        client_secret: Option<&SecretString>,
    ) -> Result<(), Error> {
        let (owned, secret) = (caller.clone(), exposed(client_secret));
        call!(
            self,
            [&caller.tenant],
            prophecy_fabric_auth_administration.call_set_app_connection(owned, settings, secret)
        )
    }

    /// `describe-app-connections`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn describe_app_connections(&self, caller: &Caller) -> Result<Vec<AppConnectionDescription>, Error> {
        let owned = caller.clone();
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_describe_app_connections(owned))
    }

    /// `remove-app-connection`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn remove_app_connection(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let (owned, name) = (caller.clone(), name.to_owned());
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_remove_app_connection(owned, name))
    }

    /// `put-fabric`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn put_fabric(
        &self,
        caller: &Caller,
        settings: FabricSettings,
        service_principal_secret: Option<&SecretString>,
        expected_revision: Option<u64>,
    ) -> Result<FabricDescription, Error> {
        let (owned, secret) = (caller.clone(), exposed(service_principal_secret));
        call!(
            self,
            [&caller.tenant],
            prophecy_fabric_auth_administration.call_put_fabric(owned, settings, secret, expected_revision)
        )
    }

    /// `check-fabric`: what `put-fabric` would say, without writing.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn check_fabric(
        &self,
        caller: &Caller,
        settings: FabricSettings,
        service_principal_secret: Option<&SecretString>,
        expected_revision: Option<u64>,
    ) -> Result<(), Error> {
        let (owned, secret) = (caller.clone(), exposed(service_principal_secret));
        call!(
            self,
            [&caller.tenant],
            prophecy_fabric_auth_administration.call_check_fabric(owned, settings, secret, expected_revision)
        )
    }

    /// `get-fabric`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn get_fabric(&self, caller: &Caller, name: &str) -> Result<FabricDescription, Error> {
        let (owned, name) = (caller.clone(), name.to_owned());
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_get_fabric(owned, name))
    }

    /// `list-fabrics`: a piece; go on with its `next`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn list_fabrics(&self, caller: &Caller, after: Option<&str>) -> Result<FabricPage, Error> {
        let (owned, after) = (caller.clone(), after.map(str::to_owned));
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_list_fabrics(owned, after))
    }

    /// `remove-fabric`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn remove_fabric(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let (owned, name) = (caller.clone(), name.to_owned());
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_remove_fabric(owned, name))
    }

    /// `set-personal-access-token`: gives the Databricks user whose it is.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn set_personal_access_token(
        &self,
        caller: &Caller,
        fabric: &str,
        token: &SecretString,
    ) -> Result<String, Error> {
        let (owned, name, token) = (caller.clone(), fabric.to_owned(), token.expose_secret().to_owned());
        call!(
            self,
            [&caller.tenant],
            prophecy_fabric_auth_administration.call_set_personal_access_token(owned, name, token)
        )
    }

    /// `remove-personal-access-token`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn remove_personal_access_token(&self, caller: &Caller, fabric: &str) -> Result<(), Error> {
        let (owned, name) = (caller.clone(), fabric.to_owned());
        call!(
            self,
            [&caller.tenant],
            prophecy_fabric_auth_administration.call_remove_personal_access_token(owned, name)
        )
    }

    /// `list-grants`: a piece; go on with its `next`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn list_grants(&self, caller: &Caller, after: Option<&str>) -> Result<GrantPage, Error> {
        let (owned, after) = (caller.clone(), after.map(str::to_owned));
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_list_grants(owned, after))
    }

    /// `end-grants`: a piece; go on with its `next`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn end_grants(
        &self,
        caller: &Caller,
        selection: GrantSelection,
        after: Option<&str>,
    ) -> Result<EndedGrants, Error> {
        let (owned, after) = (caller.clone(), after.map(str::to_owned));
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_end_grants(owned, selection, after))
    }

    /// `reseal`: a piece; go on with its `next`.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn reseal(&self, caller: &Caller, after: Option<&str>) -> Result<ResealProgress, Error> {
        let (owned, after) = (caller.clone(), after.map(str::to_owned));
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_reseal(owned, after))
    }

    /// `restore-check`: a piece; go on with its `next`. For a backup that was put back, before hosts work on it.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn restore_check(&self, caller: &Caller, after: Option<&str>) -> Result<RestoreProgress, Error> {
        let (owned, after) = (caller.clone(), after.map(str::to_owned));
        call!(self, [&caller.tenant], prophecy_fabric_auth_administration.call_restore_check(owned, after))
    }

    /// `expire`: a piece; go on with its `next`. A host does this by itself unless
    /// [`Builder::expire_every`] says otherwise.
    ///
    /// # Errors
    /// As in `wit/maintenance.wit`.
    pub async fn expire(&self, after: Option<&str>) -> Result<ExpiredPage, Error> {
        self.instances.expire(after.map(str::to_owned)).await
    }

    /// `forecast`: a piece; go on with its `next`. A host does this by itself unless [`Builder::forecast_every`] says
    /// otherwise.
    ///
    /// # Errors
    /// As in `wit/maintenance.wit`.
    pub async fn forecast(&self, after: Option<&str>) -> Result<ForecastPage, Error> {
        self.instances.forecast(after.map(str::to_owned)).await
    }

    /// Lets a piece of the journal's events go that are older than [`Builder::retention`] says, and gives how many went: a
    /// few hundred of each chain, none when there is nothing left to do. A host does this by itself unless
    /// [`Builder::expire_every`] says otherwise.
    ///
    /// # Errors
    /// A sentence for the operator, when the journal cannot be read or written.
    pub async fn prune_journal(&self) -> Result<u64, String> {
        self.instances.prune_journal().await
    }

    /// Sends a request to the workspace of a fabric, with the token that the admission calls for: `wasi:http/handler`, see
    /// `wit/callers.wit`. The URL's path and query are what the workspace is asked for; scheme and authority are the
    /// fabric's in any case. Bodies stream in both directions.
    ///
    /// What the gateway refuses is a reply with problem details (RFC 9457), not an error.
    ///
    /// # Errors
    /// `unavailable` when the component was interrupted, `internal`.
    pub async fn forward<B>(
        &self,
        admission: Admission,
        request: http::Request<B>,
    ) -> Result<http::Response<ForwardedBody>, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        self.forward_holding(admission, request, Box::new(())).await
    }

    /// The same, and keeps something until nothing of the request is left: it goes on when its sender has gone.
    pub(crate) async fn forward_holding<B>(
        &self,
        admission: Admission,
        request: http::Request<B>,
        held: Held,
    ) -> Result<http::Response<ForwardedBody>, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        // Why a client's body broke off concerns nobody behind it.
        let request = request.map(|body| body.map_err(|_| WasiError::ConnectionTerminated).boxed_unsync());
        self.instances.forward(admission, request, held).await
    }

    /// How many events this host has written into the journal since it was built.
    pub fn journal_events(&self) -> u64 {
        self.instances.parts.journal.written()
    }

    /// How many events this host could not write into the journal, or not for certain, since it was built. Each is also
    /// logged with its cause. Anything but zero means that the audit trail has gaps.
    pub fn journal_losses(&self) -> u64 {
        self.instances.parts.journal.losses()
    }

    /// What this host has done since it was built, and what it is at, in numbers.
    pub fn figures(&self) -> Figures {
        self.instances.figures()
    }

    /// Waits for renewals and writes that have begun. A host that ends without it may lose a reply of Databricks, and
    /// with it a person's session. Makes no further calls possible.
    pub async fn finish(self) {
        self.instances.finish().await;
    }
}

/// A secret, copied for the crossing into the sandbox, whose memory ends with the instance.
fn exposed(secret: Option<&SecretString>) -> Option<String> {
    secret.map(|secret| secret.expose_secret().to_owned())
}
