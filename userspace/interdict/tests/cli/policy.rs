//! `interdict policy …`

use serde_json::Value;

use crate::support::{Directory, run};

const POLICY: &str = r#"name: clinical
applies: { services: ["clinic"], identities: ["unit:*"] }
default: allow
mask:
  - columns: ["patients.ssn"]
    with: redact
rules:
  - name: no-destructive
    when: '"drop" in effects'
    then: deny
    message: "destructive statements are refused"
tests:
  - statement: "DROP TABLE patients"
    expect: { decision: deny, rule: no-destructive }
  - statement: "SELECT ssn FROM patients"
    expect: { decision: allow, masked: ["ssn"] }
"#;

const SETTINGS: &str = "services: [{ name: clinic, protocol: postgres, destinations: [\"10.0.3.7:5432\"] }]
workloads: [{ name: agents, match: { cgroup: \"/agents/**\" } }]
policies: [clinical.yaml]
";

#[test]
fn tests_of_policies_pass_or_fail() {
    let directory = Directory::new(&[("clinical.yaml", POLICY), ("notes.txt", "not a policy")]);
    for path in [directory.path(), format!("{}/clinical.yaml", directory.path())] {
        let result = run(&["policy", "test", &path]);
        assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
        assert!(
            result
                .stdout
                .ends_with("1 policies, 2 tests: 2 passed, 0 failed\n"),
            "{}",
            result.stdout
        );
    }
    directory.write(
        "clinical.yaml",
        &POLICY.replace(r#"masked: ["ssn"]"#, r#"masked: ["name"]"#),
    );
    let result = run(&["policy", "test", &directory.path()]);
    assert_eq!(result.code, 1);
    assert!(
        result.stdout.contains("FAILED") && result.stdout.contains("1 failed"),
        "{}",
        result.stdout
    );
    let result = run(&["policy", "test", "--json", &directory.path()]);
    let report: Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!(
        (
            result.code,
            &report["passed"],
            report["tests"].as_array().unwrap().len()
        ),
        (1, &Value::Bool(false), 2)
    );
}

#[test]
fn policies_that_cannot_be_tested_are_2() {
    let directory = Directory::new(&[(
        "clinical.yaml",
        &POLICY.replace("default: allow", "default: perhaps"),
    )]);
    let file = format!("{}/clinical.yaml", directory.path());
    let result = run(&["policy", "test", &file]);
    assert_eq!(result.code, 2);
    assert!(
        result.stderr.starts_with(&format!("{file}:3:")),
        "{}",
        result.stderr
    );
    let empty = Directory::new(&[]);
    assert_eq!(run(&["policy", "test", &empty.path()]).code, 2);
    assert_eq!(run(&["policy", "test", "/nonexistent/policy.yaml"]).code, 2);
}

#[test]
fn an_explanation_names_the_rule() {
    let directory = Directory::new(&[("clinical.yaml", POLICY), ("interdict.yaml", SETTINGS)]);
    let file = format!("{}/interdict.yaml", directory.path());
    let explain = |service: &str, identity: &str, statement: &str| {
        run(&[
            "policy",
            "explain",
            "--config",
            &file,
            "--service",
            service,
            "--identity",
            identity,
            "--statement",
            statement,
            "--json",
        ])
    };
    for (identity, statement, decision, rule) in [
        (
            "unit=agent-1.service",
            "DROP TABLE patients",
            "deny",
            Some("no-destructive"),
        ),
        ("unit=agent-1.service", "SELECT 1", "allow", None),
        // the policy is about units: another caller's statement meets none of it
        ("user=ann", "DROP TABLE patients", "allow", None),
        (
            "name=unit:x",
            "DROP TABLE patients",
            "deny",
            Some("no-destructive"),
        ),
    ] {
        let result = explain("clinic", identity, statement);
        assert_eq!(result.code, 0, "{}", result.stderr);
        let explanation: Value = serde_json::from_str(&result.stdout).unwrap();
        assert_eq!(explanation["decision"], decision, "{identity} {statement}");
        assert_eq!(explanation["rule"].as_str(), rule, "{identity} {statement}");
    }
    let result = explain("clinik", "user=ann", "SELECT 1");
    assert_eq!((result.code, result.stdout.as_str()), (2, ""));
    assert!(
        result
            .stderr
            .contains("no service `clinik`: expected one of clinic"),
        "{}",
        result.stderr
    );
}

#[test]
fn keys_are_named_in_explanations_and_not_asked_for_in_tests() {
    let keyed = POLICY.replace("with: redact", "with: { token: { key: patients } }");
    let directory = Directory::new(&[("clinical.yaml", &keyed), ("interdict.yaml", SETTINGS)]);
    let file = |name: &str| format!("{}/{name}", directory.path());
    let result = run(&["policy", "test", &file("clinical.yaml")]);
    assert_eq!(result.code, 0, "{}{}", result.stdout, result.stderr);
    let explain = || {
        run(&[
            "policy",
            "explain",
            "--config",
            &file("interdict.yaml"),
            "--service",
            "clinic",
            "--identity",
            "unit=a.service",
            "--statement",
            "SELECT ssn FROM patients",
        ])
    };
    let result = explain();
    assert_eq!((result.code, result.stdout.as_str()), (2, ""));
    assert_eq!(
        result.stderr,
        format!(
            "{}:6:11: no key named `patients`: a token or shift-date mask needs its key in the settings\n",
            file("clinical.yaml")
        )
    );
    directory.write(
        "interdict.yaml",
        &format!("{SETTINGS}keys: {{ patients: {{ credential: patients }} }}\n"),
    );
    let result = explain();
    assert_eq!((result.code, result.stderr.as_str()), (0, ""));
    assert!(result.stdout.contains("token(key=patients)"), "{}", result.stdout);
}

#[test]
fn the_schema_is_a_json_schema() {
    let result = run(&["policy", "schema"]);
    let schema: Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!(result.code, 0);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["properties"]["rules"].is_object());
}
