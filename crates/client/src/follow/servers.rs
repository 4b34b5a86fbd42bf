//! What each server has done wrong. A server may be a relay, which has no authority: what it sends is checked, and here
//! is its name if it does not pass.

use std::sync::Arc;

use url::Url;

use super::status::Refusal;

/// The faults of one server since the start of the watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFaults {
    /// The server's base URL, as the settings have it.
    pub server: Arc<str>,
    /// Snapshots that were older than the data whose tag the server was asked with.
    pub older: u64,
    /// Times that the server said there was nothing newer, when another one had had something newer for a while.
    pub withheld: u64,
    /// The newest fault, for people.
    pub last: Arc<str>,
    refused: [u64; Refusal::ALL.len()],
}

impl ServerFaults {
    /// How often something of this server was refused for this reason.
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize]
    }

    /// All faults together.
    pub fn count(&self) -> u64 {
        self.refused.iter().sum::<u64>() + self.older + self.withheld
    }
}

/// A fault of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFault {
    /// It sent something that was refused.
    Refused(Refusal),
    /// It sent something older than what it was asked with.
    Older,
    /// It has kept back what others had.
    Withheld,
}

/// The servers of a watcher, and the one that is heard now.
pub struct Servers {
    names: Vec<Arc<str>>,
    at: usize,
    faults: Arc<[ServerFaults]>,
}

impl Servers {
    /// The servers before the first request.
    pub fn new(urls: &[Url]) -> Self {
        Self {
            names: urls.iter().map(|url| url.as_str().into()).collect(),
            at: 0,
            faults: Arc::default(),
        }
    }

    /// Notes which server is heard from now on, by its place in the list.
    pub fn hear(&mut self, at: usize) {
        self.at = at;
    }

    /// The name of the server that is heard.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.names.get(self.at)
    }

    /// The servers with faults.
    pub fn faults(&self) -> &Arc<[ServerFaults]> {
        &self.faults
    }

    /// Counts a fault of the server that is heard.
    pub fn count(&mut self, fault: ServerFault, what: &str) {
        let Some(name) = self.name().cloned() else {
            return;
        };
        let mut faults = self.faults.to_vec();
        let known = faults.iter().position(|it| it.server == name);
        let at = known.unwrap_or_else(|| {
            faults.push(ServerFaults {
                server: name,
                older: 0,
                withheld: 0,
                last: what.into(),
                refused: Default::default(),
            });
            faults.len() - 1
        });
        let of_server = &mut faults[at];
        of_server.last = what.into();
        match fault {
            ServerFault::Refused(reason) => of_server.refused[reason as usize] += 1,
            ServerFault::Older => of_server.older += 1,
            ServerFault::Withheld => of_server.withheld += 1,
        }
        self.faults = faults.into();
    }
}
