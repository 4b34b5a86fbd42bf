//! The follower of nginx.

use crate::{bootstrap::Ask, follower};

/// Returns a shell script that runs nginx and keeps its file up to date. A file that cannot be used
/// changes nothing: the last good one stays. Versions whose names do not resolve are left out.
pub fn bootstrap(ask: &Ask) -> String {
    follower::script(ask, "nginx", include_str!("follower.sh"))
}
