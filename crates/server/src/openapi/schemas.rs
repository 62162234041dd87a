//! Schemas as clients in any language need them: named instead of repeated, null only where it means something, closed
//! lists of words in requests and open ones in answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::requests;

const PREFIX: &str = "#/components/schemas/";
/// The end of the name of a schema that differs between requests and answers, where it is the one of requests.
const INPUT: &str = "Input";

/// Refines the schemas of a complete description.
pub(super) fn refine(document: &mut Value) {
    let mut schemas = take(document);
    name_repeated(&mut schemas);
    let mut renamed = BTreeMap::new();
    for name in schemas.keys() {
        let of = |prefix: &str, end: &str| name.strip_prefix(prefix).map(|of| format!("{of}{end}"));
        if let Some(new) = of("List_", "List").or_else(|| of("ListEdit_", "ListEdit")) {
            renamed.insert(name.clone(), new);
        }
    }
    schemas =
        schemas.into_iter().map(|(name, of)| (renamed.get(&name).cloned().unwrap_or(name), of)).collect();
    schemas.values_mut().for_each(|schema| rename(schema, &renamed));
    rename(&mut document["paths"], &renamed);
    schemas.values_mut().for_each(drop_nulls);
    requests::define(&mut schemas);
    separate(document, &mut schemas);
    schemas.sort_keys();
    document["components"]["schemas"] = Value::Object(schemas);
}

fn take(document: &mut Value) -> Map<String, Value> {
    match document["components"]["schemas"].take() {
        Value::Object(schemas) => schemas,
        _ => Map::new(),
    }
}

/// Refers to a schema by its name where a generic type repeats all of it.
fn name_repeated(schemas: &mut Map<String, Value>) {
    let known = schemas.clone();
    let generic = |name: &str| name.starts_with("List_") || name.starts_with("ListEdit_");
    for (_, schema) in schemas.iter_mut().filter(|(name, _)| generic(name)) {
        let children = schema.as_object_mut().expect("a schema is an object").values_mut();
        children.for_each(|child| refer(child, &known));
    }
}

fn refer(value: &mut Value, known: &Map<String, Value>) {
    if let Some((name, _)) = known.iter().find(|(name, schema)| !name.contains('_') && *schema == value) {
        *value = json!({"$ref": format!("{PREFIX}{name}")});
        return;
    }
    children(value).for_each(|child| refer(child, known));
}

fn children(value: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    match value {
        Value::Object(members) => Box::new(members.values_mut()),
        Value::Array(items) => Box::new(items.iter_mut()),
        _ => Box::new(std::iter::empty()),
    }
}

fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    let new = value["$ref"].as_str().and_then(|at| names.get(at.strip_prefix(PREFIX)?));
    if let Some(new) = new {
        value["$ref"] = json!(format!("{PREFIX}{new}"));
    }
    children(value).for_each(|child| rename(child, names));
}

/// A member may be null where it is always there, or where its description says what null means.
fn drop_nulls(schema: &mut Value) {
    let required: Vec<String> = serde_json::from_value(schema["required"].clone()).unwrap_or_default();
    if let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        for (name, member) in members {
            settle_null(member, required.contains(name));
        }
    }
    children(schema).for_each(drop_nulls);
}

fn settle_null(member: &mut Value, is_required: bool) {
    let nothing = json!({"type": "null"});
    if let Some([inner, other]) = member["oneOf"].as_array().map(Vec::as_slice)
        && *other == nothing
    {
        let mut inner = inner.clone();
        if is_required || means_null(&inner["description"]) {
            let description = inner.as_object_mut().and_then(|inner| inner.remove("description"));
            *member = json!({"description": description, "oneOf": [inner, nothing]});
        } else {
            *member = inner;
        }
    } else if let Some([kind, _]) = member["type"].as_array().map(Vec::as_slice)
        && !is_required
        && !means_null(&member["description"])
    {
        member["type"] = kind.clone();
    }
}

/// Whether a description says what null means for the member itself.
fn means_null(description: &Value) -> bool {
    description
        .as_str()
        .is_some_and(|text| text.replace("null takes one away", "").to_lowercase().contains("null"))
}

/// Makes two schemas of those that requests and answers share and that are not the same for both, and opens the lists of
/// words in answers.
fn separate(document: &mut Value, schemas: &mut Map<String, Value>) {
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for operation in document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("a path").values())
    {
        for part in ["parameters", "requestBody"] {
            collect(&operation[part], schemas, &mut asked);
        }
        collect(&operation["responses"], schemas, &mut answered);
    }
    collect(&document["components"]["responses"], schemas, &mut answered);
    let differs = |name: &String| {
        let mut within = BTreeSet::from([name.clone()]);
        collect(&schemas[name], schemas, &mut within);
        within.iter().any(|name| schemas[name].get("enum").is_some() || requests::differs(name))
    };
    let shared: BTreeSet<_> = asked.intersection(&answered).filter(|name| differs(name)).cloned().collect();
    let names: BTreeMap<_, _> = shared.iter().map(|name| (name.clone(), format!("{name}{INPUT}"))).collect();
    for name in &shared {
        let input = requests::input(name).unwrap_or_else(|| schemas[name].clone());
        schemas.insert(format!("{name}{INPUT}"), input);
    }
    for (name, schema) in schemas.iter_mut() {
        if answered.contains(name) {
            open(schema);
        } else {
            rename(schema, &names);
        }
    }
    for operation in document["paths"].as_object_mut().expect("paths").values_mut().flat_map(children) {
        for part in ["parameters", "requestBody"] {
            if let Some(part) = operation.get_mut(part) {
                rename(part, &names);
            }
        }
        operation.get_mut("responses").into_iter().for_each(open);
    }
}

/// Collects the names of schemas to which this refers, directly or not.
fn collect(value: &Value, schemas: &Map<String, Value>, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let at = members.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix(PREFIX));
            if let Some(name) = at
                && found.insert(name.to_owned())
            {
                collect(&schemas[name], schemas, found);
            }
            members.values().for_each(|value| collect(value, schemas, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, schemas, found)),
        _ => {}
    }
}

/// Opens an answer for what a later version adds: members, and words.
fn open(schema: &mut Value) {
    if let Some(members) = schema.as_object_mut() {
        if members.get("additionalProperties") == Some(&json!(false)) {
            members.remove("additionalProperties");
        }
        if let Some(words) = members.remove("enum") {
            members.insert("x-extensible-enum".to_owned(), words);
        }
    }
    children(schema).for_each(open);
}
