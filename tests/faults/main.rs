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
mod nodes;
mod overload;
mod oversize;
mod parts;
mod poison;
mod primary;
mod processes;
mod proxy;
mod replica;
mod restored;
mod rolling;
mod traces;
mod watchers;

/// What all suites share. A test's world is the one of [`parts`], and nothing else here leads to the
/// parts of the stack: a test that uses them begins there.
mod support {
    pub use test_support::{OPEN, authority, callers, eventually, ports, secure, switch, topic};

    pub use crate::parts::World;

    pub mod database {
        pub use test_support::database::{connect, try_connect, url_of, variable};
    }
}

use test_support::topic;
