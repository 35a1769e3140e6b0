//! `fabric-auth fabric`: fabrics with Databricks as provider.
//!
//! JSON of a fabric (`add`, `show`): `{"name", "kind", "workspace", "workspace_id"?, "team", "authentication",
//! "app_connection"?, "service_principal_client_id"?, "has_service_principal_secret", "scopes",
//! "service_principal_scopes", "compute"?, "metadata_crawl_identity", "revision"}`. `list`: `{"fabrics": […]}`.

use std::fmt;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use fabric_auth::contract::administration::FabricDescription;
use fabric_auth::contract::{Authentication, Error, FabricKind, FabricSettings, IdentityKind};
use serde::Serialize;

use super::context::{Context, Session};
use super::failure::Failure;
use super::output::write_columns;
use super::secret_source::SecretSource;
use super::words::{self, Word as _};

/// The option that names where a service principal's secret is.
const SECRET_FILE: &str = "--sp-client-secret-file";

/// For `put-fabric`: only if there is no such fabric.
const CREATE_ONLY: Option<u64> = Some(0);

#[derive(Subcommand)]
pub(super) enum Fabric {
    /// Add a fabric
    Add(Box<Add>),
    /// List the fabrics
    List,
    /// Show one fabric
    Show {
        /// Its name
        name: String,
    },
    /// Remove a fabric and its service principal credentials; sign-ins stay
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Args)]
pub(super) struct Add {
    /// Name of the fabric
    name: String,
    /// Kind of its compute
    #[arg(long, default_value = "spark", value_parser = words::parser::<FabricKind>())]
    kind: FabricKind,
    #[command(flatten)]
    workspace: Workspace,
    /// Team that it belongs to
    #[arg(long)]
    team: String,
    /// App connection people sign in through [default: the default one]
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Application id of the service principal that unattended work runs as
    #[arg(long, value_name = "ID")]
    sp_client_id: Option<String>,
    /// File with the service principal's secret; - is standard input
    #[arg(long, value_name = "FILE", requires = "sp_client_id")]
    sp_client_secret_file: Option<SecretSource>,
    /// Scopes to ask for as the service principal, separated by commas [default: all-apis]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    sp_scopes: Vec<String>,
    /// Scopes people's tokens must have, separated by commas [default: those of the app connection]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Vec<String>,
    /// Cluster id (spark) or warehouse id (sql) that `test` looks at [default: list them]
    #[arg(long, value_name = "ID")]
    compute: Option<String>,
    /// Who crawls metadata
    #[arg(long, value_name = "IDENTITY", default_value = "person", value_parser = words::parser::<IdentityKind>())]
    crawl_as: IdentityKind,
    /// Write over a fabric of this name; its secret is kept if workspace and client id stay as they are
    #[arg(long)]
    replace: bool,
}

/// The workspace, by one of its two kinds of URL.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Workspace {
    /// Workspace URL, as the browser shows it
    #[arg(long, value_name = "URL")]
    workspace_url: Option<String>,
    /// JDBC URL, as the cluster or warehouse shows it (jdbc:databricks://…)
    #[arg(long, value_name = "URL")]
    jdbc_url: Option<String>,
}

#[derive(Serialize)]
struct FabricView {
    name: String,
    kind: &'static str,
    workspace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_id: Option<String>,
    team: String,
    authentication: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_principal_client_id: Option<String>,
    has_service_principal_secret: bool,
    scopes: Vec<String>,
    service_principal_scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compute: Option<String>,
    metadata_crawl_identity: &'static str,
    revision: u64,
}

#[derive(Serialize)]
struct ListView {
    fabrics: Vec<FabricView>,
}

impl Fabric {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Add(add) => add.run(context).await?,
            Self::List => {
                let fabrics = context.with_host(all_fabrics).await?.into_iter().map(FabricView::from).collect();
                context.output.show(&ListView { fabrics })?;
            }
            Self::Show { name } => {
                let get = async |session: &Session| Ok(session.host.get_fabric(&session.caller, &name).await?);
                context.output.show(&FabricView::from(context.with_host(get).await?))?;
            }
            Self::Remove { name } => {
                let remove = async |session: &Session| Ok(session.host.remove_fabric(&session.caller, &name).await?);
                context.with_host(remove).await?;
                context.output.note(format_args!("The fabric {name} is removed. Sign-ins to its workspace stay."));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let source = self.sp_client_secret_file.as_ref();
        let secret = source.map(|source| source.read(SECRET_FILE, context.output)).transpose()?;
        let expected = if self.replace { None } else { CREATE_ONLY };
        let name = self.name.clone();
        let settings = self.settings();
        let put = async |session: &Session| {
            let put = session.host.put_fabric(&session.caller, settings, secret.as_ref(), expected).await;
            put.map_err(|error| match error {
                Error::Conflict(_) if expected == CREATE_ONLY => Failure::from(Error::Conflict(format!(
                    "There is a fabric named {name} already. Choose another name, or write over it with --replace."
                ))),
                other => other.into(),
            })
        };
        let description = context.with_host(put).await?;
        context.output.show(&FabricView::from(description))
    }

