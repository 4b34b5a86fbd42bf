//! `GET /audit/export`: everything that matches, sent as it is read.
//!
//! The body has no length. It ends properly only after the last event: when anything goes wrong before that, the connection is cut, so
//! that no client takes a part for the whole. The head comes after the archive has answered once.

mod operations;

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::header::{self, ContentDisposition, DispositionParam, DispositionType},
    web,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use validator::Validate;

pub use self::operations::operation;
use super::{
    ApiState,
    audit::{Filtered, Narrowed},
    extract::{Fields, Query},
    openapi::schemas,
    problem::Problem,
};
use crate::{
    auth::Caller,
    domain::{Invalid, filter::EventFilter},
    resilience::Workers,
    service::exports::{ArchivedEvent, Export},
};

/// What a cell of CSV must not begin with, or a spreadsheet takes it for a formula (OWASP ASVS 1.2.10).
const FORMULAS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\0'];

/// The columns of CSV, and where each stands in an archived event. What is not there is an empty cell.
const COLUMNS: [(&str, &str); 23] = [
    ("occurred_at", "/occurred_at"),
    ("tenant", "/tenant"),
    ("service", "/route/service"),
    ("env", "/route/env"),
    ("version", "/route/version"),
    ("action", "/action"),
    ("changed_by", "/changed_by"),
    ("reason", "/reason"),
    ("url", "/url"),
    ("previous_url", "/previous_url"),
    ("state", "/state"),
    ("previous_state", "/previous_state"),
    ("epoch", "/epoch"),
    ("revision", "/revision"),
    ("item", "/item"),
    ("event_id", "/event_id"),
    ("event_type", "/event_type"),
    ("source_ip", "/source_ip"),
    ("correlation_id", "/correlation_id"),
    ("trace_id", "/trace_id"),
    ("processed_at", "/processed_at"),
    ("prev_hash", "/prev_hash"),
    ("hash", "/hash"),
];

/// What a body that has begun can fail with.
type BodyError = Box<dyn std::error::Error>;

/// The parameters of `GET /audit/export`.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportIn {
    #[schemars(with = "Option<schemas::TenantName>")]
    tenant: Option<String>,
    #[schemars(with = "Option<schemas::ServiceName>")]
    service: Option<String>,
    #[schemars(with = "Option<schemas::EnvName>")]
    env: Option<String>,
    #[schemars(with = "Option<schemas::VersionName>")]
    version: Option<String>,
    #[schemars(with = "Option<schemas::AnyAction>")]
    action: Option<String>,
    #[schemars(with = "Option<schemas::ActorId>")]
    actor: Option<String>,
    #[schemars(with = "Option<schemas::TimeIn>")]
    from: Option<String>,
    #[schemars(with = "Option<schemas::TimeIn>")]
    to: Option<String>,
    #[schemars(with = "Option<Format>")]
    format: Option<String>,
}

/// `?format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "snake_case", inline)]
enum Format {
    Ndjson,
    Csv,
}

impl TryFrom<String> for Format {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        match raw.as_str() {
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            _ => Err(Invalid::new("unknown_format", "must be ndjson or csv")),
        }
    }
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    /// What comes before the first event.
    fn beginning(self) -> Result<Option<Bytes>, csv::Error> {
        match self {
            Self::Ndjson => Ok(None),
            Self::Csv => csv_lines([COLUMNS.map(|(name, _)| name)]).map(Some),
        }
    }

    fn events(self, events: &[ArchivedEvent]) -> Result<Bytes, BodyError> {
        match self {
            Self::Ndjson => Ok(json_lines(events)?),
            Self::Csv => {
                let rows = events.iter().map(|event| Ok(cells(&serde_json::to_value(event)?)));
                Ok(csv_lines(rows.collect::<Result<Vec<_>, serde_json::Error>>()?)?)
            }
        }
    }
}

/// `GET /audit/export`
pub async fn export(state: web::Data<ApiState>, caller: Caller, query: Query<ExportIn>) -> Result<HttpResponse, Problem> {
    let ExportIn { tenant, service, env, version, action, actor, from, to, format } = query.0;
    let mut fields = Fields::default();
    let format = fields.optional::<Format>("?format", format).unwrap_or(Format::Ndjson);
    let route = Narrowed { tenant, service, env, version };
    let filter = Filtered { route, action, actor, from, to }.parse(&mut fields);
    let filter = fields.finish(Some(filter))?;
    let disposition = disposition(&filter, format);
    let export = state.exports.open(caller.grant.reach(), filter).await?;
    Ok(HttpResponse::Ok()
        .content_type(format.content_type())
        .insert_header(disposition)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(Box::pin(body(export, format, state.workers.clone()))))
}

