//! What a case says: see `fixtures/exchanges/README.md`. Unknown members are errors, so that a slip of the pen does not
//! pass for an expectation.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::ConformanceError;
use super::exchange::{Body, Exchange};
use crate::contract::databricks_oauth::TestStep;
use crate::contract::{Activity, FabricKind, IdentityKind, Word};

/// A case: what is set up, what is called, what the workspace is asked and answers, and what must come of it.
#[derive(Debug)]
pub struct Case {
    name: String,
    pub(super) script: Script,
}

impl Case {
    /// Reads a case. `name` is its path below the folder of cases, without its ending.
    ///
    /// # Errors
    /// [`ConformanceError::Unreadable`] when it is not as the README has it.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConformanceError> {
        let unreadable = |reason: String| ConformanceError::Unreadable { name: name.to_owned(), reason };
        let script: Script = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        if script.steps.is_empty() {
            return Err(unreadable("it has no step".to_owned()));
        }
        Ok(Self { name: name.to_owned(), script })
    }

    /// Its path below the folder of cases, without its ending: area and condition.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it shows, in a sentence.
    pub fn title(&self) -> &str {
        &self.script.title
    }

    /// Where such an exchange was seen.
    pub fn source(&self) -> &str {
        &self.script.source
    }

    /// The shapes on record that it shows.
    pub fn shapes(&self) -> &[String] {
        &self.script.shapes
    }
}

/// The content of a case file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    title: String,
    source: String,
    #[serde(default)]
    shapes: Vec<String>,
    #[serde(default)]
    pub(super) setup: Setup,
    pub(super) steps: Vec<Step>,
}

/// How things stand before the first step.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Setup {
    pub(super) deployment: DeploymentMode,
    pub(super) app_connection: AppConnection,
    pub(super) fabric: Fabric,
    pub(super) person: Person,
    pub(super) discovery: Discovery,
}

/// Who runs Prophecy.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DeploymentMode {
    #[default]
    SelfHosted,
    /// With the app connection that is there from the start; none is registered.
    Saas,
}

/// The app connection that is registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AppConnection {
    #[default]
    Confidential,
    Public,
    None,
}

/// The one fabric.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fabric {
    #[serde(deserialize_with = "word")]
    pub(super) kind: FabricKind,
    pub(super) workspace: String,
    pub(super) compute: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) service_principal: bool,
    pub(super) service_principal_scopes: Vec<String>,
}

impl Default for Fabric {
    fn default() -> Self {
        Self {
            kind: FabricKind::Spark,
            workspace: "${workspace}".to_owned(),
            compute: None,
            scopes: Vec::new(),
            service_principal: true,
            service_principal_scopes: Vec::new(),
        }
    }
}

/// How the person stands to the workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Person {
    #[default]
    NeverSignedIn,
    /// Has begun to sign in, and is at Databricks.
    SigningIn,
    SignedIn,
    /// Signed in an hour ago: the access token has ended, and there is a refresh token.
    Expired,
}

/// Who answers the two requests for discovery documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Discovery {
    /// The workspace, as often as it is asked; the exchanges of the steps do not tell of it.
    #[default]
    Standing,
    /// The exchanges of the steps.
    Scripted,
}

/// One call, and what must come of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) call: Call,
    #[serde(default)]
    pub(super) caller: CallerName,
    /// Seconds by which time is moved before the call.
    #[serde(default)]
    pub(super) advance: u64,
    /// Whether time goes on while the call waits, until the first request of `exchanges` arrives.
    #[serde(default)]
    pub(super) time_passes: bool,
    #[serde(default)]
    pub(super) network: Network,
    #[serde(default)]
    pub(super) exchanges: Vec<Exchange>,
    pub(super) outcome: Outcome,
    /// What the journal says of the call; not looked at where it is left out.
    pub(super) journal: Option<Vec<String>>,
}

/// Whether the workspace takes connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Network {
    #[default]
    Open,
    /// Every connection is refused.
    Closed,
}

/// Who calls.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CallerName {
    #[default]
    Person,
    AnotherPerson,
    TeamAdmin,
    Workload,
}

/// A function of the interface `databricks-oauth`, on the one fabric.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Call {
    BeginSignIn {
        redirect_url: Option<String>,
    },
    CompleteSignIn {
        query: String,
        binding: Option<String>,
    },
    AccessToken {
        #[serde(deserialize_with = "word")]
        activity: Activity,
    },
    /// Of the token that was handed out last.
    ReportRejection {
        #[serde(deserialize_with = "word")]
        activity: Activity,
        status: u16,
        #[serde(default)]
        body: Body,
        location: Option<String>,
    },
    TestConnection {
        #[serde(deserialize_with = "word")]
        identity: IdentityKind,
        #[serde(deserialize_with = "word")]
        step: TestStep,
    },
    SignInStatus {},
    SignOut {},
}

/// What must come of a call, as `fixtures/exchanges/README.md` shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Ok(Value),
    Error(Value),
}

fn word<'de, W: Word, D: Deserializer<'de>>(deserializer: D) -> Result<W, D::Error> {
    let text = String::deserialize(deserializer)?;
    W::of_word(&text).ok_or_else(|| D::Error::custom(format!("the contract knows no `{text}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"{
        "title": "A case", "source": "nowhere", "setup": {"person": "expired"},
        "steps": [{"call": {"access-token": {"activity": "on-demand-run"}}, "outcome": {"error": {"case": "internal"}}}]
    }"#;

    #[test]
    fn a_case_is_read() {
        let case = Case::parse("area/condition", CASE).unwrap();
        assert_eq!((case.name(), case.title(), case.source()), ("area/condition", "A case", "nowhere"));
    }

    #[test]
    fn a_slip_of_the_pen_anywhere_is_an_error() {
        for (right, wrong) in [
            ("\"source\"", "\"sauce\""),
            ("\"person\"", "\"persons\""),
            ("\"expired\"", "\"gone\""),
            ("\"activity\"", "\"act\""),
            ("on-demand-run", "on-demand"),
            ("access-token", "access-tokens"),
            ("\"outcome\"", "\"outcomes\""),
            ("\"error\"", "\"errors\""),
            ("\"call\"", "\"journals\": [], \"call\""),
            ("\"steps\": [", "\"steps\": [], \"x\": ["),
        ] {
            assert!(CASE.contains(right), "{right}");
            let text = CASE.replacen(right, wrong, 1);
            assert!(Case::parse("x", &text).is_err(), "{wrong} passes");
        }
    }
}
