//! nginx (1.22 and later): one complete configuration.
//!
//! Run it in the folder of the file: `nginx -c $PWD/nginx.conf -p $PWD`. `GET /revision` on the
//! admin address answers the model's version.
//!
//! A policy is a chain of maps: each condition of a rule is one, each rule is one that falls
//! through to the next rule, and the last falls through to the split. nginx evaluates only the maps
//! that a request needs.
//!
//! - Names of versions are resolved when a configuration is loaded, and a name that does not
//!   resolve then makes nginx refuse the whole configuration. So the follower of the bootstrap
//!   resolves names first and leaves out the versions that fail.
//! - Without retries, a request is still sent to the next address of a name if the first one
//!   refuses the connection.
//! - Shares are rounded to 0.01 %.
//! - A path with dot segments is answered with 400, since a version may read it in another way. A
//!   path that is under a policy's prefix only when it is decoded is answered with 404.

mod bootstrap;
mod conditions;
mod policy;
mod sending;
mod text;

use std::{collections::BTreeMap, fmt::Write as _};

use traffic_manager_core::policy::{Host, PathPrefix};

pub use self::bootstrap::bootstrap;
use self::{policy::Part, text::problem};
use crate::{
    File, Rendered, Settings, follower,
    model::Model,
    problem::{DOT_SEGMENT, MEDIA_TYPE, NO_ROUTE, POLICY_REFUSED},
};

/// The configuration's file.
pub const CONFIGURATION: &str = "nginx.conf";
/// What to run in the folder after the file was written.
pub const RELOAD: &str =
    r#"nginx -t -c "$PWD/nginx.conf" -p "$PWD" && nginx -s reload -c "$PWD/nginx.conf" -p "$PWD""#;

/// Renders a model.
pub fn render(model: &Model, settings: &Settings) -> Rendered<Vec<File>> {
    let parts: Vec<Part> = model
        .policies
        .iter()
        .enumerate()
        .map(|(at, policy)| policy::part(at, policy, settings))
        .collect();
    let mut configuration = head(model);
    for (part, policy) in parts.iter().zip(&model.policies) {
        if !part.findings.is_refused() && !policy.spec.hosts.is_empty() {
            configuration.push_str(&part.maps);
        }
    }
    configuration.push_str(&servers(model, settings, &parts));
    configuration.push_str("}\n");
    let report = parts
        .into_iter()
        .zip(&model.policies)
        .map(|(part, policy)| part.findings.report(policy))
        .collect();
    Rendered {
        document: vec![File {
            path: CONFIGURATION.to_owned(),
            content: configuration,
        }],
        report,
    }
}

/// Returns everything before the policies.
fn head(model: &Model) -> String {
    let version = follower::revision(model);
    format!(
        r#"# revision {version}
# Written by Traffic Manager as a whole. The next change overwrites what you change here.
pid nginx.pid;
error_log error.log warn;
worker_processes auto;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path client_body_temp;
  proxy_temp_path proxy_temp;
  fastcgi_temp_path fastcgi_temp;
  uwsgi_temp_path uwsgi_temp;
  scgi_temp_path scgi_temp;
  client_max_body_size 0;
  merge_slashes off;
  server_tokens off;
  types {{ }}
  default_type "";
  variables_hash_max_size 65536;
  variables_hash_bucket_size 256;
  map_hash_max_size 65536;
  map_hash_bucket_size 256;
  server_names_hash_max_size 65536;
  server_names_hash_bucket_size 512;
  geo $tm_dollar {{ default "$"; }}
  map $request_uri $tm_path {{ "~^([^?]*)" $1; }}
  map $http_upgrade $tm_connection {{ "" ""; default upgrade; }}
"#
    )
}

/// What a host leads to: prefixes with the places of policies.
type Table<'a> = Vec<(&'a PathPrefix, usize)>;

