//! Operations of administrators: dead letters, replays and forced breaker states.

pub mod dead_letters;
pub mod drills;
pub mod replays;
