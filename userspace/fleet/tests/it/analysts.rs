//! Every query of `docs/analysts.md`, by DuckDB with the init file, over a record in which each has something to find, and
//! something that it must not.

use std::process::Command;
use std::sync::Arc;

use interdict_record::{
    ApprovalEvent, ApprovalShown, Column, Event, GrantEvent, LedgerEntry, PolicyLoaded, Record,
    RelationAccess, SessionDescribed, SessionEnded, StatementEnded, StatementStarted,
};
use serde_json::json;
use uuid::Uuid;

use crate::support::python;
use crate::support::{append, open, runtime, session_started, statement};

/// Monday, 2026-03-02T12:00:00Z.
const MONDAY: i64 = 1_772_452_800_000_000;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const TRIAGE: &str = "spiffe://clinic/triage";
const NIGHTLY: &str = "spiffe://clinic/nightly";

fn session(
    id: Uuid,
    at: i64,
    identity: &str,
    edit: impl FnOnce(&mut interdict_record::SessionStarted),
) -> Record {
    let Record::SessionStarted(mut started) = session_started(id) else {
        unreachable!()
    };
    (started.started_at, started.identity) = (at, identity.into());
    edit(&mut started);
    Record::SessionStarted(started)
}

fn described(id: Uuid, tls: &str) -> Record {
    Record::SessionDescribed(Box::new(SessionDescribed {
        session_id: id,
        db_user: Some("app_ro".into()),
        client_tls: Some(tls.into()),
        ..SessionDescribed::default()
    }))
}

fn ended(id: Uuid, at: i64, reason: &str) -> Record {
    Record::SessionEnded(Box::new(SessionEnded {
        session_id: id,
        ended_at: at,
        end_reason: reason.into(),
        ..SessionEnded::default()
    }))
}

fn at(
    session: Uuid,
    at: i64,
    identity: &str,
    edit: impl FnOnce(&mut StatementStarted, &mut StatementEnded),
) -> Vec<Record> {
    statement(session, |started, ended| {
        (started.requested_at, started.decided_at) = (at, at + 40);
        (ended.first_byte_at, ended.ended_at) = (Some(at + 900), at + 1000);
        started.identity = identity.into();
        edit(started, ended);
    })
}

fn relation(name: &str) -> Vec<RelationAccess> {
    vec![RelationAccess {
        name: name.into(),
        access: "read".into(),
    }]
}

fn column(origin: &str, mask: Option<&str>) -> Column {
    Column {
        label: origin.rsplit('.').next().unwrap().into(),
        origin: Some(origin.into()),
        mask: mask.map(str::to_owned),
    }
}

fn event(at: i64, kind: &str, actor: &str, detail: &[(&str, &str)]) -> Record {
    Record::Event(Box::new(Event {
        at,
        kind: kind.into(),
        actor: actor.into(),
        message: format!("about {kind}"),
        detail: detail
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
    }))
}

fn grant(id: Uuid, at: i64, event: &str, person: &str, edit: impl FnOnce(&mut GrantEvent)) -> Record {
    let mut grant = GrantEvent {
        at,
        event: event.into(),
        grant_id: id,
        person: person.into(),
        reason: "month end".into(),
        identities: vec![NIGHTLY.into()],
        columns: vec!["public.patients.ssn".into()],
        starts_at: MONDAY,
        ends_at: MONDAY + 48 * HOUR,
        ..GrantEvent::default()
    };
    edit(&mut grant);
    Record::Grant(Box::new(grant))
}

fn approval(id: Uuid, session: Uuid, at: i64, event: &str, edit: impl FnOnce(&mut ApprovalEvent)) -> Record {
    let mut approval = ApprovalEvent {
        at,
        event: event.into(),
        approval_id: id,
        session_id: session,
        service: "clinic".into(),
        identity: TRIAGE.into(),
        rule: Some("bulk-export".into()),
        ..ApprovalEvent::default()
    };
    edit(&mut approval);
    Record::Approval(Box::new(approval))
}

fn requested(approval: &mut ApprovalEvent) {
    approval.shown = Some(Box::new(ApprovalShown {
        process_uid: Some(1000),
        ..ApprovalShown::default()
    }));
}

fn decided(uid: u32, person: &str) -> impl FnOnce(&mut ApprovalEvent) {
    move |approval| {
        (approval.uid, approval.people) = (Some(uid), vec![person.into()]);
    }
}

