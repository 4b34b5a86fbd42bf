//! The operations around nodes, for the OpenAPI document.

use serde_json::{Value, json};

use super::{ConvergenceIn, NodesIn, reports::ReportsIn};
use crate::http::{
    openapi::{Answer, Operation},
    problem::Code,
    query::NothingIn,
    respond::{PageOut, page_of},
    shapes::nodes::{ConvergenceOut, NodeOut, NodesOut},
};

pub fn list() -> Operation {
    Operation::new("listNodes", "List the nodes of a tenant")
        .about(
            "Nodes name themselves with `TM-Node` in their polls, by their client certificate, or by the node's id of Envoy. A node that \
             has been silent for too long is `lost`, and no longer listed after a day. Every instance of the service gives the same answer, \
             perhaps a second later.",
        )
        .query::<NodesIn>()
        .reads()
        .answers(Answer::json::<PageOut<NodeOut<'_>>>(200, "A page of nodes.", page_of(node())))
        .refuses(&[Code::InvalidCursor])
}

pub fn report() -> Operation {
    Operation::new("reportNodes", "Report what nodes have said elsewhere")
        .about(
            "For relays, which answer nodes in the service's place: what the nodes have said to them, as the headers `TM-Node` and so on say it \
             of the caller itself. At most 1000 reports.",
        )
        .query::<NothingIn>()
        .bulk_body::<ReportsIn>(json!({ "reports": [{
            "node": "edge-1", "env": "prod", "dialect": "envoy", "applied": "adc74a594a3e0e8f.7", "seen_ms_ago": 120,
        }] }))
        .answers(Answer::empty(204, "The reports are taken."))
        .reads()
        .refuses(&[Code::InvalidRequest, Code::MalformedRequest])
}

pub fn get() -> Operation {
    Operation::new("getNode", "Get what is known of a node")
        .reads()
        .answers(Answer::json::<NodesOut<'_>>(
            200,
            "The node.",
            json!({ "node": "edge-1", "scopes": [node()] }),
        ))
        .refuses(&[Code::NotFound])
}

pub fn convergence() -> Operation {
    Operation::new("getConvergence", "Get the part of a tenant's nodes that runs a revision")
        .about(
            "A node that follows a part of the tenant has a revision once it runs the newest change of that part. With `partial` or \
             `warming` there may be nodes that the instance does not know of: wait, and ask again.",
        )
        .query::<ConvergenceIn>()
        .reads()
        .answers(Answer::json::<ConvergenceOut<'_>>(200, "The numbers.", numbers()))
        .refuses(&[Code::RevisionNotReached])
}

fn node() -> Value {
    json!({
        "node": "edge-1", "service": null, "env": "prod", "state": "refused", "dialect": "envoy", "applied": "adc74a594a3e0e8f.6",
        "since": "2026-11-21T10:00:00.000000Z", "served": "adc74a594a3e0e8f.7", "lag_revisions": 1,
        "error": { "tag": "adc74a594a3e0e8f.7", "code": "refused", "text": "invalid regex" },
        "seen": "2026-11-21T10:05:00.000000Z", "interval_seconds": 5.0, "instance": "3f1c9a7be0d25864",
    })
}

fn numbers() -> Value {
    let laggard = json!({ "node": "edge-1", "applied": "adc74a594a3e0e8f.6", "seconds": 300.0 });
    json!({
        "revision": "adc74a594a3e0e8f.7", "live": 20, "converged": 19, "refused": 1, "lost": 0, "unknown": 0, "anonymous": 0,
        "laggards": [laggard], "oldest": laggard, "partial": false, "warming": false,
    })
}
