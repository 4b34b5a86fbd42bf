//! The HTTP contract, against a running service on a database of its own.

#[path = "../support/mod.rs"]
mod support;

mod auth;
mod bad_input;
mod changes;
mod commits;
mod conditions;
mod cors;
mod docs;
mod drills;
mod examples;
mod fail_closed;
mod fail_static;
mod headers;
mod health;
mod isolation;
mod keys;
mod limits;
mod lists;
mod overload;
mod past;
mod plans;
mod policies;
mod polling;
mod privacy;
mod prototype;
mod quotas;
mod rates;
mod replicas;
mod routes;
mod scale;
mod schema;
mod scopes;
mod shares;
mod streams;
mod tenants;
mod tls;
mod upkeep;
mod waiting;
