//! `fabric-auth methods`: how fabrics may authenticate in this deployment, and who mends what is missing.
//!
//! JSON: `{"methods": [{"method", "usable", "problem"?}], "registration", "session_control", "session_lifetime"}`, with
//! `problem` as in an error.

use std::fmt;
use std::process::ExitCode;

use fabric_auth::Span;
use fabric_auth::contract::databricks_oauth::{
    AuthenticationMethod, AuthenticationOffer, Registration, SessionControl,
};
use serde::Serialize;

use super::context::{Context, Session};
use super::failure::{Failure, Problem};
use super::words::Word as _;

#[derive(Serialize)]
struct View<'a> {
    methods: Vec<MethodView<'a>>,
    registration: &'static str,
    session_control: &'static str,
    session_lifetime: Span,
    #[serde(skip)]
    offer: &'a AuthenticationOffer,
}

#[derive(Serialize)]
struct MethodView<'a> {
    method: &'static str,
    usable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem<'a>>,
}

pub(super) async fn run(context: &Context) -> Result<ExitCode, Failure> {
    let ask = async |session: &Session| Ok(session.host.authentication_methods(&session.caller).await?);
    let offer = context.with_host(ask).await?;
    context.output.show(&View::of(&offer))?;
    Ok(ExitCode::SUCCESS)
}

impl<'a> View<'a> {
    fn of(offer: &'a AuthenticationOffer) -> Self {
        let method = |method: &'a AuthenticationMethod| MethodView {
            method: method.method.word(),
            usable: method.problem.is_none(),
            problem: method.problem.as_ref().map(Problem::from),
        };
        Self {
            methods: offer.methods.iter().map(method).collect(),
            registration: offer.registration.word(),
            session_control: offer.session_control.word(),
            session_lifetime: Span::from(offer.session_lifetime),
            offer,
        }
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for method in &self.offer.methods {
            let name = method.method.word();
            match &method.problem {
                None => writeln!(formatter, "{name}: can be used")?,
                Some(problem) => writeln!(
                    formatter,
                    "{name}: cannot be used. {} Who can fix it: {}.",
                    problem.message(),
                    problem.actor()
                )?,
            }
        }
        let registration = match self.offer.registration {
            Registration::NotNeeded => "nothing to do, this deployment brings its own app connection",
            Registration::Done => "done, for all users, teams and fabrics",
            Registration::Needed => "to be done once; `fabric-auth app guide` tells how",
        };
        writeln!(formatter, "registration with Databricks: {registration}")?;
        let control = match self.offer.session_control {
            SessionControl::Nobody => "Databricks' default, which cannot be changed here",
            SessionControl::DatabricksAccountAdmin => {
                "as a Databricks account admin sets it in the app connection; nothing is to be changed here"
            }
        };
        writeln!(formatter, "a sign-in that is not used lasts: about {} ({control})", self.session_lifetime)
    }
}
