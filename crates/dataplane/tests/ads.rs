//! The server's side of Envoy's discovery service: its rules one by one, and a simulated Envoy that is driven
//! through random histories.

#[path = "ads/client.rs"]
mod client;
#[path = "ads/envoy.rs"]
mod envoy;
#[path = "ads/histories.rs"]
mod histories;
#[path = "ads/rules.rs"]
mod rules;
#[path = "ads/wire.rs"]
mod wire;
