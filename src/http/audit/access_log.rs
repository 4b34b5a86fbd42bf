//! `GET /audit/access`: the access log. Each read of the log is recorded in it.

use actix_web::{HttpResponse, web};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    domain::{filter::AccessFilter, plain_text},
    http::{
        extract::{Fields, Query},
        openapi::schemas,
        permission::AuditReader,
        problem::Problem,
        respond,
        state::ApiState,
    },
};

/// The parameters of `GET /audit/access`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessIn {
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::AccessKind>")]
    kind: Option<String>,
    #[schemars(with = "Option<schemas::ActorId>")]
    actor: Option<String>,
    #[schemars(with = "Option<schemas::TimestampIn>")]
    from: Option<String>,
    #[schemars(with = "Option<schemas::TimestampIn>")]
    to: Option<String>,
    #[validate(range(min = 1, max = 200, message = "must be 1 to 200"))]
    #[schemars(extend("default" = respond::DEFAULT_LIMIT))]
    limit: Option<u32>,
    #[schemars(with = "Option<schemas::Cursor>")]
    cursor: Option<String>,
}

/// Answers `GET /audit/access`: a page of the access log.
pub async fn list(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<AccessIn>,
) -> Result<HttpResponse, Problem> {
    let AccessIn {
        tenant,
        kind,
        actor,
        from,
        to,
        limit,
        cursor,
    } = query.0;
    let mut fields = Fields::default();
    let (from, to) = (fields.optional("?from", from), fields.optional("?to", to));
    fields.ordered(from, "?to", to);
    let filter = AccessFilter {
        visible_to: None,
        tenant: fields.optional("?tenant", tenant),
        kind: fields.optional("?kind", kind),
        actor: actor.and_then(|actor| {
            fields.check("?actor", plain_text(&actor, 255, "actor").map(|()| actor))
        }),
        from,
        to,
    };
    let filter = fields.finish(Some(filter))?;
    let page = state
        .audit
        .accesses(
            caller.grant.tenant_scope(),
            filter,
            &respond::page_request(limit, cursor),
        )
        .await?;
    Ok(respond::json(&respond::PageOut {
        items: &page.items,
        next_cursor: page.next_cursor,
    }))
}