/// Returns the servers: one for all hosts that lead to the same policies.
fn servers(model: &Model, settings: &Settings, parts: &[Part]) -> String {
    let mut groups: BTreeMap<Table<'_>, Vec<&Host>> = BTreeMap::new();
    for (host, table) in tables(model) {
        groups.entry(table).or_default().push(host);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(_, a), (_, b)| a.cmp(b));
    let Settings { listen, admin, .. } = settings;
    let mut text = String::new();
    for (table, hosts) in groups {
        let _ = write!(text, "  server {{\n    listen {listen};\n    server_name");
        for host in hosts {
            let _ = write!(text, "\n      {}", host.as_str());
        }
        text.push_str(";\n");
        let mut is_whole = false;
        let mut mirrors: Vec<usize> = Vec::new();
        for (prefix, at) in table {
            is_whole |= prefix.as_str() == "/";
            mirrors.push(at);
            text.push_str(&location(prefix, &parts[at]));
        }
        mirrors.sort_unstable();
        mirrors.dedup();
        for at in mirrors {
            if !parts[at].findings.is_refused() {
                text.push_str(&parts[at].mirror);
            }
        }
        if !is_whole {
            text.push_str(&nothing());
        }
        text.push_str("  }\n");
    }
    let _ = write!(
        text,
        "  server {{\n    listen {listen} default_server;\n    server_name _;\n{}  }}\n",
        nothing()
    );
    let version = text::quoted(&follower::revision(model));
    let _ = write!(
        text,
        "  server {{\n    listen {admin}; # the interface of nginx itself\n    server_name _;\n\
         \x20   location = /revision {{ default_type text/plain; return 200 {version}; }}\n\
         \x20   location / {{ return 404; }}\n  }}\n"
    );
    text
}

/// Returns the hosts with all prefixes that apply to them. nginx chooses one server by the host and
/// looks at no other, so an exact host has the prefixes of the wildcards above it too, as far as
/// its own leave room for them.
fn tables(model: &Model) -> Vec<(&Host, Table<'_>)> {
    let places: BTreeMap<String, usize> = model
        .policies
        .iter()
        .enumerate()
        .map(|(at, policy)| (policy.id(), at))
        .collect();
    let hosts = model.hosts();
    let wildcards: Vec<_> = hosts
        .iter()
        .filter(|(host, _)| host.is_wildcard())
        .collect();
    hosts
        .iter()
        .map(|(host, own)| {
            let above = wildcards
                .iter()
                .filter(|(wildcard, _)| {
                    wildcard.base().len() < host.base().len()
                        || (!host.is_wildcard() && wildcard.base().len() == host.base().len())
                })
                .filter(|(wildcard, _)| wildcard.covers(host.base()))
                .flat_map(|(_, of_wildcard)| of_wildcard);
            let mut table: Table<'_> = Vec::new();
            for (prefix, policy) in own.iter().chain(above) {
                let is_taken = table.iter().any(|(before, _)| before.has(prefix.as_str()));
                // Prefixes of one host are all its own; those of a shorter wildcard come after.
                let is_own = own.iter().any(|(mine, _)| mine == prefix);
                if let Some(at) = places.get(&policy.id())
                    && (is_own || !is_taken)
                    && !table.iter().any(|(before, _)| before == prefix)
                {
                    table.push((prefix, *at));
                }
            }
            table.sort_by(|(a, _), (b, _)| {
                let (a, b) = (a.as_str(), b.as_str());
                b.len().cmp(&a.len()).then_with(|| a.cmp(b))
            });
            (*host, table)
        })
        .collect()
}

/// Returns the place of a prefix. Locations with patterns are tried in their order.
fn location(prefix: &PathPrefix, part: &Part) -> String {
    let dots = problem(DOT_SEGMENT);
    let mut text = match prefix.as_str() {
        "/" => "    location / {\n".to_owned(),
        prefix => {
            let pattern = text::regex(&format!("^{}(?:/|$)", crate::pcre::literal(prefix)));
            format!(
                "    location ~ {pattern} {{\n      if ($tm_path !~ {pattern}) {{ {} }}\n",
                problem(NO_ROUTE)
            )
        }
    };
    let _ = writeln!(
        text,
        r#"      if ($tm_path ~ "(?:^|/)(?:\.|%2[eE]){{1,2}}(?:/|$)") {{ {dots} }}"#
    );
    if part.findings.is_refused() {
        let _ = writeln!(
            text,
            "      if ($tm_path) {{ {} }}",
            problem(POLICY_REFUSED)
        );
    } else {
        text.push_str(&part.location);
    }
    text.push_str("    }\n");
    text
}

/// Returns the place of all paths that no policy has.
fn nothing() -> String {
    format!(
        "    location / {{ default_type {MEDIA_TYPE}; return {} {}; }}\n",
        NO_ROUTE.status,
        text::quoted(&NO_ROUTE.body())
    )
}
