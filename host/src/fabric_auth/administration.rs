//! `wit/administration.wit`: app connections, fabrics, personal access tokens, and the grants of everybody.

use secrecy::{ExposeSecret as _, SecretString};

use super::{FabricAuth, exposed};
use crate::contract::administration::{
    AppConnectionDescription, AppConnectionSettings, EndedGrants, FabricDescription, FabricPage, GrantPage,
    GrantSelection, ResealProgress, RestoreProgress,
};
use crate::contract::{Caller, Error, FabricSettings};

impl FabricAuth {
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
}
