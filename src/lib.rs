//! Traffic Manager: a multi-tenant traffic-routing control plane with a provable audit trail.
//!
//! ```text
//!   admin API                                         data-plane proxies
//!      │ write                                                ▲ poll
//!      ▼                                                      │
//!    http ──► service::write  ──► store ──► Postgres ──► replicas
//!      │        lock, decide,       │ tenant revision,        │
//!      │        commit, reply       │ route, event, outbox    ▼
//!      │                            ▼                       cache ──► resolve, snapshot
//!      │                          relay ──► Kafka ──┬─────────┘
//!      │                                            └──► audit::consumer ──► audit::archive ──► MongoDB
//!      └──────────────── audit queries ◄── service::history ◄──────────────────────┘
//! ```
//!
//! | module | content |
//! |---|---|
//! | [`app`] | the composition root: the parts of each role, their start and drain order |
//! | [`config`] | typed settings, checked at the start |
//! | [`telemetry`] | logs, traces, metrics and their names |
//! | [`health`] | checks, readiness and metrics of the process |
//! | [`domain`] | the package `traffic-manager-core`: pure types and decisions |
//! | [`http`] | the only actix code: endpoints, extractors, the problem table |
//! | [`service`] | use cases: `write` (the group commit), `read`, `history`, `access`, `admin`, `privacy` |
//! | [`workers`] | background work that no request waits for |
//! | [`store`] | the only tokio-postgres code: servers, transactions, statements |
//! | [`cache`] | the read path: per-tenant snapshots that never move back |
//! | [`kafka`] | every rdkafka setting, and the shape of a record |
//! | [`ledger`] | which node runs which revision: this instance's knowledge, exchanged with the others |
//! | [`relay`] | outbox to Kafka, one leader with fencing |
//! | [`audit`] | Kafka to MongoDB, and reads of the archive |
//! | [`resilience`] | bulkhead, breaker, timeout and retry budget as one policy |
//! | [`auth`] | authentication: callers, keys and tokens |
//! | [`coding`] | compression of answers |
//! | [`signing`] | the keys that snapshots are signed with |
//! | [`tls`] | certificates from files, and the configuration of TLS clients |
//!
//! Imports point one way: [`app`] uses all modules and no module uses it; `http → service → store`;
//! `workers → service`, and nothing but [`app`] uses the workers;
//! every module may use [`domain`], which uses none.

#![recursion_limit = "256"]

pub mod app;
pub mod audit;
pub mod auth;
pub mod cache;
pub mod coding;
pub mod config;
pub mod health;
pub mod http;
pub mod kafka;
pub mod ledger;
pub mod relay;
pub mod resilience;
pub mod service;
pub mod signing;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod workers;

/// The pure part, in a package of its own: `crates/core`.
pub use traffic_manager_core as domain;
