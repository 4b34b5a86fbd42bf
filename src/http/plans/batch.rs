//! `POST /tenants/{tenant}/batch`: many changes without a plan.

mod changes;

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::changes::BatchChange;
use super::applied;
use crate::{
    domain::{
        Invalid,
        command::{Apply, Desired, MAX_CHANGES, Op, Sought},
        document::{self, PolicyDoc},
        given,
        ids::{EnvName, PolicyName, RouteName, ServiceName, TenantName, VersionName},
        policy::{
            HeaderEdits, HeaderName, Host, HostHeader, Mirror, PathPrefix, Retries, Rewrite, Rule,
            Share, StickyBy, TimeoutMs, json,
        },
        route::{Description, Labels, RouteSpec, RouteUrl},
    },
    http::{
        bulk::Bulk,
        context::WriteContext,
        extract::{Object, Readers},
        openapi::schemas,
        params::TenantPath,
        permission::Editor,
        problem::{FieldError, MAX_ERRORS, Problem, wrong_members},
        returned::{self, Returnable, Returned},
        state::ApiState,
    },
    service::{Error, write::plans::batch_hash},
};

/// The body of `POST …/batch`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchIn {
    #[schemars(with = "Vec<BatchChange>", length(max = MAX_CHANGES))]
    changes: Vec<Object<ChangeIn>>,
    /// Confirms that much is removed: the member `confirm_shrink` of the problem
    /// `shrink_not_confirmed`.
    confirm_shrink: Option<String>,
    /// Confirms that routes are deactivated although policies send traffic to them. The policies
    /// must have somewhere else to send it.
    #[serde(default)]
    confirm_in_use: bool,
}

/// The action of a change on its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum ActionIn {
    Put,
    Delete,
    Activate,
    Deactivate,
}

/// A change of a route or of a policy in a batch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeIn {
    action: ActionIn,
    route: Option<Returned<RouteChangeIn>>,
    policy: Option<Box<Returned<PolicyChangeIn>>>,
}

/// A route in a batch: the whole route for `put`, only its name for any other action.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = returned::describe_returned::<RouteChangeIn>)]
pub struct RouteChangeIn {
    #[schemars(with = "schemas::ServiceName")]
    service: ServiceName,
    #[schemars(with = "schemas::EnvName")]
    env: EnvName,
    #[schemars(with = "schemas::VersionName")]
    version: VersionName,
    #[serde(default, deserialize_with = "given::optional_text")]
    #[schemars(with = "schemas::RouteUrl")]
    url: Option<RouteUrl>,
    is_active: Option<bool>,
    #[serde(default, deserialize_with = "given::optional_labels")]
    #[schemars(with = "Option<schemas::Labels>")]
    labels: Option<Labels>,
    #[serde(default, deserialize_with = "given::optional_text")]
    #[schemars(with = "Option<schemas::RouteDescription>")]
    description: Option<Description>,
}

impl Returnable for RouteChangeIn {
    const READ_ONLY: &'static [&'static str] = returned::OF_OBJECT;
    const IN_PATH: &'static [&'static str] = &["tenant"];
}

/// A policy in a batch: the whole policy for `put`, only its name for `delete`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyChangeIn {
    service: ServiceName,
    env: EnvName,
    hosts: Option<Parts<Host>>,
    path_prefix: Option<PathPrefix>,
    path_prefixes: Option<Parts<PathPrefix>>,
    split: Option<Parts<Share>>,
    failover: Option<Parts<VersionName>>,
    rules: Option<Parts<Rule>>,
    sticky_by: Option<StickyBy>,
    version_header: Option<HeaderName>,
    rewrite: Option<Box<Rewrite>>,
    host_header: Option<Box<HostHeader>>,
    timeout_ms: Option<TimeoutMs>,
    retries: Option<Box<Retries>>,
    request_headers: Option<Box<HeaderEdits>>,
    response_headers: Option<Box<HeaderEdits>>,
    mirror: Option<Box<Mirror>>,
}

impl Returnable for PolicyChangeIn {
    const READ_ONLY: &'static [&'static str] = returned::OF_OBJECT;
    const IN_PATH: &'static [&'static str] = &["tenant"];
}

/// A list in a policy, such as its hosts or its rules.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Parts<T>(#[serde(deserialize_with = "document::parts")] Vec<T>);

/// The desired state of a change, or its errors with JSON pointers into the change.
type Asked = Result<Desired, Vec<(String, Invalid)>>;

