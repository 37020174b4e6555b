//! Lineage against a small clinic, where `ssn`, `phone` and `dob` of `patients` are protected.

use std::borrow::Cow;

use super::trace;
use crate::PostgresSettings;
use crate::lineage::{ColumnId, Flow, How, Lineage, Operand, Routines, Schema, SchemaColumn, Untraced};

/// The schema of the tests.
pub(in crate::postgres) struct Clinic;

const PATIENTS: u32 = 20_000;

impl Schema for Clinic {
    fn relations(&self, schema: Option<&str>, name: &str) -> Result<Vec<Cow<'_, [SchemaColumn]>>, Untraced> {
        let columns = |list: &[&str], oid: u32| {
            let columns = list.iter().enumerate().map(|(index, name)| SchemaColumn {
                name: (*name).to_owned(),
                flow: if ["ssn", "phone", "dob"].contains(name) {
                    Flow::of(ColumnId {
                        relation: oid,
                        attribute: index as i16 + 1,
                    })
                } else {
                    Flow::CLEAN
                },
            });
            vec![Cow::Owned(columns.collect())]
        };
        if schema.is_some_and(|schema| schema != "public") {
            return Ok(Vec::new());
        }
        match name {
            "patients" => Ok(columns(&["id", "name", "ssn", "phone", "dob"], PATIENTS)),
            "visits" => Ok(columns(&["id", "patient_id", "reason"], 20_001)),
            "z" => Ok(columns(&["a", "b"], 20_002)),
            "hidden" => Err(Untraced),
            _ => Ok(Vec::new()),
        }
    }

    fn routines(&self, _: Option<&str>, name: &str) -> Option<Routines> {
        match name {
            "visit_count" => Some(Routines::default()),
            "log_it" => Some(Routines {
                keeps_arguments: true,
                ..Routines::default()
            }),
            "peek" => Some(Routines {
                reads: Flow::of(ssn()),
                keeps_arguments: false,
            }),
            _ => None,
        }
    }

    fn operators(&self, symbol: &str) -> Option<Routines> {
        (symbol == "##").then(Routines::default)
    }

    fn shows_length(&self, column: ColumnId) -> bool {
        column == phone()
    }
}

fn ssn() -> ColumnId {
    ColumnId {
        relation: PATIENTS,
        attribute: 3,
    }
}

fn phone() -> ColumnId {
    ColumnId {
        relation: PATIENTS,
        attribute: 4,
    }
}

fn of(sql: &str) -> Lineage {
    let mut all = trace(sql, PostgresSettings::default(), &Clinic);
    assert_eq!(all.len(), 1, "{sql}");
    all.remove(0)
}

/// Each output column as `name:how` of the protected columns in it, `-` if it is clean, `*` for a run.
fn shown(sql: &str) -> String {
    let lineage = of(sql);
    if let Some(gap) = lineage.gap {
        return format!("gap: {gap}");
    }
    let columns = lineage.outputs.iter().map(|output| {
        let flows: Vec<_> = output
            .flow
            .iter()
            .map(|(column, how)| {
                let name = ["", "", "", "ssn", "phone", "dob"][column.attribute as usize];
                let how = match how {
                    How::Compared => "=",
                    How::Same => "",
                    How::Strict => "!",
                    How::Computed => "?",
                };
                format!("{name}{how}")
            })
            .collect();
        let flow = if flows.is_empty() {
            "-".to_owned()
        } else {
            flows.join("+")
        };
        if output.many { format!("*{flow}") } else { flow }
    });
    columns.collect::<Vec<_>>().join(" ")
}

