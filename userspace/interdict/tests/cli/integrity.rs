//! The record stands: tampering, keys, anchors, holds, retention and raw identifiers, through the command as it is built.

use std::fs;
use std::path::{Path, PathBuf};

use interdict_audit::{Audit, Config, SealKey, Seals};
use interdict_record::{Event, Record, SessionStarted, StatementEnded, StatementStarted};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{Directory, Outcome, run};

/// 2020-05-01T12:00:00Z: older than any usual retention would be.
const NOON: i64 = 1_588_334_400_000_000;
const DAY: i64 = 86_400_000_000;

fn statement(at: i64, text: &str, message: Option<&str>) -> Vec<Record> {
    let (session_id, statement_id) = (Uuid::now_v7(), Uuid::now_v7());
    vec![
        Record::StatementStarted(Box::new(StatementStarted {
            session_id,
            statement_id,
            requested_at: at,
            decided_at: at,
            service: "clinic".to_owned(),
            identity: "ada@clinic.example".to_owned(),
            statement: text.to_owned(),
            parameters: vec![Some("17".to_owned())],
            message: message.map(str::to_owned),
            ..StatementStarted::default()
        })),
        Record::StatementEnded(Box::new(StatementEnded {
            session_id,
            statement_id,
            ended_at: at,
            status: "ok".to_owned(),
            ..StatementEnded::default()
        })),
    ]
}

/// Settings, and the record that they name: three days with a seal each.
struct Place {
    directory: Directory,
    settings: String,
}

impl Place {
    fn new() -> Self {
        let directory = Directory::new(&[]);
        let settings = directory.write(
            "interdict.yaml",
            "services: [{ name: clinic, protocol: postgres, listen: \"127.0.0.1:6432\", upstream: { address: \"db:5432\" } }]\n\
             kernel: { mode: off }\naudit: { directory: audit, retention: { default: 2190d, admin: forever } }\nadmin: { socket: admin.sock }\n",
        );
        let place = Self { directory, settings };
        place.append(
            (0..3)
                .map(|day| statement(NOON + day * DAY, "SELECT 1", None))
                .collect(),
        );
        place
    }

    fn audit(&self) -> PathBuf {
        Path::new(&self.directory.path()).join("audit")
    }

    fn at(&self, name: &str) -> String {
        self.audit().join(name).to_str().unwrap().to_owned()
    }

    /// One seal for each list.
    fn append(&self, lists: Vec<Vec<Record>>) {
        let (audit, key) = (self.audit(), Path::new(&self.directory.path()).join("seal.key"));
        let mut config = Config::new(&audit, "host-a", "boot");
        config.seals = Some(Seals::new(SealKey::keep(&key, &audit).unwrap()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let audit = Audit::open(config).unwrap();
            for list in lists {
                audit.append(list).await.unwrap().durable().await.unwrap();
                audit.rotate().await.unwrap();
            }
            audit.close().await.unwrap();
        });
    }

    fn interdict(&self, arguments: &[&str]) -> Outcome {
        let mut all = arguments.to_vec();
        all.extend(["--config", &self.settings]);
        run(&all)
    }

    /// The public key as a file.
    fn public(&self) -> String {
        let exported = self.interdict(&["audit", "keys", "export"]);
        assert_eq!(exported.code, 0, "{}", exported.stderr);
        self.directory.write("key.pem", &exported.stdout)
    }

    fn verify(&self, more: &[&str]) -> Outcome {
        let audit = self.audit();
        let mut all = vec!["audit", "verify", audit.to_str().unwrap()];
        all.extend(more);
        run(&all)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for day in fs::read_dir(self.audit().join("statements")).unwrap() {
            files.extend(
                fs::read_dir(day.unwrap().path())
                    .unwrap()
                    .map(|file| file.unwrap().path()),
            );
        }
        files.sort();
        files
    }
}

fn first_line(outcome: &Outcome) -> &str {
    outcome.stdout.lines().next().unwrap_or_default()
}

