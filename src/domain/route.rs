//! What a route is: its parts that people set ([`RouteSpec`]) and the record around them ([`Route`]).

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use super::{Invalid, ids::RouteName, plain_text, tag::Revision, time::UtcTime};

/// The longest URL, in bytes.
pub const MAX_URL: usize = 2048;
/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 1024;
/// The most labels of one route.
pub const MAX_LABELS: usize = 32;
/// The longest label value, in bytes.
pub const MAX_LABEL_VALUE: usize = 255;

/// An absolute http or https URL without credentials and fragment, at most [`MAX_URL`] bytes, kept as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct RouteUrl(String);

impl Serialize for RouteUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl RouteUrl {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RouteUrl {
    type Err = Invalid;
    fn from_str(raw: &str) -> Result<Self, Invalid> {
        if raw.is_empty() {
            return Err(Invalid::new("empty", "url may not be empty"));
        }
        plain_text(raw, MAX_URL, "url")?;
        let wrong = |detail: &str| Err(Invalid::new("not_a_url", detail));
        // The WHATWG parser repairs white space, backslashes and missing slashes; a proxy may not, so they are refused.
        if raw.chars().any(|c| c.is_whitespace() || c == '\\') {
            return wrong("url may not contain white space or backslashes");
        }
        let lower = raw.get(..8).unwrap_or(raw).to_ascii_lowercase();
        if !(lower.starts_with("http://") || lower.starts_with("https://")) {
            return wrong("url must start with http:// or https://");
        }
        let Ok(url) = Url::parse(raw) else {
            return wrong("url must be an absolute URL with a host");
        };
        if url.host_str().is_none_or(str::is_empty) {
            return wrong("url must name a host");
        }
        let authority = raw.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or("");
        if authority.is_empty() {
            return wrong("url must name a host");
        }
        if authority.contains('@') {
            return wrong("url may not carry credentials");
        }
        if raw.contains('#') {
            return wrong("url may not have a fragment");
        }
        Ok(Self(raw.to_owned()))
    }
}

impl TryFrom<String> for RouteUrl {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        raw.parse()
    }
}

impl fmt::Display for RouteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Free-form labels: at most [`MAX_LABELS`], keys `[A-Za-z0-9][A-Za-z0-9._/-]{0,62}`, values up to [`MAX_LABEL_VALUE`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Labels(BTreeMap<String, String>);

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Labels {
    /// The checked pairs, sorted by key.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Checks one pair; the error says which half is wrong.
    pub fn check(key: &str, value: &str) -> Result<(), Invalid> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-');
        let first = key.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if !first || key.len() > 63 || !key.bytes().all(inner) {
            return Err(Invalid::new("not_a_label_key", "a label key must match [A-Za-z0-9][A-Za-z0-9._/-]{0,62}"));
        }
        plain_text(value, MAX_LABEL_VALUE, "a label value")
    }
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = Invalid;
    fn try_from(raw: BTreeMap<String, String>) -> Result<Self, Invalid> {
        if raw.len() > MAX_LABELS {
            return Err(Invalid::new("too_many", format!("a route may have at most {MAX_LABELS} labels")));
        }
        raw.iter().try_for_each(|(key, value)| Self::check(key, value))?;
        Ok(Self(raw))
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

/// A sentence for people, at most [`MAX_DESCRIPTION`] bytes, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Description(String);

impl Serialize for Description {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Description {
    /// The checked text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Description {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        plain_text(&raw, MAX_DESCRIPTION, "description")?;
        Ok(Self(raw))
    }
}

/// What people set of a route; the `before` and `after` of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// For people.
    pub description: Option<Description>,
    /// Whether traffic may go there now.
    pub is_active: bool,
    /// Free-form labels.
    pub labels: Labels,
    /// Where traffic goes.
    pub url: RouteUrl,
}

/// A merge patch (RFC 7396) of a [`RouteSpec`]: absent keeps, `Some(None)` removes. Serialised, the two differ as they do in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct RoutePatch {
    /// A new URL.
    pub url: Option<RouteUrl>,
    /// A new state.
    pub is_active: Option<bool>,
    /// Labels to set (`Some`) or remove (`None`); the outer `Some(None)` removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Option<BTreeMap<String, Option<String>>>>,
    /// A new description, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<Description>>,
}

