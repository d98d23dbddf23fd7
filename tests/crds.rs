//! The generated definitions: no drift, and nothing in them without a bound.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::path::Path;

use serde_json::Value;

/// The committed files are what the types say. `BLESS=1 cargo test --test crds` rewrites them.
#[test]
fn committed_definitions_are_the_generated_ones() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    if std::env::var_os("BLESS").is_some() {
        asr_operator::cli::crds(Some(&dir)).unwrap();
    }
    let mut expected = Vec::new();
    for (file, generated) in asr_operator::cli::crd_files().unwrap() {
        let committed = std::fs::read_to_string(dir.join(&file)).unwrap_or_default();
        assert!(
            committed == generated,
            "crds/{file} has drifted: run BLESS=1 cargo test --test crds and look at the diff"
        );
        expected.push(file);
    }
    let mut present: Vec<String> =
        std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    present.sort();
    expected.sort();
    assert_eq!(present, expected, "crds/ holds a file that no kind generates, or lacks one");
}

/// `asr-operator crds | kubectl apply --server-side -f -` installs what is committed.
#[test]
fn the_program_prints_what_is_committed() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_asr-operator")).arg("crds").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let documents: Vec<&str> = printed.split("---\n").skip(1).collect();
    let files = asr_operator::cli::crd_files().unwrap();
    assert_eq!(documents, files.iter().map(|(_, content)| content.as_str()).collect::<Vec<_>>());
}

/// What is unbounded lets one object, or one answer of Azure, grow until the API server or etcd refuses it.
#[test]
fn everything_has_a_bound_and_a_description() {
    let mut faults = Vec::new();
    for (kind, schema) in schemas() {
        for part in ["spec", "status"] {
            if let Some(schema) = schema["properties"].get(part) {
                faults_of(schema, &format!("{kind}.{part}"), &mut faults);
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_walk_sees_what_has_no_bound() {
    let mut faults = Vec::new();
    let schema = serde_json::json!({"type": "object", "description": "x", "properties": {
        "text": {"type": "string", "description": "x"},
        "list": {"type": "array", "description": "x", "items": {"type": "string"}},
        "map": {"type": "object", "description": "x", "additionalProperties": {"type": "string", "maxLength": 3}},
        "any": {"x-kubernetes-preserve-unknown-fields": true, "description": "x"},
        "mute": {"type": "boolean"},
    }});
    faults_of(&schema, "K", &mut faults);
    faults.sort();
    let expected = [
        "K.any: has no type",
        "K.any: keeps unknown fields",
        "K.list: has no maxItems",
        "K.list[]: has neither maxLength nor enum",
        "K.map: has no maxProperties",
        "K.mute: has no description",
        "K.text: has neither maxLength nor enum",
    ];
    assert_eq!(faults, expected);
}

/// People's kinds are found by `kubectl get asr`, and show an unseen object as such; the internal ones are not.
#[test]
fn only_the_kinds_for_people_are_in_the_category() {
    for crd in asr_operator::api::all_crds().unwrap() {
        let internal = matches!(crd.spec.names.kind.as_str(), "ItemRecord" | "RequestClaim");
        let version = &crd.spec.versions[0];
        let kind = &crd.spec.names.kind;
        assert_eq!(crd.spec.group, asr_operator::api::GROUP);
        assert_eq!(version.name, asr_operator::api::VERSION);
        assert_eq!(crd.spec.scope, "Namespaced");
        let category = crd.spec.names.categories.as_ref().is_some_and(|c| c == &[asr_operator::api::CATEGORY]);
        assert_eq!(category, !internal, "category of {kind}");
        assert_eq!(version.subresources.as_ref().is_some_and(|s| s.status.is_some()), !internal, "status of {kind}");
    }
}

/// The generation that nobody has seen is -1, in the only place where a default shows: on the status object.
#[test]
fn a_new_object_shows_that_nobody_has_seen_it() {
    for (kind, schema) in schemas() {
        if let Some(status) = schema["properties"].get("status") {
            assert_eq!(status["default"], serde_json::json!({"observedGeneration": -1}), "{kind}");
        }
    }
}

fn schemas() -> Vec<(String, Value)> {
    asr_operator::api::all_crds()
        .unwrap()
        .into_iter()
        .map(|crd| {
            let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
            (crd.spec.names.kind.clone(), serde_json::to_value(schema).unwrap())
        })
        .collect()
}

fn faults_of(schema: &Value, path: &str, faults: &mut Vec<String>) {
    let has = |key: &str| schema.get(key).is_some();
    let mut fault = |text: &str| faults.push(format!("{path}: {text}"));
    if has("x-kubernetes-preserve-unknown-fields") {
        fault("keeps unknown fields");
    }
    if has("nullable") {
        fault("may be null");
    }
    if !has("description") && !path.ends_with("[]") {
        fault("has no description");
    }
    match schema["type"].as_str() {
        Some("string") if !has("maxLength") && !has("enum") => fault("has neither maxLength nor enum"),
        Some("array") if !has("maxItems") => fault("has no maxItems"),
        Some("object") if has("additionalProperties") && !has("maxProperties") => fault("has no maxProperties"),
        Some(_) => {}
        None => fault("has no type"),
    }
    if let Some(items) = schema.get("items") {
        faults_of(items, &format!("{path}[]"), faults);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        faults_of(property, &format!("{path}.{name}"), faults);
    }
}
