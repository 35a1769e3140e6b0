//! Sending the refresh token: with the client secret in force, and where that one is refused, with the one before it.
//!
//! A well-formed `invalid_client` proves that the client failed before its refresh token was looked at, and nothing else
//! does. The second request is a renewal's last, and has a claim of its own: it is under the same watch as the first.

use std::time::Duration;

use super::claiming::Claimed;
use super::{Prepared, Seen};
use crate::app_connections::AppConnection;
use crate::core::Core;
use crate::exchange::TOKEN_DEADLINE;
use crate::ports::Ports;
use crate::record::{GrantRecord, Stored};
use crate::secret::ClientSecret;
use crate::token_call::TokenCallFailure;
use crate::token_failure::GrantType;
use crate::token_reply::TokenReply;
use crate::token_request::{self, Client};

/// A request with the refresh token, and what came of it.
pub(super) struct Asked {
    /// The claim under which it was sent.
    pub claimed: Claimed,
    /// When it was sent.
    pub at: Duration,
    /// The answer.
    pub answer: Result<TokenReply, TokenCallFailure>,
    /// Whether it was sent with the previous client secret, after the present one was refused.
    pub by_previous: bool,
}

impl<P: Ports> Core<P> {
    /// Sends the refresh token; once more where the client secret is refused and there is one before it.
    pub(super) async fn send_refresh_token(&self, claimed: Claimed, app: &AppConnection, prepared: &Prepared) -> Asked {
        let present = prepared.secrets.present.as_ref();
        let first = self.present(claimed, app, prepared, present, TOKEN_DEADLINE).await;
        let refused = first.answer.as_ref().is_err_and(TokenCallFailure::is_invalid_client);
        let Some(previous) = prepared.secrets.previous.as_ref().filter(|_| refused) else { return first };
        let Some(claimed) = self.claim_again(&first.claimed, &prepared.tokens.writer).await else { return first };
        // Both requests together take no longer than one may: every bound on a renewal holds as it does for one.
        let both = self.policy.until_sent.saturating_add(TOKEN_DEADLINE);
        let deadline = both.saturating_sub(self.since(first.claimed.began)).min(TOKEN_DEADLINE);
        Asked { by_previous: true, ..self.present(claimed, app, prepared, Some(previous), deadline).await }
    }

    /// Sends one request.
    async fn present(
        &self,
        claimed: Claimed,
        app: &AppConnection,
        prepared: &Prepared,
        secret: Option<&ClientSecret>,
        deadline: Duration,
    ) -> Asked {
        let client = Client { id: &app.client_id, secret };
        let request = token_request::refresh_token(&prepared.token_endpoint, &client, &prepared.refresh_token);
        let workspace = &claimed.seen.stored.record.workspace;
        let at = self.ports.monotonic();
        let answer = self.request_token_within(deadline, GrantType::RefreshToken, request, workspace).await;
        Asked { claimed, at, answer, by_previous: false }
    }

    /// Claims once more after a request that spent nothing. `None` when the grant has changed hands, or this host or its
    /// store is too slow for another request; what the first one was answered then stands.
    async fn claim_again(&self, first: &Claimed, writer: &str) -> Option<Claimed> {
        if !self.policy.claims_again {
            return Some(first.clone());
        }
        if self.since(first.began) >= self.policy.asks_again_within {
            return None;
        }
        // The first request does not count as one of unknown outcome.
        let Seen { stored, at } = &first.seen;
        let record = GrantRecord { claim: None, ..stored.record.clone() };
        let answered = Seen { stored: Stored { record, ..stored.clone() }, at: *at };
        let again = self.claim(&answered, writer).await.ok()??;
        self.confirm(again).await.ok()?
    }
}
