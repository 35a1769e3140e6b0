//! Test Connection, a step at a time.

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{Conflict, Dependency};
use super::fabric_settings::{SettingsBody, refused};
use super::request::{ApiJson, FabricPath, object};
use super::words::{IdentityKindWord, Spelled, TestStepWord};
use crate::contract::databricks_oauth::{FabricSelection, TestResult};
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(test_connection)).routes(routes!(test_unsaved_connection))
}

/// A step to do with a fabric that is there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"identity": "service-principal", "step": "discovery"}))]
pub(super) struct TestConnection {
    /// Whether the caller's own sign-in or the service principal is tested.
    identity: IdentityKindWord,
    /// The `next` of the answer before; absent for the first step.
    step: Option<TestStepWord>,
}

/// A step to do with a fabric as it stands in a form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestUnsavedConnection {
    /// Name of the fabric. Where there is one of this name, its stored secret is used if workspace and client id are the same.
    #[schema(min_length = 1, max_length = 128)]
    fabric: String,
    /// The settings.
    #[serde(deserialize_with = "object")]
    settings: SettingsBody,
    /// The secret of the service principal.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    service_principal_secret: Option<SecretString>,
    /// Whether the caller's own sign-in or the service principal is tested.
    identity: IdentityKindWord,
    /// The `next` of the answer before; absent for the first step.
    step: Option<TestStepWord>,
}

/// How a step went.
#[derive(Serialize, ToSchema)]
pub(super) struct TestedStep {
    /// The step that was done.
    step: TestStepWord,
    /// What is wrong and who can fix it; absent when the step passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
    /// What was found, for people.
    detail: String,
    /// The step to do next; absent at the end and after a problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<TestStepWord>,
}

/// Do one step of Test Connection.
///
/// A step that fails is an ordinary answer with a `problem`. Nothing is started, and Databricks is asked with GET only,
/// beyond tokens.
#[utoipa::path(
    post,
    path = "/fabrics/{fabric}/test-connection",
    tag = "fabrics",
    params(FabricPath),
    request_body = TestConnection,
    responses((status = 200, description = "How it went.", body = TestedStep), Conflict, Dependency)
)]
async fn test_connection(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
    ApiJson(test): ApiJson<TestConnection>,
) -> Result<Json<TestedStep>, Problem> {
    let (selection, step) = (FabricSelection::Stored(fabric), test.step.map(|step| step.0));
    let tested = service.host.test_connection(&caller, selection, None, test.identity.0, step).await?;
    Ok(Json(tested.into()))
}

/// Do one step of Test Connection with a fabric that is not saved.
#[utoipa::path(
    post,
    path = "/test-connection",
    tag = "fabrics",
    request_body = TestUnsavedConnection,
    responses((status = 200, description = "How it went.", body = TestedStep), Conflict, Dependency)
)]
async fn test_unsaved_connection(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    ApiJson(test): ApiJson<TestUnsavedConnection>,
) -> Result<Json<TestedStep>, Problem> {
    let selection = FabricSelection::Unsaved(test.settings.of(test.fabric));
    let (secret, step) = (test.service_principal_secret, test.step.map(|step| step.0));
    let tested = service.host.test_connection(&caller, selection, secret.as_ref(), test.identity.0, step).await;
    Ok(Json(tested.map_err(refused)?.into()))
}

impl From<TestResult> for TestedStep {
    fn from(result: TestResult) -> Self {
        Self {
            step: Spelled(result.step),
            problem: result.problem.map(Problem::from),
            detail: result.detail,
            next: result.next.map(Spelled),
        }
    }
}
