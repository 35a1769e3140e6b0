//! `fabric-auth fabric`: fabrics with Databricks as provider.
//!
//! JSON of a fabric (`add`, `show`): `{"name", "kind", "workspace", "workspace_id"?, "team", "authentication",
//! "app_connection"?, "service_principal_client_id"?, "has_service_principal_secret",
//! "service_principal_secret_expires_in"?, "scopes", "service_principal_scopes", "compute"?, "metadata_crawl_identity",
//! "revision"}`. `list`: `{"fabrics": […]}`.

use std::fmt;
use std::process::ExitCode;

use clap::Subcommand;
use fabric_auth::contract::administration::FabricDescription;
use fabric_auth::{AllFabrics, Span};
use serde::Serialize;

use super::context::{Context, Session, about_fabric};
use super::fabric_add::Add;
use super::fabric_import::Import;
use super::failure::Failure;
use super::output::{Output, write_columns};
use super::words::Word as _;

#[derive(Subcommand)]
pub(super) enum Fabric {
    /// Add a fabric, or change one (--replace)
    Add(Box<Add>),
    /// Add the fabrics of a file that Prophecy's build tool reads (fabrics.yml): all of them or, if one is wrong, none
    ///
    /// Placeholders such as "{{DEV_SECRET}}" stand for environment variables, in every value. Fabrics of other providers
    /// than Databricks are passed over.
    Import(Import),
    /// List the fabrics
    List,
    /// Show one fabric
    Show {
        /// Its name
        #[arg(value_name = "FABRIC")]
        name: String,
    },
    /// Remove a fabric, its service principal credentials and personal access tokens; sign-ins stay
    Remove {
        /// Its name
        #[arg(value_name = "FABRIC")]
        name: String,
    },
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
    #[serde(skip_serializing_if = "Option::is_none")]
    service_principal_secret_expires_in: Option<Span>,
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
            Self::Add(add) => context.output.show(&FabricView::from(add.run(context).await?))?,
            Self::Import(import) => import.run(context).await?,
            Self::List => {
                let all = context.with_host(async |session| all_fabrics(context.output, session).await).await?;
                let fabrics = all.into_iter().map(FabricView::from).collect();
                context.output.show(&ListView { fabrics })?;
            }
            Self::Show { name } => {
                let fabric = context.with_host(async |session| session.fabric(&name).await).await?;
                context.output.show(&FabricView::from(fabric))?;
            }
            Self::Remove { name } => {
                let remove = async |session: &Session| {
                    session.host.remove_fabric(&session.caller, &name).await.map_err(about_fabric(&name))
                };
                context.with_host(remove).await?;
                context.output.note(format_args!("The fabric {name} is removed. Sign-ins to its workspace stay."));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Every fabric that the caller may see, by name. Those whose records cannot be read are told of and left out.
pub(super) async fn all_fabrics(output: Output, session: &Session) -> Result<Vec<FabricDescription>, Failure> {
    let AllFabrics { fabrics, unreadable } = session.host.all_fabrics(&session.caller).await?;
    for name in unreadable {
        output.note(format_args!(
            "warning: the record of the fabric {name:?} is damaged or of a newer version; `fabric-auth fabric \
             remove` removes a damaged one."
        ));
    }
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
            service_principal_secret_expires_in: settings.service_principal_secret_expires_in.map(Span::from),
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
            let ends = match self.service_principal_secret_expires_in {
                Some(Span::ZERO) => "; it has ended".to_owned(),
                Some(left) => format!("; it ends in {left}"),
                None => String::new(),
            };
            writeln!(formatter, "  secret:           {stored}{ends}")?;
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
