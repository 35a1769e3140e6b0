//! `fabric-auth status`: who is signed in, until when, and what will need attention and when.
//!
//! JSON: `{"user", "fabrics": [{"fabric", "workspace", "authentication", "signed_in", "reason"?, "databricks_user"?, "scopes",
//! "access_token_expires_in"?, "renewable", "session_expires_in"?, "attention": [{"kind", "due_in", "message"}],
//! "problem"?}]}`, what is due soonest first, and with one fabric when one is named. `problem` stands where the state
//! could not be told.

use std::fmt;
use std::process::ExitCode;

use clap::Args;
use fabric_auth::Span;
use fabric_auth::contract::administration::FabricDescription;
use fabric_auth::contract::databricks_oauth::{Advisory, SignInState};
use fabric_auth::contract::{Authentication, Error};
use serde::Serialize;

use super::context::{Context, Session};
use super::fabric::all_fabrics;
use super::failure::{Failure, Problem};
use super::output::write_columns;
use super::words::Word as _;

#[derive(Args)]
pub(super) struct Status {
    /// Only this fabric, in detail
    fabric: Option<String>,
}

/// What was found out about one fabric.
struct Finding {
    fabric: String,
    workspace: String,
    authentication: Authentication,
    state: Result<SignInState, Error>,
    advisories: Vec<Advisory>,
}

#[derive(Serialize)]
struct View<'a> {
    user: &'a str,
    fabrics: Vec<FabricView<'a>>,
    #[serde(skip)]
    in_detail: bool,
}

#[derive(Serialize)]
struct FabricView<'a> {
    fabric: &'a str,
    workspace: &'a str,
    authentication: &'static str,
    signed_in: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    databricks_user: Option<&'a str>,
    scopes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token_expires_in: Option<Span>,
    renewable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_expires_in: Option<Span>,
    attention: Vec<Attention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem<'a>>,
    #[serde(skip)]
    problem_text: Option<&'a str>,
}

/// Something that somebody should do, and by when.
#[derive(Serialize)]
struct Attention {
    kind: &'static str,
    due_in: Span,
    message: String,
}

impl Status {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let find = async |session: &Session| {
            let fabrics = match &self.fabric {
                Some(name) => vec![session.fabric(name).await?],
                None => all_fabrics(context.output, session).await?,
            };
            let mut findings = Vec::new();
            for fabric in fabrics {
                findings.push(Finding::of(session, fabric).await?);
            }
            Ok((session.caller.user.clone(), findings))
        };
        let (user, findings) = context.with_host(find).await?;
        let fabrics = findings.iter().map(FabricView::of).collect();
        context.output.show(&View { user: &user, fabrics, in_detail: self.fabric.is_some() })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Finding {
    async fn of(session: &Session, fabric: FabricDescription) -> Result<Self, Failure> {
        let name = fabric.settings.name;
        Ok(Self {
            state: session.host.sign_in_status(&session.caller, &name).await,
            advisories: session.host.advisories(&session.caller, &name).await?,
            fabric: name,
            workspace: fabric.settings.workspace,
            authentication: fabric.settings.authentication,
        })
    }
}

impl<'a> FabricView<'a> {
    fn of(finding: &'a Finding) -> Self {
        let state = finding.state.as_ref().ok();
        // A missing app connection is an advisory already.
        let problem = finding.state.as_ref().err().filter(|error| !matches!(error, Error::AppConnectionMissing(_)));
        let mut attention: Vec<Attention> =
            state.into_iter().filter_map(|state| Attention::of(finding, state)).collect();
        attention.extend(finding.advisories.iter().map(|advisory| Attention {
            kind: advisory.kind.word(),
            due_in: advisory.ends_in.map_or(Span::ZERO, Span::from),
            message: advisory.message.clone(),
        }));
        attention.sort_by_key(|attention| attention.due_in);
        Self {
            fabric: &finding.fabric,
            workspace: &finding.workspace,
            authentication: finding.authentication.word(),
            signed_in: state.is_some_and(|state| state.required.is_none()),
            reason: state.and_then(|state| state.required).map(|reason| reason.word()),
            databricks_user: state.and_then(|state| state.databricks_user.as_deref()),
            scopes: state.map(|state| state.scopes.as_slice()).unwrap_or_default(),
            access_token_expires_in: state.and_then(|state| state.access_token_expires_in).map(Span::from),
            renewable: state.is_some_and(|state| state.renewable),
            session_expires_in: state.and_then(|state| state.session_expires_in).map(Span::from),
            attention,
            problem: problem.map(Problem::from),
            problem_text: problem.map(Error::message),
        }
    }

