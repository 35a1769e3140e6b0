//! The app connections that a tenant has stored, and which of them is the default one.

use crate::contract::Error;
use crate::contract::storage::Precondition;
use crate::core::Core;
use crate::error::{Failure, Result};
use crate::ports::Ports;
use crate::record::{AppConnectionRecord, DefaultAppConnectionRecord, Listed, Stored, Unreadable};
use crate::storage_key;

/// How many records are listed at a time.
const PIECE: u32 = 100;

/// A tenant's stored app connections.
pub(crate) struct AppConnections {
    /// Those that can be read, by name.
    pub records: Vec<Stored<AppConnectionRecord>>,
    /// Those that cannot, and the choice of the default one where that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// Key of the one that was chosen as default. It may be gone.
    pub chosen: Option<String>,
    /// For writing over the choice.
    pub choice: Precondition,
}

impl AppConnections {
    /// Key of the default one. It depends on nothing but what is stored, so that everybody finds the same: the chosen
    /// one, and where that is gone, the first by name. `has_built_in`: there is one that is the default before any was
    /// chosen.
    pub fn default_key(&self, has_built_in: bool) -> Option<&str> {
        let first = || self.records.first().filter(|_| !has_built_in).map(|stored| stored.key.as_str());
        self.chosen.as_deref().filter(|chosen| self.holds(chosen)).or_else(first)
    }

    /// The default one.
    ///
    /// # Errors
    /// When it cannot be read: another one in its place would send people to a client that nobody chose for them.
    pub fn into_default(self, has_built_in: bool) -> Result<Option<Stored<AppConnectionRecord>>> {
        let Some(key) = self.default_key(has_built_in).map(str::to_owned) else { return Ok(None) };
        match self.unreadable.into_iter().find(|unreadable| unreadable.key == key) {
            Some(unreadable) => Err(unreadable.error),
            None => Ok(self.records.into_iter().find(|stored| stored.key == key)),
        }
    }

    /// Whether there is one under this key, be it readable or not.
    pub fn holds(&self, key: &str) -> bool {
        self.records.iter().any(|stored| stored.key == key)
            || self.unreadable.iter().any(|unreadable| unreadable.key == key)
    }
}

impl<P: Ports> Core<P> {
    /// All stored app connections of a tenant.
    pub(crate) async fn stored_app_connections(&self, tenant: &str) -> Result<AppConnections, Failure> {
        let (chosen, choice, mut unreadable) = self.default_choice(tenant).await?;
        let prefix = storage_key::app_connections(tenant);
        let mut records = Vec::new();
        let mut after = None;
        loop {
            let page = self.ports.list(&prefix, after.as_deref(), PIECE).await?;
            let listed = Listed::parse(page.entries);
            records.extend(listed.records);
            unreadable.extend(listed.unreadable);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(AppConnections { records, unreadable, chosen, choice }),
            }
        }
    }

    /// The choice of the default one. One that is damaged chooses none; one that a newer version made is not passed over.
    async fn default_choice(&self, tenant: &str) -> Result<(Option<String>, Precondition, Vec<Unreadable>), Failure> {
        let key = storage_key::default_app_connection(tenant);
        let Some(entry) = self.ports.get(&key).await? else { return Ok((None, Precondition::Absent, Vec::new())) };
        let choice = Precondition::Revision(entry.revision);
        match Stored::<DefaultAppConnectionRecord>::parse(&key, entry) {
            Ok(stored) => Ok((Some(storage_key::app_connection(tenant, &stored.record.name)), choice, Vec::new())),
            Err(error @ Error::Internal(_)) => Ok((None, choice, vec![Unreadable { key, error }])),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn app(name: &str) -> Stored<AppConnectionRecord> {
        Stored {
            record: AppConnectionRecord {
                version: 1,
                name: name.into(),
                client_id: format!("client of {name}"),
                scopes: Vec::new(),
                refresh_token_policy: None,
                refresh_token_lifetime_seconds: None,
                lineage: String::new(),
                client_secret: None,
                secret_history: None,
                unknown: serde_json::Map::new(),
            },
            key: storage_key::app_connection("acme", name),
            revision: 1,
            age: Duration::ZERO,
            unchanged_for: Duration::ZERO,
        }
    }

    fn all(names: &[&str], damaged: &[&str], chosen: Option<&str>) -> AppConnections {
        let key = |name: &&str| storage_key::app_connection("acme", name);
        let unreadable = |name| Unreadable { key: key(name), error: Error::Internal("damaged".into()) };
        AppConnections {
            records: names.iter().map(|name| app(name)).collect(),
            unreadable: damaged.iter().map(unreadable).collect(),
            chosen: chosen.as_ref().map(key),
            choice: Precondition::Absent,
        }
    }

    fn default_of(all: AppConnections, has_built_in: bool) -> Option<String> {
        all.into_default(has_built_in).unwrap().map(|stored| stored.record.name)
    }

    #[test]
    fn the_chosen_one_is_the_default_and_where_it_is_gone_the_first_by_name() {
        assert_eq!(default_of(all(&["a", "b"], &[], Some("b")), false).as_deref(), Some("b"));
        for chosen in [None, Some("gone")] {
            assert_eq!(default_of(all(&["a", "b"], &[], chosen), false).as_deref(), Some("a"));
            assert_eq!(default_of(all(&["a", "b"], &[], chosen), true), None, "the built-in one");
            assert_eq!(default_of(all(&[], &[], chosen), false), None);
        }
    }

    #[test]
    fn a_damaged_one_hides_no_other_and_no_other_takes_the_place_of_a_damaged_default() {
        assert_eq!(default_of(all(&["b"], &["a"], Some("b")), false).as_deref(), Some("b"));
        assert!(matches!(all(&["b"], &["a"], Some("a")).into_default(false), Err(Error::Internal(_))));
    }
}
