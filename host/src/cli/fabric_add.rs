//! `fabric-auth fabric add`: adds a fabric, or writes over one and keeps what is not named.

use clap::Args;
use fabric_auth::config::Config;
use fabric_auth::contract::administration::FabricDescription;
use fabric_auth::contract::databricks_oauth::AdvisoryKind;
use fabric_auth::contract::{Authentication, Error, FabricKind, FabricSettings, IdentityKind, InvalidInput};
use fabric_auth::egress::{EgressPolicy, Refusal};
use http::{Method, Uri};
use secrecy::SecretString;

use super::context::{Context, Session};
use super::expiry::Expiry;
use super::failure::Failure;
use super::secret_source::SecretSource;
use super::words;

/// The option that names where a service principal's secret is.
const SECRET_FILE: &str = "--sp-client-secret-file";

/// The option that says when it ends.
const SECRET_END: &str = "--sp-secret-expires-in";

/// For `put-fabric`: only if there is no such fabric.
const CREATE_ONLY: u64 = 0;

/// What an error about the workspace names.
const WORKSPACE_FIELD: &str = "settings.workspace";

#[derive(Args)]
pub(super) struct Add {
    /// Name of the fabric
    name: String,
    /// Kind of its compute [default: spark]
    #[arg(long, value_parser = words::parser::<FabricKind>())]
    kind: Option<FabricKind>,
    #[command(flatten)]
    workspace: Workspace,
    /// Team that it belongs to
    #[arg(long, required_unless_present = "replace")]
    team: Option<String>,
    /// How people authenticate [default: oauth]
    ///
    /// With personal-access-token each person enters one of their own: `fabric-auth personal-access-token set`. When a
    /// fabric changes to oauth, or to another workspace, those are removed.
    #[arg(long, value_name = "METHOD", value_parser = words::parser::<Authentication>())]
    authentication: Option<Authentication>,
    /// App connection people sign in through [default: the default one]
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Application id of the service principal that unattended work runs as
    #[arg(long, value_name = "ID")]
    sp_client_id: Option<String>,
    /// File with the service principal's secret; - is standard input
    #[arg(long, value_name = "FILE")]
    sp_client_secret_file: Option<SecretSource>,
    /// When that secret ends, as Databricks shows it: a span from now (365d) or a date (2027-06-30, its beginning in UTC)
    #[arg(long, value_name = "SPAN|DATE")]
    sp_secret_expires_in: Option<Expiry>,
    /// Scopes to ask for as the service principal, separated by commas [default: all-apis]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    sp_scopes: Option<Vec<String>>,
    /// Scopes people's tokens must have, separated by commas [default: those of the app connection]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// Cluster id (spark) or warehouse id (sql) that `test` looks at [default: list them]
    #[arg(long, value_name = "ID")]
    compute: Option<String>,
    /// Who crawls metadata [default: person]
    #[arg(long, value_name = "IDENTITY", value_parser = words::parser::<IdentityKind>())]
    crawl_as: Option<IdentityKind>,
    /// Write over a fabric of this name, if there is one, and keep what is not named
    ///
    /// Every setting whose option is left out stays as it is; an empty value (--compute "") takes a setting away. The
    /// service principal's secret is kept as long as workspace and client id stay as they are, and its end as long as the
    /// secret is. The compute is not kept with another kind, nor with a JDBC URL, which names its own.
    #[arg(long)]
    replace: bool,
}

/// The workspace, by one of its two kinds of URL.
#[derive(Args)]
#[group(multiple = false)]
struct Workspace {
    /// Workspace URL, as the browser shows it
    #[arg(long, value_name = "URL", required_unless_present_any = ["jdbc_url", "replace"])]
    workspace_url: Option<String>,
    /// JDBC URL, as the cluster or warehouse shows it (jdbc:databricks://…)
    #[arg(long, value_name = "URL")]
    jdbc_url: Option<String>,
}

impl Add {
    pub(super) async fn run(self, context: &Context) -> Result<FabricDescription, Failure> {
        if self.sp_client_secret_file.is_some() && self.sp_client_id.is_none() && !self.replace {
            return Err(Failure::caller("--sp-client-id", "Name the client id that belongs to the secret."));
        }
        let source = self.sp_client_secret_file.as_ref();
        let secret = source.map(|source| source.read(SECRET_FILE, context.output)).transpose()?;
        let now = context.clock().system();
        let expires_in = self.sp_secret_expires_in.map(|expiry| expiry.expires_in(now)).transpose();
        let expires_in = expires_in.map_err(|refused| Failure::caller(SECRET_END, refused.to_string()))?;
        let add = async |session: &Session| {
            let description = self.put(context, session, secret.as_ref(), expires_in).await?;
            warn_of_missing_app(context, session, &self.name).await;
            Ok(description)
        };
        context.with_host(add).await
    }

