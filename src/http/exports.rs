//! `GET /audit/export`: streams all events that match a filter.
//!
//! The body has no length. It ends properly only after the last event. On any error before that,
//! the connection is cut, so that no client takes a part for the whole. The head is sent after the
//! archive has answered once.

mod operations;

use actix_web::{
    HttpResponse,
    http::header::{self, ContentDisposition, DispositionParam, DispositionType},
    web,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use validator::Validate;

use super::{
    endpoint::Endpoint,
    event_filter::{Filtered, Narrowed},
    extract::{Fields, Query},
    openapi::schemas,
    permission::AuditReader,
    problem::Problem,
    respond,
    state::ApiState,
};
use crate::{
    domain::{Invalid, filter::EventFilter},
    service::exports::{ArchivedEvent, Export},
};

/// The endpoint of exports.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/audit/export", export, operations::export)
            .without_head()
            .sensitive(),
    ]
}

/// Characters that a spreadsheet treats as the beginning of a formula (OWASP ASVS 1.2.10), also in
/// the widths of East Asian keyboards.
const FORMULAS: [char; 15] = [
    '=', '+', '-', '@', '\t', '\r', '\0', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫',
];

/// Characters after which a cell may begin for a spreadsheet that does not separate cells by
/// commas.
const SEPARATORS: [char; 5] = [';', ',', '\t', '\n', '\r'];

/// The columns of CSV, each with its JSON pointer into an archived event. A missing value becomes
/// an empty cell.
const COLUMNS: [(&str, &str); 24] = [
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
    ("changed_by_kind", "/event/actor/kind"),
];

/// The error of a body that has begun.
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
    #[schemars(with = "Option<schemas::EventAction>")]
    action: Option<String>,
    #[schemars(with = "Option<schemas::ActorId>")]
    actor: Option<String>,
    #[schemars(with = "Option<schemas::TimestampIn>")]
    from: Option<String>,
    #[schemars(with = "Option<schemas::TimestampIn>")]
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

    /// Returns the bytes before the first event: the header line of CSV.
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
                let rows = events
                    .iter()
                    .map(|event| Ok(cells(&serde_json::to_value(event)?)));
                Ok(csv_lines(
                    rows.collect::<Result<Vec<_>, serde_json::Error>>()?,
                )?)
            }
        }
    }
}

/// `GET /audit/export`
pub async fn export(
    caller: AuditReader,
    state: web::Data<ApiState>,
    query: Query<ExportIn>,
) -> Result<HttpResponse, Problem> {
    let ExportIn {
        tenant,
        service,
        env,
        version,
        action,
        actor,
        from,
        to,
        format,
    } = query.0;
    let mut fields = Fields::default();
    let format = fields
        .optional::<Format>("?format", format)
        .unwrap_or(Format::Ndjson);
    let route = Narrowed {
        tenant,
        service,
        env,
        version,
    };
    let filter = Filtered {
        route,
        action,
        actor,
        from,
        to,
    }
    .parse(&mut fields);
    let filter = fields.finish(Some(filter))?;
    let disposition = disposition(&filter, format);
    let export = state
        .exports
        .open(caller.grant.tenant_scope(), filter)
        .await?;
    Ok(HttpResponse::Ok()
        .content_type(format.content_type())
        .insert_header(disposition)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(Box::pin(body(export, format, state, caller))))
}

/// Suggests a file name with the tenant, if the filter has one, and the time of the request.
fn disposition(filter: &EventFilter, format: Format) -> ContentDisposition {
    let tenant = filter
        .tenant
        .as_ref()
        .map(|tenant| format!("-{tenant}"))
        .unwrap_or_default();
    let extension = match format {
        Format::Ndjson => "ndjson",
        Format::Csv => "csv",
    };
    let name = format!(
        "audit{tenant}-{}.{extension}",
        Timestamp::now().strftime("%Y%m%dT%H%M%SZ")
    );
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(name)],
    }
}

/// The error of an export whose caller's credentials have ended.
#[derive(Debug, thiserror::Error)]
#[error("the credentials are no longer valid")]
struct CallerEnded;

/// Streams the body. No chunk is empty, because an empty chunk would end the body. Each chunk is
/// serialised on a worker thread, where it delays no other request. If the caller's credentials end
/// before the body does, the connection is cut.
fn body(
    export: Export,
    format: Format,
    state: web::Data<ApiState>,
    caller: AuditReader,
) -> impl futures_util::Stream<Item = Result<Bytes, BodyError>> {
    let beginning = stream::iter(format.beginning().map_err(BodyError::from).transpose());
    let events = stream::try_unfold(
        (export, state, caller),
        move |(mut export, state, caller)| async move {
            let next = state.callers.while_good(&caller, export.next()).await;
            let Some(events) = next.ok_or(CallerEnded)?? else {
                return Ok(None);
            };
            let write = move || format.events(&events).map_err(|error| error.to_string());
            let written = export
                .payer()
                .clone()
                .scope(state.workers.run(write))
                .await?;
            Ok(Some((written?, (export, state, caller))))
        },
    );
    beginning.chain(events)
}

/// Writes NDJSON: one JSON object per line.
fn json_lines(events: &[impl Serialize]) -> Result<Bytes, serde_json::Error> {
    let mut lines = Vec::new();
    for event in events {
        lines.extend_from_slice(&respond::one_line(serde_json::to_vec(event)?.into()));
        lines.push(b'\n');
    }
    Ok(lines.into())
}

