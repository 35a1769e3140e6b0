//! Test Connection, step by step as it happens: of a fabric that is stored, or of one as it stands in the form.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use futures::stream::{self, Stream};
use http::HeaderMap;
use maud::{Markup, html};
use secrecy::SecretString;
use serde::Deserialize;

use super::elements::{Standing, badge, notice, problem};
use super::fabric_fields::{Entered, secret};
use super::failure;
use super::layout::{Place, form_token, growing, growing_page, page};
use super::local_path::{fabric_path, with_query};
use super::query::Query;
use crate::contract::databricks_oauth::{FabricSelection, TestResult, TestStep};
use crate::contract::{Authentication, Caller, Error, IdentityKind, Word as _};
use crate::service::extractors::{ConsoleUser, Submitted};
use crate::service::state::Service;

const PATH: &str = "/fabric/test";

/// The field that only the script sends, for which the results alone are given and not a page around them.
const RESULTS_ONLY: &str = "results_only";

/// The route.
pub(super) fn router() -> Router<Service> {
    Router::new().route(PATH, get(again).post(test))
}

/// What is to be tested.
#[derive(Deserialize)]
struct Wanted {
    name: String,
}

/// One test: of which fabric, and as whom.
struct Test {
    service: Service,
    caller: Caller,
    fabric: FabricSelection,
    secret: Option<SecretString>,
    identity: IdentityKind,
}

/// What a test comes to.
#[derive(Clone, Copy)]
enum Verdict {
    Works,
    /// Nothing is wrong but that the person has to sign in.
    AsksToSignIn,
    Fails,
}

/// Where a test is.
enum Stage {
    /// The next step to do; none for the first.
    Step(Option<TestStep>),
    /// What there is to say at the end.
    Verdict(Verdict),
    Over,
}

/// Where a person comes back to after the sign-in that the test asked for. A page of this console that leads here goes on
/// by itself; a link of another site only leads to the button, since a test asks Databricks.
async fn again(
    user: ConsoleUser,
    State(service): State<Service>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    if headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin") {
        let fabric = FabricSelection::Stored(wanted.name.clone());
        let test = Test::new(&service, &user, fabric, None, IdentityKind::Person);
        return test.shown(&user, &wanted.name);
    }
    let content = html! {
        form method="post" action=(PATH) .card {
            (form_token(&user.session))
            input type="hidden" name="name" value=(wanted.name);
            input type="hidden" name="identity" value=(IdentityKind::Person.word());
            button type="submit" .primary { "Test Connection" }
        }
    };
    page(&user, Place::Fabrics, &title(&wanted.name), &content)
}

async fn test(State(service): State<Service>, Submitted { by, form }: Submitted) -> Response {
    let entered = Entered::of_form(&form);
    let identity = IdentityKind::of_word(form.text("identity")).unwrap_or(IdentityKind::Person);
    let (fabric, secret) = if entered.workspace.is_empty() {
        (FabricSelection::Stored(entered.name.clone()), None)
    } else {
        match unsaved(&entered, &service) {
            Ok(settings) => (settings, secret(&form)),
            Err(error) if form.is_ticked(RESULTS_ONLY) => return growing(stream::iter([problem(&error)])),
            Err(error) => return failure(&error),
        }
    };
    let is_stored = matches!(fabric, FabricSelection::Stored(_));
    let with_principal = !is_stored && !entered.service_principal_client_id.is_empty();
    let test = Test::new(&service, &by, fabric, secret, identity);
    if form.is_ticked(RESULTS_ONLY) {
        return if with_principal { growing(test.and_as_the_principal()) } else { growing(test.steps()) };
    }
    if is_stored && identity == IdentityKind::Person && asks_to_sign_in(&service, &by, &entered.name).await {
        // The test of a sign-in begins with one.
        let next = with_query(PATH, &[("name", &entered.name)]);
        let prompt = [("fabric", entered.name.as_str()), ("next", &next), ("cancel", &fabric_path(&entered.name))];
        return Redirect::to(&with_query("/connect", &prompt)).into_response();
    }
    test.shown(&by, &entered.name)
}

fn unsaved(entered: &Entered, service: &Service) -> Result<FabricSelection, Error> {
    entered.settings(&*service.clock).map(FabricSelection::Unsaved)
}

async fn asks_to_sign_in(service: &Service, user: &ConsoleUser, name: &str) -> bool {
    let Ok(fabric) = service.host.get_fabric(&user.caller, name).await else { return false };
    let state = service.host.sign_in_status(&user.caller, name).await;
    fabric.settings.authentication == Authentication::Oauth && state.is_ok_and(|state| state.required.is_some())
}

fn title(name: &str) -> String {
    format!("Test Connection of {name}")
}

