//! Every endpoint of the API's listener. Router, gate, middleware and documents come from this list.

use std::{collections::HashMap, sync::LazyLock};

use actix_web::{
    Resource,
    web::{self, ServiceConfig},
};

use super::{
    audit, caller, dataplane, dead_letters, docs, exports, forced_states, health, keys, nodes,
    plans, policies, polling, replays, resolve, routes, streams, tenants, time_travel, ui,
};
pub use super::{
    endpoint::{AccessLogging, Endpoint},
    permission::Access,
};

/// The path of the API's own endpoints; the others are for probes and people.
const API: &str = "/api/v1";

/// A tag of the `OpenAPI` document, with the lists of the resources that it groups.
pub struct Tag {
    /// The name of the tag.
    pub name: &'static str,
    /// The description of the tag.
    pub about: &'static str,
    lists: &'static [fn() -> Vec<Endpoint>],
}

/// Every endpoint, by its tag.
pub const TAGS: [Tag; 11] = [
    Tag {
        name: "routes",
        about: "The targets of a service's traffic: one route for each version of the service in an environment.",
        lists: &[routes::endpoints, time_travel::route_endpoints],
    },
    Tag {
        name: "policies",
        about: "Traffic policies: how traffic without an explicit version is shared between versions.",
        lists: &[policies::endpoints],
    },
    Tag {
        name: "tenants",
        about: "The owners of routes and policies.",
        lists: &[tenants::endpoints],
    },
    Tag {
        name: "plans",
        about: "Many changes at once, rollbacks, exports and differences.",
        lists: &[plans::endpoints, time_travel::tenant_endpoints],
    },
    Tag {
        name: "proxies",
        about: "Reads for data-plane proxies, which poll them often.",
        lists: &[
            resolve::endpoints,
            polling::endpoints,
            streams::endpoints,
            dataplane::endpoints,
            nodes::endpoints,
        ],
    },
    Tag {
        name: "audit",
        about: "The audit trail: who changed what, and when. It is read from the archive.",
        lists: &[audit::endpoints, exports::endpoints],
    },
    Tag {
        name: "dead letters",
        about: "Records that could not be archived, and decisions on them.",
        lists: &[dead_letters::endpoints],
    },
    Tag {
        name: "replays",
        about: "Parts of the history that are published again.",
        lists: &[replays::endpoints],
    },
    Tag {
        name: "keys",
        about: "API keys and their roles.",
        lists: &[keys::endpoints, caller::endpoints],
    },
    Tag {
        name: "health",
        about: "The health of the service and of its dependencies.",
        lists: &[health::endpoints, forced_states::endpoints],
    },
    Tag {
        name: "documents",
        about: "The API's own documentation.",
        lists: &[docs::endpoints, ui::endpoints],
    },
];

/// Returns every endpoint.
pub fn all() -> &'static [Endpoint] {
    static ALL: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
        let lists = TAGS
            .iter()
            .flat_map(|tag| tag.lists.iter().map(move |list| (tag.name, list())));
        lists
            .flat_map(|(tag, list)| list.into_iter().map(move |endpoint| endpoint.tagged(tag)))
            .collect()
    });
    &ALL
}

