//! A client of Traffic Manager.
//!
//! - [`Client`] has a method for each operation of the API, [`Client::plan`] makes a [`PlanApply`],
//!   and [`Client::verify`] proves that the audit is whole.
//! - The [`Watcher`] follows one tenant, or a part of one, and has its routes and policies in
//!   memory.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use traffic_manager_client::{Client, ClientSettings, Token, types::{RouteKey, RouteSpec}};
//!
//! let mut settings = ClientSettings::new(vec!["https://tm.example.com".parse()?]);
//! settings.token = Some(Token::fixed("secret"));
//! let client = Client::new(settings)?;
//! let key = RouteKey::new("acme", "shop", "prod", "v2");
//! let call = client.put_route(&key, &RouteSpec::new("https://shop-2.example.com"));
//! let write = call.create_only().reason("the new shop").await?;
//! println!("{} at {:?}", write.value.url, write.tag);
//! # Ok(())
//! # }
//! ```
//!
//! # The watcher
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
//! With [`Settings::node`] each request has the node's name, and writes can wait for it: it counts as running what the
//! watcher holds. A node that gives the data to a proxy sets [`Settings::dialect`], and [`Watcher::report`] says which
//! state the proxy runs, and why not a newer one.
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

mod backoff;
mod calls;
mod connection;
mod disk;
mod driver;
mod file;
mod follow;
mod plan_apply;
mod report;
mod settings;
mod sse;
mod token;
pub mod types;
pub mod verify;
mod watcher;

pub use traffic_manager_core::snapshot::{
    Scope, TenantSnapshot,
    confirmation::{Confirmation, Counts},
};

pub use self::{
    calls::{
        Body, Call, CallTimes, Client, ClientSettings, Conditional, Content, Effect, Error, Events,
        FieldError, InUse, Operation, Outcome, Pages, PathParts, Problem, Quota, Read, Shrink, Tag,
        Text, Write,
    },
    driver::Connections,
    follow::{
        servers::ServerFaults,
        signatures::TrustedKey,
        status::{Counters, Refusal, State, View},
    },
    plan_apply::{Applied, Confirmations, Document, PlanApply},
    report::{BadLabel, Fault, FaultCode, Label, Report, Reported},
    settings::{Accept, Settings, StartError, Times},
    sse::SseEvent,
    token::{Token, TokenError},
    watcher::{Stopped, Watcher},
};
