//! Lineage against a small clinic, where `ssn`, `phone` and `dob` of `patients` are protected.

use std::borrow::Cow;

use crate::lineage::{ColumnId, Flow, How, Lineage, Routines, Schema, SchemaColumn, Untraced};
use crate::mysql::{Flavour, MysqlSettings};

struct Clinic;

impl Schema for Clinic {
    fn relations(&self, schema: Option<&str>, name: &str) -> Result<Vec<Cow<'_, [SchemaColumn]>>, Untraced> {
        let columns = |list: &[&str]| {
            let columns = list.iter().enumerate().map(|(index, name)| SchemaColumn {
                name: (*name).to_owned(),
                flow: if ["ssn", "phone", "dob"].contains(name) {
                    Flow::of(column(index as i16 + 1))
                } else {
                    Flow::CLEAN
                },
            });
            vec![Cow::Owned(columns.collect())]
        };
        if schema.is_some_and(|schema| schema != "clinic") {
            return Ok(Vec::new());
        }
        match name {
            "patients" => Ok(columns(&["id", "name", "ssn", "phone", "dob"])),
            "visits" => Ok(columns(&["id", "patient_id", "reason"])),
            "hidden" => Err(Untraced),
            _ => Ok(Vec::new()),
        }
    }

    fn routines(&self, _: Option<&str>, name: &str) -> Option<Routines> {
        match name {
            "visit_count" | "now" => Some(Routines::default()),
            "log_it" => Some(Routines {
                keeps_arguments: true,
                ..Routines::default()
            }),
            "peek" => Some(Routines {
                reads: Flow::of(column(3)),
                keeps_arguments: false,
            }),
            _ => None,
        }
    }

    fn operators(&self, _: &str) -> Option<Routines> {
        None
    }

    fn shows_length(&self, id: ColumnId) -> bool {
        id == column(4)
    }

    fn variable(&self, name: &str) -> Flow {
        match name {
            "tainted" => Flow::of(column(3)),
            _ => Flow::CLEAN,
        }
    }

    fn handler(&self, name: &str) -> Option<(Option<String>, String)> {
        (name == "h").then(|| (None, "patients".to_owned()))
    }

    fn is_text(&self, id: ColumnId) -> bool {
        id != column(5)
    }
}

fn column(attribute: i16) -> ColumnId {
    ColumnId {
        relation: 1,
        attribute,
    }
}

fn all(sql: &str, flavour: Flavour) -> Vec<Lineage> {
    let settings = MysqlSettings {
        flavour,
        version: if flavour == Flavour::Mysql {
            90_704
        } else {
            101_119
        },
        ..MysqlSettings::default()
    };
    crate::mysql::trace(sql.as_bytes(), settings, &Clinic)
}

/// The last statement's, by MariaDB, which has the most forms.
fn of(sql: &str) -> Lineage {
    all(sql, Flavour::Mariadb).pop().unwrap()
}

fn flow(flow: &Flow) -> String {
    if flow.is_clean() {
        return "-".to_owned();
    }
    let parts = flow.iter().map(|(column, how)| {
        let name = ["", "", "", "ssn", "phone", "dob"][column.attribute as usize];
        let how = match how {
            How::Compared => "=",
            How::Same => "",
            How::Strict => "!",
            How::Computed => "?",
        };
        format!("{name}{how}")
    });
    parts.collect::<Vec<_>>().join("+")
}

