//! Envoy's files: clusters before the routes that use them, and former clusters away only after
//! the routes. Envoy watches the folder itself.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{task::block_in_place, time::Instant};

use super::{Applier, ApplyError, Handed, PAUSE, Running, ask::Http, folder};
use crate::{config::Config, release::ConfigFile};

/// How long clusters may look up names before the routes to them come all the same.
const WARM: Duration = Duration::from_secs(5);

/// The time between files if Envoy is not asked what it has.
const GRACE: Duration = Duration::from_secs(1);

/// What Envoy is asked: the versions of both files, and the clusters that are not ready.
const STATS: &str = r"/stats?filter=^(cluster_manager\.cds\.version_text|cluster_manager\.warming_clusters|http\..*\.rds\.tm\.version_text)$";

/// The way to an Envoy.
pub struct Envoy {
    folder: PathBuf,
    http: Http,
}

/// A file with clusters.
#[derive(Deserialize)]
struct Clusters<'a> {
    #[serde(borrow)]
    resources: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: std::borrow::Cow<'a, str>,
}

impl Envoy {
    pub fn new(config: &Config, http: Http) -> Self {
        Self {
            folder: config.proxy.folder.clone(),
            http,
        }
    }

    pub async fn apply(
        &self,
        applier: &Applier,
        wanted: &str,
        files: &[ConfigFile],
    ) -> Result<Handed, ApplyError> {
        let digest = folder::digest_of(files);
        let handed = Handed {
            rendered: digest.clone(),
            placed: digest,
            ..Handed::default()
        };
        let on_disk = block_in_place(|| folder::digest_on_disk(&self.folder, files));
        if on_disk == handed.placed {
            if matches!(self.running(wanted).await, Running::Other(_)) {
                // Envoy has missed that they came, such as while it started.
                block_in_place(|| self.write_again(files))?;
            }
            applier.shows(wanted).await?;
            return Ok(handed);
        }
        let [clusters, rest @ ..] = files else {
            return Err(ApplyError::Foreign);
        };
        let path = self.folder.join(&clusters.path);
        if let Some(both) = block_in_place(|| both(&path, &clusters.content))? {
            block_in_place(|| folder::write(&path, both.as_bytes()))?;
        } else {
            block_in_place(|| folder::replace(&self.folder, &files[..1]))?;
        }
        self.has_clusters(applier, wanted).await;
        block_in_place(|| folder::replace(&self.folder, rest))?;
        self.has_routes(applier, wanted).await?;
        block_in_place(|| folder::replace(&self.folder, &files[..1]))?;
        applier.shows(wanted).await?;
        Ok(handed)
    }

    fn write_again(&self, files: &[ConfigFile]) -> Result<(), ApplyError> {
        for file in files {
            folder::write(&self.folder.join(&file.path), file.content.as_bytes())?;
        }
        Ok(())
    }

    /// Waits until the clusters are there and ready. An Envoy that does not answer gets the routes
    /// all the same: it reads both files when it starts.
    async fn has_clusters(&self, applier: &Applier, wanted: &str) {
        if !applier.reads_back {
            return tokio::time::sleep(GRACE).await;
        }
        let until = Instant::now() + WARM.min(applier.limit);
        while Instant::now() < until {
            match self.shown().await {
                Ok(shown) if shown.clusters == wanted && shown.warming == "0" => return,
                Ok(_) => tokio::time::sleep(PAUSE).await,
                Err(_) => return,
            }
        }
    }

    /// Waits until the routes are there.
    async fn has_routes(&self, applier: &Applier, wanted: &str) -> Result<(), ApplyError> {
        if !applier.reads_back {
            tokio::time::sleep(GRACE).await;
            return Ok(());
        }
        let until = Instant::now() + applier.limit;
        loop {
            match self.shown().await {
                Ok(shown) if shown.routes == wanted => return Ok(()),
                Ok(shown) if Instant::now() >= until => {
                    return Err(ApplyError::NotShown {
                        wanted: wanted.to_owned(),
                        limit: applier.limit,
                        shown: format!("routes of revision {}", shown.routes),
                    });
                }
                Ok(_) => tokio::time::sleep(PAUSE).await,
                // It starts from the files, and is waited for at the end.
                Err(_) => return Ok(()),
            }
        }
    }

