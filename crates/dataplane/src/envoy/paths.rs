//! The path that a version gets.

use traffic_manager_core::policy::{PathPrefix, Rewrite};

/// Returns the `path_rewrite` for requests that came by a prefix to versions with these base paths;
/// empty if the path stays as it is. It is a format; Envoy keeps the query.
///
/// The base path is read from the metadata of the cluster that was chosen, so that versions with
/// different ones can share one split. Only CEL can cut a prefix off.
pub(super) fn rewrite<'a>(
    rewrite: Option<&Rewrite>,
    came_by: &PathPrefix,
    mut bases: impl Iterator<Item = &'a str> + Clone,
) -> String {
    const BASE: &str = "%CLUSTER_METADATA(tm:base)%";
    let put = rewrite
        .and_then(|rewrite| rewrite.prefix.as_ref())
        .map_or("", |prefix| prefix.as_str().trim_end_matches('/'));
    let strips = rewrite.is_some_and(|rewrite| rewrite.strip_prefix) && came_by.as_str() != "/";
    if !strips {
        return if put.is_empty() && bases.all(str::is_empty) {
            String::new()
        } else {
            format!("{BASE}{put}%PATH(NQ)%")
        };
    }
    let rest = format!(
        r"re.extract(request.url_path, '^{}(/.*)?$', '\\1')",
        in_pattern(came_by.as_str())
    );
    if put.is_empty() && bases.any(str::is_empty) {
        let exact = in_text(came_by.as_str());
        return format!(
            "{BASE}%CEL(request.url_path == '{exact}' && \
             xds.cluster_metadata.filter_metadata['tm']['base'] == '' ? '/' : {rest})%"
        );
    }
    format!("{BASE}{put}%CEL({rest})%")
}

/// Returns a text for a CEL literal between single quotes. Everything but letters, digits, `_` and
/// `/` is a number, so that no character means anything to CEL or to the format around it.
fn in_text(text: &str) -> String {
    escaped(text, r"\x")
}

/// The same for a literal that is an RE2 pattern.
fn in_pattern(text: &str) -> String {
    escaped(text, r"\\x")
}

fn escaped(text: &str, before: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '/') {
            escaped.push(c);
        } else {
            // Prefixes are ASCII: two digits.
            escaped.push_str(&format!("{before}{:02x}", u32::from(c)));
        }
    }
    escaped
}