/// The conditions: `ssn=` for an equality, `ssn?` for anything else.
fn decides(sql: &str) -> String {
    let lineage = of(sql);
    if let Some(gap) = lineage.gap {
        return format!("gap: {gap}");
    }
    let conditions = lineage.conditions.iter().map(|condition| {
        let name = ["", "", "", "ssn", "phone", "dob"][condition.column.attribute as usize];
        format!("{name}{}", if condition.equality { "=" } else { "?" })
    });
    conditions.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(cases: &[(&str, &str)], of: impl Fn(&str) -> String) {
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|(sql, wanted)| {
            let got = of(sql);
            (got != *wanted).then(|| format!("{sql}\n   wanted {wanted}\n      got {got}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn columns_are_followed_through_names_and_scopes() {
    check(
        &[
            ("SELECT id, ssn FROM patients", "- ssn"),
            ("SELECT * FROM patients", "- - ssn phone dob"),
            ("SELECT p.* FROM visits v, patients p", "- - ssn phone dob"),
            (
                "SELECT v.*, p.ssn AS x FROM visits v JOIN patients p ON p.id = v.patient_id",
                "- - - ssn",
            ),
            ("SELECT * FROM patients p(a, b, c, d, e)", "- - ssn phone dob"),
            ("SELECT c FROM patients p(a, b, c, d, e)", "ssn"),
            ("SELECT q.y FROM (SELECT ssn AS y, id FROM patients) q", "ssn"),
            ("SELECT b FROM (SELECT id, ssn FROM patients) q(a, b)", "ssn"),
            (
                "WITH t AS (SELECT phone AS x FROM patients) SELECT x, 1 FROM t",
                "phone -",
            ),
            (
                "WITH t(k) AS (SELECT phone FROM patients) SELECT k FROM t AS u",
                "phone",
            ),
            ("WITH patients AS (SELECT 1 AS ssn) SELECT ssn FROM patients", "-"),
            (
                "WITH patients AS (SELECT 1 AS ssn) SELECT ssn FROM public.patients",
                "ssn",
            ),
            (
                "SELECT (SELECT ssn FROM patients p WHERE p.id = v.patient_id) FROM visits v",
                "ssn",
            ),
            (
                "SELECT x.s FROM visits v, LATERAL (SELECT ssn s FROM patients WHERE id = v.patient_id) x",
                "ssn",
            ),
            ("SELECT (SELECT ssn) FROM patients", "ssn"),
            (
                "SELECT (SELECT q.id FROM (SELECT ssn AS id) q) FROM patients",
                "ssn",
            ),
            (
                "SELECT ssn FROM patients UNION ALL SELECT phone FROM patients",
                "ssn+phone",
            ),
            ("SELECT id FROM patients UNION ALL SELECT id FROM visits", "-"),
            (
                "SELECT ssn FROM patients UNION ALL SELECT reason FROM visits",
                "ssn?",
            ),
            ("TABLE patients", "- - ssn phone dob"),
            (
                "SELECT * FROM patients NATURAL JOIN visits",
                "- - ssn phone dob - -",
            ),
            (
                "SELECT * FROM visits JOIN (SELECT id, upper(ssn) u FROM patients) p USING (id)",
                "- - - ssn",
            ),
            ("SELECT j.ssn FROM (visits v JOIN patients p ON true) AS j", "ssn"),
            ("SELECT relname FROM pg_class", "-"),
            ("SELECT c.*, p.ssn FROM pg_class c, patients p", "*- ssn"),
            ("SELECT g, ssn FROM patients, generate_series(1, 3) g", "- ssn"),
            ("VALUES (1, (SELECT ssn FROM patients LIMIT 1))", "- ssn"),
            (
                "SELECT column1 FROM (VALUES ((SELECT ssn FROM patients LIMIT 1))) v",
                "ssn",
            ),
            (
                "WITH RECURSIVE t AS (SELECT id, '' AS s FROM visits UNION ALL \
                 SELECT t.id, p.ssn FROM t JOIN patients p ON p.id = t.id) SELECT s FROM t",
                "ssn?",
            ),
            (
                "SELECT nothing FROM patients",
                "gap: a column that is not in sight",
            ),
            (
                "SELECT ssn FROM hidden",
                "gap: the columns of hidden can't be traced",
            ),
            (
                "SELECT ssn FROM elsewhere",
                "gap: elsewhere is not in the catalogue",
            ),
        ],
        shown,
    );
}

#[test]
fn expressions_show_what_they_are_made_of() {
    check(
        &[
            (
                "SELECT ssn::text, ssn COLLATE \"C\", lower(ssn), max(ssn) FROM patients",
                "ssn ssn ssn ssn",
            ),
            (
                "SELECT ssn::varchar(3), substr(ssn, 1, 3), left(ssn, 2) || 'x' FROM patients",
                "ssn! ssn! ssn!",
            ),
            (
                "SELECT concat(ssn, name), ARRAY[ssn], ROW(ssn), (name, ssn) FROM patients",
                "ssn? ssn? ssn? ssn?",
            ),
            (
                "SELECT p, p::text, row_to_json(p), (p).ssn, (p).name FROM patients p",
                { "ssn?+phone?+dob? ssn?+phone?+dob? ssn?+phone?+dob? ssn -" },
            ),
            (
                "SELECT count(*), count(ssn), count(DISTINCT phone), ssn IS NULL FROM patients",
                "- - - -",
            ),
            ("SELECT count(nullif(ssn, 'x')) FROM patients", "-"),
            ("SELECT count(regexp_match(ssn, '^8')) FROM patients", "ssn?"),
            (
                "SELECT ssn = '852-41-7396', ssn IN ('a', $1), ssn IS DISTINCT FROM 'x' FROM patients",
                "ssn= ssn= ssn=",
            ),
            (
                "SELECT ssn > '8', ssn LIKE '8%', ssn ~ '^8', ssn BETWEEN 'a' AND 'b' FROM patients",
                { "ssn? ssn? ssn? ssn?" },
            ),
            ("SELECT substr(ssn, 1, 1) = '8' FROM patients", "ssn?"),
            ("SELECT ssn = name FROM patients", "ssn?"),
            ("SELECT length(ssn), length(phone) FROM patients", "ssn! -"),
            (
                "SELECT CASE WHEN id = 1 THEN ssn END, CASE WHEN ssn = 'x' THEN 1 ELSE 2 END FROM patients",
                "ssn -",
            ),
            (
                "SELECT coalesce(ssn, 'none'), coalesce(ssn, phone), greatest(ssn, phone) FROM patients",
                { "ssn? ssn+phone ssn?+phone?" },
            ),
            (
                "SELECT string_agg(ssn, ','), array_agg(phone), json_agg(p) FROM patients p",
                { "ssn? phone? ssn?+phone?+dob?" },
            ),
            (
                "SELECT visit_count(id), visit_count(ssn::int) FROM patients",
                "- ssn?",
            ),
            ("SELECT peek(), count(*) FROM visits", "ssn? -"),
            ("SELECT v.peek FROM visits v", "ssn?"),
            (
                "SELECT log_it(ssn) FROM patients",
                "gap: log_it may put its arguments elsewhere",
            ),
            (
                "SELECT nobody(1), ssn FROM patients",
                "gap: what nobody does is not known",
            ),
            (
                "SELECT set_config('a.b', ssn, false) FROM patients",
                "gap: set_config carries its arguments elsewhere",
            ),
            ("SELECT xmlelement(name x, ssn) FROM patients", "ssn?"),
            ("SELECT json_object('a': ssn) FROM patients", "ssn?"),
            ("SELECT ARRAY(SELECT ssn FROM patients)", "ssn?"),
            ("SELECT EXISTS (SELECT ssn FROM patients)", "-"),
            (
                "SELECT first_value(ssn) OVER (PARTITION BY id) FROM patients",
                "ssn",
            ),
            ("SELECT id ## ssn FROM patients", "ssn?"),
        ],
        shown,
    );
}

#[test]
fn what_decides_shows_in_rows_order_time_and_failure() {
    check(
        &[
            (
                "SELECT id FROM patients WHERE ssn = '1' AND phone IS NULL",
                "ssn=",
            ),
            (
                "SELECT id FROM patients WHERE lower(ssn) = lower($1) OR phone IN ('a', 'b')",
                "ssn= phone=",
            ),
            ("SELECT id FROM patients WHERE ssn = ANY ($1)", "ssn="),
            ("SELECT id FROM patients WHERE NOT (ssn <> '1')", "ssn="),
            ("SELECT id FROM patients WHERE ssn LIKE '8%'", "ssn?"),
            ("SELECT id FROM patients WHERE ssn::varchar(1) = '8'", "ssn?"),
            (
                "SELECT id FROM patients WHERE ssn = (SELECT reason FROM visits LIMIT 1)",
                "ssn?",
            ),
            ("SELECT id FROM patients ORDER BY ssn", "ssn?"),
            ("SELECT id, ssn AS s FROM patients ORDER BY 2", "ssn?"),
            ("SELECT id, ssn AS s FROM patients ORDER BY s", "ssn?"),
            ("SELECT id FROM patients ORDER BY id", ""),
            ("SELECT phone, count(*) FROM patients GROUP BY phone", ""),
            ("SELECT count(*) FROM patients GROUP BY substr(ssn, 1, 1)", "ssn?"),
            ("SELECT DISTINCT ssn FROM patients", ""),
            ("SELECT ssn FROM patients UNION SELECT '852'", "ssn?"),
            ("SELECT ssn FROM patients UNION SELECT ssn FROM patients", ""),
            (
                "SELECT count(DISTINCT v) FROM (SELECT ssn v FROM patients UNION ALL SELECT '8') q",
                "ssn?",
            ),
            ("SELECT 1 FROM patients p JOIN patients q USING (ssn)", "ssn="),
            (
                "SELECT 1 FROM patients p JOIN (VALUES ('852')) v(ssn) USING (ssn)",
                "ssn?",
            ),
            ("SELECT 1 FROM patients p, patients q WHERE p.ssn < q.ssn", "ssn?"),
            ("SELECT CASE WHEN ssn LIKE '8%' THEN 1 END FROM patients", "ssn?"),
            ("SELECT 1 / (ascii(ssn) - 56) FROM patients", "ssn?"),
            ("SELECT ssn::int FROM patients", "ssn?"),
            ("SELECT ssn > '8' AND pg_sleep(1) IS NULL FROM patients", "ssn?"),
            (
                "SELECT coalesce(regexp_match(ssn, '^8'), ARRAY['x']) FROM patients",
                "ssn?",
            ),
            (
                "SELECT replace(ssn, '8', repeat('x', 500000000)) FROM patients",
                "ssn?",
            ),
            (
                "SELECT g FROM generate_series(1, 9) g OFFSET (SELECT substr(ssn, 1, 1)::int FROM patients LIMIT 1)",
                "ssn?",
            ),
            ("SELECT g FROM patients, generate_series(1, ascii(ssn)) g", "ssn?"),
            ("SELECT count(*) FILTER (WHERE ssn >= '8') FROM patients", "ssn?"),
            ("SELECT string_agg(name, ',' ORDER BY ssn) FROM patients", "ssn?"),
            ("SELECT row_number() OVER (ORDER BY ssn) FROM patients", "ssn?"),
            (
                "UPDATE visits SET reason = reason WHERE EXISTS (SELECT 1 FROM patients WHERE ssn >= '8')",
                "ssn?",
            ),
            ("DELETE FROM patients WHERE ssn = '1'", "ssn="),
            ("EXPLAIN ANALYZE SELECT 1 FROM patients WHERE ssn >= '8'", "ssn?"),
            ("SELECT nullif(ssn, '852') FROM patients", "ssn="),
        ],
        decides,
    );
}

#[test]
fn what_is_stored_is_told_with_its_column() {
    let stores = |sql: &str| {
        let lineage = of(sql);
        assert_eq!(lineage.gap, None, "{sql}");
        let stores = lineage.stores.iter().map(|stored| {
            let column = stored.column.as_deref().unwrap_or("?");
            let new = if stored.new { "+" } else { "" };
            format!("{new}{}.{column}", stored.relation)
        });
        stores.collect::<Vec<_>>().join(" ")
    };
    check(
        &[
            ("INSERT INTO z SELECT id, ssn FROM patients", "z.b"),
            ("INSERT INTO z (b, a) SELECT id, ssn FROM patients", "z.a"),
            ("INSERT INTO z SELECT id, name FROM patients", ""),
            (
                "INSERT INTO z VALUES (1, (SELECT ssn FROM patients LIMIT 1))",
                "z.b",
            ),
            ("UPDATE z SET a = ssn FROM patients WHERE patients.id = 1", "z.a"),
            ("UPDATE patients SET phone = ssn", "patients.phone"),
            (
                "UPDATE z SET (a, b) = (SELECT id, ssn FROM patients LIMIT 1)",
                "z.b",
            ),
            ("UPDATE z SET (a, b) = (1, 'x')", ""),
            (
                "CREATE TABLE t AS SELECT id, ssn AS harmless FROM patients",
                "+t.harmless",
            ),
            ("SELECT ssn INTO t FROM patients", "+t.ssn"),
            ("CREATE VIEW w (x) AS SELECT ssn FROM patients", "+w.x"),
            (
                "MERGE INTO z USING patients p ON z.a = p.id WHEN MATCHED THEN UPDATE SET b = p.ssn",
                "z.b",
            ),
            (
                "MERGE INTO z USING patients p ON z.a = p.id WHEN NOT MATCHED THEN INSERT VALUES (1, p.ssn)",
                "z.b",
            ),
            (
                "INSERT INTO z VALUES (1, 2) ON CONFLICT DO UPDATE SET b = (SELECT ssn FROM patients LIMIT 1)",
                "z.b",
            ),
            (
                "WITH w AS (INSERT INTO z SELECT 1, ssn FROM patients RETURNING b) SELECT * FROM w",
                "z.b",
            ),
        ],
        stores,
    );
    check(
        &[
            (
                "INSERT INTO z SELECT id, ssn FROM patients RETURNING b, a",
                "ssn -",
            ),
            (
                "UPDATE patients SET name = 'x' WHERE id = 1 RETURNING *",
                "- - ssn phone dob",
            ),
            (
                "UPDATE patients SET name = 'x' RETURNING old.ssn, new.name",
                "ssn -",
            ),
            (
                "DELETE FROM visits USING patients p WHERE p.id = patient_id RETURNING p.ssn",
                "ssn",
            ),
            ("COPY patients TO STDOUT", "- - ssn phone dob"),
            ("COPY patients (id, phone) TO STDOUT", "- phone"),
            ("COPY (SELECT ssn x FROM patients) TO STDOUT", "ssn"),
            ("PREPARE p AS SELECT ssn FROM patients WHERE id = $1", "ssn"),
            ("DECLARE c CURSOR FOR SELECT phone FROM patients", "phone"),
            ("EXPLAIN SELECT ssn FROM patients", "-"),
            (
                "EXPLAIN SELECT peek()",
                "gap: a plan may show what a routine gave when it was planned",
            ),
            ("CALL p(1)", "gap: this kind of statement is not traced"),
        ],
        shown,
    );
}

#[test]
fn probes_are_listed_with_what_they_try() {
    let lineage =
        of("SELECT 1 FROM patients WHERE ssn IN ('a', $2) OR phone = ANY ('{1,2}') OR ssn = ANY ($1)");
    let probes: Vec<_> = lineage
        .probes
        .iter()
        .map(|probe| (probe.column, probe.operand.clone()))
        .collect();
    assert_eq!(
        probes,
        [
            (ssn(), Operand::Literal("a".to_owned())),
            (ssn(), Operand::Parameter(2)),
            (ssn(), Operand::ParameterArray(1)),
            (phone(), Operand::LiteralArray("{1,2}".to_owned())),
        ]
    );
}
