//! Import `journal`, over [`crate::journal`].

use wasmtime::Result;
use wasmtime::component::Accessor;

use super::{CAUSE_IN_LOG, Imports, parts};
use crate::bindings::prophecy::fabric_auth::journal::{Action, Event, Host, HostWithStore, Outcome};
use crate::journal as backend;
use crate::runtime::State;

impl Host for &mut State {}

impl<T: Send> HostWithStore<T> for Imports {
    async fn record(accessor: &Accessor<T, Self>, event: Event) -> Result<Result<(), String>> {
        let parts = parts(accessor);
        Ok(parts.journal.record(event.into()).await.map_err(|_| CAUSE_IN_LOG.to_owned()))
    }
}

impl From<Event> for backend::Event {
    fn from(event: Event) -> Self {
        Self {
            tenant: event.tenant,
            actor: event.actor,
            on_behalf_of: event.on_behalf_of,
            action: event.action.into(),
            fabric: event.fabric,
            workspace: event.workspace,
            databricks_user: event.databricks_user,
            token: event
                .token
                .map(|token| backend::TokenReference { lineage: token.lineage, generation: token.generation }),
            outcome: match event.outcome {
                Outcome::Succeeded => backend::Outcome::Succeeded,
                Outcome::Failed(case) => backend::Outcome::Failed(case),
            },
        }
    }
}

impl From<Action> for backend::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::AppConnectionSet => Self::AppConnectionSet,
            Action::AppConnectionRemoved => Self::AppConnectionRemoved,
            Action::AppConnectionSecretRefused => Self::AppConnectionSecretRefused,
            Action::FabricCreated => Self::FabricCreated,
            Action::FabricChanged => Self::FabricChanged,
            Action::FabricRemoved => Self::FabricRemoved,
            Action::SignInBegun => Self::SignInBegun,
            Action::SignInCompleted => Self::SignInCompleted,
            Action::SignOut => Self::SignOut,
            Action::Renewal => Self::Renewal,
            Action::ServicePrincipalToken => Self::ServicePrincipalToken,
            Action::ServicePrincipalUsed => Self::ServicePrincipalUsed,
            Action::TokenRejected => Self::TokenRejected,
            Action::LateReplyDropped => Self::LateReplyDropped,
            Action::GrantEnded => Self::GrantEnded,
            Action::PersonalAccessTokenSet => Self::PersonalAccessTokenSet,
            Action::PersonalAccessTokenRemoved => Self::PersonalAccessTokenRemoved,
            Action::RestoredGrantMarked => Self::RestoredGrantMarked,
            Action::ConnectionTested => Self::ConnectionTested,
            Action::Resealed => Self::Resealed,
            Action::AppConnectionUnreadable => Self::AppConnectionUnreadable,
            Action::FabricUnreadable => Self::FabricUnreadable,
            Action::GrantUnreadable => Self::GrantUnreadable,
            Action::ServicePrincipalSecretEnding => Self::ServicePrincipalSecretEnding,
            Action::SessionEnding => Self::SessionEnding,
        }
    }
}
