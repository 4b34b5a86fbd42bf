//! The read paths of the service that the agent answers from the state that it holds: `resolve` and the tenant's snapshot,
//! in the service's form. A caller asks the agent as it would ask the service, without a key.
//!
//! A tag is the service's, with one difference: that of a policy's choice is the tag of all that the agent holds. It also
//! changes with what the choice does not depend on, and never stays the same when the choice changes. A snapshot has active
//! routes alone, so to the agent an inactive route is one that does not exist.

use std::sync::Arc;

use hyper::{
    HeaderMap,
    header::{CACHE_CONTROL, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER},
};
use jiff::Timestamp;
use traffic_manager_api_types::Code;
use traffic_manager_client::{Scope, State, TenantSnapshot, View};
use traffic_manager_core::{
    etag::Seen,
    ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName, VersionName},
    policy::choice::{self, Asked, Choice, VersionState},
    snapshot::{SnapshotRoute, body},
    tag::VersionTag,
};
use traffic_manager_dataplane::native::{self, Explained};

use super::{
    Answer, content, plain,
    problem::Problem,
    query::{Query, refused},
};
use crate::status::Facts;

/// The path of `resolve`, as the service has it.
pub const RESOLVE: &str = "/api/v1/routes/resolve";
const TENANTS: &str = "/api/v1/tenants/";
const SNAPSHOT: &str = "/snapshot";
const STALE: HeaderName = HeaderName::from_static("tm-stale");
const MIN_REVISION: &str = "tm-min-revision";

/// What is answered: a body with its tag, or without one if it must not be kept.
pub struct Found {
    /// The tag; `None` if the answer must not be kept.
    pub tag: Option<VersionTag>,
    /// The body.
    pub json: Vec<u8>,
}

/// Returns the tenant of the path of a snapshot.
pub fn tenant_of(path: &str) -> Option<&str> {
    let tenant = path.strip_prefix(TENANTS)?.strip_suffix(SNAPSHOT)?;
    (!tenant.is_empty() && !tenant.contains('/')).then_some(tenant)
}

/// Answers `resolve`. Compiling a policy's patterns may take time, so never call it where others wait.
pub fn resolve(facts: &Facts, query: &str, headers: &HeaderMap) -> Answer {
    let found = Query::read(query).and_then(|mut query| {
        let tenant: TenantName = query.required("tenant")?;
        let held = Held::of(facts, tenant.as_str(), &mut query, headers)?;
        let (service, env) = (query.required("service")?, query.required("env")?);
        Ok((resolved(&held.snapshot, service, env, query)?, held))
    });
    answer(found, headers)
}

/// Answers the snapshot of a tenant.
pub fn snapshot(facts: &Facts, tenant: &str, query: &str, headers: &HeaderMap) -> Answer {
    let found = Query::read(query).and_then(|mut query| {
        for name in ["wait", "at"] {
            if query.text(name).is_some() {
                return Err(refused(name, "not_here", "only the service itself has it"));
            }
        }
        let held = Held::of(facts, tenant, &mut query, headers)?;
        let asked = Scope {
            service: query.optional("service")?,
            env: query.optional("env")?,
        };
        query.finish()?;
        let service = &facts.config.service;
        if asked.service != service.service || asked.env != service.env {
            let what = "the agent has only the part of the tenant that it is configured for";
            let name = if asked.env == service.env {
                "service"
            } else {
                "env"
            };
            return Err(refused(name, "not_here", what));
        }
        let found = Found {
            tag: Some(held.snapshot.tag().clone()),
            // The agent has nothing but its part of the tenant.
            json: body::write(&held.snapshot, &Scope::default()),
        };
        Ok((found, held))
    });
    answer(found, headers)
}

/// The state of a tenant that is new enough for the caller.
struct Held {
    snapshot: Arc<TenantSnapshot>,
    stale_seconds: Option<u64>,
}

