use std::fs;
use std::path::{Path, PathBuf};

use super::schema;

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies")
}

/// Run with `INTERDICT_WRITE_SCHEMA=1` to write the file anew.
#[test]
fn the_shipped_schema_is_up_to_date() {
    let path = policies().join("schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("INTERDICT_WRITE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let shipped = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        shipped == text,
        "policies/schema.json is out of date: INTERDICT_WRITE_SCHEMA=1 cargo test -p interdict-policy"
    );
}

#[test]
fn the_schema_says_what_the_reader_says() {
    let schema = jsonschema::validator_for(&schema()).unwrap();
    let valid = |text: &str| schema.is_valid(&serde_saphyr::from_str::<serde_json::Value>(text).unwrap());

    let shipped = fs::read_to_string(policies().join("hipaa-phi.yaml")).unwrap();
    let shipped = serde_saphyr::from_str::<serde_json::Value>(&shipped).unwrap();
    let errors: Vec<String> = schema
        .iter_errors(&shipped)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");

    for good in [
        "name: p",
        "{ name: p, uncertain: mask-all, predicates: deny, default: deny, record: { literals: keep } }",
        "{ name: p, mask: [{ columns: ['*.ssn'], with: null }, { detect: [{ name: x, pattern: 'y+' }], with: { fixed: z } }] }",
        "{ name: p, rules: [{ name: r, when: 'true', then: { hold: { approvers: ['a'], mode: retry } } }] }",
        "{ name: p, tests: [{ statement: 'SELECT 1', parameters: [null, 'x'], rows: 7, expect: { decision: allow } }] }",
    ] {
        assert!(valid(good), "{good}");
        let read = crate::compile::compile(Path::new("p"), good, crate::compile::KeySource::Offline);
        assert!(read.is_ok(), "{good}: {read:?}");
    }
    for bad in [
        "{}",
        "{ name: 7 }",
        "{ name: 'a b' }",
        "{ name: p, defualt: deny }",
        "{ name: p, default: 'no' }",
        "{ name: p, applies: { services: [] } }",
        "{ name: p, mask: [{ with: redact }] }",
        "{ name: p, mask: [{ columns: ['*.a'], detect: [email], with: redact }] }",
        "{ name: p, mask: [{ columns: ['*.a'], with: blur }] }",
        "{ name: p, mask: [{ columns: [], with: redact }] }",
        "{ name: p, mask: [{ detect: [blood_type], with: redact }] }",
        "{ name: p, rules: [{ name: r, when: true, then: deny }] }",
        "{ name: p, rules: [{ name: r, when: 'true', then: hold }] }",
        "{ name: p, rules: [{ name: r, when: 'true', then: { hold: { approvers: [] } } }] }",
        "{ name: p, rules: [{ name: r, when: 'true', then: { hold: { approvers: ['a'], mode: never } } }] }",
        "{ name: p, tests: [{ statement: 'SELECT 1', expect: { decision: perhaps } }] }",
        "{ name: p, tests: [{ statement: 'SELECT 1' }] }",
        "{ name: p, record: { literals: true } }",
        "{ name: p, rules: }",
        "{ name: p, mask: null }",
        "{ name: p, applies: }",
        "{ name: p, default: }",
        "{ name: p, applies: { services: } }",
        "{ name: p, mask: [{ columns: null, detect: [email], with: redact }] }",
        "{ name: p, rules: [{ name: r, when: 'true', then: deny, message: }] }",
        "{ name: p, rules: [{ name: r, when: , then: deny }] }",
        "{ name: p, tests: [{ statement: 'SELECT 1', identity: , expect: { decision: allow } }] }",
    ] {
        assert!(!valid(bad), "{bad}");
        let read = crate::compile::compile(Path::new("p"), bad, crate::compile::KeySource::Offline);
        assert!(read.is_err(), "{bad}");
    }
}