/// Each output column as `name` and how much of it shows, `-` if it is clean, `*` for a run.
fn shown(sql: &str) -> String {
    let lineage = of(sql);
    if let Some(gap) = lineage.gap {
        return format!("gap: {gap}");
    }
    let columns = lineage.outputs.iter().map(|output| {
        let many = if output.many { "*" } else { "" };
        format!("{many}{}", flow(&output.flow))
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

/// What is stored: `relation.column:flow`, variables as `@name:flow`.
fn kept(sql: &str) -> String {
    let lineage = of(sql);
    if let Some(gap) = lineage.gap {
        return format!("gap: {gap}");
    }
    let stores = lineage.stores.iter().map(|stored| {
        let column = stored.column.as_deref().unwrap_or("*");
        let new = if stored.new { "new " } else { "" };
        format!("{new}{}.{column}:{}", stored.relation, flow(&stored.flow))
    });
    let variables = lineage
        .variables
        .iter()
        .map(|(name, held)| format!("@{name}:{}", flow(held)));
    stores.chain(variables).collect::<Vec<_>>().join(" ")
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
            ("SELECT ID, `SSN` FROM clinic.patients", "- ssn"),
            ("SELECT * FROM patients", "- - ssn phone dob"),
            ("SELECT p.*, 1 FROM visits v, patients p", "- - ssn phone dob -"),
            ("SELECT clinic.patients.ssn FROM clinic.patients", "ssn"),
            ("SELECT name FROM (SELECT ssn AS name FROM patients) q", "ssn"),
            ("SELECT b FROM (SELECT id, ssn FROM patients) q(a, b)", "ssn"),
            (
                "SELECT x FROM (SELECT DISTINCT ssn x FROM patients LIMIT 5) q",
                "ssn",
            ),
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
                "WITH patients AS (SELECT 1 AS ssn) SELECT ssn FROM clinic.patients",
                "ssn",
            ),
            (
                "WITH RECURSIVE r(i, s) AS (SELECT 1, ssn FROM patients UNION ALL SELECT i + 1, s FROM r WHERE i < 3) SELECT s FROM r",
                "ssn",
            ),
            (
                "WITH RECURSIVE r(a, b, c) AS (SELECT ssn, 1, 1 FROM patients UNION ALL SELECT 1, a, b FROM r) SELECT c FROM r",
                "ssn?",
            ),
            (
                "SELECT (SELECT ssn FROM patients p WHERE p.id = v.patient_id) FROM visits v",
                "ssn",
            ),
            ("SELECT ssn AS x, (SELECT x) FROM patients", "ssn ssn"),
            (
                "SELECT ssn FROM patients UNION ALL SELECT phone FROM patients",
                "ssn+phone",
            ),
            (
                "SELECT reason FROM visits UNION SELECT phone FROM patients",
                "phone?",
            ),
            (
                "(SELECT id FROM visits) UNION (SELECT ssn FROM patients) ORDER BY 1",
                "ssn?",
            ),
            ("((SELECT ssn FROM patients))", "ssn"),
            (
                "SELECT * FROM ((SELECT ssn FROM patients) UNION ALL SELECT phone FROM patients) q",
                "ssn+phone",
            ),
            ("TABLE patients", "gap: unparsable: not understood at \"TABLE\""),
            (
                "SELECT * FROM (SELECT reason FROM visits) v NATURAL RIGHT JOIN (SELECT ssn FROM patients) p",
                "ssn ssn",
            ),
            (
                "SELECT * FROM patients NATURAL JOIN visits",
                "- - ssn phone dob - -",
            ),
            (
                "SELECT * FROM visits JOIN patients USING (id)",
                "- - - - ssn phone dob",
            ),
            (
                "SELECT * FROM (visits v JOIN patients p ON p.id = v.patient_id)",
                "- - - - - ssn phone dob",
            ),
            (
                "SELECT j.v FROM patients p, JSON_TABLE(p.ssn, '$[*]' COLUMNS (v VARCHAR(20) PATH '$')) j",
                "ssn?",
            ),
            ("VALUES (1, (SELECT ssn FROM patients LIMIT 1))", "- ssn"),
            (
                "SELECT phone, COUNT(*) FROM patients GROUP BY phone WITH ROLLUP",
                "phone -",
            ),
            (
                "SELECT 1 /*!99999 , ssn */ /*M!100100 , phone */ FROM patients",
                "- phone",
            ),
            ("SELECT 'a\\' , ssn FROM patients -- '", "-"),
            (
                "SELECT patients.ssn FROM patients p",
                "gap: a table that is not in sight",
            ),
            ("SELECT ssn FROM nowhere", "gap: nowhere is not in the catalogue"),
            (
                "SELECT a FROM hidden",
                "gap: the columns of hidden can't be traced",
            ),
            (
                "WITH Visits AS (SELECT ssn AS reason FROM patients) SELECT reason FROM visits",
                "gap: a name that differs from a common table expression's by case only",
            ),
            (
                "USE other; SELECT ssn FROM patients",
                "gap: patients is not in the catalogue",
            ),
        ],
        shown,
    );
    let table = all("TABLE patients", Flavour::Mysql).pop().unwrap();
    assert_eq!(table.outputs.len(), 5);
    assert!(table.outputs.iter().any(|output| output.flow.shows()));
}

