//! `fabric-auth login`: signs a person in with a browser, and waits on loopback for it to come back.
//!
//! JSON: `{"fabric", "databricks_user", "scopes", "renewable"}`; with `--no-browser`, before it and on a line of its
//! own, `{"authorization_url", "redirect_url", "expires_in"}`. The authorization URL carries `state`: it is for the
//! browser of the person who typed the command, and for no log.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use fabric_auth::Span;
use fabric_auth::contract::Error;
use fabric_auth::contract::databricks_oauth::{CompletedSignIn, PendingSignIn};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::authorization_answer::ExpectedAnswer;
use super::browser::browser_opens;
use super::callback_page::Page;
use super::callback_server::{Callback, CallbackServer};
use super::context::{Context, Session, about_fabric};
use super::failure::Failure;
use super::loopback_redirect::LoopbackRedirect;
use super::output::Output;

/// How long to wait before telling what usually is wrong.
const HINT_AFTER: Duration = Duration::from_secs(60);

#[derive(Args)]
pub(super) struct Login {
    /// Name of the fabric
    fabric: String,
    /// Print the URL in place of opening a browser; it must be opened on this machine
    #[arg(long)]
    no_browser: bool,
}

#[derive(Serialize)]
struct BegunView<'a> {
    authorization_url: &'a str,
    redirect_url: &'a str,
    expires_in: Span,
}

#[derive(Serialize)]
struct CompletedView {
    fabric: String,
    databricks_user: String,
    scopes: Vec<String>,
    renewable: bool,
}

impl Login {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let completed = context.with_host(async |session| self.sign_in(context.output, session).await).await?;
        context.output.show(&CompletedView::from(completed))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn sign_in(&self, output: Output, session: &Session) -> Result<CompletedSignIn, Failure> {
        let redirect = LoopbackRedirect::first_of(&session.config.deployment.redirect_urls)?;
        let mut server = CallbackServer::bind(&redirect).await?;
        let begun = session.host.begin_sign_in(&session.caller, &self.fabric, Some(&redirect.url)).await;
        let (url, binding, pending) = begun.map_err(about_fabric(&self.fabric))?;
        let begun_at = Instant::now();
        let expected = ExpectedAnswer::to(&url)?;
        self.send_to_browser(output, url, &pending).await?;
        let deadline = begun_at + Duration::from_nanos(pending.expires_in);
        let callback = await_answer(output, &mut server, &expected, begun_at, deadline).await?;
        let result = session.host.complete_sign_in(&session.caller, &callback.query, &binding).await;
        server.end(callback, last_page(&result)).await;
        Ok(result?)
    }

    async fn send_to_browser(&self, output: Output, url: SecretString, pending: &PendingSignIn) -> Result<(), Failure> {
        if !self.no_browser && browser_opens(url.clone()).await {
            output.note(format_args!("A browser was opened; sign in there. {}", waits_for(pending)));
            return Ok(());
        }
        let wait = waits_for(pending);
        output.note(format_args!("Open this URL in a browser on this machine and sign in there. {wait}"));
        output.show(&BegunView {
            authorization_url: url.expose_secret(),
            redirect_url: &pending.redirect_url,
            expires_in: Span::from(pending.expires_in),
        })
    }
}

/// Waits for the answer to the sign-in. Other callbacks end nothing: anybody on the machine can send one.
async fn await_answer(
    output: Output,
    server: &mut CallbackServer,
    expected: &ExpectedAnswer,
    begun_at: Instant,
    deadline: Instant,
) -> Result<Callback, Failure> {
    let hint = sleep_until(begun_at + HINT_AFTER);
    tokio::pin!(hint);
    let mut hinted = false;
    loop {
        let callback = tokio::select! {
            callback = server.next() => callback,
            () = &mut hint, if !hinted => {
                hinted = true;
                output.note(USUAL_CAUSES);
                continue;
            }
            () = sleep_until(deadline) => return Err(too_late()),
        };
        if expected.may_be(&callback.query) {
            return Ok(callback);
        }
        output.note("A callback came that is not the answer to this sign-in; it was ignored.");
        callback.refuse(not_the_answer());
    }
}

fn waits_for(pending: &PendingSignIn) -> String {
    format!("This command waits for {}; Ctrl-C ends the wait.", Span::from(pending.expires_in))
}

/// The title of every page but the one that is hoped for.
const NOT_SIGNED_IN: &str = "Not signed in";

/// What is wrong most often when a browser does not come back.
const USUAL_CAUSES: &str = "\
Still waiting. If the browser shows an error of Databricks, it usually is one of these:
  - The redirect URL is not registered with the app connection exactly as `fabric-auth app show` prints it.
  - The app connection belongs to another Databricks account than the workspace.
  - The app connection was registered or changed within the last 30 minutes, and Databricks does not know that yet.";

fn too_late() -> Failure {
    Error::ConsentDenied("Nobody came back from the browser in time, so the sign-in has ended. Begin again.".to_owned())
        .into()
}

fn last_page(result: &Result<CompletedSignIn, Error>) -> Page {
    match result {
        Ok(completed) => Page {
            status: StatusCode::OK,
            title: "Signed in",
            message: format!(
                "You are signed in to Databricks as {}. You can close this page.",
                completed.databricks_user
            ),
        },
        Err(error) => failed(error),
    }
}

fn failed(error: &Error) -> Page {
    Page { status: StatusCode::BAD_REQUEST, title: NOT_SIGNED_IN, message: error.message().to_owned() }
}

fn not_the_answer() -> Page {
    let message = "This is not the answer to the sign-in that is waited for here. Go back to the page of Databricks, or \
                   begin again on the command line.";
    Page { status: StatusCode::BAD_REQUEST, title: NOT_SIGNED_IN, message: message.to_owned() }
}

impl fmt::Display for BegunView<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.authorization_url)
    }
}

impl From<CompletedSignIn> for CompletedView {
    fn from(completed: CompletedSignIn) -> Self {
        let CompletedSignIn { fabric, databricks_user, scopes, renewable } = completed;
        Self { fabric, databricks_user, scopes, renewable }
    }
}

impl fmt::Display for CompletedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signed in to {} as {}.", self.fabric, self.databricks_user)?;
        if !self.renewable {
            write!(formatter, " Databricks gave no refresh token: sign in again when the access token ends.")?;
        }
        Ok(())
    }
}
