//! The plain model: what the contract says, in maps, one command at a time. It shares the names of things with the service and
//! none of its rules.

use std::collections::BTreeMap;

use traffic_manager::{
    domain::{
        command::{Effect, IfMatch, Object, Op, Precondition, Rejection},
        tag::VersionTag,
    },
    service::batch::{Reply, Request},
};

/// What people set of a route: URL, state, labels, description.
pub type Spec = (String, bool, BTreeMap<String, String>, Option<String>);

/// A route's spec and the revision of its last change.
pub type Row = (Spec, u64);

/// Tenants (epoch, revision, quota) with their routes: what the tables shall hold.
pub type Rows = BTreeMap<String, (String, u64, Option<u32>, BTreeMap<String, Row>)>;

/// A reply without times and hashes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    effect: Effect,
    tag: String,
    route: Option<Row>,
    replayed: bool,
}

/// Every sort of reply that a history should meet.
pub const SORTS: [&str; 11] = [
    "created",
    "updated",
    "unchanged",
    "deleted",
    "replayed",
    "TenantNotFound",
    "RouteNotFound",
    "TenantExists",
    "TenantNotEmpty",
    "PreconditionFailed",
    "QuotaExceeded",
];

/// Which of them a reply is.
pub fn sort_of(reply: &Result<Reply, Rejection>) -> String {
    match reply {
        Ok(reply) if reply.replayed => "replayed".into(),
        Ok(reply) => format!("{:?}", reply.outcome.effect).to_lowercase(),
        Err(rejection) => format!("{rejection:?}").split([' ', '{']).next().unwrap().into(),
    }
}

/// A reply as the model would put it.
pub fn of_reply(reply: &Reply) -> Plain {
    let route = match &reply.outcome.object {
        Object::Route(route) => {
            let labels = route.spec.labels.as_map().clone();
            let description = route.spec.description.as_ref().map(|text| text.as_str().to_owned());
            Some(((route.spec.url.to_string(), route.spec.is_active, labels, description), route.revision.0))
        }
        Object::Tenant(_) | Object::Gone => None,
    };
    Plain { effect: reply.outcome.effect, tag: reply.outcome.tag.to_string(), route, replayed: reply.replayed }
}

/// The model.
pub struct Model {
    default_quota: u32,
    tenants: Rows,
    answers: BTreeMap<(String, String), (String, Plain)>,
}

impl Model {
    /// Nothing yet.
    pub fn new(default_quota: u32) -> Self {
        Self { default_quota, tenants: Rows::new(), answers: BTreeMap::new() }
    }

    /// What the tables shall hold.
    pub fn rows(&self) -> Rows {
        self.tenants.clone()
    }

    /// Tags that are true now.
    pub fn tags(&self) -> Vec<VersionTag> {
        let of_tenant = |(epoch, revision, _, routes): &(String, u64, Option<u32>, BTreeMap<String, Row>)| {
            let revisions = routes.values().map(|(_, revision)| *revision).chain([*revision]);
            revisions.map(|revision| format!("{epoch}.{revision}").parse().unwrap()).collect::<Vec<_>>()
        };
        self.tenants.values().flat_map(of_tenant).collect()
    }

    /// Does the command, and tells what is answered.
    pub fn answer(&mut self, request: &Request) -> Result<Plain, Rejection> {
        let body = format!("{:?}", request.command);
        let key = request.idempotency_key.clone().map(|key| (request.command.tenant.to_string(), key));
        if let Some((first, answer)) = key.as_ref().and_then(|key| self.answers.get(key)) {
            let replayed = Plain { replayed: true, ..answer.clone() };
            return if *first == body { Ok(replayed) } else { Err(Rejection::IdempotencyMismatch) };
        }
        let answer = match request.command.route() {
            Some(route) => self.change_route(request, &route.to_string())?,
            None => self.change_tenant(request)?,
        };
        if let Some(key) = key {
            self.answers.insert(key, (body, answer.clone()));
        }
        Ok(answer)
    }

