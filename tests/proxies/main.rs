//! Real proxies, unmodified, with configurations for them: Envoy, Traefik, Caddy, HAProxy and
//! nginx. `make proxies` installs them.

mod ask;
mod changes;
mod guides;
mod load;
mod matrix;
mod programs;
mod questions;
mod reload;
mod running;
mod samples;
mod served;
mod upstreams;
mod wire;
