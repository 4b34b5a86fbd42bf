//! `resolve` without a version: the traffic policy decides.

use serde::Serialize;

use crate::{
    auth::AuthorizedTenant,
    domain::{
        command::Rejection,
        ids::{PolicyName, TenantName, VersionName},
        policy::choice::{self, Asked, Explanation, Standing},
        snapshot::SnapshotRoute,
        tag::{Revision, VersionTag},
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

/// The explanation of a choice, with the policy that made it.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// The policy's service and environment.
    pub policy: PolicyName,
    /// The revision of the policy's last change.
    pub policy_revision: Revision,
    /// The details of the choice, in the same JSON object.
    #[serde(flatten)]
    pub choice: Explanation,
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
            Some(route) if route.is_active => Standing::Active,
            Some(_) => Standing::Inactive,
            None => Standing::Missing,
        };
        let (version, explanation) = choice::choose(
            name,
            &policy.spec,
            patterns,
            asked,
            fastrand::u64(..),
            standing,
        );
        let by_chance = explanation.key.is_none() && explanation.split.len() > 1;
        let why = Explained {
            policy: name.clone(),
            policy_revision: policy.revision,
            choice: explanation,
        };
        let Some(route) = version.as_ref().and_then(held).cloned() else {
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
        let mut body = crate::domain::snapshot::resolve_body(tenant, &chosen.route)
            .map_err(Error::internal)?;
        if explain {
            // The explanation goes before the closing brace.
            body.pop();
            body.extend_from_slice(b",\"explanation\":");
            serde_json::to_writer(&mut body, &chosen.why).map_err(Error::internal)?;
            body.push(b'}');
        }
        Ok(body)
    }
}
