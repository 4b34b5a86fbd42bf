//! The members of an archived document that repeat its event. Auditors search by them, and the hash
//! does not cover them.

use serde_json::{Value, json};

/// The beginning of personal data in an envelope.
const SEALED: &str = "enc:v1:";

/// The members that the API opens for readers where the event has an envelope.
const OPENED: [&str; 3] = ["changed_by", "reason", "source_ip"];

/// Returns the first member of a document that says something else than its event.
pub fn fault(event: &Value, document: &Value) -> Option<&'static str> {
    let is_other = |(name, value): &(&'static str, Value)| {
        let said = document.get(*name);
        let is_other = said.is_some_and(|said| match *name {
            "event_type" => without_version(said) != value.as_str(),
            _ => said != value,
        });
        is_other && !is_opened(name, value, document)
    };
    repeated(event)
        .into_iter()
        .find(is_other)
        .map(|(name, _)| name)
}

/// Returns an event's type without `.v` and the version of its shape, which the event itself does not have.
fn without_version(said: &Value) -> Option<&str> {
    let (kind, version) = said.as_str()?.rsplit_once(".v")?;
    let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !version.is_empty() && !version.starts_with('0')).then_some(kind)
}

/// Returns what a document repeats of its event, by the document's names.
fn repeated(event: &Value) -> Vec<(&'static str, Value)> {
    let of = |path: &str| event.pointer(path).cloned().unwrap_or_default();
    let state = |path: &str| match of(path) {
        Value::Bool(true) => json!("active"),
        Value::Bool(false) => json!("inactive"),
        _ => Value::Null,
    };
    let action = of("/action");
    let kind = format!(
        "trafficmanager.route.{}",
        action.as_str().unwrap_or_default()
    );
    let mut members = vec![
        ("_id", of("/id")),
        ("event_id", of("/id")),
        ("event_type", kind.into()),
        ("action", action),
        ("route", subject(event)),
        ("url", of("/after/url")),
        ("previous_url", of("/before/url")),
        ("state", state("/after/is_active")),
        ("previous_state", state("/before/is_active")),
        ("changed_by", of("/actor/id")),
        ("correlation_id", of("/request_id")),
    ];
    let same = [
        ("tenant", "/tenant"),
        ("epoch", "/epoch"),
        ("revision", "/revision"),
        ("item", "/item"),
        ("reason", "/reason"),
        ("source_ip", "/source_ip"),
        ("trace_id", "/trace_id"),
        ("occurred_at", "/occurred_at"),
        ("prev_hash", "/prev_hash"),
        ("hash", "/hash"),
    ];
    members.extend(same.map(|(name, path)| (name, of(path))));
    members
}

/// Returns what the event is about: a route; a policy, which has no version; or only the tenant.
fn subject(event: &Value) -> Value {
    let mut subject = json!({ "tenant": event["tenant"] });
    let object = event.get("route").filter(|route| route.is_object());
    let object = object
        .or_else(|| event.get("policy"))
        .and_then(Value::as_object);
    if let (Some(subject), Some(object)) = (subject.as_object_mut(), object) {
        subject.extend(object.clone());
    }
    subject
}

/// Returns whether an answer shows opened what its event has in an envelope. The archive itself,
/// whose documents have `_id`, never does.
fn is_opened(name: &str, value: &Value, document: &Value) -> bool {
    let is_sealed = value.as_str().is_some_and(|text| text.starts_with(SEALED));
    OPENED.contains(&name) && is_sealed && document.get("_id").is_none()
}
