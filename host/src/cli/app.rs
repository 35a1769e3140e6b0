//! `fabric-auth app`: the app connection through which people sign in.
//!
//! JSON of `set` and `show`: `{"app_connections": [{"name", "client_id", "confidential", "default", "scopes",
//! "refresh_token_policy", "refresh_token_lifetime"?, "has_client_secret", "has_previous_secret",
//! "client_secret_refused", "set_for"?, "built_in"}], "redirect_urls": […]}`.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use fabric_auth::Span;
use fabric_auth::contract::Error;
use fabric_auth::contract::administration::{AppConnectionDescription, AppConnectionSettings, RefreshTokenPolicy};
use serde::Serialize;

use super::app_guide::Guide;
use super::context::{Context, Session};
use super::failure::Failure;
use super::secret_source::SecretSource;
use super::words::{self, Word as _};

/// The option that names where a client secret is.
const CLIENT_SECRET_FILE: &str = "--client-secret-file";

#[derive(Subcommand)]
pub(super) enum App {
    /// Register an app connection, or change one; what is not named stays as it is
    Set(Set),
    /// Show what is registered, and the redirect URLs that Databricks must know
    Show {
        /// Only the one of this name
        name: Option<String>,
    },
    /// Tell how Prophecy is registered with Databricks: each step, who does it, and what to copy
    Guide(Guide),
    /// Remove an app connection
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Args)]
pub(super) struct Set {
    /// Name of the app connection here
    #[arg(default_value = "default")]
    name: String,
    /// OAuth client id, as Databricks shows it
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// File with the client secret; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "public")]
    client_secret_file: Option<SecretSource>,
    /// The app connection has no client secret
    #[arg(long)]
    public: bool,
    /// Fabrics that name no app connection use this one
    #[arg(long)]
    default: bool,
    /// Scopes to ask for, separated by commas [default: all-apis,email,openid,profile]
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// Whether Databricks gives this client single-use refresh tokens
    #[arg(long, value_name = "POLICY", value_parser = words::parser::<RefreshTokenPolicy>())]
    refresh_tokens: Option<RefreshTokenPolicy>,
    /// Days that a refresh token lives unused
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    refresh_token_days: Option<u16>,
}

/// App connections as they are shown.
#[derive(Serialize)]
struct View<'a> {
    app_connections: Vec<AppView>,
    redirect_urls: &'a [String],
}

#[derive(Serialize)]
struct AppView {
    name: String,
    client_id: String,
    confidential: bool,
    default: bool,
    scopes: Vec<String>,
    refresh_token_policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_lifetime: Option<Span>,
    has_client_secret: bool,
    has_previous_secret: bool,
    client_secret_refused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_for: Option<Span>,
    built_in: bool,
}

impl App {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self {
            Self::Set(set) => set.run(context).await,
            Self::Show { name } => {
                context.with_host(async |session| show(context, session, name.as_deref()).await).await
            }
            Self::Guide(guide) => guide.run(context).await,
            Self::Remove { name } => {
                let remove = async |session: &Session| {
                    let removed = session.host.remove_app_connection(&session.caller, &name).await;
                    removed.map_err(|error| match error {
                        Error::NotFound(_) => no_such_app(&name),
                        other => other.into(),
                    })?;
                    context.output.note(format_args!("The app connection {name} is removed."));
                    Ok(ExitCode::SUCCESS)
                };
                context.with_host(remove).await
            }
        }
    }
}

impl Set {
    async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let source = self.client_secret_file.as_ref();
        let secret = source.map(|source| source.read(CLIENT_SECRET_FILE, context.output)).transpose()?;
        let set = async |session: &Session| {
            let Session { host, caller, .. } = session;
            let known = host.describe_app_connections(caller).await?;
            let before = known.into_iter().find(|app| app.settings.name == self.name);
            let settings = self.settings(before)?;
            host.set_app_connection(caller, settings, secret.as_ref()).await?;
            context.output.note(
                "Register each redirect URL with the app connection in Databricks exactly as shown (Account Settings > \
                 App connections).",
            );
            show(context, session, Some(&self.name)).await
        };
        context.with_host(set).await
    }

    /// What was named, over what was there before.
    fn settings(&self, before: Option<AppConnectionDescription>) -> Result<AppConnectionSettings, Failure> {
        let before = before.map(|app| app.settings);
        let named = AppConnectionSettings {
            name: self.name.clone(),
            client_id: self.client_id.clone().unwrap_or_default(),
            confidential: !self.public,
            default: self.default,
            scopes: self.scopes.clone().unwrap_or_default(),
            refresh_token_policy: self.refresh_tokens.unwrap_or(RefreshTokenPolicy::Unknown),
            refresh_token_lifetime: self.refresh_token_days.map(nanoseconds_of_days),
        };
        let Some(before) = before else {
            return match self.client_id {
                Some(_) => Ok(named),
                None => Err(Failure::caller("--client-id", "A new app connection needs its client id.")),
            };
        };
        Ok(AppConnectionSettings {
            name: named.name,
            client_id: self.client_id.clone().unwrap_or(before.client_id),
            confidential: (before.confidential || self.client_secret_file.is_some()) && !self.public,
            default: self.default || before.default,
            scopes: self.scopes.clone().unwrap_or(before.scopes),
            refresh_token_policy: self.refresh_tokens.unwrap_or(before.refresh_token_policy),
            refresh_token_lifetime: named.refresh_token_lifetime.or(before.refresh_token_lifetime),
        })
    }
}

