//! Rate limits of this instance: per address before the caller is known, then per caller and per
//! tenant.
//!
//! They use the generic cell rate algorithm of `governor`: the requests of one second may come at
//! once. Wrong credentials are counted separately, see [`attempts`].

mod attempts;

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use ahash::RandomState;
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::{NoOpMiddleware, StateInformationMiddleware, StateSnapshot},
    state::keyed::DashMapStateStore,
};

use self::attempts::Attempts;
use crate::{
    auth::Caller,
    config,
    domain::ids::TenantName,
    resilience::{Payer, PoolPlace, Shares},
    service::access::callers::Check,
};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

type Limiter<K, M> = RateLimiter<K, DashMapStateStore<K, RandomState>, DefaultClock, M>;
type StateLimiter<K> = Limiter<K, StateInformationMiddleware>;
type AddressLimiter = Limiter<IpAddr, NoOpMiddleware>;

/// The limits of this instance.
pub struct Limits {
    addresses: Option<AddressLimiter>,
    attempts: Option<Attempts>,
    callers: Option<StateLimiter<u64>>,
    tenants: Option<StateLimiter<TenantName>>,
    /// Concurrent requests: limited for each tenant, and unlimited in total. `None` if the setting
    /// is 0.
    working: Option<Arc<Shares>>,
    hasher: RandomState,
    clock: DefaultClock,
}

/// The error of a limit that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// The name of the limit: `address`, `attempts`, `caller`, `tenant` or `concurrent`.
    pub whose: &'static str,
    /// The time until another request may succeed, in seconds, at least 1.
    pub retry_after_seconds: u32,
    /// The caller's remaining rate limit, for the `RateLimit-*` headers.
    pub rate_limit: Option<RateLimitState>,
}

/// A caller's remaining rate limit: the tighter of the caller's own limit and its tenant's
/// (draft-ietf-httpapi-ratelimit-headers, the three headers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitState {
    limit: u32,
    remaining: u32,
    reset_seconds: u32,
}

impl RateLimitState {
    fn of(snapshot: &StateSnapshot) -> Self {
        let (limit, remaining) = (
            snapshot.quota().burst_size().get(),
            snapshot.remaining_burst_capacity(),
        );
        let used = limit.saturating_sub(remaining);
        let full = snapshot.quota().replenish_interval().saturating_mul(used);
        Self {
            limit,
            remaining,
            reset_seconds: u32::try_from(full.as_secs_f64().ceil() as u64).unwrap_or(u32::MAX),
        }
    }

    /// Writes the three `RateLimit-*` headers.
    pub fn write_headers(self, headers: &mut HeaderMap) {
        for (name, value) in [
            (LIMIT, self.limit),
            (REMAINING, self.remaining),
            (RESET, self.reset_seconds),
        ] {
            headers.insert(name, number(value));
        }
    }
}

/// Returns a number as a header's value, with one allocation at most.
fn number(value: u32) -> HeaderValue {
    match value {
        0 => HeaderValue::from_static("0"),
        1 => HeaderValue::from_static("1"),
        _ => HeaderValue::from_str(itoa::Buffer::new().format(value))
            .unwrap_or_else(|_| HeaderValue::from(value)),
    }
}

/// No limit: the number of connections already limits the requests in total.
const ANY_NUMBER: usize = 1_000_000;

fn quota(per_second: u32) -> Option<Quota> {
    NonZeroU32::new(per_second).map(Quota::per_second)
}

/// Creates a limiter whose hashes have a random key, as those of the standard library, at a fraction
/// of their time.
fn limiter<K: Clone + Eq + std::hash::Hash>(quota: Quota) -> Limiter<K, NoOpMiddleware> {
    RateLimiter::dashmap_with_hasher(quota, RandomState::new())
}

