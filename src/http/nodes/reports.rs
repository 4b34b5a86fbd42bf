//! `POST /tenants/{tenant}/nodes`: what a relay has heard of the nodes that poll it.

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    domain::{
        Invalid,
        ids::{DialectName, NodeName, RefusalCode},
        ledger::{Applied, Millis, NodeError, NodeKey, Sighting},
        snapshot::Scope,
        tag::VersionTag,
        whole::Whole,
    },
    http::{
        bulk::Bulk,
        extract::{Fields, Query},
        openapi::schemas,
        params::TenantPath,
        permission::Reporter,
        problem::{Code, Problem},
        query::NothingIn,
        state::ApiState,
    },
};

/// The most reports in one request.
const MOST: usize = 1000;
/// The longest time ago, in milliseconds: a year.
const LONGEST_AGO: u64 = 31_536_000_000;

/// The body of `POST /tenants/{tenant}/nodes`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NodeReports")]
pub struct ReportsIn {
    #[schemars(length(max = MOST))]
    reports: Vec<ReportIn>,
}

/// What a node has said.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NodeReport")]
struct ReportIn {
    #[schemars(with = "schemas::NodeName")]
    node: String,
    /// The service that the node follows; `null`: all.
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    /// The environment that the node follows; `null`: all.
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    /// How the node takes its configuration.
    #[schemars(with = "Option<schemas::ServiceName>")]
    dialect: Option<String>,
    /// The version tag that the node was sent last.
    #[schemars(with = "Option<schemas::VersionTag>")]
    served: Option<String>,
    /// The version tag that the node runs.
    #[schemars(with = "Option<schemas::VersionTag>")]
    applied: Option<String>,
    error: Option<ErrorIn>,
    /// How many milliseconds ago the node was last there.
    #[schemars(with = "u64", range(max = LONGEST_AGO))]
    seen_ms_ago: Whole<0, LONGEST_AGO, u64>,
    /// How many milliseconds ago it said `applied` and `error`; as `seen_ms_ago` if it is missing.
    #[schemars(with = "Option<u64>", range(max = LONGEST_AGO))]
    applied_ms_ago: Option<Whole<0, LONGEST_AGO, u64>>,
}

/// Why a node does not run the newest revision.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NodeErrorReport")]
struct ErrorIn {
    /// The refused version tag.
    #[schemars(with = "Option<schemas::VersionTag>")]
    tag: Option<String>,
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"))]
    code: String,
    /// The node's words; 1024 bytes of them are kept.
    text: String,
}

/// `POST /tenants/{tenant}/nodes`
pub async fn report(
    caller: Reporter,
    state: web::Data<ApiState>,
    path: TenantPath,
    _query: Query<NothingIn>,
    body: Bulk<ReportsIn>,
) -> Result<HttpResponse, Problem> {
    let reports = body.0.reports;
    if reports.len() > MOST {
        let detail = format!("at most {MOST} in one request");
        return Err(Problem::field("/reports", Invalid::new("too_many", detail)));
    }
    let mut fields = Fields::default();
    let read: Vec<_> = reports
        .into_iter()
        .enumerate()
        .filter_map(|(at, report)| report.read(&mut fields, &format!("/reports/{at}")))
        .collect();
    let read = fields.finish(Some(read))?;
    let narrowed = caller.grant.resource_scope();
    let covers = |scope: &Scope| narrowed.covers(scope.service.as_ref(), scope.env.as_ref());
    if let Some(other) = read.iter().find(|report| !covers(&report.key.scope)) {
        let detail = format!("node {} follows more than the caller may", other.key.node);
        return Err(Problem::new(Code::OutsideGrant, detail));
    }
    // A tenant that does not exist has no nodes.
    state.polls.exists(&path.0).await?;
    let now = state.nodes.now();
    for report in read {
        let key = report.key.clone();
        for sighting in report.sightings(now) {
            state.nodes.saw(path.0.name(), key.clone(), sighting);
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

/// A report whose members have been checked.
struct Report {
    key: NodeKey,
    dialect: Option<DialectName>,
    served: Option<VersionTag>,
    applied: Option<VersionTag>,
    error: Option<NodeError>,
    seen: Millis,
    said: Millis,
}

impl ReportIn {
    fn read(self, fields: &mut Fields, at: &str) -> Option<Report> {
        let pointer = |name: &str| format!("{at}/{name}");
        let tag = |fields: &mut Fields, name: &str, raw: Option<String>| {
            raw.and_then(|raw| fields.check(&pointer(name), raw.parse::<VersionTag>()))
        };
        let served = tag(fields, "served", self.served);
        let applied = tag(fields, "applied", self.applied);
        let error = self.error.and_then(|error| {
            let tag = tag(fields, "error/tag", error.tag);
            let code = fields.required::<RefusalCode>(&pointer("error/code"), Some(error.code))?;
            Some(NodeError::new(tag, code, &error.text))
        });
        let ago = |fields: &mut Fields, name: &str, Whole(ago): Whole<0, LONGEST_AGO, u64>| {
            let long = || {
                let detail = format!("must be a whole number from 0 to {LONGEST_AGO}");
                Invalid::new("out_of_range", detail)
            };
            let is_good = ago <= LONGEST_AGO;
            fields.check(&pointer(name), if is_good { Ok(ago) } else { Err(long()) })
        };
        let seen = ago(fields, "seen_ms_ago", self.seen_ms_ago);
        let said = self
            .applied_ms_ago
            .and_then(|said| ago(fields, "applied_ms_ago", said));
        let node = fields.required::<NodeName>(&pointer("node"), Some(self.node));
        let scope = Scope {
            service: fields.optional(&pointer("service"), self.service),
            env: fields.optional(&pointer("env"), self.env),
        };
        Some(Report {
            dialect: fields.optional(&pointer("dialect"), self.dialect),
            key: NodeKey { node: node?, scope },
            served,
            applied,
            error,
            said: said.or(seen)?,
            seen: seen?,
        })
    }
}

impl Report {
    /// That the node was there, and what it said before, each at its time.
    fn sightings(self, now: Millis) -> [Sighting; 2] {
        let said = Sighting {
            at: now.saturating_sub(self.said),
            dialect: self.dialect,
            applied: self.applied.map_or(Applied::Unsaid, Applied::Tag),
            served: self.served,
            error: self.error.map(Box::new),
        };
        let seen = Sighting {
            at: now.saturating_sub(self.seen),
            dialect: None,
            applied: Applied::Unsaid,
            served: None,
            error: None,
        };
        // In this order, so that an old word does not look like a long absence.
        [seen, said]
    }
}
