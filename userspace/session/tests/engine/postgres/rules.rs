//! What rules are told of a statement.

use super::wire::{INT, TEXT, publish_tables, query, session_after};

const POLICY: &str = r#"name: p
applies: { services: ["*"] }
default: allow
rules:
  - name: both
    when: 'masked_columns == ["public.patients.phone", "public.patients.ssn", "public.visits.note"]'
    then: deny
    message: "no"
  - name: one
    when: 'masked_columns == ["public.patients.phone", "public.patients.ssn"]'
    then: deny
    message: "no"
  - name: none
    when: 'masked_columns == []'
    then: deny
    message: "no"
mask:
  - columns: ["patients.ssn", "patients.phone", "visits.note"]
    with: redact
"#;

#[test]
fn the_masked_columns_of_all_relations_are_named() {
    let mut session = session_after(POLICY, |shared| {
        let patients = [("id", INT), ("ssn", TEXT), ("phone", TEXT)];
        let tables: [super::wire::Table<'_>; 3] = [
            (20_000, "patients", &patients),
            (20_001, "visits", &[("id", INT), ("note", TEXT)]),
            (20_002, "wards", &[("id", INT)]),
        ];
        publish_tables(shared, &tables);
    });
    for (sql, rule) in [
        (
            "SELECT p.id FROM patients p JOIN visits v ON p.id = v.id",
            Some("both"),
        ),
        (
            "SELECT v.id FROM visits v, wards w, public.patients p",
            Some("both"),
        ),
        ("SELECT id FROM patients", Some("one")),
        ("SELECT p.id FROM patients p, patients q, wards", Some("one")),
        ("SELECT id FROM wards", Some("none")),
        ("SELECT id FROM visits", None),
    ] {
        session.forget();
        session.client(&query(sql));
        let refused = session
            .started
            .first()
            .filter(|started| started.decision == "deny");
        assert_eq!(refused.and_then(|started| started.rule.as_deref()), rule, "{sql}");
    }
}
