//! Setting, describing and removing app connections.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{client_id, plain_name, scopes, secret};
use crate::app_connections::{AppConnections, BUILT_IN, Credentials, built_in};
use crate::contract::administration::{AppConnectionDescription, AppConnectionSettings, RefreshTokenPolicy};
use crate::contract::deployment::Description;
use crate::contract::journal::Action;
use crate::contract::storage::{Precondition, WriteOutcome};
use crate::contract::{Caller, Error};
use crate::core::{Core, event, outcome};
use crate::error::{Result, nanoseconds};
use crate::permissions;
use crate::ports::Ports;
use crate::record::{
    AppConnectionRecord, DefaultAppConnectionRecord, Record as _, WRITE_ATTEMPTS, Written, encode, over,
};
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
        let has_built_in = built_in(deployment).is_some();
        for _ in 0..WRITE_ATTEMPTS {
            let all = self.stored_app_connections(&caller.tenant).await?;
            let before = all.records.iter().find(|stored| stored.key == key);
            if before.is_none() && all.holds(&key) {
                return Err(Error::Conflict(
                    "What is stored of this app connection cannot be read. Remove it, then set it anew.".to_owned(),
                ));
            }
            let Credentials { lineage, client_secret, history } =
                self.credentials_after(&caller.tenant, &key, settings, client_secret.as_deref(), before).await?;
            let record = AppConnectionRecord {
                version: AppConnectionRecord::VERSION,
                name: settings.name.clone(),
                client_id: settings.client_id.clone(),
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
                client_secret,
                secret_history: Some(history),
                unknown: before.map(|stored| stored.record.unknown.clone()).unwrap_or_default(),
            };
            if let Written::Done(_) = self.write(&key, &record, None, over(before)).await? {
                return self.keep_one_default(&caller.tenant, &key, settings, all, has_built_in).await;
            }
        }
        Err(Error::Conflict("The app connection keeps being changed from elsewhere. Try again.".to_owned()))
    }

    /// Writes the choice of the default app connection after one was set, where that changes it. `all` is what was there
    /// before.
    async fn keep_one_default(
        &self,
        tenant: &str,
        key: &str,
        settings: &AppConnectionSettings,
        all: AppConnections,
        has_built_in: bool,
    ) -> Result<()> {
        let chosen = all.chosen.as_deref();
        if settings.default {
            return if chosen == Some(key) {
                Ok(())
            } else {
                self.choose_default(tenant, &settings.name, all.choice).await
            };
        }
        if has_built_in {
            return if chosen == Some(key) { self.choose_built_in(tenant, key).await } else { Ok(()) };
        }
        let choice = storage_key::default_app_connection(tenant);
        let default = all.default_key(false);
        if (default.is_some() && default == chosen) || all.holds(&choice) {
            return Ok(());
        }
        // Nobody chose, so the default is the first by name, or the one just set. It is written down, lest one that is
        // set later takes its place by its name. Whoever chooses at the same moment is right.
        let name = all.records.first().map_or(&settings.name, |stored| &stored.record.name);
        self.write(&choice, &choice_of(name), None, all.choice).await.map(|_| ())
    }

    /// Makes an app connection the default one, whatever was chosen before.
    async fn choose_default(&self, tenant: &str, name: &str, mut over: Precondition) -> Result<()> {
        let key = storage_key::default_app_connection(tenant);
        let value = encode(&choice_of(name))?;
        for _ in 0..WRITE_ATTEMPTS {
            over = match self.ports.put(&key, value.clone(), None, over).await? {
                WriteOutcome::Written(_) => return Ok(()),
                WriteOutcome::Lost(now) => now.map_or(Precondition::Absent, |now| Precondition::Revision(now.revision)),
            };
        }
        Err(Error::Conflict("The default app connection keeps being changed from elsewhere. Try again.".to_owned()))
    }

    /// Takes back the choice of an app connection, so that the built-in one is the default again.
    async fn choose_built_in(&self, tenant: &str, key: &str) -> Result<()> {
        for _ in 0..WRITE_ATTEMPTS {
            let all = self.stored_app_connections(tenant).await?;
            match all.choice {
                Precondition::Revision(revision) if all.chosen.as_deref() == Some(key) => {
                    let choice = storage_key::default_app_connection(tenant);
                    if let WriteOutcome::Written(_) = self.ports.delete(&choice, revision).await? {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
        Err(Error::Conflict("The default app connection keeps being changed from elsewhere. Try again.".to_owned()))
    }

    /// `administration.describe-app-connections`.
    pub async fn describe_app_connections(&self, caller: &Caller) -> Result<Vec<AppConnectionDescription>> {
        permissions::check_caller(caller)?;
        permissions::administer_deployment(caller)?;
        let deployment = self.deployment()?;
        let built_in = built_in(&deployment);
        let all = self.stored_app_connections(&caller.tenant).await?;
        for unreadable in &all.unreadable {
            self.journal_unreadable(&caller.tenant, Action::AppConnectionUnreadable, unreadable).await;
        }
        let default = all.default_key(built_in.is_some());
        let mut descriptions: Vec<AppConnectionDescription> = all
            .records
            .iter()
            .map(|stored| AppConnectionDescription {
                settings: stored.record.settings(default == Some(&stored.key)),
                has_client_secret: stored.record.client_secret.is_some(),
                has_previous_secret: stored.record.previous_secret().is_some(),
                client_secret_refused: stored.record.history().is_some_and(|history| history.refused),
                set_for: Some(nanoseconds(stored.set_for())),
                built_in: false,
            })
            .collect();
        if let Some(app) = built_in {
            let has_client_secret = self.ports.default_client_secret().is_some();
            descriptions.push(AppConnectionDescription {
                settings: AppConnectionSettings {
                    name: app.name,
                    client_id: app.client_id,
                    confidential: has_client_secret,
                    default: default.is_none(),
                    scopes: Vec::new(),
                    refresh_token_policy: RefreshTokenPolicy::Unknown,
                    refresh_token_lifetime: None,
                },
                has_client_secret,
                has_previous_secret: false,
                client_secret_refused: false,
                set_for: None,
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
        let has_built_in = built_in(&self.deployment()?).is_some();
        let all = self.stored_app_connections(&caller.tenant).await?;
        if !all.holds(&key) {
            return Err(Error::NotFound("There is no such app connection.".to_owned()));
        }
        let others_remain = all.records.iter().any(|stored| stored.key != key);
        if all.default_key(has_built_in) == Some(&key) && others_remain {
            return Err(Error::Conflict(
                "This is the default app connection. Make another one the default first.".to_owned(),
            ));
        }
        if let Some(newer) =
            all.unreadable.into_iter().find(|unreadable| unreadable.key == key && !unreadable.is_damaged())
        {
            return Err(newer.error);
        }
        let result = self.remove(&key).await.map(|_| ());
        let mut entry = event(caller, Action::AppConnectionRemoved);
        entry.outcome = outcome(&result);
        self.journal(entry).await;
        result
    }
}

fn choice_of(name: &str) -> DefaultAppConnectionRecord {
    DefaultAppConnectionRecord {
        version: DefaultAppConnectionRecord::VERSION,
        name: name.to_owned(),
        unknown: serde_json::Map::new(),
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
