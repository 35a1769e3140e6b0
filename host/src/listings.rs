//! Listings from beginning to end: the contract gives them piece by piece.

use crate::contract::administration::{FabricDescription, GrantDescription};
use crate::contract::{Caller, Error};
use crate::fabric_auth::FabricAuth;

/// Every fabric that a caller may see.
#[derive(Clone, Debug, Default)]
pub struct AllFabrics {
    /// Those that can be read, by name.
    pub fabrics: Vec<FabricDescription>,
    /// The names of those that cannot be read, for cluster admins and operators.
    pub unreadable: Vec<String>,
}

impl FabricAuth {
    /// `list-fabrics`, all pieces.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn all_fabrics(&self, caller: &Caller) -> Result<AllFabrics, Error> {
        let mut all = AllFabrics::default();
        let mut after = None;
        loop {
            let page = self.list_fabrics(caller, after.as_deref()).await?;
            all.fabrics.extend(page.fabrics);
            all.unreadable.extend(page.unreadable);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        all.fabrics.sort_by(|one, other| one.settings.name.cmp(&other.settings.name));
        Ok(all)
    }

    /// `list-grants`, all pieces, by user and workspace.
    ///
    /// # Errors
    /// As in `wit/administration.wit`.
    pub async fn all_grants(&self, caller: &Caller) -> Result<Vec<GrantDescription>, Error> {
        let mut grants = Vec::new();
        let mut after = None;
        loop {
            let page = self.list_grants(caller, after.as_deref()).await?;
            grants.extend(page.grants);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        grants.sort_by(|one, other| (&one.user, &one.workspace).cmp(&(&other.user, &other.workspace)));
        Ok(grants)
    }
}
