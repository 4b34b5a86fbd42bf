//! Real proxies, unmodified, for the tests and the load program: Envoy, Traefik, Caddy, HAProxy and
//! nginx. `make proxies` installs them.

pub mod ask;
pub mod load;
pub mod names;
pub mod programs;
pub mod reload;
pub mod upstreams;
pub mod wire;