impl Limits {
    /// Creates the limits from the settings of `[limits]`.
    pub fn new(settings: &config::Limits) -> Self {
        let concurrent = settings.concurrent_requests_per_tenant as usize;
        Self {
            addresses: quota(settings.requests_per_second_per_address).map(limiter),
            attempts: Attempts::new(settings.failed_logins_per_second_per_address),
            callers: quota(settings.requests_per_second_per_caller)
                .map(|quota| limiter(quota).with_middleware()),
            tenants: quota(settings.requests_per_second_per_tenant)
                .map(|quota| limiter(quota).with_middleware()),
            working: (concurrent > 0).then(|| {
                Shares::divided("requests", "requests", ANY_NUMBER, [concurrent, ANY_NUMBER])
            }),
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Returns the places of concurrent requests, if they are limited.
    pub fn working(&self) -> Option<&Arc<Shares>> {
        self.working.as_ref()
    }

    /// Counts a request against the limit of its address.
    pub fn address(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.count(self.addresses.as_ref(), "address", address)
    }

    /// Fails if the address has presented too many wrong credentials, so that further ones are not
    /// checked.
    pub fn may_check(&self, address: IpAddr, check: Check) -> Result<(), Exceeded> {
        self.attempts.as_ref().map_or(Ok(()), |attempts| {
            attempts
                .begin(network(address), check)
                .map_err(too_many_attempts)
        })
    }

    /// Records that credentials were checked and are good.
    pub fn were_good(&self, address: IpAddr, check: Check) {
        self.attempts
            .iter()
            .for_each(|attempts| attempts.was_good(network(address), check));
    }

    /// Records that credentials were checked and are wrong.
    pub fn were_bad(&self, address: IpAddr, check: Check) {
        self.attempts
            .iter()
            .for_each(|attempts| attempts.was_bad(network(address), check));
    }

    /// Counts credentials of an address that are known to be wrong without a check.
    pub fn attempt(&self, address: IpAddr) -> Result<(), Exceeded> {
        self.may_check(address, Check::Unproven)
    }

    fn count(
        &self,
        limiter: Option<&AddressLimiter>,
        whose: &'static str,
        address: IpAddr,
    ) -> Result<(), Exceeded> {
        let Some(limiter) = limiter else {
            return Ok(());
        };
        limiter.check_key(&network(address)).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Exceeded {
                whose,
                retry_after_seconds: seconds(wait),
                rate_limit: None,
            }
        })
    }

    /// Counts a request against the limits of its caller and its tenant, and returns the tighter of
    /// the two.
    pub fn caller(&self, caller: &Caller) -> Result<Option<RateLimitState>, Exceeded> {
        let mut tightest: Option<RateLimitState> = None;
        if let Some(limiter) = &self.callers {
            let who = self.hasher.hash_one((&caller.actor.kind, &caller.actor.id));
            tightest = Some(self.check(limiter, "caller", &who)?);
        }
        if let (Some(limiter), Some(tenant)) = (&self.tenants, caller.grant.tenant_scope().tenant())
        {
            let rate_limit = self.check(limiter, "tenant", tenant)?;
            tightest = Some(
                tightest
                    .filter(|other| other.remaining <= rate_limit.remaining)
                    .unwrap_or(rate_limit),
            );
        }
        Ok(tightest)
    }

    fn check<K: Clone + Eq + std::hash::Hash>(
        &self,
        limiter: &StateLimiter<K>,
        whose: &'static str,
        key: &K,
    ) -> Result<RateLimitState, Exceeded> {
        match limiter.check_key(key) {
            Ok(snapshot) => Ok(RateLimitState::of(&snapshot)),
            Err(not_until) => {
                let limit = not_until.quota().burst_size().get();
                let retry_after_seconds = seconds(not_until.wait_time_from(self.clock.now()));
                let rate_limit = RateLimitState {
                    limit,
                    remaining: 0,
                    reset_seconds: retry_after_seconds,
                };
                Err(Exceeded {
                    whose,
                    retry_after_seconds,
                    rate_limit: Some(rate_limit),
                })
            }
        }
    }

    /// Takes a place among a tenant's concurrent requests, so that one tenant's slow requests do
    /// not use up the shared resources. Callers of no tenant need none.
    pub fn place(&self, payer: &Payer) -> Result<Option<PoolPlace>, Exceeded> {
        let Some(working) = self
            .working
            .as_ref()
            .filter(|_| matches!(payer, Payer::Tenant(_)))
        else {
            return Ok(None);
        };
        let full = |_| Exceeded {
            whose: "concurrent",
            retry_after_seconds: 1,
            rate_limit: None,
        };
        working.try_take(payer, 1).map(Some).map_err(full)
    }

