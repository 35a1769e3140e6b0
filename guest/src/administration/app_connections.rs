//! Setting, describing and removing app connections.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{client_id, plain_name, scopes, secret};
use crate::app_connections::{BUILT_IN, built_in, client_secret_binding};
use crate::contract::administration::{AppConnectionDescription, AppConnectionSettings, RefreshTokenPolicy};
use crate::contract::deployment::Description;
use crate::contract::journal::Action;
use crate::contract::{Caller, Error};
use crate::core::{Core, event, outcome};
use crate::error::Result;
use crate::permissions;
use crate::ports::Ports;
use crate::record::{AppConnectionRecord, Record as _, Stored, WRITE_ATTEMPTS, Written, over};
use crate::storage_key;

/// A session cannot be assumed to be longer than this: Databricks' own maximum for refresh tokens is 90 days.
const LONGEST_SESSION: Duration = Duration::from_secs(90 * 24 * 3_600);

impl<P: Ports> Core<P> {
    /// `administration.set-app-connection`.
    pub async fn set_app_connection(
        &self,
        caller: &Caller,
        settings: AppConnectionSettings,
        client_secret: Option<Zeroizing<String>>,
    ) -> Result<()> {
        permissions::check_caller(caller)?;
        permissions::administer_deployment(caller)?;
        let deployment = self.deployment()?;
        plain_name("settings.name", &settings.name)?;
        if settings.name == BUILT_IN && built_in(&deployment).is_some() {
            return Err(Error::invalid(
                "settings.name",
                "This app connection is part of Prophecy SaaS and cannot be changed.",
            ));
        }
        let settings = checked(settings)?;
        let client_secret = match client_secret {
            Some(text) => Some(Zeroizing::new(secret("client-secret", &text)?)),
            None => None,
        };
        let result = self.write_app_connection(caller, &deployment, &settings, client_secret).await;
        let mut entry = event(caller, Action::AppConnectionSet);
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }

    async fn write_app_connection(
        &self,
        caller: &Caller,
        deployment: &Description,
        settings: &AppConnectionSettings,
        client_secret: Option<Zeroizing<String>>,
    ) -> Result<()> {
        let key = storage_key::app_connection(&caller.tenant, &settings.name);
        for _ in 0..WRITE_ATTEMPTS {
            let others = self.app_connection_records(&caller.tenant).await?;
            let before = others.iter().find(|stored| stored.key == key).cloned();
            let (lineage, sealed) =
                self.app_secret(&caller.tenant, &key, settings, client_secret.as_deref(), before.as_ref()).await?;
            let is_first = built_in(deployment).is_none()
                && !others.iter().any(|stored| stored.record.default && stored.key != key);
            let record = AppConnectionRecord {
                version: AppConnectionRecord::VERSION,
                name: settings.name.clone(),
                client_id: settings.client_id.clone(),
                default: settings.default || is_first,
                scopes: settings.scopes.clone(),
                refresh_token_policy: match settings.refresh_token_policy {
                    RefreshTokenPolicy::Unknown => None,
                    RefreshTokenPolicy::SingleUse => Some("single-use".to_owned()),
                    RefreshTokenPolicy::Reusable => Some("reusable".to_owned()),
                },
                refresh_token_lifetime_seconds: settings
                    .refresh_token_lifetime
                    .map(|life| Duration::from_nanos(life).as_secs()),
                lineage,
                client_secret: sealed,
                unknown: before.as_ref().map(|stored| stored.record.unknown.clone()).unwrap_or_default(),
            };
            if let Written::Done(_) = self.write(&key, &record, None, over(before.as_ref())).await? {
                return if record.default { self.sole_default(others, &key).await } else { Ok(()) };
            }
        }
        Err(Error::Conflict("The app connection keeps being changed from elsewhere. Try again.".to_owned()))
    }