/// What there is to find.
fn planted() -> Vec<Record> {
    let [day, night, glass, dormant, valid, own, other] = std::array::from_fn(|_| Uuid::now_v7());
    let mut records = vec![
        event(MONDAY, "start", "daemon", &[]),
        event(
            MONDAY,
            "coverage_gap",
            "daemon",
            &[("technique", "unix-dgram"), ("consequence", "names are not seen")],
        ),
        event(MONDAY + 1, "attack_refused", "kernel", &[]),
        event(MONDAY + 2, "quarantine", "operator:dana(1001)", &[]),
        event(MONDAY + 3, "gap", "audit", &[]),
        Record::PolicyLoaded(Box::new(PolicyLoaded {
            at: MONDAY,
            name: "hipaa-phi".into(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            source: String::new(),
        })),
    ];
    for (workload, difference) in [("agents", 3), ("reports", 0)] {
        records.push(Record::Ledger(Box::new(LedgerEntry {
            at: MONDAY,
            workload: workload.into(),
            service: "clinic".into(),
            difference,
            ..LedgerEntry::default()
        })));
    }
    records.push(session(day, MONDAY, TRIAGE, |_| {}));
    records.push(described(day, "TLSv1.3 TLS_AES_128_GCM_SHA256 sha256:00"));
    // Refused, and let through at the same table ten minutes later.
    records.extend(at(day, MONDAY, TRIAGE, |started, ended| {
        (started.decision, started.rule) = ("deny".into(), Some("no-ssn".into()));
        (ended.status, ended.rows, ended.masked_cells) = ("refused".into(), 0, 0);
        (ended.columns, ended.first_byte_at) = (Arc::default(), None);
        ended.masked_by.clear();
    }));
    records.extend(at(day, MONDAY + 600 * SECOND, TRIAGE, |_, ended| {
        ended.columns = Arc::new(vec![
            column("public.patients.name", None),
            column("public.patients.ssn", Some("redact")),
        ]);
        ended.subjects = vec!["s1:patient-17".into()];
    }));
    records.extend(at(day, MONDAY + 700 * SECOND, TRIAGE, |_, ended| {
        ended.columns = Arc::new(vec![column("public.patients.ssn", Some("redact"))]);
        ended.subjects = vec!["s1:patient-18".into()];
    }));
    // Bulk, on the second day, at a table that is new to it, under a policy that is on no record.
    records.extend(at(day, MONDAY + 24 * HOUR, TRIAGE, |started, ended| {
        started.relations = relation("public.visits");
        started.decision = "allow".into();
        started.policy_digest = Some("sha256:unknown".into());
        (ended.rows, ended.masked_cells, ended.columns) =
            (5000, 0, Arc::new(vec![column("public.visits.at", None)]));
        ended.masked_by.clear();
    }));
    records.push(ended(day, MONDAY + 25 * HOUR, "client"));
    // At night, by its address only, without TLS, by break-glass, cut two seconds after the revocation.
    let began = MONDAY + 11 * HOUR;
    records.push(grant(glass, MONDAY, "created", "dana", |grant| {
        grant.break_glass = true;
    }));
    records.push(session(night, began, NIGHTLY, |started| {
        started.attestation = "address".into();
        started.executable = Some("/opt/nightly".into());
        started.executable_digest = Some("sha256:other".into());
    }));
    records.push(described(night, "none"));
    records.extend(at(night, began, NIGHTLY, |started, ended| {
        (started.decision, started.grant_id) = ("allow".into(), Some(glass));
        (ended.rows, ended.masked_cells, ended.columns) =
            (10, 0, Arc::new(vec![column("public.patients.ssn", None)]));
        ended.masked_by.clear();
        ended.subjects = vec!["s1:patient-17".into(), "s1:patient-20".into()];
    }));
    records.push(grant(glass, began + 60 * SECOND, "revoked", "eli", |_| {}));
    records.push(ended(night, began + 62 * SECOND, "error"));
    let again = Uuid::now_v7();
    records.push(session(again, began, NIGHTLY, |_| {}));
    records.push(described(again, "TLSv1.3"));
    records.push(ended(again, began + 1, "client"));
    // Never used; and one that is in force.
    records.push(grant(dormant, MONDAY + SECOND, "created", "fay", |grant| {
        grant.reason = "never needed".into();
    }));
    records.push(grant(dormant, MONDAY + 48 * HOUR, "expired", "daemon", |_| {}));
    records.push(grant(valid, MONDAY + 2 * SECOND, "created", "gil", |_| {}));
    // One who approves their own, and one who does not.
    records.push(approval(own, day, MONDAY, "requested", requested));
    records.push(approval(
        own,
        day,
        MONDAY + 10 * SECOND,
        "approved",
        decided(1000, "hal"),
    ));
    records.push(approval(other, day, MONDAY, "requested", requested));
    records.push(approval(
        other,
        day,
        MONDAY + 30 * SECOND,
        "approved",
        decided(2000, "ida"),
    ));
    records
}

/// The answers, as DuckDB gives them in JSON; times in UTC.
fn answers() -> serde_json::Value {
    json!({
        "who-saw-a-patient": [[TRIAGE, "clinic", 1, 1], [NIGHTLY, "clinic", 1, 10]],
        "unmasked-and-by-whose-leave": [[NIGHTLY, "public.patients.ssn", 10, "dana", "month end"]],
        "minimum-necessary": [[TRIAGE, 3, 2, 5003], [NIGHTLY, 1, 1, 10]],
        "masked-by-what": [["public.patients.ssn", 2]],
        "whose-data": [["s1:patient-17"], ["s1:patient-20"]],
        "denied-attempts": [[TRIAGE, "clinic", "no-ssn", 1, "2026-03-02"]],
        "bulk-reads": [[TRIAGE, "2026-03-03 12:00:00+00", 5000, 1.0]],
        "after-hours": [[NIGHTLY, 1, "2026-03-02 23:00:00+00"]],
        "first-seen": [[TRIAGE, "public.visits", "read", "2026-03-03 12:00:00+00"]],
        "probing": [[TRIAGE, "public.patients", "2026-03-02 12:00:00+00"]],
        "shared-logins": [["clinic", "app_ro", 2, [NIGHTLY, TRIAGE]]],
        "weak-identities": [[NIGHTLY, "address", 1]],
        "programs-of-an-identity": [[NIGHTLY, ["/opt/nightly", "/usr/bin/python3.11"]]],
        "sessions-cut": [["error", "clinic", NIGHTLY, 1]],
        "without-tls": [["clinic", NIGHTLY, 1]],
        "incidents": [["attack_refused", 1], ["quarantine", 1]],
        "dormant-grants": [["fay", [NIGHTLY], "never needed", "2026-03-02 12:00:01+00", "2026-03-04 12:00:00+00"]],
        "break-glass-without-review": [["2026-03-02 12:00:00+00", "dana", [NIGHTLY], "month end", 1]],
        "self-approval": [["bulk-export", TRIAGE, ["hal"]]],
        "how-approvals-went": [["approved", 2, 20.0]],
        "cut-at-revocation": [[NIGHTLY, 2.0]],
        "grants-in-force": [["gil", [NIGHTLY], ["public.patients.ssn"], "2026-03-04 12:00:00+00"]],
        "gaps-in-numbers": [],
        "outages": [["2026-03-02 12:00:00.000003+00", "gap", "about gap"]],
        "unexplained-connections": [["host-1", "agents", "clinic", 3]],
        "policies-in-force": [["hipaa-phi", format!("sha256:{}", "ab".repeat(32)), "2026-03-02 12:00:00+00"]],
        "unknown-policies": [["sha256:unknown", 1]],
        "coverage-gaps": [["host-1", "unix-dgram", "names are not seen"]],
        "how-far-back": [["host-1", "2026-03-02", "2026-03-03", 2]],
        "operators": [["operator:dana(1001)", "quarantine", 1]],
    })
}

const RUNNER: &str = r"
import json, re, sys, uuid, duckdb
root, init, page, answers = sys.argv[1:5]
answers = json.load(open(answers))
db = duckdb.connect()
db.execute(f'''SET VARIABLE record = '{root}' ''')
db.execute(open(init).read())
queries = re.findall(r'```sql\n-- (\S+)\n(.*?)```', open(page).read(), re.S)
assert [name for name, _ in queries] == list(answers), 'the page has other queries than the test has answers: %s' % (set(answers) ^ {name for name, _ in queries})
wrong = 0
for name, query in queries:
    query = query.strip().rstrip(';')
    # Through text, so that times look as DuckDB prints them.
    columns = [(row[0], row[1]) for row in db.execute('DESCRIBE ' + query).fetchall()]
    picked = ', '.join(f'''\x22{c}\x22{'::VARCHAR' if t.startswith(('TIMESTAMP', 'DATE')) else '::DOUBLE' if t == 'HUGEINT' or t.startswith('DECIMAL') else ''}''' for c, t in columns if t != 'UUID')
    if name == 'incidents': picked = 'kind, times'
    rows = [list(row) for row in db.execute(f'SELECT {picked} FROM ({query})').fetchall()]
    if rows != answers[name]:
        wrong += 1
        print(name, 'gives', rows, 'and not', answers[name], file=sys.stderr)
assert not wrong, wrong
print(len(queries), 'queries')
";

#[test]
fn every_question_of_the_page_finds_what_was_planted_and_nothing_else() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = open(directory.path(), []);
        for record in planted() {
            append(&audit, vec![record]).await;
        }
        audit.close().await.unwrap();
    });
    let answers_file = directory.path().join("answers.json");
    std::fs::write(&answers_file, answers().to_string()).unwrap();
    let place = |name: &str| format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .args(["-c", RUNNER])
        .arg(directory.path())
        .arg(place("deploy/duckdb/interdict.sql"))
        .arg(place("docs/analysts.md"))
        .arg(answers_file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
