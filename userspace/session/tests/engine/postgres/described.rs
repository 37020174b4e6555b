//! What the server is asked to describe before a statement runs, and how often.

use interdict_session::Shared;

use super::wire::{INT, TEXT, described, done, message, publish_tables, query, ready, row, session_after};
use crate::support::Session;

const TABLE: u32 = 20_000;
const POLICY: &str = "name: p
applies: { services: [\"*\"] }
default: allow
mask:
  - columns: [\"patients.ssn\"]
    with: redact
";

/// The server's catalogue.
fn publish(shared: &Shared) {
    publish_tables(shared, &[(TABLE, "patients", &[("id", INT), ("ssn", TEXT)])]);
}

/// Of `id`, and of the second column whatever it is.
fn columns(second: (u32, i16)) -> Vec<u8> {
    described(&[("id", (TABLE, 1), INT), ("ssn", second, TEXT)])
}

/// Asks; true if the server was to describe the statement first, as it then does.
fn ask(session: &mut Session, sql: &str, second: (u32, i16)) -> bool {
    session.forget();
    session.client(&query(sql));
    if session.to_server == query(sql) || session.to_server.is_empty() {
        return false;
    }
    assert!(!session.to_server.ends_with(&query(sql)), "{sql}");
    session.to_server.clear();
    let answer = [
        message(b'3', &[]),
        message(b'1', &[]),
        message(b't', &[0, 0]),
        columns(second),
        message(b'3', &[]),
        ready(),
    ];
    session.server(&answer.concat());
    session.client(&[]);
    true
}

/// The server answers with a row.
fn answer(session: &mut Session) -> Vec<String> {
    let second = (TABLE, 2);
    let cells = [Some("7"), Some("852-41-7396")];
    session.server(&[columns(second), row(&cells), done("SELECT 1"), ready()].concat());
    session.seen()
}

#[test]
fn texts_that_differ_in_constants_are_described_once() {
    let mut session = session_after(POLICY, publish);
    for (sql, first) in [
        ("SELECT id, ssn FROM patients WHERE id = 1", true),
        ("SELECT id, ssn FROM patients WHERE id = 22", false),
        ("SELECT id, ssn FROM patients WHERE id = 333", false),
        // Another shape, and a constant of another kind.
        ("SELECT id, ssn FROM patients WHERE id = 1 LIMIT 5", true),
        ("SELECT id, ssn FROM patients WHERE id = 22 LIMIT 50", false),
        ("SELECT id, ssn FROM patients WHERE id = '1'", true),
    ] {
        assert_eq!(ask(&mut session, sql, (TABLE, 2)), first, "{sql}");
        assert_eq!(session.to_server, query(sql), "{sql}");
        assert_eq!(answer(&mut session), ["T", "D 7|[redacted]", "C", "Z"], "{sql}");
        assert_eq!(session.started.len(), 1, "{sql}");
    }
}

/// What was planned for a result serves only the policy, the description and the lineage that it was made from.
#[test]
fn a_plan_is_made_again_where_anything_is_other() {
    let mut session = session_after(POLICY, publish);
    let mut in_force = POLICY.to_owned();
    let mut shown = |policy: &str, sql: &str, second: (u32, i16)| {
        // Where nothing changes, all is to be the same but what is asked.
        if policy != in_force {
            session.reload(policy);
            policy.clone_into(&mut in_force);
        }
        ask(&mut session, sql, second);
        let cells = [Some("7"), Some("852-41-7396")];
        session.server(&[columns(second), row(&cells), done("SELECT 1"), ready()].concat());
        let columns = session.ended[0].columns.iter().map(|column| column.mask.clone());
        (session.seen()[1].clone(), columns.collect::<Vec<_>>())
    };
    let sql = "SELECT id, ssn FROM patients WHERE id = 1";
    let partial = POLICY.replace("with: redact", "with: { partial: { keep_last: 4 } }");
    let other = POLICY.replace("patients.ssn", "patients.id");
    let searching = format!("{POLICY}  - detect: [email]\n    with: redact\n");
    let of_ssn = (TABLE, 2);
    for _ in 0..2 {
        for _ in 0..2 {
            let (row, masks) = shown(POLICY, sql, of_ssn);
            assert_eq!(row, "D 7|[redacted]");
            assert_eq!(masks, [None, Some("redact".to_owned())]);
        }
        let (row, masks) = shown(&partial, sql, of_ssn);
        assert_eq!(row, "D 7|*****7396");
        assert_eq!(masks, [None, Some("partial(keep_last=4)".to_owned())]);
        let (row, masks) = shown(&other, sql, of_ssn);
        assert_eq!(row, "D 0|852-41-7396");
        assert_eq!(masks, [Some("redact".to_owned()), None]);
        // The same text and the same names, of another column.
        let (row, _) = shown(POLICY, "SELECT id, id AS ssn FROM patients", (TABLE, 1));
        assert_eq!(row, "D 7|852-41-7396");
        // The same text, which the server says is of another column than before.
        assert_eq!(shown(POLICY, sql, of_ssn).0, "D 7|[redacted]");
        let (row, _) = shown(POLICY, sql, (TABLE, 1));
        assert_eq!(row, "D 7|852-41-7396");
        // The same description, without an origin: only the lineage tells what it shows.
        let computed = (0, 0);
        let lower = "SELECT id, lower(ssn) AS ssn FROM patients WHERE id = 1";
        let (row, _) = shown(&searching, lower, computed);
        assert_eq!(row, "D 7|[redacted]");
        let (row, _) = shown(
            &searching,
            "SELECT id, lower('x') AS ssn FROM patients WHERE id = 1",
            computed,
        );
        assert_eq!(row, "D 7|852-41-7396");
    }
}
