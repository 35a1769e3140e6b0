//! What this deployment offers: how fabrics may authenticate, and what stands in the way.

use crate::app_connections::{AppConnection, DEFAULT_SESSION};
use crate::contract::databricks_oauth::{AuthenticationMethod, AuthenticationOffer, Registration, SessionControl};
use crate::contract::{Authentication, Caller, Error};
use crate::core::Core;
use crate::error::{Result, nanoseconds};
use crate::permissions;
use crate::ports::Ports;

impl<P: Ports> Core<P> {
    /// `databricks-oauth.authentication-methods`.
    pub async fn authentication_methods(&self, caller: &Caller) -> Result<AuthenticationOffer> {
        permissions::check_caller(caller)?;
        let deployment = self.deployment()?;
        let app = match self.app_connection(&deployment, &caller.tenant, None).await.map_err(Error::from) {
            Ok(app) => Ok(app),
            // No statement about the method: it may be fine, and the caller asks again.
            Err(error @ Error::Unavailable(_)) => return Err(error),
            Err(error) => Err(error),
        };
        Ok(offer(app))
    }
}

/// The offer, by the default app connection or what is wrong with it.
fn offer(app: Result<AppConnection>) -> AuthenticationOffer {
    let registration = match &app {
        Ok(app) if app.is_built_in() => Registration::NotNeeded,
        Err(Error::AppConnectionMissing(_)) => Registration::Needed,
        // On SaaS without its app connection it is for whoever operates Prophecy to act.
        Err(Error::Misconfigured(_)) => Registration::NotNeeded,
        // One that is set and cannot be read was registered all the same.
        Ok(_) | Err(_) => Registration::Done,
    };
    let session_control = match registration {
        Registration::NotNeeded => SessionControl::Nobody,
        Registration::Done | Registration::Needed => SessionControl::DatabricksAccountAdmin,
    };
    let session_lifetime = nanoseconds(app.as_ref().map_or(DEFAULT_SESSION, AppConnection::session));
    let methods = vec![
        AuthenticationMethod { method: Authentication::Oauth, problem: app.err() },
        // Nothing has to be set up for these: everybody enters their own.
        AuthenticationMethod { method: Authentication::PersonalAccessToken, problem: None },
    ];
    AuthenticationOffer { methods, registration, session_control, session_lifetime }
}
