//! All operations, by groups.

mod audit;
mod dead_letters;
mod documents;
mod health;
mod keys;
mod nodes;
mod plans;
mod policies;
mod proxies;
mod replays;
mod routes;
mod tenants;

use super::Operation;

const TABLES: [&[Operation]; 12] = [
    audit::ROWS,
    dead_letters::ROWS,
    documents::ROWS,
    health::ROWS,
    keys::ROWS,
    nodes::ROWS,
    plans::ROWS,
    policies::ROWS,
    proxies::ROWS,
    replays::ROWS,
    routes::ROWS,
    tenants::ROWS,
];

/// Returns the rows of all tables.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    TABLES.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::Error;

    /// A function that checks a body.
    pub type Reader = fn(&[u8]) -> Result<(), Error>;

    fn readers() -> BTreeMap<String, Reader> {
        let tables = [
            audit::READERS,
            dead_letters::READERS,
            documents::READERS,
            health::READERS,
            keys::READERS,
            nodes::READERS,
            plans::READERS,
            policies::READERS,
            proxies::READERS,
            replays::READERS,
            routes::READERS,
            tenants::READERS,
        ];
        let rows = tables.into_iter().flatten();
        rows.map(|(name, reader)| (name.replace('_', ""), *reader))
            .collect()
    }

    #[test]
    fn every_example_of_the_document_is_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let readers = readers();
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|methods| methods.as_object().unwrap().values());
        let mut count = 0;
        for operation in operations {
            let Some(id) = operation["operationId"].as_str() else {
                continue;
            };
            for (status, response) in operation["responses"].as_object().unwrap() {
                let example = &response["content"]["application/json"]["example"];
                // A dry run has an outcome of its own.
                if !status.starts_with('2')
                    || example.is_null()
                    || (id, &**status) == ("createPlan", "200")
                {
                    continue;
                }
                let read = readers[&id.to_lowercase()](example.to_string().as_bytes());
                assert!(read.is_ok(), "{id} {status}: {read:?}");
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }
}
