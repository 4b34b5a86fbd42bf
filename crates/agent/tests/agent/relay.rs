//! The relay, between a control plane that signs and nodes.

mod answers;
mod cost;
mod fair;
mod liar;
mod many;
mod plane;
mod process;
mod reports;
mod restart;
mod tls;
mod tokens;
