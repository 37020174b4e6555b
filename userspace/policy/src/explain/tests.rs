use interdict_sql::{Effect, Effects};

use super::*;
use crate::testkit::{World, set};

const POLICY: &str = r#"
name: p
mask:
  - { columns: ["patients.ssn", "visits.reason"], with: { partial: { keep_last: 4 } } }
  - { detect: [email], with: redact }
rules:
  - { name: copies, when: 'kind == "copy"', then: deny }
  - { name: many, when: 'result.rows > 5', then: deny }
  - { name: secret, when: 'statement.contains("zzz") || parameters.exists(p, p == "zzz")', then: deny }
  - { name: drops, when: '"drop" in effects', then: { hold: { approvers: ["group:dba"] } } }
  - { name: rest, when: 'true', then: allow }
"#;

#[test]
fn every_policy_and_rule_is_accounted_for() {
    let set = set(&[
        POLICY,
        "name: other\napplies: { services: [lab] }",
        "name: people\napplies: { identities: ['workload=people'] }",
    ]);
    let world = World::default();
    let request = world.request();
    let explanation = explain(&set, &request);
    assert_eq!(
        (explanation.decision, explanation.rule.as_deref()),
        ("hold", Some("drops"))
    );
    assert!(explanation.watched);
    let applies: Vec<bool> = explanation.policies.iter().map(|policy| policy.applies).collect();
    assert_eq!(applies, [true, false, false]);
    assert_eq!(
        explanation.policies[1].why,
        "`clinic` is none of its services: lab"
    );
    assert_eq!(
        explanation.policies[2].why,
        "`agents/etl` is none of its identities: workload=people"
    );
    let outcomes: Vec<_> = explanation
        .rules
        .iter()
        .map(|rule| (rule.name.as_str(), rule.outcome))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("copies", Outcome::NotMatched),
            ("many", Outcome::WhileStreaming),
            ("secret", Outcome::NotMatched),
            ("drops", Outcome::Decides),
            ("rest", Outcome::NotReached),
        ]
    );
    assert_eq!(explanation.rules[0].why, "kind = \"select\"");
    assert_eq!(
        explanation.rules[2].why, "",
        "neither texts nor parameters are shown"
    );
    assert_eq!(explanation.rules[3].why, "effects = [read, drop]");
    assert_eq!(explanation.rules[3].then, "hold for group:dba (wait, 300 s)");
    // Only of relations that are read: `visits` is written.
    let masks: Vec<_> = explanation
        .masks
        .iter()
        .map(|mask| (mask.what.as_str(), mask.mask.as_str()))
        .collect();
    assert_eq!(masks, [("patients.ssn", "partial(keep_last=4)")]);
    assert_eq!(explanation.detectors[0].what, "email");
}

#[test]
fn the_explanation_agrees_with_the_decision() {
    let set = set(&[POLICY]);
    for (kind, effects, complete) in [
        ("copy", vec![Effect::Read], true),
        ("select", vec![Effect::Read], true),
        ("select", vec![Effect::Drop], true),
        ("select", vec![Effect::Read], false),
    ] {
        let world = World {
            kind,
            effects: Effects::of(&effects),
            complete,
            ..World::default()
        };
        let request = world.request();
        let explanation = explain(&set, &request);
        let decision = set.effective(request.service, request.identity).decide(&request);
        assert_eq!(explanation.decision, decision.verdict.word());
        assert_eq!(explanation.rule.as_deref(), decision.rule.as_deref());
        let decides = explanation
            .rules
            .iter()
            .find(|rule| rule.outcome == Outcome::Decides)
            .unwrap();
        if complete {
            assert_eq!(Some(decides.name.as_str()), decision.rule.as_deref());
        } else {
            assert_eq!(decision.rule.as_deref(), Some(Decision::UNCERTAIN));
        }
    }
}

#[test]
fn it_reads_well_and_serialises() {
    let set = set(&[POLICY, "name: other\napplies: { services: [lab] }"]);
    let world = World::default();
    let explanation = explain(&set, &world.request());
    let expected = "\
hold by drops of policy p
  message   rule drops of policy p holds this statement

statement
  kind      select
  effects   read, drop
  relations public.patients (read), visits (write)

policies for service clinic and caller agents/etl
  applies   p: it is about this service and this caller
  skipped   other: `clinic` is none of its services: lab

rules, in the order in which they are tried
  no        p/copies -> deny
            when kind == \"copy\"
            kind = \"select\"
  later     p/many -> deny
            when result.rows > 5
            it is about the result
  no        p/secret -> deny
            when statement.contains(\"zzz\") || parameters.exists(p, p == \"zzz\")
  decides   p/drops -> hold for group:dba (wait, 300 s)
            when \"drop\" in effects
            effects = [read, drop]
  -         p/rest -> allow
            when true
            an earlier rule decides

masks that columns of the relations read may get
  patients.ssn -> partial(keep_last=4) (p; public.patients)

looked for in every text
  email -> redact (p)
";
    assert_eq!(explanation.to_string(), expected);
    let json = serde_json::to_value(&explanation).unwrap();
    assert_eq!(json["rules"][3]["outcome"], "decides");
    let nothing = explain(&PolicySet::empty(), &world.request());
    assert!(nothing.to_string().starts_with("allow\n"), "{nothing}");
}
