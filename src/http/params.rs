//! The names in a request's path.
//!
//! They are read in one place, from the one spelling that the router matches too. The gate checks
//! them against the caller, and handlers get them only from here.

use std::borrow::Cow;

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest,
    dev::{Payload, ServiceRequest},
    http::uri::{PathAndQuery, Uri},
};
use bytes::Bytes;
use futures_util::future::{Ready, ready};
use uuid::Uuid;

use super::{
    extract::Fields,
    problem::{Code, FieldError, Problem},
};
use crate::{
    auth::AuthorizedTenant,
    domain::{
        Invalid,
        ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName, VersionName},
    },
};

/// The names that a request gives in its path, else in its query.
#[derive(Debug, Default)]
pub struct Named {
    /// The tenant, if the request names a valid one.
    pub tenant: Option<TenantName>,
    /// The service, if the request names a valid one.
    pub service: Option<ServiceName>,
    /// The environment, if the request names a valid one.
    pub env: Option<EnvName>,
    /// The version, if the request names a valid one.
    pub version: Option<VersionName>,
    /// The errors of path parts that must be names and are not valid ones.
    pub malformed: Vec<FieldError>,
}

impl Named {
    /// Reads the names of a request to an endpoint with the path `template`. A body's tenant is
    /// checked where the body is read.
    pub fn of(request: &HttpRequest, template: &str) -> Self {
        let mut fields = Fields::default();
        let mut named = Self {
            tenant: find(request, template, "{tenant}", &mut fields),
            service: find(request, template, "{service}", &mut fields),
            env: find(request, template, "{env}", &mut fields),
            version: find(request, template, "{version}", &mut fields),
            malformed: Vec::new(),
        };
        named.malformed = fields.into_errors();
        named
    }
}

/// Reads a name from the path, and records an error if the name is malformed. If the endpoint's
/// path has no such part, reads the name from the query; the handler reports errors there.
fn find<T>(
    request: &HttpRequest,
    template: &str,
    placeholder: &str,
    fields: &mut Fields,
) -> Option<T>
where
    T: TryFrom<String, Error = Invalid>,
{
    if let Some(at) = template.split('/').position(|part| part == placeholder) {
        let raw = request.path().split('/').nth(at).unwrap_or_default();
        return fields.required(placeholder, Some(raw.to_owned()));
    }
    let name = placeholder.trim_matches(['{', '}']);
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs
        .find(|(key, _)| key == name)
        .and_then(|(_, value)| value.into_owned().try_into().ok())
}

/// The names of a request that has passed the gate. They are in the request's extensions.
#[derive(Debug, Clone)]
pub struct Names {
    /// The tenant that the request is about, if it names one.
    pub tenant: Option<AuthorizedTenant>,
    /// The service that the request names, if any.
    pub service: Option<ServiceName>,
    /// The environment that the request names, if any.
    pub env: Option<EnvName>,
    /// The version that the request names, if any.
    pub version: Option<VersionName>,
}

/// `{tenant}` in the path.
#[derive(Debug, Clone)]
pub struct TenantPath(pub AuthorizedTenant);

/// `{tenant}/{service}/{env}` in the path.
#[derive(Debug, Clone)]
pub struct PolicyPath(pub AuthorizedTenant, pub PolicyName);

/// `{tenant}/{service}/{env}/{version}` in the path.
#[derive(Debug, Clone)]
pub struct RoutePath(pub AuthorizedTenant, pub RouteName);

/// `{tenant}` and a plan's `{id}` in the path.
#[derive(Debug, Clone)]
pub struct PlanPath(pub AuthorizedTenant, pub Uuid);

impl Names {
    /// Returns the result of `take` for the names. A request that did not come through the gate has
    /// no names, and is refused.
    fn read<T>(request: &HttpRequest, take: impl FnOnce(Self) -> Option<T>) -> Result<T, Problem> {
        let names = request.extensions().get::<Self>().cloned();
        let unchecked = || Problem::new(Code::Forbidden, "the names in the path were not checked");
        names
            .filter(|names| names.are_routed(request))
            .and_then(take)
            .ok_or_else(unchecked)
    }

    /// Returns whether the router has matched these very names. The gate and the router read the
    /// same spelling. If they ever differ, the request is refused and the difference is logged.
    fn are_routed(&self, request: &HttpRequest) -> bool {
        let checked = [
            (
                "tenant",
                self.tenant.as_ref().map(|tenant| tenant.name().as_str()),
            ),
            ("service", self.service.as_ref().map(ServiceName::as_str)),
            ("env", self.env.as_ref().map(EnvName::as_str)),
            ("version", self.version.as_ref().map(VersionName::as_str)),
        ];
        let other = checked.into_iter().find(|(name, checked)| {
            let routed = request.match_info().get(name);
            routed.is_some() && routed != *checked
        });
        if let Some((name, _)) = other {
            tracing::error!(
                http.route.parameter = name,
                "the router matched another name than the access check"
            );
        }
        other.is_none()
    }
}

macro_rules! from_names {
    ($($path:ident: $take:expr;)+) => {$(
        impl FromRequest for $path {
            type Error = Problem;
            type Future = Ready<Result<Self, Problem>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ready(Names::read(request, $take))
            }
        }
    )+};
}

