//! Operations of administrators: dead letters, replays and forced breaker states.

pub mod dead_letters;
pub mod forced_states;
pub mod replays;