    /// Forgets addresses, callers and tenants without recent requests.
    pub fn retire(&self) {
        self.addresses.iter().for_each(RateLimiter::retain_recent);
        self.attempts.iter().for_each(Attempts::retire);
        self.callers.iter().for_each(RateLimiter::retain_recent);
        self.tenants.iter().for_each(RateLimiter::retain_recent);
    }
}

/// Returns the /64 network of an IPv6 address, because a client that has a /64 has all of its
/// addresses. An IPv4 address stays as it is.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

fn too_many_attempts(wait: std::time::Duration) -> Exceeded {
    Exceeded {
        whose: "attempts",
        retry_after_seconds: seconds(wait),
        rate_limit: None,
    }
}

fn seconds(wait: std::time::Duration) -> u32 {
    u32::try_from(wait.as_secs_f64().ceil().max(1.0) as u64).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Credential, Grant, Role, TenantScope};

    fn limits(change: impl FnOnce(&mut config::Limits)) -> Limits {
        let mut settings = config::Settings::without_environment(&[]).unwrap().limits;
        settings.requests_per_second_per_address = 0;
        settings.failed_logins_per_second_per_address = 0;
        settings.requests_per_second_per_caller = 0;
        settings.requests_per_second_per_tenant = 0;
        change(&mut settings);
        Limits::new(&settings)
    }

    fn caller(id: &str, tenant: &str) -> Caller {
        let actor = crate::domain::event::Actor {
            kind: "key".into(),
            id: id.into(),
            token: None,
        };
        let tenant_scope = TenantScope::Tenant(tenant.parse().unwrap());
        let grant = Grant::new(vec![Role::Viewer], tenant_scope, Default::default()).unwrap();
        Caller {
            actor: Arc::new(actor),
            grant: Arc::new(grant),
            credential: Credential::Nothing,
            session: None,
        }
    }

    #[test]
    fn address_limit_does_not_affect_other_addresses() {
        let limits = limits(|settings| settings.requests_per_second_per_address = 3);
        let [one, other]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        assert!((0..3).all(|_| limits.address(one).is_ok()));
        assert_eq!(limits.address(one).unwrap_err().whose, "address");
        assert!(limits.address(other).is_ok());
        assert!(
            limits.address("::ffff:10.0.0.1".parse().unwrap()).is_err(),
            "the same address, written otherwise"
        );
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_limit() {
        let limits = limits(|settings| settings.failed_logins_per_second_per_address = 1);
        assert!(limits.attempt("2001:db8::1".parse().unwrap()).is_ok());
        assert!(limits.attempt("2001:db8::2".parse().unwrap()).is_err());
        assert!(limits.attempt("2001:db8:0:1::2".parse().unwrap()).is_ok());
    }

    #[test]
    fn callers_of_a_tenant_share_its_limit() {
        let limits = limits(|settings| {
            settings.requests_per_second_per_caller = 5;
            settings.requests_per_second_per_tenant = 6;
        });
        let [a, b, c] = [caller("a", "t"), caller("b", "t"), caller("c", "u")];
        for remaining in (0..5).rev() {
            assert_eq!(
                limits.caller(&a).unwrap().unwrap().remaining,
                remaining.min(remaining + 1)
            );
        }
        assert_eq!(limits.caller(&a).unwrap_err().whose, "caller");
        assert_eq!(limits.caller(&b).unwrap().unwrap().remaining, 0);
        assert_eq!(limits.caller(&b).unwrap_err().whose, "tenant");
        assert!(limits.caller(&c).is_ok());
    }

    #[test]
    fn concurrent_requests_of_a_tenant_are_limited() {
        let limits = limits(|settings| settings.concurrent_requests_per_tenant = 2);
        let [a, b] = ["t", "u"].map(|name| Payer::Tenant(name.parse().unwrap()));
        let held: Vec<_> = (0..2).map(|_| limits.place(&a).unwrap()).collect();
        assert_eq!(limits.place(&a).unwrap_err().whose, "concurrent");
        assert!(limits.place(&b).is_ok());
        drop(held);
        assert!(limits.place(&a).is_ok());
        assert_eq!(limits.working.as_ref().unwrap().report().payers, Some(0));
    }
}
