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
mod past;
mod plans;
mod policies;
mod polling;
mod prototype;
mod quotas;
mod replicas;
mod routes;
mod scale;
mod scopes;
mod streams;
mod tenants;
mod upkeep;
mod waiting;
