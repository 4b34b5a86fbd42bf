//! Writes as any actor: directly through the service, since the HTTP edge of a test knows one actor
//! only.

use std::sync::Arc;

use serde_json::json;
use traffic_manager::{
    config::Settings,
    domain::{
        command::{Apply, Command, CommandContext, Desired, Op, Precondition},
        event::Actor,
        ids::RouteName,
        route::RouteSpec,
        tag::Epoch,
    },
    service::{
        Error,
        batch::{Reply, Request},
        privacy::Privacy,
        unpublished::Unpublished,
        writer::{OnCommit, Writer},
    },
    store::{Server, router::Router},
};
use uuid::Uuid;

/// The actor of a write, its reason and its source address.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    pub kind: &'static str,
    pub id: &'static str,
    pub reason: &'static str,
    pub address: &'static str,
}

/// A writer without an HTTP edge.
pub struct Desk {
    writer: Writer,
}

impl Desk {
    /// Creates a writer with the settings of a service, including its master keys.
    pub fn of(settings: &Settings) -> Self {
        Self::followed_by(settings, Arc::new(|_| {}))
    }

    /// The same, with a callback after each commit.
    pub fn followed_by(settings: &Settings, on_commit: OnCommit) -> Self {
        let (key, url) = ("postgres.primary_url", &settings.postgres.primary_url);
        let server = Server::new(
            "postgres_primary",
            key,
            url,
            &settings.postgres,
            settings
                .resilience
                .policy(&settings.resilience.postgres_primary),
        )
        .expect("settings");
        let server = Arc::new(server);
        let router = Arc::new(Router::new(server.clone(), Vec::new(), 0));
        let privacy = Arc::new(Privacy::new(&settings.privacy, router).expect("settings"));
        let (writer, _lanes) = Writer::start(
            server,
            &settings.write,
            &settings.limits,
            privacy,
            Unpublished::new(&settings.audit),
            on_commit,
        );
        Self { writer }
    }

    /// Sets the route `web/prod/v1` of a tenant.
    pub async fn put(&self, who: Who, tenant: &str, url: &str, key: Option<&str>) -> Reply {
        let (route, spec) = (route("v1"), spec(url));
        self.write(who, tenant, Op::Upsert { route, spec }, key)
            .await
    }

    /// Sets several routes of a tenant in one revision.
    pub async fn put_all(&self, who: Who, tenant: &str, versions: &[&str], url: &str) -> Reply {
        let put = |version: &&str| Desired::Route {
            name: route(version),
            spec: Some(spec(url)),
        };
        let changes = versions.iter().map(put).collect();
        let apply = Apply {
            changes,
            base: None,
            hash: String::new(),
            confirmed: None,
        };
        self.write(who, tenant, Op::Apply(Box::new(apply)), None)
            .await
    }

    async fn write(&self, who: Who, tenant: &str, op: Op, key: Option<&str>) -> Reply {
        self.try_write(who, tenant, op, key)
            .await
            .expect("the write is committed")
    }

    /// Tries to set the route `web/prod/v1` of a tenant, and returns the error if that fails.
    pub async fn try_put(
        &self,
        who: Who,
        tenant: &str,
        url: &str,
        key: Option<&str>,
    ) -> Result<Reply, Error> {
        let (route, spec) = (route("v1"), spec(url));
        self.try_write(who, tenant, Op::Upsert { route, spec }, key)
            .await
    }

    async fn try_write(
        &self,
        who: Who,
        tenant: &str,
        op: Op,
        key: Option<&str>,
    ) -> Result<Reply, Error> {
        let tenant = tenant.parse().expect("a name");
        let command = Command {
            tenant,
            op,
            precondition: Precondition::default(),
            confirm_in_use: false,
        };
        let context = CommandContext {
            resource_scope: Default::default(),
            event_id: Uuid::now_v7(),
            new_epoch: Epoch::from_random(Uuid::new_v4().as_u64_pair().1.to_be_bytes()),
            now: jiff::Timestamp::now().into(),
            actor: Actor {
                kind: who.kind.into(),
                id: who.id.into(),
                token: None,
            },
            may_create_tenant: true,
            reason: Some(who.reason.into()),
            request_id: "r".into(),
            trace_id: None,
            source_ip: Some(who.address.into()),
            body_bytes: 0,
        };
        let request = Request {
            command,
            context,
            idempotency_key: key.map(str::to_owned),
            traceparent: None,
        };
        self.writer.write(request).await
    }
}

fn route(version: &str) -> RouteName {
    let version = version.parse().expect("a name");
    RouteName {
        service: "web".parse().expect("a name"),
        env: "prod".parse().expect("a name"),
        version,
    }
}

fn spec(url: &str) -> RouteSpec {
    let spec = json!({ "url": url, "is_active": true, "labels": {}, "description": null });
    serde_json::from_value(spec).expect("a route")
}
