//! `tmctl get nodes`: the nodes of a tenant, and how far they are.

use traffic_manager_client::types::{Node, NodeFilter};

use super::get::{PAGE, or_dash};
use crate::{
    failure::Failure,
    output::{Row, time},
    session::Session,
};

/// Shows the nodes that a filter chooses.
pub async fn all(filter: NodeFilter, session: &mut Session) -> Result<(), Failure> {
    let filter = NodeFilter {
        limit: Some(PAGE),
        ..filter
    };
    let call = session.client.list_nodes(session.tenant()?, &filter);
    session.printer.list(call.pages().all().await?)
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
