use std::sync::Arc;

use interdict_audit::Table;
use interdict_policy::Identity;
use interdict_record::{Column, RelationAccess, StatementEnded, StatementStarted};

use super::*;
use crate::testkit::{Kit, person};

fn new() -> NewGrant {
    NewGrant {
        identities: vec!["unit:agent*".to_owned()],
        services: vec!["clinic".to_owned()],
        effects: vec!["read".to_owned()],
        relations: vec!["public.patients".to_owned()],
        columns: vec!["public.patients.name".to_owned()],
        rows: Some(10),
        until: Until::Seconds(600),
        reason: "ticket says so".to_owned(),
        ticket: Some("CARE-1".to_owned()),
        ..NewGrant::default()
    }
}

fn root() -> Person {
    Person {
        operator: true,
        ..person("root", 0)
    }
}

fn held(kit: &Kit) -> usize {
    let identity = Identity {
        name: "unit:agent.service".to_owned(),
        ..Identity::default()
    };
    let now = now();
    let grants = kit.grants.lock().unwrap().of("clinic", &identity);
    grants.iter().filter(|granted| granted.holds_at(now)).count()
}

#[tokio::test]
async fn a_grant_is_in_force_once_it_is_on_record_and_until_it_is_revoked() {
    let kit = Kit::new().await;
    let mut changes = kit.store.changes();
    let listed = kit.store.create(new(), &root()).await.unwrap();
    assert_eq!((listed.state.as_str(), held(&kit)), ("in force", 1));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let id = listed.grant.id.to_string();
    assert!(kit.store.revoke(&id, &root(), " ").await.is_err());
    let revoked = kit.store.revoke(&id[24..], &root(), "no longer").await.unwrap();
    assert_eq!((revoked.state.as_str(), held(&kit)), ("revoked", 0));
    assert!(changes.has_changed().unwrap());
    assert!(matches!(
        kit.store.revoke(&id, &root(), "again").await,
        Err(Refused::TooLate(_))
    ));
    assert_eq!(kit.events(Table::Grants), ["created", "revoked"]);
    assert!(kit.store.list(false).await.is_empty());
    assert_eq!(kit.store.list(true).await.len(), 1);
    let row = &kit.rows(Table::Grants)[1];
    assert_eq!(
        (&row["reason"], &row["ticket"]),
        (&"no longer".into(), &"CARE-1".into())
    );
    assert_eq!(row["row_limit"], 10);
}

#[tokio::test]
async fn a_grant_ends_by_itself_and_begins_in_its_time() {
    let kit = Kit::new().await;
    let keeper = tokio::spawn(Arc::clone(&kit.store).keep());
    let at = now();
    let coming = NewGrant {
        starts_at: Some(at + 200_000),
        until: Until::At(at + 500_000),
        ..new()
    };
    let listed = kit.store.create(coming, &root()).await.unwrap();
    assert_eq!((listed.state.as_str(), held(&kit)), ("coming", 0));
    let mut changes = kit.store.changes();
    let published = Arc::clone(&kit.grants.lock().unwrap());
    while held(&kit) == 0 {
        tokio::time::timeout(Duration::from_secs(5), changes.changed())
            .await
            .expect("sessions are told of the start")
            .unwrap();
    }
    assert!(now() >= at + 200_000);
    assert!(!Arc::ptr_eq(&published, &kit.grants.lock().unwrap()));
    while !kit.grants.lock().unwrap().is_empty() {
        tokio::time::timeout(Duration::from_secs(5), changes.changed())
            .await
            .expect("sessions are told of the end")
            .unwrap();
    }
    let late = now() - (at + 500_000);
    assert!((0..500_000).contains(&late), "{late} µs late");
    while kit.events(Table::Grants).len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(kit.events(Table::Grants), ["created", "expired"]);
    keeper.abort();
}

#[tokio::test]
async fn grants_outlive_the_daemon_and_their_end_does_not_wait_for_it() {
    let kit = Kit::new().await;
    let long = kit.store.create(new(), &root()).await.unwrap();
    let short = NewGrant {
        until: Until::At(now() + 300_000),
        ..new()
    };
    kit.store.create(short, &root()).await.unwrap();
    let gone = kit.store.create(new(), &root()).await.unwrap();
    kit.store
        .revoke(&gone.grant.id.to_string(), &root(), "x")
        .await
        .unwrap();
    kit.audit.close().await.unwrap();
    let Kit {
        directory,
        audit,
        store,
        desk,
        ..
    } = kit;
    drop((audit, store, desk));
    tokio::time::sleep(Duration::from_millis(300)).await;

    let kit = Kit::over(directory, crate::Bounds::default()).await;
    assert_eq!(held(&kit), 1);
    let listed = kit.store.list(false).await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].grant, long.grant);
    assert_eq!(listed[1].state, "ending");
    let keeper = tokio::spawn(Arc::clone(&kit.store).keep());
    while kit.events(Table::Grants).len() < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(kit.events(Table::Grants)[4], "expired");
    keeper.abort();
}