    fn change_tenant(&mut self, request: &Request) -> Result<Plain, Rejection> {
        let (name, condition) = (request.command.tenant.to_string(), &request.command.precondition);
        let plain = |effect, tag: String| Plain { effect, tag, route: None, replayed: false };
        if let Op::CreateTenant { quotas } = &request.command.op {
            if self.tenants.contains_key(&name) {
                return Err(Rejection::TenantExists);
            }
            holds(condition, None)?;
            let epoch = request.facts.new_epoch.to_string();
            self.tenants.insert(name, (epoch.clone(), 0, quotas.routes, BTreeMap::new()));
            return Ok(plain(Effect::Created, format!("{epoch}.0")));
        }
        let (epoch, revision, quota, routes) = self.tenants.get_mut(&name).ok_or(Rejection::TenantNotFound)?;
        let tag = format!("{epoch}.{revision}");
        holds(condition, Some(&tag))?;
        match request.command.op {
            Op::PatchTenant { routes_quota: Some(new) } if new != *quota => {
                *quota = new;
                Ok(plain(Effect::Updated, tag))
            }
            Op::PatchTenant { .. } => Ok(plain(Effect::Unchanged, tag)),
            _ if !routes.is_empty() => Err(Rejection::TenantNotEmpty { routes: u32::try_from(routes.len()).unwrap() }),
            _ => {
                self.tenants.remove(&name);
                Ok(plain(Effect::Deleted, tag))
            }
        }
    }

    fn change_route(&mut self, request: &Request, route: &str) -> Result<Plain, Rejection> {
        let name = request.command.tenant.to_string();
        let tenant = self.tenants.get(&name);
        let held = tenant.and_then(|(epoch, _, _, routes)| Some((routes.get(route)?.clone(), epoch.clone())));
        let after = match (&request.command.op, &held) {
            (Op::Upsert { spec, .. }, _) => {
                let description = spec.description.as_ref().map(|text| text.as_str().to_owned());
                Some((spec.url.to_string(), spec.is_active, spec.labels.as_map().clone(), description))
            }
            (_, None) => return Err(Rejection::RouteNotFound),
            (op, Some(((spec, _), _))) => changed(op, spec.clone()),
        };
        let tag = held.as_ref().map(|((_, revision), epoch)| format!("{epoch}.{revision}"));
        holds(&request.command.precondition, tag.as_deref())?;
        if let (Some((row, _)), Some(tag)) = (&held, tag)
            && after.as_ref() == Some(&row.0)
        {
            return Ok(Plain { effect: Effect::Unchanged, tag, route: Some(row.clone()), replayed: false });
        }
        if tenant.is_none() && !request.facts.may_create_tenant {
            return Err(Rejection::TenantNotFound);
        }
        let quota = tenant.and_then(|(_, _, quota, _)| *quota).unwrap_or(self.default_quota);
        if held.is_none() && tenant.map_or(0, |(_, _, _, routes)| routes.len()) >= quota as usize {
            return Err(Rejection::QuotaExceeded { quota: "routes", limit: quota });
        }
        let new = || (request.facts.new_epoch.to_string(), 0, None, BTreeMap::new());
        let (epoch, revision, _, routes) = self.tenants.entry(name).or_insert_with(new);
        *revision += 1;
        let tag = format!("{epoch}.{revision}");
        let row = after.map(|spec| (spec, *revision));
        let effect = match (&held, &row) {
            (None, _) => Effect::Created,
            (_, None) => Effect::Deleted,
            _ => Effect::Updated,
        };
        match &row {
            Some(row) => routes.insert(route.to_owned(), row.clone()),
            None => routes.remove(route),
        };
        Ok(Plain { effect, tag, route: row, replayed: false })
    }
}

fn changed(op: &Op, (mut url, mut is_active, mut labels, mut description): Spec) -> Option<Spec> {
    match op {
        Op::Delete { .. } => return None,
        Op::SetActive { is_active: new, .. } => is_active = *new,
        Op::Patch { patch, .. } => {
            if let Some(new) = &patch.url {
                url = new.to_string();
            }
            if let Some(new) = patch.is_active {
                is_active = new;
            }
            if let Some(new) = &patch.description {
                description = new.as_ref().map(|text| text.as_str().to_owned());
            }
            match &patch.labels {
                None => {}
                Some(None) => labels.clear(),
                Some(Some(changes)) => {
                    for (key, value) in changes {
                        labels.remove(key);
                        labels.extend(value.clone().map(|value| (key.clone(), value)));
                    }
                }
            }
        }
        other => unreachable!("{other:?}"),
    }
    Some((url, is_active, labels, description))
}

fn holds(condition: &Precondition, current: Option<&str>) -> Result<(), Rejection> {
    let matches = match &condition.if_match {
        None => true,
        Some(IfMatch::Any) => current.is_some(),
        Some(IfMatch::Tags(tags)) => tags.iter().any(|tag| Some(tag.to_string().as_str()) == current),
    };
    if matches && !(condition.must_not_exist && current.is_some()) {
        return Ok(());
    }
    Err(Rejection::PreconditionFailed { current: current.map(|tag| tag.parse().unwrap()) })
}
