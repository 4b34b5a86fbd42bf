//! The pure half of the read path: the snapshots in memory, and the rules that never move them
//! back.

mod resident;
pub mod revisions;
pub mod tenants;
