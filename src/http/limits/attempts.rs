//! Credentials of an address that turn out not to be good: once there are too many, no more are checked for a moment.
//!
//! Somebody who tries credentials out may share an address with others (a NAT, a proxy that is not trusted to name its clients), and these
//! must get in. So only failures count, and each sort of check has a count of its own:
//!
//! - a key that anybody may have made up costs a look at the database. It is counted before, and given back if it was good: a thousand at
//!   once cost no more looks than the limit;
//! - a key with the mark that it was issued here is looked for whatever else was tried: nobody can make such keys up. Only keys that were
//!   issued and have ended since count against these;
//! - a signature costs no more than an answer, so many more of these may be wrong.
//!
//! A cell rate algorithm, as `governor` has it, of which something can be given back: that `governor` cannot.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::service::callers::Check;

/// Wrong signatures that weigh as much as one look at the database.
const SIGNATURES: u32 = 100;

/// A second's worth may come at once.
const BURST: Duration = Duration::from_secs(1);

/// What addresses have tried.
pub struct Attempts {
    unproven: Counts,
    issued: Counts,
    signatures: Counts,
}

impl Attempts {
    /// That many looks at the database in a second for nothing; `None`: any number.
    pub fn new(per_second: u32) -> Option<Self> {
        let counts = |per_second: u32| Counts::new(per_second);
        Some(Self {
            unproven: counts(per_second)?,
            issued: counts(per_second)?,
            signatures: counts(per_second.saturating_mul(SIGNATURES))?,
        })
    }

    /// Whether one more may be checked, else how long until that is so.
    pub fn begin(&self, address: IpAddr, check: Check) -> Result<(), Duration> {
        match check {
            Check::Unproven => self.unproven.take(address),
            Check::Issued => self.issued.look(address),
            Check::Signature => self.signatures.look(address),
        }
    }

    /// What was begun turned out to be good.
    pub fn was_good(&self, address: IpAddr, check: Check) {
        match check {
            Check::Unproven => self.unproven.give_back(address),
            Check::Issued | Check::Signature => {}
        }
    }

    /// What was begun turned out not to be good.
    pub fn was_bad(&self, address: IpAddr, check: Check) {
        // Several may have been begun at once: what is too much then counts for nothing more.
        let _ = match check {
            Check::Unproven => Ok(()),
            Check::Issued => self.issued.take(address),
            Check::Signature => self.signatures.take(address),
        };
    }

    /// Forgets addresses that have tried nothing for a second.
    pub fn retire(&self) {
        [&self.unproven, &self.issued, &self.signatures].into_iter().for_each(Counts::retire);
    }
}

/// When each address will have made up for what it has tried: nanoseconds since `began`.
struct Counts {
    began: Instant,
    each: u64,
    addresses: papaya::HashMap<IpAddr, AtomicU64>,
}

impl Counts {
    fn new(per_second: u32) -> Option<Self> {
        let each = nanos(BURST.checked_div(per_second)?);
        Some(Self { began: Instant::now(), each, addresses: papaya::HashMap::new() })
    }

    fn take(&self, address: IpAddr) -> Result<(), Duration> {
        let addresses = self.addresses.pin();
        let made_up_at = addresses.get_or_insert_with(address, AtomicU64::default);
        let now = self.now();
        let next = |at: u64| self.after_one_more(at, now).ok();
        match made_up_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) {
            Ok(_) => Ok(()),
            Err(at) => self.after_one_more(at, now).map(|_| ()),
        }
    }

    fn look(&self, address: IpAddr) -> Result<(), Duration> {
        let addresses = self.addresses.pin();
        let Some(made_up_at) = addresses.get(&address) else { return Ok(()) };
        self.after_one_more(made_up_at.load(Ordering::Acquire), self.now()).map(|_| ())
    }

    fn give_back(&self, address: IpAddr) {
        if let Some(made_up_at) = self.addresses.pin().get(&address) {
            let _ = made_up_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, |at| Some(at.saturating_sub(self.each)));
        }
    }

    /// When one more is made up for; an error when that is too far off.
    fn after_one_more(&self, made_up_at: u64, now: u64) -> Result<u64, Duration> {
        let then = made_up_at.max(now) + self.each;
        match then.checked_sub(now + nanos(BURST)) {
            None | Some(0) => Ok(then),
            Some(too_far) => Err(Duration::from_nanos(too_far)),
        }
    }

    fn retire(&self) {
        let now = self.now();
        self.addresses.pin().retain(|_, made_up_at| made_up_at.load(Ordering::Acquire) > now);
    }

    fn now(&self) -> u64 {
        nanos(self.began.elapsed())
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// One that takes hours to make up for an attempt, so that no time passes in the test.
    fn attempts() -> Attempts {
        let counts = || Counts { each: nanos(BURST) / 3, ..Counts::new(1).unwrap() };
        Attempts { unproven: counts(), issued: counts(), signatures: counts() }
    }

    #[test]
    fn what_was_good_is_given_back() {
        let attempts = attempts();
        for _ in 0..1000 {
            attempts.begin(NAT, Check::Unproven).unwrap();
            attempts.was_good(NAT, Check::Unproven);
        }
    }

    #[test]
    fn looks_for_made_up_keys_are_bounded_before_any_has_failed() {
        let attempts = attempts();
        let begun = (0..1000).filter(|_| attempts.begin(NAT, Check::Unproven).is_ok()).count();
        assert!((3..=4).contains(&begun), "{begun}");
        assert!(attempts.begin("192.0.2.1".parse().unwrap(), Check::Unproven).is_ok(), "another address");
    }

    #[test]
    fn a_spray_of_one_sort_holds_up_no_check_of_another() {
        for (sprayed, others) in [
            (Check::Unproven, [Check::Issued, Check::Signature]),
            (Check::Signature, [Check::Issued, Check::Unproven]),
            (Check::Issued, [Check::Unproven, Check::Signature]),
        ] {
            let attempts = attempts();
            for _ in 0..1000 {
                if attempts.begin(NAT, sprayed).is_ok() {
                    attempts.was_bad(NAT, sprayed);
                }
            }
            assert!(attempts.begin(NAT, sprayed).is_err(), "{sprayed:?}");
            for other in others {
                assert!(attempts.begin(NAT, other).is_ok(), "{other:?} beside {sprayed:?}");
            }
        }
    }

    #[test]
    fn who_has_tried_nothing_for_long_is_forgotten() {
        let attempts = attempts();
        attempts.begin(NAT, Check::Unproven).unwrap();
        attempts.was_good(NAT, Check::Unproven);
        attempts.retire();
        assert_eq!(attempts.unproven.addresses.len(), 0);
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        assert!(Attempts::new(0).is_none());
    }
}
