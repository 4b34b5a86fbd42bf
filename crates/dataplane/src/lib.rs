//! Renders a tenant's snapshot in the formats that data planes read: no I/O, no runtime, no clock.
//!
//! Each format is a [`Dialect`] with a module of its own, and sees nothing but the snapshot.

pub mod native;

use traffic_manager_core::snapshot::{Scope, TenantSnapshot};

/// A format in which data planes read snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The service's own JSON.
    Native,
}

impl Dialect {
    /// Returns the body of a snapshot's scope.
    pub fn snapshot(self, snapshot: &TenantSnapshot, scope: &Scope) -> Vec<u8> {
        match self {
            Self::Native => native::snapshot(snapshot, scope),
        }
    }
}