    pub async fn running(&self, wanted: &str) -> Running {
        match self.shown().await {
            Ok(shown) if shown.routes == shown.clusters => Running::of(&shown.routes, wanted),
            Ok(shown) => Running::Other(format!(
                "clusters of revision {} and routes of revision {}",
                shown.clusters, shown.routes
            )),
            Err(why) => Running::Away(why),
        }
    }

    async fn shown(&self) -> Result<Shown, String> {
        let answer = self.http.get(STATS).await?;
        let value = |name: &str| {
            let line = answer.text.lines().find(|line| line.contains(name));
            let value = line.and_then(|line| line.split_once(": "));
            value.map_or_else(String::new, |(_, value)| value.trim_matches('"').to_owned())
        };
        Ok(Shown {
            clusters: value("cds.version_text"),
            routes: value("rds.tm.version_text"),
            warming: value("warming_clusters"),
        })
    }
}

/// What Envoy shows.
struct Shown {
    clusters: String,
    routes: String,
    warming: String,
}

/// Returns the new clusters with those of the file that are not among them; `None` if the file has
/// no others.
fn both(path: &Path, new: &str) -> Result<Option<String>, ApplyError> {
    let old = match fs::read_to_string(path) {
        Ok(old) => old,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ApplyError::File(path.to_owned(), error)),
    };
    // What is no file of clusters has none to keep.
    let Ok(old) = serde_json::from_str::<Clusters<'_>>(&old) else {
        return Ok(None);
    };
    let malformed = |error| ApplyError::Malformed(path.to_owned(), error);
    let now: Clusters<'_> = serde_json::from_str(new).map_err(malformed)?;
    let name = |cluster: &RawValue| {
        let named: Result<Named<'_>, _> = serde_json::from_str(cluster.get());
        named.ok().map(|named| named.name.into_owned())
    };
    let names: BTreeSet<_> = now.resources.iter().filter_map(|one| name(one)).collect();
    let is_former = |one: &&&RawValue| name(one).is_some_and(|name| !names.contains(&name));
    let former: Vec<_> = old
        .resources
        .iter()
        .filter(is_former)
        .map(|one| one.get())
        .collect();
    if former.is_empty() {
        return Ok(None);
    }
    // The array's start is found by what the agent's own rendering begins with.
    let Some((head, tail)) = new.split_once("\"resources\": [") else {
        return Ok(None);
    };
    let comma = if now.resources.is_empty() { "" } else { "," };
    let former = former.join(",");
    Ok(Some(format!("{head}\"resources\": [{former}{comma}{tail}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(names: &[&str], version: &str) -> String {
        let clusters: Vec<_> = names
            .iter()
            .map(|name| format!("{{\"name\":\"{name}\"}}"))
            .collect();
        format!(
            "{{\n  \"type_url\": \"t\",\n  \"resources\": [{}],\n  \"version_info\": \"{version}\"\n}}\n",
            clusters.join(",")
        )
    }

    #[test]
    fn former_clusters_stay_beside_the_new_ones() {
        let path = std::env::temp_dir().join(format!("tm-agent-cds-{}", std::process::id()));
        let both = |old: &str, new: &str| {
            fs::write(&path, old).unwrap();
            both(&path, new).unwrap()
        };
        let kept = both(&file(&["a", "b"], "e.1"), &file(&["b", "c"], "e.2")).unwrap();
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        let names: Vec<_> = kept["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["name"])
            .collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(kept["version_info"], "e.2");
        let kept = both(&file(&["a"], "e.1"), &file(&[], "e.2")).unwrap();
        assert!(
            serde_json::from_str::<serde_json::Value>(&kept).is_ok(),
            "{kept}"
        );
        assert_eq!(both(&file(&["a"], "e.1"), &file(&["a", "b"], "e.2")), None);
        assert_eq!(both("damaged", &file(&["a"], "e.2")), None);
        fs::remove_file(&path).unwrap();
        assert_eq!(super::both(&path, &file(&["a"], "e.2")).unwrap(), None);
    }
}
