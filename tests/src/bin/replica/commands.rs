//! What a host process can be asked to do.

use fabric_auth::FabricAuth;
use fabric_auth::contract::{Activity, Error};
use fabric_auth_tests::{DEV, Outcome, app_settings, cluster_admin, fabric_settings, member, team_admin};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use simulated_workspace::{App, ClientType};

/// Does what a command says.
pub async fn perform(host: &FabricAuth, command: &str) -> Outcome {
    let words: Vec<&str> = command.split_whitespace().collect();
    let result = match *words.as_slice() {
        ["administer", workspace, client_id, secret_file] => administer(host, workspace, client_id, secret_file).await,
        ["sign-in", user, fabric] => sign_in(host, user, fabric).await,
        ["sign-out", user, fabric] => sign_out(host, user, fabric).await,
        ["token", user, fabric] => token(host, user, fabric).await,
        _ => Err(failed("unknown-command", command)),
    };
    result.unwrap_or_else(|refusal| refusal)
}

async fn administer(host: &FabricAuth, workspace: &str, client_id: &str, secret: &str) -> Result<Outcome, Outcome> {
    let secret = tokio::fs::read_to_string(secret).await.map_err(|error| failed("secret-file", &error.to_string()))?;
    let secret = SecretString::from(secret);
    let app = App { client_id: client_id.to_owned(), client_type: ClientType::Confidential, ..App::default() };
    let (cluster_admin, team_admin) = (cluster_admin(), team_admin());
    let set = host.set_app_connection(&cluster_admin, app_settings(&app), Some(&secret));
    set.await.map_err(|error| told(&error))?;
    let put = host.put_fabric(&team_admin, fabric_settings(DEV, workspace), None, None);
    put.await.map_err(|error| told(&error))?;
    Ok(Outcome::Done)
}

async fn sign_in(host: &FabricAuth, user: &str, fabric: &str) -> Result<Outcome, Outcome> {
    let (caller, user_name) = (member(user), format!("{user}@example.com"));
    let begun = host.begin_sign_in(&caller, fabric, None).await;
    let (url, binding, _) = begun.map_err(|error| told(&error))?;
    let on_the_page = simulated_workspace::sign_in_as(url.expose_secret(), &user_name);
    let callback = on_the_page.await.map_err(|error| failed("sign-in-page", &error.to_string()))?;
    let query = callback.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let completed = host.complete_sign_in(&caller, &query.into(), &binding).await;
    completed.map_err(|error| told(&error))?;
    Ok(Outcome::Done)
}

async fn sign_out(host: &FabricAuth, user: &str, fabric: &str) -> Result<Outcome, Outcome> {
    host.sign_out(&member(user), fabric).await.map_err(|error| told(&error))?;
    Ok(Outcome::Done)
}

async fn token(host: &FabricAuth, user: &str, fabric: &str) -> Result<Outcome, Outcome> {
    let served = host.access_token(&member(user), fabric, Activity::PipelineDevelopment).await;
    let (token, description) = served.map_err(|error| told(&error))?;
    let digest = Sha256::digest(token.expose_secret());
    let digest = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(Outcome::Token { generation: description.reference.generation, digest })
}

/// What an error of the component comes to.
fn told(error: &Error) -> Outcome {
    match error {
        Error::SignInRequired(required) => {
            let reason = format!("{:?}", required.reason);
            Outcome::SignInRequired { reason: reason.rsplit("::").next().unwrap_or_default().to_owned() }
        }
        error => failed(error.case(), error.message()),
    }
}

fn failed(case: &str, message: &str) -> Outcome {
    Outcome::Failed { case: case.to_owned(), message: message.to_owned() }
}
