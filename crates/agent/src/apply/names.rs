//! The names of versions, for proxies that look them up only when they load their files.

use std::{net::IpAddr, time::Duration};

use tokio::{
    net::lookup_host,
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use super::Names;

/// The longest time of one question.
const LIMIT: Duration = Duration::from_secs(3);
/// The longest time of all questions. Names that were not asked by then count as unresolved.
const LIMIT_OF_ALL: Duration = Duration::from_secs(10);
/// How many are asked at a time.
const AT_A_TIME: usize = 16;

/// Returns the host of `host:port` if it is a name and not an address.
pub fn name(host_and_port: &str) -> Option<&str> {
    let (host, _) = host_and_port.rsplit_once(':')?;
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    (!is_address && !host.is_empty()).then_some(host)
}

/// Looks names up. A name that does not resolve has no addresses.
pub async fn resolve(names: impl IntoIterator<Item = String>) -> Names {
    let mut found = Names::new();
    let until = Instant::now() + LIMIT_OF_ALL;
    let mut asked = JoinSet::new();
    let mut left = names.into_iter();
    loop {
        while asked.len() < AT_A_TIME
            && let Some(name) = left.next()
        {
            found.insert(name.clone(), Vec::new());
            asked.spawn(addresses(name));
        }
        match timeout_at(until, asked.join_next()).await {
            Ok(Some(Ok((name, addresses)))) => drop(found.insert(name, addresses)),
            Ok(Some(Err(_))) => {}
            Ok(None) | Err(_) => break,
        }
    }
    found.extend(left.map(|name| (name, Vec::new())));
    found
}

async fn addresses(name: String) -> (String, Vec<IpAddr>) {
    let mut addresses: Vec<IpAddr> = match timeout(LIMIT, lookup_host((name.as_str(), 0))).await {
        Ok(Ok(found)) => found.map(|address| address.ip()).collect(),
        Ok(Err(_)) | Err(_) => Vec::new(),
    };
    addresses.sort_unstable();
    addresses.dedup();
    (name, addresses)
}

/// Whether a name has come, or has none of its former addresses any more. A name that does not
/// resolve now has not moved: the name server may be away.
pub fn moved(old: &Names, new: &Names) -> bool {
    new.iter().any(|(name, now)| {
        let before = old.get(name).map(Vec::as_slice).unwrap_or_default();
        !now.is_empty() && !now.iter().any(|address| before.contains(address))
    })
}

/// Returns the names with the addresses of now, or with the former ones if they do not resolve now.
pub fn known(old: Option<&Names>, new: &Names) -> Names {
    let mut new = new.clone();
    for (name, now) in &mut new {
        if now.is_empty()
            && let Some(before) = old.and_then(|old| old.get(name))
        {
            now.clone_from(before);
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[(&str, &[u8])]) -> Names {
        let address = |last: &u8| IpAddr::from([10, 0, 0, *last]);
        list.iter()
            .map(|(name, last)| ((*name).to_owned(), last.iter().map(address).collect()))
            .collect()
    }

    #[test]
    fn name_moves_when_it_comes_or_has_only_new_addresses() {
        let old = names(&[("a", &[1, 2]), ("b", &[])]);
        assert!(!moved(&old, &names(&[("a", &[2, 3]), ("b", &[])])));
        assert!(moved(&old, &names(&[("a", &[3])])));
        assert!(moved(&old, &names(&[("b", &[1])])));
        assert!(
            !moved(&old, &names(&[("a", &[])])),
            "the name server is away"
        );
    }

    #[test]
    fn name_that_does_not_resolve_keeps_its_addresses() {
        let old = names(&[("a", &[1])]);
        let now = known(Some(&old), &names(&[("a", &[]), ("b", &[]), ("c", &[3])]));
        assert_eq!(now, names(&[("a", &[1]), ("b", &[]), ("c", &[3])]));
    }

    #[test]
    fn addresses_are_no_names() {
        assert_eq!(name("shop.example:80"), Some("shop.example"));
        assert_eq!(name("10.0.0.1:80"), None);
        assert_eq!(name("[::1]:80"), None);
    }

    #[tokio::test]
    async fn localhost_resolves_and_an_invalid_name_does_not() {
        let found = resolve(["localhost", "tm.invalid"].map(str::to_owned)).await;
        assert!(found["localhost"].iter().any(IpAddr::is_loopback));
        assert!(found["tm.invalid"].is_empty());
    }
}