#[test]
fn values_are_followed_through_expressions() {
    check(
        &[
            ("SELECT CONCAT('~', ssn) FROM patients", "ssn!"),
            ("SELECT CONCAT(name, ssn) FROM patients", "ssn?"),
            (
                "SELECT UPPER(ssn), REVERSE(ssn), HEX(ssn) FROM patients",
                "ssn ssn! ssn!",
            ),
            (
                "SELECT SUBSTRING(ssn FROM 1 FOR 3), LEFT(phone, 3) FROM patients",
                "ssn! phone!",
            ),
            (
                "SELECT TRIM(LEADING '0' FROM ssn), TRIM(ssn) FROM patients",
                "ssn! ssn",
            ),
            (
                "SELECT COUNT(*), COUNT(ssn), COUNT(DISTINCT phone) FROM patients",
                "- - -",
            ),
            ("SELECT MAX(ssn), MIN(dob) FROM patients", "ssn dob"),
            (
                "SELECT GROUP_CONCAT(ssn ORDER BY id SEPARATOR ';') FROM patients",
                "ssn?",
            ),
            ("SELECT CASE WHEN 1 THEN ssn ELSE name END FROM patients", "ssn?"),
            (
                "SELECT IF(1, ssn, NULL), IFNULL(ssn, ''), COALESCE(NULL, ssn) FROM patients",
                "ssn ssn? ssn",
            ),
            (
                "SELECT ssn IS NULL, ssn IS NOT NULL, ISNULL(phone) FROM patients",
                "- - -",
            ),
            (
                "SELECT ssn = 'x', ssn LIKE '1%', ssn REGEXP '^1' FROM patients",
                "ssn= ssn? ssn?",
            ),
            (
                "SELECT ssn IN ('a', 'b'), ssn <=> NULL FROM patients",
                "ssn= ssn?",
            ),
            (
                "SELECT CHAR_LENGTH(phone), CHAR_LENGTH(ssn) FROM patients",
                "- ssn!",
            ),
            (
                "SELECT CAST(ssn AS CHAR), CONVERT(ssn USING utf8mb4), BINARY ssn FROM patients",
                "ssn! ssn! ssn!",
            ),
            (
                "SELECT YEAR(dob), DATE_FORMAT(dob, '%Y') FROM patients",
                "dob? dob?",
            ),
            ("SELECT EXISTS(SELECT ssn FROM patients)", "-"),
            ("SELECT EXTRACTVALUE(1, CONCAT('~', ssn)) FROM patients", "ssn?"),
            ("SELECT ROW_NUMBER() OVER (PARTITION BY ssn) FROM patients", "-"),
            ("SELECT peek(), visit_count(id) FROM patients", "ssn? -"),
            ("SELECT now (), now() FROM patients", "- -"),
            (
                "SELECT log_it(ssn) FROM patients",
                "gap: log_it may put its arguments elsewhere",
            ),
            (
                "SELECT clinic.lower(ssn) FROM patients",
                "gap: what lower does is not known",
            ),
            (
                "SELECT count (ssn) FROM patients",
                "gap: what count does is not known",
            ),
            (
                "SELECT GET_LOCK(ssn, 1) FROM patients",
                "gap: get_lock keeps its arguments",
            ),
        ],
        shown,
    );
}

