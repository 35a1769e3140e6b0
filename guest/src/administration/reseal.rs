//! Resealing: what is sealed under older master keys is opened and sealed under the primary one.

use std::time::Duration;

use super::{cursor, next_cursor, unknown_cursor};
use crate::app_connections::client_secret_binding;
use crate::contract::administration::ResealProgress;
use crate::contract::journal::Action;
use crate::contract::storage::Entry;
use crate::contract::{Caller, Error};
use crate::core::{Core, event};
use crate::error::Result;
use crate::fabrics::{credentials_place, service_principal_secret_binding};
use crate::grants::{ACCESS_TOKEN, IDENTITY, REFRESH_TOKEN};
use crate::permissions;
use crate::personal_access_token::token_place;
use crate::ports::Ports;
use crate::record::{
    AppConnectionRecord, FabricRecord, GrantRecord, PersonalAccessTokenRecord, PreviousSecret, Record, Stored,
    Unreadable, Written,
};
use crate::sealing::{self, Binding};
use crate::storage_key;

/// How many records one call looks at.
const PIECE: u32 = 50;

/// What became of a record.
enum Resealed {
    /// It is sealed under the primary key now.
    Done,
    /// It was already.
    Current,
    /// It is in flight.
    Skipped,
    /// It cannot be read, or something sealed in it does not open.
    Unreadable(Error),
}

/// A record as it was listed.
struct Listing {
    entry: Entry,
    /// From when on it grows older than the entry says. Right before the listing was asked for, since other records
    /// come first and may take long.
    at: Duration,
}

/// A kind of records that hold sealed values.
struct Kind {
    /// Prefix of a tenant's records.
    prefix: fn(&str) -> String,
    /// What is written down of one that cannot be read.
    unreadable: Action,
}

/// The kinds, in the order they are gone through. Pending sign-ins are not among them: they are gone in ten minutes.
const KINDS: [Kind; 5] = [
    Kind { prefix: storage_key::app_connections, unreadable: Action::AppConnectionUnreadable },
    Kind { prefix: storage_key::fabrics, unreadable: Action::FabricUnreadable },
    Kind { prefix: storage_key::person_grants, unreadable: Action::GrantUnreadable },
    Kind { prefix: storage_key::service_principal_grants, unreadable: Action::GrantUnreadable },
    Kind { prefix: storage_key::personal_access_tokens, unreadable: Action::GrantUnreadable },
];

impl<P: Ports> Core<P> {
    /// `administration.reseal`.
    pub async fn reseal(&self, caller: &Caller, after: Option<&str>) -> Result<ResealProgress> {
        permissions::check_caller(caller)?;
        permissions::administer_deployment(caller)?;
        let prefixes = KINDS.map(|kind| (kind.prefix)(&caller.tenant));
        let (kind, after) = cursor(&prefixes, after)?;
        let (Some(prefix), Some(Kind { unreadable, .. })) = (prefixes.get(kind), KINDS.get(kind)) else {
            return Err(unknown_cursor());
        };
        let primary = self.prepare_seal().await?.key_id().to_owned();
        let listed_at = self.ports.monotonic();
        let page = self.ports.list(prefix, after.as_deref(), PIECE).await?;
        let mut progress = ResealProgress { resealed: 0, current: 0, skipped: 0, unreadable: 0, next: None };
        for (key, entry) in page.entries {
            let listing = Listing { entry, at: listed_at };
            match self.reseal_entry(&caller.tenant, kind, &key, listing, &primary).await? {
                Resealed::Done => progress.resealed += 1,
                Resealed::Current => progress.current += 1,
                Resealed::Skipped => progress.skipped += 1,
                Resealed::Unreadable(error) => {
                    progress.unreadable += 1;
                    self.journal_unreadable(&caller.tenant, *unreadable, &Unreadable { key, error }).await;
                }
            }
        }
        progress.next = next_cursor(KINDS.len(), kind, page.next);
        if progress.next.is_none() {
            self.journal(event(caller, Action::Resealed)).await;
        }
        Ok(progress)
    }

    async fn reseal_entry(
        &self,
        tenant: &str,
        kind: usize,
        key: &str,
        listing: Listing,
        primary: &str,
    ) -> Result<Resealed> {
        let Listing { entry, at } = listing;
        let tag = entry.tag.clone();
        let resealed = match kind {
            0 => match Stored::parse(key, entry) {
                Ok(stored) => self.reseal_app_connection(tenant, stored, primary).await,
                Err(error) => return Ok(Resealed::Unreadable(error)),
            },
            1 => match Stored::parse(key, entry) {
                Ok(stored) => self.reseal_fabric(tenant, stored, at, primary).await,
                Err(error) => return Ok(Resealed::Unreadable(error)),
            },
            4 => match Stored::parse(key, entry) {
                Ok(stored) => self.reseal_personal_access_token(tenant, stored, primary).await,
                Err(error) => return Ok(Resealed::Unreadable(error)),
            },
            _ => match Stored::parse(key, entry) {
                Ok(stored) => self.reseal_grant(tenant, stored, at, tag, primary).await,
                Err(error) => return Ok(Resealed::Unreadable(error)),
            },
        };
        match resealed {
            // Something in it does not open, which says nothing of the records after it.
            Err(error @ Error::Internal(_)) => Ok(Resealed::Unreadable(error)),
            resealed => resealed,
        }
    }

