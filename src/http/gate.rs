//! The checks that a request must pass before its handler: address limit, credentials, caller
//! limits, tenant scope and role.
//!
//! The cheap refusals come first. After limits and credentials the tenant is checked first. Callers
//! without access to a tenant get 404, as if the tenant did not exist, so they cannot find out
//! which tenants exist.

#![expect(
    clippy::result_large_err,
    reason = "what is known of a refusal is made once for a request, and goes no further than the middleware"
)]

mod credentials;

use std::{net::IpAddr, sync::Arc};

use actix_web::{
    HttpMessage as _, HttpRequest,
    dev::ServiceRequest,
    http::header::{self, HeaderValue},
};
use ipnet::IpNet;
use jiff::Timestamp;

pub use self::credentials::NodeRequest;
use self::credentials::bearer;
pub use self::credentials::certified;
use super::{
    authentication::Authentication,
    cookies::{self, Cookie},
    denied::Denied,
    endpoints::{self, Access, Endpoint, EndpointMatch},
    limits::{Limits, RateLimitState},
    params::{Named, Names},
    permission::{Poll, Right as _},
    problem::{Code, Problem},
    request::ClientAddress,
    same_origin,
};
use crate::{
    auth::{Caller, OtherTenant, Role, session::Session},
    domain::{access::visible_to, command::Rejection},
    resilience::{Payer, PoolPlace},
    service::access::callers::{CallerRefusal, Callers},
};

/// The checks in front of the handlers.
pub struct Gate {
    callers: Arc<Callers>,
    authentication: Arc<Authentication>,
    limits: Arc<Limits>,
    proxies: Vec<IpNet>,
    /// The caller of every request, if `auth.mode` is `none`.
    anyone: Option<Caller>,
}

/// A request that may go on to its handler.
pub struct Admitted {
    /// The caller's remaining rate limit; `None` if no limit applies.
    pub rate_limit: Option<RateLimitState>,
    /// The request's place among its tenant's concurrent requests, held until the answer; `None` if
    /// the request takes none.
    pub place: Option<PoolPlace>,
    /// The payer whose shares the request uses.
    pub payer: Payer,
    /// The endpoint; `None` if the answer will be 404 or 405.
    pub endpoint: Option<&'static Endpoint>,
    /// The cookie of the session that the request has renewed.
    pub renewed: Option<HeaderValue>,
}

impl Gate {
    /// Creates the gate. The header `X-Forwarded-For` of `proxies` is trusted.
    pub fn new(callers: Arc<Callers>, limits: Arc<Limits>, proxies: Vec<IpNet>) -> Self {
        Self {
            anyone: callers.anyone(),
            authentication: Arc::new(Authentication::new(callers.clone(), limits.clone())),
            callers,
            limits,
            proxies,
        }
    }

    /// Returns what finds the callers of credentials.
    pub fn authentication(&self) -> Arc<Authentication> {
        self.authentication.clone()
    }

    /// Checks a request. On success the caller and the names in the path are in the request's
    /// extensions.
    pub async fn admit(&self, request: &ServiceRequest) -> Result<Admitted, Denied> {
        self.look_at(request).await.map_err(|denied| {
            let own = match (&denied.caller, &denied.key) {
                (Some(caller), _) => Some(caller.grant.tenant_scope().tenant().cloned()),
                // The tenant of a held key is known even if the key has ended or the secret was
                // wrong.
                (None, Some(key)) => self.callers.tenant_of(key).map(Some),
                (None, None) => None,
            };
            let visible_to = visible_to(own.as_ref().map(Option::as_ref), denied.tenant.as_ref());
            Denied {
                visible_to,
                ..denied
            }
        })
    }

