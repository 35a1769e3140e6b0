//! `fabric-auth serve`: the service, until it is told to end.
//!
//! JSON, once it listens: `{"listening", "console", "gateway"?}`: the address, the URL for browsers, and the
//! gateway's address.

use std::fmt;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use fabric_auth::service::{Running, ServiceParts, Users};
use futures::future::BoxFuture;
use serde::Serialize;

use super::context::{Context, Session};
use super::failure::Failure;

#[derive(Args)]
pub(super) struct Serve;

/// Where the service is.
#[derive(Serialize)]
struct ListeningView {
    listening: SocketAddr,
    console: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        context.require_operator("The service")?;
        context.with_staying_host(async |session, end| serve(context, session, end).await).await?;
        context.output.note("The service has ended; nothing is under way any more.");
        Ok(ExitCode::SUCCESS)
    }
}

async fn serve(context: &Context, session: &Session, end: BoxFuture<'static, ()>) -> Result<(), Failure> {
    let deployment = &session.config.deployment;
    let running = Running::bind(ServiceParts {
        host: session.host.clone(),
        database: session.database.as_ref(),
        keys: session.keys.clone(),
        clock: context.clock(),
        tenant: deployment.tenant.clone(),
        base_url: deployment.base_url.clone(),
        redirect_urls: deployment.redirect_urls.clone(),
        settings: session.config.service.clone(),
    })
    .await?;
    let console = deployment.base_url.clone();
    let gateway = running.gateway_address();
    context.output.show(&ListeningView { listening: running.address(), console, gateway })?;
    let keys = Arc::new(session.keys.clone());
    if Users::new(session.database.storage(), keys, context.clock(), &deployment.tenant).is_empty().await? {
        context.output.note(
            "Nobody can sign in yet. In another terminal, in this folder: `fabric-auth user add NAME --cluster-admin` \
             prints an API token; the console asks for it.",
        );
    }
    running.serve(end).await;
    Ok(())
}

impl fmt::Display for ListeningView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "listening: {}", self.listening)?;
        writeln!(formatter, "console:   {}", self.console)?;
        self.gateway.map_or(Ok(()), |gateway| writeln!(formatter, "gateway:   {gateway}"))
    }
}
