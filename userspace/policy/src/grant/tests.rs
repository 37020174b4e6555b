use std::sync::Arc;

use interdict_sql::{Access, Effect, Effects, Gap};

use super::*;
use crate::request::{Decision, Verdict};
use crate::testkit::{World, relation, set};

fn grant() -> Grant {
    Grant {
        identities: vec!["workload=agents".to_owned()],
        services: vec!["clinic".to_owned()],
        starts_at: 100,
        ends_at: 200,
        reason: "ticket 7".to_owned(),
        ..Grant::default()
    }
}

fn granted(change: impl FnOnce(&mut Grant)) -> Arc<Granted> {
    let mut grant = grant();
    change(&mut grant);
    Arc::new(Granted::new(grant).unwrap())
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_names_nobody_or_nothing_is_refused() {
    let wrong = |change: fn(&mut Grant)| {
        let mut grant = grant();
        change(&mut grant);
        Granted::new(grant).unwrap_err().field
    };
    assert_eq!(wrong(|grant| grant.identities.clear()), "identities");
    assert_eq!(wrong(|grant| grant.services.clear()), "services");
    assert_eq!(wrong(|grant| " ".clone_into(&mut grant.reason)), "reason");
    assert_eq!(wrong(|grant| grant.ends_at = 100), "ends_at");
    assert_eq!(wrong(|grant| grant.effects = texts(&["reed"])), "effects");
    assert_eq!(wrong(|grant| grant.relations = texts(&["a.b.c.d"])), "relations");
    assert_eq!(wrong(|grant| grant.columns = texts(&["ssn"])), "columns");
    assert_eq!(wrong(|grant| grant.services = texts(&["[a"])), "services");
}

#[test]
fn a_grant_is_for_its_time_and_its_callers() {
    let grants = Grants::new(vec![granted(|_| ())]);
    let world = World::default();
    let found = grants.of("clinic", &world.identity);
    assert_eq!(found.len(), 1);
    assert!(grants.of("lab", &world.identity).is_empty());
    assert!(grants.of("clinic", &Identity::default()).is_empty());
    let at = |now| found[0].holds_at(now);
    assert_eq!([99, 100, 199, 200].map(at), [false, true, true, false]);
}

#[test]
fn effects_come_with_what_they_need() {
    let table: &[(&[&str], &[Effect], bool)] = &[
        (&[], &[Effect::Drop], true),
        (&[], &[Effect::Read, Effect::Program], false),
        (&["read", "program"], &[Effect::Read, Effect::Program], true),
        (&["read"], &[Effect::Read], true),
        (&["read"], &[Effect::Read, Effect::Write, Effect::Update], false),
        (&["update"], &[Effect::Read, Effect::Write, Effect::Update], true),
        (
            &["delete"],
            &[Effect::Write, Effect::Delete, Effect::DeleteWithoutWhere],
            false,
        ),
        (
            &["delete_without_where"],
            &[Effect::Write, Effect::Delete, Effect::DeleteWithoutWhere],
            true,
        ),
        (&["write"], &[Effect::Write, Effect::Insert, Effect::Read], true),
        (&["write"], &[Effect::Write, Effect::Truncate], false),
        (
            &["copy_out"],
            &[Effect::Read, Effect::CopyOut, Effect::Transaction],
            true,
        ),
    ];
    for (allowed, does, expected) in table {
        let granted = granted(|grant| grant.effects = texts(allowed));
        let world = World {
            effects: Effects::of(does),
            ..World::default()
        };
        assert_eq!(
            granted.covers(&world.request()),
            *expected,
            "{allowed:?} {does:?}"
        );
    }
}

#[test]
fn relations_must_all_be_named_and_a_schema_must_be_known() {
    let table: &[(&[&str], Option<&str>, &str, bool)] = &[
        (&["patients"], None, "patients", true),
        (&["PATIENTS"], Some("public"), "patients", true),
        (&["public.patients"], Some("public"), "patients", true),
        (&["public.patients"], Some("other"), "patients", false),
        (&["public.patients"], None, "patients", false),
        (&["emr.public.pat*"], Some("public"), "patients", true),
        (&["lab.public.pat*"], Some("public"), "patients", false),
        (&["*.patients"], None, "patients", true),
        (&["visits"], None, "patients", false),
    ];
    for (allowed, schema, name, expected) in table {
        let granted = granted(|grant| grant.relations = texts(allowed));
        let mut world = World {
            relations: vec![relation(*schema, name, Access::Read)],
            ..World::default()
        };
        assert_eq!(
            granted.covers(&world.request()),
            *expected,
            "{allowed:?} {schema:?}.{name}"
        );
        world.relations.push(relation(Some("x"), "another", Access::Read));
        assert!(
            !granted.covers(&world.request()),
            "{allowed:?}: one of two is not named"
        );
    }
}

#[test]
fn what_can_not_be_followed_needs_a_grant_of_everything() {
    let world = World {
        complete: false,
        gaps: vec![Gap::Unparsable("x".into())],
        ..World::default()
    };
    assert!(granted(|_| ()).covers(&world.request()));
    assert!(!granted(|grant| grant.relations = texts(&["*"])).covers(&world.request()));
    assert!(!granted(|grant| grant.effects = texts(&["read", "drop"])).covers(&world.request()));
}

#[test]
fn holds_and_defaults_give_way_and_refusals_do_not() {
    let policy = |default: &str, then: &str| {
        format!(
            "name: p\ndefault: {default}\nrules:\n  - name: r\n    when: '\"drop\" in effects'\n    then: {then}\n"
        )
    };
    let table = [
        ("allow", "deny", Verdict::Deny, false),
        (
            "allow",
            "{ hold: { approvers: ['user:a'] } }",
            Verdict::Allow,
            true,
        ),
        ("deny", "allow", Verdict::Allow, false),
    ];
    let mut world = World::default();
    world.grants.push(granted(|_| ()));
    for (default, then, verdict, by_grant) in table {
        let set = set(&[&policy(default, then)]);
        let decision = set.effective("clinic", &world.identity).decide(&world.request());
        assert_eq!(decision.verdict, verdict, "{default} {then}");
        assert_eq!(decision.grant.is_some(), by_grant, "{default} {then}");
    }
    world.effects = Effects::of(&[Effect::Read]);
    let set = set(&[&policy("deny", "deny")]);
    let effective = set.effective("clinic", &world.identity);
    let decision = effective.decide(&world.request());
    assert_eq!(
        (decision.verdict, decision.grant.is_some()),
        (Verdict::Allow, true)
    );
    world.grants.clear();
    assert_eq!(
        effective.decide(&world.request()).rule.as_deref(),
        Some(Decision::DEFAULT)
    );
}

#[test]
fn rows_are_bounded_by_the_grant() {
    let set = set(&["name: p\ndefault: deny\n"]);
    let mut world = World::default();
    world.grants.push(granted(|grant| grant.rows = Some(10)));
    let effective = set.effective("clinic", &world.identity);
    let mut watch = effective.watch(&world.request()).unwrap();
    assert_eq!(watch.next_rows(), 11);
    assert!(watch.check(10, 0).is_none());
    let decision = watch.check(11, 0).unwrap();
    assert_eq!(
        (decision.verdict, decision.rule.as_deref()),
        (Verdict::Deny, Some(Decision::GRANT))
    );
}

#[test]
fn masks_are_lifted_by_column_and_nothing_else() {
    let set =
        set(&["name: p\nmask:\n  - columns: ['patients.ssn', 'patients.mrn', '**.ssn']\n    with: redact\n"]);
    let world = World::default();
    let effective = set.effective("clinic", &world.identity);
    let lifted = effective.lifting(&[granted(|grant| {
        grant.columns = texts(&["public.patients.ssn", "**.ssn"]);
    })]);
    let masked = |effective: &crate::Effective, schema, column| {
        effective.column_mask("emr", schema, "patients", column).is_some()
    };
    assert!(masked(&effective, "public", "ssn") && !masked(&lifted, "public", "ssn"));
    assert!(masked(&lifted, "other", "ssn") && masked(&lifted, "public", "mrn"));
    assert!(lifted.lifted("emr", "public", "patients", "ssn").is_some());
    assert_eq!(
        (effective.json_masks().count(), lifted.json_masks().count()),
        (1, 0)
    );
    assert!(!lifted.same(&effective) && effective.lifting(&[granted(|_| ())]).same(&effective));
}

#[test]
fn results_are_not_held_under_a_grant_and_still_refused() {
    let text = "name: p\nrules:\n  - name: bulk\n    when: 'result.rows > 5'\n    then: { hold: { approvers: ['user:a'] } }\n  \
                - name: huge\n    when: 'result.rows > 50'\n    then: deny\n";
    let set = set(&[text]);
    let mut world = World::default();
    let effective = set.effective("clinic", &world.identity);
    assert_eq!(effective.watch(&world.request()).unwrap().next_rows(), 6);
    world.grants.push(granted(|_| ()));
    let (decision, watch) = effective.judge(&world.request());
    assert!(decision.grant.is_some());
    assert_eq!(watch.unwrap().next_rows(), 51);
}
