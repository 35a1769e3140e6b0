//! What the form of a fabric was filled with, and what it means to the contract. The fields have the names of the
//! contract, with underscores, so that a refused one is found by its name.

use std::time::{Duration, UNIX_EPOCH};

use secrecy::SecretString;

use crate::clock::Clock;
use crate::contract::administration::FabricDescription;
use crate::contract::{Authentication, Error, FabricKind, FabricSettings, IdentityKind, Word};
use crate::journal::{Since, moment};
use crate::service::form::Form;

/// The values of the form's fields, but for the secret.
#[derive(Clone, Debug, Default)]
pub(super) struct Entered {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) workspace: String,
    pub(super) team: String,
    pub(super) authentication: String,
    pub(super) app_connection: String,
    pub(super) service_principal_client_id: String,
    /// A date.
    pub(super) service_principal_secret_expires_in: String,
    pub(super) scopes: String,
    pub(super) service_principal_scopes: String,
    pub(super) compute: String,
    pub(super) metadata_crawl_identity: String,
    /// The revision of the fabric that is changed; empty for a new one.
    pub(super) revision: String,
}

/// What a method of authentication is called.
pub(super) fn method(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::Oauth => "OAuth",
        Authentication::PersonalAccessToken => "Personal access token",
    }
}

impl Entered {
    /// A form for a new fabric.
    pub(super) fn blank(team: &str) -> Self {
        Self {
            kind: FabricKind::Spark.word().to_owned(),
            team: team.to_owned(),
            authentication: Authentication::Oauth.word().to_owned(),
            metadata_crawl_identity: IdentityKind::Person.word().to_owned(),
            ..Self::default()
        }
    }

    /// A form for a fabric as it is.
    pub(super) fn of_fabric(fabric: &FabricDescription, clock: &dyn Clock) -> Self {
        let settings = &fabric.settings;
        let ends = settings.service_principal_secret_expires_in.map(|left| day(clock, Duration::from_nanos(left)));
        Self {
            name: settings.name.clone(),
            kind: settings.kind.word().to_owned(),
            workspace: settings.workspace.clone(),
            team: settings.team.clone(),
            authentication: settings.authentication.word().to_owned(),
            app_connection: settings.app_connection.clone().unwrap_or_default(),
            service_principal_client_id: settings.service_principal_client_id.clone().unwrap_or_default(),
            service_principal_secret_expires_in: ends.unwrap_or_default(),
            scopes: settings.scopes.join(" "),
            service_principal_scopes: settings.service_principal_scopes.join(" "),
            compute: settings.compute.clone().unwrap_or_default(),
            metadata_crawl_identity: settings.metadata_crawl_identity.word().to_owned(),
            revision: fabric.revision.to_string(),
        }
    }

    /// What was sent.
    pub(super) fn of_form(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            name: text("name"),
            kind: text("kind"),
            workspace: text("workspace"),
            team: text("team"),
            authentication: text("authentication"),
            app_connection: text("app_connection"),
            service_principal_client_id: text("service_principal_client_id"),
            service_principal_secret_expires_in: text("service_principal_secret_expires_in"),
            scopes: text("scopes"),
            service_principal_scopes: text("service_principal_scopes"),
            compute: text("compute"),
            metadata_crawl_identity: text("metadata_crawl_identity"),
            revision: text("revision"),
        }
    }

    /// As the contract has it.
    pub(super) fn settings(&self, clock: &dyn Clock) -> Result<FabricSettings, Error> {
        Ok(FabricSettings {
            name: self.name.clone(),
            kind: word("settings.kind", &self.kind)?,
            workspace: self.workspace.clone(),
            team: self.team.clone(),
            authentication: word("settings.authentication", &self.authentication)?,
            app_connection: optional(&self.app_connection),
            service_principal_client_id: optional(&self.service_principal_client_id),
            service_principal_secret_expires_in: self.secret_expires_in(clock)?,
            scopes: scopes(&self.scopes),
            service_principal_scopes: scopes(&self.service_principal_scopes),
            compute: optional(&self.compute),
            metadata_crawl_identity: word("settings.metadata-crawl-identity", &self.metadata_crawl_identity)?,
        })
    }

    /// The revision that is expected: none is there yet, or the one that the form was made from.
    pub(super) fn expected_revision(&self) -> u64 {
        self.revision.parse().unwrap_or_default()
    }

    fn secret_expires_in(&self, clock: &dyn Clock) -> Result<Option<u64>, Error> {
        if self.service_principal_secret_expires_in.is_empty() {
            return Ok(None);
        }
        let Ok(Since::At(end)) = self.service_principal_secret_expires_in.parse() else {
            return Err(Error::invalid(
                "settings.service-principal-secret-expires-in",
                "It must be a date such as 2027-11-24, as Databricks shows it beside the secret.",
            ));
        };
        let left = end.saturating_sub(nanoseconds_now(clock));
        Ok(Some(u64::try_from(left).unwrap_or_default()))
    }
}