/// Suggests a name for the file: whose events, and when they were asked for.
fn disposition(filter: &EventFilter, format: Format) -> ContentDisposition {
    let tenant = filter.tenant.as_ref().map(|tenant| format!("-{tenant}")).unwrap_or_default();
    let extension = match format {
        Format::Ndjson => "ndjson",
        Format::Csv => "csv",
    };
    let name = format!("audit{tenant}-{}.{extension}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ"));
    ContentDisposition { disposition: DispositionType::Attachment, parameters: vec![DispositionParam::Filename(name)] }
}

/// The body. No chunk of it is empty: that would end it. Each is written where that holds up no other request.
fn body(export: Export, format: Format, workers: Arc<Workers>) -> impl futures_util::Stream<Item = Result<Bytes, BodyError>> {
    let beginning = stream::iter(format.beginning().map_err(BodyError::from).transpose());
    let events = stream::try_unfold((export, workers), move |(mut export, workers)| async move {
        let Some(events) = export.next().await? else { return Ok(None) };
        let write = move || format.events(&events).map_err(|error| error.to_string());
        let written = export.payer().clone().scope(workers.run(write)).await?;
        Ok(Some((written?, (export, workers))))
    });
    beginning.chain(events)
}

/// NDJSON: a JSON object a line.
fn json_lines(events: &[ArchivedEvent]) -> Result<Bytes, serde_json::Error> {
    let mut lines = Vec::new();
    for event in events {
        serde_json::to_writer(&mut lines, event)?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}

/// CSV as in RFC 4180.
fn csv_lines<R: IntoIterator<Item: AsRef<[u8]>>>(rows: impl IntoIterator<Item = R>) -> Result<Bytes, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map(Bytes::from).map_err(|error| error.into_error().into())
}

fn cells(event: &Value) -> [String; COLUMNS.len()] {
    COLUMNS.map(|(_, pointer)| match event.pointer(pointer) {
        Some(Value::String(text)) => harmless(text),
        None | Some(Value::Null) => String::new(),
        Some(other) => harmless(&other.to_string()),
    })
}

fn harmless(cell: &str) -> String {
    let quote = if cell.starts_with(FORMULAS) { "'" } else { "" };
    format!("{quote}{cell}")
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prop_assert, prop_assert_eq};
    use serde_json::json;

    use super::*;

    proptest::proptest! {
        #[test]
        fn random_cells_come_back_from_csv_and_none_is_a_formula(
            rows in vec(proptest::array::uniform4("[=+@\t\r\n\0\"',; a-]{0,6}|\\PC{0,12}|[=+@-]\\PC{0,6}"), 1..8),
        ) {
            // What an event's texts become, in the columns of the same names.
            let names = ["reason", "changed_by", "url", "source_ip"];
            let events: Vec<Value> = rows.iter().map(|texts| names.into_iter().zip(texts).map(|(n, t)| (n.to_owned(), json!(t))).collect()).collect();
            let header = csv_lines([COLUMNS.map(|(name, _)| name)]).unwrap();
            let bytes = [header, csv_lines(events.iter().map(cells)).unwrap()].concat();
            let mut reader = csv::Reader::from_reader(bytes.as_slice());
            let header = reader.headers().unwrap().clone();
            prop_assert_eq!(header.len(), COLUMNS.len());
            let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(records.len(), rows.len());
            for (record, texts) in records.iter().zip(&rows) {
                for (name, cell) in header.iter().zip(record) {
                    prop_assert!(!cell.starts_with(FORMULAS), "{name}: {cell:?}");
                    let sent = names.iter().position(|known| *known == name).map_or("", |at| texts[at].as_str());
                    let read = if sent.starts_with(FORMULAS) { cell.strip_prefix('\'').unwrap() } else { cell };
                    prop_assert_eq!(read, sent);
                }
            }
        }
    }

    #[test]
    fn lines_end_and_cells_are_quoted_as_rfc_4180_says() {
        let event =
            json!({ "tenant": "acme", "route": { "service": "a,b" }, "reason": "say \"so\"", "revision": -7, "url": null });
        let line = csv_lines([cells(&event)]).unwrap();
        assert_eq!(line, ",acme,\"a,b\",,,,,\"say \"\"so\"\"\",,,,,,'-7,,,,,,,,,\r\n");
    }
}
