//! Takes the schemas out of the OpenAPI document, for `tmctl explain`.

use std::{env, error::Error, fs, path::Path};

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let document = Path::new("../../docs/openapi.json");
    println!("cargo:rerun-if-changed={}", document.display());
    let document: Value = serde_json::from_slice(&fs::read(document)?)?;
    let schemas = &document["components"]["schemas"];
    let target = Path::new(&env::var("OUT_DIR")?).join("schemas.json");
    fs::write(target, schemas.to_string())?;
    Ok(())
}
