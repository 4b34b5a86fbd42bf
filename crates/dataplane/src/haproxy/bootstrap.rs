//! The follower of `HAProxy`.

use crate::{bootstrap::Ask, follower};

/// Returns a shell script that runs `HAProxy` and keeps its files up to date. A file that cannot be
/// used changes nothing: the last good ones stay.
pub fn bootstrap(ask: &Ask) -> String {
    follower::script(ask, "haproxy", include_str!("follower.sh"))
}