#[tokio::test]
async fn what_a_grant_was_used_for_is_known() {
    let kit = Kit::new().await;
    let grant = kit.store.create(new(), &root()).await.unwrap().grant;
    let (session_id, statement_id) = (Uuid::now_v7(), Uuid::now_v7());
    let started = StatementStarted {
        session_id,
        statement_id,
        requested_at: now(),
        grant_id: Some(grant.id),
        effects: vec!["read".to_owned()],
        relations: vec![RelationAccess {
            name: "public.patients".to_owned(),
            access: "read".to_owned(),
        }],
        ..StatementStarted::default()
    };
    let ended = StatementEnded {
        session_id,
        statement_id,
        ended_at: now(),
        status: "ok".to_owned(),
        rows: 4,
        columns: Arc::new(vec![Column {
            label: "name".to_owned(),
            origin: Some("public.patients.name".to_owned()),
            mask: None,
        }]),
        ..StatementEnded::default()
    };
    let records = vec![
        Record::StatementStarted(Box::new(started)),
        Record::StatementEnded(Box::new(ended)),
    ];
    kit.audit.append(records).await.unwrap().durable().await.unwrap();
    let used = kit.store.list(false).await.remove(0).used.unwrap();
    assert_eq!((used.statements, used.rows), (1, 4));
    assert!(used.columns.contains("public.patients.name"));
    kit.store
        .revoke(&grant.id.to_string(), &root(), "done")
        .await
        .unwrap();
    let row = &kit.rows(Table::Grants)[1];
    assert_eq!(
        (&row["used_statements"], &row["used_rows"]),
        (&1.into(), &4.into())
    );
    assert_eq!(row["used_columns"], serde_json::json!(["public.patients.name"]));
}

#[tokio::test]
async fn broken_glass_is_reviewed_by_somebody_else_afterwards() {
    let kit = Kit::new().await;
    let glass = NewGrant {
        break_glass: true,
        ..new()
    };
    let ada = person("ada", 7);
    let id = kit.store.create(glass, &ada).await.unwrap().grant.id.to_string();
    assert!(kit.store.attention()[0].contains("in force"));
    let bob = person("bob", 8);
    assert!(matches!(
        kit.store.review(&id, &bob, "fine").await,
        Err(Refused::TooLate(_))
    ));
    kit.store.revoke(&id, &ada, "over").await.unwrap();
    assert!(kit.store.attention()[0].contains("must be reviewed"));
    kit.audit.close().await.unwrap();
    let Kit {
        directory,
        audit,
        store,
        desk,
        ..
    } = kit;
    drop((audit, store, desk));

    let kit = Kit::over(directory, crate::Bounds::default()).await;
    assert!(kit.store.list(false).await[0].review_due);
    let sudo = Person {
        login_uid: Some(7),
        ..root()
    };
    for herself in [&ada, &sudo] {
        assert!(matches!(
            kit.store.review(&id, herself, "fine").await,
            Err(Refused::NotPermitted(_))
        ));
    }
    let reviewed = kit.store.review(&id, &bob, "fine").await.unwrap();
    assert_eq!(reviewed.reviewed_by.as_deref(), Some("bob"));
    assert!(kit.store.attention().is_empty());
    assert!(matches!(
        kit.store.review(&id, &bob, "fine").await,
        Err(Refused::TooLate(_))
    ));
    let plain = kit.store.create(new(), &ada).await.unwrap().grant.id.to_string();
    assert!(matches!(
        kit.store.review(&plain, &bob, "fine").await,
        Err(Refused::TooLate(_))
    ));
    assert_eq!(
        kit.events(Table::Grants),
        ["created", "revoked", "reviewed", "created"]
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_no_grant() {
    let kit = Kit::new().await;
    let at = now();
    for (wrong, part) in [
        (
            NewGrant {
                identities: Vec::new(),
                ..new()
            },
            "identities",
        ),
        (
            NewGrant {
                services: Vec::new(),
                ..new()
            },
            "services",
        ),
        (
            NewGrant {
                effects: vec!["reed".to_owned()],
                ..new()
            },
            "effects",
        ),
        (
            NewGrant {
                reason: " ".to_owned(),
                ..new()
            },
            "reason",
        ),
        (
            NewGrant {
                until: Until::Seconds(0),
                ..new()
            },
            "over already",
        ),
        (
            NewGrant {
                until: Until::At(at - 1),
                ..new()
            },
            "over already",
        ),
        (
            NewGrant {
                starts_at: Some(at + 9_000_000),
                until: Until::At(at + 8_000_000),
                ..new()
            },
            "ends_at",
        ),
    ] {
        let refused = kit.store.create(wrong, &root()).await.unwrap_err();
        assert!(
            matches!(&refused, Refused::Invalid(why) if why.contains(part)),
            "{refused:?}"
        );
    }
    let inside = Person {
        workload: Some("agents".to_owned()),
        ..root()
    };
    assert!(matches!(
        kit.store.create(new(), &inside).await,
        Err(Refused::NotPermitted(_))
    ));
    assert!(kit.events(Table::Grants).is_empty());
    kit.audit.close().await.unwrap();
    assert!(matches!(
        kit.store.create(new(), &root()).await,
        Err(Refused::NotRecorded(_))
    ));
    assert_eq!(held(&kit), 0);
}
