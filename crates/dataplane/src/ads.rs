//! Envoy's Aggregated Discovery Service: the server's side of one stream, as a state machine without
//! I/O and without a clock.
//!
//! ```text
//!  request ─► Frames ─► Stream ─► Action::Send ─► response
//!  offer ───────────────► │ ────► Action::Report   what the node has, refused, or cannot get warm
//!  time ────────────────► │ ────► Action::End      the stream is over, with a gRPC status
//! ```
//!
//! An offer reaches the node by make before break:
//! 1. new and changed clusters; those that the node has already are kept;
//! 2. their ACK. Envoy withholds it until each new cluster is warm, that is: its name is resolved;
//! 3. the routes;
//! 4. their ACK;
//! 5. removal of the clusters that no route names any longer.
//!
//! One response is in flight at a time. Offers that come meanwhile replace each other: only the
//! newest waits. An offer that was begun is brought to its end first, so that offers that come faster
//! than clusters get warm cannot keep the routes from moving.
//!
//! - **A wait that is too long.** Envoy does not say which cluster is not warm, and withholds all ACKs of
//!   clusters while there is one. After [`Limits::warm_ms`] the stream goes on *with all of the offer's
//!   clusters*: one route configuration holds the routes of all tenants, so that the other choice, to
//!   wait, would let one name that does not resolve hold up everybody. Requests for a cluster that is not
//!   warm are then answered with 503. [`Report::Late`] names the clusters that may be meant.
//! - **A rejection.** Nothing more of that offer is sent. The routes and the clusters that they name stay.
//!   The next offer with another content is tried anew.
//! - **A reconnect.** Over delta a node names what it has. Over the state of the world it says a version
//!   only, which [`Stream::remember`] turns into clusters to keep. A node whose clusters are warming
//!   asks for its routes first; they wait for the clusters' request.
//! - **A node below the floor** ([`node::FLOOR`]) is told nothing, so that it keeps what it has.

mod action;
pub mod frame;
pub mod message;
pub mod node;
pub mod poll;
mod request;
pub mod search;
mod stream;
mod subscription;

pub use action::{Action, Code, Kind, Limits, Report, Type};
pub use frame::{FrameError, Frames};
pub use node::NodeInfo;
pub use stream::Stream;
