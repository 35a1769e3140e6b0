//! What to do when Databricks rejects a request that carried a token of ours.

use std::time::Duration;

use crate::api_call::refused;
use crate::api_failure::{self, ApiFailure};
use crate::contract::databricks_oauth::{Rejection, RejectionVerdict};
use crate::contract::journal::Action;
use crate::contract::{Activity, Caller, Error, TokenReference};
use crate::core::{Core, event};
use crate::error::Result;
use crate::peer_answer::PeerAnswer;
use crate::ports::Ports;
use crate::record::{GrantRecord, Stored, WRITE_ATTEMPTS, Written};

/// How much of a body is looked at.
const LONGEST_BODY: usize = 16 * 1024;

impl<P: Ports> Core<P> {
    /// `databricks-oauth.report-rejection`.
    pub async fn report_rejection(
        &self,
        caller: &Caller,
        fabric: &str,
        activity: Activity,
        token: &TokenReference,
        rejection: Rejection,
    ) -> Result<RejectionVerdict> {
        if !(300..600).contains(&rejection.status) {
            return Err(Error::invalid("rejection.status", "This must be the status of a refusal: 300 to 599."));
        }
        let holder = self.holder(caller, fabric, activity).await?;
        let body = rejection.body.get(..LONGEST_BODY).unwrap_or(&rejection.body);
        let answer = PeerAnswer::read(rejection.status, None, body);
        match api_failure::classify(&answer, rejection.location.as_deref()) {
            ApiFailure::TokenRejected => {
                let verdict = match holder.is_personal_access_token() {
                    true => self.reject_personal_access_token(&holder.grant, token).await?,
                    false => self.reject(&holder.grant, token).await?,
                };
                // Also where another host has replaced the token: this one may still remember it.
                self.tokens.borrow_mut().invalidate(std::slice::from_ref(&holder.grant));
                if verdict == RejectionVerdict::TokenRejected {
                    let mut entry = event(caller, Action::TokenRejected);
                    entry.fabric = Some(holder.fabric.record.name.clone());
                    entry.workspace = Some(holder.fabric.record.workspace.clone());
                    entry.token = Some(token.clone());
                    self.journal(entry).await;
                }
                Ok(verdict)
            }
            ApiFailure::Other { .. } | ApiFailure::NotFound | ApiFailure::Unavailable => {
                Ok(RejectionVerdict::TokenNotConcerned)
            }
            failure => Err(refused(failure, rejection.status, &holder.fabric.record.workspace, None)),
        }
    }

    /// Takes a token out of service, if it is the one in force: its record keeps everything but the token, so that the
    /// next caller has it renewed. No host serves it again.
    async fn reject(&self, key: &str, token: &TokenReference) -> Result<RejectionVerdict> {
        let read_at = self.ports.monotonic();
        let mut stored: Option<Stored<GrantRecord>> = self.read(key).await?;
        for _ in 0..WRITE_ATTEMPTS {
            let Some(grant) = stored else { return Ok(RejectionVerdict::AlreadyReplaced) };
            if grant.record.lineage != token.lineage || grant.record.generation != token.generation {
                return Ok(RejectionVerdict::AlreadyReplaced);
            }
            if grant.record.access_token.is_none() {
                return Ok(RejectionVerdict::TokenRejected);
            }
            let mut record = grant.counted_down(self.ports.monotonic().saturating_sub(read_at));
            record.access_token = None;
            record.remaining = Duration::ZERO;
            record.writer = self.random_name();
            let tag = record.claim.as_ref().map(|claim| claim.id.clone());
            match self.write(key, &record, tag, grant.precondition()).await? {
                Written::Done(_) => return Ok(RejectionVerdict::TokenRejected),
                Written::Lost(now) => stored = now,
            }
        }
        Err(Error::unavailable("The grant keeps being changed from elsewhere. Try again.", None))
    }
}
