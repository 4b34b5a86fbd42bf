//! Real proxies, unmodified, with configurations for them: Envoy, Traefik, Caddy, HAProxy and
//! nginx. `make proxies` installs them.

mod agent;
mod balancer;
mod behind;
mod changes;
mod guides;
mod lost;
mod matrix;
mod quarantine;
mod questions;
mod region;
mod rolling;
mod running;
mod samples;
mod scene;
mod served;

use test_support::proxies::{ask, load, programs, reload, upstreams};
