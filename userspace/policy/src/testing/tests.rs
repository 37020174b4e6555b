use std::path::Path;

use super::*;
use crate::testkit::set;

fn failures(text: &str) -> Vec<String> {
    run_tests(&set(&[text]))
        .into_iter()
        .flat_map(|result| result.failures)
        .collect()
}

#[test]
fn the_shipped_policies_pass_their_tests() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/hipaa-phi.yaml");
    let set = PolicySet::load(&[path]).unwrap_or_else(|found| panic!("{found:#?}"));
    let results = run_tests(&set);
    let failed: Vec<String> = results
        .iter()
        .filter(|result| !result.passed())
        .map(ToString::to_string)
        .collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
    assert!(results.len() >= 15);
    // Every rule is tried by some test.
    for rule in set.policies().iter().flat_map(|policy| &policy.rules) {
        assert!(
            results
                .iter()
                .any(|result| result.rule.as_deref() == Some(&*rule.name)),
            "{}",
            rule.name
        );
    }
}

const POLICY: &str = r#"
name: p
applies: { services: ["clinic*"], identities: ["workload=agents"] }
mask: [{ columns: ["patients.ssn", "hr.staff.pay"], with: redact }]
rules:
  - { name: no-drop, when: '"drop" in effects', then: deny, message: no }
  - { name: eve, when: 'identity.name == "eve"', then: { hold: { approvers: ["group:dba"] } } }
  - { name: many, when: 'result.rows > 10 || result.bytes > 100', then: deny }
  - { name: bound, when: 'parameters.exists(p, p == "13")', then: deny }
  - { name: reach, when: 'user == "auditor" && masked_columns.exists(c, c == "patients.ssn")', then: deny }
  - { name: here, when: 'database == "lab" || application == "excel"', then: deny }
tests:
"#;

fn with_test(test: &str) -> String {
    format!("{POLICY}  - {test}\n")
}

#[test]
fn right_expectations_pass() {
    for test in [
        "{ statement: SELECT ssn FROM patients, expect: { decision: allow, masked: [ssn] } }",
        "{ statement: SELECT ssn FROM patients, expect: { decision: mask } }",
        "{ statement: SELECT id FROM patients, expect: { decision: allow, masked: [] } }",
        "{ statement: SELECT pay FROM hr.staff, expect: { decision: mask, masked: [pay] } }",
        "{ statement: SELECT pay FROM other.staff, expect: { decision: allow, masked: [] } }",
        "{ statement: SELECT pay FROM staff, expect: { decision: mask, masked: [pay] } }",
        "{ statement: SELECT * FROM patients, columns: [patients.id, patients.ssn], expect: { decision: mask, masked: [ssn] } }",
        "{ statement: DROP TABLE x, expect: { decision: deny, rule: no-drop } }",
        "{ statement: SELECT 1, identity: { name: eve, workload: agents }, expect: { decision: hold, rule: eve } }",
        "{ statement: SELECT 1, rows: 11, expect: { decision: deny, rule: many } }",
        "{ statement: SELECT 1, rows: 10, bytes: 100, expect: { decision: allow } }",
        "{ statement: SELECT 1, bytes: 101, expect: { decision: deny, rule: many } }",
        "{ statement: SELECT $1, parameters: ['13'], expect: { decision: deny, rule: bound } }",
        "{ statement: SELECT ssn FROM patients, user: auditor, expect: { decision: deny, rule: reach } }",
        "{ statement: SELECT id FROM patients, user: auditor, expect: { decision: allow } }",
        "{ statement: SELECT upper(ssn) FROM patients, user: auditor, expect: { decision: deny, rule: reach } }",
        "{ statement: SELECT 1; DROP TABLE x, expect: { decision: deny, rule: no-drop } }",
        "{ statement: SELECT 1; nonsense, expect: { decision: deny, rule: uncertain } }",
        "{ statement: ';', expect: { decision: allow } }",
        "{ statement: SELECT 1, database: lab, expect: { decision: deny, rule: here } }",
        "{ statement: SELECT 1, application: excel, expect: { decision: deny, rule: here } }",
        "{ statement: DROP TABLE x, service: other, expect: { decision: allow } }",
        "{ statement: DROP TABLE x, identity: { workload: people }, service: clinic, expect: { decision: allow } }",
        "{ statement: nonsense, expect: { decision: deny, rule: uncertain } }",
    ] {
        assert_eq!(failures(&with_test(test)), Vec::<String>::new(), "{test}");
    }
}

#[test]
fn wrong_expectations_fail_and_say_how() {
    let unknown = "expected masked columns, but the result's columns cannot be told without a database: state `columns`";
    for (test, expected) in [
        (
            "{ statement: DROP TABLE x, expect: { decision: allow } }",
            vec!["expected allow, got deny by rule no-drop: no"],
        ),
        (
            "{ statement: SELECT id FROM patients, expect: { decision: mask } }",
            vec!["expected mask, got allow"],
        ),
        (
            "{ statement: SELECT ssn FROM patients, expect: { decision: allow, masked: [] } }",
            vec!["expected masked [], got [ssn]"],
        ),
        (
            "{ statement: DROP TABLE x, expect: { decision: deny, rule: many } }",
            vec!["expected rule many to decide, got no-drop"],
        ),
        (
            "{ statement: SELECT * FROM patients, expect: { decision: allow, masked: [ssn] } }",
            vec![unknown],
        ),
        (
            "{ statement: SELECT * FROM patients, expect: { decision: mask } }",
            vec![
                "expected mask, got allow; the result's columns cannot be told without a database: state `columns`",
            ],
        ),
    ] {
        assert_eq!(failures(&with_test(test)), expected, "{test}");
    }
    let result = run_tests(&set(&[&with_test(
        "{ statement: \"DROP\\n TABLE x\", expect: { decision: allow } }",
    )]))
    .remove(0);
    assert_eq!(
        result.to_string(),
        "FAILED policy.yaml:13:5: DROP TABLE x\n         expected allow, got deny by rule no-drop: no"
    );
}

#[test]
fn a_test_that_its_policy_is_not_about_says_so() {
    let text = "name: p\napplies: { services: ['[ab]c'] }\ntests:\n- { statement: SELECT 1, expect: { decision: allow } }";
    assert_eq!(
        failures(text),
        ["the policy does not apply to service `[ab]c` and identity `test`: state `service` and `identity`"]
    );
}

#[test]
fn mask_all_masks_every_column() {
    let text = "name: p\nuncertain: mask-all\ntests:\n- { statement: nonsense, columns: [a.b, a.c], expect: { decision: mask, masked: [b, c] } }";
    assert_eq!(failures(text), Vec::<String>::new());
}
