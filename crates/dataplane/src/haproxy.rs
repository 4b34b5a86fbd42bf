//! `HAProxy` (2.6 and later): a configuration in several files and two maps.
//!
//! ```text
//!  hosts.map        host/prefix/ ─► the backend of a policy
//!  versions.map     backend:version ─► the server of a version that a request names
//!  haproxy.cfg      one frontend
//!  policies-00.cfg  a backend for each policy, with its rules, its split, and its versions as servers
//!  … -15.cfg        always all 16: a policy is in the one that its name says
//! ```
//!
//! Run it in the folder of the files: `haproxy -W -f .`, which reads them in the order of their
//! names. The statistics socket is `admin.sock` there, and `show info` has the model's version as
//! the description.
//!
//! A key's slot is the one that `resolve` computes (`xxh64,and(16383)`). Names of versions are
//! resolved when a configuration is loaded; a name that does not resolve then is answered with 503
//! until the next load. Paths are compared as the client sent them; a path with dot segments is
//! answered with 400, since a version may read it in another way.

mod bootstrap;
mod conditions;
mod files;
mod policy;
mod text;

use std::{collections::BTreeSet, fmt::Write as _};

pub use self::bootstrap::bootstrap;
pub(crate) use self::files::Files;
use crate::{
    Settings,
    model::PolicyModel,
    problem::{DOT_SEGMENT, NO_ROUTE, POLICY_REFUSED},
};

/// The file with the settings and the frontend.
pub const CONFIGURATION: &str = "haproxy.cfg";
/// The map from hosts and path prefixes to backends.
pub const HOSTS: &str = "hosts.map";
/// The map from the versions that requests may name to servers.
pub const VERSIONS: &str = "versions.map";
/// What to run in the folder after the files were written. `HAProxy` loses a signal that comes
/// within 0.1 s of the last one, so wait until `show info` has the new description.
pub const RELOAD: &str = r#"haproxy -c -f . && kill -USR2 "$(cat haproxy.pid)""#;

/// What a host leads to whose policy was refused.
const REFUSED: &str = "!";

/// A backend of the last file, which the first file needs: without the files of the policies
/// `HAProxy` does not start, instead of answering 503.
const NONE: &str = "tm-none";

/// Returns the name of a policy's backend. No part of it has a colon.
fn backend_name(policy: &PolicyModel) -> String {
    policy.id().replace('/', ":")
}

/// Returns the file with the settings and the frontend.
fn head(version: &str, depths: &BTreeSet<usize>, settings: &Settings) -> String {
    let listen = &settings.listen;
    let mut text = format!(
        "# revision {version}\n\
         # Written by Traffic Manager as a whole. The next change overwrites what you change here.\n\
         global\n\
         \x20 description {version}\n\
         \x20 pidfile haproxy.pid\n\
         \x20 stats socket unix@admin.sock mode 600 level admin\n\
         defaults\n\
         \x20 mode http\n\
         \x20 timeout connect 2s\n\
         \x20 timeout client 1h\n\
         \x20 timeout server 1h\n\
         \x20 timeout tunnel 1h\n\
         \x20 timeout http-request 30s\n\
         \x20 retries 0\n\
         \x20 retry-on none\n\
         # A version whose name does not resolve is answered with 503; none takes its place.\n\
         \x20 option persist\n\
         \x20 default-server init-addr last,libc,none weight 0\n\
         frontend tm\n\
         \x20 bind {listen}\n"
    );
    let dots = r"'(?:^|/)(?:\.|%2[eE]){1,2}(?:/|$)'";
    // Host and path are one key of the map, so a host has no `/`.
    let odd = text::problem(NO_ROUTE, "if { var(txn.host) -m sub / }");
    let dots = text::problem(DOT_SEGMENT, &format!("if {{ path -m reg -- {dots} }}"));
    let _ = write!(
        text,
        "{dots}\
         \x20 acl found var(txn.policy) -m found\n\
         \x20 http-request set-var(txn.host) req.hdr(host),field(1,:),lower\n\
         {odd}\
         \x20 http-request set-var(txn.path) path,concat(/)\n\
         \x20 http-request set-var(txn.at) var(txn.host),concat(,txn.path)\n\
         \x20 http-request set-var(txn.policy) var(txn.at),map_beg({HOSTS})\n"
    );
    // Of two wildcards that take a host the longer one has more labels.
    for labels in depths.iter().rev() {
        let _ = write!(
            text,
            "\x20 http-request set-var(txn.under) var(txn.host),field(-1,.,{labels})\n\
             \x20 http-request set-var(txn.at) str(*.),concat(,txn.under),concat(,txn.path)\n\
             \x20 http-request set-var(txn.policy) var(txn.at),map_beg({HOSTS}) if !found !{{ var(txn.host),strcmp(txn.under) eq 0 }}\n"
        );
    }
    text.push_str(&text::problem(NO_ROUTE, "if !found"));
    let refused = format!("if {{ var(txn.policy) -m str {REFUSED} }}");
    text.push_str(&text::problem(POLICY_REFUSED, &refused));
    let _ = write!(
        text,
        "  use_backend %[var(txn.policy)]\n  default_backend {NONE}\n"
    );
    text
}

/// Returns how many labels the bases of a policy's wildcards have.
fn wildcard_depths(policy: &PolicyModel) -> BTreeSet<usize> {
    let hosts = policy.spec.hosts.iter();
    hosts
        .filter(|host| host.is_wildcard())
        .map(|host| host.base().split('.').count())
        .collect()
}

/// Returns the lines of a policy in the map of hosts. `map_beg` takes the longest key; each ends in
/// `/`, and so does the path that it is compared with.
fn hosts(policy: &PolicyModel, is_refused: bool) -> String {
    let mut map = String::new();
    let name = if is_refused {
        REFUSED.to_owned()
    } else {
        backend_name(policy)
    };
    for (host, prefix) in policy.spec.claims() {
        let prefix = prefix.as_str().trim_end_matches('/');
        let _ = writeln!(map, "{}{prefix}/ {name}", host.as_str());
    }
    map
}
