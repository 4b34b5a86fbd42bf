//! A client of Traffic Manager. The [`Watcher`] follows one tenant, or a part of one, and has its
//! routes and policies in memory.
//!
//! ```text
//!  service ─► driver (HTTP, tokio) ─► follow (pure: what is held, and what each answer changes) ─► View ─► current()
//!                                          │                     ▲
//!                                          ▼                     │
//!                                        disk ─► file (two generations, checked by hash, digest and signature)
//! ```
//!
//! The watcher never goes backwards, and never gives up what it holds: when the service is away,
//! refuses it, or sends something wrong, the last good state stays.
//!
//! A node that gives the data to a proxy can tell the service so: with [`Settings::node`] each request has its name, and
//! [`Watcher::report`] says which state the proxy runs, and why not a newer one.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use traffic_manager_client::{Settings, Token, Watcher};
//!
//! let mut settings = Settings::new(vec!["https://tm.example.com".parse()?], "acme".parse()?);
//! settings.token = Some(Token::fixed("secret"));
//! settings.file = Some("/var/lib/proxy/acme.tm".into());
//! let watcher = Watcher::start(settings).await?;
//! let snapshot = watcher.ready().await?;
//! println!("{} routes at {}", snapshot.route_count(), snapshot.tag());
//! # Ok(())
//! # }
//! ```

mod disk;
mod driver;
mod file;
mod follow;
mod report;
mod settings;
mod sse;
mod token;
mod watcher;

pub use traffic_manager_core::snapshot::{Scope, TenantSnapshot};

pub use self::{
    driver::Connections,
    follow::{
        servers::ServerFaults,
        signatures::TrustedKey,
        status::{Counters, Refusal, State, View},
    },
    report::{BadLabel, Fault, FaultCode, Label, Report, Reported},
    settings::{Accept, Settings, StartError, Times},
    token::Token,
    watcher::{Stopped, Watcher},
};
