//! The parameters of reads. All members are optional unless they say otherwise: `Default` asks for
//! everything.

use std::collections::BTreeMap;

use serde::Serialize;

/// Declares the parameters of a read.
macro_rules! filters {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }
    )*};
}

filters! {
    /// The part of a list to answer.
    ListFilter {
        /// The name of the tenant.
        tenant: Option<String>,
        /// The most items of a page, 1 to 200.
        limit: Option<u32>,
        /// The cursor of the page.
        cursor: Option<String>,
    }
    /// The routes to list.
    RouteFilter {
        /// The name of the tenant; the tenants of the caller if absent.
        tenant: Option<String>,
        /// The name of the service.
        service: Option<String>,
        /// The name of the environment.
        env: Option<String>,
        /// The name of the version.
        version: Option<String>,
        /// Whether the routes are active.
        is_active: Option<bool>,
        /// Labels that the routes have, each as `key=value`.
        label: Vec<String>,
        /// A revision, a version tag or a time in the past.
        at: Option<String>,
        /// The most routes of a page, 1 to 200.
        limit: Option<u32>,
        /// The cursor of the page.
        cursor: Option<String>,
    }
    /// The request whose route is asked for. Required: tenant, service and environment.
    ResolveQuery {
        /// The name of the tenant.
        tenant: String,
        /// The name of the service.
        service: String,
        /// The name of the environment.
        env: String,
        /// The version; the policy decides if absent.
        version: Option<String>,
        /// The key that keeps a client with its version.
        key: Option<String>,
        /// The path of the request, without its query.
        path: Option<String>,
        /// The method of the request.
        method: Option<String>,
        /// Adds the reason for the choice to the answer.
        explain: Option<bool>,
        /// The headers and query parameters of the request, by the names `header.<name>` and
        /// `query.<name>`.
        #[serde(flatten)]
        conditions: BTreeMap<String, String>,
    }
    /// The part of a tenant to read, and a time in the past.
    ScopeFilter {
        /// The name of the environment; every one if absent.
        env: Option<String>,
        /// The name of the service; every one if absent.
        service: Option<String>,
        /// A revision, a version tag or a time in the past.
        at: Option<String>,
    }
    /// The changes to read. `after` is required.
    ChangesFilter {
        /// The version tag after which the changes begin.
        after: String,
        /// The name of the environment; every one if absent.
        env: Option<String>,
        /// The name of the service; every one if absent.
        service: Option<String>,
        /// The most revisions of the answer.
        limit: Option<u32>,
    }
    /// The two points in time to compare. `from` is required.
    DiffFilter {
        /// The older revision, version tag or time.
        from: String,
        /// The newer one; now if absent.
        to: Option<String>,
        /// The name of the environment; every one if absent.
        env: Option<String>,
        /// The name of the service; every one if absent.
        service: Option<String>,
    }
    /// The events of the audit to list or export.
    AuditFilter {
        /// The name of the tenant; the tenants of the caller if absent.
        tenant: Option<String>,
        /// The name of the service.
        service: Option<String>,
        /// The name of the environment.
        env: Option<String>,
        /// The name of the version.
        version: Option<String>,
        /// The action, such as `created`.
        action: Option<String>,
        /// The id of the actor.
        actor: Option<String>,
        /// The earliest time.
        from: Option<String>,
        /// The latest time.
        to: Option<String>,
        /// The most events of a page, 1 to 200. Not for exports.
        limit: Option<u32>,
        /// The cursor of the page. Not for exports.
        cursor: Option<String>,
    }
    /// The newest events of the audit, by one of several questions.
    AuditQuery {
        /// The name of the tenant.
        tenant: Option<String>,
        /// The name of the service.
        service: Option<String>,
        /// The name of the environment.
        env: Option<String>,
        /// The name of the version: only for the events of a route.
        version: Option<String>,
        /// The number of days: only for recent events.
        days: Option<u32>,
        /// The action: only for the events of an action.
        action: Option<String>,
        /// The number of hours: only for the events of an action.
        hours: Option<u32>,
        /// The earliest time: only for a range of time.
        start_time: Option<String>,
        /// The latest time: only for a range of time.
        end_time: Option<String>,
        /// The most events, 1 to 1000.
        limit: Option<u32>,
    }
    /// The part of a chain to verify. `tenant` is required.
    VerifyQuery {
        /// The name of the tenant.
        tenant: String,
        /// The first revision; 1 if absent.
        from: Option<u64>,
        /// The last revision; the newest if absent.
        to: Option<u64>,
    }
    /// The entries of the access log to list.
    AccessFilter {
        /// The name of the tenant.
        tenant: Option<String>,
        /// The kind, such as `denied`.
        kind: Option<String>,
        /// The id of the actor.
        actor: Option<String>,
        /// The earliest time.
        from: Option<String>,
        /// The latest time.
        to: Option<String>,
        /// The most entries of a page, 1 to 200.
        limit: Option<u32>,
        /// The cursor of the page.
        cursor: Option<String>,
    }
    /// The dead letters to list.
    DeadLetterFilter {
        /// The name of the tenant.
        tenant: Option<String>,
        /// The reason, such as `invalid`.
        reason: Option<String>,
        /// The state, such as `waiting`.
        state: Option<String>,
        /// The most dead letters of a page, 1 to 200.
        limit: Option<u32>,
        /// The cursor of the page.
        cursor: Option<String>,
    }
    /// The part of a tenant that a proxy gets. `tenant` is required.
    ProxyFilter {
        /// The name of the tenant.
        tenant: String,
        /// The name of the environment; every one if absent.
        env: Option<String>,
        /// The name of the service; every one if absent.
        service: Option<String>,
        /// The address that the proxy listens on. Not for reports.
        listen: Option<String>,
        /// The address of the proxy's admin interface. Not for reports.
        admin: Option<String>,
    }
    /// The nodes to list.
    NodeFilter {
        /// The state: `converged`, `lagging`, `refused` or `lost`.
        state: Option<String>,
        /// The kind of proxy.
        dialect: Option<String>,
        /// The name of the service that the nodes follow.
        service: Option<String>,
        /// The name of the environment that the nodes follow.
        env: Option<String>,
        /// The most nodes of a page, 1 to 200.
        limit: Option<u32>,
        /// The cursor of the page.
        cursor: Option<String>,
    }
    /// The revision that nodes are asked for.
    ConvergenceFilter {
        /// The version tag; the tenant's newest if absent.
        revision: Option<String>,
    }
    /// The proxy that is to be started. `tenant` is required.
    BootstrapQuery {
        /// The name of the tenant.
        tenant: String,
        /// The name of the environment; every one if absent.
        env: Option<String>,
        /// The way in which an Envoy is configured: `ads`, `rest` or `files`.
        transport: Option<String>,
        /// The address that the proxy listens on.
        listen: Option<String>,
        /// The address of the proxy's admin interface.
        admin: Option<String>,
        /// The name of the node.
        node: Option<String>,
    }
}
