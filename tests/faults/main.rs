//! Faults on real processes: kill -9, SIGTERM, dependencies that hang, connections that are lost at
//! the worst moment.

mod backwards;
mod broker;
mod canary;
mod clock;
mod cluster;
mod commit;
mod consumers;
mod deaths;
mod exports;
mod half_open;
mod hangs;
mod harness;
mod kill9;
mod leaders;
mod memory;
mod mongo;
mod moved;
mod neighbours;
mod overload;
mod oversize;
mod poison;
mod primary;
mod processes;
mod proxy;
mod replica;
mod restored;
mod rolling;
mod traces;

use test_support as support;
use test_support::topic;
