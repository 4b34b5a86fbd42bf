//! The only actix code: the endpoint table, extractors, the problem table, one file per resource.
//!
//! A handler extracts its input, calls one service, and responds. Its signature states all that the
//! handler requires.

mod access_log;
pub mod asyncapi;
mod audit;
mod authority;
mod body_drain;
mod body_limits;
mod bulk;
mod compression;
mod context;
mod dead_letters;
mod deadline;
pub mod docs;
pub mod document;
mod edge;
mod endpoint;
pub mod endpoints;
mod etag;
mod event_filter;
mod event_schema;
mod exports;
mod extract;
mod fast_path;
mod forced_states;
mod gate;
mod headers;
mod health;
mod instant;
mod keys;
mod limits;
mod log_limit;
mod middleware;
mod openapi;
mod ops;
mod params;
mod permission;
mod plans;
mod policies;
mod polling;
mod problem;
mod query;
mod replays;
mod request;
mod resolve;
mod respond;
mod returned;
mod routes;
mod server;
mod shapes;
mod state;
mod streams;
mod tenants;
mod time_travel;
mod tls;

pub use body_limits::BodyLimits;
pub use fast_path::Tallies;
pub use limits::Limits;
pub use ops::ops_server;
pub use server::ApiServer;
pub use state::ApiState;
pub use tls::{Certificates, Transport};
