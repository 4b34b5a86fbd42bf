//! Collects the JSON Schemas of the OpenAPI document, and adapts them for code generators.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

/// The path of the schemas in an OpenAPI document.
const COMPONENTS: &str = "/components/schemas";
/// The path of the schemas of requests, until [`Schemas::finish`] has given them their names.
const SENT: &str = "/components/sent";

/// A function that returns a schema. It is stored before there are [`Schemas`] to collect the
/// schema in.
pub type Shape = fn(&mut Schemas) -> Value;

/// Collects the schemas of a document. Schemas of requests are separate from schemas of answers: a
/// member that is an `Option` may be absent in a request, but is `null` in an answer, and a request
/// may have no other members, but an answer may get more.
pub struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
    /// Other components of the document, by section and name.
    shared: BTreeMap<&'static str, Map<String, Value>>,
}

impl Default for Schemas {
    fn default() -> Self {
        let (read, written) = (
            generator(SENT, Contract::Deserialize),
            generator(COMPONENTS, Contract::Serialize),
        );
        Self {
            read,
            written,
            shared: BTreeMap::new(),
        }
    }
}

impl Schemas {
    /// Returns the schema of a request's body.
    pub fn read<T: JsonSchema>(&mut self) -> Value {
        tidy(self.read.subschema_for::<T>())
    }

    /// Returns the schema of an answer's body.
    pub fn written<T: JsonSchema>(&mut self) -> Value {
        open(tidy(self.written.subschema_for::<T>()))
    }

    /// Returns the members of a type that a query is read into: name, whether the member is
    /// required, and schema.
    pub fn members<T: JsonSchema>(&mut self) -> Vec<(String, bool, Value)> {
        let schema = tidy(T::json_schema(&mut self.read));
        let is_required = |name: &str| {
            schema["required"]
                .as_array()
                .is_some_and(|names| names.iter().any(|n| n == name))
        };
        let members = schema["properties"].as_object().into_iter().flatten();
        members
            .map(|(name, schema)| {
                (
                    name.clone(),
                    is_required(name),
                    without_null(schema.clone()),
                )
            })
            .collect()
    }

    /// Keeps `value` once, and returns the reference to it.
    pub fn share(&mut self, section: &'static str, name: &str, value: Value) -> Value {
        self.shared
            .entry(section)
            .or_default()
            .insert(name.to_owned(), value);
        json!({ "$ref": format!("#/components/{section}/{name}") })
    }

    /// Adds the components to a document: everything that it refers to. A schema of requests that
    /// differs from the schema of answers with the same name gets the suffix `In`.
    pub fn finish(mut self, document: &mut Value) {
        let sent = definitions(&mut self.read);
        let mut schemas = definitions(&mut self.written);
        schemas
            .values_mut()
            .for_each(|schema| *schema = open(schema.take()));
        let differing = differing(&sent, &schemas);
        let name = |name: &str| {
            if differing.contains(name) {
                format!("{name}In")
            } else {
                name.to_owned()
            }
        };
        for (old, schema) in sent {
            schemas.insert(name(&old), schema);
        }
        let mut components = json!(self.shared);
        components["schemas"] = json!(schemas);
        document["components"] = components;
        each_reference(document, &mut |reference| {
            if let Some(old) = sent_name(reference) {
                *reference = format!("#{COMPONENTS}/{}", name(old));
            }
        });
    }
}

/// Returns the names of the sent schemas that differ from the answered schema of the same name, or
/// refer to one that does.
fn differing(
    sent: &BTreeMap<String, Value>,
    answered: &BTreeMap<String, Value>,
) -> BTreeSet<String> {
    let mut differing = BTreeSet::new();
    loop {
        let is_other = |name: &str| match (sent.get(name), answered.get(name)) {
            (Some(sent), Some(answered)) => {
                let mut alike = sent.clone();
                let mut refers = false;
                each_reference(&mut alike, &mut |reference| {
                    if let Some(name) = sent_name(reference) {
                        refers |= differing.contains(name);
                        *reference = format!("#{COMPONENTS}/{name}");
                    }
                });
                refers || alike != *answered
            }
            _ => false,
        };
        let found: BTreeSet<_> = sent.keys().filter(|name| is_other(name)).cloned().collect();
        if found == differing {
            return found;
        }
        differing = found;
    }
}

fn sent_name(reference: &str) -> Option<&str> {
    reference
        .strip_prefix('#')?
        .strip_prefix(SENT)?
        .strip_prefix('/')
}

