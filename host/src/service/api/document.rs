//! The OpenAPI document: made from the code of the routes, and served. It tells nothing of the deployment.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::body::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Ref, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{self, Content, RefOr, Required, Response, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::service::extractors::ON_BEHALF_OF;
use crate::service::problem::Problem;
use crate::service::router;
use crate::service::state::Service;

/// What the document calls the API token.
const API_TOKEN: &str = "api_token";

/// The document before any route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "fabric-auth",
        version = "1",
        description = "OAuth for Databricks fabrics. Every duration is in whole seconds. A member that is absent is null, \
                       and a request may say either. A member of a body that the service does not know is an error. Every error \
                       is a problem detail (RFC 9457): programs decide by its `case`."
    ),
    components(schemas(Problem)),
    modifiers(&ApiToken),
    security(("api_token" = [])),
    tags(
        (name = "fabrics", description = "Where pipelines run. For the admins of the fabric's team; its members can read."),
        (name = "sign-in", description = "The caller's own way to Databricks. For persons in the fabric's team."),
        (name = "tokens", description = "Access tokens, by what they are for. For persons and workloads in the fabric's team."),
        (name = "app connections", description = "Prophecy as a client of Databricks. For cluster admins."),
        (name = "administration", description = "Everybody's sign-ins, and what is sealed. For cluster admins."),
        (name = "health", description = "For those who watch over the service.")
    )
)]
struct Beginning;

/// Says how an API token is sent.
struct ApiToken;

impl Modify for ApiToken {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description =
            Some("An API token, made with `fabric-auth user add` or `fabric-auth user token`.".to_owned());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(API_TOKEN, SecurityScheme::Http(scheme));
    }
}

/// A router whose document says what all routes have in common.
pub(in crate::service) fn begun() -> OpenApiRouter<Service> {
    OpenApiRouter::with_openapi(Beginning::openapi())
}

/// The route of the document.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(openapi_document))
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "health",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value, content_type = "application/json"))
)]
async fn openapi_document() -> ([(http::HeaderName, HeaderValue); 1], Bytes) {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
        let (_, mut document) = router::documented().split_for_parts();
        complete(&mut document);
        document.to_json().map(Bytes::from).unwrap_or_default()
    });
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT.clone())
}

/// Adds to every operation what comes of how requests are read, whichever it is.
fn complete(document: &mut openapi::OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        // Open to everybody.
        if operation.security.as_deref() == Some(&[SecurityRequirement::default()]) {
            continue;
        }
        let responses = &mut operation.responses.responses;
        let parameters = operation.parameters.get_or_insert_default();
        responses.append(&mut Refusal::responses());
        if parameters.iter().any(is_in_path) {
            responses.append(&mut NotFound::responses());
        }
        if operation.request_body.is_some() {
            responses.append(&mut BodyRefusal::responses());
        }
        parameters.push(RefOr::T(on_behalf_of()));
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn is_in_path(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path)
}

fn on_behalf_of() -> Parameter {
    let description = "For a workload: the person who started what it does. It then has that person's roles in the teams that \
                       it works for itself.";
    ParameterBuilder::new()
        .name(ON_BEHALF_OF.as_str())
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(256))))
        .build()
}

/// What every operation that needs a caller may answer.
struct Refusal;

/// What every operation with a body may answer.
struct BodyRefusal;

/// There is no such thing.
pub(super) struct NotFound;

/// It is in another state than the request takes it to be, or a person must act first.
pub(super) struct Conflict;

/// Something in Databricks, in the network or in what is registered must be mended first.
pub(super) struct Dependency;

impl IntoResponses for Refusal {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        failures(&[
            ("400", "Something in the request is not acceptable: `field` names it. Nothing was changed."),
            ("401", "No API token that is in force."),
            ("403", "The caller may not do this, or the request came over plain http."),
            ("429", "Too many requests without an API token that is in force came from this address."),
            ("500", "A defect, or a setting of the deployment: `actor` tells which."),
            (
                "503",
                "Something that is needed does not answer. Try again, not before `retry_after` seconds, which `Retry-After` tells too.",
            ),
        ])
    }
}

impl IntoResponses for BodyRefusal {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        failures(&[("413", "The body is too large."), ("415", "The body is not said to be JSON.")])
    }
}

impl IntoResponses for NotFound {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        failures(&[("404", "There is no such thing, or none that the caller may know of.")])
    }
}

impl IntoResponses for Conflict {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        failures(&[("409", "Somebody else changed it meanwhile, or a person must sign in first: `case` tells which.")])
    }
}

impl IntoResponses for Dependency {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        failures(&[(
            "424",
            "Something in Databricks, the network or what is registered must be mended by the `actor`.",
        )])
    }
}

fn failures(described: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let failure = |description: &str| {
        let content = Content::new(Some(Ref::from_schema_name("Problem")));
        ResponseBuilder::new().description(description).content("application/problem+json", content).build()
    };
    described.iter().map(|(status, description)| ((*status).to_owned(), RefOr::T(failure(description)))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::Router;
    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        let (_, mut document) = router::documented().split_for_parts();
        complete(&mut document);
        serde_json::to_value(document).unwrap()
    }

    #[test]
    fn every_route_of_the_api_is_in_the_document() {
        // A router tells its paths to nobody but those who debug it.
        let told = format!("{:?}", Router::from(router::documented()));
        let is_path =
            |text: &&str| text.starts_with("/api") || text.starts_with('/') && text.ends_with(char::is_alphabetic);
        let routed: BTreeSet<&str> = told.split('"').filter(is_path).collect();
        let document = document();
        let documented: BTreeSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        assert!(documented.len() > 20, "{documented:?}");
        assert_eq!(routed, documented);
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_says_what_it_does() {
        let document = document();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(names.insert(operation["operationId"].to_string()), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
                }
            }
        }
    }

    #[test]
    fn every_member_is_described_and_every_request_is_closed() {
        let document = document();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let properties = schema["properties"].as_object();
            for (member, property) in properties.into_iter().flatten() {
                let described = [&property["description"], &property["oneOf"][0]["description"]];
                assert!(described.iter().any(|description| description.is_string()), "{name}.{member}: {property}");
            }
        }
        for request in ["PutFabric", "FabricSettings", "BeginSignIn", "TokenRequest", "ReportRejection", "EndGrants"] {
            assert_eq!(document["components"]["schemas"][request]["additionalProperties"], false, "{request}");
        }
    }

    #[test]
    fn every_refusal_is_a_problem_detail() {
        let document = document();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for (status, response) in operation["responses"].as_object().unwrap() {
                    if status.as_str() < "400" || path == "/readyz" {
                        continue;
                    }
                    let content = response["content"].as_object().unwrap();
                    assert_eq!(
                        content.keys().collect::<Vec<_>>(),
                        ["application/problem+json"],
                        "{method} {path} {status}"
                    );
                }
            }
        }
    }
}
