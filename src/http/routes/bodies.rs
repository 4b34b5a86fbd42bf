//! The bodies of requests about routes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    domain::{
        Invalid,
        route::{Description, Labels, RoutePatch, RouteSpec, RouteUrl},
    },
    http::{
        extract::Fields,
        openapi::schemas,
        respond::double_option,
        returned::{self, Returnable},
    },
};

/// The body of `PUT`: a route without its name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RouteSpecIn", transform = returned::describe_returned::<SpecIn>)]
pub struct SpecIn {
    #[schemars(with = "schemas::RouteUrl")]
    pub url: Option<String>,
    pub is_active: Option<bool>,
    #[schemars(with = "Option<schemas::Labels>")]
    pub labels: Option<BTreeMap<String, String>>,
    #[schemars(with = "Option<schemas::RouteDescription>")]
    pub description: Option<String>,
}

impl Returnable for SpecIn {
    const READ_ONLY: &'static [&'static str] = returned::OF_OBJECT;
    const IN_PATH: &'static [&'static str] = &["tenant", "service", "env", "version"];
}

impl SpecIn {
    /// Parses the members, and records each error.
    pub fn parse(self, fields: &mut Fields) -> Option<RouteSpec> {
        let Self {
            url,
            is_active,
            labels,
            description,
        } = self;
        let url = fields.required::<RouteUrl>("/url", url);
        let labels = parse_labels(fields, labels.unwrap_or_default());
        let description = match description {
            Some(raw) => fields
                .check("/description", Description::try_from(raw))
                .map(Some),
            None => Some(None),
        };
        Some(RouteSpec {
            url: url?,
            is_active: is_active.unwrap_or(true),
            labels: labels?,
            description: description?,
        })
    }
}

fn parse_labels(fields: &mut Fields, raw: BTreeMap<String, String>) -> Option<Labels> {
    let mut good = true;
    for (key, value) in &raw {
        let pointer = format!("/labels/{}", key.replace('~', "~0").replace('/', "~1"));
        good &= fields.check(&pointer, Labels::check(key, value)).is_some();
    }
    if good {
        fields.check("/labels", Labels::try_from(raw))
    } else {
        None
    }
}

/// The body of `POST /routes`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = returned::describe_returned::<RouteIn>)]
pub struct RouteIn {
    #[schemars(with = "schemas::TenantName")]
    pub tenant: Option<String>,
    #[schemars(with = "schemas::ServiceName")]
    pub service: Option<String>,
    #[schemars(with = "schemas::EnvName")]
    pub env: Option<String>,
    #[schemars(with = "schemas::VersionName")]
    pub version: Option<String>,
    #[schemars(with = "schemas::RouteUrl")]
    pub url: Option<String>,
    pub is_active: Option<bool>,
    #[schemars(with = "Option<schemas::Labels>")]
    pub labels: Option<BTreeMap<String, String>>,
    #[schemars(with = "Option<schemas::RouteDescription>")]
    pub description: Option<String>,
}

impl Returnable for RouteIn {
    const READ_ONLY: &'static [&'static str] = returned::OF_OBJECT;
}

/// The four names of a route in a body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RouteKeyIn")]
pub struct KeyIn {
    #[schemars(with = "schemas::TenantName")]
    pub tenant: Option<String>,
    #[schemars(with = "schemas::ServiceName")]
    pub service: Option<String>,
    #[schemars(with = "schemas::EnvName")]
    pub env: Option<String>,
    #[schemars(with = "schemas::VersionName")]
    pub version: Option<String>,
}

/// The body of `PATCH`: a merge patch, in which a member that is `null` is removed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RoutePatchIn")]
pub struct PatchIn {
    #[serde(default, deserialize_with = "double_option")]
    #[schemars(with = "schemas::RouteUrl")]
    pub url: Option<Option<String>>,
    #[serde(default, deserialize_with = "double_option")]
    #[schemars(with = "bool")]
    pub is_active: Option<Option<bool>>,
    #[serde(default, deserialize_with = "double_option")]
    #[schemars(with = "Option<schemas::LabelsPatchIn>")]
    pub labels: Option<Option<BTreeMap<String, Option<String>>>>,
    #[serde(default, deserialize_with = "double_option")]
    #[schemars(with = "Option<schemas::RouteDescription>")]
    pub description: Option<Option<String>>,
}

impl PatchIn {
    /// Parses the members, and records each error.
    pub fn parse(self, fields: &mut Fields) -> Option<RoutePatch> {
        let Self {
            url,
            is_active,
            labels,
            description,
        } = self;
        let not_removable = || Invalid::new("required", "cannot be removed");
        let url = match url {
            None => Some(None),
            Some(None) => fields.check("/url", Err(not_removable())),
            Some(Some(raw)) => fields.check("/url", RouteUrl::try_from(raw)).map(Some),
        };
        let is_active = match is_active {
            None => Some(None),
            Some(None) => fields.check("/is_active", Err(not_removable())),
            Some(Some(value)) => Some(Some(value)),
        };
        let set: BTreeMap<String, String> = labels
            .iter()
            .flatten()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .collect();
        let labels_are_good = parse_labels(fields, set);
        let description = match description {
            None => Some(None),
            Some(None) => Some(Some(None)),
            Some(Some(raw)) => fields
                .check("/description", Description::try_from(raw))
                .map(|text| Some(Some(text))),
        };
        labels_are_good?;
        Some(RoutePatch {
            url: url?,
            is_active: is_active?,
            labels,
            description: description?,
        })
    }
}