    async fn look_at(&self, request: &ServiceRequest) -> Result<Admitted, Denied> {
        let address = self.address(request.request());
        if let Some(address) = address {
            request.extensions_mut().insert(ClientAddress(address));
            self.limits.address(address)?;
        }
        let public = |endpoint| {
            Ok(Admitted {
                rate_limit: None,
                place: None,
                payer: Payer::Process,
                endpoint,
                renewed: None,
            })
        };
        let Some(endpoint) = endpoint(request)? else {
            return public(None);
        };
        let Some(roles) = endpoint.roles(request.query_string()) else {
            return public(Some(endpoint));
        };
        let (caller, session) = self.caller(request, address).await?;
        let rate_limit = self
            .limits
            .caller(&caller)
            .map_err(|exceeded| Denied::from(exceeded).by(&caller))?;
        let names = may(&caller, request, endpoint, roles).map_err(|denied| Denied {
            rate_limit,
            ..denied.by(&caller)
        })?;
        let payer = self.payer(&caller);
        let counts = takes_place(endpoint, request.query_string());
        let place = if counts {
            self.limits.place(&payer).map_err(Denied::from)?
        } else {
            None
        };
        // Polls and streams go on by themselves, so they are no sign of a person at the page.
        let renewed = session
            .filter(|_| counts)
            .and_then(|session| self.renewed(request, &session));
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(names);
        Ok(Admitted {
            rate_limit,
            place,
            payer,
            endpoint: Some(endpoint),
            renewed,
        })
    }

    fn renewed(&self, request: &ServiceRequest, session: &Session) -> Option<HeaderValue> {
        let now = Timestamp::now().into();
        let sealed = self.callers.sessions()?.renewed(session, now)?;
        cookies::set(request.request(), Cookie::Session, sealed)
    }

    /// Checks a poll on the fast path, and returns the caller's remaining rate limit. Returns
    /// `None` if the poll needs any further check or is refused: the poll then takes the ordinary
    /// path.
    pub fn admit_at_once(
        &self,
        request: &ServiceRequest,
        endpoint: &Endpoint,
        polled: &Polled<'_>,
    ) -> Option<Option<RateLimitState>> {
        let admit = |caller: &Caller| self.admit_caller(caller, request, endpoint, polled);
        if let Some(anyone) = &self.anyone {
            return admit(anyone);
        }
        match certified(request.request()) {
            Some(node) => admit(node),
            None => self
                .callers
                .lend(bearer(request.request()).ok()?, admit)
                .flatten(),
        }
    }

    /// The same for a known caller.
    fn admit_caller(
        &self,
        caller: &Caller,
        request: &ServiceRequest,
        endpoint: &Endpoint,
        polled: &Polled<'_>,
    ) -> Option<Option<RateLimitState>> {
        let Polled {
            tenant,
            service,
            env,
        } = polled;
        let Access::Roles(roles) = endpoint.access else {
            return None;
        };
        let reaches = caller
            .grant
            .tenant_scope()
            .tenant()
            .is_none_or(|own| own.as_str() == *tenant);
        let covers = || {
            let resource_scope = caller.grant.resource_scope();
            resource_scope.is_any() || {
                let (service, env) = (
                    service.and_then(|name| name.parse().ok()),
                    env.and_then(|name| name.parse().ok()),
                );
                resource_scope.covers(service.as_ref(), env.as_ref())
            }
        };
        if !reaches || !caller.grant.has_any(roles) || !covers() {
            return None;
        }
        if let Some(address) = self.address(request.request()) {
            self.limits.address(address).ok()?;
        }
        self.limits.caller(caller).ok()
    }

    /// Checks a request to the listener for Envoys: address limit, credentials, the caller's limit,
    /// and that it may poll.
    pub async fn admit_node(&self, request: &NodeRequest<'_>) -> Result<(Caller, Payer), Denied> {
        let address = request.address.to_canonical();
        self.limits.address(address)?;
        let caller = match (&self.anyone, request.certified) {
            (Some(anyone), _) => anyone.clone(),
            (None, Some(node)) if !request.headers.contains_key("authorization") => node.clone(),
            (None, _) => {
                let token = request.bearer().map_err(|reason| {
                    self.authentication
                        .failed(Some(address), CallerRefusal { reason, key: None })
                })?;
                self.authentication.of_token(token, Some(address)).await?
            }
        };
        self.limits
            .caller(&caller)
            .map_err(|exceeded| Denied::from(exceeded).by(&caller))?;
        let may_poll = Poll::ACCESS
            .roles()
            .is_some_and(|roles| caller.grant.has_any(roles));
        if !may_poll {
            let problem = Problem::new(Code::Forbidden, "the caller may not poll");
            return Err(Denied::new(problem, "role").by(&caller));
        }
        let payer = self.payer(&caller);
        Ok((caller, payer))
    }

