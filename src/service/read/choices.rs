//! `resolve` without a version: the traffic policy decides.

pub use traffic_manager_dataplane::native::Explained;

use traffic_manager_dataplane::native;

use crate::{
    auth::AuthorizedTenant,
    domain::{
        command::Rejection,
        ids::{PolicyName, TenantName, VersionName},
        policy::{
            Redirect, Respond,
            choice::{self, Asked, Choice, VersionState},
        },
        snapshot::SnapshotRoute,
        tag::VersionTag,
    },
    service::{Error, Freshness, read::polls::Polls},
};

/// The route to which a policy sends a request.
#[derive(Debug)]
pub struct Chosen {
    /// The chosen route.
    pub route: SnapshotRoute,
    /// The tag of everything that the choice depends on. `None` if the choice was partly random:
    /// the next answer may differ.
    pub tag: Option<VersionTag>,
    /// The explanation of the choice.
    pub why: Explained,
}

/// What a policy does with a request for which it has no route.
#[derive(Debug)]
pub enum Answer {
    /// It sends the client to another address.
    Redirect(Redirect),
    /// It answers.
    Respond(Respond),
}

/// The answer of a policy, with its explanation.
#[derive(Debug)]
pub struct Answered {
    /// What the policy does.
    pub answer: Answer,
    /// Why.
    pub why: Explained,
}

impl Polls {
    /// Returns the route to which the policy of a service in an environment sends a request.
    pub async fn choose(
        &self,
        tenant: &AuthorizedTenant,
        name: &PolicyName,
        asked: &Asked,
        freshness: &Freshness,
    ) -> Result<Chosen, Error> {
        let snapshot = self.tenant(tenant, freshness).await?;
        let (service, env) = (name.service.as_str(), name.env.as_str());
        let policy = snapshot
            .policy(service, env)
            .ok_or(Rejection::PolicyNotFound)?;
        if choice::needs_patterns(&policy.spec, asked) && snapshot.patterns(service, env).is_none()
        {
            self.patterns().compile(&snapshot, name).await?;
            self.cache().weigh_again(tenant.name());
        }
        let patterns = snapshot.patterns(service, env);
        let held = |version: &VersionName| snapshot.get(service, env, version.as_str());
        let standing = |version: &VersionName| match held(version) {
            Some(route) if route.is_active => VersionState::Active,
            Some(_) => VersionState::Inactive,
            None => VersionState::Missing,
        };
        let (choice, explanation) =
            choice::choose(&policy.spec, patterns, asked, fastrand::u64(..), standing);
        let by_chance =
            explanation.key.is_none() && explanation.slot.is_some() && explanation.split.len() > 1;
        let why = Explained {
            policy: name.clone(),
            policy_revision: policy.revision,
            choice: explanation,
        };
        let answered = |answer, why| Error::AnsweredByPolicy(Box::new(Answered { answer, why }));
        let version = match choice {
            Choice::Version(version) => version,
            Choice::Redirect(redirect) => return Err(answered(Answer::Redirect(redirect), why)),
            Choice::Respond(respond) => return Err(answered(Answer::Respond(respond), why)),
            Choice::NotThere(VersionState::Inactive) => return Err(Error::RouteInactive),
            Choice::NotThere(_) => return Err(Rejection::RouteNotFound.into()),
            Choice::Nowhere => return Err(Error::NoActiveVersion(Box::new(why))),
        };
        let Some(route) = held(&version).cloned() else {
            return Err(Error::NoActiveVersion(Box::new(why)));
        };
        let tag = (!by_chance).then(|| snapshot.tag_of(Some(service), Some(env)));
        Ok(Chosen { route, tag, why })
    }

    /// Returns the body of `resolve` for a choice.
    pub fn chosen_body(
        tenant: &TenantName,
        chosen: &Chosen,
        explain: bool,
    ) -> Result<Vec<u8>, Error> {
        let route = &chosen.route;
        if explain {
            native::explained(tenant, route, &chosen.why)
        } else {
            native::resolve(tenant, route)
        }
        .map_err(Error::internal)
    }
}
