use std::fmt::Write as _;

use super::*;
use crate::set::PolicySet;
use crate::testkit::{World, set};

fn rules(rules: &[(&str, &str)]) -> PolicySet {
    let mut text = "name: p\nrules:\n".to_owned();
    for (index, (when, then)) in rules.iter().enumerate() {
        writeln!(text, "  - {{ name: r{index}, when: '{when}', then: {then} }}").unwrap();
    }
    set(&[&text])
}

fn watch(set: &PolicySet) -> Option<ResultWatch> {
    let world = World::default();
    let request = world.request();
    set.effective(request.service, request.identity).watch(&request)
}

/// Pumps a result of so many rows, each of ten bytes, asking only when due: `(rows sent, rule)` of the first decision.
fn pump(watch: &mut ResultWatch, rows: u64) -> Option<(u64, String)> {
    (1..=rows).find_map(|row| {
        let decision = watch
            .due(row, row * 10)
            .then(|| watch.check(row, row * 10))
            .flatten()?;
        Some((row - 1, decision.rule.unwrap().to_string()))
    })
}

#[test]
fn a_limit_is_met_before_the_row_beyond_it() {
    let mut limit = watch(&rules(&[("result.rows > 1000", "deny")])).unwrap();
    assert_eq!((limit.next_rows(), limit.next_bytes()), (1001, u64::MAX));
    assert_eq!(pump(&mut limit, 1000), None);
    assert_eq!(pump(&mut limit, 5000), Some((1000, "r0".to_owned())));
    assert_eq!(
        (limit.next_rows(), limit.next_bytes()),
        (u64::MAX, u64::MAX),
        "it has spoken"
    );
    let mut bytes = watch(&rules(&[("result.bytes >= 500", "deny")])).unwrap();
    assert_eq!(pump(&mut bytes, 5000), Some((49, "r0".to_owned())));
}

#[test]
fn conditions_may_mix_the_result_with_the_statement() {
    let set_of = |when: &str| rules(&[(when, "deny")]);
    let table = [
        (r#"result.rows > 5 && "public.patients" in tables"#, Some(5)),
        (r#"result.rows > 5 && "nothing" in tables"#, None),
        (
            r#"result.rows > 5 && identity.claim.sub == "alice" && parameters[0] == "42""#,
            Some(5),
        ),
        (
            r#"result.rows > 5 && statement.contains("ssn") && user == "svc" && complete"#,
            Some(5),
        ),
        (
            r#"result.rows > 5 && masked_columns.exists(c, c.endsWith("ssn")) && database == "emr""#,
            Some(5),
        ),
        (
            r#"result.rows > 5 && service == "clinic" && protocol == "postgres" && application == "psql""#,
            Some(5),
        ),
        (
            r#"result.rows > 5 && kind == "select" && "drop" in effects"#,
            Some(5),
        ),
        // It fails on the first row for which it needs what is not there.
        (r#"result.rows > 5 && identity.pod == "x""#, Some(5)),
        // Not seen through: asked at the first and then every thousandth row.
        ("result.rows * 2 > 10", Some(999)),
        ("result.rows < 3", Some(0)),
    ];
    for (when, expected) in table {
        let stopped = pump(&mut watch(&set_of(when)).unwrap(), 3000).map(|(rows, _)| rows);
        assert_eq!(stopped, expected, "{when}");
    }
}

#[test]
fn earlier_rules_shadow_later_ones() {
    assert!(watch(&rules(&[("true", "allow"), ("result.rows > 5", "deny")])).is_none());
    assert!(watch(&rules(&[("true", "deny"), ("result.rows > 5", "deny")])).is_none());
    assert!(
        watch(&rules(&[("result.rows > 5", "deny"), ("true", "deny")])).is_none(),
        "it does not get that far"
    );
    assert!(watch(&rules(&[("false", "deny")])).is_none());
    assert!(
        watch(&rules(&[
            ("false", "allow"),
            ("result.rows > 5", "deny"),
            ("true", "allow")
        ]))
        .is_some()
    );
    let mut shadowed = watch(&rules(&[
        ("result.rows <= 20", "allow"),
        ("result.rows > 5", "deny"),
    ]))
    .unwrap();
    assert_eq!(pump(&mut shadowed, 100), Some((20, "r1".to_owned())));
}

#[test]
fn after_a_hold_that_was_approved_only_earlier_rules_are_asked() {
    let hold = "{ hold: { approvers: ['group:x'] } }";
    let set = rules(&[
        ("result.rows > 50", "deny"),
        ("result.rows > 10", hold),
        ("result.rows > 20", "deny"),
    ]);
    let mut watch = watch(&set).unwrap();
    assert_eq!(pump(&mut watch, 100), Some((10, "r1".to_owned())));
    let mut rest = None;
    for row in 11..=100 {
        if watch.due(row, 0)
            && let Some(decision) = watch.check(row, 0)
        {
            rest = Some((row, decision.rule.unwrap().to_string()));
            break;
        }
    }
    assert_eq!(rest, Some((51, "r0".to_owned())));
}
