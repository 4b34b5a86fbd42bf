//! Names as they are typed: `service/env/version` of a route, `service/env` of a policy.

use traffic_manager_client::types::{PolicyKey, RouteKey};

use crate::failure::Failure;

/// Reads the name of a route.
pub fn route(tenant: &str, name: &str) -> Result<RouteKey, Failure> {
    match name.split('/').collect::<Vec<_>>()[..] {
        [service, env, version] => Ok(RouteKey::new(tenant, service, env, version)),
        _ => Err(Failure::usage(format!(
            "{name:?} is no route: it is service/env/version, such as shop/prod/v1"
        ))),
    }
}

/// Reads the name of a policy.
pub fn policy(tenant: &str, name: &str) -> Result<PolicyKey, Failure> {
    match name.split('/').collect::<Vec<_>>()[..] {
        [service, env] => Ok(PolicyKey::new(tenant, service, env)),
        _ => Err(Failure::usage(format!(
            "{name:?} is no policy: it is service/env, such as shop/prod"
        ))),
    }
}

/// Reads `name=value`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it is name=value".to_owned()),
    }
}
