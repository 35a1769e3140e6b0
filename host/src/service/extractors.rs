//! Who sends a request, taken from it before anything is done.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request};
use axum::response::{IntoResponse as _, Redirect, Response};
use cookie::Cookie;
use http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body_util::LengthLimitError;
use secrecy::SecretString;

use super::access::{SessionSecret, User};
use super::console;
use super::cookies;
use super::form::Form;
use super::problem::Problem;
use super::state::Service;
use super::transport::Client;
use crate::contract::{Caller, CallerKind, Error};

/// Whoever has sent an API token that is in force, as the component is told of them.
pub(crate) struct ApiCaller(pub(crate) Caller);

/// The header by which a workload names the person who started what it does.
pub(crate) const ON_BEHALF_OF: HeaderName = HeaderName::from_static("prophecy-on-behalf-of");

/// The person of a console session.
pub(crate) struct ConsoleUser {
    pub(crate) user: Arc<User>,
    pub(crate) caller: Caller,
    pub(crate) session: SessionSecret,
}

/// A form that was sent from a page of the sender's own session.
pub(crate) struct Submitted {
    pub(crate) by: ConsoleUser,
    pub(crate) form: Form,
}

/// The field by which a form proves that it is of the sender's session.
pub(crate) const FORM_TOKEN: &str = "form_token";

/// Longest form, in bytes.
const LARGEST_FORM: usize = 64 * 1024;

impl FromRequestParts<Service> for ApiCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Problem> {
        if let Some(shown) = bearer(&parts.headers)
            && let Some(user) = service.access.by_api_token(&shown).await?
        {
            let caller = service.caller(&user);
            return match on_behalf_of(&parts.headers)? {
                Some(person) => acting_for(caller, person, service).await.map(Self),
                None => Ok(Self(caller)),
            };
        }
        match client(parts).map(|client| service.attempts.count(client.address)) {
            Some(Err(wait)) => Err(Problem::too_many_attempts(wait)),
            _ => Err(Problem::unauthenticated()),
        }
    }
}

impl FromRequestParts<Service> for ConsoleUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Response> {
        match Self::of(&parts.headers, service).await {
            Ok(Some(user)) => Ok(user),
            Ok(None) if parts.method == Method::GET => {
                let here = parts.uri.path_and_query().map_or("/", |here| here.as_str());
                Err(Redirect::to(&console::sign_in_path(here)).into_response())
            }
            Ok(None) => Err(console::refusal(StatusCode::UNAUTHORIZED, "Your session in this console has ended.")),
            Err(error) => Err(console::failure(&error)),
        }
    }
}

impl OptionalFromRequestParts<Service> for ConsoleUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Option<Self>, Response> {
        Self::of(&parts.headers, service).await.map_err(|error| console::failure(&error))
    }
}

impl ConsoleUser {
    async fn of(headers: &HeaderMap, service: &Service) -> Result<Option<Self>, Error> {
        let Some(shown) = cookie(headers, cookies::session_name(&service.origin)) else { return Ok(None) };
        let Some(session) = SessionSecret::parse(&shown) else { return Ok(None) };
        let user = service.access.by_session(&session).await?;
        Ok(user.map(|user| Self { caller: service.caller(&user), user, session }))
    }
}

impl FromRequest<Service> for Submitted {
    type Rejection = Response;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        if !is_same_origin(&parts.headers, service) {
            return Err(refuse_foreign());
        }
        let by = <ConsoleUser as FromRequestParts<Service>>::from_request_parts(&mut parts, service).await?;
        let form = read_form(body).await?;
        if by.session.accepts(form.text(FORM_TOKEN)) {
            return Ok(Self { by, form });
        }
        let told = "The form is of another session. Go back, load the page again and send it once more.";
        Err(console::refusal(StatusCode::FORBIDDEN, told))
    }
}

/// Reads the body of a form.
pub(crate) async fn read_form(body: Body) -> Result<Form, Response> {
    match axum::body::to_bytes(body, LARGEST_FORM).await {
        Ok(body) => Ok(Form::parse(&body)),
        Err(error) if is_of_length(&error) => {
            Err(console::refusal(StatusCode::PAYLOAD_TOO_LARGE, "The form is larger than any form of this console."))
        }
        Err(_) => Err(console::refusal(StatusCode::REQUEST_TIMEOUT, "The form did not arrive whole, or not in time.")),
    }
}

fn is_of_length(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<LengthLimitError>())
}

/// Whether a page of this console has sent the request, and not one of another site. Browsers say where a form comes from.
pub(crate) fn is_same_origin(headers: &HeaderMap, service: &Service) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = origins.next().and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| service.origin.is_ours(origin)) && origins.next().is_none()
}

/// What a form of another site is told.
pub(crate) fn refuse_foreign() -> Response {
    let told = "The form was not sent by a page of this console, or the browser reached it under another address than \
                deployment.base_url.";
    console::refusal(StatusCode::FORBIDDEN, told)
}

/// Where the request comes from.
pub(crate) fn client(parts: &Parts) -> Option<Client> {
    parts.extensions.get().copied()
}

/// A cookie's value; none when there are several of its name, for then somebody else has set one.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut found = lines.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == name);
    match (found.next(), found.next()) {
        (Some(cookie), None) => Some(cookie.value().to_owned()),
        _ => None,
    }
}

/// Whom the sender acts for, by name.
fn on_behalf_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut lines = headers.get_all(ON_BEHALF_OF).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    match (std::str::from_utf8(line.as_bytes()), lines.next()) {
        (Ok(name), None) => Ok(Some(name)),
        _ => Err(Problem::of_member(ON_BEHALF_OF.as_str(), "Name one person, in UTF-8.")),
    }
}

/// A workload that acts for a person: it has the person's roles, in the teams that it works for itself. So it gains no
/// team by naming somebody, and nobody gains one by starting it.
async fn acting_for(workload: Caller, name: &str, service: &Service) -> Result<Caller, Problem> {
    if workload.kind != CallerKind::Workload {
        return Err(Error::Forbidden(
            "Only a workload acts on behalf of somebody; a person acts for themselves.".to_owned(),
        )
        .into());
    }
    let person = match service.access.users().get(name).await {
        Ok(user) if user.kind == CallerKind::Person => user,
        Ok(_) | Err(Error::NotFound(_)) => {
            return Err(Problem::of_member(ON_BEHALF_OF.as_str(), "This service knows no person of this name."));
        }
        Err(error) => return Err(error.into()),
    };
    let is_ours = |team: &str| workload.teams.iter().any(|membership| membership.team == team);
    let teams = person.teams.into_iter().filter(|membership| is_ours(&membership.team)).collect();
    Ok(Caller { teams, on_behalf_of: Some(person.name), ..workload })
}

/// The token of an `Authorization: Bearer` header (RFC 6750 section 2.1); none when there is not exactly one.
fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (line, None) = (lines.next()?, lines.next()) else { return None };
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into())
}
