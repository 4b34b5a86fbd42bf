//! Outbox → Kafka → archive, step by step: order, redelivery, fencing, dead letters, rebalances.

mod access_log;
mod anew;
mod chains;
mod consumer;
mod dead_letters;
mod documents;
mod end_to_end;
mod examples;
mod exports;
mod followers;
mod frozen_leader;
mod gate;
mod nodes;
mod panics;
mod privacy;
mod redrives;
mod relay;
mod replays;
mod retention;
mod set_aside;
mod shares;
mod sick_broker;
mod timeline;
mod tls;
mod tmctl;
mod topic_settings;
mod verify;

use test_support as support;
use test_support::topic;
