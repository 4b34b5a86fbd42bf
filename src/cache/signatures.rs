//! Signatures of snapshots, and of the statement that a removal was confirmed. Each is made once per revision and scope, when it is first asked for.

use std::{sync::Arc, time::Duration};

use moka::sync::Cache;

use crate::{
    domain::{
        ids::TenantName,
        snapshot::{
            Scope, TenantSnapshot,
            confirmation::{Confirmation, SignedConfirmation},
            signature::{PublicKey, Signatures, Statement},
        },
        tag::{Revision, VersionTag},
    },
    signing::SigningKey,
};

/// The most signatures that are kept, of roughly 500 bytes each.
const KEPT: u64 = 20_000;
/// Signatures that were not asked for during this time are dropped.
const IDLE: Duration = Duration::from_secs(60);

/// A signed statement about a scope of a tenant.
#[derive(Debug, PartialEq, Eq)]
pub struct Signed {
    /// The scope's tag.
    pub tag: VersionTag,
    /// The digest of the scope, in lower-case hex.
    pub digest: String,
    /// The signatures, as the header `TM-Signature` has them.
    pub signatures: String,
    /// The newest confirmed removal in the scope, as the header `TM-Confirmed` has it.
    pub confirmed: Option<Arc<str>>,
}

type Key = (TenantName, Scope, VersionTag);

/// The signatures of one instance, which has at least one key.
pub struct Signer {
    keys: Vec<SigningKey>,
    public_keys: Vec<PublicKey>,
    made: Cache<Key, Arc<Signed>>,
    /// The signed statements about confirmed removals, by their own scope and tag.
    confirmed: Cache<Key, Arc<str>>,
}

impl Signer {
    /// Signs with each of `keys`. Returns `None` without a key.
    pub fn new(keys: Vec<SigningKey>) -> Option<Self> {
        let made = Cache::builder().max_capacity(KEPT).time_to_idle(IDLE);
        let confirmed = Cache::builder().max_capacity(KEPT).time_to_idle(IDLE);
        (!keys.is_empty()).then(|| Self {
            public_keys: keys.iter().map(SigningKey::public).collect(),
            keys,
            made: made.build(),
            confirmed: confirmed.build(),
        })
    }

    /// Returns the public keys.
    pub fn public_keys(&self) -> &[PublicKey] {
        &self.public_keys
    }

    /// Drops idle signatures. moka expires entries only during other calls.
    pub fn drop_idle(&self) {
        self.made.run_pending_tasks();
        self.confirmed.run_pending_tasks();
    }

    /// Returns the signed statement about a snapshot's scope. Concurrent calls share one, which takes 30 µs for
    /// each key, and a hash over the digests of the scope's services. `None` only if the library fails.
    pub fn signed(&self, snapshot: &TenantSnapshot, scope: &Scope) -> Option<Arc<Signed>> {
        let tag = snapshot.scope_tag(scope);
        // Nothing was ever there: of such scopes there is any number, so they are not kept.
        if tag.revision == Revision(0) {
            return self.sign(snapshot, scope, tag);
        }
        let key = (snapshot.tenant().clone(), scope.clone(), tag.clone());
        self.made
            .optionally_get_with(key, || self.sign(snapshot, scope, tag))
    }

    fn sign(
        &self,
        snapshot: &TenantSnapshot,
        scope: &Scope,
        tag: VersionTag,
    ) -> Option<Arc<Signed>> {
        let digest = snapshot.digest(scope);
        let statement = Statement {
            tenant: snapshot.tenant(),
            scope,
            tag: &tag,
            digest: &digest,
        };
        let signatures = self.signatures(snapshot.tenant(), &statement.to_string())?;
        Some(Arc::new(Signed {
            tag,
            digest: hex::encode(digest),
            signatures: signatures.to_string(),
            confirmed: self.confirmed(snapshot, scope),
        }))
    }

    /// Returns the signed statement about the newest confirmed removal in a scope. It is made once for
    /// each removal and scope, and goes with the snapshots of later revisions too: a node may have been
    /// away.
    fn confirmed(&self, snapshot: &TenantSnapshot, scope: &Scope) -> Option<Arc<str>> {
        let confirmation = snapshot.confirmation(scope)?;
        let Confirmation { tag, scope, .. } = &confirmation;
        // `Confirmation::of` gives the same counts for the same tag and scope.
        let key = (snapshot.tenant().clone(), scope.clone(), tag.clone());
        self.confirmed.optionally_get_with(key, || {
            let signatures =
                self.signatures(snapshot.tenant(), &confirmation.text(snapshot.tenant()))?;
            let signed = SignedConfirmation {
                confirmation,
                signatures,
            };
            Some(signed.to_string().into())
        })
    }

    /// Signs a text with each key. `None` only if the library fails.
    fn signatures(&self, tenant: &TenantName, text: &str) -> Option<Signatures> {
        let each = self.keys.iter();
        let each = each.map(|key| Some((key.id(), key.sign(text)?)));
        let signatures = each.collect::<Option<_>>().map(Signatures);
        if signatures.is_none() {
            tracing::error!(%tenant, "a snapshot could not be signed");
        }
        signatures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{snapshot::TenantContent, tag::Epoch};

    fn snapshot(revision: u64) -> Arc<TenantSnapshot> {
        let content = TenantContent {
            confirmed: None,
            tag: VersionTag {
                epoch: Epoch::from_random([7; 8]),
                revision: Revision(revision),
            },
            routes: Vec::new(),
            policies: Vec::new(),
            scopes: vec![
                (
                    "web".parse().unwrap(),
                    "prod".parse().unwrap(),
                    Revision(revision),
                ),
                ("web".parse().unwrap(), "dev".parse().unwrap(), Revision(1)),
            ],
            waiters: None,
        };
        Arc::new(TenantSnapshot::new("acme".parse().unwrap(), content).unwrap())
    }

    #[test]
    fn a_revision_is_signed_once_in_each_scope() {
        let folder = std::env::temp_dir().join(format!("tm-signer-{}", uuid::Uuid::new_v4()));
        let key = SigningKey::create(&folder).unwrap();
        assert!(Signer::new(Vec::new()).is_none());
        let signer = Signer::new(vec![key]).unwrap();
        let dev = Scope {
            service: None,
            env: Some("dev".parse().unwrap()),
        };
        let mut made = Vec::new();
        for snapshot in [snapshot(2), snapshot(3)] {
            for scope in [Scope::default(), dev.clone()] {
                let first = signer.signed(&snapshot, &scope).unwrap();
                let again = signer.signed(&snapshot, &scope).unwrap();
                assert!(Arc::ptr_eq(&first, &again));
                made.push(first);
            }
        }
        // The revision 3 touched nothing of the environment dev.
        assert!(Arc::ptr_eq(&made[1], &made[3]));
        assert_ne!(made[0].signatures, made[2].signatures);
        let none = Scope {
            service: Some("none".parse().unwrap()),
            env: None,
        };
        signer.signed(&snapshot(3), &none).unwrap();
        signer.drop_idle();
        assert_eq!(signer.made.entry_count(), 3, "what never was is not kept");
        std::fs::remove_file(&folder).unwrap();
    }
}