    /// One line on the sign-in.
    fn summary(&self) -> String {
        let takes_tokens = self.authentication == Authentication::PersonalAccessToken.word();
        match (self.problem_text, self.signed_in, self.reason, self.session_expires_in) {
            (Some(problem), ..) => format!("not known: {problem}"),
            (None, true, ..) if takes_tokens => "personal access token entered".to_owned(),
            (None, false, Some(reason), _) if takes_tokens => format!("personal access token required ({reason})"),
            (None, true, _, Some(session)) => format!("signed in, for {session} if not used"),
            (None, true, _, None) => "signed in".to_owned(),
            (None, false, Some(reason), _) => format!("sign-in required ({reason})"),
            (None, false, None, _) => "sign-in not possible yet".to_owned(),
        }
    }
}

impl Attention {
    /// What the sign-in itself asks for.
    fn of(finding: &Finding, state: &SignInState) -> Option<Self> {
        if finding.authentication == Authentication::PersonalAccessToken {
            let enter = format!("Enter one with `fabric-auth personal-access-token set {}`.", finding.fabric);
            let attention = Self { kind: "personal-access-token-required", due_in: Span::ZERO, message: enter };
            return state.required.map(|_| attention);
        }
        let login = format!("`fabric-auth login {}`", finding.fabric);
        if state.required.is_some() {
            let message = format!("Sign in with {login}.");
            return Some(Self { kind: "sign-in-required", due_in: Span::ZERO, message });
        }
        if !state.renewable {
            let due_in = Span::from(state.access_token_expires_in.unwrap_or_default());
            let message = format!("Databricks gave no refresh token; sign in again then with {login}.");
            return Some(Self { kind: "access-token-ends", due_in, message });
        }
        None
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "user: {}", self.user)?;
        match self.fabrics.as_slice() {
            [] => return writeln!(formatter, "There are no fabrics."),
            [fabric] if self.in_detail => write!(formatter, "{fabric}")?,
            fabrics => {
                let mut rows = vec![["FABRIC", "DATABRICKS USER", "STATE"].map(str::to_owned)];
                rows.extend(fabrics.iter().map(|fabric| {
                    [fabric.fabric.to_owned(), fabric.databricks_user.unwrap_or("-").to_owned(), fabric.summary()]
                }));
                write_columns(formatter, &rows)?;
            }
        }
        let mut all = Vec::new();
        for fabric in &self.fabrics {
            all.extend(fabric.attention.iter().map(|attention| (fabric.fabric, attention)));
        }
        all.sort_by_key(|(_, attention)| attention.due_in);
        let mut heading = "\nneeds attention:\n";
        for (fabric, attention) in all {
            writeln!(formatter, "{heading}  {fabric}, {attention}")?;
            heading = "";
        }
        Ok(())
    }
}

impl fmt::Display for FabricView<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "fabric:           {}", self.fabric)?;
        writeln!(formatter, "workspace:        {}", self.workspace)?;
        writeln!(formatter, "state:            {}", self.summary())?;
        writeln!(formatter, "databricks user:  {}", self.databricks_user.unwrap_or("-"))?;
        writeln!(
            formatter,
            "scopes:           {}",
            if self.scopes.is_empty() { "-".to_owned() } else { self.scopes.join(" ") }
        )?;
        let expires =
            self.access_token_expires_in.map_or_else(|| "none in hand".to_owned(), |left| format!("usable for {left}"));
        writeln!(formatter, "access token:     {expires}")?;
        writeln!(formatter, "renewable:        {}", if self.renewable { "yes" } else { "no" })
    }
}

impl fmt::Display for Attention {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.due_in == Span::ZERO {
            write!(formatter, "now: {}", self.message)
        } else {
            write!(formatter, "in {}: {}", self.due_in, self.message)
        }
    }
}