    /// Returns the payer whose shares a caller's requests use.
    fn payer(&self, caller: &Caller) -> Payer {
        match caller.grant.tenant_scope().tenant() {
            Some(tenant) => Payer::Tenant(tenant.clone()),
            None if self.anyone.is_some() => Payer::Process,
            None => Payer::Platform,
        }
    }

    /// Returns the caller of a request, and the session that it came with.
    async fn caller(
        &self,
        request: &ServiceRequest,
        address: Option<IpAddr>,
    ) -> Result<(Caller, Option<Session>), Denied> {
        if let Some(anyone) = &self.anyone {
            return Ok((anyone.clone(), None));
        }
        if self.callers.sessions().is_some()
            && let Some(cookie) = cookies::sent(request.request(), Cookie::Session)
        {
            let (caller, session) = self.of_session(request, cookie, address).await?;
            return Ok((caller, Some(session)));
        }
        // A client certificate authenticates a node, unless the request has credentials of its own.
        if let Some(node) = certified(request.request()) {
            return Ok((node.clone(), None));
        }
        let token = bearer(request.request()).map_err(|reason| {
            self.authentication
                .failed(address, CallerRefusal { reason, key: None })
        })?;
        let caller = self.authentication.of_token(token, address).await?;
        Ok((caller, None))
    }

    /// Returns the caller of a session. A page of another origin cannot read the answer of a safe
    /// method, and the request for any other method is refused unless the page is our own.
    async fn of_session(
        &self,
        request: &ServiceRequest,
        cookie: Result<String, cookies::Repeated>,
        address: Option<IpAddr>,
    ) -> Result<(Caller, Session), Denied> {
        let two = CallerRefusal {
            reason: "two_credentials",
            key: None,
        };
        let has_other = request.headers().contains_key(header::AUTHORIZATION);
        let Some(cookie) = cookie.ok().filter(|_| !has_other) else {
            return Err(self.authentication.failed(address, two));
        };
        let (caller, session) = self.authentication.of_session(&cookie, address).await?;
        if !request.method().is_safe() {
            same_origin::check(request.request())
                .map_err(|problem| Denied::new(problem, "cross_site").by(&caller))?;
        }
        Ok((caller, session))
    }

    /// Returns the address of the client. If the request comes from a trusted proxy, that is the
    /// last address in `X-Forwarded-For` that is not a trusted proxy. The client may have made up
    /// every address before that one.
    fn address(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip().to_canonical();
        let is_ours =
            |address: &IpAddr| self.proxies.iter().any(|proxies| proxies.contains(address));
        if self.proxies.is_empty() || !is_ours(&peer) {
            return Some(peer);
        }
        let forwarded = request
            .headers()
            .get_all(FORWARDED_FOR)
            .filter_map(|value| value.to_str().ok());
        let hops: Vec<&str> = forwarded
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        let mut client = peer;
        for hop in hops.iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else {
                break;
            };
            client = address.to_canonical();
            if !is_ours(&client) {
                break;
            }
        }
        Some(client)
    }
}

const FORWARDED_FOR: header::HeaderName = header::HeaderName::from_static("x-forwarded-for");

/// A poll on the fast path.
pub struct Polled<'a> {
    /// The tenant's name, as the request has it.
    pub tenant: &'a str,
    /// The service's name; `None` for all services.
    pub service: Option<&'a str>,
    /// The environment's name; `None` for all environments.
    pub env: Option<&'a str>,
}

/// Returns the endpoint; `None` if the answer will be 404 or 405. An endpoint that is served and is
/// not in the list is refused.
fn endpoint(request: &ServiceRequest) -> Result<Option<&'static Endpoint>, Denied> {
    let Some(pattern) = request.match_pattern() else {
        return Ok(None);
    };
    match endpoints::find(request.method().as_str(), &pattern) {
        EndpointMatch::Endpoint(endpoint) => Ok(Some(endpoint)),
        EndpointMatch::OtherMethods => Ok(None),
        EndpointMatch::Unlisted => {
            tracing::error!(
                http.route = pattern,
                "the router has an endpoint that is not in the list"
            );
            Err(Denied::new(
                Problem::new(Code::Forbidden, "no role may use this endpoint"),
                "unlisted",
            ))
        }
    }
}