from_names! {
    TenantPath: |names| Some(Self(names.tenant?));
    PolicyPath: |names| Some(Self(names.tenant?, PolicyName { service: names.service?, env: names.env? }));
    RoutePath: |names| {
        Some(Self(names.tenant?, RouteName { service: names.service?, env: names.env?, version: names.version? }))
    };
}

impl FromRequest for PlanPath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = Uuid::parse_str(request.match_info().get("id").unwrap_or_default());
        let id =
            id.map_err(|_| Problem::field("{id}", Invalid::new("not_a_uuid", "must be a UUID")));
        ready(Names::read(request, |names| names.tenant).and_then(|tenant| Ok(Self(tenant, id?))))
    }
}

/// Normalises the spelling of the request's path before the path is matched: an escaped unreserved
/// character becomes that character (RFC 3986 §2.3, §6.2.2.2). No name and no fixed path of this
/// API has a character that stays escaped. A `%` without two hexadecimal digits is refused, because
/// programs read it differently.
pub fn normalize_path(request: &mut ServiceRequest) -> Result<(), Problem> {
    let path = unescaped(request.uri().path()).ok_or_else(|| {
        Problem::new(
            Code::MalformedRequest,
            "the path has a % that is not followed by two hexadecimal digits",
        )
    })?;
    let Cow::Owned(path) = path else {
        return Ok(());
    };
    let query = request.uri().query().map(str::to_owned);
    set_path_and_query(request, &path, query.as_deref())
}

/// Takes a parameter out of the request's query, and returns its value. If it is there more than once, all are left
/// to the handler, which refuses them.
pub fn take_from_query(
    request: &mut ServiceRequest,
    name: &str,
) -> Result<Option<String>, Problem> {
    let is_it = |pair: &&str| {
        let mut parsed = url::form_urlencoded::parse(pair.as_bytes());
        parsed.next().is_some_and(|(key, _)| key == name)
    };
    let (taken, left): (Vec<_>, Vec<_>) = request.query_string().split('&').partition(is_it);
    let [pair] = taken.as_slice() else {
        return Ok(None);
    };
    let value = url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned());
    let (path, query) = (request.uri().path().to_owned(), left.join("&"));
    let query = Some(query.as_str()).filter(|query| !query.is_empty());
    set_path_and_query(request, &path, query)?;
    Ok(value)
}

fn set_path_and_query(
    request: &mut ServiceRequest,
    path: &str,
    query: Option<&str>,
) -> Result<(), Problem> {
    let path_and_query = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let unreadable = || Problem::new(Code::MalformedRequest, "the path is not a valid URI path");
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(
        PathAndQuery::from_maybe_shared(Bytes::from(path_and_query)).map_err(|_| unreadable())?,
    );
    let uri = Uri::from_parts(parts).map_err(|_| unreadable())?;
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
    Ok(())
}

/// Returns the path with each escaped unreserved character written out; `None` if a `%` escapes
/// nothing.
fn unescaped(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut parts = path.split('%');
    let mut written = parts.next()?.to_owned();
    let mut is_changed = false;
    for part in parts {
        let digits = part
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if is_unreserved(byte) {
            written.push(char::from(byte));
            written.push_str(part.get(2..)?);
            is_changed = true;
        } else {
            written.push('%');
            written.push_str(part);
        }
    }
    Some(if is_changed {
        Cow::Owned(written)
    } else {
        Cow::Borrowed(path)
    })
}

/// Returns whether a byte is an unreserved character (RFC 3986 §2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escaped_unreserved_characters_are_decoded_once() {
        for (path, expected) in [
            ("/a", Some("/a")),
            ("/%61", Some("/a")),
            ("/%7E%2d%2D%5f", Some("/~--_")),
            ("/%2561", Some("/%2561")),
            ("/%25%36%31", Some("/%2561")),
            ("/%2F%00%20%ff", Some("/%2F%00%20%ff")),
            ("/%+61", None),
            ("/%6", None),
            ("/%", None),
            ("/%6\u{e9}", None),
            ("/%%361", None),
        ] {
            assert_eq!(unescaped(path).as_deref(), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn escaped_unreserved_character_equals_the_plain_one(
            text in "[A-Za-z0-9._~-]{1,40}", escaped in prop::collection::vec(0_u8..3, 40),
        ) {
            let sent: String = text.bytes().zip(&escaped).map(|(byte, how)| match how {
                0 => char::from(byte).to_string(),
                1 => format!("%{byte:02x}"),
                _ => format!("%{byte:02X}"),
            }).collect();
            let written = unescaped(&sent).unwrap();
            prop_assert_eq!(&*written, &*text);
        }

        #[test]
        fn decoded_path_is_not_decoded_again(path in "(/|[a-z]|%[0-9a-fA-F]{2}){0,30}") {
            let once = unescaped(&path).unwrap().into_owned();
            // A `%` that was itself escaped (`%25`) may be followed by two digits that were
            // escaped: these are not read a second time.
            let again = unescaped(&once);
            prop_assert!(again.is_none_or(|again| again == once || once.contains("%25")));
        }
    }
}
