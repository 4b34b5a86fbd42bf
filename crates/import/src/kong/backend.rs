//! Services, upstreams and targets.

use traffic_manager_core::{
    policy::{
        CookieName, HeaderName, HostHeader, MAX_ATTEMPTS, MAX_TIMEOUT_MS, Retries, RetryOn,
        StickyBy, TimeoutMs,
    },
    route::RouteUrl,
};
use traffic_manager_yaml::tree::{Node, Value};

use super::{File, TLS, is_named, name_of, reference};
use crate::{
    entry::{Backend, Traffic},
    fields::{Fields, number, text},
    left::Log,
};

/// The default of Kong's three timeouts, in milliseconds. Exports have it everywhere.
const DEFAULT_TIMEOUT: u64 = 60_000;

/// A service as its routes use it.
#[derive(Debug)]
pub struct Service {
    pub name: String,
    pub backends: Vec<Backend>,
    pub traffic: Traffic,
    /// Whether the service's path ends with `/`.
    pub ends_with_slash: bool,
}

/// The parts of a service's address.
struct Address {
    protocol: String,
    host: String,
    port: Option<u64>,
    path: String,
}

/// Returns the host of a service, which may be the name of an upstream.
pub fn host_of(service: &Node) -> Option<String> {
    let of_url = || {
        let url = service.get("url").and_then(text)?;
        Some(split(&url)?.host)
    };
    service.get("host").and_then(text).or_else(of_url)
}

fn split(url: &str) -> Option<Address> {
    let (protocol, rest) = url.split_once("://")?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let port = authority
        .rsplit_once(':')
        .filter(|(_, port)| !port.contains(']'));
    let (host, port) = match port {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, None),
    };
    Some(Address {
        protocol: protocol.to_owned(),
        host: host.to_owned(),
        port,
        path: path.to_owned(),
    })
}

/// Reads a service. Returns `None` if no request can be sent to it.
pub fn service(
    fields: &mut Fields<'_>,
    node: &Node,
    file: &File<'_>,
    log: &mut Log,
) -> Option<Service> {
    let what = fields.what.clone();
    let address = address(fields, node, log);
    let tags = fields.texts("tags", log);
    let tags = tags
        .into_iter()
        .map(|(tag, _)| tag)
        .collect::<Vec<_>>()
        .join(",");
    let mut traffic = Traffic {
        timeout_ms: timeouts(fields, log),
        retries: retries(fields, node, log),
        ..Traffic::default()
    };
    for key in [
        "client_certificate",
        "tls_verify",
        "tls_verify_depth",
        "ca_certificates",
        "tls_sans",
    ] {
        if let Some(node) = fields.get(key) {
            log.left(
                node,
                &format!("{what}: {key}"),
                "is not part of a route",
                TLS,
            );
        }
    }
    let address = address?;
    if !matches!(address.protocol.as_str(), "http" | "https") {
        let why = format!(
            "its protocol is {}, and routes are http or https",
            address.protocol
        );
        log.left(node, &what, &why, "leave it in the proxy");
        return None;
    }
    let upstream = file
        .upstreams
        .iter()
        .find(|upstream| is_named(upstream, Some(&address.host)));
    let backends = match upstream {
        Some(upstream) => self::upstream(upstream, &address, file, &mut traffic, &tags, log),
        None => backend(node, &what, &address, &tags, log)
            .into_iter()
            .collect(),
    };
    (!backends.is_empty()).then_some(Service {
        name: name_of(node),
        backends,
        traffic,
        ends_with_slash: address.path.len() > 1 && address.path.ends_with('/'),
    })
}

fn address(fields: &mut Fields<'_>, node: &Node, log: &mut Log) -> Option<Address> {
    let what = fields.what.clone();
    let url = fields.text("url", log);
    let protocol = fields.text("protocol", log);
    let host = fields.text("host", log);
    let port = fields.number("port", log);
    let path = fields.text("path", log);
    let whole = match url {
        Some(url) => {
            let address = split(&url);
            if address.is_none() {
                log.left(
                    node,
                    &format!("{what}: url"),
                    "is not a URL",
                    "correct the file",
                );
            }
            return address;
        }
        None => host.map(|host| Address {
            protocol: protocol.unwrap_or_else(|| "http".to_owned()),
            host,
            port,
            path: path.unwrap_or_default(),
        }),
    };
    if whole.is_none() {
        log.left(node, &what, "has neither url nor host", "correct the file");
    }
    whole
}

