//! Files, for Envoys without a control plane.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::value::RawValue;

use super::{CLUSTER_TYPE, Offer, ROUTE_TYPE, Resource};
use crate::File;

/// What to run after the files were written: nothing, Envoy watches their folder. Each file must be
/// written beside its place and renamed into it, in the order of [`files`].
pub const RELOAD: &str = "";

/// A `DiscoveryResponse`, which is what Envoy reads from a file.
#[derive(serde::Serialize)]
struct Response<'a> {
    version_info: &'a str,
    type_url: &'a str,
    resources: Vec<Box<RawValue>>,
}

/// Returns the files of an offer for `path_config_source`, clusters before the routes that use
/// them. A proxy that already serves takes an offer in two steps, [`Offer::with_clusters_of`] the
/// one before and then the offer alone, so that no route is ever without its cluster.
pub fn files(offer: &Offer) -> Vec<File> {
    let parts = [
        ("cds.json", CLUSTER_TYPE, &offer.clusters),
        ("rds.json", ROUTE_TYPE, &offer.routes),
    ];
    parts
        .into_iter()
        // A file that cannot be made is left out, and the proxy keeps the one that it has.
        .filter_map(|(path, type_url, resources)| {
            let content = content(&offer.version, type_url, resources).ok()?;
            Some(File {
                path: path.to_owned(),
                content,
            })
        })
        .collect()
}

fn content(
    version_info: &str,
    type_url: &str,
    resources: &BTreeMap<String, Arc<Resource>>,
) -> Result<String, serde_json::Error> {
    let resources = resources
        .values()
        .map(|resource| RawValue::from_string(resource.json()?))
        .collect::<Result<_, _>>()?;
    let response = Response {
        version_info,
        type_url,
        resources,
    };
    serde_json::to_string_pretty(&response).map(|text| text + "\n")
}
