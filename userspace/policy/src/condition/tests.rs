use interdict_sql::Effect;
use proptest::prelude::*;

use super::*;
use crate::testkit::World;

fn evaluate(text: &str) -> Result<bool, Failure> {
    let condition = Condition::new(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let world = World::default();
    let request = world.request();
    condition.evaluate(&mut Scope::with_counts(&request, Counts { rows: 7, bytes: 900 }))
}

#[test]
fn every_variable_has_its_value() {
    let table = [
        (r#"effects.exists(e, e in ["drop", "truncate"])"#, true),
        (r#"effects.exists(e, e in ["grant"])"#, false),
        (r#"effects.exists(e, e == "drop" || e == "grant")"#, true),
        (r#"effects.all(e, e in ["read", "drop"])"#, true),
        (r#"effects.all(e, e != "drop")"#, false),
        (r#""drop" in effects && !("grant" in effects)"#, true),
        ("size(effects) == 2 && effects.size() == 2", true),
        (r#"effects.exists_one(e, e.startsWith("dr"))"#, true),
        (r#"effects.filter(e, e != "read") == ["drop"]"#, true),
        (r#"effects.map(e, e + "!") == ["read!", "drop!"]"#, true),
        (
            r#"relations.exists(r, r.schema == "public" && r.name == "patients" && r.access == "read")"#,
            true,
        ),
        (r#"relations.exists(r, r.access == "define")"#, false),
        (r#"relations.all(r, r.schema != "")"#, false),
        (r#""public.patients" in tables && "visits" in tables"#, true),
        (r#"tables.exists(t, t.endsWith("patients"))"#, true),
        (r#"kind == "select""#, true),
        (r#"kind in ["insert", "update"]"#, false),
        (r#""select" != kind"#, false),
        (r#"statement.contains("ssn")"#, true),
        (r#"statement.matches("(?i)from\\s+patients")"#, true),
        (r#"matches(statement, "^INSERT")"#, false),
        (r#"statement.lowerAscii().contains("select ssn")"#, true),
        ("complete", true),
        ("!complete", false),
        (
            r#"service == "clinic" && protocol == "postgres" && database == "emr""#,
            true,
        ),
        (r#"user == "svc" && application.startsWith("ps")"#, true),
        (
            r#"identity.name == "agents/etl" && identity.workload == "agents""#,
            true,
        ),
        (r#"identity["workload"] == "agents""#, true),
        (r#"identity.claim.sub == "alice""#, true),
        ("has(identity.pod)", false),
        (r#"has(identity.pod) && identity.pod == "x""#, false),
        (
            r#"parameters[0] == "42" && parameters[1] == null && size(parameters) == 2"#,
            true,
        ),
        (r#"parameters.exists(p, p == "42")"#, true),
        (r#"masked_columns.exists(c, c.endsWith(".ssn"))"#, true),
        ("result.rows > 5 && result.bytes < 1000", true),
        ("5 < result.rows && 900 >= result.bytes", true),
        ("result.rows * 2 > 13", true),
        ("result.rows == 8 || result.rows != 7", false),
        ("true", true),
        (r#"complete ? kind == "select" : false"#, true),
        ("int(\"7\") == result.rows", true),
    ];
    for (text, expected) in table {
        assert_eq!(evaluate(text), Ok(expected), "{text}");
    }
}

#[test]
fn what_has_no_answer_is_a_failure_that_shows_no_value() {
    let table = [
        (r#"identity.pod == "x""#, Failure::Missing),
        (r#"parameters[5] == "x""#, Failure::Index),
        ("parameters[0] > 5", Failure::Type),
        ("result.rows / 0 > 1", Failure::Arithmetic),
        ("result.rows * 9223372036854775807 > 1", Failure::Arithmetic),
        ("int(parameters[1]) > 5", Failure::Type),
        (r#"!complete || identity.pod == "x""#, Failure::Missing),
    ];
    for (text, expected) in table {
        let failure = evaluate(text).unwrap_err();
        assert_eq!(failure, expected, "{text}");
        assert!(!failure.to_string().contains("42"));
    }
    // A side that decides alone hides the other's failure, on either side.
    for text in [
        r#"complete || identity.pod == "x""#,
        r#"identity.pod == "x" || complete"#,
    ] {
        assert_eq!(evaluate(text), Ok(true), "{text}");
    }
    for text in [
        r#"!complete && identity.pod == "x""#,
        r#"identity.pod == "x" && !complete"#,
    ] {
        assert_eq!(evaluate(text), Ok(false), "{text}");
    }
}

#[test]
fn what_cannot_work_is_found_at_load() {
    let table: &[(&str, usize, &str)] = &[
        ("", 0, "the condition is empty"),
        ("kind ==", 7, "not CEL"),
        ("kind = \"x\"", 5, "not CEL"),
        (
            "effcts.exists(e, e == \"drop\")",
            0,
            "unknown variable `effcts`; did you mean `effects`?",
        ),
        (
            "complete && banana",
            12,
            "unknown variable `banana`; expected application, complete,",
        ),
        (
            "effects.exists(e, e in [\"drop\", \"drp\"])",
            32,
            "unknown effect \"drp\"; did you mean \"drop\"?",
        ),
        (
            "\"banana\" in effects",
            0,
            "unknown effect \"banana\"; expected read, write,",
        ),
        (
            "effects.exists(e, \"droop\" == e)",
            18,
            "unknown effect \"droop\"",
        ),
        (
            "relations.exists(r, r.access == \"reads\")",
            32,
            "unknown access \"reads\"; did you mean \"read\"?",
        ),
        (
            "relations.exists(r, r.table == \"x\")",
            21,
            "a relation has no `table`; expected schema, name or access",
        ),
        (
            "result.row > 5",
            6,
            "the result's counts has no `row`; expected rows or bytes",
        ),
        ("effects", 0, "the condition is a list; expected true or false"),
        (
            "result.rows + 1",
            12,
            "the condition is a number; expected true or false",
        ),
        (
            "parameters[0]",
            10,
            "the condition is a value of any type; expected true or false",
        ),
        ("kind", 0, "the condition is a string; expected true or false"),
        ("complete == \"true\"", 9, "a boolean never equals a string"),
        ("result.rows > \"5\"", 12, "a number and a string have no order"),
        ("kind && complete", 0, "expected true or false; this is a string"),
        (
            "kind in statement",
            8,
            "`in` needs a list on its right; this is a string",
        ),
        (
            "5 in effects",
            2,
            "a number is never in a list whose elements are a string",
        ),
        (
            "sizes(effects) > 1",
            5,
            "unknown function `sizes`; expected contains,",
        ),
        (
            "effects.contains(\"drop\")",
            16,
            "`contains` does not work on a list and a string",
        ),
        (
            "kind.startsWith(5)",
            15,
            "`startsWith` does not work on a string and a number",
        ),
        ("statement.matches(\"[a\")", 18, "not a regular expression"),
        (
            "complete.exists(c, c)",
            0,
            "a boolean has no elements to go through",
        ),
        (
            "effects.exists(kind, kind == \"drop\")",
            0,
            "`kind` is a variable already; use another name",
        ),
        ("kind.x == \"y\"", 4, "`.x`: a string has no fields"),
        (
            "result.rows + 1.5 > 2.0",
            12,
            "integers and fractions are not mixed",
        ),
        ("Foo{a: 1} == 1", 3, "messages cannot be built"),
    ];
    for (text, offset, message) in table {
        let problems = Condition::new(text)
            .err()
            .unwrap_or_else(|| panic!("{text} is accepted"));
        let found = problems
            .iter()
            .any(|problem| problem.offset == *offset && problem.message.contains(message));
        assert!(found, "{text}: {problems:?}");
    }
    // Everything that is wrong is found at once.
    assert_eq!(
        Condition::new("knd == \"x\" && usr == \"y\" && complet")
            .unwrap_err()
            .len(),
        3
    );
}

#[test]
fn common_conditions_need_no_interpreter() {
    fn native(plan: &Plan) -> bool {
        match plan {
            Plan::And(a, b) | Plan::Or(a, b) => native(a) && native(b),
            Plan::Not(inner) => native(inner),
            Plan::Cel { .. } => false,
            Plan::AnyEffect(_)
            | Plan::AnyRelation(_)
            | Plan::Complete
            | Plan::Constant(_)
            | Plan::Count { .. }
            | Plan::Text { .. } => true,
        }
    }
    for text in [
        r#"effects.exists(e, e in ["drop", "truncate"])"#,
        r#"effects.exists(e, e == "drop" || !(e in ["read", "write"]))"#,
        r#"effects.all(e, e in ["read"]) && kind == "select""#,
        r#""drop" in effects || !complete"#,
        r#"relations.exists(r, r.access == "read" && !(r.name in ["a", "b"]))"#,
        r#"relations.all(r, r.schema.matches("^pg_") || r.name != "x")"#,
        "result.rows > 1000 || 5000000 <= result.bytes",
        r#"statement.matches("(?i)pg_sleep") && !(service in ["a", "b"])"#,
    ] {
        assert!(native(&Condition::new(text).unwrap().plan), "{text}");
    }
    assert!(!native(&Condition::new("size(effects) > 1").unwrap().plan));
}

/// Conditions over everything that has a native form.
fn conditions() -> impl Strategy<Value = String> {
    let effect = || prop::sample::select(Effect::ALL.to_vec()).prop_map(|effect| format!("\"{effect}\""));
    let effects =
        move || prop::collection::vec(effect(), 0..4).prop_map(|words| format!("[{}]", words.join(", ")));
    let test = prop_oneof![
        effects().prop_map(|list| format!("e in {list}")),
        effect().prop_map(|word| format!("e == {word}")),
        effect().prop_map(|word| format!("{word} != e")),
        (effects(), effect())
            .prop_map(|(list, word)| format!("!(e in {list}) && e != {word} || e == {word}")),
    ];
    let field = prop::sample::select(vec![
        r#"r.name == "patients""#,
        r#""visits" != r.name"#,
        r#"r.schema in ["public", "x"]"#,
        "r.schema == ''",
        r#"r.access == "read""#,
        r#"r.name.startsWith("vis")"#,
        r#"r.name.matches("^p.*s$")"#,
    ]);
    let relation = (
        field.clone(),
        prop::sample::select(vec!["&&", "||"]),
        field,
        any::<bool>(),
    )
        .prop_map(|(a, by, b, not)| {
            if not {
                format!("!({a} {by} {b})")
            } else {
                format!("{a} {by} {b}")
            }
        });
    let leaf = prop_oneof![
        relation
            .clone()
            .prop_map(|test| format!("relations.exists(r, {test})")),
        relation.prop_map(|test| format!("relations.all(r, {test})")),
        test.clone().prop_map(|test| format!("effects.exists(e, {test})")),
        test.prop_map(|test| format!("effects.all(e, {test})")),
        effect().prop_map(|word| format!("{word} in effects")),
        prop::sample::select(vec![
            "complete",
            "true",
            "false",
            "kind == \"select\"",
            "\"copy\" != kind"
        ])
        .prop_map(str::to_owned),
        Just("kind in [\"copy\", \"insert\"]".to_owned()),
        Just("statement.contains(\"ssn\")".to_owned()),
        Just("identity.pod == \"x\"".to_owned()),
        (
            prop::sample::select(vec!["rows", "bytes"]),
            prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]),
            0..4
        )
            .prop_map(|(of, by, than)| format!("result.{of} {by} {than}")),
        (0..4, prop::sample::select(vec!["<", "<=", ">", ">="]))
            .prop_map(|(than, by)| format!("{than} {by} result.rows")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The native forms mean what CEL means.
    #[test]
    fn native_forms_agree_with_cel(
        text in conditions(),
        effects in prop::collection::vec(prop::sample::select(Effect::ALL.to_vec()), 0..4),
        kind in prop::sample::select(vec!["select", "copy", "insert"]),
        complete: bool,
        named in 0usize..3,
        rows in 0u64..5,
        bytes in 0u64..5,
    ) {
        let mut world = World { effects: effects.into_iter().collect(), kind, complete, ..World::default() };
        world.relations.truncate(named);
        let request = world.request();
        let counts = Counts { rows, bytes };
        let condition = Condition::new(&text).unwrap();
        let (expression, _) = parse(&text).unwrap();
        let variables = check::variables(&expression);
        let interpreted = Plan::Cel { expression, variables }.evaluate(&mut Scope::with_counts(&request, counts));
        let planned = condition.evaluate(&mut Scope::with_counts(&request, counts));
        prop_assert_eq!(planned, interpreted);
    }

    /// Between two points at which a condition asks to be asked, its truth does not change.
    #[test]
    fn truth_changes_only_where_it_is_said_to(text in conditions()) {
        let condition = Condition::new(&text).unwrap();
        let Some(changes @ Changes::At { .. }) = condition.changes() else { return Ok(()) };
        let world = World::default();
        let request = world.request();
        let truth = |rows, bytes| condition.evaluate(&mut Scope::with_counts(&request, Counts { rows, bytes })).ok();
        for bytes in 0..6u64 {
            for rows in 0..6u64 {
                // A truth at the start is asked about with the first row.
                if rows == 0 && bytes == 0 && truth(0, 0) == Some(true) {
                    prop_assert_eq!(changes.rows_after(0), 1);
                }
                if changes.rows_after(rows) > rows + 1 {
                    prop_assert_eq!(truth(rows, bytes), truth(rows + 1, bytes));
                }
                if changes.bytes_after(bytes) > bytes + 1 {
                    prop_assert_eq!(truth(rows, bytes), truth(rows, bytes + 1));
                }
            }
        }
    }
}

#[test]
fn thresholds_come_from_the_integers_compared_with() {
    let changes = |text: &str| Condition::new(text).unwrap().changes().cloned().unwrap();
    let table = [
        ("result.rows > 1000", vec![1001], vec![]),
        ("result.rows >= 1000 && kind == \"select\"", vec![1000], vec![]),
        (
            "1000 < result.rows || result.bytes > 5000000",
            vec![1001],
            vec![5_000_001],
        ),
        ("!(result.rows <= 1000)", vec![1001], vec![]),
        ("result.rows < 10", vec![1, 10], vec![]),
        ("kind == \"copy\" || result.rows > 5", vec![1, 6], vec![]),
        ("result.rows == 3", vec![3, 4], vec![]),
        (
            "result.rows > 5 && tables.exists(t, t == \"patients\")",
            vec![6],
            vec![],
        ),
        ("result.rows > -1", vec![1], vec![]),
        ("result.rows > 9223372036854775807", vec![], vec![]),
    ];
    for (text, rows, bytes) in table {
        assert_eq!(changes(text), Changes::At { rows, bytes }, "{text}");
    }
    for text in [
        "result.rows * 2 > 10",
        "result.bytes / 1024 > 10",
        "size([result.rows]) > 0",
        "has(result.rows)",
    ] {
        assert_eq!(changes(text), Changes::Anywhere, "{text}");
    }
    let anywhere = Changes::Anywhere;
    assert_eq!(
        [
            anywhere.rows_after(0),
            anywhere.rows_after(1),
            anywhere.rows_after(1000)
        ],
        [1, 1000, 2000]
    );
    assert!(Condition::new("complete").unwrap().changes().is_none());
}
