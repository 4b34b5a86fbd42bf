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

/// Returns one virtual host for each host, and one for all others, whose only route is an answer.
/// The table is that of the forms.
pub(super) fn configuration(table: &Table<'_, Bytes>, forms: &[Arc<Form>]) -> Resource {
    let mut hash = Sha256::new();
    let (mut hosts, mut parts) = (Vec::new(), Vec::new());
    let mut len = 0;
    for own in table.hosts() {
        let host = table.parts(own, &mut parts);
        let made = VirtualHost::of(host, parts.drain(..), forms, &mut hash);
        len += made.len();
        hosts.push(made);
    }
    let other = VirtualHost {
        name: "*",
        routes: vec![Cow::Owned(encoded(&[routes::no_route()]))],
    };
    len += other.len();
    hosts.push(other);
    Resource {
        name: ROUTES.to_owned(),
        version: hex_half(hash),
        body: any(&hosts, len),
    }
}

/// A virtual host before it is written: so the size of all is known, and each is copied once.
struct VirtualHost<'a> {
    name: &'a str,
    routes: Vec<Cow<'a, Bytes>>,
}

impl<'a> VirtualHost<'a> {
    /// Returns the virtual host of these parts. The hash gets what they are made of.
    fn of(
        name: &'a str,
        parts: impl Iterator<Item = Part<'a, Bytes>>,
        forms: &[Arc<Form>],
        hash: &mut Sha256,
    ) -> Self {
        added(hash, name);
        let routes = parts.map(|part| match part {
            Part::Of { at, prefix, routes } => {
                added(hash, prefix.as_str());
                added(hash, &forms[at].hash);
                Cow::Borrowed(routes)
            }
            Part::Refused(prefix) => {
                added(hash, prefix.as_str());
                added(hash, "");
                Cow::Owned(encoded(&[routes::refused(prefix)]))
            }
            Part::NoRoute => Cow::Owned(encoded(&[routes::no_route()])),
        });
        Self {
            name,
            routes: routes.collect(),
        }
    }

    /// Returns the number of bytes of the message.
    fn message_len(&self) -> usize {
        let routes: usize = self.routes.iter().map(|routes| routes.len()).sum();
        2 * field_len(self.name.len()) + routes
    }

    /// Returns the number of bytes of the message as a member of the route configuration.
    fn len(&self) -> usize {
        field_len(self.message_len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        head(VIRTUAL_HOSTS, self.message_len(), out);
        text(NAME, self.name, out);
        text(DOMAINS, self.name, out);
        for routes in &self.routes {
            out.extend_from_slice(routes);
        }
    }
}

/// Returns the route configuration of virtual hosts, which are together `len` bytes long, as an
/// encoded `google.protobuf.Any`.
fn any(hosts: &[VirtualHost<'_>], len: usize) -> Bytes {
    let (mut named, mut end) = (Vec::new(), Vec::new());
    text(NAME, ROUTES, &mut named);
    prost::encoding::bool::encode(IGNORE_PORT, &true, &mut end);
    let len = named.len() + len + end.len();
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

fn added(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
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