    /// `expires_in`: of the secret, where something is said of its end.
    async fn put(
        &self,
        context: &Context,
        session: &Session,
        secret: Option<&SecretString>,
        expires_in: Option<Option<u64>>,
    ) -> Result<FabricDescription, Failure> {
        let before = if self.replace { self.before(session).await? } else { None };
        let expected = before.as_ref().map_or(CREATE_ONLY, |before| before.revision);
        let had_end =
            before.as_ref().is_some_and(|before| before.settings.service_principal_secret_expires_in.is_some());
        let settings = match before {
            Some(before) => self.over(before),
            None => self.settings()?,
        };
        let kept = settings.service_principal_secret_expires_in;
        let drops_end = had_end && kept.is_none() && expires_in.is_none();
        if drops_end && settings.service_principal_client_id.is_some() {
            context
                .output
                .note(format_args!("The end of the former secret is dropped; {SECRET_END} records that of this one."));
        }
        let service_principal_secret_expires_in = expires_in.unwrap_or(kept);
        let settings = FabricSettings { service_principal_secret_expires_in, ..settings };
        let put = session.host.put_fabric(&session.caller, settings, secret, Some(expected)).await;
        put.map_err(|error| match error {
            Error::Conflict(_) if !self.replace => Failure::from(Error::Conflict(format!(
                "There is a fabric named {} already. Choose another name, or write over it with --replace.",
                self.name
            ))),
            Error::InvalidInput(input) if input.field == WORKSPACE_FIELD => {
                Error::InvalidInput(self.with_setting(&session.config, input)).into()
            }
            other => other.into(),
        })
    }

