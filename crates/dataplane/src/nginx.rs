//! nginx (1.22 and later): a complete configuration in several files.
//!
//! ```text
//!  nginx.conf        settings, the server for all other hosts, nginx's own interface
//!  policies-00.conf  maps and upstreams of policies, and the servers of their hosts
//!  … -15.conf        always all 16: a policy is in the one that its name says
//! ```
//!
//! Run it in the folder of the files: `nginx -c $PWD/nginx.conf -p $PWD`. `GET /revision` on the
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
mod files;
mod policy;
mod sending;
mod servers;
mod text;

use std::{collections::BTreeSet, fmt::Write as _};

use traffic_manager_core::policy::PathPrefix;

pub use self::bootstrap::bootstrap;
pub(crate) use self::files::Files;
use self::{policy::Part, text::problem};
use crate::{
    Settings,
    problem::{DOT_SEGMENT, MEDIA_TYPE, NO_ROUTE, POLICY_REFUSED},
    text::{PARTS, part_path},
};

/// The file that includes the others.
pub const CONFIGURATION: &str = "nginx.conf";
/// The extension of the other files.
const EXTENSION: &str = "conf";
/// What to run in the folder after the files were written.
pub const RELOAD: &str =
    r#"nginx -t -c "$PWD/nginx.conf" -p "$PWD" && nginx -s reload -c "$PWD/nginx.conf" -p "$PWD""#;

/// Returns the file that includes the others.
fn configuration(version: &str, settings: &Settings) -> String {
    let mut text = format!(
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
    );
    for at in 0..PARTS {
        let _ = writeln!(text, "  include {};", part_path(at, EXTENSION));
    }
    let Settings { listen, admin, .. } = settings;
    let _ = write!(
        text,
        "  server {{\n    listen {listen} default_server;\n    server_name _;\n{}  }}\n",
        nothing()
    );
    let version = text::quoted(version);
    let _ = write!(
        text,
        "  server {{\n    listen {admin}; # the interface of nginx itself\n    server_name _;\n\
         \x20   location = /revision {{ default_type text/plain; return 200 {version}; }}\n\
         \x20   location / {{ return 404; }}\n  }}\n}}\n"
    );
    text
}

/// Returns the server of hosts that lead to the same policies, by prefixes with the policies' parts.
fn server<'a>(
    hosts: impl IntoIterator<Item = &'a str>,
    table: &[(&PathPrefix, &Part)],
    settings: &Settings,
) -> String {
    let mut text = format!(
        "  server {{\n    listen {};\n    server_name",
        settings.listen
    );
    for host in hosts {
        let _ = write!(text, "\n      {host}");
    }
    text.push_str(";\n");
    let mut mirrors = BTreeSet::new();
    for (prefix, part) in table {
        text.push_str(&location(prefix, part));
        if !part.findings.is_refused() {
            mirrors.insert(part.mirror.as_str());
        }
    }
    text.extend(mirrors);
    if !table.iter().any(|(prefix, _)| prefix.as_str() == "/") {
        text.push_str(&nothing());
    }
    text.push_str("  }\n");
    text
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
