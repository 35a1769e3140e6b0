//! `fabric-auth app guide`: how Prophecy is registered with Databricks: each step, who does it, and what to copy.
//!
//! JSON: `{"registration", "redirect_urls", "access_scopes", "steps": [{"actor", "step", "copy"}]}`, `copy` being the
//! values that the step needs. Without steps there is nothing to do.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use fabric_auth::contract::databricks_oauth::Registration;
use serde::Serialize;

use super::app::no_such_app;
use super::context::{Context, Session};
use super::failure::Failure;
use super::words::Word as _;

/// What Databricks calls the scope that everything Prophecy does is covered by, and how tokens name it.
const ALL_APIS: &str = "all-apis";

#[derive(Args)]
pub(super) struct Guide {
    /// Name of a registered app connection, to be told the scopes that are set for it
    name: Option<String>,
}

#[derive(Serialize)]
struct View {
    registration: &'static str,
    redirect_urls: Vec<String>,
    access_scopes: Vec<String>,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    actor: Doer,
    step: String,
    copy: Vec<String>,
}

/// Who does a step.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Doer {
    DatabricksAccountAdmin,
    ProphecyClusterAdmin,
    ProphecyTeamAdmin,
    Everybody,
}

impl Guide {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let view = context.with_host(async |session| self.view(session).await).await?;
        context.output.show(&view)?;
        Ok(ExitCode::SUCCESS)
    }

    async fn view(&self, session: &Session) -> Result<View, Failure> {
        let offer = session.host.authentication_methods(&session.caller).await?;
        let redirect_urls = session.config.deployment.redirect_urls.clone();
        let access_scopes = self.access_scopes(session).await?;
        // Whoever names an app connection of their own registers that one, on SaaS too.
        let nothing_to_do = offer.registration == Registration::NotNeeded && self.name.is_none();
        let steps =
            if nothing_to_do { Vec::new() } else { steps(&redirect_urls, &access_scopes, self.name.as_deref()) };
        Ok(View { registration: offer.registration.word(), redirect_urls, access_scopes, steps })
    }

    /// The scopes to choose at Databricks. Those of the sign-in itself are there without being chosen.
    async fn access_scopes(&self, session: &Session) -> Result<Vec<String>, Failure> {
        let Some(name) = &self.name else { return Ok(vec![ALL_APIS.to_owned()]) };
        let all = session.host.describe_app_connections(&session.caller).await?;
        let app = all.into_iter().find(|app| app.settings.name == *name).ok_or_else(|| no_such_app(name))?;
        let scopes = app.settings.scopes;
        Ok(if scopes.is_empty() { vec![ALL_APIS.to_owned()] } else { scopes })
    }
}

fn steps(redirect_urls: &[String], access_scopes: &[String], name: Option<&str>) -> Vec<Step> {
    use Doer::{DatabricksAccountAdmin, Everybody, ProphecyClusterAdmin, ProphecyTeamAdmin};
    let step = |actor, step: &str, copy: &[String]| Step { actor, step: step.to_owned(), copy: copy.to_vec() };
    let scopes = match access_scopes {
        [only] if only == ALL_APIS => "As access scope choose ALL APIs; with less, calls are refused later.",
        _ => {
            "As access scopes choose exactly these, which are set for this app connection; with less, sign-ins are refused."
        }
    };
    let set = format!(
        "fabric-auth app set{} --client-id CLIENT_ID --client-secret-file -",
        name.map(|name| format!(" {name}")).unwrap_or_default()
    );
    vec![
        step(
            DatabricksAccountAdmin,
            "Open the account console of the Databricks account that the workspaces belong to, there Account Settings > \
             App connections, and add a connection. Any name will do, such as Prophecy.",
            &[],
        ),
        step(
            DatabricksAccountAdmin,
            "Enter every one of these redirect URLs, exactly as they are: Databricks compares them letter by letter.",
            redirect_urls,
        ),
        step(DatabricksAccountAdmin, scopes, access_scopes),
        step(
            DatabricksAccountAdmin,
            "Choose to generate a client secret. (Without one Prophecy is a public client; then --public takes the place \
             of --client-secret-file below.) How long access tokens and refresh tokens live may be set here, now or \
             later, and is honoured.",
            &[],
        ),
        step(
            DatabricksAccountAdmin,
            "Save: before that Databricks does not know the connection. Client ID and client secret are shown, the secret \
             this once. Hand both to a Prophecy cluster admin in a safe way; Prophecy cannot fetch them.",
            &[],
        ),
        step(
            ProphecyClusterAdmin,
            "Under Admin Settings > Security, in the section Databricks OAuth Application (U2M), enter the one as Client \
             ID and the other as Client Secret. On the command line this does the same, with the secret on standard \
             input. It is in force at once, for all users, teams and fabrics; nothing is restarted.",
            &[set],
        ),
        step(
            Everybody,
            "Sign in. Until Databricks knows a new app connection may take 30 minutes: where it says that the client is \
             unknown, wait before anything is changed.",
            &["fabric-auth login FABRIC".to_owned()],
        ),
        step(
            ProphecyTeamAdmin,
            "For scheduled jobs, releases and deployments give each fabric a service principal. Its client id and secret \
             are another pair than the app connection's.",
            &["fabric-auth fabric add FABRIC --replace --sp-client-id ID --sp-client-secret-file -".to_owned()],
        ),
    ]
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return writeln!(
                formatter,
                "There is nothing to do: this deployment brings its own app connection, and everybody can sign in."
            );
        }
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(formatter, "{number}. {}: {}", step.actor, step.step)?;
            step.copy.iter().try_for_each(|value| writeln!(formatter, "       {value}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Doer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::DatabricksAccountAdmin => "a Databricks account admin",
            Self::ProphecyClusterAdmin => "a Prophecy cluster admin",
            Self::ProphecyTeamAdmin => "an admin of the fabric's team",
            Self::Everybody => "everybody",
        })
    }
}
