//! The claims of a verified token: its lifetime, its subject and its grant.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{KeyPrint, TokenRefusal};
use crate::{
    auth::{Caller, Credential, Grant, Role, TenantScope},
    config::{self, ConfigError},
    domain::{Invalid, event::Actor, plain_text, resource_scope::ResourceScope, time::UtcTime},
};

/// The longest `sub` claim, in bytes.
const MAX_SUBJECT: usize = 255;
/// The largest accepted date in Unix seconds, 2^53. Up to here `f64` represents whole seconds
/// exactly.
const LAST_DATE: f64 = 9_007_199_254_740_992.0;

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// The path to a claim: the names of nested members.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Path(Vec<String>);

impl Path {
    /// Parses names joined by dots. A name in double quotes is taken literally, dots included.
    /// Returns `None` for an empty text: the claim is not used.
    fn parse(raw: &str) -> Result<Option<Self>, &'static str> {
        if raw.is_empty() {
            return Ok(None);
        }
        let (mut parts, mut rest) = (Vec::new(), raw);
        loop {
            let (part, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted
                    .split_once('"')
                    .ok_or("has a quote that does not end")?,
                None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
            };
            if part.is_empty() || (part.contains('"') && !rest.starts_with('"')) {
                return Err(
                    "must be names of members joined by dots, those with dots in double quotes",
                );
            }
            parts.push(part.to_owned());
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => return Ok(Some(Self(parts))),
                None => return Err("must have a dot after a quoted name"),
            }
        }
    }

    fn find<'a>(&self, claims: &'a Claims) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter()
            .try_fold(claims.get(first)?, |value, name| value.get(name))
    }
}

/// The configured mapping from claims to a caller.
#[derive(Debug)]
pub struct Mapping {
    leeway: f64,
    max_lifetime: f64,
    tenant: Option<Path>,
    roles: Option<Path>,
    services: Option<Path>,
    envs: Option<Path>,
    role_map: Vec<(String, Role)>,
}

