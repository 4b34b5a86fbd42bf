//! The agent on a proxy's machine. It follows a tenant, keeps the last good state on disk, renders
//! it, gives it to the proxy, and asks the proxy what it runs.
//!
//! ```text
//!  control plane ─► Watcher ─► guard ─► plan (what to do now, pure) ─► release (rendered) ─► apply ─► proxy
//!                     │          │                ▲                                           │
//!                     ▼          ▼                └────────── what the proxy shows ◄──────────┘
//!               snapshot.tm   accepted.json                                           applied.json
//! ```
//!
//! Nothing that the control plane does or does not do takes away what the proxy has: an agent
//! without it begins with its disk, and a state that would take most routes away waits for somebody
//! on the machine.

pub mod agent;
pub mod apply;
pub mod bootstrap;
pub mod command;
pub mod config;
mod disk;
pub mod guard;
pub mod http;
pub mod metrics;
pub mod node;
pub mod plan;
pub mod relay;
pub mod release;
pub mod report;
pub mod status;
