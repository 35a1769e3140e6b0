//! People's sign-ins, for those who administer them.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::NotFound;
use super::request::{After, ApiJson, object};
use super::seconds::seconds;
use super::words::{SignInReasonWord, Spelled};
use crate::contract::administration::{GrantDescription, GrantSelection};
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(list_grants)).routes(routes!(end_grants))
}

/// A piece of the list of sign-ins.
#[derive(Serialize, ToSchema)]
pub(super) struct GrantPage {
    /// The sign-ins, in no particular order.
    grants: Vec<Grant>,
    /// Give this as `after` to get the next piece; absent at the end. A piece may be empty and still have a next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A person's sign-in to a workspace.
#[derive(Serialize, ToSchema)]
pub(super) struct Grant {
    /// Names it.
    grant: String,
    /// The Prophecy user.
    user: String,
    /// The Databricks user.
    databricks_user: String,
    /// Root URL of the workspace.
    workspace: String,
    /// Why the person must sign in again; absent while it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<SignInReasonWord>,
    /// How many tokens came of it.
    generation: u64,
    /// Seconds since its record last changed.
    age: u64,
    /// An estimate of how many seconds the session lasts if it is not used; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_expires_in: Option<u64>,
}

/// Which sign-ins to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndGrants {
    /// Which ones: exactly one of its members.
    #[serde(deserialize_with = "object")]
    selection: Selection,
}

/// Which sign-ins: exactly one of these.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GrantSelection, min_properties = 1, max_properties = 1, example = json!({"of_user": "alice"}))]
pub(super) struct Selection {
    /// One, by the `grant` of its description.
    #[schema(nullable = false)]
    grant: Option<String>,
    /// All of a Prophecy user, who has left, with their personal access tokens.
    #[schema(nullable = false)]
    of_user: Option<String>,
    /// All that serve a fabric's workspace, and the personal access tokens for this fabric.
    #[schema(nullable = false)]
    of_fabric: Option<String>,
    /// Everybody's, and all personal access tokens: `true`.
    #[schema(nullable = false)]
    all: Option<bool>,
}

/// What was ended.
#[derive(Serialize, ToSchema)]
pub(super) struct EndedGrants {
    /// How many sign-ins and personal access tokens this request has ended.
    ended: u32,
    /// Ask again with this as `after` until it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List people's sign-ins, a piece at a time.
#[utoipa::path(
    get,
    path = "/grants",
    tag = "administration",
    params(After),
    responses((status = 200, description = "At most a hundred.", body = GrantPage))
)]
async fn list_grants(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    After { after }: After,
) -> Result<Json<GrantPage>, Problem> {
    let page = service.host.list_grants(&caller, after.as_deref()).await?;
    Ok(Json(GrantPage { grants: page.grants.into_iter().map(Grant::from).collect(), next: page.next }))
}

/// End sign-ins, a piece at a time.
///
/// May be asked again: what has ended is not counted twice.
#[utoipa::path(
    post,
    path = "/grants/end",
    tag = "administration",
    params(After),
    request_body = EndGrants,
    responses((status = 200, description = "A piece is done.", body = EndedGrants), NotFound)
)]
async fn end_grants(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    After { after }: After,
    ApiJson(end): ApiJson<EndGrants>,
) -> Result<Json<EndedGrants>, Problem> {
    let ended = service.host.end_grants(&caller, end.selection.read()?, after.as_deref()).await?;
    Ok(Json(EndedGrants { ended: ended.ended, next: ended.next }))
}

impl Selection {
    fn read(self) -> Result<GrantSelection, Problem> {
        match (self.grant, self.of_user, self.of_fabric, self.all) {
            (Some(grant), None, None, None) => Ok(GrantSelection::One(grant)),
            (None, Some(user), None, None) => Ok(GrantSelection::OfUser(user)),
            (None, None, Some(fabric), None) => Ok(GrantSelection::OfFabric(fabric)),
            (None, None, None, Some(true)) => Ok(GrantSelection::All),
            _ => {
                Err(Problem::of_member("selection", "Give one of `grant`, `of_user`, `of_fabric` and `\"all\": true`."))
            }
        }
    }
}

impl From<GrantDescription> for Grant {
    fn from(described: GrantDescription) -> Self {
        Self {
            grant: described.grant,
            user: described.user,
            databricks_user: described.databricks_user,
            workspace: described.workspace,
            required: described.required.map(Spelled),
            generation: described.generation,
            age: seconds(described.age),
            session_expires_in: described.session_expires_in.map(seconds),
        }
    }
}
