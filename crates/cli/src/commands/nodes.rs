//! `tmctl get nodes`: the nodes of a tenant, and how far they are.

use std::time::Duration;

use traffic_manager_client::types::{Node, NodeFilter};

use super::{
    get::{PAGE, or_dash},
    watch::{self, Signal},
};
use crate::{
    failure::Failure,
    output::{Row, time},
    session::Session,
};

/// The time between two looks at watched nodes. Nothing tells of their changes.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// Shows the nodes that a filter chooses, and goes on with their changes if they are watched.
pub async fn all(
    filter: NodeFilter,
    is_watched: bool,
    session: &mut Session,
) -> Result<(), Failure> {
    let filter = NodeFilter {
        limit: Some(PAGE),
        ..filter
    };
    let (client, tenant) = (session.client.clone(), session.tenant()?.to_owned());
    let read = async || client.list_nodes(&tenant, &filter).pages().all().await;
    if is_watched {
        let signal = Signal::Every(BETWEEN_LOOKS);
        return watch::run(read, signal, &client, &mut session.printer).await;
    }
    session.printer.list(read().await?)
}

/// Shows a node, with a row for each scope that it follows.
pub async fn one(name: &str, session: &mut Session) -> Result<(), Failure> {
    let call = session.client.get_node(session.tenant()?, name);
    let node = call.await?.value;
    if session.printer.value(&node)? {
        return Ok(());
    }
    session.printer.list(node.scopes)
}

impl Row for Node {
    const COLUMNS: &'static [&'static str] = &["NODE", "FOLLOWS", "STATE", "BEHIND", "SEEN"];
    const WIDE: &'static [&'static str] =
        &["DIALECT", "APPLIED", "SERVED", "SINCE", "INSTANCE", "ERROR"];

    fn name(&self) -> String {
        self.node.clone()
    }

    /// A node has a row for each scope.
    fn key(&self) -> String {
        self.cells()[..2].join(" ")
    }

    fn cells(&self) -> Vec<String> {
        let part = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".to_owned());
        let error = self.error.as_ref();
        vec![
            self.node.clone(),
            format!("{}/{}", part(&self.service), part(&self.env)),
            self.state.clone(),
            self.lag_revisions.to_string(),
            time(self.seen),
            or_dash(self.dialect.as_ref()),
            or_dash(self.applied.as_ref()),
            or_dash(self.served.as_ref()),
            or_dash(self.since.map(time)),
            self.instance.clone(),
            or_dash(error.map(|error| format!("{}: {}", error.code, error.text))),
        ]
    }
}
