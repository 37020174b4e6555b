use std::fmt::Write as _;

use interdict_sql::{Effect, Effects, Gap};
use proptest::prelude::*;

use super::*;
use crate::request::{HoldMode, Identity};
use crate::set::PolicySet;
use crate::testkit::{World, set};

fn decide(set: &PolicySet, world: &World) -> Decision {
    let request = world.request();
    set.effective(request.service, request.identity).decide(&request)
}

/// `verdict:rule` of the decision.
fn said(set: &PolicySet, world: &World) -> String {
    let Decision { verdict, rule, .. } = decide(set, world);
    let verdict = match verdict {
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
        Verdict::Hold(_) => "hold",
        Verdict::MaskAll => "mask-all",
    };
    format!("{verdict}:{}", rule.as_deref().unwrap_or(""))
}

const HOLD: &str = "{ hold: { approvers: ['group:dba'] } }";

/// A rule: `(name, when, then)`.
type Written = (&'static str, &'static str, &'static str);

/// A policy of rules, with more keys before them.
fn policy(name: &str, more: &str, rules: &[(&str, &str, &str)]) -> String {
    let mut text = format!("name: {name}\n{more}\n");
    if !rules.is_empty() {
        text.push_str("rules:\n");
    }
    for (name, when, then) in rules {
        writeln!(text, "  - {{ name: {name}, when: '{when}', then: {then} }}").unwrap();
    }
    text
}

#[test]
fn the_first_match_wins_and_the_default_comes_last() {
    let world = World::default();
    let table: &[(&str, &[Written], &str)] = &[
        ("", &[], "allow:"),
        ("default: deny", &[], "deny:default"),
        ("", &[("a", "true", "deny")], "deny:a"),
        ("", &[("a", "true", "allow"), ("b", "true", "deny")], "allow:a"),
        ("", &[("a", "false", "allow"), ("b", "true", "deny")], "deny:b"),
        (
            "default: deny",
            &[("a", "kind == \"select\"", "allow")],
            "allow:a",
        ),
        (
            "default: deny",
            &[("a", "kind == \"copy\"", "allow")],
            "deny:default",
        ),
        ("", &[("a", "true", HOLD), ("b", "true", "deny")], "hold:a"),
        // A condition without an answer refuses, where it stands.
        ("", &[("a", "identity.pod == \"x\"", "allow")], "deny:a"),
        (
            "",
            &[("a", "true", "allow"), ("b", "identity.pod == \"x\"", "deny")],
            "allow:a",
        ),
    ];
    for (more, rules, expected) in table {
        assert_eq!(
            said(&set(&[&policy("p", more, rules)]), &world),
            *expected,
            "{more} {rules:?}"
        );
    }
}

#[test]
fn at_one_position_of_several_policies_the_strictest_is_tried_first() {
    let world = World::default();
    let allow = policy("allow", "", &[("a", "true", "allow")]);
    let deny = policy("deny", "", &[("d", "true", "deny")]);
    let hold = policy("hold", "", &[("h", "true", HOLD)]);
    let late = policy("late", "", &[("x", "false", "allow"), ("l", "true", "deny")]);
    let refusing = policy("refusing", "default: deny", &[]);
    let table: &[(&[&str], &str)] = &[
        (&[&allow, &deny], "deny:d"),
        (&[&deny, &allow], "deny:d"),
        (&[&allow, &hold], "hold:h"),
        (&[&hold, &deny, &allow], "deny:d"),
        // An earlier position goes before a stricter verdict.
        (&[&late, &allow], "allow:a"),
        (&[&refusing, &late], "deny:l"),
        (&[&refusing, &allow], "allow:a"),
        (&[&refusing], "deny:default"),
        (&[], "allow:"),
    ];
    for (texts, expected) in table {
        assert_eq!(said(&set(texts), &world), *expected);
    }
}

#[test]
fn only_policies_that_apply_speak() {
    let elsewhere = policy(
        "elsewhere",
        "applies: { services: [lab] }",
        &[("d", "true", "deny")],
    );
    let others = policy(
        "others",
        "applies: { identities: ['workload=people'] }",
        &[("d", "true", "deny")],
    );
    let ours = policy(
        "ours",
        "applies: { services: ['clin*'], identities: ['workload=agents'] }",
        &[("o", "true", "deny")],
    );
    let world = World::default();
    assert_eq!(said(&set(&[&elsewhere, &others]), &world), "allow:");
    let all = set(&[&elsewhere, &others, &ours]);
    assert_eq!(said(&all, &world), "deny:o");
    let effective = all.effective("clinic", &world.identity);
    assert_eq!(effective.policies().collect::<Vec<_>>(), ["ours"]);
    assert!(effective.same(&all.effective("clinic", &world.identity)));
    assert!(!effective.same(&all.effective("lab", &world.identity)));
    let nobody = all.effective("other", &Identity::default());
    assert!(nobody.is_empty() && !nobody.needs_analysis() && !nobody.masks_columns());
    assert_eq!(
        (nobody.literals(), nobody.uncertain()),
        (Literals::Keep, Verdict::Allow)
    );
}

#[test]
fn what_is_not_understood_meets_the_stricter_of_rule_and_posture() {
    let table: &[(&str, &[Written], &str, bool)] = &[
        ("", &[], "deny:uncertain", false),
        ("uncertain: hold", &[], "hold:uncertain", false),
        ("uncertain: mask-all", &[], "mask-all:uncertain", true),
        ("", &[("a", "true", "allow")], "deny:uncertain", false),
        (
            "",
            &[("a", "!complete && kind == \"select\"", "allow")],
            "allow:a",
            false,
        ),
        ("", &[("a", "true", HOLD)], "deny:uncertain", false),
        ("uncertain: hold", &[("a", "true", HOLD)], "hold:a", false),
        ("uncertain: mask-all", &[("a", "true", HOLD)], "hold:a", true),
        ("uncertain: mask-all", &[("a", "true", "deny")], "deny:a", false),
        ("{uncertain: mask-all, default: deny}", &[], "deny:default", false),
    ];
    for (more, rules, expected, mask_all) in table {
        let more = more.trim_matches(['{', '}']).replace(", ", "\n");
        let world = World {
            complete: false,
            gaps: vec![Gap::Dynamic],
            ..World::default()
        };
        let set = set(&[&policy("p", &more, rules)]);
        assert_eq!(said(&set, &world), *expected, "{more} {rules:?}");
        assert_eq!(decide(&set, &world).mask_all, *mask_all, "{more} {rules:?}");
    }
    let world = World {
        complete: false,
        gaps: vec![Gap::Dynamic],
        ..World::default()
    };
    let lax = policy("lax", "uncertain: mask-all", &[]);
    let strict = policy("strict", "uncertain: deny", &[]);
    let decision = decide(&set(&[&lax, &strict]), &world);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(decision.policy.as_deref(), Some("strict"));
    assert_eq!(
        decision.message.as_deref(),
        Some("the statement could not be analysed completely: the routine runs SQL built at run time")
    );
    let decision = decide(&set(&[]), &world);
    assert_eq!(decision, Decision::allow(), "no policy, no posture");
}

#[test]
fn a_decision_says_who_and_why() {
    let text = "name: p\nrules:\n\
        - { name: told, when: '\"drop\" in effects', then: deny, message: not here, hint: ask }\n\
        - { name: untold, when: 'kind == \"copy\"', then: deny }\n\
        - { name: failing, when: 'parameters[9] == \"x\"', then: allow }\n\
        - { name: held, when: 'true', then: { hold: { approvers: ['group:dba', 'user:eve'], timeout: 90s, mode: retry } } }";
    let set = set(&[text]);
    let decision = decide(&set, &World::default());
    assert_eq!(
        (
            decision.message.as_deref(),
            decision.hint.as_deref(),
            decision.policy.as_deref()
        ),
        (Some("not here"), Some("ask"), Some("p"))
    );
    let reads = World {
        effects: Effects::of(&[Effect::Read]),
        ..World::default()
    };
    let copies = World {
        kind: "copy",
        effects: Effects::of(&[Effect::Read]),
        ..World::default()
    };
    assert_eq!(
        decide(&set, &copies).message.as_deref(),
        Some("rule untold of policy p refuses this statement")
    );
    assert_eq!(
        decide(&set, &reads).message.as_deref(),
        Some(
            "the condition of rule failing of policy p failed: it asks for an element that the list does not have"
        )
    );
    let ten = World {
        parameters: vec![None; 10],
        effects: Effects::of(&[Effect::Read]),
        ..World::default()
    };
    let held = decide(&set, &ten);
    let Verdict::Hold(hold) = held.verdict else {
        panic!("{held:?}")
    };
    assert_eq!(hold.approvers, ["group:dba", "user:eve"]);
    assert_eq!((hold.timeout.as_secs(), hold.mode), (90, HoldMode::Retry));
}

#[test]
fn the_first_entry_that_names_a_column_masks_it() {
    let first = "name: first\npredicates: deny\nmask:\n\
        - { columns: ['patients.ssn'], with: { partial: { keep_last: 4 } } }\n\
        - { columns: ['*.ssn', '$.patient.ssn', '**.mrn'], with: redact }";
    let second = "name: second\nmask:\n- { columns: ['lab.*.ssn', '*.email'], with: null }\n- { detect: [email], with: redact }";
    let set = set(&[first, second]);
    let effective = set.effective("clinic", &Identity::default());
    let mask = |schema: &str, table: &str, column: &str| {
        effective
            .column_mask("emr", schema, table, column)
            .map(|found| format!("{} {}", found.rule, found.mask))
    };
    assert_eq!(
        mask("public", "Patients", "SSN").as_deref(),
        Some("first:patients.ssn partial(keep_last=4)")
    );
    assert_eq!(mask("lab", "tests", "ssn").as_deref(), Some("first:*.ssn redact"));
    assert_eq!(
        mask("public", "staff", "email").as_deref(),
        Some("second:*.email null")
    );
    assert_eq!(mask("public", "staff", "name"), None);
    assert_eq!(mask("pg_catalog", "pg_x", "email"), None);
    assert_eq!(
        effective
            .column_mask("emr", "public", "staff", "email")
            .unwrap()
            .predicates,
        Predicates::Equality
    );
    assert_eq!(effective.predicates(), Predicates::Deny);
    assert!(effective.may_mask_relation("emr", None, "anything"));
    assert!(!effective.may_mask_relation("emr", Some("pg_catalog"), "pg_class"));
    assert!(effective.detection().is_some() && effective.needs_analysis() && effective.masks_columns());
    let json: Vec<_> = effective
        .json_masks()
        .map(|(pattern, mask)| format!("{pattern} {mask}"))
        .collect();
    assert_eq!(json, ["$.patient.ssn redact", "**.mrn redact"]);
    let narrow = crate::testkit::set(&["name: n\nmask: [{ columns: ['public.patients.*'], with: redact }]"]);
    let narrow = narrow.effective("clinic", &Identity::default());
    assert!(
        narrow.may_mask_relation("emr", None, "patients") && !narrow.may_mask_relation("emr", None, "visits")
    );
    assert!(!narrow.may_mask_relation("emr", Some("other"), "patients"));
}

#[test]
fn literals_are_masked_if_any_policy_says_so() {
    let keep = set(&["name: k\nrecord: { literals: keep }"]);
    assert_eq!(
        keep.effective("s", &Identity::default()).literals(),
        Literals::Keep
    );
    let both = set(&["name: k\nrecord: { literals: keep }", "name: m"]);
    assert_eq!(
        both.effective("s", &Identity::default()).literals(),
        Literals::Mask
    );
}

fn rules() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let when = prop::sample::select(vec![
        "true",
        "false",
        "\"drop\" in effects",
        "kind == \"select\"",
        "tables.exists(t, t == \"visits\")",
        "identity.pod == \"x\"",
        "!complete",
    ]);
    let then = prop::sample::select(vec!["allow", "deny", HOLD]);
    prop::collection::vec((when, then), 0..5)
}

