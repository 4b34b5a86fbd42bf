//! Routes: the part that people set ([`RouteSpec`]) and the record around it ([`Route`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use super::url::{MAX_URL, RouteUrl};
use super::{Invalid, ids::RouteName, plain_text, tag::Revision, time::UtcTime};

/// The longest description, in bytes.
pub const MAX_DESCRIPTION: usize = 1024;
/// The most labels of one route.
pub const MAX_LABELS: usize = 32;
/// The longest label value, in bytes.
pub const MAX_LABEL_VALUE: usize = 255;

/// Free-form labels: at most [`MAX_LABELS`], keys `[A-Za-z0-9][A-Za-z0-9._/-]{0,62}`, values up to
/// [`MAX_LABEL_VALUE`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(BTreeMap<String, String>);

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Reads stored labels. [`super::given`] reads the labels that a caller sends.
impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::stored)
    }
}

impl Labels {
    /// The pairs, sorted by key.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Takes stored labels unchecked: they were checked by the rules of their time.
    pub fn stored(raw: BTreeMap<String, String>) -> Self {
        Self(raw)
    }

    fn counted(raw: BTreeMap<String, String>) -> Result<Self, Invalid> {
        if raw.len() > MAX_LABELS {
            return Err(Invalid::new(
                "too_many",
                format!("a route may have at most {MAX_LABELS} labels"),
            ));
        }
        Ok(Self(raw))
    }

    /// Checks a pair; the error names the wrong half.
    pub fn check(key: &str, value: &str) -> Result<(), Invalid> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'/' | b'-');
        let first = key
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        if !first || key.len() > 63 || !key.bytes().all(inner) {
            return Err(Invalid::new(
                "not_a_label_key",
                "a label key must match [A-Za-z0-9][A-Za-z0-9._/-]{0,62}",
            ));
        }
        plain_text(value, MAX_LABEL_VALUE, "a label value")
    }
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = Invalid;
    fn try_from(raw: BTreeMap<String, String>) -> Result<Self, Invalid> {
        let labels = Self::counted(raw)?;
        labels
            .0
            .iter()
            .try_for_each(|(key, value)| Self::check(key, value))?;
        Ok(labels)
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

/// A sentence for people, at most [`MAX_DESCRIPTION`] bytes, without control and invisible
/// characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

/// Reads a stored description. [`super::given`] reads the description that a caller sends.
impl<'de> Deserialize<'de> for Description {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::stored)
    }
}

impl Serialize for Description {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Description {
    /// The description as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes a stored description unchecked: it was checked by the rules of its time.
    pub fn stored(raw: String) -> Self {
        Self(raw)
    }
}

impl TryFrom<String> for Description {
    type Error = Invalid;
    fn try_from(raw: String) -> Result<Self, Invalid> {
        plain_text(&raw, MAX_DESCRIPTION, "description")?;
        Ok(Self(raw))
    }
}

/// The part of a route that people set; the `before` and `after` of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// A description for people.
    pub description: Option<Description>,
    /// Whether traffic may go to the route now.
    pub is_active: bool,
    /// Free-form labels of the route.
    pub labels: Labels,
    /// The target of the route's traffic.
    pub url: RouteUrl,
}

/// A merge patch (RFC 7396) of a [`RouteSpec`]: absent keeps, `Some(None)` removes. Serialised, the
/// two differ as they do in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct RoutePatch {
    /// A new URL; `None` keeps the present one.
    pub url: Option<RouteUrl>,
    /// A new state; `None` keeps the present one.
    pub is_active: Option<bool>,
    /// Labels to set (`Some`) or remove (`None`); the outer `Some(None)` removes all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Option<BTreeMap<String, Option<String>>>>,
    /// A new description; `Some(None)` removes the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<Description>>,
}

impl RoutePatch {
    /// Applies the patch to `spec`. Fails only if the result would have too many labels.
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
                // The new labels were checked when the patch was read; the kept labels were stored
                // before.
                Labels::counted(labels)?
            }
        };
        Ok(RouteSpec {
            url: self.url.clone().unwrap_or_else(|| spec.url.clone()),
            is_active: self.is_active.unwrap_or(spec.is_active),
            labels,
            description: self
                .description
                .clone()
                .unwrap_or_else(|| spec.description.clone()),
        })
    }
}

/// A route with its spec, and the times and actors of its creation and last change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The route's name within the tenant.
    #[serde(flatten)]
    pub name: RouteName,
    /// The part that people set.
    #[serde(flatten)]
    pub spec: RouteSpec,
    /// The tenant's revision of the route's last change.
    pub revision: Revision,
    /// The time when the route was created.
    pub created_at: UtcTime,
    /// The id of the actor that created the route.
    pub created_by: String,
    /// The time of the last change.
    pub updated_at: UtcTime,
    /// The id of the actor that made the last change.
    pub updated_by: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn label_keys_have_a_syntax_and_values_a_maximum_length() {
        for key in ["a", "A.b_c/d-e", "0", &"k".repeat(63)] {
            assert_eq!(Labels::check(key, ""), Ok(()), "{key}");
        }
        for key in ["", ".a", "-a", "a b", "a=b", "ä", &"k".repeat(64)] {
            assert_eq!(
                Labels::check(key, "").map_err(|invalid| invalid.code),
                Err("not_a_label_key"),
                "{key}"
            );
        }
        assert!(
            Labels::check("a", &"v".repeat(MAX_LABEL_VALUE)).is_ok()
                && Labels::check("a", &"v".repeat(MAX_LABEL_VALUE + 1)).is_err()
        );
        let many = |count: usize| {
            (0..count)
                .map(|n| (format!("k{n}"), String::new()))
                .collect::<BTreeMap<_, _>>()
        };
        assert!(
            Labels::try_from(many(MAX_LABELS)).is_ok()
                && Labels::try_from(many(MAX_LABELS + 1)).is_err()
        );
        let longest = "d".repeat(MAX_DESCRIPTION);
        assert_eq!(
            Description::try_from(longest.clone()).unwrap().as_str(),
            longest
        );
        assert!(
            Description::try_from(longest + "d").is_err()
                && Description::try_from("a\tb".to_owned()).is_err()
        );
    }

    #[test]
    fn older_stored_route_is_readable_and_kept_by_a_patch() {
        let stored = r#"{"description":"a\u202eb","is_active":true,"labels":{"k":"\u200b"},"url":"http://a.example/%zz"}"#;
        let spec: RouteSpec = serde_json::from_str(stored).unwrap();
        assert_eq!(spec.url.as_str(), "http://a.example/%zz");
        let labels = Some(Some(BTreeMap::from([(
            "n".to_owned(),
            Some("1".to_owned()),
        )])));
        let patched = RoutePatch {
            is_active: Some(false),
            labels,
            ..RoutePatch::default()
        }
        .apply(&spec)
        .unwrap();
        assert_eq!(
            (
                &patched.url,
                &patched.description,
                patched.labels.as_map().len()
            ),
            (&spec.url, &spec.description, 2)
        );
    }

    proptest! {
        #[test]
        fn labels_patch_agrees_with_rfc_7396(
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
