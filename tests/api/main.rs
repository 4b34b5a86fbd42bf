//! The HTTP contract, against a running service on a database of its own.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod changes;
mod conditions;
mod docs;
mod examples;
mod fail_static;
mod health;
mod lists;
mod polling;
mod prototype;
mod replicas;
mod routes;
mod scopes;
mod streams;
mod tenants;
mod waiting;
