//! What of a configuration does not fit together.

use std::collections::BTreeSet;

use super::{Config, MAX_TENANTS};

/// Returns all problems, each with the key that it is about.
pub fn of(config: &Config) -> Vec<String> {
    let Config {
        service,
        node,
        proxy,
        guard,
        times,
        relay: _,
    } = config;
    let mut problems = Vec::new();
    let mut require = |holds: bool, problem: &str| {
        if !holds {
            problems.push(problem.to_owned());
        }
    };
    require(
        !service.servers.is_empty(),
        "service.servers: at least one URL is required",
    );
    require(
        service.tenant.is_some() == service.tenants.is_empty(),
        "service.tenant, service.tenants: exactly one of them must name what to follow",
    );
    require(
        service.tenants.len() <= MAX_TENANTS,
        &format!("service.tenants: at most {MAX_TENANTS}"),
    );
    require(
        service.tenants.iter().collect::<BTreeSet<_>>().len() == service.tenants.len(),
        "service.tenants: names one twice",
    );
    require(
        service.token_file.is_none() || service.token_env.is_none(),
        "service.token_file, service.token_env: only one of them can be set",
    );
    require(
        service.max_bytes >= 1 << 16,
        "service.max_bytes: less than 65536 is too little for any tenant",
    );
    require(
        node.listen.ip().is_loopback(),
        "node.listen: must be a loopback address, since the agent asks for no keys",
    );
    require(
        node.state.is_absolute(),
        "node.state: must be an absolute path",
    );
    require(
        !proxy.has_files() || proxy.folder.is_absolute(),
        "proxy.folder: this dialect needs the absolute path of the folder of its files",
    );
    require(
        !proxy.has_files() || !proxy.folder.starts_with(&node.state),
        "proxy.folder: must not be in node.state",
    );
    require(
        guard.most_dropped_percent <= 100,
        "guard.most_dropped_percent: must be from 0 to 100",
    );
    require(
        times.command <= times.apply,
        "times.command_ms: must not be longer than times.apply_ms",
    );
    require(
        times.read_back <= times.apply,
        "times.read_back_ms: must not be longer than times.apply_ms",
    );
    require(
        times.retry <= times.last_retry,
        "times.retry_ms: must not be longer than times.last_retry_ms",
    );
    problems
}