    /// The fabric to write over, if it is there.
    async fn before(&self, session: &Session) -> Result<Option<FabricDescription>, Failure> {
        match session.host.get_fabric(&session.caller, &self.name).await {
            Ok(before) => Ok(Some(before)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The settings of a new fabric. Only with `--replace` can the two that it needs be left out.
    fn settings(&self) -> Result<FabricSettings, Failure> {
        let needed = |option, value: Option<&String>| {
            let message = "There is no fabric of this name to keep it from; a new one needs it.";
            value.cloned().ok_or_else(|| Failure::caller(option, message))
        };
        Ok(FabricSettings {
            name: self.name.clone(),
            kind: self.kind.unwrap_or(FabricKind::Spark),
            workspace: needed("--workspace-url", self.workspace.url())?,
            team: needed("--team", self.team.as_ref())?,
            authentication: self.authentication.unwrap_or(Authentication::Oauth),
            app_connection: given(self.app.as_ref()),
            service_principal_client_id: given(self.sp_client_id.as_ref()),
            service_principal_secret_expires_in: None,
            scopes: self.scopes.as_deref().map(listed).unwrap_or_default(),
            service_principal_scopes: self.sp_scopes.as_deref().map(listed).unwrap_or_default(),
            compute: given(self.compute.as_ref()),
            metadata_crawl_identity: self.crawl_as.unwrap_or(IdentityKind::Person),
        })
    }

    /// What was named, over what was there before.
    fn over(&self, before: FabricDescription) -> FabricSettings {
        let workspace = self.workspace.url().cloned().unwrap_or_else(|| url_of(&before));
        let before = before.settings;
        let keeps_compute = self.kind.is_none_or(|kind| kind == before.kind) && self.workspace.jdbc_url.is_none();
        let over = |named: &Option<String>, before| named.as_ref().map_or(before, |named| given(Some(named)));
        let same_client =
            self.sp_client_id.as_ref().is_none_or(|id| before.service_principal_client_id.as_ref() == Some(id));
        let keeps_secret = same_client && self.sp_client_secret_file.is_none();
        FabricSettings {
            name: before.name,
            kind: self.kind.unwrap_or(before.kind),
            workspace,
            team: self.team.clone().unwrap_or(before.team),
            authentication: self.authentication.unwrap_or(before.authentication),
            app_connection: over(&self.app, before.app_connection),
            service_principal_client_id: over(&self.sp_client_id, before.service_principal_client_id),
            service_principal_secret_expires_in: before.service_principal_secret_expires_in.filter(|_| keeps_secret),
            scopes: self.scopes.as_deref().map_or(before.scopes, listed),
            service_principal_scopes: self.sp_scopes.as_deref().map_or(before.service_principal_scopes, listed),
            compute: over(&self.compute, before.compute.filter(|_| keeps_compute)),
            metadata_crawl_identity: self.crawl_as.unwrap_or(before.metadata_crawl_identity),
        }
    }

    /// The refusal of a workspace, with the setting that would let it through where it is one that does.
    fn with_setting(&self, config: &Config, input: InvalidInput) -> InvalidInput {
        let url = self.workspace.url().map(String::as_str).unwrap_or_default();
        let egress = &config.egress;
        let policy = EgressPolicy::new(Vec::new(), egress.workspace_suffixes.clone(), egress.allow_loopback_http);
        let refusal = root_of(url).and_then(|root| policy.check(&Method::GET, &root).err());
        match refusal {
            Some(refusal @ (Refusal::UnknownZone | Refusal::LoopbackHttpOff)) => {
                InvalidInput { message: format!("{} In the configuration: {refusal}.", input.message), ..input }
            }
            _ => input,
        }
    }
}

impl Workspace {
    fn url(&self) -> Option<&String> {
        self.workspace_url.as_ref().or(self.jdbc_url.as_ref())
    }
}

/// A value that is there; an empty one takes it away.
fn given(value: Option<&String>) -> Option<String> {
    value.filter(|value| !value.is_empty()).cloned()
}

fn listed(values: &[String]) -> Vec<String> {
    values.iter().filter(|value| !value.is_empty()).cloned().collect()
}

/// The URL of a stored fabric, with the workspace id that its root does not tell.
fn url_of(fabric: &FabricDescription) -> String {
    let root = &fabric.settings.workspace;
    fabric.workspace_id.as_ref().map_or_else(|| root.clone(), |id| format!("{root}/?o={id}"))
}

/// Scheme and host of what was typed as a workspace; https where no scheme was, and for JDBC.
fn root_of(text: &str) -> Option<Uri> {
    let (scheme, rest) = text.trim().split_once("://").unwrap_or(("https", text.trim()));
    let authority = rest.split(['/', '?', '#', ';']).next().unwrap_or_default();
    let scheme = if scheme.eq_ignore_ascii_case("http") { "http" } else { "https" };
    format!("{scheme}://{authority}/").parse().ok()
}

/// Says so when the app connection of a fabric is not registered. That it cannot be told is no reason to fail.
async fn warn_of_missing_app(context: &Context, session: &Session, fabric: &str) {
    let advisories = session.host.advisories(&session.caller, fabric).await.unwrap_or_default();
    for advisory in advisories.iter().filter(|advisory| advisory.kind == AdvisoryKind::MissingAppConnection) {
        context.output.note(format_args!(
            "warning: nobody can sign in to {fabric} yet. {} On the command line: `fabric-auth app set`.",
            advisory.message
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_what_was_typed_is_what_egress_judges() {
        for (text, root) in [
            ("http://127.0.0.1:8443/?o=1", "http://127.0.0.1:8443/"),
            ("dbc-1.example.com", "https://dbc-1.example.com/"),
            (" https://dbc-1.example.com/sql", "https://dbc-1.example.com/"),
            ("jdbc:databricks://dbc-1.example.com:443;httpPath=/x", "https://dbc-1.example.com:443/"),
        ] {
            assert_eq!(root_of(text).unwrap().to_string(), root, "{text}");
        }
        assert!(root_of("https://").is_none());
    }

    #[test]
    fn a_stored_workspace_id_is_part_of_the_url_that_is_kept() {
        let oauth = FabricSettings::oauth("dev", "https://one.databricks.com", "t");
        let settings = FabricSettings { kind: FabricKind::Sql, ..oauth };
        let mut fabric =
            FabricDescription { settings, workspace_id: None, has_service_principal_secret: false, revision: 1 };
        assert_eq!(url_of(&fabric), "https://one.databricks.com");
        fabric.workspace_id = Some("42".to_owned());
        assert_eq!(url_of(&fabric), "https://one.databricks.com/?o=42");
    }
}