#[test]
fn a_sound_record_is_proven_by_the_public_key_and_says_so() {
    let place = Place::new();
    let key = place.public();
    let told = place.verify(&["--public-key", &key]);
    assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
    assert!(told.stdout.contains("all vouched for by the key given") && told.stdout.ends_with("sound\n"));
    let told = place.verify(&[]);
    assert!(
        told.code == 0 && told.stdout.contains("unproven"),
        "{}",
        told.stdout
    );
    let json: Value = serde_json::from_str(&place.verify(&["--public-key", &key, "--json"]).stdout).unwrap();
    assert_eq!(
        (&json["seals"]["proven"], &json["seals"]["last"]),
        (&true.into(), &3.into())
    );
    // A key that is none, and a private key, are a mistake of the caller's.
    let private = format!("{}/seal.key", place.directory.path());
    for bad in [&private, "/nonexistent/key"] {
        let told = place.verify(&["--public-key", bad]);
        assert!(told.code == 2 && !told.stderr.contains("MC4C"), "{}", told.stderr);
    }
    let quick = place.verify(&["--quick", "--public-key", &key]);
    assert_eq!(quick.code, 0, "{}", quick.stdout);
}

/// Each kind, on a copy as it would be shipped: without the journal.
#[test]
fn the_first_thing_wrong_is_named() {
    type Tamper = fn(&Place);
    let kinds: [(&str, &str, Tamper); 9] = [
        ("altered bytes", "unreadable segment", |place| {
            let file = &place.files()[1];
            let mut bytes = fs::read(file).unwrap();
            bytes.truncate(bytes.len() - 1);
            fs::write(file, bytes).unwrap();
        }),
        ("replaced segment", "renamed segment", |place| {
            let files = place.files();
            fs::copy(&files[0], &files[1]).unwrap();
        }),
        ("removed segment", "missing segment", |place| {
            fs::remove_file(&place.files()[1]).unwrap();
        }),
        ("truncated tail", "missing segment", |place| {
            fs::remove_file(&place.files()[2]).unwrap();
        }),
        ("renamed segment", "renamed segment", |place| {
            let file = &place.files()[1];
            fs::rename(
                file,
                file.with_file_name("000000000002-000000000002-other.parquet"),
            )
            .unwrap();
        }),
        ("added file", "unknown file", |place| {
            fs::write(place.files()[1].with_file_name("more.parquet"), "x").unwrap();
        }),
        ("forged seal", "forged seal", |place| {
            let path = place.at("seals/000000000002.json");
            let text = fs::read_to_string(&path)
                .unwrap()
                .replace("\"host-a\"", "\"host-b\"");
            fs::write(&path, text).unwrap();
        }),
        ("removed seal", "missing seal", |place| {
            fs::remove_file(place.at("seals/000000000002.json")).unwrap();
        }),
        ("no seals", "missing seal", |place| {
            fs::remove_dir_all(place.at("seals")).unwrap();
        }),
    ];
    for (what, expected, tamper) in kinds {
        let place = Place::new();
        let key = place.public();
        fs::remove_dir_all(place.at("journal")).unwrap();
        assert_eq!(place.verify(&["--public-key", &key]).code, 0);
        tamper(&place);
        let told = place.verify(&["--public-key", &key]);
        assert_eq!(told.code, 1, "{what}: {}", told.stdout);
        assert!(first_line(&told).starts_with(expected), "{what}: {}", told.stdout);
        let json: Value =
            serde_json::from_str(&place.verify(&["--public-key", &key, "--json"]).stdout).unwrap();
        assert_eq!(json["sound"], false);
    }
}

