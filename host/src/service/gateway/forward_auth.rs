//! Forward-auth, for gateways that keep their own data path: they ask here with the head of each request, and are told to
//! send it on with a token, or what to answer.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use secrecy::ExposeSecret as _;

use super::admission::{Admitted, FABRIC};
use crate::contract::Error;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// Headers in which gateways say which path was asked for: nginx by convention, Traefik and Caddy. Envoy appends it to
/// the path of its question.
const ASKED_FOR: [&str; 2] = ["x-original-uri", "x-forwarded-uri"];

/// Headers in which gateways say with which method.
const NAMED_METHOD: [&str; 2] = ["x-original-method", "x-forwarded-method"];

/// The methods of Databricks.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Where the request is to be sent.
const WORKSPACE: HeaderName = HeaderName::from_static("prophecy-workspace-url");

/// For a host that serves many workspaces.
const WORKSPACE_ID: HeaderName = HeaderName::from_static("x-databricks-workspace-id");

pub(super) async fn decide(
    admitted: Result<Admitted, Problem>,
    State(service): State<Service>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match told(admitted, &service, &method, &uri, &headers).await {
        Ok(headers) => headers.into_response(),
        Err(problem) => problem.refusing().into_response(),
    }
}

/// The headers with which the request is to be sent on.
async fn told(
    admitted: Result<Admitted, Problem>,
    service: &Service,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<HeaderMap, Problem> {
    let Admitted(admission, _passing) = admitted?;
    if !service.settings.gateway.as_ref().is_some_and(|gateway| gateway.forward_auth) {
        let told = "Forward-auth is off here (gateway.forward_auth).";
        return Err(Problem::of_request(StatusCode::NOT_FOUND, told));
    }
    require_method(method, headers)?;
    require_fabric(headers)?;
    let path = path(uri, headers)?;
    let asked = service.host.authorize_request(&admission.caller, &admission.fabric, admission.activity, path).await;
    let (token, description) = asked.map_err(|error| refusal(error, service, &admission.fabric))?;
    let mut told = HeaderMap::new();
    told.insert(AUTHORIZATION, value(&format!("Bearer {}", token.expose_secret()), true)?);
    told.insert(WORKSPACE, value(&description.workspace_url, false)?);
    if let Some(id) = description.workspace_id {
        told.insert(WORKSPACE_ID, value(&id, false)?);
    }
    Ok(told)
}

fn value(text: &str, is_secret: bool) -> Result<HeaderValue, Problem> {
    let is_none = |_| Problem::from(Error::Internal("A token is no header.".to_owned()));
    let mut value = HeaderValue::from_str(text).map_err(is_none)?;
    value.set_sensitive(is_secret);
    Ok(value)
}

/// Refuses a method that the gateway itself would not send on: `TRACE` would bring the token back. Most gateways ask with GET
/// and name it, or not; Envoy asks with the method itself.
fn require_method(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let named = NAMED_METHOD.iter().flat_map(|name| headers.get_all(*name)).map(HeaderValue::as_bytes);
    let mut all = named.chain([method.as_str().as_bytes()]);
    if all.all(|method| METHODS.iter().any(|known| method == known.as_bytes())) {
        return Ok(());
    }
    Err(Problem::of_request(StatusCode::FORBIDDEN, "Requests with this method are not sent on."))
}

/// Whoever asks sends the request to one workspace, and says which fabric's that is. A fabric that was meant for others
/// would bring a token there that is not for it.
fn require_fabric(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(FABRIC) {
        return Ok(());
    }
    let told = "The gateway that asks must name the fabric of the workspace that it sends requests to, in this header.";
    Err(Problem::of_member(FABRIC.as_str(), told))
}

/// A 401 says where to sign in.
fn refusal(error: Error, service: &Service, fabric: &str) -> Problem {
    match &error {
        Error::SignInRequired(_) => Problem::from(error).signed_in_at(sign_in_url(service, fabric)),
        _ => Problem::from(error),
    }
}

fn sign_in_url(service: &Service, fabric: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("fabric", fabric).finish();
    service.origin.url(&format!("/connect?{query}"))
}

/// The path that the gateway was asked for. All who say so must say the same.
fn path<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Problem> {
    let missing =
        || Problem::of_member("x-original-uri", "The gateway must say which path it was asked for, in this header.");
    let appended = uri.path_and_query().and_then(|path| path.as_str().strip_prefix(super::FORWARD_AUTH));
    let appended = appended.filter(|path| path.starts_with('/')).map(Ok);
    let said = ASKED_FOR.iter().flat_map(|name| headers.get_all(*name));
    let mut texts = appended.into_iter().chain(said.map(|value| value.to_str().map_err(|_| missing())));
    let first = texts.next().ok_or_else(missing)??;
    for text in texts {
        if text? != first {
            return Err(Problem::of_member(
                "x-original-uri",
                "The path is told in two ways. The gateway must drop what clients send.",
            ));
        }
    }
    Ok(first)
}
