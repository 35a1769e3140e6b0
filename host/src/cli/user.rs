//! `fabric-auth user`: who may use the service, and with which API tokens.
//!
//! JSON of `list`: `{"users": [{"name", "kind", "email"?, "cluster_admin", "teams": [{"team", "role"}], "api_tokens":
//! [{"id", "age", "expires_in"?}]}]}`. `add`, `token`: `{"name", "api_token"}`, the token this once. `set`, `remove`:
//! `{"name"}`. `revoke`: `{"name", "revoked"}`.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use fabric_auth::Span;
use fabric_auth::contract::{CallerKind, TeamMembership, TeamRole};
use fabric_auth::service::{ApiToken, User, Users};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};

use super::context::Context;
use super::failure::Failure;
use super::output::write_columns;

#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Add a user, and print an API token for them: for programs, and to sign in to the console with
    Add {
        #[command(flatten)]
        user: Description,
        #[command(flatten)]
        token: TokenLife,
    },
    /// Give a user the role and the teams that are named here, and no others
    Set(Description),
    /// List users, their roles and their API tokens
    List,
    /// Print a further API token for a user
    Token {
        /// The user
        name: String,
        #[command(flatten)]
        token: TokenLife,
    },
    /// Revoke all API tokens of a user, and with them the console sessions that were begun with them
    Revoke {
        /// The user
        name: String,
    },
    /// Remove a user with all API tokens; who has left is then to be ended with `grants end --of-user`
    Remove {
        /// The user
        name: String,
    },
}

/// Who a user is.
#[derive(Args)]
pub(super) struct Description {
    /// Name of the user in Prophecy, or of a process
    name: String,
    /// A process that works unattended (a scheduler, a deployment job) and not a person
    #[arg(long, conflicts_with = "cluster_admin")]
    workload: bool,
    /// E-mail address by which Prophecy knows the person; signing in to Databricks with another one is refused
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Administers the cluster: app connection, everybody's grants, keys, journal
    #[arg(long)]
    cluster_admin: bool,
    /// Team whose fabrics the user may use; may be repeated
    #[arg(id = "member_of", long = "team", value_name = "TEAM")]
    member_of: Vec<String>,
    /// Team whose fabrics the user may also change; may be repeated
    #[arg(long = "team-admin", value_name = "TEAM")]
    admin_of: Vec<String>,
}

/// How long an API token is to last.
#[derive(Args)]
pub(super) struct TokenLife {
    /// How long the API token lasts, such as 90d [default: until it is revoked]
    #[arg(long, value_name = "SPAN")]
    expires_in: Option<Span>,
}

#[derive(Serialize)]
struct IssuedView {
    name: String,
    #[serde(serialize_with = "exposed")]
    api_token: SecretString,
}

#[derive(Serialize)]
struct ChangedView {
    name: String,
    #[serde(skip)]
    now: &'static str,
}

#[derive(Serialize)]
struct RevokedView {
    name: String,
    revoked: usize,
}

#[derive(Serialize)]
struct ListView {
    users: Vec<UserView>,
}

#[derive(Serialize)]
struct UserView {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    cluster_admin: bool,
    teams: Vec<TeamView>,
    api_tokens: Vec<ApiTokenView>,
}

#[derive(Serialize)]
struct TeamView {
    team: String,
    role: &'static str,
}

#[derive(Serialize)]
struct ApiTokenView {
    id: String,
    age: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<Span>,
}

