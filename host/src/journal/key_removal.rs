//! Before a key is taken out of the ring: what it has signed in the journal must stay verifiable without it.
//!
//! A MAC under another key vouches for everything before it in its chain. So it is enough to sign the end of each chain
//! anew, its mark, and a few places in between.

use super::ledger::{Entry, Ledger, PAGE_LIMIT};
use super::link::{Link, Signed, signing_key};
use super::retention::WAYPOINTS_EVERY;
use super::verification::verify;
use crate::keys::{DerivedKey, MasterKeys};

/// Signs anew, with the primary key, what only this key vouches for. Gives how many places that were. For a key that is not
/// the primary.
///
/// # Errors
/// A sentence for the operator, when the journal cannot be read or written, or is not as the hosts have written it: a new
/// signature would cover that up.
pub async fn release_key(ledger: &dyn Ledger, keys: &dyn MasterKeys, key_id: &str) -> Result<u64, String> {
    let primary = signing_key(keys).await?;
    let mut places = Vec::new();
    let mut count: u64 = 0;
    let mut host = ledger.next_host(None).await?;
    while let Some(name) = host {
        count = count.saturating_add(collect(ledger, &name, key_id, &mut places).await?);
        host = ledger.next_host(Some(&name)).await?;
    }
    if count == 0 && places.is_empty() {
        return Ok(0);
    }
    // Without the key nobody can find out any more.
    if let Some(problem) = verify(ledger, keys, None).await?.problems.first() {
        return Err(format!(
            "the journal is not as it was written ({problem}); `fabric-auth journal verify` tells more"
        ));
    }
    let mut signed_anew: u64 = 0;
    for (signed, link) in places {
        sign(ledger, signed, link, &primary).await?;
        signed_anew = signed_anew.saturating_add(1);
    }
    Ok(signed_anew)
}

/// Adds the places of a chain that are to be signed anew. Gives how many events are signed with the key.
async fn collect(
    ledger: &dyn Ledger,
    host: &str,
    key_id: &str,
    places: &mut Vec<(Signed, Link)>,
) -> Result<u64, String> {
    let stored = ledger.chain(host).await?;
    let last = stored.last.as_ref().and_then(|last| last.link.as_ref()).map(|link| link.position);
    let mut position = stored.marked();
    places.extend(stored.mark.filter(|mark| mark.key_id == key_id).map(|mark| (Signed::Mark, mark)));
    let mut count: u64 = 0;
    loop {
        let page = ledger.links(host, position, PAGE_LIMIT).await?;
        let Some(Entry { link: Some(end), .. }) = page.last() else { return Ok(count) };
        position = end.position;
        for link in page.into_iter().filter_map(|entry| entry.link).filter(|link| link.key_id == key_id) {
            count = count.saturating_add(1);
            // A host that has not yet seen the new primary key may have written more meanwhile.
            if link.position % WAYPOINTS_EVERY == 0 || last.is_none_or(|last| link.position >= last) {
                places.push((Signed::Event, link));
            }
        }
    }
}

async fn sign(ledger: &dyn Ledger, signed: Signed, link: Link, key: &DerivedKey) -> Result<(), String> {
    let anew = Link::sign(signed, &link.host, link.position, link.digest, key);
    if ledger.sign_anew(signed, &anew).await? {
        return Ok(());
    }
    Err(format!("event {} of the chain {:?} changed meanwhile; try again", link.position, link.host))
}