/// The result of a look-up in the list.
pub enum EndpointMatch {
    /// The endpoint.
    Endpoint(&'static Endpoint),
    /// The path has endpoints for other methods only: the answer is 405.
    OtherMethods,
    /// No endpoint has this path.
    Unlisted,
}

/// Returns the endpoint of a method and a path template.
pub fn find(method: &str, path: &str) -> EndpointMatch {
    type ByPath = HashMap<&'static str, Vec<&'static Endpoint>>;
    static BY_PATH: LazyLock<ByPath> = LazyLock::new(|| {
        let mut by_path = ByPath::new();
        for endpoint in all() {
            by_path.entry(endpoint.path).or_default().push(endpoint);
        }
        by_path
    });
    let method = if method == "HEAD" { "GET" } else { method };
    match BY_PATH.get(path) {
        None => EndpointMatch::Unlisted,
        Some(endpoints) => endpoints
            .iter()
            .find(|endpoint| endpoint.method == method)
            .map_or(EndpointMatch::OtherMethods, |endpoint| {
                EndpointMatch::Endpoint(endpoint)
            }),
    }
}

/// Registers every endpoint.
pub fn configure(config: &mut ServiceConfig) {
    let mut api = web::scope(API);
    for endpoints in by_path() {
        let path = endpoints.first().map_or("", |endpoint| endpoint.path);
        match path.strip_prefix(API) {
            Some(rest) => api = api.service(resource(rest, &endpoints)),
            None => drop(config.service(resource(path, &endpoints))),
        }
    }
    config.service(api);
}

fn resource(path: &str, endpoints: &[&Endpoint]) -> Resource {
    endpoints
        .iter()
        .fold(web::resource(path), |resource, endpoint| {
            resource.route(endpoint.route())
        })
}

/// Returns the endpoints of each path, in the order in which the router tries the paths: polled
/// paths, then fixed paths, then templates. So no template hides a fixed path.
fn by_path() -> Vec<Vec<&'static Endpoint>> {
    let mut paths: Vec<Vec<&Endpoint>> = Vec::new();
    for endpoint in all() {
        match paths
            .iter_mut()
            .find(|endpoints| endpoints[0].path == endpoint.path)
        {
            Some(endpoints) => endpoints.push(endpoint),
            None => paths.push(vec![endpoint]),
        }
    }
    paths.sort_by_key(|endpoints| {
        let is_polled = endpoints.iter().any(|endpoint| endpoint.is_polled);
        (!is_polled, endpoints[0].path.contains('{'))
    });
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role::{Auditor, Node, Viewer};

    #[test]
    fn every_endpoint_has_exactly_one_access_row() {
        let mut places: Vec<_> = all().iter().map(|row| (row.path, row.method)).collect();
        places.sort_unstable();
        let count = places.len();
        places.dedup();
        assert_eq!(places.len(), count);
        assert!(matches!(
            find("GET", "/api/v1/nothing"),
            EndpointMatch::Unlisted
        ));
        assert!(matches!(
            find("TRACE", "/api/v1/routes"),
            EndpointMatch::OtherMethods
        ));
        assert!(
            matches!(find("HEAD", "/api/v1/routes"), EndpointMatch::Endpoint(row) if row.method == "GET")
        );
    }

    #[test]
    fn no_template_hides_a_fixed_path() {
        let hides = |template: &str, path: &str| {
            let (parts, of_path) = (template.split('/'), path.split('/'));
            parts.clone().count() == of_path.clone().count()
                && parts
                    .zip(of_path)
                    .all(|(part, own)| part.starts_with('{') || part == own)
        };
        let paths: Vec<_> = by_path().iter().map(|of_path| of_path[0].path).collect();
        assert!(hides("/a/{b}", "/a/c") && !hides("/a/{b}", "/a/c/d"));
        for (at, path) in paths.iter().enumerate() {
            let hidden_by = paths[..at].iter().find(|earlier| hides(earlier, path));
            assert_eq!(hidden_by, None, "{path}");
        }
    }

    #[test]
    fn only_a_dry_run_plan_needs_just_a_reading_role() {
        let EndpointMatch::Endpoint(read) = find("GET", "/api/v1/tenants/{tenant}/plans") else {
            panic!("plans are listed")
        };
        for row in all() {
            let is_plan = (row.method, row.path) == ("POST", "/api/v1/tenants/{tenant}/plans");
            for query in [
                "",
                "dry_run=false",
                "dry_run",
                "dry_run=1",
                "dry=true",
                "x=dry_run=true",
            ] {
                assert_eq!(
                    row.roles(query),
                    row.access.roles(),
                    "{} {}",
                    row.method,
                    row.path
                );
            }
            for query in ["dry_run=true", "a=b&dry%5frun=%74rue"] {
                assert_eq!(
                    row.roles(query),
                    if is_plan {
                        read.access.roles()
                    } else {
                        row.access.roles()
                    },
                    "{} {}",
                    row.method,
                    row.path
                );
            }
        }
    }

    #[test]
    fn reading_roles_cannot_write() {
        for row in all().iter().filter(|row| row.method != "GET") {
            let Some(roles) = row.access.roles() else {
                // A person without a session signs in there.
                assert_eq!(row.path, "/ui/session", "{} is public", row.method);
                continue;
            };
            // Nodes say what they run, which changes nothing that others read as configuration.
            let is_report = row.path == "/api/v1/tenants/{tenant}/nodes";
            assert!(
                !roles.iter().any(|role| match role {
                    Node => !is_report,
                    role => matches!(role, Viewer | Auditor),
                }),
                "{} {}",
                row.method,
                row.path
            );
        }
    }
}