#[test]
fn another_key_and_a_cut_off_end_are_found() {
    let place = Place::new();
    let other = place
        .directory
        .write("other.pem", &SealKey::generate().unwrap().public().to_pem());
    let told = place.verify(&["--public-key", &other]);
    assert!(
        told.code == 1 && first_line(&told).starts_with("unknown key"),
        "{}",
        told.stdout
    );

    let elsewhere = format!("{}/elsewhere", place.directory.path());
    fs::create_dir(&elsewhere).unwrap();
    for entry in fs::read_dir(place.at("seals")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, Path::new(&elsewhere).join(path.file_name().unwrap())).unwrap();
    }
    assert_eq!(place.verify(&["--anchors", &elsewhere]).code, 0);
    fs::remove_dir_all(place.at("journal")).unwrap();
    fs::remove_file(place.at("seals/000000000003.json")).unwrap();
    fs::remove_file(&place.files()[2]).unwrap();
    assert_eq!(
        place.verify(&["--public-key", &place.public()]).code,
        0,
        "nothing here can tell"
    );
    let told = place.verify(&["--anchors", &elsewhere]);
    assert!(
        told.code == 1 && first_line(&told).contains("cut off or written anew"),
        "{}",
        told.stdout
    );
    assert_eq!(place.verify(&["--anchors", "/nonexistent"]).code, 2);
}

#[test]
fn keys_are_shown_changed_and_given_up() {
    let place = Place::new();
    let first = place.public();
    let shown = place.interdict(&["audit", "keys", "show"]);
    assert!(shown.code == 0 && shown.stdout.contains("seal.key") && !shown.stdout.contains("PRIVATE"));
    let changed = place.interdict(&["audit", "keys", "rotate", "--reason", "yearly"]);
    assert_eq!(changed.code, 0, "{}", changed.stderr);
    assert!(changed.stdout.contains("BEGIN PUBLIC KEY"));
    assert_ne!(place.interdict(&["audit", "keys", "show"]).stdout, shown.stdout);
    assert_eq!(place.verify(&["--public-key", &first]).code, 0);
    let on_record = run(&[
        "audit",
        "rows",
        &place.at(""),
        "--table",
        "admin",
        "--where",
        "kind=seal_key_rotated",
    ]);
    assert!(on_record.stdout.contains("yearly"), "{}", on_record.stdout);

    fs::remove_file(format!("{}/seal.key", place.directory.path())).unwrap();
    let refused = place.interdict(&["audit", "hold", "place", "--reason", "x"]);
    assert!(
        refused.code == 2 && refused.stderr.contains("new-chain"),
        "{}",
        refused.stderr
    );
    let begun = place.interdict(&["audit", "keys", "new-chain", "--reason", "the disk died"]);
    assert_eq!(begun.code, 0, "{}", begun.stderr);
    let told = place.verify(&["--public-key", &first]);
    assert!(
        told.code == 1 && told.stdout.contains("the disk died"),
        "{}",
        told.stdout
    );
    let second = place.directory.write(
        "second.pem",
        &place.interdict(&["audit", "keys", "export"]).stdout,
    );
    let told = place.verify(&["--public-key", &first, "--public-key", &second]);
    assert_eq!(told.code, 0, "{}", told.stdout);
}

#[test]
fn what_is_over_goes_with_a_receipt_unless_it_is_held() {
    let place = Place::new();
    let key = place.public();
    let held = place.interdict(&[
        "audit",
        "hold",
        "place",
        "--table",
        "statements",
        "--since",
        "2020-05-02",
        "--until",
        "2020-05-03",
        "--reason",
        "Doe v. Clinic",
        "--json",
    ]);
    assert_eq!(held.code, 0, "{}", held.stderr);
    let id: Value = serde_json::from_str(&held.stdout).unwrap();
    let id = id["hold"].as_str().unwrap().to_owned();
    let list = place.interdict(&["audit", "hold", "list"]);
    assert!(
        list.stdout.contains(&id) && list.stdout.contains("Doe v. Clinic"),
        "{}",
        list.stdout
    );

    let plan = place.interdict(&["audit", "retain", "--dry-run"]);
    assert!(
        plan.stdout.ends_with("2 segments would delete, 1 held\n"),
        "{}",
        plan.stdout
    );
    assert_eq!(place.files().len(), 3);
    let done = place.interdict(&["audit", "retain"]);
    assert!(
        done.code == 0 && place.files().len() == 1,
        "{}{}",
        done.stdout,
        done.stderr
    );
    let told = place.verify(&["--public-key", &key]);
    assert_eq!(told.code, 0, "{}", told.stdout);
    assert!(
        told.stdout.contains("2 rows in 2 segments, with receipts"),
        "{}",
        told.stdout
    );

    let lifted = place.interdict(&["audit", "hold", "lift", &id, "--reason", "settled"]);
    assert_eq!(lifted.code, 0, "{}", lifted.stderr);
    assert_eq!(
        place
            .interdict(&["audit", "hold", "lift", &id, "--reason", "again"])
            .code,
        1
    );
    assert!(place.interdict(&["audit", "retain"]).code == 0 && place.files().is_empty());
    assert_eq!(place.verify(&["--public-key", &key]).code, 0);
    // By hand, without one.
    fs::remove_file(place.at("seals/000000000006.json")).unwrap();
    assert_eq!(place.verify(&["--public-key", &key]).code, 1);
}

