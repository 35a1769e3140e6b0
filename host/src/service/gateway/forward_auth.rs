//! Forward-auth, for gateways that keep their own data path: they ask here with the head of each request, and are told to
//! send it on with a token, or what to answer.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use secrecy::ExposeSecret as _;

use super::admission::Admitted;
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
    Admitted(admission, _passing): Admitted,
    State(service): State<Service>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if !service.settings.gateway.as_ref().is_some_and(|gateway| gateway.forward_auth) {
        let told = "Forward-auth is off here (gateway.forward_auth).";
        return Problem::of_request(StatusCode::NOT_FOUND, told).into_response();
    }
    let path = match require_method(&headers).and_then(|()| path(&uri, &headers)) {
        Ok(path) => path,
        Err(problem) => return problem.into_response(),
    };
    let asked = service.host.authorize_request(&admission.caller, &admission.fabric, admission.activity, path).await;
    let (token, description) = match asked {
        Ok(served) => served,
        Err(error) => return refusal(error, &service, &admission.fabric),
    };
    let mut reply = StatusCode::OK.into_response();
    let mut add = |name: HeaderName, text: String, is_secret: bool| {
        let Ok(mut value) = HeaderValue::try_from(text) else { return false };
        value.set_sensitive(is_secret);
        reply.headers_mut().insert(name, value);
        true
    };
    let added = add(AUTHORIZATION, format!("Bearer {}", token.expose_secret()), true)
        && add(WORKSPACE, description.workspace_url, false)
        && description.workspace_id.is_none_or(|id| add(WORKSPACE_ID, id, false));
    if added { reply } else { Problem::from(Error::Internal("A token is no header.".to_owned())).into_response() }
}

/// Refuses a method that the gateway itself would not send on, where the gateway that asks names one: `TRACE` would bring the
/// token back.
fn require_method(headers: &HeaderMap) -> Result<(), Problem> {
    let named = NAMED_METHOD.iter().flat_map(|name| headers.get_all(*name));
    if named.into_iter().all(|method| METHODS.iter().any(|known| method == known)) {
        return Ok(());
    }
    Err(Problem::of_request(StatusCode::FORBIDDEN, "Requests with this method are not sent on."))
}

/// Gateways let through what is not refused with 401 or 403, or fail: so it is one of these, and 401 says where to sign in.
fn refusal(error: Error, service: &Service, fabric: &str) -> Response {
    let mut reply = match &error {
        Error::SignInRequired(_) => Problem::from(error).signed_in_at(sign_in_url(service, fabric)).into_response(),
        _ => Problem::from(error).into_response(),
    };
    if reply.status().is_client_error() && reply.status() != StatusCode::UNAUTHORIZED {
        *reply.status_mut() = StatusCode::FORBIDDEN;
    }
    reply
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
