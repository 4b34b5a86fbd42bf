//! Signatures of snapshots. Each is made once per revision and scope, when it is first asked for.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use moka::future::Cache;

use crate::{
    domain::{
        ids::TenantName,
        snapshot::{
            Scope, TenantSnapshot,
            signature::{PublicKey, Signatures, Statement},
        },
        tag::VersionTag,
    },
    resilience::Workers,
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
}

/// The signatures of one instance, which has at least one key.
pub struct Signer {
    keys: Arc<[SigningKey]>,
    public_keys: Vec<PublicKey>,
    made: Cache<(TenantName, Scope, VersionTag), Arc<Signed>>,
    workers: Arc<Workers>,
}

impl Signer {
    /// Signs with each of `keys`, in the places of `workers`. Returns `None` without a key.
    pub fn new(keys: Vec<SigningKey>, workers: Arc<Workers>) -> Option<Self> {
        let made = Cache::builder().max_capacity(KEPT).time_to_idle(IDLE);
        (!keys.is_empty()).then(|| Self {
            public_keys: keys.iter().map(SigningKey::public).collect(),
            keys: keys.into(),
            made: made.build(),
            workers,
        })
    }

    /// Returns the public keys.
    pub fn public_keys(&self) -> &[PublicKey] {
        &self.public_keys
    }

    /// Returns the signed statement about a snapshot's scope, if it is kept.
    pub fn held(&self, snapshot: &TenantSnapshot, scope: &Scope) -> Option<Arc<Signed>> {
        self.made.get(&key(snapshot, scope)).now_or_never()?
    }

    /// Returns the signed statement about a snapshot's scope. Concurrent requests share one.
    pub async fn signed(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
    ) -> Result<Arc<Signed>, Arc<std::io::Error>> {
        let (keys, workers) = (self.keys.clone(), self.workers.clone());
        let (snapshot, scope) = (snapshot.clone(), scope.clone());
        let key = key(&snapshot, &scope);
        let make = async move {
            let signed = workers.run(move || sign(&keys, &snapshot, &scope)).await;
            let signed = signed.map_err(std::io::Error::other)?;
            signed.map(Arc::new).ok_or_else(|| {
                let error = "the cryptography library could not sign";
                std::io::Error::other(error)
            })
        };
        self.made.try_get_with(key, make).await
    }
}

fn key(snapshot: &TenantSnapshot, scope: &Scope) -> (TenantName, Scope, VersionTag) {
    let tag = snapshot.scope_tag(scope);
    (snapshot.tenant().clone(), scope.clone(), tag)
}

fn sign(keys: &[SigningKey], snapshot: &TenantSnapshot, scope: &Scope) -> Option<Signed> {
    let (tag, digest) = (snapshot.scope_tag(scope), snapshot.listing(scope).digest);
    let statement = Statement {
        tenant: snapshot.tenant(),
        scope,
        tag: &tag,
        digest: &digest,
    };
    let text = statement.to_string();
    let each = keys.iter().map(|key| Some((key.id(), key.sign(&text)?)));
    let signatures = Signatures(each.collect::<Option<_>>()?).to_string();
    Some(Signed {
        tag,
        digest: hex::encode(digest),
        signatures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Settings,
        domain::{
            snapshot::TenantContent,
            tag::{Epoch, Revision},
        },
    };

    fn snapshot(revision: u64) -> Arc<TenantSnapshot> {
        let content = TenantContent {
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

    #[tokio::test]
    async fn a_revision_is_signed_once_in_each_scope() {
        let folder = std::env::temp_dir().join(format!("tm-signer-{}", uuid::Uuid::new_v4()));
        let key = SigningKey::create(&folder).unwrap();
        let share = Settings::without_environment(&[])
            .unwrap()
            .resilience
            .share();
        let workers = Arc::new(Workers::new(share));
        assert!(Signer::new(Vec::new(), workers.clone()).is_none());
        let signer = Signer::new(vec![key], workers).unwrap();
        let dev = Scope {
            service: None,
            env: Some("dev".parse().unwrap()),
        };
        let mut made = Vec::new();
        for snapshot in [snapshot(2), snapshot(3)] {
            for scope in [Scope::default(), dev.clone()] {
                let first = signer.signed(&snapshot, &scope).await.unwrap();
                let again = signer.signed(&snapshot, &scope).await.unwrap();
                assert!(Arc::ptr_eq(&first, &again));
                let held = signer.held(&snapshot, &scope).unwrap();
                assert!(Arc::ptr_eq(&first, &held));
                made.push(first);
            }
        }
        // The revision 3 touched nothing of the environment dev.
        assert!(Arc::ptr_eq(&made[1], &made[3]));
        assert_ne!(made[0].signatures, made[2].signatures);
        std::fs::remove_file(&folder).unwrap();
    }
}