    async fn reseal_app_connection(
        &self,
        tenant: &str,
        stored: Stored<AppConnectionRecord>,
        primary: &str,
    ) -> Result<Resealed> {
        let mut record = stored.record.clone();
        let binding = client_secret_binding(tenant, &stored.key, &record.lineage);
        let mut changed = self.reseal_field(&mut record.client_secret, &binding, primary).await?;
        // What is known of another secret is of no use, and what is sealed in it would keep a key needed.
        changed |= record.secret_history.is_some() && record.history().is_none();
        let mut history = stored.history_now();
        if let Some(PreviousSecret { lineage, client_secret }) = history.previous.take() {
            let binding = client_secret_binding(tenant, &stored.key, &lineage);
            let mut sealed = Some(client_secret);
            // A fallback that does not open is none, and holds nothing up.
            match self.reseal_field(&mut sealed, &binding, primary).await {
                Ok(resealed) => changed |= resealed,
                Err(Error::Internal(_)) => (sealed, changed) = (None, true),
                Err(error) => return Err(error),
            }
            history.previous = sealed.map(|client_secret| PreviousSecret { lineage, client_secret });
        }
        record.secret_history = Some(history);
        self.put_back(&stored, record, None, changed).await
    }

    async fn reseal_fabric(
        &self,
        tenant: &str,
        stored: Stored<FabricRecord>,
        listed_at: Duration,
        primary: &str,
    ) -> Result<Resealed> {
        let mut service_principal_secret = stored.record.service_principal_secret.clone();
        let place = credentials_place(&stored.record);
        let binding = service_principal_secret_binding(tenant, &stored.key, &stored.record.lineage, &place);
        let changed = self.reseal_field(&mut service_principal_secret, &binding, primary).await?;
        let counted = stored.counted_down(self.ports.monotonic().saturating_sub(listed_at));
        self.put_back(&stored, FabricRecord { service_principal_secret, ..counted }, None, changed).await
    }

    /// A grant with a young claim is in flight: its owner holds prepared seals for it and will write soon. A claim that
    /// has stood for longer was interrupted. It stays, with its tag, until somebody takes the renewal over. Here the age
    /// of the record is proof enough, since resealing one that is in flight after all costs nothing: new tokens are
    /// stored over a record that was only resealed.
    async fn reseal_grant(
        &self,
        tenant: &str,
        stored: Stored<GrantRecord>,
        listed_at: Duration,
        tag: Option<String>,
        primary: &str,
    ) -> Result<Resealed> {
        if stored.record.claim.is_some() && stored.age < self.policy.takeover_after {
            return Ok(Resealed::Skipped);
        }
        let mut record = stored.record.clone();
        let mut changed = false;
        for (field, sealed) in [
            (IDENTITY, &mut record.identity),
            (ACCESS_TOKEN, &mut record.access_token),
            (REFRESH_TOKEN, &mut record.refresh_token),
        ] {
            changed |= self.reseal_field(sealed, &stored.binding(tenant, field), primary).await?;
        }
        let counted = stored.counted_down(self.ports.monotonic().saturating_sub(listed_at));
        let record = GrantRecord {
            identity: record.identity,
            access_token: record.access_token,
            refresh_token: record.refresh_token,
            ..counted
        };
        self.put_back(&stored, record, tag, changed).await
    }

    async fn reseal_personal_access_token(
        &self,
        tenant: &str,
        stored: Stored<PersonalAccessTokenRecord>,
        primary: &str,
    ) -> Result<Resealed> {
        let mut record = stored.record.clone();
        let place = token_place(&stored.record);
        let mut identity = Some(record.identity);
        let changed = self.reseal_field(&mut identity, &stored.identity_binding(tenant), primary).await?
            | self.reseal_field(&mut record.token, &stored.token_binding(tenant, &place), primary).await?;
        let record = PersonalAccessTokenRecord { identity: identity.unwrap_or_default(), ..record };
        self.put_back(&stored, record, None, changed).await
    }

    /// Opens and seals one field anew, unless it is under the primary key. Gives whether it was changed.
    async fn reseal_field(&self, field: &mut Option<String>, binding: &Binding<'_>, primary: &str) -> Result<bool> {
        let Some(sealed) = field.as_deref() else { return Ok(false) };
        let under_primary = sealing::parse(sealed).is_ok_and(|sealed| sealed.wrapped_key().key_id == primary);
        if under_primary {
            return Ok(false);
        }
        let plaintext = self.open(binding, sealed).await?;
        *field = Some(self.seal(binding, plaintext.as_bytes()).await?);
        Ok(true)
    }

    async fn put_back<T: Record>(
        &self,
        stored: &Stored<T>,
        record: T,
        tag: Option<String>,
        changed: bool,
    ) -> Result<Resealed> {
        if !changed {
            return Ok(Resealed::Current);
        }
        match self.write(&stored.key, &record, tag, stored.precondition()).await? {
            Written::Done(_) => Ok(Resealed::Done),
            Written::Lost(_) => Ok(Resealed::Skipped),
        }
    }
}
