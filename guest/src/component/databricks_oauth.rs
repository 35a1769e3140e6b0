//! Export `databricks-oauth`.

use zeroize::Zeroizing;

use super::{Component, core};
use crate::contract::databricks_oauth::{
    Advisory, AuthenticationOffer, CompletedSignIn, CompletedSignOut, FabricSelection, Guest, Job, PendingSignIn,
    Rejection, RejectionVerdict, SignInState, TestResult, TestStep,
};
use crate::contract::{Activity, Caller, Error, IdentityKind, TokenDescription, TokenReference};
use crate::secret::{BindingSecret, ClientSecret};

impl Guest for Component {
    async fn begin_sign_in(
        caller: Caller,
        fabric: String,
        redirect_url: Option<String>,
    ) -> Result<(String, String, PendingSignIn), Error> {
        let (url, binding, pending) = core().begin_sign_in(&caller, &fabric, redirect_url).await?;
        Ok((url, binding.expose().to_owned(), pending))
    }

    async fn complete_sign_in(
        caller: Caller,
        callback_query: String,
        binding: String,
    ) -> Result<CompletedSignIn, Error> {
        core().complete_sign_in(&caller, Zeroizing::new(callback_query), BindingSecret::from(binding)).await
    }

    async fn sign_out(caller: Caller, fabric: String) -> Result<CompletedSignOut, Error> {
        core().sign_out(&caller, &fabric).await
    }

    async fn sign_in_status(caller: Caller, fabric: String) -> Result<SignInState, Error> {
        core().sign_in_status(&caller, &fabric).await
    }

    async fn access_token(
        caller: Caller,
        fabric: String,
        activity: Activity,
    ) -> Result<(String, TokenDescription), Error> {
        let (mut token, description) = core().access_token(&caller, &fabric, activity).await?;
        Ok((std::mem::take(&mut *token), description))
    }

    async fn authorize_request(
        caller: Caller,
        fabric: String,
        activity: Activity,
        path: String,
    ) -> Result<(String, TokenDescription), Error> {
        let (mut token, description) = core().authorize_request(&caller, &fabric, activity, &path).await?;
        Ok((std::mem::take(&mut *token), description))
    }

    async fn report_rejection(
        caller: Caller,
        fabric: String,
        activity: Activity,
        token: TokenReference,
        rejection: Rejection,
    ) -> Result<RejectionVerdict, Error> {
        core().report_rejection(&caller, &fabric, activity, &token, rejection).await
    }

    async fn test_connection(
        caller: Caller,
        fabric: FabricSelection,
        service_principal_secret: Option<String>,
        identity: IdentityKind,
        step: Option<TestStep>,
    ) -> Result<TestResult, Error> {
        let secret = service_principal_secret.map(ClientSecret::from);
        core().test_connection(&caller, fabric, secret, identity, step).await
    }

    async fn authentication_methods(caller: Caller) -> Result<AuthenticationOffer, Error> {
        core().authentication_methods(&caller).await
    }

    async fn advisories(caller: Caller, fabric: String, job: Option<Job>) -> Result<Vec<Advisory>, Error> {
        core().advisories(&caller, &fabric, job.as_ref()).await
    }
}
