//! Replays: events that are published again.

use crate::{
    calls::{Read, Write, operation::operations},
    types::{ListFilter, NewReplay, Page, Replay},
};

operations! {
    /// Lists replays, newest first. The filter's `tenant` must be absent.
    Read list_replays: GET "/api/v1/replays" (filter: &ListFilter => query) -> Read<Page<Replay>>;
    /// Begins a replay.
    Write create_replay: POST "/api/v1/replays" (replay: &NewReplay => json) -> Write<Replay>;
    /// Returns a replay.
    Read get_replay: GET "/api/v1/replays/{replay_id}" (id: &str => path) -> Read<Replay>;
    /// Ends a replay early.
    WriteOnce cancel_replay: DELETE "/api/v1/replays/{replay_id}" (id: &str => path) -> Write<Replay>;
}
