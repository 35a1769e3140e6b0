//! `fabric-auth fabric import`: adds the fabrics of a file, all of them or none.
//!
//! JSON: `{"written", "fabrics": [{"fabric", "kind", "authentication", "is_new"}]}`. Every fabric is checked by the
//! component before the first is written; the store writes one at a time, so that a failure in between (the database
//! goes away) is told with what had been written.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use clap::Args;
use fabric_auth::contract::administration::FabricDescription;
use fabric_auth::contract::{Error, FabricSettings, IdentityKind, InvalidInput};
use secrecy::SecretString;
use serde::Serialize;
use zeroize::Zeroizing;

use super::context::{Context, Session};
use super::fabrics_file::{self, FabricsFile, FileFabric, FilePrincipal, Wrong};
use super::failure::Failure;
use super::output::write_columns;
use super::words::Word as _;

/// How many bytes a file may have: room for thousands of fabrics.
const LONGEST: u64 = 1024 * 1024;

#[derive(Args)]
pub(super) struct Import {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Team that the fabrics belong to
    #[arg(long)]
    team: String,
    /// Write over fabrics of the same names, and keep what the file does not name
    #[arg(long)]
    replace: bool,
    /// Check the file and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// A fabric as it is to be written.
struct Planned<'a> {
    fabric: &'a FileFabric,
    settings: FabricSettings,
    secret: Option<&'a SecretString>,
    /// The state to write over; zero where there is none.
    revision: u64,
}

#[derive(Serialize)]
struct View {
    written: bool,
    fabrics: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    fabric: String,
    kind: &'static str,
    authentication: &'static str,
    is_new: bool,
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let file = self.read(context)?;
        self.tell_what_is_left_out(context, &file);
        let import = async |session: &Session| {
            let mut planned = Vec::new();
            for fabric in &file.fabrics {
                planned.push(self.plan(context, session, fabric).await?);
            }
            if !self.dry_run {
                write_all(context, session, &planned).await?;
            }
            Ok(planned.iter().map(Row::of).collect())
        };
        let fabrics = context.with_host(import).await?;
        context.output.show(&View { written: !self.dry_run, fabrics })
    }

    fn read(&self, context: &Context) -> Result<FabricsFile, Failure> {
        let path = self.file.display();
        let refused = |what: String| Failure::caller("FILE", format!("The file {path} {what}."));
        let file = File::open(&self.file).map_err(|error| refused(format!("cannot be opened ({error})")))?;
        let open_to_others = file.metadata().is_ok_and(|metadata| metadata.mode() & 0o044 != 0);
        let mut bytes = Zeroizing::new(Vec::new());
        let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
        read.map_err(|error| refused(format!("cannot be read ({error})")))?;
        if bytes.len() as u64 > LONGEST {
            return Err(refused(format!("is longer than {LONGEST} bytes")));
        }
        let document = std::str::from_utf8(&bytes).map_err(|_| refused("is no text".to_owned()))?;
        let read = fabrics_file::read(document, &|name| std::env::var(name).ok());
        let file = read.map_err(|Wrong { place, message }| match place.as_str() {
            "" => Failure::caller("FILE", format!("{path}: {message}")),
            place => Failure::caller(place, format!("{path}, {place}: {message}")),
        })?;
        for place in &file.open_secrets {
            context.output.note(format_args!(
                "warning: {path}, {place}: a secret stands in the file itself. Write \"{{{{NAME}}}}\" there and give it in the environment variable NAME."
            ));
        }
        if open_to_others && !file.open_secrets.is_empty() {
            context.output.note(format_args!("warning: {path} can be read by other users; run: chmod 600 {path}"));
        }
        Ok(file)
    }

    fn tell_what_is_left_out(&self, context: &Context, file: &FabricsFile) {
        for name in &file.passed_over {
            context.output.note(format_args!("passed over: {name}, whose provider is not Databricks"));
        }
        for place in &file.tokens {
            context
                .output
                .note(format_args!("passed over: {place}; a personal access token is for its owner to enter"));
        }
    }

    /// What is to be written, once the component has found nothing wrong with it.
    async fn plan<'a>(
        &self,
        context: &Context,
        session: &Session,
        fabric: &'a FileFabric,
    ) -> Result<Planned<'a>, Failure> {
        let before = match session.host.get_fabric(&session.caller, &fabric.name).await {
            Ok(before) if self.replace => Some(before),
            Ok(_) | Err(Error::NotFound(_)) => None,
            Err(error) => return Err(of_fabric(context, fabric, error)),
        };
        let revision = before.as_ref().map_or(0, |before| before.revision);
        let settings = self.settings(context, fabric, before)?;
        let secret = match &fabric.principal {
            FilePrincipal::Credentials { secret, .. } => Some(secret),
            FilePrincipal::Unnamed | FilePrincipal::Nobody => None,
        };
        let planned = Planned { fabric, settings, secret, revision };
        let checked =
            session.host.check_fabric(&session.caller, planned.settings.clone(), secret, Some(revision)).await;
        checked.map_err(|error| of_fabric(context, fabric, error))?;
        Ok(planned)
    }

    /// What the file names, over what is there before.
    fn settings(
        &self,
        context: &Context,
        fabric: &FileFabric,
        before: Option<FabricDescription>,
    ) -> Result<FabricSettings, Failure> {
        let before = before.map(|before| before.settings);
        let kept = before.as_ref();
        let same_kind = kept.filter(|kept| kept.kind == fabric.kind);
        let (service_principal_client_id, service_principal_secret_expires_in) = match &fabric.principal {
            FilePrincipal::Nobody => (None, None),
            FilePrincipal::Unnamed => (
                kept.and_then(|kept| kept.service_principal_client_id.clone()),
                kept.and_then(|kept| kept.service_principal_secret_expires_in),
            ),
            FilePrincipal::Credentials { client_id, expires, .. } => {
                let left = expires.map(|expires| expires.expires_in(context.clock().system())).transpose();
                let left = left.map_err(|refused| {
                    let place = format!("{}.databricks.oauth_credentials.client_secret_expires", fabric.place);
                    Failure::caller(&place, format!("{place}: {refused}."))
                })?;
                (Some(client_id.clone()), left.flatten())
            }
        };
        Ok(FabricSettings {
            name: fabric.name.clone(),
            kind: fabric.kind,
            workspace: fabric.workspace.clone(),
            team: self.team.clone(),
            authentication: fabric.authentication,
            app_connection: fabric.app_connection.clone().or_else(|| kept.and_then(|kept| kept.app_connection.clone())),
            metadata_crawl_identity: kept
                .filter(|_| service_principal_client_id.is_some())
                .map_or(IdentityKind::Person, |kept| kept.metadata_crawl_identity),
            service_principal_client_id,
            service_principal_secret_expires_in,
            scopes: kept.map(|kept| kept.scopes.clone()).unwrap_or_default(),
            service_principal_scopes: kept.map(|kept| kept.service_principal_scopes.clone()).unwrap_or_default(),
            compute: same_kind.and_then(|kept| kept.compute.clone()),
        })
    }
}