    fn settings(self) -> FabricSettings {
        FabricSettings {
            name: self.name,
            kind: self.kind,
            workspace: self.workspace.workspace_url.or(self.workspace.jdbc_url).unwrap_or_default(),
            team: self.team,
            authentication: Authentication::Oauth,
            app_connection: self.app,
            service_principal_client_id: self.sp_client_id,
            scopes: self.scopes,
            service_principal_scopes: self.sp_scopes,
            compute: self.compute,
            metadata_crawl_identity: self.crawl_as,
        }
    }
}

/// Every fabric that the caller may see, by name.
pub(super) async fn all_fabrics(session: &Session) -> Result<Vec<FabricDescription>, Failure> {
    let mut fabrics = Vec::new();
    let mut after = None;
    loop {
        let page = session.host.list_fabrics(&session.caller, after.as_deref()).await?;
        fabrics.extend(page.fabrics);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    fabrics.sort_by(|one, other| one.settings.name.cmp(&other.settings.name));
    Ok(fabrics)
}

impl From<FabricDescription> for FabricView {
    fn from(fabric: FabricDescription) -> Self {
        let FabricDescription { settings, workspace_id, has_service_principal_secret, revision } = fabric;
        Self {
            name: settings.name,
            kind: settings.kind.word(),
            workspace: settings.workspace,
            workspace_id,
            team: settings.team,
            authentication: settings.authentication.word(),
            app_connection: settings.app_connection,
            service_principal_client_id: settings.service_principal_client_id,
            has_service_principal_secret,
            scopes: settings.scopes,
            service_principal_scopes: settings.service_principal_scopes,
            compute: settings.compute,
            metadata_crawl_identity: settings.metadata_crawl_identity.word(),
            revision,
        }
    }
}

impl fmt::Display for FabricView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let optional = |value: &Option<String>, otherwise: &str| value.clone().unwrap_or_else(|| otherwise.to_owned());
        let scopes = |scopes: &[String], otherwise: &str| {
            if scopes.is_empty() { otherwise.to_owned() } else { scopes.join(" ") }
        };
        writeln!(formatter, "fabric:             {} ({})", self.name, self.kind)?;
        writeln!(formatter, "workspace:          {}", self.workspace)?;
        writeln!(formatter, "workspace id:       {}", optional(&self.workspace_id, "not in the URL"))?;
        writeln!(formatter, "team:               {}", self.team)?;
        writeln!(formatter, "authentication:     {}", self.authentication)?;
        writeln!(formatter, "app connection:     {}", optional(&self.app_connection, "the default one"))?;
        writeln!(formatter, "scopes:             {}", scopes(&self.scopes, "those of the app connection"))?;
        writeln!(formatter, "service principal:  {}", optional(&self.service_principal_client_id, "none"))?;
        if self.service_principal_client_id.is_some() {
            let stored = if self.has_service_principal_secret { "stored" } else { "missing" };
            writeln!(formatter, "  secret:           {stored}")?;
            writeln!(formatter, "  scopes:           {}", scopes(&self.service_principal_scopes, "all-apis"))?;
        }
        writeln!(formatter, "compute:            {}", optional(&self.compute, "none chosen"))?;
        writeln!(formatter, "metadata crawled as {}", self.metadata_crawl_identity)
    }
}

impl fmt::Display for ListView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fabrics.is_empty() {
            return writeln!(formatter, "There are no fabrics.");
        }
        let mut rows = vec![["FABRIC", "KIND", "TEAM", "WORKSPACE", "SERVICE PRINCIPAL"].map(str::to_owned)];
        for fabric in &self.fabrics {
            rows.push([
                fabric.name.clone(),
                fabric.kind.to_owned(),
                fabric.team.clone(),
                fabric.workspace.clone(),
                fabric.service_principal_client_id.clone().unwrap_or_else(|| "none".to_owned()),
            ]);
        }
        write_columns(formatter, &rows)
    }
}
