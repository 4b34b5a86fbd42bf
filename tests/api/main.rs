//! The HTTP contract, against a running service on a database of its own.

#[path = "../support/mod.rs"]
mod support;

#[path = "../jwt/issuer.rs"]
#[expect(dead_code, reason = "a part of what the suite of tokens needs")]
mod issuer;
#[path = "../jwt/signer.rs"]
#[expect(dead_code, reason = "a part of what the suite of tokens needs")]
mod signer;

mod auth;
mod bad_input;
mod bodies;
mod changes;
mod commits;
mod compression;
mod conditions;
mod cors;
mod docs;
mod drills;
mod examples;
mod fail_closed;
mod fail_static;
mod headers;
mod health;
mod hosts;
mod isolation;
mod key_lineage;
mod keys;
mod limits;
mod lists;
mod log;
mod media_types;
mod numbers;
mod operations;
mod overload;
mod past;
mod paths;
mod patterns;
mod plans;
mod policies;
mod polling;
mod privacy;
mod prototype;
mod quotas;
mod ranges;
mod rates;
mod replicas;
mod round_trips;
mod routes;
mod scale;
mod schema;
mod scopes;
mod shares;
mod singles;
mod sizes;
mod staying;
mod streams;
mod tags;
mod tenants;
mod texts;
mod tls;
mod upkeep;
mod urls;
mod waiting;
mod yaml_exports;
