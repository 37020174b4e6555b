//! Statements and results that wait for a person, and sessions that rest on grants.

use std::sync::Arc;

use interdict_policy::{Grant, Granted, Grants, HoldMode, Ruling};
use interdict_session::{EndReason, Output};
use uuid::Uuid;

use crate::mysql::wire as my;
use crate::postgres::wire::{self, INT, columns, done, message, query, ready, row};
use crate::support::Session;

const APPROVAL: Uuid = Uuid::from_u128(42);

const DELETES: &str = "name: p
rules:
  - name: ask
    when: '\"delete\" in effects'
    then: { hold: { approvers: [\"group:dpo\"], timeout: 90s } }
    message: deleting needs a person
";

const LARGE: &str = "name: p
rules:
  - name: bulk
    when: 'result.rows > 2'
    then: { hold: { approvers: [\"group:dpo\"] } }
    message: much at once
";

fn approved() -> Ruling {
    Ruling::Approved {
        approval: APPROVAL,
        by: vec!["user:eve".to_owned()],
    }
}

fn denied() -> Ruling {
    Ruling::Denied {
        approval: APPROVAL,
        by: vec!["user:eve".to_owned()],
        reason: "no ticket".to_owned(),
    }
}

fn answer() -> Vec<u8> {
    [done("DELETE 3"), ready()].concat()
}

#[test]
fn a_held_statement_is_sent_once_it_is_approved() {
    let mut session = wire::session(DELETES);
    session.client(&query("delete from t where id = 1"));
    assert!(session.to_server.is_empty() && !session.engine.wants_client());
    assert_eq!(session.seen(), ["N"], "the client is told that it waits");
    assert!(session.started.is_empty());
    let [petition] = session.petitions.as_slice() else {
        panic!("{:?}", session.petitions)
    };
    assert_eq!(petition.statement, "delete from t where id = 1");
    assert_eq!(
        (petition.rule.as_deref(), petition.message.as_str()),
        (Some("ask"), "deleting needs a person")
    );
    assert_eq!(
        (petition.terms.mode, petition.terms.timeout.as_secs()),
        (HoldMode::Wait, 90)
    );
    assert!(petition.effects.contains(&"delete".to_owned()));
    assert_eq!(petition.relations[0].0, "t");

    session.rule(approved());
    assert_eq!(session.to_server, query("delete from t where id = 1"));
    session.server(&answer());
    assert_eq!(session.seen(), ["N", "C", "Z"]);
    let started = &session.started[0];
    assert_eq!(
        (started.decision.as_str(), started.approval_id),
        ("approve", Some(APPROVAL))
    );
    assert_eq!(started.rule.as_deref(), Some("ask"));

    // What was said yes to was said yes to once.
    session.client(&query("delete from t where id = 1"));
    assert_eq!(session.petitions.len(), 2);
    assert_eq!(session.petitions[0].digest, session.petitions[1].digest);
    session.rule(denied());
    session.client(&query("delete from t where id = 2"));
    assert_ne!(session.petitions[2].digest, session.petitions[1].digest);
}

#[test]
fn what_is_not_approved_is_refused_and_the_session_goes_on() {
    let table = [
        (
            denied(),
            "42501",
            "user:eve refused it: no ticket",
            "deny",
            Some(APPROVAL),
        ),
        (
            Ruling::Expired { approval: APPROVAL },
            "42501",
            "nobody decided within 90 s",
            "expire",
            Some(APPROVAL),
        ),
        (
            Ruling::Asked { approval: APPROVAL },
            "42501",
            "it waits for approval",
            "hold",
            Some(APPROVAL),
        ),
        (Ruling::Withdrawn, "57014", "took it back", "expire", None),
        (
            Ruling::Unavailable("the desk is full".to_owned()),
            "42501",
            "the desk is full",
            "deny",
            None,
        ),
    ];
    for (ruling, code, text, word, approval) in table {
        let mut session = wire::session(DELETES);
        session.client(&query("delete from t where id = 1"));
        session.rule(ruling.clone());
        let seen = session.seen();
        assert!(
            seen[1].starts_with(&format!("E {code}")) && seen[1].contains(text),
            "{ruling:?}: {seen:?}"
        );
        assert_eq!(seen[2], "Z");
        assert!(session.to_server.is_empty());
        let started = &session.started[0];
        assert_eq!(
            (started.decision.as_str(), started.approval_id),
            (word, approval),
            "{ruling:?}"
        );
        assert_eq!(session.ended[0].status, "refused");
        session.client(&query("select 1"));
        assert_eq!(session.to_server, query("select 1"));
    }
}

#[test]
fn a_ruling_is_for_the_values_that_were_shown() {
    let parse = message(b'P', b"s\0delete from t where id = $1\0\0\0");
    let bind = |value: &str| {
        let mut body = b"\0s\0\0\0\0\x01".to_vec();
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(value.as_bytes());
        body.extend_from_slice(b"\0\0");
        message(b'B', &body)
    };
    let execute = message(b'E', b"\0\0\0\0\0");
    let sync = message(b'S', b"");
    let mut session = wire::session(DELETES);
    session.client(&[parse, bind("17")].concat());
    assert!(session.petitions.is_empty(), "nothing runs yet");
    session.client(&execute);
    assert_eq!(session.petitions[0].parameters, [Some("17".to_owned())]);
    assert!(!session.to_server.ends_with(&execute));
    session.rule(approved());
    assert!(session.to_server.ends_with(&execute));
    session.client(&sync);
    session.server(&[message(b'1', b""), message(b'2', b""), answer()].concat());
    session.client(&[bind("18"), execute].concat());
    assert_ne!(session.petitions[0].digest, session.petitions[1].digest);
}

#[test]
fn every_rule_that_holds_is_asked_about() {
    let two = format!(
        "{DELETES}  - name: creates\n    when: '\"create\" in effects'\n    then: {{ hold: {{ approvers: [\"group:dba\"] }} }}\n"
    );
    let mut session = wire::session(&two);
    session.client(&query("delete from t where id = 1; create table x (i int)"));
    session.rule(approved());
    assert!(session.to_server.is_empty());
    let asked: Vec<_> = session
        .petitions
        .iter()
        .map(|petition| petition.rule.clone().unwrap())
        .collect();
    assert_eq!(asked, ["ask", "creates"]);
    session.rule(denied());
    assert!(session.to_server.is_empty());
    assert!(session.seen().last().unwrap().starts_with('Z'));
}

fn rows(count: usize) -> Vec<u8> {
    let mut all = columns(&[INT]);
    for number in 1..=count {
        all.extend_from_slice(&row(&[Some(&number.to_string())]));
    }
    all.extend_from_slice(&[done("SELECT"), ready()].concat());
    all
}

#[test]
fn a_result_stops_before_the_row_that_crosses() {
    for (ruling, expected, status) in [
        (
            approved(),
            vec!["T", "D 1", "D 2", "N", "D 3", "D 4", "C", "Z"],
            "ok",
        ),
        (denied(), vec!["T", "D 1", "D 2", "N", "E", "Z"], "refused"),
    ] {
        for cut in [None, Some(1), Some(7)] {
            // Who has a part of the answer can't come again for it: such a result waits whatever the policy says.
            let mut session = wire::session(&LARGE.replace("\"] } }", "\"], mode: retry } }"));
            session.client(&query("select 1"));
            let bytes = rows(4);
            match cut {
                None => session.server(&bytes),
                Some(size) => bytes.chunks(size).for_each(|piece| session.server(piece)),
            }
            assert_eq!(session.seen(), ["T", "D 1", "D 2", "N"], "{cut:?}");
            assert!(session.engine.awaits_person() && session.engine.is_asking());
            assert_eq!(session.petitions[0].result.unwrap().0, 3);
            assert_eq!(session.petitions[0].terms.mode, HoldMode::Wait);
            assert_eq!(
                session.petitions[0].statement_id,
                Some(session.started[0].statement_id)
            );
            session.rule(ruling.clone());
            let seen: Vec<_> = session
                .seen()
                .iter()
                .map(|seen| seen.split(" 42501").next().unwrap().to_owned())
                .collect();
            assert_eq!(seen, expected, "{cut:?}");
            let ended = &session.ended[0];
            assert_eq!(ended.status, status);
            assert_eq!(ended.rows, if status == "ok" { 4 } else { 2 });
            assert_eq!(session.petitions.len(), 1, "it is asked once");
        }
    }
}

#[test]
fn mysql_waits_likewise() {
    let mut session = my::session(DELETES);
    session.client(&my::query("delete from t where id = 1"));
    assert!(session.to_server.is_empty() && session.engine.awaits_person());
    session.rule(approved());
    assert_eq!(session.to_server, my::query("delete from t where id = 1"));
    assert_eq!(session.started[0].approval_id, Some(APPROVAL));

    let mut session = my::session(DELETES);
    session.client(&my::query("delete from t where id = 1"));
    session.rule(denied());
    assert!(session.seen()[0].contains("no ticket"), "{:?}", session.seen());
    session.client(&my::query("select 1"));
    assert_eq!(session.to_server, my::query("select 1"));

    for (ruling, expected) in [
        (approved(), vec!["T", "D 1", "D 2", "D 3", "D 4", "C"]),
        (denied(), vec!["T", "D 1", "D 2", "E"]),
    ] {
        let mut session = my::session(LARGE);
        session.client(&my::query("select 1"));
        let cells: Vec<String> = (1..=4).map(|number| number.to_string()).collect();
        let rows: Vec<_> = cells.iter().map(|cell| my::row(&[Some(cell)])).collect();
        session.server(&my::answer(&[&my::columns(&[my::INT]), &rows, &[my::end()]]));
        assert_eq!(session.seen(), ["T", "D 1", "D 2"]);
        session.rule(ruling);
        let seen: Vec<_> = session
            .seen()
            .iter()
            .map(|seen| if seen.starts_with('E') { "E" } else { seen }.to_owned())
            .collect();
        assert_eq!(seen, expected);
    }
}

fn give(session: &Session, grants: &[(i64, i64)]) {
    let granted = grants.iter().enumerate().map(|(index, (starts_at, ends_at))| {
        let grant = Grant {
            id: Uuid::from_u128(index as u128 + 1),
            identities: vec!["agents/*".to_owned()],
            services: vec!["clinic".to_owned()],
            effects: vec!["delete".to_owned()],
            starts_at: *starts_at,
            ends_at: *ends_at,
            reason: "a test".to_owned(),
            ..Grant::default()
        };
        Arc::new(Granted::new(grant).unwrap())
    });
    session
        .shared
        .grants
        .store(Arc::new(Grants::new(granted.collect())));
}

#[test]
fn a_grant_lets_pass_what_is_held_and_ends_the_session_with_it() {
    let mut session = wire::session(DELETES);
    give(&session, &[(0, 1_000)]);
    session.client(&query("delete from t where id = 1"));
    assert!(session.petitions.is_empty());
    assert_eq!(session.started[0].grant_id, Some(Uuid::from_u128(1)));
    assert_eq!(session.started[0].decision, "allow");
    assert_eq!(session.engine.deadline(), Some(1_000));

    // It is over while the statement runs.
    session.now = 1_000;
    let mut out = Output::default();
    session.engine.on_time(session.now, &mut out);
    session.keep(out);
    assert_eq!(session.closed, Some(EndReason::Grant));
    assert!(
        session
            .seen()
            .last()
            .unwrap()
            .contains("the grant under which this session ran is over")
    );

    // Revoked is over, too.
    let mut session = wire::session(DELETES);
    give(&session, &[(0, 1_000)]);
    session.client(&query("delete from t where id = 1"));
    give(&session, &[]);
    let mut out = Output::default();
    session.engine.on_time(5, &mut out);
    session.keep(out);
    assert_eq!(session.closed, Some(EndReason::Grant));
}

#[test]
fn a_grant_that_is_not_in_force_gives_nothing() {
    let mut session = wire::session(DELETES);
    give(&session, &[(500, 1_000)]);
    session.client(&query("delete from t where id = 1"));
    assert_eq!(session.petitions.len(), 1, "it has not begun");
    session.rule(denied());
    session.now = 500;
    session.client(&query("delete from t where id = 1"));
    assert_eq!(session.petitions.len(), 1);
    session.server(&answer());

    let mut session = wire::session(DELETES);
    give(&session, &[(0, 1_000)]);
    session.now = 1_000;
    session.client(&query("delete from t where id = 1"));
    assert_eq!(session.petitions.len(), 1, "it is over");
    assert!(session.engine.deadline().is_none(), "nothing rests on it");
}

#[test]
fn the_person_sees_what_it_would_cost_where_the_policy_asks_for_that() {
    let policy = DELETES.replace("timeout: 90s", "plan: true");
    let mut session = wire::session(&policy);
    session.client(&query("delete from t where ssn = '123-45-6789'"));
    assert!(session.petitions.is_empty());
    let asked = String::from_utf8_lossy(&session.to_server).into_owned();
    assert!(asked.contains("EXPLAIN delete from t"), "{asked}");
    let line = |text: &str| row(&[Some(text)]);
    let answer = [
        message(b'3', b""),
        message(b'1', b""),
        message(b'2', b""),
        line("Delete on t  (cost=0.00..25.88 rows=6 width=6)"),
        line("  Filter: (ssn = '123-45-6789'::text)"),
        done("EXPLAIN"),
        message(b'3', b""),
        message(b'3', b""),
        ready(),
    ];
    session.server(&answer.concat());
    session.client(&[]);
    let plan = session.petitions[0].plan.as_deref();
    assert_eq!(plan, Some("Delete on t  (cost=0.00..25.88 rows=6 width=6)"));
    session.rule(approved());
    assert!(
        session
            .to_server
            .ends_with(&query("delete from t where ssn = '123-45-6789'"))
    );
    assert_eq!(session.petitions.len(), 1);
}

#[test]
fn a_result_that_is_taken_in_portions_is_counted_as_one() {
    let execute = message(b'E', b"\0\0\0\0\x02");
    let sync = message(b'S', b"");
    let two = |first: &str, second: &str| [row(&[Some(first)]), row(&[Some(second)])].concat();
    let suspended = message(b's', b"");
    // Portals outlive a Sync within a transaction.
    let ready = || message(b'Z', b"T");
    let mut session = wire::session(LARGE);
    session.client(&query("begin"));
    session.server(&[done("BEGIN"), ready()].concat());
    let parse = message(b'P', b"\0select 1\0\0\0");
    let bind = message(b'B', b"\0\0\0\0\0\0\0\0");
    session.client(&[parse, bind.clone(), execute.clone(), sync.clone()].concat());
    session.server(
        &[
            message(b'1', b""),
            message(b'2', b""),
            two("1", "2"),
            suspended.clone(),
            ready(),
        ]
        .concat(),
    );
    assert!(session.petitions.is_empty());
    session.client(&[execute.clone(), sync.clone()].concat());
    session.server(&[two("3", "4"), suspended.clone(), ready()].concat());
    assert_eq!(session.petitions.len(), 1, "{:?}", session.seen());
    assert_eq!(session.petitions[0].result.unwrap().0, 3);
    session.rule(approved());
    // What was said yes to goes on without another question.
    session.client(&[execute.clone(), sync.clone()].concat());
    session.server(&[two("5", "6"), suspended.clone(), ready()].concat());
    assert_eq!(session.petitions.len(), 1);
    assert!(session.seen().contains(&"D 6".to_owned()), "{:?}", session.seen());
    // Another result under the same name is another.
    session.client(&[bind, execute, sync].concat());
    session.server(&[message(b'2', b""), two("1", "2"), suspended, ready()].concat());
    assert_eq!(session.petitions.len(), 1);

    let mut session = wire::session(LARGE);
    let mut ask = |sql: &str, answer: &[u8]| {
        session.client(&query(sql));
        session.server(answer);
        session.petitions.len()
    };
    let fetched = [columns(&[INT]), two("1", "2"), done("FETCH 2"), ready()].concat();
    ask("begin", &[done("BEGIN"), ready()].concat());
    ask(
        "declare c cursor for select 1",
        &[done("DECLARE CURSOR"), ready()].concat(),
    );
    assert_eq!(ask("fetch 2 from c", &fetched), 0);
    assert_eq!(ask("fetch 2 from c", &fetched), 1);
}