/// Writes CSV as in RFC 4180.
fn csv_lines<R: IntoIterator<Item: AsRef<[u8]>>>(
    rows: impl IntoIterator<Item = R>,
) -> Result<Bytes, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    writer
        .into_inner()
        .map(Bytes::from)
        .map_err(|error| error.into_error().into())
}

fn cells(event: &Value) -> [String; COLUMNS.len()] {
    COLUMNS.map(|(_, pointer)| match event.pointer(pointer) {
        Some(Value::String(text)) => harmless(text),
        None | Some(Value::Null) => String::new(),
        Some(other) => harmless(&other.to_string()),
    })
}

/// Returns the cell with an apostrophe before everything that a spreadsheet could read as a
/// formula: at the beginning of the cell, and after each character that another spreadsheet treats
/// as the end of a cell. Quotes around the cell do not help there.
fn harmless(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len() + 1);
    let mut begins = true;
    for (at, c) in cell.char_indices() {
        if begins {
            let visible = cell[at..].chars().find(|c| !is_passed_over(*c));
            if visible.is_some_and(|c| FORMULAS.contains(&c)) {
                text.push('\'');
            }
        }
        text.push(c);
        begins = SEPARATORS.contains(&c);
    }
    text
}

/// Returns whether a spreadsheet may skip the character at the beginning of a cell: white space,
/// byte order marks, characters of zero width, and quotes.
fn is_passed_over(c: char) -> bool {
    let is_blank = c.is_whitespace() && !matches!(c, '\t' | '\r');
    let is_unseen = matches!(u32::from(c), 0x00ad | 0x034f | 0x061c | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff);
    is_blank || is_unseen || c == '"' || c == '\''
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prop_assert, prop_assert_eq};
    use serde_json::json;

    use super::*;

    /// Returns whether a spreadsheet that separates cells by `separator` finds a formula in the CSV
    /// text. Quotes are ignored.
    fn has_formula(line: &str, separator: char) -> bool {
        let cells = line.split([separator, '\n', '\r']);
        let first = |cell: &str| {
            cell.chars()
                .find(|c| !c.is_whitespace() && !"\u{200b}\u{feff}\u{2060}\"".contains(*c))
        };
        cells
            .into_iter()
            .any(|cell| first(cell).is_some_and(|c| "=+-@＝＋－＠".contains(c)))
    }

    proptest::proptest! {
        #[test]
        fn random_csv_cells_are_never_formulas_with_any_separator(
            rows in vec(proptest::array::uniform4("[=+@\t\r\n\0\"',; a＝\u{200b}\u{feff}-]{0,6}|\\PC{0,12}|[=+@-]\\PC{0,6}"), 1..8),
        ) {
            // Each text of an event goes into the column of the same name.
            let names = ["reason", "changed_by", "url", "source_ip"];
            let events: Vec<Value> = rows.iter().map(|texts| names.into_iter().zip(texts).map(|(n, t)| (n.to_owned(), json!(t))).collect()).collect();
            let header = csv_lines([COLUMNS.map(|(name, _)| name)]).unwrap();
            let bytes = [header, csv_lines(events.iter().map(cells)).unwrap()].concat();
            let text = std::str::from_utf8(&bytes).unwrap();
            for separator in [',', ';', '\t'] {
                prop_assert!(!has_formula(text, separator), "{separator:?}: {text:?}");
            }
            let mut reader = csv::Reader::from_reader(bytes.as_slice());
            let header = reader.headers().unwrap().clone();
            prop_assert_eq!(header.len(), COLUMNS.len());
            let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(records.len(), rows.len());
            for (record, texts) in records.iter().zip(&rows) {
                for (name, cell) in header.iter().zip(record) {
                    let sent = names.iter().position(|known| *known == name).map_or("", |at| texts[at].as_str());
                    prop_assert_eq!(cell, harmless(sent));
                    prop_assert_eq!(cell.replace('\'', ""), sent.replace('\'', ""), "only apostrophes are added");
                }
            }
        }
    }

    #[test]
    fn csv_text_without_a_formula_stays_unchanged() {
        for text in [
            "",
            "a=b",
            "a-b; c",
            "2026-11-21T05:48:00Z",
            "http://a/?b=c&d=-1",
            "it's",
            "a, b",
            "“=”",
        ] {
            assert_eq!(harmless(text), text);
        }
        for (text, cell) in [
            ("\u{feff}=1", "'\u{feff}=1"),
            ("＝1", "'＝1"),
            (" \u{200b}@a", "' \u{200b}@a"),
            ("a;=1;-2", "a;'=1;'-2"),
            ("a\n+1", "a\n'+1"),
        ] {
            assert_eq!(harmless(text), cell);
        }
    }

    #[test]
    fn json_line_has_no_line_break_for_any_reader() {
        let events = [
            json!({"reason": "a\u{2028}b\u{2029}c\u{85}d\n\u{b}\u{c}\u{1c}e"}),
            json!({"reason": "é"}),
        ];
        let lines = String::from_utf8(json_lines(&events).unwrap().to_vec()).unwrap();
        let breaks = |c: char| "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}".contains(c);
        let read: Vec<Value> = lines
            .trim_end()
            .split(breaks)
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(read, events);
    }

    #[test]
    fn csv_line_ends_and_quotes_follow_rfc_4180() {
        let event = json!({
            "tenant": "acme", "route": { "service": "a,b" }, "reason": "say \"so\"", "revision": -7, "url": null,
            "event": { "actor": { "kind": "key" } },
        });
        let line = csv_lines([cells(&event)]).unwrap();
        assert_eq!(
            line,
            ",acme,\"a,b\",,,,,\"say \"\"so\"\"\",,,,,,'-7,,,,,,,,,,key\r\n"
        );
    }
}
