//! Before a key is taken out of the ring: what it has signed in the journal must stay verifiable without it.
//!
//! A MAC that is made here, after everything was checked, vouches for everything before it in its chain. So it is enough to
//! sign the mark anew, the last event of each run that the key has signed if none behind it vouches already, and a few
//! places in between.

use super::ledger::{Entry, Ledger, PAGE_LIMIT};
use super::link::{Link, Signatures, Signed, Verdict, signing_key};
use super::report::Problem;
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
    let (mut signatures, mut places) = (Signatures::new(keys), Vec::new());
    let mut count: u64 = 0;
    let mut host = ledger.next_host(None).await?;
    while let Some(name) = host {
        count = count.saturating_add(collect(ledger, &mut signatures, &name, key_id, &mut places).await?);
        host = ledger.next_host(Some(&name)).await?;
    }
    if count == 0 && places.is_empty() {
        return Ok(0);
    }
    // Without the key nobody can find out any more. What is wrong with other chains is not covered up by this.
    let report = verify(ledger, keys, None).await?;
    let is_of_these =
        |problem: &&Problem| problem.host.as_ref().is_none_or(|host| places.iter().any(|(_, link)| link.host == *host));
    if let Some(problem) =
        report.problems.iter().find(is_of_these).or(report.problems.first().filter(|_| report.more_problems > 0))
    {
        return Err(format!(
            "the journal is not as it was written ({problem}); `fabric-auth journal verify` tells more"
        ));
    }
    let mut signed_anew: u64 = 0;
    for (signed, link) in places {
        // What was read before the check may have been put there for that moment only.
        let before = if signed == Signed::Mark { Signed::Mark } else { Signed::Event };
        if !signatures.check(before, &link).await?.is_authentic() {
            return Err(changed_meanwhile(&link));
        }
        sign(ledger, signed, link, &primary).await?;
        signed_anew = signed_anew.saturating_add(1);
    }
    Ok(signed_anew)
}

/// Adds the places of a chain that are to be signed anew. Gives how many events are signed with the key.
async fn collect(
    ledger: &dyn Ledger,
    signatures: &mut Signatures<'_>,
    host: &str,
    key_id: &str,
    places: &mut Vec<(Signed, Link)>,
) -> Result<u64, String> {
    let stored = ledger.chain(host).await?;
    let mut position = stored.marked();
    places.extend(stored.mark.filter(|mark| mark.key_id == key_id).map(|mark| (Signed::Mark, mark)));
    let (mut count, mut former): (u64, Option<Link>) = (0, None);
    loop {
        let page = ledger.links(host, position, PAGE_LIMIT).await?;
        let Some(Entry { link: Some(end), .. }) = page.last() else {
            places.extend(former.map(|end| (Signed::Vouch, end)));
            return Ok(count);
        };
        position = end.position;
        for link in page.into_iter().filter_map(|entry| entry.link) {
            let goes_on = link.key_id == key_id;
            if let Some(former) = former.take()
                && (former.position % WAYPOINTS_EVERY == 0
                    || !goes_on && signatures.check(Signed::Event, &link).await? != Verdict::Vouching)
            {
                places.push((Signed::Vouch, former));
            }
            if goes_on {
                count = count.saturating_add(1);
                former = Some(link);
            }
        }
    }
}

async fn sign(ledger: &dyn Ledger, signed: Signed, link: Link, key: &DerivedKey) -> Result<(), String> {
    let anew = Link::sign(signed, &link.host, link.position, link.digest, key);
    if ledger.sign_anew(signed, &anew).await? {
        return Ok(());
    }
    Err(changed_meanwhile(&anew))
}

fn changed_meanwhile(link: &Link) -> String {
    format!("event {} of the chain {:?} changed meanwhile; try again", link.position, link.host)
}
