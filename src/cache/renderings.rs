//! Renders the documents of proxies, and keeps the renderers: the document after one change costs a
//! hundredth of a whole rendering.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use moka::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard};
use traffic_manager_dataplane::{Body, Dialect, Rendered, Renderer, Settings, report::Report};

use super::bodies::IDLE;
use crate::{
    domain::{
        ids::TenantName,
        snapshot::{Scope, TenantSnapshot},
        tag::VersionTag,
    },
    resilience::{PoolReport, Workers},
};

/// Identifies a renderer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RendererKey {
    tenant: TenantName,
    scope: Scope,
    dialect: Dialect,
    settings: Settings,
}

/// A renderer with the newest of its renderings.
#[derive(Default)]
struct Held {
    /// One rendering at a time: the next one goes on from it.
    state: Arc<Mutex<State>>,
    bytes: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// `None` before the first rendering, and after one that panicked.
    renderer: Option<Renderer>,
    newest: Option<Rendering>,
}

/// A rendering of one state of a tenant.
struct Rendering {
    tag: VersionTag,
    report: Report,
    /// `None` if only the report was asked for.
    body: Option<Body>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Body,
    Report,
}

/// The renderers of one instance.
pub struct Renderings {
    held: Cache<RendererKey, Arc<Held>>,
    bytes: u64,
    workers: Arc<Workers>,
}

impl Renderings {
    /// Creates a cache with room for `bytes` bytes. `workers` render.
    pub fn new(bytes: u64, workers: Arc<Workers>) -> Self {
        let weigh = |_: &RendererKey, held: &Arc<Held>| {
            u32::try_from(held.bytes.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
        };
        Self {
            held: Cache::builder()
                .max_capacity(bytes)
                .weigher(weigh)
                .time_to_idle(IDLE)
                .build(),
            bytes,
            workers,
        }
    }

    /// Returns the number of bytes held, with its limit.
    pub fn held_bytes(&self) -> PoolReport {
        PoolReport::bytes("proxy_renderings", self.held.weighted_size(), self.bytes)
    }

    /// Drops idle renderers.
    pub fn drop_idle(&self) {
        self.held.run_pending_tasks();
    }

    /// Returns the document of a snapshot's scope. Concurrent calls for the same one share one
    /// rendering.
    pub async fn body(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
        dialect: Dialect,
        settings: Settings,
    ) -> io::Result<Body> {
        let key = key(snapshot, scope, dialect, settings);
        let rendering = self.rendering(key, snapshot, Part::Body).await?;
        Ok(rendering.document)
    }

    /// Returns what becomes of each policy of a snapshot's scope.
    pub async fn report(
        &self,
        snapshot: &Arc<TenantSnapshot>,
        scope: &Scope,
        dialect: Dialect,
        settings: Settings,
    ) -> io::Result<Report> {
        let key = key(snapshot, scope, dialect, settings);
        let rendering = self.rendering(key, snapshot, Part::Report).await?;
        Ok(rendering.report)
    }

    async fn rendering(
        &self,
        key: RendererKey,
        snapshot: &Arc<TenantSnapshot>,
        part: Part,
    ) -> io::Result<Rendered<Body>> {
        let tag = snapshot.scope_tag(&key.scope);
        let held = self.held.get_with_by_ref(&key, Arc::default);
        // Who waits here takes no worker's place from others.
        let state = held.state.clone().lock_owned().await;
        if let Some(found) = state.found(&tag, part) {
            return Ok(found);
        }
        let (cache, snapshot) = (self.held.clone(), snapshot.clone());
        let render = move || match state.newer_than(&tag) {
            Some(renderer) => aside(state, renderer, &snapshot),
            None => {
                let (rendered, bytes) = go_on(state, &key, &snapshot, tag, part);
                held.bytes.store(bytes, Ordering::Relaxed);
                // A cache weighs what is inserted.
                cache.insert(key, held);
                rendered
            }
        };
        self.workers.run(render).await.map_err(io::Error::other)
    }
}

impl State {
    /// Returns the newest rendering if it is of this tag.
    fn found(&self, tag: &VersionTag, part: Part) -> Option<Rendered<Body>> {
        let newest = self.newest.as_ref().filter(|newest| newest.tag == *tag)?;
        let document = match part {
            Part::Body => newest.body.clone()?,
            Part::Report => Body::default(),
        };
        Some(Rendered {
            document,
            report: newest.report.clone(),
        })
    }