/// Returns whether a request counts among its tenant's concurrent requests. A poll of the past
/// (`?at=`) counts, because it reads PostgreSQL each time.
fn takes_place(endpoint: &Endpoint, query: &str) -> bool {
    let is_of_past = || url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "at");
    endpoint.takes_place || is_of_past()
}

/// Checks whether the caller may use the endpoint with the names in the request, and returns these
/// names.
fn may(
    caller: &Caller,
    request: &ServiceRequest,
    endpoint: &Endpoint,
    roles: &[Role],
) -> Result<Names, Denied> {
    let named = Named::of(request.request(), endpoint.path);
    let tenant = match named
        .tenant
        .clone()
        .map(|tenant| caller.authorize(tenant))
        .transpose()
    {
        Ok(tenant) => tenant,
        Err(OtherTenant(tenant)) => {
            let denied = Denied::new(Rejection::TenantNotFound.into(), "other_tenant");
            return Err(Denied {
                tenant: Some(tenant),
                ..denied
            });
        }
    };
    let denied = |problem, reason| {
        Err(Denied {
            tenant: named.tenant.clone(),
            ..Denied::new(problem, reason)
        })
    };
    if !caller.grant.has_any(roles) {
        let needed = roles
            .iter()
            .map(|role| role.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        return denied(
            Problem::new(
                Code::Forbidden,
                format!("this endpoint requires one of the roles {needed}"),
            ),
            "role",
        );
    }
    if matches!(endpoint.access, Access::Platform(_))
        && caller.grant.tenant_scope().tenant().is_some()
    {
        return denied(
            Problem::new(
                Code::Forbidden,
                "this endpoint requires a caller of the whole platform",
            ),
            "role",
        );
    }
    // An editor's resource scope is checked where its changes are decided. A node may read only
    // what is in its resource scope.
    let resource_scope = caller.grant.resource_scope();
    if caller.grant.roles() == [Role::Node]
        && endpoint.is_scoped
        && !resource_scope.covers(named.service.as_ref(), named.env.as_ref())
    {
        let detail = "this node may only read some services or environments: name one of them";
        return denied(Problem::new(Code::OutsideGrant, detail), "outside_grant");
    }
    // A malformed name in the path is refused here, because handlers do not read the path again.
    if !named.malformed.is_empty() {
        return denied(Problem::fields(named.malformed.clone()), "malformed");
    }
    let Named {
        service,
        env,
        version,
        ..
    } = named;
    Ok(Names {
        tenant,
        service,
        env,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_take_no_concurrency_place() {
        let for_nodes = |row: &&Endpoint| {
            row.roles("")
                .is_some_and(|roles| roles.contains(&Role::Node))
        };
        let of_nodes: Vec<_> = endpoints::all().iter().filter(for_nodes).collect();
        assert!(!of_nodes.is_empty());
        assert!(of_nodes.iter().all(|row| !takes_place(row, "")));
    }

    #[test]
    fn only_polls_of_the_present_take_no_concurrency_place() {
        let polls: Vec<_> = endpoints::all()
            .iter()
            .filter(|row| !takes_place(row, "wait=5s"))
            .map(|row| row.path)
            .collect();
        let known = [
            "/routes/resolve",
            "/tenants/{tenant}/snapshot",
            "/tenants/{tenant}/changes",
            "/tenants/{tenant}/stream",
            "/stream",
            "/dataplane/keys",
            "/dataplane/{dialect}",
            "/dataplane/{dialect}/bootstrap",
            "/dataplane/{dialect}/report",
            "/tenants/{tenant}/nodes",
            "/self",
        ];
        assert_eq!(polls, known.map(|path| format!("/api/v1{path}")));
        for query in ["at=3", "%61t=3", "service=web&at=", "at", "wait=5s&a%74=1"] {
            assert!(
                endpoints::all().iter().all(|row| takes_place(row, query)),
                "{query}"
            );
        }
    }
}