#[test]
fn what_is_decided_by_a_value_is_told() {
    check(
        &[
            ("SELECT id FROM patients WHERE ssn = '1'", "ssn="),
            ("SELECT id FROM patients WHERE ssn IN ('1', ?)", "ssn="),
            ("SELECT id FROM patients WHERE ssn = 5", "ssn?"),
            ("SELECT id FROM patients WHERE dob = 20000101", "dob="),
            ("SELECT id FROM patients WHERE ssn = DATE '2000-01-01'", "ssn?"),
            ("SELECT id FROM patients WHERE phone IS NOT NULL", ""),
            ("SELECT id FROM patients WHERE ssn > '1' AND id = 1", "ssn?"),
            ("SELECT id FROM patients WHERE ssn LIKE '1%'", "ssn?"),
            (
                "SELECT id FROM patients WHERE ORD(SUBSTR(ssn, 1, 1)) >= 50",
                "ssn?",
            ),
            ("SELECT id FROM patients ORDER BY ssn", "ssn?"),
            ("SELECT id, ssn AS x FROM patients ORDER BY x", "ssn?"),
            ("SELECT id, ssn FROM patients ORDER BY 2", "ssn?"),
            ("SELECT ssn FROM patients GROUP BY ssn HAVING COUNT(*) > 5", ""),
            ("SELECT UPPER(ssn) AS u FROM patients HAVING u LIKE '1%'", "ssn?"),
            (
                "SELECT COUNT(*), CONCAT(ssn, FLOOR(RAND(0) * 2)) x FROM patients GROUP BY x",
                "ssn?",
            ),
            ("SELECT DISTINCT ssn FROM patients", ""),
            (
                "SELECT UPDATEXML(1, CONCAT('~', (SELECT ssn FROM patients LIMIT 1)), 1)",
                "ssn?",
            ),
            ("SELECT ssn + 0 FROM patients", "ssn?"),
            ("SELECT CAST(ssn AS SIGNED) FROM patients", "ssn?"),
            ("SELECT NOT ssn FROM patients", "ssn?"),
            ("SELECT YEAR(ssn) FROM patients", "ssn?"),
            ("SELECT YEAR(dob) FROM patients", ""),
            (
                "SELECT IF(ORD(SUBSTR(ssn, 1, 1)) > 50, SLEEP(1), 0) FROM patients",
                "ssn?",
            ),
            ("SELECT REPEAT('x', ssn) FROM patients", "ssn?"),
            (
                "SELECT REPLACE(ssn, '8', REPEAT('x', 500000)) FROM patients",
                "ssn?",
            ),
            ("SELECT JSON_EXTRACT(ssn, '$') FROM patients", "ssn?"),
            ("SELECT ST_GeomFromText(ssn) FROM patients", "ssn?"),
            ("SELECT NAME_CONST(ssn, 1) FROM patients", "ssn?"),
            (
                "UPDATE visits SET reason = 'x' WHERE EXISTS (SELECT 1 FROM patients WHERE ssn > '5')",
                "ssn?",
            ),
            (
                "DELETE FROM visits WHERE reason = (SELECT ssn FROM patients LIMIT 1)",
                "ssn?",
            ),
            (
                "SELECT 1 FROM visits v JOIN patients p ON p.ssn = v.reason",
                "ssn?",
            ),
            ("SELECT 1 FROM patients a JOIN patients b USING (ssn)", "ssn="),
            ("SELECT 1 FROM patients LIMIT 5", ""),
            ("HANDLER h READ FIRST WHERE ssn > '5'", "ssn? phone? dob?"),
        ],
        decides,
    );
}