impl Test {
    fn new(
        service: &Service,
        user: &ConsoleUser,
        fabric: FabricSelection,
        secret: Option<SecretString>,
        identity: IdentityKind,
    ) -> Self {
        Self { service: service.clone(), caller: user.caller.clone(), fabric, secret, identity }
    }

    /// A page that shows the steps as they are done.
    fn shown(self, user: &ConsoleUser, name: &str) -> Response {
        let before = html! {
            p { a href=(fabric_path(name)) { "Back to the fabric" } }
        };
        growing_page(user, Place::Fabrics, &title(name), &before, self.steps())
    }

    /// The steps of this test, and then, as the service principal, those that differ.
    fn and_as_the_principal(self) -> impl Stream<Item = Markup> + Send + 'static {
        use futures::StreamExt as _;

        let secret =
            self.secret.as_ref().map(|secret| SecretString::from(secrecy::ExposeSecret::expose_secret(secret)));
        let principal = Self {
            service: self.service.clone(),
            caller: self.caller.clone(),
            fabric: self.fabric.clone(),
            secret,
            identity: IdentityKind::ServicePrincipal,
        };
        self.steps().chain(principal.steps())
    }

    /// Each step as it is done, and the verdict.
    fn steps(self) -> impl Stream<Item = Markup> + Send + 'static {
        let heading = html! {
            h3 { "As " @match self.identity { IdentityKind::Person => "you", IdentityKind::ServicePrincipal => "the service principal" } }
        };
        let steps = stream::unfold((self, Stage::Step(None)), |(test, stage)| async move {
            let (shown, stage) = match stage {
                Stage::Over => return None,
                Stage::Verdict(verdict) => (verdict.shown(), Stage::Over),
                Stage::Step(step) => test.step(step).await,
            };
            Some((shown, (test, stage)))
        });
        futures::StreamExt::chain(stream::iter([heading]), steps)
    }

    async fn step(&self, step: Option<TestStep>) -> (Markup, Stage) {
        let clock = &self.service.clock;
        let began = clock.monotonic();
        let host = &self.service.host;
        let done =
            host.test_connection(&self.caller, self.fabric.clone(), self.secret.as_ref(), self.identity, step).await;
        let took = clock.monotonic().saturating_sub(began);
        match done {
            Err(error) => (problem(&error), Stage::Over),
            Ok(result) => {
                let stage = match (result.next, &result.problem) {
                    (Some(next), _) => Stage::Step(Some(next)),
                    (None, problem) => Stage::Verdict(Verdict::of(problem.as_ref())),
                };
                (self.line(&result, took), stage)
            }
        }
    }

    fn line(&self, result: &TestResult, took: std::time::Duration) -> Markup {
        let (standing, word) = match &result.problem {
            None => (Standing::Good, "passed"),
            Some(Error::SignInRequired(_)) => (Standing::Warn, "sign-in required"),
            Some(_) => (Standing::Bad, "failed"),
        };
        html! {
            div data-step=(result.step.word()) {
                p {
                    (badge(standing, word)) " " strong { (name_of(result.step)) } " "
                    span .quiet { (took.as_millis()) " ms" } @if !result.detail.is_empty() { " " (result.detail) }
                }
                @if let Some(error) = &result.problem { (problem(error)) (self.way_to_sign_in(error)) }
            }
        }
    }

    /// Where the person must sign in, and the fabric is there to sign in to.
    fn way_to_sign_in(&self, error: &Error) -> Markup {
        let (Error::SignInRequired(_), FabricSelection::Stored(name)) = (error, &self.fabric) else {
            return match (error, &self.fabric) {
                (Error::SignInRequired(_), FabricSelection::Unsaved(_)) => html! {
                    p { "The workspace answers. Complete the form; then connect to Databricks on the page of the fabric." }
                },
                _ => html! {},
            };
        };
        let next = with_query(PATH, &[("name", name)]);
        let connect = with_query("/connect", &[("fabric", name), ("next", &next), ("cancel", &fabric_path(name))]);
        html! { p { a .button .primary href=(connect) { "Connect to Databricks" } } }
    }
}

impl Verdict {
    fn of(problem: Option<&Error>) -> Self {
        match problem {
            None => Self::Works,
            Some(Error::SignInRequired(_)) => Self::AsksToSignIn,
            Some(_) => Self::Fails,
        }
    }

    fn shown(self) -> Markup {
        let (standing, words) = match self {
            Self::Works => (Standing::Good, "The connection works."),
            Self::AsksToSignIn => (Standing::Warn, "What can be tested before you have signed in works."),
            Self::Fails => (Standing::Bad, "The connection does not work yet."),
        };
        notice(standing, &html! { p { (words) } })
    }
}

fn name_of(step: TestStep) -> &'static str {
    match step {
        TestStep::Discovery => "The workspace and its authorization server",
        TestStep::AccessToken => "An access token",
        TestStep::Identity => "Who the workspace takes us for",
        TestStep::Compute => "The compute",
    }
}