    /// Returns a copy of the renderer if it has rendered something newer than the tag.
    fn newer_than(&self, tag: &VersionTag) -> Option<Renderer> {
        let newest = self.newest.as_ref()?;
        let is_newer = newest.tag != *tag && newest.tag.covers(tag);
        self.renderer.as_ref().filter(|_| is_newer).cloned()
    }
}

/// Renders an older state. The renderer that is kept does not go back to it.
fn aside(
    state: OwnedMutexGuard<State>,
    mut renderer: Renderer,
    snapshot: &TenantSnapshot,
) -> Rendered<Body> {
    drop(state);
    renderer.render([snapshot])
}

/// Renders a newer state. Returns how many bytes are kept, too.
fn go_on(
    mut state: OwnedMutexGuard<State>,
    key: &RendererKey,
    snapshot: &TenantSnapshot,
    tag: VersionTag,
    part: Part,
) -> (Rendered<Body>, usize) {
    let mut renderer = state
        .renderer
        .take()
        .unwrap_or_else(|| Renderer::new(key.dialect, key.settings.clone(), key.scope.clone()));
    let rendered = match part {
        Part::Body => renderer.render([snapshot]),
        Part::Report => Rendered {
            document: Body::default(),
            report: renderer.report([snapshot]),
        },
    };
    let bytes = renderer.weight();
    state.renderer = Some(renderer);
    state.newest = Some(Rendering {
        tag,
        report: rendered.report.clone(),
        body: (part == Part::Body).then(|| rendered.document.clone()),
    });
    (rendered, bytes)
}

fn key(
    snapshot: &TenantSnapshot,
    scope: &Scope,
    dialect: Dialect,
    settings: Settings,
) -> RendererKey {
    RendererKey {
        tenant: snapshot.tenant().clone(),
        scope: scope.clone(),
        dialect,
        settings,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{config::Share, domain::snapshot::TenantContent};

    const DIALECT: Dialect = Dialect::Haproxy;

    /// Returns the state of a tenant at a revision, which the policy's rule names.
    fn state(revision: u64) -> Arc<TenantSnapshot> {
        let rule = json!({
            "name": format!("rule {revision}"),
            "match": {"path": {"exact": "/closed"}},
            "respond": {"status": 403},
        });
        let content: TenantContent = serde_json::from_value(json!({
            "tag": format!("0707070707070707.{revision}"),
            "routes": [], "scopes": [],
            "policies": [{
                "service": "shop", "env": "prod", "revision": revision,
                "hosts": ["shop.example"], "rules": [rule],
            }],
        }))
        .unwrap();
        Arc::new(TenantSnapshot::new("acme".parse().unwrap(), content).unwrap())
    }

    fn renderings() -> Renderings {
        let share = Share {
            tenant_percent: 100,
            platform_percent: 100,
        };
        Renderings::new(1 << 20, Arc::new(Workers::new(share)))
    }

    async fn body(renderings: &Renderings, revision: u64) -> String {
        let body = renderings
            .body(
                &state(revision),
                &Scope::default(),
                DIALECT,
                Settings::default(),
            )
            .await
            .unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    fn newest(renderings: &Renderings) -> Option<u64> {
        let (_, held) = renderings.held.iter().next()?;
        let state = held.state.try_lock().ok()?;
        state.newest.as_ref().map(|newest| newest.tag.revision.0)
    }

    #[tokio::test]
    async fn older_state_is_rendered_and_newest_rendering_stays() {
        let renderings = renderings();
        let at_five = body(&renderings, 5).await;
        assert!(at_five.contains("# rule rule 5"));
        assert!(body(&renderings, 7).await.contains("# rule rule 7"));
        assert_eq!(body(&renderings, 5).await, at_five);
        assert_eq!(newest(&renderings), Some(7));
        renderings.drop_idle();
        assert!(renderings.held_bytes().used > 1024);
    }

    #[tokio::test]
    async fn report_alone_makes_no_body_and_the_body_comes_after_it() {
        let renderings = renderings();
        let report = renderings
            .report(&state(3), &Scope::default(), DIALECT, Settings::default())
            .await
            .unwrap();
        assert_eq!(report.len(), 1);
        assert_eq!(newest(&renderings), Some(3));
        assert!(body(&renderings, 3).await.contains("# rule rule 3"));
    }

    #[tokio::test]
    async fn concurrent_requests_get_the_state_that_each_asked_for() {
        let renderings = renderings();
        let asked = [1, 9, 4, 9, 2, 8].map(|revision| {
            let renderings = &renderings;
            async move {
                let wanted = format!("# rule rule {revision}\\n");
                assert!(body(renderings, revision).await.contains(&wanted));
            }
        });
        futures_util::future::join_all(asked).await;
        assert_eq!(newest(&renderings), Some(9));
    }
}
