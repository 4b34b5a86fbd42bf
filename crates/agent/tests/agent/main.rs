//! The program `tm-agent`, from a control plane over real HTTP to the proxy.

mod answers;
mod common;
mod memory;
mod real_proxies;
mod relay;
mod reports;
mod steps;
mod tenants;
mod wipes;
