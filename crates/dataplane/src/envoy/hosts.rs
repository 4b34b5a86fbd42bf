//! The route configuration: the virtual hosts of all policies, composed of encoded routes.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use sha2::{Digest as _, Sha256};

use super::{
    ROUTE_TYPE, ROUTES, Resource,
    forms::{Form, encoded},
    hex_half, routes,
    table::{Part, Table},
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

/// Returns the virtual hosts of a table, and one for all other hosts, whose only route is an answer.
/// The table is that of the forms.
pub(super) fn configuration(table: &Table<'_, Bytes>, forms: &[Arc<Form>]) -> Resource {
    let no_route = encoded(&[routes::no_route()]);
    let of_table = table.virtual_hosts();
    let mut hosts = Vec::with_capacity(of_table.len() + 1);
    let (mut of_all, mut parts) = (Vec::with_capacity(of_table.len() + 1), Vec::new());
    for host in &of_table {
        table.parts(host, &mut parts);
        let from = of_all.len();
        of_all.extend(parts.drain(..).map(|part| match part {
            Part::Of(routes) => Cow::Borrowed(routes),
            Part::Refused(prefix) => Cow::Owned(encoded(&[routes::refused(prefix)])),
            Part::NoRoute => Cow::Borrowed(&no_route),
        }));
        hosts.push((host.name, host.others.as_slice(), from..of_all.len()));
    }
    hosts.push(("*", &[], of_all.len()..of_all.len() + 1));
    of_all.push(Cow::Borrowed(&no_route));
    let hosts = hosts.into_iter().map(|(name, others, routes)| Written {
        name,
        others,
        routes: &of_all[routes],
    });
    Resource {
        name: ROUTES.into(),
        version: version(table, forms),
        body: any(&hosts.collect::<Vec<_>>()),
    }
}

/// Returns what differs when the routes differ: they are made of the forms, in their order, and of nothing else.
/// To hash the routes themselves would take longer than to write them.
fn version(table: &Table<'_, Bytes>, forms: &[Arc<Form>]) -> String {
    let mut hash = Sha256::new();
    for (at, form) in forms.iter().enumerate() {
        if !form.hosts.is_empty() {
            hash.update(&form.routes_hash);
            hash.update([
                u8::from(table.is_refused(at)),
                u8::from(table.is_instead(at)),
            ]);
        }
    }
    hex_half(hash)
}

/// A virtual host before it is written: so the size of all is known, and each is copied once.
struct Written<'a> {
    name: &'a str,
    others: &'a [&'a str],
    routes: &'a [Cow<'a, Bytes>],
}

impl Written<'_> {
    /// Returns the number of bytes of the message.
    fn message_len(&self) -> usize {
        let routes: usize = self.routes.iter().map(|routes| routes.len()).sum();
        let others: usize = self.others.iter().map(|other| field_len(other.len())).sum();
        2 * field_len(self.name.len()) + others + routes
    }

    fn write(&self, out: &mut Vec<u8>) {
        head(VIRTUAL_HOSTS, self.message_len(), out);
        text(NAME, self.name, out);
        text(DOMAINS, self.name, out);
        for other in self.others {
            text(DOMAINS, other, out);
        }
        for routes in self.routes {
            out.extend_from_slice(routes);
        }
    }
}

/// Returns the route configuration of virtual hosts as an encoded `google.protobuf.Any`.
fn any(hosts: &[Written<'_>]) -> Bytes {
    let (mut named, mut end) = (Vec::new(), Vec::new());
    text(NAME, ROUTES, &mut named);
    prost::encoding::bool::encode(IGNORE_PORT, &true, &mut end);
    let of_hosts = hosts.iter().map(|host| field_len(host.message_len()));
    let len = named.len() + of_hosts.sum::<usize>() + end.len();
    let mut any = Vec::with_capacity(field_len(ROUTE_TYPE.len()) + field_len(len));
    text(ANY_TYPE, ROUTE_TYPE, &mut any);
    head(ANY_VALUE, len, &mut any);
    any.extend_from_slice(&named);
    for host in hosts {
        host.write(&mut any);
    }
    any.extend_from_slice(&end);
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

/// Returns the number of bytes of a member of this length. The numbers of all fields are below 16,
/// so the key has one byte.
const fn field_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}
