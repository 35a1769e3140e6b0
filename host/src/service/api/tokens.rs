//! Access tokens, and what Databricks answered to them.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{Conflict, Dependency};
use super::request::{ApiJson, FabricPath, object};
use super::seconds::seconds;
use super::secrets::exposed;
use super::words::{ActivityWord, IdentityKindWord, RejectionVerdictWord, Spelled};
use crate::contract::databricks_oauth::Rejection;
use crate::contract::{Activity, Error, IdentityKind, TokenDescription, TokenReference, Word as _};
use crate::service::extractors::ApiCaller;
use crate::service::problem::Problem;
use crate::service::state::Service;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(access_token)).routes(routes!(report_rejection))
}

/// What a token is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"activity": "pipeline-development"}))]
pub(super) struct TokenRequest {
    /// The activity decides whose identity the token carries.
    activity: ActivityWord,
}

/// An access token.
#[derive(Serialize, ToSchema)]
pub(super) struct AccessToken {
    /// The token itself.
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String, read_only)]
    access_token: SecretString,
    /// How to show it: `Authorization: Bearer …`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds that it may still be used. Ask again after that: a token that is still good comes from memory.
    expires_in: u64,
    /// Whose it is.
    identity: IdentityKindWord,
    /// Databricks user name, or application id of the service principal.
    databricks_user: String,
    /// Root URL of the workspace, without a slash at its end.
    workspace_url: String,
    /// The granted scopes, sorted; empty for a personal access token, whose scopes are not known.
    scopes: Vec<String>,
    /// Names this issue of the token. A report of its rejection wants it back.
    reference: Reference,
}

/// Names one issue of a token without revealing it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenReference)]
pub(super) struct Reference {
    /// What all tokens of one sign-in, or of one set of credentials, share.
    lineage: String,
    /// Counts the tokens of the lineage from 1.
    generation: u64,
}

/// A request to Databricks that was refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "activity": "scheduled-run",
    "reference": {"lineage": "M_ElIVVUaLprNdwPlg7e9A", "generation": 1},
    "rejection": {"status": 403, "body": "{\"error_code\": \"403\", \"message\": \"Invalid access token.\"}"},
}))]
pub(super) struct ReportRejection {
    /// What the token was for.
    activity: ActivityWord,
    /// The `reference` of the token that the request carried.
    #[serde(deserialize_with = "object")]
    reference: Reference,
    /// What Databricks answered.
    #[serde(deserialize_with = "object")]
    rejection: RejectionBody,
}

/// An answer of Databricks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rejection)]
pub(super) struct RejectionBody {
    /// HTTP status.
    #[schema(minimum = 300, maximum = 599)]
    status: u16,
    /// The beginning of the body where it is text; 16 KiB of it are looked at. It is classified and not kept.
    body: Option<String>,
    /// The beginning of the body in Base64 (RFC 4648 section 4), in place of `body`.
    body_base64: Option<String>,
    /// Value of the `location` header of a redirect.
    location: Option<String>,
}

/// What to do about a rejection.
#[derive(Serialize, ToSchema)]
pub(super) struct Verdict {
    /// `token-rejected` and `already-replaced`: ask for a new token and repeat. `token-not-concerned`: that would not help.
    verdict: RejectionVerdictWord,
}

/// Get an access token for a fabric.
#[utoipa::path(
    post,
    path = "/fabrics/{fabric}/access-token",
    tag = "tokens",
    params(FabricPath),
    request_body = TokenRequest,
    responses((status = 200, description = "The token.", body = AccessToken), Conflict, Dependency)
)]
async fn access_token(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
    ApiJson(request): ApiJson<TokenRequest>,
) -> Result<Json<AccessToken>, Problem> {
    let activity = request.activity.0;
    let served = service.host.access_token(&caller, &fabric, activity).await;
    service.metrics.token(identity_word(activity, &served), &served);
    let (access_token, description) = served?;
    Ok(Json(AccessToken {
        access_token,
        token_type: "Bearer",
        expires_in: seconds(description.expires_in),
        identity: Spelled(description.identity),
        databricks_user: description.databricks_user,
        workspace_url: description.workspace_url,
        scopes: description.scopes,
        reference: Reference { lineage: description.reference.lineage, generation: description.reference.generation },
    }))
}

/// Tell what Databricks answered to a request that carried a token, and ask what to do.
///
/// For a request that was refused, mostly with 400, 401 or 403. Where the answer names another cause than the token, that
/// is the error.
#[utoipa::path(
    post,
    path = "/fabrics/{fabric}/rejections",
    tag = "tokens",
    params(FabricPath),
    request_body = ReportRejection,
    responses((status = 200, description = "What to do.", body = Verdict), Conflict, Dependency)
)]
async fn report_rejection(
    ApiCaller(caller): ApiCaller,
    State(service): State<Service>,
    FabricPath { fabric }: FabricPath,
    ApiJson(report): ApiJson<ReportRejection>,
) -> Result<Json<Verdict>, Problem> {
    let token = TokenReference { lineage: report.reference.lineage, generation: report.reference.generation };
    let rejection = report.rejection.read()?;
    let verdict = service.host.report_rejection(&caller, &fabric, report.activity.0, &token, rejection).await?;
    Ok(Json(Verdict { verdict: Spelled(verdict) }))
}

/// Whose identity was asked for. Of a crawl that failed only the fabric knows.
fn identity_word(activity: Activity, served: &Result<(SecretString, TokenDescription), Error>) -> &'static str {
    match (activity, served) {
        (_, Ok((_, description))) => description.identity.word(),
        (Activity::PipelineDevelopment | Activity::JobConfiguration | Activity::OnDemandRun, _) => {
            IdentityKind::Person.word()
        }
        (Activity::ScheduledRun | Activity::ProjectRelease | Activity::ProjectDeployment, _) => {
            IdentityKind::ServicePrincipal.word()
        }
        (Activity::MetadataCrawl, _) => "not-known",
    }
}

impl RejectionBody {
    fn read(self) -> Result<Rejection, Problem> {
        let body = match (self.body, self.body_base64) {
            (Some(_), Some(_)) => {
                let told = "Give the body as text in `body` or in Base64 here, not both.";
                return Err(Problem::of_member("rejection.body_base64", told));
            }
            (text, None) => text.unwrap_or_default().into_bytes(),
            (None, Some(encoded)) => STANDARD
                .decode(encoded)
                .map_err(|_| Problem::of_member("rejection.body_base64", "This is not Base64 (RFC 4648 section 4)."))?,
        };
        Ok(Rejection { status: self.status, body, location: self.location })
    }
}