impl Held {
    fn of(
        facts: &Facts,
        tenant: &str,
        query: &mut Query,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let Some(facts) = facts.of(tenant) else {
            return Err(Problem::new(Code::TenantNotFound, "tenant does not exist"));
        };
        let view: View = facts.view.borrow().clone();
        let Some(snapshot) = view.snapshot.clone() else {
            let why = "the agent has no state of the tenant yet";
            return Err(Problem::new(Code::Unavailable, why));
        };
        let mut least: Option<VersionTag> = query.optional("min_revision")?;
        if let Some(tag) = headers.get(MIN_REVISION) {
            let tag = tag.to_str().ok().and_then(|tag| tag.parse().ok());
            let Some(tag) = tag else {
                let why = "TM-Min-Revision is no version tag";
                return Err(Problem::new(Code::InvalidRequest, why));
            };
            least = Some(tag);
        }
        let is_behind = |tag: &VersionTag| !snapshot.tag().covers(tag);
        // A tag of another epoch that the caller has is no minimum: it may be of a time long ago.
        let is_known = |tag: &VersionTag| tag.epoch == snapshot.tag().epoch;
        let is_seen = |tag: &VersionTag| is_known(tag) && is_behind(tag);
        if least.as_ref().is_some_and(is_behind) || seen(headers).tags().iter().any(is_seen) {
            let why = format!("the agent has reached {}", snapshot.tag());
            return Err(Problem::new(Code::RevisionNotReached, why));
        }
        let age = view.age(Timestamp::now()).unwrap_or_default();
        Ok(Self {
            snapshot,
            stale_seconds: (view.state != State::Live).then_some(age.as_secs()),
        })
    }
}