/// Calls `visit` for each reference in a document.
fn each_reference(value: &mut Value, visit: &mut impl FnMut(&mut String)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(reference) if name == "$ref" => visit(reference),
                    member => each_reference(member, visit),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| each_reference(item, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn definitions(generator: &mut SchemaGenerator) -> BTreeMap<String, Value> {
    let definitions = generator.take_definitions(true).into_iter();
    definitions
        .map(|(name, schema)| (name, tidied(schema)))
        .collect()
}

fn generator(definitions: &'static str, contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = definitions.into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

/// Returns the self-contained schema of a type as serde writes it, with all referenced schemas in
/// `$defs`.
pub fn alone<T: JsonSchema>() -> Value {
    on_its_own::<T>(Contract::Serialize)
}

/// Returns the self-contained schema of a type as serde reads it.
pub fn alone_read<T: JsonSchema>() -> Value {
    on_its_own::<T>(Contract::Deserialize)
}

fn on_its_own<T: JsonSchema>(contract: Contract) -> Value {
    let mut generator = generator("/$defs", contract);
    let mut schema = tidy(T::json_schema(&mut generator));
    schema["$defs"] = json!(definitions(&mut generator));
    schema
}

fn tidy(schema: Schema) -> Value {
    tidied(schema.into())
}

/// Adapts a schema for readers that know less than JSON Schema can say: see the functions that it
/// calls. It also removes `null` as a default: `null` is not a default, it removes a value.
fn tidied(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            if members.get("default").is_some_and(Value::is_null) {
                members.remove("default");
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = unwrapped(text);
            }
            list_constants(members);
            limit_integer(members);
            members
                .values_mut()
                .for_each(|value| *value = tidied(value.take()));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| *item = tidied(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    schema
}

/// Returns a text without the line breaks of the source: they would show in help texts. Paragraphs
/// stay.
fn unwrapped(text: &str) -> String {
    let paragraphs = text
        .split("\n\n")
        .map(|paragraph| paragraph.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Gives an integer its largest value and, if that exceeds 31 bits, the format `int64`. Code
/// generators take 32 bits without it, and do not know the formats of unsigned integers.
fn limit_integer(members: &mut Map<String, Value>) {
    let is_integer = match members.get("type") {
        Some(Value::String(name)) => name == "integer",
        Some(Value::Array(names)) => names.contains(&json!("integer")),
        _ => false,
    };
    if !is_integer {
        return;
    }
    let largest = match members.get("format").and_then(Value::as_str) {
        Some("int32") => return,
        Some("uint16") => u64::from(u16::MAX),
        Some("uint32") => u64::from(u32::MAX),
        _ => i64::MAX.unsigned_abs(),
    };
    members.remove("format");
    let largest = members.entry("maximum").or_insert(json!(largest)).as_u64();
    if largest.is_none_or(|largest| largest > i32::MAX.unsigned_abs().into()) {
        members.insert("format".to_owned(), json!("int64"));
    }
}

/// Turns alternatives that are described constants into an enumeration with a type.
fn list_constants(members: &mut Map<String, Value>) {
    let Some(choices) = members.get("oneOf").and_then(Value::as_array) else {
        return;
    };
    let constant =
        |choice: &Value| Some((choice.get("const")?.clone(), choice["description"].clone()));
    let Some(constants) = choices.iter().map(constant).collect::<Option<Vec<_>>>() else {
        return;
    };
    let (values, descriptions): (Vec<_>, Vec<_>) = constants.into_iter().unzip();
    members.remove("oneOf");
    members.insert("type".to_owned(), json!("string"));
    members.insert("enum".to_owned(), json!(values));
    members.insert("x-enum-descriptions".to_owned(), json!(descriptions));
}

/// Removes from the schema of an answer the rules that an addition would break, and the rules
/// (`if`) that no code generator reads. The JSON Schema of an event keeps both.
fn open(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            if members.get("additionalProperties") == Some(&json!(false)) {
                members.remove("additionalProperties");
            }
            let rules = members.get("allOf").and_then(Value::as_array);
            if rules.is_some_and(|rules| rules.iter().all(|rule| rule.get("if").is_some())) {
                members.remove("allOf");
            }
            members
                .values_mut()
                .for_each(|value| *value = open(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = open(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    schema
}

/// Returns the schema without `null`, which a query cannot express.
fn without_null(mut schema: Value) -> Value {
    if let Some(types) = schema["type"].as_array() {
        let types: Vec<_> = types
            .iter()
            .filter(|name| *name != "null")
            .cloned()
            .collect();
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    let choices = schema.get("anyOf").and_then(Value::as_array);
    if let Some([one, null]) = choices.map(Vec::as_slice)
        && null["type"] == "null"
    {
        return one.clone();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::schemas::{TenantName, VersionTag};

    #[test]
    fn optional_parameter_is_not_nullable() {
        #[derive(JsonSchema)]
        #[expect(dead_code, reason = "read by the derive")]
        struct Parameters {
            limit: Option<u32>,
            #[schemars(with = "Option<TenantName>")]
            tenant: Option<String>,
            #[schemars(with = "VersionTag")]
            after: Option<String>,
        }
        let members = Schemas::default().members::<Parameters>();
        assert_eq!(
            members,
            [
                (
                    "after".to_owned(),
                    true,
                    json!({ "$ref": "#/components/sent/VersionTag" })
                ),
                (
                    "limit".to_owned(),
                    false,
                    json!({ "type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX })
                ),
                (
                    "tenant".to_owned(),
                    false,
                    json!({ "$ref": "#/components/sent/TenantName" })
                ),
            ]
        );
    }
}
