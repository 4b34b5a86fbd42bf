//! Changes of headers.

use traffic_manager_core::policy::HeaderEdits;

use super::messages::{AppendAction, HeaderValue, HeaderValueOption};
use crate::report::Findings;

/// Returns a header that replaces all of its name. The value is literal text; Envoy reads `%` as
/// the begin of a command.
pub(super) fn set(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: value.replace('%', "%%"),
        }),
        append_action: AppendAction::OverwriteIfExistsOrAdd.into(),
    }
}

/// Returns the headers that are set and those that are removed.
pub(super) fn of(edits: Option<&HeaderEdits>) -> (Vec<HeaderValueOption>, Vec<String>) {
    let Some(HeaderEdits {
        remove,
        set: values,
    }) = edits
    else {
        return (Vec::new(), Vec::new());
    };
    let values = values
        .iter()
        .map(|(name, value)| set(name.as_str(), value.as_str()));
    let removed = remove.iter().map(|name| name.as_str().to_owned());
    (values.collect(), removed.collect())
}

/// Notes the changes that must not be made: a wrong `Content-Length` lets a client put a second
/// request into the body of its first.
pub(super) fn check(edits: Option<&HeaderEdits>, findings: &mut Findings) {
    let Some(HeaderEdits { remove, set }) = edits else {
        return;
    };
    if remove
        .iter()
        .chain(set.keys())
        .any(|name| name.as_str() == "content-length")
    {
        findings.refuse(
            "The policy changes the header content-length, which frames the message's body.",
        );
    }
}
