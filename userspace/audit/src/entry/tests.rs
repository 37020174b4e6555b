use super::*;

#[derive(Serialize)]
struct Later<'a> {
    host: &'a str,
    boot_id: &'a str,
    added_by_a_later_version: u64,
}

#[derive(Serialize)]
struct Earlier<'a> {
    host: &'a str,
}

#[test]
fn every_kind_comes_back() {
    let records = [
        Record::SessionStarted(Box::default()),
        Record::SessionDescribed(Box::default()),
        Record::SessionEnded(Box::default()),
        Record::StatementStarted(Box::default()),
        Record::StatementEnded(Box::default()),
        Record::PolicyLoaded(Box::default()),
        Record::Event(Box::default()),
        Record::Ledger(Box::new(LedgerEntry {
            seen: u64::MAX,
            difference: -1,
            ..LedgerEntry::default()
        })),
        Record::Approval(Box::new(ApprovalEvent {
            shown: Some(Box::default()),
            ..ApprovalEvent::default()
        })),
        Record::Grant(Box::default()),
        Record::Frame(Box::new(Frame {
            statement_id: Some(uuid::Uuid::from_u128(3)),
            payload: (0..=255).collect(),
            digest: Some("sha256:00".to_owned()),
            ..Frame::default()
        })),
    ];
    for record in records {
        let mut body = Vec::new();
        Entry::encode_record(&record, &mut body).unwrap();
        assert_eq!(Entry::decode(&body).unwrap(), Entry::Record(record));
    }
}

#[test]
fn entries_of_other_versions_read() {
    let mut body = Vec::new();
    write(
        0,
        &Later {
            host: "h",
            boot_id: "b",
            added_by_a_later_version: 7,
        },
        &mut body,
    )
    .unwrap();
    assert_eq!(
        Entry::decode(&body).unwrap(),
        Entry::Opened(Opened {
            host: "h".into(),
            boot_id: "b".into()
        })
    );
    body.clear();
    write(0, &Earlier { host: "h" }, &mut body).unwrap();
    assert_eq!(
        Entry::decode(&body).unwrap(),
        Entry::Opened(Opened {
            host: "h".into(),
            boot_id: String::new()
        })
    );
}

/// The fields that the first version wrote, by name. A record may gain fields (with `#[serde(default)]`), never lose or
/// rename one: the journal that a crash left behind is read by whatever version starts next.
#[test]
fn fields_are_never_renamed() {
    let mut body = Vec::new();
    let started = StatementStarted {
        approval_id: Some(uuid::Uuid::nil()),
        ..StatementStarted::default()
    };
    Entry::encode_record(&Record::StatementStarted(Box::new(started)), &mut body).unwrap();
    for name in [
        "session_id",
        "statement_id",
        "requested_at",
        "decided_at",
        "statement",
        "decision",
        "approval_id",
    ] {
        assert!(
            body.windows(name.len()).any(|window| window == name.as_bytes()),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_said_without_its_content() {
    assert!(Entry::decode(&[]).is_err());
    assert_eq!(
        Entry::decode(&[9, 1]).unwrap_err(),
        "an entry of version 9; this program reads version 1"
    );
    let message = Entry::decode(b"\x01\x04secret").unwrap_err();
    assert!(!message.contains("secret"), "{message}");
}