#[test]
fn what_is_kept_is_told_with_its_place() {
    check(
        &[
            ("SELECT ssn INTO @a FROM patients LIMIT 1", "@a:ssn"),
            ("SELECT id, ssn FROM patients LIMIT 1 INTO @a, @B", "@b:ssn"),
            ("SET @a = (SELECT ssn FROM patients LIMIT 1), @b = 1", "@a:ssn"),
            ("SELECT @a := ssn FROM patients", "@a:ssn"),
            ("SELECT @b, @b := @a, @a := ssn FROM patients", "@b:ssn @a:ssn"),
            (
                "SELECT ssn INTO OUTFILE '/tmp/x' FROM patients",
                "new a file.*:ssn",
            ),
            (
                "SET timestamp = (SELECT ssn FROM patients LIMIT 1)",
                "new @@timestamp.*:ssn",
            ),
            ("SET @x = @tainted", "@x:ssn"),
            (
                "INSERT INTO visits (reason, id) SELECT ssn, id FROM patients",
                "visits.reason:ssn",
            ),
            (
                "INSERT INTO visits SELECT id, id, CONCAT('x', phone) FROM patients",
                "visits.reason:phone!",
            ),
            (
                "INSERT INTO visits (id) VALUES (1) ON DUPLICATE KEY UPDATE reason = (SELECT ssn FROM patients LIMIT 1)",
                "visits.reason:ssn",
            ),
            (
                "INSERT INTO visits (id, reason) SELECT id, ssn FROM patients ON DUPLICATE KEY UPDATE patient_id = VALUES(reason)",
                "visits.reason:ssn visits.patient_id:ssn",
            ),
            (
                "REPLACE INTO visits SELECT 1, 1, phone FROM patients",
                "visits.reason:phone",
            ),
            ("UPDATE patients SET name = ssn WHERE id = 1", "patients.name:ssn"),
            (
                "UPDATE visits v JOIN patients p ON p.id = v.patient_id SET v.reason = p.ssn",
                "visits.reason:ssn",
            ),
            (
                "CREATE TABLE t AS SELECT id, ssn AS b FROM patients",
                "new t.b:ssn",
            ),
            ("CREATE VIEW v (x) AS SELECT phone FROM patients", "new v.x:phone"),
            (
                "INSERT INTO patients (phone, name) VALUES ('1', phone)",
                "patients.name:phone",
            ),
            (
                "CREATE PROCEDURE p() SELECT ssn FROM patients",
                "gap: routines are not traced",
            ),
            (
                "ALTER TABLE patients RENAME TO x",
                "gap: this kind of statement is not traced",
            ),
            ("PREPARE s FROM 'SELECT ssn INTO @q FROM patients'", "@q:ssn"),
            (
                "EXECUTE IMMEDIATE @tainted",
                "gap: a prepared statement is given something made of masked columns",
            ),
            (
                "EXECUTE IMMEDIATE @clean",
                "gap: it runs a text that is known only when it runs",
            ),
            (
                "EXECUTE s USING @tainted",
                "gap: a prepared statement is given something made of masked columns",
            ),
        ],
        kept,
    );
}

#[test]
fn variables_carry_values_from_one_statement_to_the_next() {
    check(
        &[
            ("SELECT @tainted, @clean", "ssn -"),
            ("SET @p = (SELECT ssn FROM patients LIMIT 1); SELECT @P", "ssn"),
            ("SELECT ssn INTO @p FROM patients LIMIT 1; SELECT HEX(@p)", "ssn!"),
            (
                "HANDLER patients OPEN AS k; HANDLER k READ FIRST",
                "- - ssn phone dob",
            ),
            ("HANDLER patients READ `PRIMARY` = (5)", "- - ssn phone dob"),
            ("EXPLAIN SELECT id FROM visits", "*-"),
            ("EXPLAIN SELECT id FROM patients WHERE ssn > '5'", "*ssn?"),
            (
                "SHOW PROCESSLIST",
                "gap: it shows texts and values of other statements",
            ),
            ("SHOW TABLES", "*-"),
            (
                "EXPLAIN FOR CONNECTION 5",
                "gap: it shows the plan of another session's statement",
            ),
            (
                "CHECKSUM TABLE patients",
                "gap: this kind of statement is not traced",
            ),
            ("SELECT seq, MD5(seq) FROM seq_1_to_50", "- -"),
            (
                "SELECT seq FROM seq_1_to_x",
                "gap: seq_1_to_x is not in the catalogue",
            ),
            ("SELECT * FROM information_schema.tables", "*-"),
            (
                "SELECT * FROM information_schema.processlist",
                "gap: processlist holds texts and values of other statements",
            ),
            ("DELETE FROM patients WHERE id = 1 RETURNING ssn", "ssn"),
            (
                "REPLACE INTO visits SELECT 1, 1, phone FROM patients RETURNING reason, id",
                "phone -",
            ),
            ("EXECUTE IMMEDIATE 'SELECT ssn FROM patients'", "ssn"),
            (
                "SET STATEMENT max_statement_time = 5 FOR SELECT ssn FROM patients",
                "ssn",
            ),
        ],
        shown,
    );
}
