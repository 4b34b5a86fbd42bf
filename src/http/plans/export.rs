//! `GET /tenants/{tenant}/export`: the document of a tenant, which a plan takes.

use actix_web::{HttpResponse, http::header, web};
use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use crate::{
    domain::{Invalid, document::Document},
    http::{
        context::ReadContext,
        extract::{Query, Readers},
        instant::at_in_query,
        openapi::schemas,
        params::TenantPath,
        permission::Reader,
        problem::Problem,
        query::scope,
        state::ApiState,
    },
    service::Error,
};

/// The parameters of `GET …/export`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportIn {
    #[schemars(with = "Option<Format>")]
    format: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::PointInTime>")]
    at: Option<String>,
}

/// The format of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
enum Format {
    Yaml,
    Json,
}

impl TryFrom<String> for Format {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        match raw.as_str() {
            "yaml" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            _ => Err(Invalid::new("unknown_format", "must be yaml or json")),
        }
    }
}

fn text(document: &Document, format: Format) -> Result<(String, &'static str), Error> {
    let internal = |error: &dyn std::fmt::Display| Error::internal(error.to_string());
    Ok(match format {
        Format::Yaml => (
            traffic_manager_yaml::document(document).map_err(|error| internal(&error))?,
            "application/yaml",
        ),
        Format::Json => {
            let text = serde_json::to_string_pretty(document).map_err(|error| internal(&error))?;
            (format!("{text}\n"), "application/json")
        }
    })
}

/// `GET /tenants/{tenant}/export`
pub async fn export(
    _: Reader,
    state: web::Data<ApiState>,
    context: ReadContext,
    path: TenantPath,
    query: Query<ExportIn>,
    readers: Readers,
) -> Result<HttpResponse, Problem> {
    let TenantPath(tenant) = path;
    let ExportIn {
        format,
        service,
        env,
        at,
    } = query.0;
    let scope = scope(service, env)?;
    let format = format.map_or(Ok(Format::Yaml), Format::try_from);
    let format = format.map_err(|invalid| Problem::field("?format", invalid))?;
    let at = at.map(|raw| at_in_query("?at", &raw)).transpose()?;
    let freshness = context.freshness(None)?;
    let (document, tag) = state
        .plans
        .document(&tenant, scope, &freshness, at.as_ref())
        .await?;
    let (text, media_type) = readers
        .work(document.routes.len(), move || Ok(text(&document, format)?))
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, tag.to_etag()))
        .content_type(media_type)
        .body(text))
}