fn named(rules: &[(&str, &str)], more: &str) -> String {
    let names: Vec<String> = (0..rules.len()).map(|index| format!("r{index}")).collect();
    let rules: Vec<_> = names
        .iter()
        .zip(rules)
        .map(|(name, (when, then))| (name.as_str(), *when, *then))
        .collect();
    policy("p", more, &rules)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whoever appends to a policy can only speak where it was silent.
    #[test]
    fn an_allow_after_a_deny_never_changes_the_deny(
        before in rules(),
        after in rules(),
        dropping: bool,
        complete: bool,
        default in prop::sample::select(vec!["default: allow", "default: deny"]),
    ) {
        let effects = if dropping { Effects::of(&[Effect::Drop]) } else { Effects::of(&[Effect::Read]) };
        let world = World { effects, complete, ..World::default() };
        let shorter = decide(&set(&[&named(&before, default)]), &world);
        let added: Vec<_> = after.iter().map(|(when, _)| (*when, "allow")).collect();
        let longer: Vec<_> = before.iter().copied().chain(added).collect();
        let longer = decide(&set(&[&named(&longer, default)]), &world);
        let by_rule = shorter.rule.as_deref().is_some_and(|rule| rule.starts_with('r'));
        if by_rule {
            prop_assert_eq!(&shorter, &longer);
        }
    }

    /// A second policy without rules and with lax postures changes nothing.
    #[test]
    fn a_silent_policy_changes_nothing(rules in rules(), complete: bool) {
        let world = World { complete, ..World::default() };
        let text = named(&rules, "");
        let alone = decide(&set(&[&text]), &world);
        let both = decide(&set(&[&text, "name: silent\nuncertain: mask-all"]), &world);
        prop_assert_eq!(alone, both);
    }
}
