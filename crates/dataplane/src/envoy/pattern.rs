//! Patterns, as RE2 reads them.

use traffic_manager_core::policy::pattern;

pub(super) use crate::re2::literal as quoted;

/// Returns a pattern that RE2 reads as the service does, or why there is none. Patterns that were
/// stored before today's rules may be outside the common subset.
pub(super) fn plain(text: &str) -> Result<String, String> {
    pattern::for_proxies(text).map_err(|invalid| invalid.detail)
}