fn url(
    address: &Address,
    host: &str,
    port: Option<u64>,
) -> Result<RouteUrl, traffic_manager_core::Invalid> {
    let is_default = |port: &u64| {
        (address.protocol == "http" && *port == 80) || (address.protocol == "https" && *port == 443)
    };
    let port = port.filter(|port| !is_default(port));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = address.path.trim_end_matches('/');
    RouteUrl::try_from(format!("{}://{host}{port}{path}", address.protocol))
}

fn backend(
    node: &Node,
    what: &str,
    address: &Address,
    tags: &str,
    log: &mut Log,
) -> Option<Backend> {
    match url(address, &address.host, address.port) {
        Ok(url) => Some(Backend {
            name: name_of(node),
            url,
            weight: 1,
            tags: tags.to_owned(),
        }),
        Err(invalid) => {
            log.left(node, what, &invalid.detail, "correct the address");
            None
        }
    }
}

fn timeouts(fields: &mut Fields<'_>, log: &mut Log) -> Option<TimeoutMs> {
    let what = fields.what.clone();
    for key in ["connect_timeout", "write_timeout"] {
        let Some(node) = fields.get(key) else {
            continue;
        };
        if number(node) != Some(DEFAULT_TIMEOUT) {
            let why = "a policy limits the whole time until the end of the response, and not this part of it";
            log.left(node, &format!("{what}: {key}"), why, "set it in the proxy");
        }
    }
    let node = fields.get("read_timeout")?;
    let what = format!("{what}: read_timeout");
    let Some(ms) = number(node)
        .and_then(|ms| u32::try_from(ms).ok())
        .filter(|ms| (1..=MAX_TIMEOUT_MS).contains(&u64::from(*ms)))
    else {
        let why = format!("timeout_ms is 1 to {MAX_TIMEOUT_MS}");
        log.left(node, &what, &why, "set it in the proxy");
        return None;
    };
    if u64::from(ms) == DEFAULT_TIMEOUT {
        // Kong's default, which exports write out; as a limit of whole responses it would break
        // long downloads.
        return None;
    }
    let why = "Kong limits each pause between two reads; it is brought over as timeout_ms, which limits the whole response";
    log.note(node, &what, why);
    Some(TimeoutMs(ms))
}

fn retries(fields: &mut Fields<'_>, node: &Node, log: &mut Log) -> Option<Retries> {
    let attempts = fields.number("retries", log)?;
    let most = MAX_ATTEMPTS.min(attempts);
    if most < attempts {
        let why = format!(
            "{attempts} are more than {MAX_ATTEMPTS}, the most of a policy: brought over as {MAX_ATTEMPTS}"
        );
        log.left(
            node.get("retries").unwrap_or(node),
            &format!("{}: retries", fields.what),
            &why,
            "",
        );
    }
    let attempts = u8::try_from(most).ok().filter(|attempts| *attempts > 0)?;
    // Kong tries another target when it cannot connect.
    Some(Retries {
        attempts,
        on: [RetryOn::ConnectFailure].into(),
        per_try_timeout_ms: None,
    })
}

/// Returns the targets of an upstream as backends, and takes over how it chooses between them.
fn upstream(
    node: &Node,
    address: &Address,
    file: &File<'_>,
    traffic: &mut Traffic,
    tags: &str,
    log: &mut Log,
) -> Vec<Backend> {
    let name = name_of(node);
    let what = format!("upstream {name}");
    let mut fields = Fields::new(node, &*what);
    fields.ignore(&[
        "name",
        "id",
        "created_at",
        "updated_at",
        "slots",
        "tags",
        "_comment",
    ]);
    traffic.sticky_by = sticky_by(&mut fields, log);
    if let Some(host) = fields.text("host_header", log) {
        match HostHeader::try_from(host) {
            Ok(host) => traffic.host_header = Some(host),
            Err(invalid) => log.left(
                node,
                &format!("{what}: host_header"),
                &invalid.detail,
                "correct the file",
            ),
        }
    }
    for key in ["healthchecks", "client_certificate", "use_srv_name"] {
        let Some(node) = fields.get(key) else {
            continue;
        };
        if !is_off(node) {
            log.left(
                node,
                &format!("{what}: {key}"),
                "a policy has no such member",
                "let the proxy do it",
            );
        }
    }
    let inner = fields.list("targets", log);
    fields.finish(log);
    let outer = file.targets.iter().copied().filter(|target| {
        let of = target.get("upstream").and_then(reference);
        of.is_some() && is_named(node, of.as_deref())
    });
    let targets: Vec<_> = inner.iter().chain(outer).collect();
    if targets.is_empty() {
        log.left(
            node,
            &what,
            "has no target, so its service has no address",
            "export the targets too",
        );
    }
    targets
        .into_iter()
        .filter_map(|target| self::target(target, &name, address, tags, log))
        .collect()
}

