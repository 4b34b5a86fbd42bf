//! `[resilience]`: one policy for each dependency, in one place.

use std::time::Duration;

use serde::Deserialize;
use validator::Validate;

use super::{
    ConfigError,
    duration::{Millis, Seconds},
    sections::section,
    unusable,
};

section! {
    /// `[resilience]`
    Resilience {
        #[validate(range(min = 1, max = 1000))] failures: u32,
        #[serde(rename = "open_ms")] #[serde_as(as = "Millis<10, 600_000>")] open: Duration,
        #[serde(rename = "max_open_ms")] #[serde_as(as = "Millis<10, 600_000>")] max_open: Duration,
        #[validate(range(min = 1, max = 3))] probes: u32,
        #[validate(range(max = 100))] retry_percent: u32,
        #[validate(range(max = 1000))] retry_burst: u32,
        #[serde(rename = "max_forced_state_seconds")] #[serde_as(as = "Seconds<1, 86_400>")] max_forced_state: Duration,
        #[serde(rename = "codel_target_ms")] #[serde_as(as = "Millis<1, 60_000>")] codel_target: Duration,
        #[serde(rename = "codel_interval_ms")] #[serde_as(as = "Millis<1, 60_000>")] codel_interval: Duration,
        #[validate(range(min = 1, max = 100))] tenant_share_percent: u32,
        #[validate(range(min = 1, max = 100))] platform_share_percent: u32,
        #[validate(nested)] postgres_primary: OneDependency,
        #[validate(nested)] postgres_replica: OneDependency,
        #[validate(nested)] kafka: OneDependency,
        #[validate(nested)] kafka_dead_letters: OneDependency,
        #[validate(nested)] mongodb_archive: OneDependency,
        #[validate(nested)] mongodb_access: OneDependency,
        #[validate(nested)] mongodb_queries: OneDependency,
        #[validate(nested)] mongodb_retention: OneDependency,
        #[validate(nested)] jwks: OneDependency,
        #[validate(nested)] oidc: OneDependency,
    }
}

/// `[resilience.<dependency>]`: a key that is left out has its value from `[resilience]`.
#[serde_with::serde_as]
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct OneDependency {
    /// The most calls that run at a time: the bulkhead's size.
    #[validate(range(min = 1, max = 10_000))]
    pub concurrent: usize,
    /// The timeout of one call.
    #[serde(rename = "timeout_ms")]
    #[serde_as(as = "Millis<10, 120_000>")]
    pub timeout: Duration,
    /// Overrides `failures` of [`Resilience`].
    #[validate(range(min = 1, max = 1000))]
    pub failures: Option<u32>,
    /// Overrides `open` of [`Resilience`].
    #[serde(rename = "open_ms")]
    #[serde_as(as = "Option<Millis<10, 600_000>>")]
    pub open: Option<Duration>,
    /// Overrides `max_open` of [`Resilience`].
    #[serde(rename = "max_open_ms")]
    #[serde_as(as = "Option<Millis<10, 600_000>>")]
    pub max_open: Option<Duration>,
    /// Overrides `probes` of [`Resilience`].
    #[validate(range(min = 1, max = 3))]
    pub probes: Option<u32>,
    /// Overrides `retry_percent` of [`Resilience`].
    #[validate(range(max = 100))]
    pub retry_percent: Option<u32>,
    /// Overrides `retry_burst` of [`Resilience`].
    #[validate(range(max = 1000))]
    pub retry_burst: Option<u32>,
}

/// The largest shares of a pool for one tenant and for the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The largest share of one tenant, in percent.
    pub tenant_percent: u32,
    /// The largest share of all callers without a tenant together, in percent.
    pub platform_percent: u32,
}

impl Share {
    /// Returns the places of one tenant in a pool of `size` places: at least one.
    pub fn of_tenant(self, size: usize) -> usize {
        part(size, self.tenant_percent)
    }

    /// Returns the places of all callers without a tenant in a pool of `size` places: at least one.
    pub fn of_platform(self, size: usize) -> usize {
        part(size, self.platform_percent)
    }
}

fn part(size: usize, percent: u32) -> usize {
    (size.saturating_mul(percent as usize) / 100).max(1)
}

/// The policy of one dependency, with all defaults filled in.
#[derive(Debug, Clone)]
pub struct CallPolicy {
    /// The most calls that run at a time: the bulkhead's size.
    pub concurrent: usize,
    /// The timeout of one call.
    pub timeout: Duration,
    /// Failures in a row that open the breaker.
    pub failures: u32,
    /// The breaker's first pause before a probe.
    pub open: Duration,
    /// The breaker's longest pause before a probe.
    pub max_open: Duration,
    /// Calls that may probe a half-open breaker at a time.
    pub probes: u32,
    /// Retries per hundred successful calls.
    pub retry_percent: u32,
    /// The most retries in a burst.
    pub retry_burst: u32,
    /// The longest forced state of the breaker.
    pub max_forced_state: Duration,
    /// The target of CoDel: the longest normal wait in one of our queues.
    pub target_wait: Duration,
    /// The interval of CoDel: the queue is overloaded after every item has waited longer than the
    /// target for this long.
    pub standing: Duration,
    /// The shares of tenants and of the platform in the dependency's pools.
    pub share: Share,
}

impl Resilience {
    /// Returns the shares of tenants and of the platform in each pool.
    pub fn share(&self) -> Share {
        Share {
            tenant_percent: self.tenant_share_percent,
            platform_percent: self.platform_share_percent,
        }
    }

    /// Returns the policy of a dependency of this section, with defaults filled in.
    pub fn policy(&self, of: &OneDependency) -> CallPolicy {
        CallPolicy {
            concurrent: of.concurrent,
            timeout: of.timeout,
            failures: of.failures.unwrap_or(self.failures),
            open: of.open.unwrap_or(self.open),
            max_open: of.max_open.unwrap_or(self.max_open),
            probes: of.probes.unwrap_or(self.probes),
            retry_percent: of.retry_percent.unwrap_or(self.retry_percent),
            retry_burst: of.retry_burst.unwrap_or(self.retry_burst),
            max_forced_state: self.max_forced_state,
            target_wait: self.codel_target,
            standing: self.codel_interval,
            share: self.share(),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let dependencies = [
            ("postgres_primary", &self.postgres_primary),
            ("postgres_replica", &self.postgres_replica),
            ("kafka", &self.kafka),
            ("kafka_dead_letters", &self.kafka_dead_letters),
            ("mongodb_archive", &self.mongodb_archive),
            ("mongodb_access", &self.mongodb_access),
            ("mongodb_queries", &self.mongodb_queries),
            ("mongodb_retention", &self.mongodb_retention),
            ("jwks", &self.jwks),
            ("oidc", &self.oidc),
        ];
        for (name, dependency) in dependencies {
            let CallPolicy { open, max_open, .. } = self.policy(dependency);
            if max_open < open {
                return Err(unusable(
                    &format!("resilience.{name}.max_open_ms"),
                    "must be at least open_ms",
                ));
            }
        }
        Ok(())
    }
}
