//! `wit/databricks-oauth.wit`: signing in and out, tokens, and what stands in the way of them.

use secrecy::{ExposeSecret as _, SecretString};

use super::{FabricAuth, exposed};
use crate::contract::databricks_oauth::{
    Advisory, AuthenticationOffer, CompletedSignIn, CompletedSignOut, FabricSelection, Job, PendingSignIn, Rejection,
    RejectionVerdict, SignInState, TestResult, TestStep,
};
use crate::contract::{Activity, Caller, Error, IdentityKind, TokenDescription, TokenReference};
use crate::token_source::TokenSource;

impl FabricAuth {
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
}