impl Mapping {
    /// Creates the mapping from the settings.
    pub fn new(settings: &config::Jwt) -> Result<Self, ConfigError> {
        let path = |name: &str, raw: &str| Path::parse(raw).map_err(|reason| wrong(name, reason));
        Ok(Self {
            leeway: settings.leeway.as_secs_f64(),
            max_lifetime: settings.max_lifetime.as_secs_f64(),
            tenant: path("tenant_claim", &settings.tenant_claim)?,
            roles: path("roles_claim", &settings.roles_claim)?,
            services: path("services_claim", &settings.services_claim)?,
            envs: path("envs_claim", &settings.envs_claim)?,
            role_map: settings
                .role_map
                .iter()
                .map(|entry| mapped(entry))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Returns the caller of a token at `now` (Unix seconds), and when the token expires (`exp`).
    pub fn caller(
        &self,
        claims: &Claims,
        signed_by: KeyPrint,
        now: f64,
    ) -> Result<(Caller, f64), TokenRefusal> {
        let expires = self.check_times(claims, now)?;
        let id = subject(claims)?;
        let actor = Arc::new(Actor {
            kind: Caller::TOKEN.into(),
            id,
            token: None,
        });
        let credential = Credential::Token {
            signed_by,
            ends: moment(expires),
            refused: moment(expires + self.leeway),
        };
        Ok((
            Caller {
                actor,
                grant: Arc::new(self.grant(claims)?),
                credential,
                session: None,
            },
            expires,
        ))
    }

    /// Returns the subject of a token that is valid at `now` (Unix seconds).
    pub fn subject_at(&self, claims: &Claims, now: f64) -> Result<String, TokenRefusal> {
        self.check_times(claims, now)?;
        subject(claims)
    }

    fn check_times(&self, claims: &Claims, now: f64) -> Result<f64, TokenRefusal> {
        let expires = date(claims, "exp")?.ok_or(TokenRefusal::MissingClaim)?;
        let issued = date(claims, "iat")?;
        let begins = date(claims, "nbf")?;
        if now >= expires + self.leeway {
            return Err(TokenRefusal::Expired);
        }
        if [issued, begins]
            .into_iter()
            .flatten()
            .any(|date| date > now + self.leeway)
        {
            return Err(TokenRefusal::NotYetValid);
        }
        if expires - issued.unwrap_or(now) > self.max_lifetime {
            return Err(TokenRefusal::TooLongLived);
        }
        Ok(expires)
    }

    fn grant(&self, claims: &Claims) -> Result<Grant, TokenRefusal> {
        let roles = self.roles(claims)?;
        let tenant_scope = self.tenant_scope(claims, &roles)?;
        let services = narrowed(self.services.as_ref(), claims)?;
        let envs = narrowed(self.envs.as_ref(), claims)?;
        Grant::new(roles, tenant_scope, ResourceScope { services, envs }).map_err(senseless)
    }

    /// Returns this service's roles in the token. An issuer may list roles of other programs too;
    /// they are ignored.
    fn roles(&self, claims: &Claims) -> Result<Vec<Role>, TokenRefusal> {
        let Some(said) = self.roles.as_ref().and_then(|path| path.find(claims)) else {
            return Ok(Vec::new());
        };
        let said = texts(said)?;
        if self.role_map.is_empty() {
            return Ok(said
                .into_iter()
                .filter_map(|name| Role::try_from(name.to_owned()).ok())
                .collect());
        }
        Ok(self
            .role_map
            .iter()
            .filter(|(name, _)| said.contains(&name.as_str()))
            .map(|(_, role)| *role)
            .collect())
    }

    /// Returns the tenant scope of the token. Without a tenant claim, only a platform administrator
    /// is accepted: a missing claim must not turn an auditor of one tenant into an auditor of all
    /// tenants. For an auditor of all tenants the claim is `*`.
    fn tenant_scope(&self, claims: &Claims, roles: &[Role]) -> Result<TenantScope, TokenRefusal> {
        match self.tenant.as_ref().and_then(|path| path.find(claims)) {
            None if roles == [Role::PlatformAdmin] => Ok(TenantScope::Platform),
            None => Err(TokenRefusal::NoGrant(if roles.is_empty() {
                "no_role"
            } else {
                "tenant_required"
            })),
            Some(Value::String(all)) if all == "*" => Ok(TenantScope::Platform),
            Some(Value::String(name)) => name
                .parse()
                .map(TenantScope::Tenant)
                .map_err(|_| TokenRefusal::NoGrant("bad_tenant")),
            Some(_) => Err(TokenRefusal::BadClaim),
        }
    }
}

/// Converts Unix seconds to a time. A value beyond the largest possible time gives that time.
fn moment(unix: f64) -> UtcTime {
    Timestamp::from_millisecond((unix * 1000.0) as i64)
        .unwrap_or(Timestamp::MAX)
        .into()
}

/// Parses an entry `<name that the issuer uses>=<role of this service>`.
fn mapped(entry: &str) -> Result<(String, Role), ConfigError> {
    let (said, role) = entry
        .rsplit_once('=')
        .ok_or_else(|| wrong("role_map", "must be entries of the form value=role"))?;
    let role =
        Role::try_from(role.to_owned()).map_err(|invalid| wrong("role_map", &invalid.detail))?;
    Ok((said.to_owned(), role))
}

fn wrong(name: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid {
        key: format!("auth.jwt.{name}"),
        reason: reason.to_owned(),
    }
}

fn senseless(invalid: Invalid) -> TokenRefusal {
    TokenRefusal::NoGrant(invalid.code)
}

/// Returns the `sub` claim. Events and the audit record it as the actor's id.
fn subject(claims: &Claims) -> Result<String, TokenRefusal> {
    let subject = claims
        .get("sub")
        .and_then(Value::as_str)
        .ok_or(TokenRefusal::MissingClaim)?;
    if subject.is_empty() || plain_text(subject, MAX_SUBJECT, "sub").is_err() {
        return Err(TokenRefusal::BadClaim);
    }
    Ok(subject.to_owned())
}

/// Reads a date in Unix seconds, perhaps with a fraction.
fn date(claims: &Claims, name: &str) -> Result<Option<f64>, TokenRefusal> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let date = value
        .as_f64()
        .filter(|date| (0.0..=LAST_DATE).contains(date));
    date.map(Some).ok_or(TokenRefusal::BadClaim)
}

/// Reads a list of texts, or one text of words separated by white space, as OAuth scopes are.
fn texts(value: &Value) -> Result<Vec<&str>, TokenRefusal> {
    match value {
        Value::String(words) => Ok(words.split_ascii_whitespace().collect()),
        Value::Array(items) => items
            .iter()
            .map(Value::as_str)
            .collect::<Option<_>>()
            .ok_or(TokenRefusal::BadClaim),
        _ => Err(TokenRefusal::BadClaim),
    }
}

/// Returns the names of a resource-scope claim. A claim that is present and empty is refused,
/// because for a grant no names mean all.
fn narrowed<T: std::str::FromStr<Err = Invalid>>(
    path: Option<&Path>,
    claims: &Claims,
) -> Result<Vec<T>, TokenRefusal> {
    let Some(said) = path.and_then(|path| path.find(claims)) else {
        return Ok(Vec::new());
    };
    let names = texts(said)?;
    if names.is_empty() {
        return Err(TokenRefusal::BadClaim);
    }
    names
        .into_iter()
        .map(|name| name.parse().map_err(senseless))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claim_path_is_names_joined_by_dots() {
        let path = |raw: &str| Path::parse(raw).map(|path| path.map(|path| path.0));
        let of = |names: &[&str]| Ok(Some(names.iter().map(|name| (*name).to_owned()).collect()));
        assert_eq!(path(""), Ok(None));
        assert_eq!(path("tenant"), of(&["tenant"]));
        assert_eq!(path("realm_access.roles"), of(&["realm_access", "roles"]));
        assert_eq!(
            path(r#""https://example.com/roles""#),
            of(&["https://example.com/roles"])
        );
        assert_eq!(
            path(r#"resource_access."my.app".roles"#),
            of(&["resource_access", "my.app", "roles"])
        );
        for wrong in [
            ".", "a.", ".a", "a..b", r#""a"#, r#"a."""#, r#""a"b"#, r#"a"b""#, r#""a"."#,
        ] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn claim_path_finds_exactly_one_place() {
        let claims = json!({ "a.b": "flat", "a": { "b": "deep" }, "c": ["x"] });
        let Value::Object(claims) = claims else {
            unreachable!()
        };
        let find = |raw: &str| Path::parse(raw).unwrap().unwrap().find(&claims).cloned();
        assert_eq!(find("a.b"), Some(json!("deep")));
        assert_eq!(find(r#""a.b""#), Some(json!("flat")));
        assert_eq!((find("a.c"), find("c.0"), find("d")), (None, None, None));
    }
}
