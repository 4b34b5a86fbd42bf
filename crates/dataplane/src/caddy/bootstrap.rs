//! The follower of Caddy.

use serde_json::json;

use super::problem;
use crate::{bootstrap::Ask, follower};

/// Returns a shell script that runs Caddy and gives it each new document with `POST /load`. Caddy's
/// own loader is not used: it stops for ever after one document that it cannot take. What is no
/// document, or one that Caddy refuses, changes nothing. Until the first document every request is
/// answered with 503; after a restart Caddy begins with the last one.
pub fn bootstrap(ask: &Ask) -> String {
    let of_proxy = include_str!("follower.sh");
    // Quotes around the word keep the shell from reading the text.
    let first = format!("first() {{ cat <<'FIRST'\n{:#}\nFIRST\n}}\n", first(ask));
    follower::script_of_document(ask, "caddy", &(first + of_proxy))
}

/// Returns the document before the first one.
fn first(ask: &Ask) -> serde_json::Value {
    let waiting = problem(503, "not_loaded", "No configuration was loaded yet");
    json!({
        "admin": {"listen": ask.admin},
        "apps": {"http": {"servers": {"tm": {
            "automatic_https": {"disable": true},
            "listen": [ask.listen],
            "routes": [{"handle": [waiting]}],
        }}}},
    })
}