impl ChangeIn {
    fn desired(self, tenant: &TenantName) -> Asked {
        let of_path = [("tenant", tenant.as_str())];
        let as_errors =
            |error: FieldError| vec![(error.pointer, Invalid::new(error.code, error.detail))];
        match (self.route, self.policy) {
            (Some(route), None) => route
                .of(&of_path, "/route")
                .map_err(as_errors)?
                .desired(self.action),
            (None, Some(policy)) => policy
                .of(&of_path, "/policy")
                .map_err(as_errors)?
                .desired(self.action),
            _ => Err(vec![(
                String::new(),
                Invalid::new("one_of", "must have a route or a policy"),
            )]),
        }
    }
}

impl PolicyChangeIn {
    fn desired(self, action: ActionIn) -> Asked {
        let Self {
            service,
            env,
            hosts,
            path_prefix,
            path_prefixes,
            split,
            failover,
            rules,
            sticky_by,
            version_header,
            rewrite,
            host_header,
            timeout_ms,
            retries,
            request_headers,
            response_headers,
            mirror,
        } = self;
        let has_spec = hosts.is_some()
            || path_prefix.is_some()
            || path_prefixes.is_some()
            || split.is_some()
            || failover.is_some()
            || rules.is_some()
            || sticky_by.is_some()
            || version_header.is_some()
            || rewrite.is_some()
            || host_header.is_some()
            || timeout_ms.is_some()
            || retries.is_some()
            || request_headers.is_some()
            || response_headers.is_some()
            || mirror.is_some();
        match action {
            ActionIn::Put => {
                let policy = PolicyDoc {
                    service,
                    env,
                    hosts: of(hosts),
                    path_prefix,
                    path_prefixes: of(path_prefixes),
                    split: of(split),
                    failover: of(failover),
                    rules: of(rules),
                    sticky_by,
                    version_header,
                    rewrite,
                    host_header,
                    timeout_ms,
                    retries,
                    request_headers,
                    response_headers,
                    mirror,
                };
                let (name, spec) = policy
                    .into_policy()
                    .map_err(|errors| within("/policy", errors))?;
                Ok(Desired::Policy {
                    name,
                    spec: Some(spec),
                })
            }
            ActionIn::Delete if has_spec => Err(vec![("/policy".to_owned(), only_the_name())]),
            ActionIn::Delete => Ok(Desired::Policy {
                name: PolicyName { service, env },
                spec: None,
            }),
            ActionIn::Activate | ActionIn::Deactivate => Err(vec![(
                "/action".to_owned(),
                Invalid::new("not_for_policies", "is only allowed for routes"),
            )]),
        }
    }
}

fn of<T>(list: Option<Parts<T>>) -> Vec<T> {
    list.map(|list| list.0).unwrap_or_default()
}

fn only_the_name() -> Invalid {
    Invalid::new("only_the_name", "is only allowed with put")
}

fn within(prefix: &str, errors: Vec<(String, Invalid)>) -> Vec<(String, Invalid)> {
    errors
        .into_iter()
        .map(|(pointer, invalid)| (format!("{prefix}{pointer}"), invalid))
        .collect()
}

impl RouteChangeIn {
    fn desired(self, action: ActionIn) -> Asked {
        let Self {
            service,
            env,
            version,
            url,
            is_active,
            labels,
            description,
        } = self;
        let name = RouteName {
            service,
            env,
            version,
        };
        let has_spec =
            url.is_some() || is_active.is_some() || labels.is_some() || description.is_some();
        match (action, url) {
            (ActionIn::Put, Some(url)) => {
                let (is_active, labels) = (is_active.unwrap_or(true), labels.unwrap_or_default());
                let spec = RouteSpec {
                    description,
                    is_active,
                    labels,
                    url,
                };
                Ok(Desired::Route {
                    name,
                    spec: Some(spec),
                })
            }
            (ActionIn::Put, None) => Err(vec![(
                "/route/url".to_owned(),
                Invalid::new("required", "is required"),
            )]),
            _ if has_spec => Err(vec![("/route".to_owned(), only_the_name())]),
            (ActionIn::Delete, _) => Ok(Desired::Route { name, spec: None }),
            (ActionIn::Activate, _) => Ok(Desired::State {
                name,
                is_active: true,
            }),
            (ActionIn::Deactivate, _) => Ok(Desired::State {
                name,
                is_active: false,
            }),
        }
    }
}

/// The changes of a batch, with their places and the hash that confirms them.
struct Batch {
    changes: Vec<Desired>,
    places: Vec<ChangeNames>,
    hash: String,
}

/// The names in a change, from which the place of an error that is found later is derived.
struct ChangeNames {
    service: ServiceName,
    env: EnvName,
    version: Option<VersionName>,
    /// The policy's hosts in the order in which they were sent, and their path prefixes.
    hosts: Vec<Host>,
    prefixes: Vec<PathPrefix>,
}