impl UserCommand {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        context.require_operator("Who may use the service")?;
        let tenant = context.config()?.deployment.tenant;
        context
            .with_database(async |database, keys| {
                let users = Users::new(database.storage(), Arc::new(keys.clone()), context.clock(), &tenant);
                self.act(context, &users).await
            })
            .await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn act(self, context: &Context, users: &Users) -> Result<(), Failure> {
        match self {
            Self::Add { user, token } => {
                let user = User::from(user);
                users.add(&user).await?;
                issue(context, users, user.name, token).await
            }
            Self::Set(description) => {
                let user = User::from(description);
                users.replace(&user).await?;
                context.output.show(&ChangedView { name: user.name, now: "has this role and these teams now" })
            }
            Self::List => context.output.show(&list(users).await?),
            Self::Token { name, token } => issue(context, users, name, token).await,
            Self::Revoke { name } => {
                users.get(&name).await?;
                let revoked = users.revoke_api_tokens(&name).await?;
                context.output.show(&RevokedView { name, revoked })
            }
            Self::Remove { name } => {
                users.remove(&name).await?;
                context.output.show(&ChangedView { name, now: "is removed" })
            }
        }
    }
}

async fn issue(context: &Context, users: &Users, name: String, token: TokenLife) -> Result<(), Failure> {
    if token.expires_in == Some(Span::ZERO) {
        return Err(Failure::caller(
            "--expires-in",
            "It must last for a while; leave the option out for a token without an end.",
        ));
    }
    let life = token.expires_in.map(|span| Duration::from_nanos(span.nanoseconds()));
    let api_token = users.issue_api_token(&name, life).await?;
    context.output.note("This is the only time that the API token is shown. A running service knows of it at once.");
    context.output.show(&IssuedView { name, api_token })
}

async fn list(users: &Users) -> Result<ListView, Failure> {
    let mut views = Vec::new();
    for user in users.list().await? {
        let api_tokens = users.api_tokens(&user.name).await?.into_iter().map(ApiTokenView::from).collect();
        views.push(UserView {
            name: user.name,
            kind: if user.kind == CallerKind::Workload { "workload" } else { "person" },
            email: user.email,
            cluster_admin: user.cluster_admin,
            teams: user.teams.into_iter().map(TeamView::from).collect(),
            api_tokens,
        });
    }
    Ok(ListView { users: views })
}

impl From<Description> for User {
    fn from(description: Description) -> Self {
        let membership = |role| move |team| TeamMembership { team, role };
        let Description { name, workload, email, cluster_admin, member_of, admin_of } = description;
        let members = member_of.into_iter().filter(|team| !admin_of.contains(team)).map(membership(TeamRole::Member));
        let teams =
            members.collect::<Vec<_>>().into_iter().chain(admin_of.iter().cloned().map(membership(TeamRole::Admin)));
        Self {
            name,
            kind: if workload { CallerKind::Workload } else { CallerKind::Person },
            email,
            cluster_admin,
            teams: teams.collect(),
        }
    }
}

impl From<TeamMembership> for TeamView {
    fn from(membership: TeamMembership) -> Self {
        let role = if membership.role == TeamRole::Admin { "admin" } else { "member" };
        Self { team: membership.team, role }
    }
}

impl From<ApiToken> for ApiTokenView {
    fn from(token: ApiToken) -> Self {
        Self { id: token.id, age: token.age.into(), expires_in: token.expires_in.map(Span::from) }
    }
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl fmt::Display for IssuedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.api_token.expose_secret())
    }
}

impl fmt::Display for ChangedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} {}", self.name, self.now)
    }
}

impl fmt::Display for RevokedView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "API tokens of {} revoked: {}", self.name, self.revoked)
    }
}

impl fmt::Display for ListView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![["USER", "KIND", "ROLE", "TEAMS", "API TOKENS"].map(str::to_owned)];
        rows.extend(self.users.iter().map(|user| {
            let teams: Vec<String> = user.teams.iter().map(TeamView::to_string).collect();
            let role = if user.cluster_admin { "cluster admin" } else { "" };
            [
                user.name.clone(),
                user.kind.to_owned(),
                role.to_owned(),
                teams.join(", "),
                user.api_tokens.len().to_string(),
            ]
        }));
        write_columns(formatter, &rows)
    }
}

impl fmt::Display for TeamView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.team, if self.role == "admin" { " (admin)" } else { "" })
    }
}