async fn show(context: &Context, session: &Session, name: Option<&str>) -> Result<ExitCode, Failure> {
    let all = session.host.describe_app_connections(&session.caller).await?;
    let app_connections: Vec<AppView> =
        all.into_iter().filter(|app| name.is_none_or(|name| app.settings.name == name)).map(AppView::from).collect();
    if let (Some(name), true) = (name, app_connections.is_empty()) {
        return Err(no_such_app(name));
    }
    let redirect_urls = &session.config.deployment.redirect_urls;
    context.output.show(&View { app_connections, redirect_urls })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn no_such_app(name: &str) -> Failure {
    let message = format!("There is no app connection named {name:?}. `fabric-auth app show` shows those there are.");
    Error::NotFound(message).into()
}

fn nanoseconds_of_days(days: u16) -> u64 {
    let life = Duration::from_secs(u64::from(days) * 86_400);
    u64::try_from(life.as_nanos()).unwrap_or(u64::MAX)
}

impl From<AppConnectionDescription> for AppView {
    fn from(app: AppConnectionDescription) -> Self {
        let AppConnectionDescription {
            settings,
            has_client_secret,
            has_previous_secret,
            client_secret_refused,
            set_for,
            built_in,
        } = app;
        Self {
            name: settings.name,
            client_id: settings.client_id,
            confidential: settings.confidential,
            default: settings.default,
            scopes: settings.scopes,
            refresh_token_policy: settings.refresh_token_policy.word(),
            refresh_token_lifetime: settings.refresh_token_lifetime.map(Span::from),
            has_client_secret,
            has_previous_secret,
            client_secret_refused,
            set_for: set_for.map(Span::from),
            built_in,
        }
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.app_connections.is_empty() {
            writeln!(formatter, "No app connection is registered.\n")?;
        }
        for app in &self.app_connections {
            writeln!(formatter, "{app}")?;
        }
        writeln!(formatter, "redirect URLs:")?;
        self.redirect_urls.iter().try_for_each(|url| writeln!(formatter, "  {url}"))
    }
}

impl AppView {
    /// How things stand with the client secret.
    fn secret(&self) -> &'static str {
        match (self.confidential, self.has_client_secret) {
            (false, _) => "none, a public client",
            (true, false) => "missing",
            (true, true) if self.client_secret_refused => {
                "stored, but refused by Databricks; the one before it still works and stands in. If Databricks still refuses it 30 minutes after it was made, enter it again"
            }
            (true, true) if self.has_previous_secret => "stored; the one before it is kept until this one has worked",
            (true, true) => "stored",
        }
    }
}

impl fmt::Display for AppView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.default { " (default)" } else { "" };
        let built_in = if self.built_in { " (built in)" } else { "" };
        writeln!(formatter, "app connection:  {}{default}{built_in}", self.name)?;
        writeln!(formatter, "client id:       {}", self.client_id)?;
        writeln!(formatter, "client secret:   {}", self.secret())?;
        if let Some(set_for) = self.set_for {
            writeln!(formatter, "in force for:    {set_for}")?;
        }
        if !self.scopes.is_empty() {
            writeln!(formatter, "scopes:          {}", self.scopes.join(" "))?;
        }
        write!(formatter, "refresh tokens:  {}", self.refresh_token_policy)?;
        match self.refresh_token_lifetime {
            Some(life) => writeln!(formatter, ", unused for {life} at most"),
            None => writeln!(formatter),
        }
    }
}
