//! Export `administration`.

use zeroize::Zeroizing;

use super::{Component, core};
use crate::contract::administration::{
    AppConnectionDescription, AppConnectionSettings, EndedGrants, FabricDescription, FabricPage, GrantPage,
    GrantSelection, Guest, ResealProgress, RestoreProgress,
};
use crate::contract::{Caller, Error, FabricSettings};
use crate::secret::PersonalAccessToken;

impl Guest for Component {
    async fn set_app_connection(
        caller: Caller,
        settings: AppConnectionSettings,
        client_secret: Option<String>,
    ) -> Result<(), Error> {
        core().set_app_connection(&caller, settings, client_secret.map(Zeroizing::new)).await
    }

    async fn describe_app_connections(caller: Caller) -> Result<Vec<AppConnectionDescription>, Error> {
        core().describe_app_connections(&caller).await
    }

    async fn remove_app_connection(caller: Caller, name: String) -> Result<(), Error> {
        core().remove_app_connection(&caller, &name).await
    }

    async fn put_fabric(
        caller: Caller,
        settings: FabricSettings,
        service_principal_secret: Option<String>,
        expected_revision: Option<u64>,
    ) -> Result<FabricDescription, Error> {
        let secret = service_principal_secret.map(Zeroizing::new);
        core().put_fabric(&caller, settings, secret, expected_revision).await
    }

    async fn check_fabric(
        caller: Caller,
        settings: FabricSettings,
        service_principal_secret: Option<String>,
        expected_revision: Option<u64>,
    ) -> Result<(), Error> {
        let secret = service_principal_secret.map(Zeroizing::new);
        core().check_fabric(&caller, settings, secret, expected_revision).await
    }

    async fn get_fabric(caller: Caller, name: String) -> Result<FabricDescription, Error> {
        core().get_fabric(&caller, &name).await
    }

    async fn list_fabrics(caller: Caller, after: Option<String>) -> Result<FabricPage, Error> {
        core().list_fabrics(&caller, after.as_deref()).await
    }

    async fn remove_fabric(caller: Caller, name: String) -> Result<(), Error> {
        core().remove_fabric(&caller, &name).await
    }

    async fn set_personal_access_token(caller: Caller, fabric: String, token: String) -> Result<String, Error> {
        core().set_personal_access_token(&caller, &fabric, PersonalAccessToken::from(token)).await
    }

    async fn remove_personal_access_token(caller: Caller, fabric: String) -> Result<(), Error> {
        core().remove_personal_access_token(&caller, &fabric).await
    }

    async fn list_grants(caller: Caller, after: Option<String>) -> Result<GrantPage, Error> {
        core().list_grants(&caller, after.as_deref()).await
    }

    async fn end_grants(
        caller: Caller,
        selection: GrantSelection,
        after: Option<String>,
    ) -> Result<EndedGrants, Error> {
        core().end_grants(&caller, selection, after.as_deref()).await
    }

    async fn reseal(caller: Caller, after: Option<String>) -> Result<ResealProgress, Error> {
        core().reseal(&caller, after.as_deref()).await
    }

    async fn restore_check(caller: Caller, after: Option<String>) -> Result<RestoreProgress, Error> {
        core().restore_check(&caller, after.as_deref()).await
    }
}