#[test]
fn raw_identifiers_are_found_by_form_and_by_value() {
    let place = Place::new();
    let audit = place.audit();
    let scan = |more: &[&str]| {
        let mut all = vec!["audit", "scan", audit.to_str().unwrap()];
        all.extend(more);
        run(&all)
    };
    // Who acted may have an address.
    place.append(vec![vec![Record::Event(Box::new(Event {
        at: NOON,
        kind: "reload".to_owned(),
        actor: "operator:ada@clinic.example(0)".to_owned(),
        ..Event::default()
    }))]]);
    let told = scan(&[]);
    assert_eq!(told.code, 0, "{}", told.stdout);
    assert!(
        told.stdout.starts_with("no raw identifier found in"),
        "{}",
        told.stdout
    );

    let planted = [
        ("us_ssn", "SELECT * FROM p WHERE ssn = '536-90-4399'"),
        ("credit_card", "SELECT '4111 1111 1111 1111'"),
        ("email", "SELECT 'jane.doe@example.com'"),
        ("phone", "-- call (212) 555-0142"),
        ("mrn", "-- MRN: 00482913"),
    ];
    let lists = planted
        .iter()
        .map(|(_, text)| statement(NOON, text, None))
        .collect();
    place.append(lists);
    place.append(vec![statement(
        NOON,
        "SELECT 1",
        Some("no such patient: Zbigniew Doe-Okonkwo"),
    )]);
    let told = scan(&["--json"]);
    assert_eq!(told.code, 1);
    let json: Value = serde_json::from_str(&told.stdout).unwrap();
    let found: Vec<(&str, u64)> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            (
                finding["detector"].as_str().unwrap(),
                finding["seq"].as_u64().unwrap(),
            )
        })
        .collect();
    for (index, (detector, _)) in planted.iter().enumerate() {
        assert!(
            found.contains(&(*detector, 4 + index as u64)),
            "{detector}: {found:?}"
        );
    }
    for raw in ["536-90-4399", "4111", "jane", "0142", "00482913"] {
        assert!(!told.stdout.contains(raw), "{raw} is shown");
    }
    // A name has no form: only who knows it finds it.
    assert!(!json["findings"].to_string().contains("message"));
    let values = place
        .directory
        .write("values", "zbigniew doe-okonkwo\nnobody at all\n");
    let told = scan(&["--values", &values, "--detector", "vin"]);
    assert!(
        told.code == 1 && told.stdout.contains("value:1"),
        "{}",
        told.stdout
    );
    assert!(!told.stdout.to_lowercase().contains("zbigniew"));
    assert_eq!(scan(&["--detector", "vin"]).code, 0);
    assert_eq!(scan(&["--except", "statements.statement"]).code, 0);
    let short = place.directory.write("short", "ab\n");
    assert_eq!(scan(&["--values", &short]).code, 2);
}

/// A session that only began is part of no table yet, and of no finding.
#[test]
fn what_is_open_is_no_finding() {
    let place = Place::new();
    place.append(vec![vec![Record::SessionStarted(Box::new(SessionStarted {
        session_id: Uuid::now_v7(),
        started_at: NOON,
        ..SessionStarted::default()
    }))]]);
    assert_eq!(place.verify(&["--public-key", &place.public()]).code, 0);
}
