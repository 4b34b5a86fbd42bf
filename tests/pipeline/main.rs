//! The relay and the audit consumer, step by step, on the real stack.

mod dead_letters;
mod frozen_leader;
#[path = "../support/mod.rs"]
mod support;
#[path = "../faults/world.rs"]
#[allow(dead_code, reason = "this suite uses a part of it")]
mod world;