impl RoutePatch {
    /// The spec that this patch makes of `spec`. Fails only when the labels would become too many.
    pub fn apply(&self, spec: &RouteSpec) -> Result<RouteSpec, Invalid> {
        let labels = match &self.labels {
            None => spec.labels.clone(),
            Some(None) => Labels::default(),
            Some(Some(changes)) => {
                let mut labels: BTreeMap<String, String> = spec.labels.clone().into();
                for (key, value) in changes {
                    match value {
                        Some(value) => labels.insert(key.clone(), value.clone()),
                        None => labels.remove(key),
                    };
                }
                Labels::try_from(labels)?
            }
        };
        Ok(RouteSpec {
            url: self.url.clone().unwrap_or_else(|| spec.url.clone()),
            is_active: self.is_active.unwrap_or(spec.is_active),
            labels,
            description: self.description.clone().unwrap_or_else(|| spec.description.clone()),
        })
    }
}

/// A route as it stands: its spec, and when and by whom it came to be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Its name within the tenant.
    #[serde(flatten)]
    pub name: RouteName,
    /// What people set.
    #[serde(flatten)]
    pub spec: RouteSpec,
    /// The tenant's revision of its last change.
    pub revision: Revision,
    /// When it was created.
    pub created_at: UtcTime,
    /// By whom.
    pub created_by: String,
    /// When it last changed.
    pub updated_at: UtcTime,
    /// By whom.
    pub updated_by: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_absolute_http_without_credentials_or_fragment() {
        for good in ["http://a", "https://a.example:8443/x?y=z", "http://[::1]:80/", "HTTP://a/"] {
            assert_eq!(good.parse::<RouteUrl>().unwrap().as_str(), good);
        }
        let long = format!("http://a/{}", "x".repeat(MAX_URL));
        for bad in [
            "",
            "a",
            "/x",
            "ftp://a",
            "http:a",
            "http://",
            "http:///x",
            "http://u@a",
            "http://u:p@a",
            "http://@a/",
            "http://a#f",
            "http://a#",
            "http://a b",
            " http://a",
            "http://a\n",
            "http://a\\b",
            "http://a:99999",
            "javascript:x",
            &long,
        ] {
            assert!(bad.parse::<RouteUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels_have_keys_of_a_form_and_texts_with_a_length() {
        for key in ["a", "A.b_c/d-e", "0", &"k".repeat(63)] {
            assert_eq!(Labels::check(key, ""), Ok(()), "{key}");
        }
        for key in ["", ".a", "-a", "a b", "a=b", "ä", &"k".repeat(64)] {
            assert_eq!(Labels::check(key, "").map_err(|invalid| invalid.code), Err("not_a_label_key"), "{key}");
        }
        assert!(
            Labels::check("a", &"v".repeat(MAX_LABEL_VALUE)).is_ok()
                && Labels::check("a", &"v".repeat(MAX_LABEL_VALUE + 1)).is_err()
        );
        let many = |count: usize| (0..count).map(|n| (format!("k{n}"), String::new())).collect::<BTreeMap<_, _>>();
        assert!(Labels::try_from(many(MAX_LABELS)).is_ok() && Labels::try_from(many(MAX_LABELS + 1)).is_err());
        let longest = "d".repeat(MAX_DESCRIPTION);
        assert_eq!(Description::try_from(longest.clone()).unwrap().as_str(), longest);
        assert!(Description::try_from(longest + "d").is_err() && Description::try_from("a\tb".to_owned()).is_err());
        assert_eq!("http://a".parse::<RouteUrl>().unwrap().to_string(), "http://a");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_url_check_panic(raw in "\\PC{0,80}|https?://\\PC{0,80}") {
            if let Ok(url) = raw.parse::<RouteUrl>() {
                let parsed = Url::parse(url.as_str()).unwrap();
                prop_assert!(parsed.username().is_empty() && parsed.password().is_none() && parsed.fragment().is_none());
            }
        }

        #[test]
        fn a_merge_patch_agrees_with_rfc_7396(
            old in prop::collection::btree_map("[a-z]{1,3}", "[a-z]{0,3}", 0..5),
            new in prop::collection::btree_map("[a-z]{1,3}", prop::option::of("[a-z]{0,3}"), 0..5),
        ) {
            let spec = RouteSpec {
                url: "http://a".parse().unwrap(), is_active: true, labels: Labels::try_from(old.clone()).unwrap(), description: None,
            };
            let patch = RoutePatch { labels: Some(Some(new.clone())), ..RoutePatch::default() };
            let got = patch.apply(&spec).unwrap();
            let mut want = old;
            for (key, value) in new {
                match value { Some(value) => { want.insert(key, value); } None => { want.remove(&key); } }
            }
            prop_assert_eq!(got.labels.as_map(), &want);
        }
    }
}
