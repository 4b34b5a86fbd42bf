//! Nodes: the proxies and programs that run a tenant's configuration, and how far they are.

use crate::{
    calls::{Read, Write, operation::operations},
    types::{
        Caller, Convergence, ConvergenceFilter, Node, NodeFilter, NodeReports, NodeScopes, Page,
    },
};

operations! {
    /// Returns who the caller is, and until when its credential is good.
    Read get_self: GET "/api/v1/self" () -> Read<Caller>;
    /// Returns the part of a tenant's nodes that runs a revision.
    Read get_convergence: GET "/api/v1/tenants/{tenant}/convergence" (tenant: &str => path, filter: &ConvergenceFilter => query) -> Read<Convergence>;
    /// Lists the nodes of a tenant, each once for every scope that it follows.
    Read list_nodes: GET "/api/v1/tenants/{tenant}/nodes" (tenant: &str => path, filter: &NodeFilter => query) -> Read<Page<Node>>;
    /// Reports what nodes have said to a relay; at most 1000 reports.
    WriteOnce report_nodes: POST "/api/v1/tenants/{tenant}/nodes" (tenant: &str => path, reports: &NodeReports => json) -> Write<()>;
    /// Returns a node with each scope that it follows.
    Read get_node: GET "/api/v1/tenants/{tenant}/nodes/{node}" (tenant: &str => path, node: &str => path) -> Read<NodeScopes>;
}