/// Whether a setting says what Kong does without it. Exports write every setting of health checks
/// out, with 0 for those that are off.
fn is_off(node: &Node) -> bool {
    match &node.value {
        Value::Bool(value) => !value,
        Value::Map(_) => {
            let checks = [
                ("active", "interval"),
                ("passive", "successes"),
                ("passive", "http_failures"),
                ("passive", "tcp_failures"),
                ("passive", "timeouts"),
            ];
            let is_zero = |kind: &str, state: &str, key: &str| {
                let value = node
                    .get(kind)
                    .and_then(|n| n.get(state))
                    .and_then(|n| n.get(key));
                value.is_none_or(|value| number(value) == Some(0))
            };
            checks
                .iter()
                .all(|(kind, key)| is_zero(kind, "healthy", key) && is_zero(kind, "unhealthy", key))
        }
        _ => false,
    }
}

fn target(
    node: &Node,
    upstream: &str,
    address: &Address,
    tags: &str,
    log: &mut Log,
) -> Option<Backend> {
    let raw = node.get("target").and_then(text).unwrap_or_default();
    let what = format!("target {raw} of upstream {upstream}");
    let mut fields = Fields::new(node, &*what);
    fields.ignore(&[
        "target",
        "id",
        "upstream",
        "created_at",
        "updated_at",
        "tags",
        "_comment",
    ]);
    let weight = fields.number("weight", log).unwrap_or(100);
    fields.finish(log);
    let split = raw.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
    let (host, port) = split.map_or((raw.as_str(), Some(8000)), |(host, port)| {
        (host, port.parse().ok())
    });
    match url(address, host, port) {
        Ok(url) => Some(Backend {
            name: raw,
            url,
            weight,
            tags: tags.to_owned(),
        }),
        Err(invalid) => {
            log.left(node, &what, &invalid.detail, "correct the address");
            None
        }
    }
}

fn sticky_by(fields: &mut Fields<'_>, log: &mut Log) -> Option<StickyBy> {
    let what = fields.what.clone();
    let algorithm = fields.get("algorithm");
    let source = fields.get("hash_on");
    let header = fields.text("hash_on_header", log);
    let cookie = fields.text("hash_on_cookie", log);
    fields.ignore(&["hash_on_cookie_path"]);
    for key in [
        "hash_fallback",
        "hash_fallback_header",
        "hash_on_query_arg",
        "hash_on_uri_capture",
        "hash_fallback_query_arg",
        "hash_fallback_uri_capture",
    ] {
        let Some(node) = fields.get(key) else {
            continue;
        };
        if text(node).as_deref() != Some("none") {
            log.left(
                node,
                &format!("{what}: {key}"),
                "a policy has one source of the sticky key",
                "",
            );
        }
    }
    match algorithm.and_then(text).as_deref() {
        None | Some("round-robin" | "consistent-hashing") => {}
        Some(other) => {
            let why = format!("{other} chooses by load or latency, and a policy by weights");
            if let Some(node) = algorithm {
                log.left(
                    node,
                    &format!("{what}: algorithm"),
                    &why,
                    "put a load balancer before the targets",
                );
            }
        }
    }
    let source = source?;
    let sticky = match (text(source).as_deref(), header, cookie) {
        (Some("none"), ..) => return None,
        (Some("header"), Some(name), _) => HeaderName::try_from(name).map(StickyBy::Header),
        (Some("cookie"), _, Some(name)) => CookieName::try_from(name).map(StickyBy::Cookie),
        (other, ..) => {
            let why = format!(
                "the sticky key comes from a header or a cookie, and not from {}",
                other.unwrap_or("this")
            );
            log.left(
                source,
                &format!("{what}: hash_on"),
                &why,
                "choose a header or a cookie",
            );
            return None;
        }
    };
    sticky
        .map_err(|invalid| log.left(source, &format!("{what}: hash_on"), &invalid.detail, ""))
        .ok()
}