/// The secret that was typed beside it.
pub(super) fn secret(form: &Form) -> Option<SecretString> {
    form.secret("service_principal_secret")
}

/// The field of the form that the contract's error is about.
pub(super) fn field_of(contract_field: &str) -> String {
    contract_field.trim_start_matches("settings.").replace('-', "_")
}

fn word<W: Word>(field: &str, text: &str) -> Result<W, Error> {
    W::of_word(text).ok_or_else(|| {
        let words: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
        Error::invalid(field, format!("It must be one of: {}.", words.join(", ")))
    })
}

fn optional(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A list that is separated by blanks, commas or lines.
pub(super) fn scopes(text: &str) -> Vec<String> {
    let parts = text.split(|character: char| character.is_whitespace() || character == ',');
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn nanoseconds_now(clock: &dyn Clock) -> i64 {
    let since_epoch = clock.system().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

/// By how much two clocks may differ, and what is stored be behind, without its becoming another day.
const DRIFT: Duration = Duration::from_secs(60 * 60);

/// The day on which something ends that still lasts so long. Days that were entered begin at midnight, and what is stored of
/// them is always a little less: without the drift each look would tell the day before.
fn day(clock: &dyn Clock, left: Duration) -> String {
    let left = i64::try_from(left.saturating_add(DRIFT).as_nanos()).unwrap_or(i64::MAX);
    let end = nanoseconds_now(clock).saturating_add(left);
    moment(end, false).chars().take("2026-11-24".len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn entered() -> Entered {
        Entered {
            name: "dev".to_owned(),
            workspace: "https://dbc-a1b2345c-d6e7.cloud.databricks.com".to_owned(),
            ..Entered::blank("analytics")
        }
    }

    #[test]
    fn what_is_left_empty_is_not_there() {
        let settings = entered().settings(&SystemClock::new()).unwrap();
        assert_eq!((settings.kind, settings.authentication), (FabricKind::Spark, Authentication::Oauth));
        assert_eq!((settings.app_connection, settings.compute), (None, None));
        assert!(settings.scopes.is_empty() && settings.service_principal_secret_expires_in.is_none());
    }

    #[test]
    fn a_date_is_told_again_as_it_was_entered() {
        let clock = SystemClock::new();
        let date = "2099-02-28".to_owned();
        let entered = Entered { service_principal_secret_expires_in: date.clone(), ..entered() };
        let left = entered.settings(&clock).unwrap().service_principal_secret_expires_in.unwrap();
        assert_eq!(day(&clock, Duration::from_nanos(left)), date);
        // What is stored is told as less, since it is counted from before it was written.
        assert_eq!(day(&clock, Duration::from_nanos(left) - Duration::from_secs(5)), date);
        let past = Entered { service_principal_secret_expires_in: "1999-01-01".to_owned(), ..entered };
        assert_eq!(past.settings(&clock).unwrap().service_principal_secret_expires_in, Some(0));
    }

    #[test]
    fn what_is_no_date_or_no_choice_is_refused_by_its_field() {
        for (entered, field) in [
            (
                Entered { service_principal_secret_expires_in: "soon".into(), ..entered() },
                "service_principal_secret_expires_in",
            ),
            (
                Entered { service_principal_secret_expires_in: "7d".into(), ..entered() },
                "service_principal_secret_expires_in",
            ),
            (Entered { kind: "gpu".into(), ..entered() }, "kind"),
            (Entered { metadata_crawl_identity: String::new(), ..entered() }, "metadata_crawl_identity"),
        ] {
            let refused = entered.settings(&SystemClock::new()).unwrap_err();
            assert_eq!(refused.field().map(field_of).as_deref(), Some(field));
        }
    }

    #[test]
    fn scopes_may_be_separated_as_people_do() {
        assert_eq!(scopes(" all-apis, sql\n\toffline_access ,"), ["all-apis", "sql", "offline_access"]);
    }
}
