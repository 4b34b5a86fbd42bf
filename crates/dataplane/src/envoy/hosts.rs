//! The route configuration: the virtual hosts of all policies, composed of encoded routes.
//!
//! Envoy looks for a route in one virtual host only: of an exact host, else of the longest wildcard.
//! So each has the routes of all wildcards that cover it after its own.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use sha2::{Digest as _, Sha256};
use traffic_manager_core::policy::PathPrefix;

use super::{
    ROUTE_TYPE, ROUTES, Resource,
    forms::{Form, OfHost, Table, encoded},
    hex_half, matching,
    messages::route::RouteMatch,
    routes,
};

/// The numbers of the fields, in `google/protobuf/any.proto` and
/// `envoy/config/route/v3/route{,_components}.proto`.
const ANY_TYPE: u32 = 1;
const ANY_VALUE: u32 = 2;
const NAME: u32 = 1;
const VIRTUAL_HOSTS: u32 = 2;
const IGNORE_PORT: u32 = 14;
const DOMAINS: u32 = 2;
pub(super) const ROUTES_FIELD: u32 = 3;

/// Returns one virtual host for each host, and one for all others, whose only route is an answer.
/// The forms at the places of `refused` are answered with 503.
pub(super) fn configuration(
    table: &Table<'_>,
    forms: &[Arc<Form>],
    refused: &BTreeSet<usize>,
) -> Resource {
    let wildcards = table
        .iter()
        .filter_map(|(host, of_host)| Some((host.strip_prefix('*')?, of_host)));
    let composer = Composer {
        wildcards: wildcards.collect(),
        forms,
        refused,
        no_route: encoded(&[routes::no_route()]),
    };
    let mut hash = Sha256::new();
    let mut all = Vec::new();
    text(NAME, ROUTES, &mut all);
    for (host, of_host) in table {
        let parts = composer.parts(host, of_host, &mut hash);
        virtual_host(host, &parts, &mut all);
    }
    virtual_host("*", &[Part::Made(composer.no_route.clone())], &mut all);
    prost::encoding::bool::encode(IGNORE_PORT, &true, &mut all);
    Resource {
        name: ROUTES.to_owned(),
        version: hex_half(hash),
        body: any(&all),
    }
}

/// Encoded routes.
enum Part<'a> {
    Kept(&'a Bytes),
    Made(Bytes),
}

impl Part<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Kept(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

struct Composer<'a> {
    /// What wildcards lead to, by what comes after their `*`.
    wildcards: HashMap<&'a str, &'a OfHost<'a>>,
    forms: &'a [Arc<Form>],
    refused: &'a BTreeSet<usize>,
    no_route: Bytes,
}

impl<'a> Composer<'a> {
    /// Returns the routes of a host. The hash gets what they are made of.
    fn parts(&self, host: &str, own: &OfHost<'a>, hash: &mut Sha256) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        added(hash, host);
        let above = above(host).filter_map(|base| self.wildcards.get(base).copied());
        for of_host in std::iter::once(own).chain(above) {
            for (prefix, at) in longest_first(of_host) {
                added(hash, prefix.as_str());
                match self.routes(at, prefix) {
                    Some(routes) => {
                        added(hash, &self.forms[at].hash);
                        parts.push(Part::Kept(routes));
                    }
                    None => {
                        added(hash, "");
                        parts.push(Part::Made(encoded(&[routes::refused(prefix)])));
                    }
                }
                if prefix.as_str() == "/" {
                    return parts;
                }
            }
        }
        parts.push(Part::Made(self.no_route.clone()));
        parts
    }

    fn routes(&self, at: usize, prefix: &PathPrefix) -> Option<&'a Bytes> {
        let routes = self.forms[at].routes.as_ref()?.get(prefix);
        routes.filter(|_| !self.refused.contains(&at))
    }
}

fn added(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

fn virtual_host(name: &str, parts: &[Part<'_>], out: &mut Vec<u8>) {
    let routes: usize = parts.iter().map(|part| part.bytes().len()).sum();
    let named = 2 * (1 + encoded_len_varint(name.len() as u64) + name.len());
    head(VIRTUAL_HOSTS, named + routes, out);
    text(NAME, name, out);
    text(DOMAINS, name, out);
    for part in parts {
        out.extend_from_slice(part.bytes());
    }
}

/// Returns an encoded route configuration as an encoded `google.protobuf.Any`.
fn any(configuration: &[u8]) -> Bytes {
    let mut any = Vec::with_capacity(configuration.len() + 128);
    text(ANY_TYPE, ROUTE_TYPE, &mut any);
    head(ANY_VALUE, configuration.len(), &mut any);
    any.extend_from_slice(configuration);
    any.into()
}

fn text(field: u32, text: &str, out: &mut Vec<u8>) {
    head(field, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn head(field: u32, length: usize, out: &mut Vec<u8>) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

fn longest_first<'a>(of_host: &OfHost<'a>) -> Vec<(&'a PathPrefix, usize)> {
    let mut parts: Vec<_> = of_host.iter().map(|(prefix, at)| (*prefix, *at)).collect();
    // Stable: prefixes of one length stay in their order.
    parts.sort_by_key(|(prefix, _)| Reverse(prefix.as_str().len()));
    parts
}

/// Returns what comes after the `*` of the wildcards that cover a host, longer ones first.
fn above(host: &str) -> impl Iterator<Item = &str> {
    let base = host.strip_prefix("*.").unwrap_or(host);
    base.match_indices('.').map(move |(at, _)| &base[at..])
}

/// Returns a match of every request.
pub(super) fn everything() -> RouteMatch {
    matching::under(&PathPrefix::default())
}
