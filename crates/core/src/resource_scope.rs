//! Resource scopes: the services and environments of a tenant that a caller may access.

use serde::{Deserialize, Serialize};

use super::ids::{EnvName, ServiceName};

/// Services and environments; an empty list means any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceScope {
    /// Only these services; empty means any.
    pub services: Vec<ServiceName>,
    /// Only these environments; empty means any.
    pub envs: Vec<EnvName>,
}

impl ResourceScope {
    /// Whether the scope is unrestricted.
    pub fn is_any(&self) -> bool {
        self.services.is_empty() && self.envs.is_empty()
    }

    /// Whether the scope covers this service in this environment; `None` stands for all services or
    /// all environments.
    pub fn covers(&self, service: Option<&ServiceName>, env: Option<&EnvName>) -> bool {
        let within = |is_any: bool, is_in: Option<bool>| is_any || is_in == Some(true);
        within(
            self.services.is_empty(),
            service.map(|service| self.services.contains(service)),
        ) && within(self.envs.is_empty(), env.map(|env| self.envs.contains(env)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_scope_covers_no_place_outside_it() {
        let narrow = ResourceScope {
            services: Vec::new(),
            envs: vec!["prod".parse().unwrap()],
        };
        let (service, prod, test) = (
            "s".parse().unwrap(),
            "prod".parse().unwrap(),
            "test".parse().unwrap(),
        );
        assert!(narrow.covers(Some(&service), Some(&prod)) && narrow.covers(None, Some(&prod)));
        assert!(
            !narrow.covers(Some(&service), Some(&test)) && !narrow.covers(Some(&service), None)
        );
        assert!(
            ResourceScope::default().covers(None, None)
                && ResourceScope::default().is_any()
                && !narrow.is_any()
        );
    }
}