fn answer(found: Result<(Found, Held), Problem>, headers: &HeaderMap) -> Answer {
    let (found, held) = match found {
        Ok(found) => found,
        Err(problem) => return refusal(problem),
    };
    let is_seen = found.tag.as_ref().is_some_and(|tag| seen(headers).has(tag));
    let mut answer = if is_seen {
        plain(hyper::StatusCode::NOT_MODIFIED, "")
    } else {
        content("application/json", found.json)
    };
    let caching = if found.tag.is_some() {
        "no-cache"
    } else {
        "no-store"
    };
    let mut set = |name, value: HeaderValue| answer.headers_mut().insert(name, value);
    set(CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Some(tag) = found.tag
        && let Ok(tag) = HeaderValue::from_str(&tag.to_etag())
    {
        set(ETAG, tag);
    }
    if let Some(age) = held.stale_seconds {
        set(STALE, HeaderValue::from(age));
    }
    answer
}

fn refusal(problem: Problem) -> Answer {
    let status = problem.code.status();
    let mut answer = content("application/problem+json", problem.json());
    *answer.status_mut() = status;
    if status == hyper::StatusCode::SERVICE_UNAVAILABLE {
        let headers = answer.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

/// Returns the tags that a caller has, from `If-None-Match`.
pub fn seen(headers: &HeaderMap) -> Seen {
    let lines = headers.get_all(IF_NONE_MATCH).into_iter();
    Seen::of(lines.filter_map(|line| line.to_str().ok()))
}

/// Answers with the route of the named version, or of the version that the policy chooses.
pub fn resolved(
    held: &TenantSnapshot,
    service: ServiceName,
    env: EnvName,
    mut query: Query,
) -> Result<Found, Problem> {
    let Some(version) = query.optional("version")? else {
        return chosen(held, PolicyName { service, env }, query);
    };
    for name in ["key", "path", "method", "explain"] {
        if query.text(name).is_some() {
            return Err(refused(
                name,
                "not_with_version",
                "is only allowed without a version",
            ));
        }
    }
    query.finish()?;
    route(
        held,
        &RouteName {
            service,
            env,
            version,
        },
    )
}

fn route(held: &TenantSnapshot, name: &RouteName) -> Result<Found, Problem> {
    let RouteName {
        service,
        env,
        version,
    } = name;
    let route = held.get(service.as_str(), env.as_str(), version.as_str());
    let route = route.ok_or_else(missing)?;
    if !route.is_active {
        return Err(inactive());
    }
    Ok(Found {
        tag: Some(VersionTag {
            epoch: held.tag().epoch.clone(),
            revision: route.revision,
        }),
        json: native::resolve(held.tenant(), route).map_err(internal)?,
    })
}

fn missing() -> Problem {
    Problem::new(Code::RouteNotFound, "route does not exist")
}

fn inactive() -> Problem {
    Problem::new(Code::RouteInactive, "route is inactive")
}

fn internal(error: serde_json::Error) -> Problem {
    Problem::new(Code::Internal, error.to_string())
}

fn chosen(held: &TenantSnapshot, name: PolicyName, mut query: Query) -> Result<Found, Problem> {
    let explain = query.flag("explain")?;
    let asked = Asked {
        key: query.text("key"),
        headers: std::mem::take(&mut query.headers),
        method: query.text("method"),
        path: query.text("path"),
        query: std::mem::take(&mut query.query),
    };
    query.finish()?;
    let (choice, why) = choose(held, name, &asked)?;
    let by_chance =
        why.choice.key.is_none() && why.choice.slot.is_some() && why.choice.split.len() > 1;
    let route = going_to(held, choice, &why)?;
    let json = if explain {
        native::explained(held.tenant(), route, &why)
    } else {
        native::resolve(held.tenant(), route)
    };
    Ok(Found {
        // Without a key the next answer may differ.
        tag: (!by_chance).then(|| held.tag().clone()),
        json: json.map_err(internal)?,
    })
}

fn choose(
    held: &TenantSnapshot,
    name: PolicyName,
    asked: &Asked,
) -> Result<(Choice, Explained), Problem> {
    let (service, env): (&ServiceName, &EnvName) = (&name.service, &name.env);
    let (service, env) = (service.as_str(), env.as_str());
    let policy = held.policy(service, env);
    let policy = policy
        .ok_or_else(|| Problem::new(Code::PolicyNotFound, "traffic policy does not exist"))?;
    let patterns = if choice::needs_patterns(&policy.spec, asked) {
        held.compile_patterns(service, env)
    } else {
        None
    };
    let standing = |version: &VersionName| match held.get(service, env, version.as_str()) {
        Some(route) if route.is_active => VersionState::Active,
        Some(_) => VersionState::Inactive,
        None => VersionState::Missing,
    };
    let random = fastrand::u64(..);
    let (choice, explanation) = choice::choose(&policy.spec, patterns, asked, random, standing);
    let why = Explained {
        policy_revision: policy.revision,
        policy: name,
        choice: explanation,
    };
    Ok((choice, why))
}

/// Returns the route of a choice. What is no route is a problem, as in the service.
fn going_to<'a>(
    held: &'a TenantSnapshot,
    choice: Choice,
    why: &Explained,
) -> Result<&'a SnapshotRoute, Problem> {
    let nowhere = || {
        let detail = "no version that the policy names for this request is active";
        Problem::new(Code::NoActiveVersion, detail).with("explanation", why)
    };
    let answered = || {
        let detail = "a rule of the policy answers this request without a route";
        Problem::new(Code::AnsweredByPolicy, detail).with("explanation", why)
    };
    let PolicyName { service, env } = &why.policy;
    match choice {
        Choice::Version(version) => held
            .get(service.as_str(), env.as_str(), version.as_str())
            .ok_or_else(nowhere),
        Choice::Redirect(redirect) => Err(answered().with("redirect", redirect)),
        Choice::Respond(respond) => Err(answered().with("respond", respond)),
        Choice::NotThere(VersionState::Inactive) => Err(inactive()),
        Choice::NotThere(_) => Err(missing()),
        Choice::Nowhere => Err(nowhere()),
    }
}
