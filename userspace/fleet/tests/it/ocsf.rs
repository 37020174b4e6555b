//! Every class against the published schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use interdict_audit::{Observer, Row, Table};
use interdict_fleet::ocsf::{Mapper, Speaks};
use serde_json::{Value, json};

use crate::support::{Seen, append, everything, open, runtime};

const SCHEMA: &str = include_str!("ocsf-1.8.0.json");

fn rows() -> Vec<Row> {
    let directory = tempfile::tempdir().unwrap();
    let seen = Arc::new(Seen::default());
    runtime().block_on(async {
        let audit = open(directory.path(), [Arc::clone(&seen) as Arc<dyn Observer>]);
        append(&audit, everything()).await;
        audit.close().await.unwrap();
    });
    let mut rows = std::mem::take(&mut *seen.0.lock().unwrap());
    rows.dedup_by_key(|row| row.digest());
    rows
}

fn mapper() -> Mapper {
    Mapper::new([
        ("clinic".to_owned(), Speaks::Sql),
        ("bucket".to_owned(), Speaks::Http),
    ])
}

fn event(row: &Row) -> Option<Value> {
    let mut out = Vec::new();
    mapper()
        .write(row, &mut out)
        .then(|| serde_json::from_slice(&out).expect("one JSON object"))
}

fn validators() -> BTreeMap<i64, (String, jsonschema::Validator)> {
    let mut schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let classes = schema["classes"].take();
    let one = |(name, class): (&String, &Value)| {
        let mut whole = class.clone();
        whole["$defs"] = schema["$defs"].clone();
        let uid = class["properties"]["class_uid"]["const"].as_i64().unwrap();
        (uid, (name.clone(), jsonschema::validator_for(&whole).unwrap()))
    };
    classes.as_object().unwrap().iter().map(one).collect()
}

#[test]
fn every_event_is_valid_against_the_published_schema() {
    let validators = validators();
    let mut met = BTreeSet::new();
    for row in rows() {
        let Some(event) = event(&row) else {
            assert_eq!(row.table, Table::Ledger);
            continue;
        };
        let class = event["class_uid"].as_i64().unwrap();
        let (name, validator) = &validators[&class];
        let wrong: Vec<String> = validator
            .iter_errors(&event)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}\n{event:#}");
        assert_eq!(
            event["type_uid"].as_i64(),
            Some(class * 100 + event["activity_id"].as_i64().unwrap())
        );
        assert_eq!(event["category_uid"].as_i64(), Some(class / 1000));
        // The schema takes whatever is there: it must also tell what is not.
        let mut spoiled = event.clone();
        spoiled["not_in_the_schema"] = json!(1);
        assert!(!validator.is_valid(&spoiled));
        met.insert(class);
    }
    assert_eq!(met, validators.keys().copied().collect());
}

#[test]
fn what_happened_has_the_numbers_that_tools_look_for() {
    let events: Vec<(Row, Value)> = rows()
        .into_iter()
        .filter_map(|row| event(&row).map(|event| (row, event)))
        .collect();
    let find = |class: i64, activity: i64| -> &Value {
        &events
            .iter()
            .find(|(_, event)| event["class_uid"] == class && event["activity_id"] == activity)
            .unwrap_or_else(|| panic!("no {class} with activity {activity}"))
            .1
    };
    let masked = find(6005, 1);
    assert_eq!(
        (&masked["action_id"], &masked["disposition_id"]),
        (&json!(4), &json!(11))
    );
    assert_eq!(masked["disposition"], "Corrected");
    assert_eq!(masked["actor"]["user"]["name"], "spiffe://clinic/triage");
    assert_eq!(
        masked["query_info"]["query_string"],
        "SELECT name, ssn FROM patients WHERE id = $1 /* ü\n */"
    );
    assert_eq!(masked["table"]["name"], "public.patients");
    assert_eq!(masked["unmapped"]["masked_by"]["public.patients.ssn"], 1);
    assert_eq!(masked["unmapped"]["parameters"], json!(["17", null]));
    assert_eq!(masked["time"], 1_772_366_400_000_i64);
    let denied = find(6005, 7);
    assert_eq!(
        (&denied["action_id"], &denied["disposition_id"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(denied["firewall_rule"]["name"], "no-destructive");
    assert_eq!(
        (&denied["status_id"], &denied["status_code"]),
        (&json!(2), &json!("42501"))
    );
    // Not among the services that are known: told by its text.
    let request = find(4002, 3);
    assert_eq!(
        request["http_request"]["url"],
        json!({ "path": "/Patient/17", "query_string": "_summary=true" })
    );
    assert_eq!(request["http_response"]["code"], 200);
    assert_eq!(find(6003, 4)["api"]["operation"], "delete_objects");
    let session = find(4001, 2);
    assert_eq!(session["actor"]["process"]["pid"], 4242);
    assert_eq!(
        session["actor"]["process"]["file"]["hashes"][0]["value"],
        "cd".repeat(32)
    );
    assert_eq!(session["unmapped"]["claims"]["oidc.sub"], "agent-7");
    assert_eq!(find(4001, 5)["status_detail"], "identity_refused");
    assert_eq!(find(3005, 1)["privileges"], json!(["read"]));
    assert_eq!(find(3004, 11)["actor"]["user"]["name"], "dana");
    let hashes: BTreeSet<&str> = events
        .iter()
        .map(|(_, event)| event["metadata"]["uid"].as_str().unwrap())
        .collect();
    assert_eq!(hashes.len(), events.len());
}

#[test]
fn no_column_is_lost() {
    // Under another name, or under `unmapped`: every text of a row is somewhere in its event.
    for row in rows() {
        let Some(event) = event(&row) else { continue };
        let event = event.to_string();
        for (name, value) in row.named() {
            if let (Some(text), false) = (value.as_text(), matches!(name, "status")) {
                let told = text.split(['?', ' ']).all(|word| {
                    event.contains(
                        serde_json::to_string(word.trim_start_matches("sha256:"))
                            .unwrap()
                            .trim_matches('"'),
                    )
                });
                assert!(told, "{}.{name}: {text} is not in {event}", row.table);
            }
        }
    }
}
