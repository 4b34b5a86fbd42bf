//! Limits failed logins by address: after too many bad credentials, no more are checked for a
//! moment.
//!
//! A caller that guesses credentials may share an address with others (a NAT, a proxy that is not
//! trusted to name its clients), and the others must get in. So only failures count, and each sort
//! of check has its own count:
//!
//! - an unproven key, which anybody may have made up, costs a look-up in the database. The key is
//!   counted before the look-up, and the count is given back if the key was good: a thousand keys
//!   at once cost no more look-ups than the limit;
//! - a key with the mark that it was issued here is looked up whatever else was tried, because
//!   nobody can make such a key up. Only issued keys that have ended since count against this
//!   limit;
//! - to check a signature costs no more than to answer, so many more wrong signatures are allowed.
//!
//! The algorithm is the cell rate algorithm of `governor`, but here an attempt can be given back,
//! which `governor` does not support.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::service::access::callers::Check;

/// The number of wrong signatures that count as much as one look-up in the database.
const SIGNATURES: u32 = 100;

/// The burst: the attempts of one second may come at once.
const BURST: Duration = Duration::from_secs(1);

/// The failed attempts of each address, by sort of check.
pub struct Attempts {
    unproven: Counts,
    issued: Counts,
    signatures: Counts,
}

impl Attempts {
    /// Allows `per_second` failed look-ups in the database for each address. Returns `None`, for no
    /// limit, if `per_second` is 0.
    pub fn new(per_second: u32) -> Option<Self> {
        let counts = |per_second: u32| Counts::new(per_second);
        Some(Self {
            unproven: counts(per_second)?,
            issued: counts(per_second)?,
            signatures: counts(per_second.saturating_mul(SIGNATURES))?,
        })
    }

    /// Returns `Ok` if one more credential may be checked, otherwise the time until that is
    /// allowed.
    pub fn begin(&self, address: IpAddr, check: Check) -> Result<(), Duration> {
        match check {
            Check::Unproven => self.unproven.take(address),
            Check::Issued => self.issued.look(address),
            Check::Signature => self.signatures.look(address),
        }
    }

    /// Records that a check that was begun found a good credential.
    pub fn was_good(&self, address: IpAddr, check: Check) {
        match check {
            Check::Unproven => self.unproven.give_back(address),
            Check::Issued | Check::Signature => {}
        }
    }

    /// Records that a check that was begun found a bad credential.
    pub fn was_bad(&self, address: IpAddr, check: Check) {
        // Several checks may have begun at once and reached the limit already. A failure beyond the
        // limit is not counted.
        let _ = match check {
            Check::Unproven => Ok(()),
            Check::Issued => self.issued.take(address),
            Check::Signature => self.signatures.take(address),
        };
    }

    /// Forgets addresses that have tried nothing for a second.
    pub fn retire(&self) {
        [&self.unproven, &self.issued, &self.signatures]
            .into_iter()
            .for_each(Counts::retire);
    }
}

/// The time at which each address has made up for its attempts, in nanoseconds since `began`.
struct Counts {
    began: Instant,
    each: u64,
    addresses: papaya::HashMap<IpAddr, AtomicU64>,
}

impl Counts {
    fn new(per_second: u32) -> Option<Self> {
        let each = nanos(BURST.checked_div(per_second)?);
        Some(Self {
            began: Instant::now(),
            each,
            addresses: papaya::HashMap::new(),
        })
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
        let Some(made_up_at) = addresses.get(&address) else {
            return Ok(());
        };
        self.after_one_more(made_up_at.load(Ordering::Acquire), self.now())
            .map(|_| ())
    }

    fn give_back(&self, address: IpAddr) {
        if let Some(made_up_at) = self.addresses.pin().get(&address) {
            let _ = made_up_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, |at| {
                Some(at.saturating_sub(self.each))
            });
        }
    }

    /// Returns when one more attempt is made up for. The error is how far that is beyond the burst,
    /// and so the time to wait.
    fn after_one_more(&self, made_up_at: u64, now: u64) -> Result<u64, Duration> {
        let then = made_up_at.max(now) + self.each;
        match then.checked_sub(now + nanos(BURST)) {
            None | Some(0) => Ok(then),
            Some(too_far) => Err(Duration::from_nanos(too_far)),
        }
    }

    fn retire(&self) {
        let now = self.now();
        self.addresses
            .pin()
            .retain(|_, made_up_at| made_up_at.load(Ordering::Acquire) > now);
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

    /// Limits with room for three attempts at once; an address needs a third of a second to make up
    /// for one of them.
    fn attempts() -> Attempts {
        let counts = || Counts {
            each: nanos(BURST) / 3,
            ..Counts::new(1).unwrap()
        };
        Attempts {
            unproven: counts(),
            issued: counts(),
            signatures: counts(),
        }
    }

    #[test]
    fn successful_attempt_gives_its_place_back() {
        let attempts = attempts();
        for _ in 0..1000 {
            attempts.begin(NAT, Check::Unproven).unwrap();
            attempts.was_good(NAT, Check::Unproven);
        }
    }

    #[test]
    fn lookups_of_unproven_keys_are_limited_before_any_fails() {
        let attempts = attempts();
        let begun = (0..1000)
            .filter(|_| attempts.begin(NAT, Check::Unproven).is_ok())
            .count();
        assert!((3..=4).contains(&begun), "{begun}");
        assert!(
            attempts
                .begin("192.0.2.1".parse().unwrap(), Check::Unproven)
                .is_ok(),
            "another address"
        );
    }

    #[test]
    fn failed_attempts_of_one_kind_do_not_limit_another_kind() {
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
                assert!(
                    attempts.begin(NAT, other).is_ok(),
                    "{other:?} beside {sprayed:?}"
                );
            }
        }
    }

    #[test]
    fn idle_addresses_are_forgotten() {
        let attempts = attempts();
        attempts.begin(NAT, Check::Unproven).unwrap();
        attempts.was_good(NAT, Check::Unproven);
        attempts.retire();
        assert_eq!(attempts.unproven.addresses.len(), 0);
    }

    #[test]
    fn limit_of_zero_turns_counting_off() {
        assert!(Attempts::new(0).is_none());
    }
}
