//! What is on offer, and what will stand in the way.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::request::{FabricPath, RunAs};
use super::seconds::seconds;
use super::words::{AdvisoryKindWord, AuthenticationWord, RegistrationWord, SessionControlWord, Spelled};
use crate::contract::databricks_oauth::{Advisory, Job};
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(authentication_methods)).routes(routes!(advisories))
}

/// How fabrics of this deployment may authenticate.
#[derive(Serialize, ToSchema)]
pub(super) struct AuthenticationOffer {
    /// All methods there are, in the order in which a form shows them.
    methods: Vec<AuthenticationMethod>,
    /// What there is to do about registering Prophecy with Databricks.
    registration: RegistrationWord,
    /// Who can change how long a person stays signed in.
    session_control: SessionControlWord,
    /// Seconds that a sign-in which nobody uses is assumed to last.
    session_lifetime: u64,
}

/// A way for fabrics to authenticate.
#[derive(Serialize, ToSchema)]
pub(super) struct AuthenticationMethod {
    /// Which one.
    method: AuthenticationWord,
    /// Why it cannot be used at this moment; absent when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// The advisories for a fabric.
#[derive(Serialize, ToSchema)]
pub(super) struct Advisories {
    /// What is so already, and then what ends, soonest first. Empty when nothing is in the way.
    advisories: Vec<AdvisoryBody>,
}

/// Something that will stand in the way later.
#[derive(Serialize, ToSchema)]
#[schema(as = Advisory)]
pub(super) struct AdvisoryBody {
    /// What it is about.
    kind: AdvisoryKindWord,
    /// The fabric.
    fabric: String,
    /// Seconds until it comes to pass, 0 when it has; absent for what is not about time.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_in: Option<u64>,
    /// What it means and who can do what.
    message: String,
}

/// Tell how fabrics may authenticate here, and who mends what is missing.
#[utoipa::path(
    get,
    path = "/authentication-methods",
    tag = "fabrics",
    responses((status = 200, description = "What is on offer.", body = AuthenticationOffer))
)]
async fn authentication_methods(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
) -> Result<Json<AuthenticationOffer>, Problem> {
    let offer = service.host.authentication_methods(&caller).await?;
    let methods = offer.methods.into_iter().map(|offered| AuthenticationMethod {
        method: Spelled(offered.method),
        problem: offered.problem.map(Problem::from),
    });
    Ok(Json(AuthenticationOffer {
        methods: methods.collect(),
        registration: Spelled(offer.registration),
        session_control: Spelled(offer.session_control),
        session_lifetime: seconds(offer.session_lifetime),
    }))
}

/// Tell what will stand in the way of work on a fabric.
#[utoipa::path(
    get,
    path = "/fabrics/{fabric}/advisories",
    tag = "fabrics",
    params(FabricPath, RunAs),
    responses((status = 200, description = "What is known at this moment.", body = Advisories))
)]
async fn advisories(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
    RunAs { run_as }: RunAs,
) -> Result<Json<Advisories>, Problem> {
    let job = Job { run_as };
    let advisories = service.host.job_advisories(&caller, &fabric, &job).await?;
    Ok(Json(Advisories { advisories: advisories.into_iter().map(AdvisoryBody::from).collect() }))
}

impl From<Advisory> for AdvisoryBody {
    fn from(advisory: Advisory) -> Self {
        Self {
            kind: Spelled(advisory.kind),
            fabric: advisory.fabric,
            ends_in: advisory.ends_in.map(seconds),
            message: advisory.message,
        }
    }
}