impl ChangeNames {
    fn of(change: &ChangeIn) -> Option<Self> {
        let none = || (Vec::new(), Vec::new());
        let (service, env, version, (hosts, prefixes)) = match (&change.route, &change.policy) {
            (Some(route), _) => {
                let RouteChangeIn {
                    service,
                    env,
                    version,
                    ..
                } = route.get();
                (service, env, Some(version.clone()), none())
            }
            (None, Some(policy)) => {
                let PolicyChangeIn {
                    service,
                    env,
                    hosts,
                    path_prefix,
                    path_prefixes,
                    ..
                } = policy.get();
                let several = path_prefixes.as_ref().map(|several| several.0.clone());
                let prefixes = json::prefixes(path_prefix.clone(), several).unwrap_or_default();
                let hosts = hosts
                    .as_ref()
                    .map(|hosts| hosts.0.clone())
                    .unwrap_or_default();
                (service, env, None, (hosts, prefixes))
            }
            (None, None) => return None,
        };
        Some(Self {
            service: service.clone(),
            env: env.clone(),
            version,
            hosts,
            prefixes,
        })
    }

    /// Returns the pointer to the member of the change, if this is the change that is sought.
    fn member(&self, sought: Sought<'_>) -> Option<String> {
        let is_at =
            |service: &ServiceName, env: &EnvName| self.service == *service && self.env == *env;
        let (what, found) = match (sought, &self.version) {
            (Sought::Policy(name), None) => ("/policy".to_owned(), is_at(&name.service, &name.env)),
            (Sought::Route(name), Some(version)) => (
                "/route".to_owned(),
                is_at(&name.service, &name.env) && *version == name.version,
            ),
            (Sought::Place(service, env), Some(_)) => ("/route".to_owned(), is_at(service, env)),
            (Sought::Place(service, env), None) => ("/policy".to_owned(), is_at(service, env)),
            (Sought::Host(host, prefix), None)
                if prefix.is_none_or(|prefix| {
                    self.prefixes.iter().any(|own| own.as_str() == prefix)
                }) =>
            {
                let at = self.hosts.iter().position(|own| own == host)?;
                (format!("/policy/hosts/{at}"), true)
            }
            _ => return None,
        };
        found.then_some(what)
    }
}

impl Batch {
    fn of(tenant: &TenantName, changes: Vec<Object<ChangeIn>>) -> Result<Self, Problem> {
        let (mut desired, mut errors) = (Vec::with_capacity(changes.len()), Vec::new());
        let mut places = Vec::with_capacity(changes.len());
        for (at, Object(change)) in changes.into_iter().enumerate() {
            let named = ChangeNames::of(&change);
            match change.desired(tenant) {
                Ok(change) => desired.push(change),
                Err(wrong) => errors.extend(wrong_members(&format!("/changes/{at}"), wrong)),
            }
            places.extend(named);
            if errors.len() > MAX_ERRORS {
                break;
            }
        }
        if !errors.is_empty() {
            return Err(Problem::fields(errors));
        }
        Ok(Self {
            hash: batch_hash(tenant, &desired)?,
            changes: desired,
            places,
        })
    }
}

fn place(places: &[ChangeNames], sought: Sought<'_>) -> Option<String> {
    if matches!(sought, Sought::Changes) {
        return Some("/changes".to_owned());
    }
    let mut found = places
        .iter()
        .enumerate()
        .filter_map(|(at, named)| Some(format!("/changes/{at}{}", named.member(sought)?)));
    // If two changes want the same host, the later change cannot have it.
    if matches!(sought, Sought::Host(..)) {
        found.next_back()
    } else {
        found.next()
    }
}

/// `POST /tenants/{tenant}/batch`
pub async fn batch(
    _: Editor,
    state: web::Data<ApiState>,
    context: WriteContext,
    path: TenantPath,
    body: Bulk<BatchIn>,
    readers: Readers,
) -> Result<HttpResponse, Problem> {
    let tenant = path.0.name().clone();
    let BatchIn {
        changes,
        confirm_shrink: confirmed,
        confirm_in_use,
    } = body.0;
    let whose = tenant.clone();
    let Batch {
        changes,
        places,
        hash,
    } = readers
        .work(changes.len(), move || Batch::of(&whose, changes))
        .await?;
    let op = Op::Apply(Box::new(Apply {
        changes,
        base: None,
        hash,
        confirmed,
    }));
    let request = context
        .sized(body.1)
        .confirming(confirm_in_use)
        .request(tenant.clone(), op)?;
    let reply = state
        .writer
        .write(request)
        .await
        .map_err(|error| match error {
            Error::Rejected(rejection) => {
                Error::Rejected(rejection.placed(|sought| place(&places, sought)))
            }
            other => other,
        })?;
    Ok(applied(&tenant, &reply))
}
