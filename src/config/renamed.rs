//! Old spellings of settings. An old key still works in this version, and the start logs a warning.
//! Remove an entry together with its row in `docs/upgrading.md`.

use config::{ConfigError, Map, Source, Value, ValueKind};

/// An old key and its present name, with their sections joined by dots.
pub type Renamed = (&'static str, &'static str);

/// Every key that has another name since the last release.
pub const RENAMED: &[Renamed] = &[
    ("audit.stuck_after_ms", "audit.stalled_after_ms"),
    (
        "limits.attempts_per_second_per_address",
        "limits.failed_logins_per_second_per_address",
    ),
    ("privacy.keys_held", "privacy.max_cached_keys"),
    (
        "resilience.max_drill_seconds",
        "resilience.max_forced_state_seconds",
    ),
    ("resilience.standing_ms", "resilience.codel_interval_ms"),
    ("resilience.target_wait_ms", "resilience.codel_target_ms"),
    ("trail.batch", "access_log.batch"),
    ("trail.burst", "access_log.burst"),
    ("trail.burst_per_source", "access_log.burst_per_source"),
    ("trail.poll_ms", "access_log.poll_ms"),
    ("trail.queue", "access_log.queue"),
    ("trail.records_per_second", "access_log.records_per_second"),
    (
        "trail.records_per_second_per_source",
        "access_log.records_per_second_per_source",
    ),
    ("trail.summary_ms", "access_log.summary_ms"),
    ("write.lineage_check_ms", "write.timeline_check_ms"),
    ("write.lineage_timeout_ms", "write.new_epoch_timeout_ms"),
];

/// The settings that the operator gives, without the defaults, under the present names.
#[derive(Debug, Clone)]
pub struct Given(Map<String, Value>);

impl Source for Given {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

impl Given {
    /// Moves each value from its old name to the present one, and returns the names that it moved.
    /// An error if both names have a value, because one of them would be ignored.
    pub fn new(given: &config::Config) -> Result<(Self, Vec<Renamed>), super::ConfigError> {
        let mut given = given.collect()?;
        let mut moved = Vec::new();
        for (old, new) in RENAMED {
            let Some(value) = take(&mut given, old) else {
                continue;
            };
            if take(&mut given, new).is_some() {
                let reason = format!("is the old name of {new}, which is set too: set only {new}");
                return Err(super::invalid(old, &reason));
            }
            put(&mut given, new, value);
            moved.push((*old, *new));
        }
        for (old, _) in RENAMED {
            remove_if_empty(&mut given, old);
        }
        Ok((Self(given), moved))
    }
}

/// Removes the value of a key, and its section if nothing else is in it.
fn take(table: &mut Map<String, Value>, key: &str) -> Option<Value> {
    let Some((section, rest)) = key.split_once('.') else {
        return table.remove(key);
    };
    let ValueKind::Table(inner) = &mut table.get_mut(section)?.kind else {
        return None;
    };
    let value = take(inner, rest);
    if value.is_some() && inner.is_empty() {
        table.remove(section);
    }
    value
}

/// Removes the section of a key if it is empty, such as one in a file in which every key is
/// commented out: a section may be known by its old name only.
fn remove_if_empty(table: &mut Map<String, Value>, key: &str) {
    let Some((section, _)) = key.split_once('.') else {
        return;
    };
    let is_empty =
        |value: &Value| matches!(&value.kind, ValueKind::Table(inner) if inner.is_empty());
    if table.get(section).is_some_and(is_empty) {
        table.remove(section);
    }
}

fn put(table: &mut Map<String, Value>, key: &str, value: Value) {
    let Some((section, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return;
    };
    let inner = table
        .entry(section.to_owned())
        .or_insert_with(|| Value::new(None, ValueKind::Table(Map::new())));
    if let ValueKind::Table(inner) = &mut inner.kind {
        put(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Settings, *};

    fn with(overrides: &[&str]) -> Result<Settings, super::super::ConfigError> {
        let overrides: Vec<_> = overrides.iter().map(|pair| (*pair).to_owned()).collect();
        Settings::without_environment(&overrides)
    }

    #[test]
    fn an_old_key_sets_the_renamed_setting() {
        let settings = with(&["resilience.standing_ms=77", "trail.queue=5"]).unwrap();
        assert_eq!(
            settings.resilience.codel_interval,
            Duration::from_millis(77)
        );
        assert_eq!(settings.access_log.queue, 5);
        assert_eq!(
            settings.renamed,
            [
                ("resilience.standing_ms", "resilience.codel_interval_ms"),
                ("trail.queue", "access_log.queue")
            ]
        );
        assert_eq!(with(&[]).unwrap().renamed, []);
    }

    #[test]
    fn an_old_key_works_in_the_environment() {
        let variables = [("TM__TRAIL__QUEUE".to_owned(), "6".to_owned())];
        let settings = Settings::with_environment(None, variables.into(), &[]).unwrap();
        assert_eq!(settings.access_log.queue, 6);
        assert_eq!(settings.renamed, [("trail.queue", "access_log.queue")]);
    }

    #[test]
    fn an_old_key_beside_its_present_name_is_an_error() {
        let error = with(&["trail.queue=5", "access_log.queue=6"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("trail.queue: is the old name of access_log.queue"),
            "{error}"
        );
    }

    #[test]
    fn an_empty_section_of_an_old_name_is_no_error() {
        let path = std::env::temp_dir().join(format!("tm-renamed-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&path, "[trail]\n# queue = 5\n").unwrap();
        let settings = Settings::with_environment(Some(&path), Default::default(), &[]);
        std::fs::remove_file(path).unwrap();
        assert_eq!(settings.unwrap().renamed, []);
    }

    #[test]
    fn an_unknown_key_in_a_renamed_section_is_an_error() {
        let error = with(&["trail.colour=blue"]).unwrap_err().to_string();
        assert!(error.contains("trail"), "{error}");
    }

    #[test]
    fn every_renamed_key_exists_under_its_present_name_only() {
        let defaults = config::Config::builder()
            .add_source(config::File::from_str(
                super::super::DEFAULTS,
                config::FileFormat::Toml,
            ))
            .build()
            .unwrap();
        for (old, new) in RENAMED {
            assert!(defaults.get::<Value>(old).is_err(), "{old}");
            assert!(defaults.get::<Value>(new).is_ok(), "{new}");
        }
    }

    #[test]
    fn the_page_on_upgrading_lists_every_renamed_key() {
        let page = include_str!("../../docs/upgrading.md");
        for (old, new) in RENAMED {
            assert!(page.contains(&format!("| `{old}` | `{new}` |")), "{old}");
        }
    }
}