/// Writes everything that was planned.
async fn write_all(context: &Context, session: &Session, planned: &[Planned<'_>]) -> Result<(), Failure> {
    let mut written = Vec::new();
    for Planned { fabric, settings, secret, revision } in planned {
        let put = session.host.put_fabric(&session.caller, settings.clone(), *secret, Some(*revision)).await;
        if let Err(error) = put {
            if !written.is_empty() {
                context.output.note(format_args!(
                    "warning: these were written before: {}. Import the file again with --replace.",
                    written.join(", ")
                ));
            }
            return Err(of_fabric(context, fabric, error));
        }
        written.push(fabric.name.as_str());
    }
    Ok(())
}

/// Makes a failure of an error about a fabric of the file.
fn of_fabric(context: &Context, fabric: &FileFabric, error: Error) -> Failure {
    match error {
        Error::InvalidInput(input) => {
            let field = place_of(fabric, &input.field);
            Error::InvalidInput(InvalidInput { message: format!("{field}: {}", input.message), field }).into()
        }
        Error::Conflict(_) => Error::Conflict(format!(
            "There is a fabric named {} already, or it is being changed by somebody else. Leave it out of the file, or \
             write over it with --replace.",
            fabric.name
        ))
        .into(),
        other => {
            context.output.note(format_args!("This is about the fabric {} of the file:", fabric.name));
            other.into()
        }
    }
}

/// Where in the file stands what the component calls by this name.
fn place_of(fabric: &FileFabric, field: &str) -> String {
    let member = match field {
        "settings.name" => "name",
        "settings.workspace" => "databricks.url",
        "settings.authentication" => "databricks.auth_type",
        "settings.app-connection" => "databricks.oAuthAppRegistrationID",
        "settings.service-principal-client-id" => "databricks.oauth_credentials.client_id",
        "service-principal-secret" => "databricks.oauth_credentials.client_secret",
        "settings.service-principal-secret-expires-in" => "databricks.oauth_credentials.client_secret_expires",
        other => return other.to_owned(),
    };
    format!("{}.{member}", fabric.place)
}

impl Row {
    fn of(planned: &Planned<'_>) -> Self {
        Self {
            fabric: planned.fabric.name.clone(),
            kind: planned.fabric.kind.word(),
            authentication: planned.fabric.authentication.word(),
            is_new: planned.revision == 0,
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["FABRIC", "KIND", "AUTHENTICATION", ""].map(str::to_owned)];
        for row in &self.fabrics {
            let (done, will) = if row.is_new { ("added", "will be added") } else { ("changed", "will be changed") };
            let fate = if self.written { done } else { will };
            rows.push([row.fabric.clone(), row.kind.to_owned(), row.authentication.to_owned(), fate.to_owned()]);
        }
        write_columns(formatter, &rows)
    }
}
