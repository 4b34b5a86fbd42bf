//! The HTTP contract, against a running service on a database of its own.

#[path = "../support/mod.rs"]
mod support;

mod conditions;
mod health;
mod lists;
mod polling;
mod replicas;
mod routes;
mod tenants;
