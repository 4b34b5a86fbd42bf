//! Outbox → Kafka → archive, step by step: order, redelivery, fencing, dead letters, rebalances.

mod consumer;
mod dead_letters;
mod end_to_end;
mod exports;
mod followers;
mod frozen_leader;
mod relay;
#[path = "../support/mod.rs"]
mod support;
mod topic;
mod verify;