    /// The sealed client secret of the new state and the lineage it is bound to.
    async fn app_secret(
        &self,
        tenant: &str,
        key: &str,
        settings: &AppConnectionSettings,
        given: Option<&String>,
        before: Option<&Stored<AppConnectionRecord>>,
    ) -> Result<(String, Option<String>)> {
        match (settings.confidential, given) {
            (true, Some(secret)) => {
                let lineage = self.random_name();
                let sealed = self.seal(&client_secret_binding(tenant, key, &lineage), secret.as_bytes()).await?;
                Ok((lineage, Some(sealed)))
            }
            (true, None) => match before.filter(|before| before.record.client_id == settings.client_id) {
                Some(Stored { record: AppConnectionRecord { client_secret: Some(sealed), lineage, .. }, .. }) => {
                    Ok((lineage.clone(), Some(sealed.clone())))
                }
                _ => Err(Error::invalid("client-secret", "Enter the client secret that belongs to this client id.")),
            },
            (false, Some(_)) => Err(Error::invalid(
                "client-secret",
                "A public client has no secret. Leave it out, or set `confidential`.",
            )),
            (false, None) => Ok((self.random_name(), None)),
        }
    }

    /// Takes the mark from every other app connection.
    async fn sole_default(&self, others: Vec<Stored<AppConnectionRecord>>, key: &str) -> Result<()> {
        for other in others.into_iter().filter(|other| other.record.default && other.key != key) {
            let mut other = other;
            for _ in 0..WRITE_ATTEMPTS {
                let record = AppConnectionRecord { default: false, ..other.record.clone() };
                match self.write(&other.key, &record, None, other.precondition()).await? {
                    Written::Lost(Some(now)) if now.record.default => other = now,
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// `administration.describe-app-connections`.
    pub async fn describe_app_connections(&self, caller: &Caller) -> Result<Vec<AppConnectionDescription>> {
        permissions::check_caller(caller)?;
        permissions::administer_deployment(caller)?;
        let deployment = self.deployment()?;
        let mut descriptions: Vec<AppConnectionDescription> = self
            .app_connection_records(&caller.tenant)
            .await?
            .into_iter()
            .map(|stored| AppConnectionDescription {
                settings: stored.record.settings(),
                has_client_secret: stored.record.client_secret.is_some(),
                built_in: false,
            })
            .collect();
        if let Some(app) = built_in(&deployment) {
            let has_client_secret = self.ports.default_client_secret().is_some();
            descriptions.push(AppConnectionDescription {
                settings: AppConnectionSettings {
                    name: app.name,
                    client_id: app.client_id,
                    confidential: has_client_secret,
                    default: !descriptions.iter().any(|description| description.settings.default),
                    scopes: Vec::new(),
                    refresh_token_policy: RefreshTokenPolicy::Unknown,
                    refresh_token_lifetime: None,
                },
                has_client_secret,
                built_in: true,
            });
        }
        Ok(descriptions)
    }

    /// `administration.remove-app-connection`.
    pub async fn remove_app_connection(&self, caller: &Caller, name: &str) -> Result<()> {
        permissions::check_caller(caller)?;
        permissions::administer_deployment(caller)?;
        plain_name("name", name)?;
        let key = storage_key::app_connection(&caller.tenant, name);
        let records = self.app_connection_records(&caller.tenant).await?;
        let Some(app) = records.iter().find(|stored| stored.key == key) else {
            return Err(Error::NotFound("There is no such app connection.".to_owned()));
        };
        if app.record.default && records.len() > 1 {
            return Err(Error::Conflict(
                "This is the default app connection. Make another one the default first.".to_owned(),
            ));
        }
        let result = self.remove(&key).await.map(|_| ());
        let mut entry = event(caller, Action::AppConnectionRemoved);
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }
}

/// The settings, put in order.
fn checked(settings: AppConnectionSettings) -> Result<AppConnectionSettings> {
    let life = settings.refresh_token_lifetime.map(Duration::from_nanos);
    if life.is_some_and(|life| life < Duration::from_secs(60) || life > LONGEST_SESSION) {
        return Err(Error::invalid("settings.refresh-token-lifetime", "This must be between a minute and 90 days."));
    }
    Ok(AppConnectionSettings {
        client_id: client_id("settings.client-id", &settings.client_id)?,
        scopes: scopes("settings.scopes", &settings.scopes)?,
        ..settings
    })
}
