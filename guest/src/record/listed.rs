//! Records of a listing, with those apart that cannot be read.

use super::{Record, Stored};
use crate::contract::Error;
use crate::contract::storage::Entry;

/// A record that cannot be read. It stays as it is: what is in it may yet be saved.
pub struct Unreadable {
    /// Where it stands.
    pub key: String,
    /// Why: `internal` when it is damaged or in another's place, `unavailable` when a newer version wrote it.
    pub error: Error,
}

impl Unreadable {
    /// Whether nobody can read it. A newer version can read what it wrote.
    pub fn is_damaged(&self) -> bool {
        matches!(self.error, Error::Internal(_))
    }
}

/// What a listing gave. A record that cannot be read does not stand in the way of the others.
pub struct Listed<T> {
    /// What can be read, in the order of the listing.
    pub records: Vec<Stored<T>>,
    /// What cannot.
    pub unreadable: Vec<Unreadable>,
}

impl<T: Record> Listed<T> {
    /// Takes the entries of a listing apart.
    pub fn parse(entries: Vec<(String, Entry)>) -> Self {
        let mut listed = Self { records: Vec::new(), unreadable: Vec::new() };
        for (key, entry) in entries {
            match Stored::parse(&key, entry) {
                Ok(stored) => listed.records.push(stored),
                Err(error) => listed.unreadable.push(Unreadable { key, error }),
            }
        }
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::DefaultAppConnectionRecord;

    fn entry(value: &str) -> Entry {
        Entry { value: value.into(), revision: 1, tag: None, age: 0, unchanged_for: 0 }
    }

    #[test]
    fn a_record_that_cannot_be_read_does_not_hide_those_around_it() {
        let listed = Listed::<DefaultAppConnectionRecord>::parse(vec![
            ("a".into(), entry(r#"{"version":1,"name":"first"}"#)),
            ("b".into(), entry("{")),
            ("c".into(), entry(r#"{"version":2,"name":"newer"}"#)),
            ("d".into(), entry(r#"{"version":1,"name":"last"}"#)),
        ]);
        let names: Vec<_> = listed.records.iter().map(|stored| stored.record.name.as_str()).collect();
        assert_eq!(names, ["first", "last"]);
        let why: Vec<_> = listed.unreadable.iter().map(|record| (record.key.as_str(), record.error.case())).collect();
        assert_eq!(why, [("b", "internal"), ("c", "unavailable")]);
    }
}
