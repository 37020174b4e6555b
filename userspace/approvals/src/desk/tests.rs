use std::time::Instant as Clock;

use interdict_audit::Table;
use interdict_policy::HoldSpec;

use super::*;
use crate::Person;
use crate::testkit::{Kit, about, person, petition, terms};

fn yes() -> Say {
    Say {
        approve: true,
        reason: "a patient asked for it".to_owned(),
        grant: None,
    }
}

fn no() -> Say {
    Say {
        approve: false,
        reason: "not this one".to_owned(),
        grant: None,
    }
}

fn wait() -> HoldSpec {
    terms(HoldMode::Wait)
}

fn retry() -> HoldSpec {
    terms(HoldMode::Retry)
}

/// Approved, with the people who said so.
fn approved(ruling: &Ruling) -> &[String] {
    let Ruling::Approved { by, .. } = ruling else {
        panic!("{ruling:?}")
    };
    by
}

#[tokio::test]
async fn a_yes_lets_pass_and_everything_is_on_record_before() {
    let mut kit = Kit::new().await;
    let asking = kit.desk.ask(petition("1", wait()), about());
    let shown = kit.shown().await;
    assert_eq!(kit.events(Table::Approvals), ["requested"]);
    assert_eq!(kit.desk.list(false).len(), 1);
    let decided = kit
        .desk
        .say(&shown.id.to_string(), &person("ada", 7), yes())
        .await
        .unwrap();
    assert_eq!(kit.events(Table::Approvals), ["requested", "voted", "approved"]);
    assert_eq!(decided.state, State::Approved);
    assert_eq!(approved(&asking.await), ["ada"]);
    assert!(kit.desk.list(false).is_empty());
    assert_eq!(kit.desk.list(true).len(), 1);
    assert_eq!(kit.desk.pending(), 0);

    let rows = kit.rows(Table::Approvals);
    assert_eq!(rows[0]["statement"], "DELETE FROM visits WHERE id = ?");
    assert_eq!(rows[0]["ancestry"], serde_json::json!(["/bin/sh"]));
    assert_eq!(rows[0]["approvers"], serde_json::json!(["group:compliance"]));
    assert_eq!(rows[1]["vote"], "approve");
    assert_eq!((&rows[1]["uid"], &rows[1]["via"]), (&7.into(), &"admin".into()));
    assert_eq!(rows[2]["reason"], "a patient asked for it");
    assert_eq!(rows[2]["digest"], "sha256:1");
}

#[tokio::test]
async fn a_no_denies_whatever_the_quorum() {
    let mut kit = Kit::new().await;
    let two = HoldSpec { quorum: 2, ..wait() };
    let asking = kit.desk.ask(petition("1", two), about());
    let id = kit.shown().await.id.to_string();
    kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap();
    kit.desk.say(&id, &person("bob", 8), no()).await.unwrap();
    let Ruling::Denied { by, reason, .. } = asking.await else {
        panic!()
    };
    assert_eq!((by, reason.as_str()), (vec!["bob".to_owned()], "not this one"));
    assert_eq!(
        kit.events(Table::Approvals),
        ["requested", "voted", "voted", "denied"]
    );
    assert_eq!(kit.desk.pending(), 0);
}

#[tokio::test]
async fn a_quorum_is_of_different_people() {
    let mut kit = Kit::new().await;
    let two = HoldSpec { quorum: 2, ..wait() };
    let asking = kit.desk.ask(petition("1", two), about());
    let id = kit.shown().await.id.to_string();
    let ada = person("ada", 7);
    let first = kit.desk.say(&id, &ada, yes()).await.unwrap();
    assert_eq!(first.state, State::Pending);
    let sudo = Person {
        login_uid: Some(7),
        login: Some("ada".to_owned()),
        ..person("root", 0)
    };
    for again in [&ada, &sudo] {
        let refused = kit.desk.say(&id, again, yes()).await.unwrap_err();
        assert!(matches!(refused, Refused::TooLate(_)), "{refused:?}");
    }
    kit.desk.say(&id, &person("bob", 8), yes()).await.unwrap();
    assert_eq!(approved(&asking.await), ["ada", "bob"]);
}

#[tokio::test]
async fn only_those_who_are_named_decide_and_nobody_about_their_own() {
    let mut kit = Kit::new().await;
    let login = About {
        login_uid: Some(1001),
        ..about()
    };
    let asking = kit.desk.ask(petition("1", wait()), login);
    let id = kit.shown().await.id.to_string();
    let root = Person {
        operator: true,
        groups: Vec::new(),
        ..person("root", 0)
    };
    let sudo = Person {
        login_uid: Some(1000),
        ..person("root", 0)
    };
    let inside = Person {
        workload: Some("agents".to_owned()),
        ..person("ada", 7)
    };
    let namesake = Person {
        via: "webhook:chat".to_owned(),
        uid: None,
        ..person("agent@chat", 0)
    };
    for (who, part) in [
        (&root, "none of those"),
        (
            &Person {
                groups: Vec::new(),
                ..person("eve", 9)
            },
            "none of those",
        ),
        (&person("carol", 1000), "themselves"),
        (&person("carol", 1001), "themselves"),
        (&sudo, "themselves"),
        (&person("agent", 5), "themselves"),
        (&namesake, "themselves"),
        (&inside, "agents"),
    ] {
        for say in [yes(), no()] {
            let refused = kit.desk.say(&id, who, say).await.unwrap_err();
            assert!(
                matches!(&refused, Refused::NotPermitted(why) if why.contains(part)),
                "{who:?}: {refused:?}"
            );
        }
    }
    assert_eq!(kit.events(Table::Approvals), ["requested"]);
    kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap();
    asking.await;
}

#[tokio::test]
async fn where_nobody_is_named_operators_decide() {
    let mut kit = Kit::new().await;
    let anyone = HoldSpec {
        approvers: Vec::new(),
        ..wait()
    };
    let asking = kit.desk.ask(petition("1", anyone), about());
    let id = kit.shown().await.id.to_string();
    let refused = kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap_err();
    assert!(matches!(refused, Refused::NotPermitted(_)));
    let root = Person {
        operator: true,
        ..person("root", 0)
    };
    kit.desk.say(&id, &root, yes()).await.unwrap();
    assert_eq!(approved(&asking.await), ["root"]);
}

#[tokio::test]
async fn a_decision_needs_a_reason() {
    let mut kit = Kit::new().await;
    let _asking = kit.desk.ask(petition("1", wait()), about());
    let id = kit.shown().await.id.to_string();
    for reason in ["", "  \n", &"x".repeat(4097)] {
        let say = Say {
            reason: reason.to_owned(),
            ..yes()
        };
        let refused = kit.desk.say(&id, &person("ada", 7), say).await.unwrap_err();
        assert!(matches!(refused, Refused::Invalid(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn time_denies_and_is_over_for_people_too() {
    let mut kit = Kit::new().await;
    let short = HoldSpec {
        timeout: Duration::from_millis(50),
        ..wait()
    };
    let asking = kit.desk.ask(petition("1", short), about());
    let id = kit.shown().await.id;
    assert_eq!(asking.await, Ruling::Expired { approval: id });
    assert_eq!(kit.events(Table::Approvals), ["requested", "expired"]);
    let refused = kit.desk.say(&id.to_string(), &person("ada", 7), yes()).await;
    assert!(matches!(refused, Err(Refused::TooLate(_))), "{refused:?}");
}

#[tokio::test]
async fn a_client_that_goes_withdraws() {
    let mut kit = Kit::new().await;
    let asking = kit.desk.ask(petition("1", wait()), about());
    let id = kit.shown().await.id.to_string();
    drop(asking);
    let mut changes = kit.desk.changes();
    while !kit.desk.list(false).is_empty() {
        changes.changed().await.unwrap();
    }
    assert_eq!(kit.events(Table::Approvals), ["requested", "withdrawn"]);
    assert!(kit.desk.say(&id, &person("ada", 7), yes()).await.is_err());
    // Before it was even on record.
    drop(kit.desk.ask(petition("2", wait()), about()));
    while kit.desk.pending() > 0 {
        changes.changed().await.unwrap();
    }
    assert_eq!(kit.events(Table::Approvals).last().unwrap(), "withdrawn");
}

#[tokio::test]
async fn who_retries_is_asked_about_once_and_passes_once() {
    let mut kit = Kit::new().await;
    let Ruling::Asked { approval } = kit.desk.ask(petition("1", retry()), about()).await else {
        panic!()
    };
    assert_eq!(
        kit.desk.ask(petition("1", retry()), about()).await,
        Ruling::Asked { approval },
        "it joins"
    );
    assert_eq!(kit.desk.list(false).len(), 1);
    kit.shown().await;
    let id = approval.to_string();
    kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap();

    // Another statement, identity, service or other terms are something else.
    let mut others = [
        petition("2", retry()),
        petition("1", retry()),
        petition("1", retry()),
        petition("1", HoldSpec { quorum: 2, ..retry() }),
    ];
    others[1].identity = "unit:other.service".to_owned();
    others[2].service = "billing".to_owned();
    for other in others {
        let ruling = kit.desk.ask(other, about()).await;
        assert!(
            matches!(ruling, Ruling::Asked { approval: other } if other != approval),
            "{ruling:?}"
        );
    }
    // Both at once: one gets it.
    let (one, other) = tokio::join!(
        kit.desk.ask(petition("1", retry()), about()),
        kit.desk.ask(petition("1", retry()), about())
    );
    assert_eq!(approved(&one), ["ada"]);
    assert!(
        matches!(other, Ruling::Asked { approval: other } if other != approval),
        "{other:?}"
    );
    let events = kit.events(Table::Approvals);
    assert_eq!(events.iter().filter(|event| *event == "consumed").count(), 1);
}

#[tokio::test]
async fn what_was_approved_is_not_for_those_who_approved_it() {
    let mut kit = Kit::new().await;
    kit.desk.ask(petition("1", retry()), about()).await;
    let id = kit.shown().await.id.to_string();
    kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap();
    let hers = About {
        uid: Some(7),
        ..about()
    };
    let ruling = kit.desk.ask(petition("1", retry()), hers).await;
    assert!(matches!(ruling, Ruling::Unavailable(_)), "{ruling:?}");
}

#[tokio::test]
async fn an_approval_that_is_not_used_in_time_is_over() {
    let mut kit = Kit::new().await;
    let short = HoldSpec {
        timeout: Duration::from_millis(300),
        ..retry()
    };
    kit.desk.ask(petition("1", short.clone()), about()).await;
    let id = kit.shown().await.id.to_string();
    tokio::time::sleep(Duration::from_millis(200)).await;
    kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap();
    // Later than the first deadline: it counts anew.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(kit.desk.find(&id).unwrap().state, State::Approved);
    let mut changes = kit.desk.changes();
    while kit.desk.pending() > 0 {
        changes.changed().await.unwrap();
    }
    assert_eq!(kit.events(Table::Approvals).last().unwrap(), "expired");
    let again = kit.desk.ask(petition("1", short), about()).await;
    assert!(matches!(again, Ruling::Asked { .. }), "{again:?}");
}

#[tokio::test]
async fn a_denial_is_remembered_so_that_people_are_not_asked_again_and_again() {
    let mut kit = Kit::new().await;
    kit.desk.ask(petition("1", retry()), about()).await;
    let id = kit.shown().await.id;
    kit.desk
        .say(&id.to_string(), &person("ada", 7), no())
        .await
        .unwrap();
    assert_eq!(kit.desk.pending(), 0);
    let again = kit.desk.ask(petition("1", retry()), about()).await;
    assert!(
        matches!(&again, Ruling::Denied { approval, .. } if *approval == id),
        "{again:?}"
    );
    assert!(kit.desk.list(false).is_empty());
}

#[tokio::test]
async fn a_denial_is_forgotten_with_its_time() {
    let mut kit = Kit::new().await;
    let short = HoldSpec {
        timeout: Duration::from_millis(200),
        ..retry()
    };
    kit.desk.ask(petition("1", short.clone()), about()).await;
    let id = kit.shown().await.id.to_string();
    kit.desk.say(&id, &person("ada", 7), no()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(kit.desk.find(&id).unwrap().state, State::Denied);
    let again = kit.desk.ask(petition("1", short), about()).await;
    assert!(matches!(again, Ruling::Asked { .. }), "{again:?}");
    assert_eq!(
        kit.events(Table::Approvals),
        ["requested", "voted", "denied", "requested"]
    );
}

/// Two at once, of which each is enough: one decides, the other comes too late.
#[tokio::test]
async fn two_who_speak_at_once_do_not_both_decide() {
    for _ in 0..20 {
        let mut kit = Kit::new().await;
        let asking = kit.desk.ask(petition("1", wait()), about());
        let id = kit.shown().await.id.to_string();
        let (ada, bob) = (person("ada", 7), person("bob", 8));
        let (one, other) = tokio::join!(kit.desk.say(&id, &ada, yes()), kit.desk.say(&id, &bob, no()));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        let approved = matches!(asking.await, Ruling::Approved { .. });
        assert_eq!(approved, one.is_ok());
        assert_eq!(kit.events(Table::Approvals).len(), 3);
    }
}

#[tokio::test]
async fn more_than_the_bounds_is_refused_and_room_comes_back() {
    let bounds = Bounds {
        pending: 3,
        of_identity: 2,
        ..Bounds::default()
    };
    let mut kit = Kit::within(bounds).await;
    let of = |digest: &str, identity: &str| {
        let mut petition = petition(digest, wait());
        petition.identity = identity.to_owned();
        petition
    };
    let first = kit.desk.ask(of("1", "a"), about());
    let _second = kit.desk.ask(of("2", "a"), about());
    let third = kit.desk.ask(of("3", "a"), about()).await;
    assert!(
        matches!(&third, Ruling::Unavailable(why) if why.contains("2 statements of a")),
        "{third:?}"
    );
    let _other = kit.desk.ask(of("4", "b"), about());
    let full = kit.desk.ask(of("5", "c"), about()).await;
    assert!(
        matches!(&full, Ruling::Unavailable(why) if why.starts_with("3 statements wait")),
        "{full:?}"
    );
    kit.shown().await;
    drop(first);
    let mut changes = kit.desk.changes();
    while kit.desk.pending() > 2 {
        changes.changed().await.unwrap();
    }
    let _fits = kit.desk.ask(of("6", "a"), about());
    assert_eq!(kit.desk.pending(), 3);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_so() {
    let mut kit = Kit::new().await;
    let asking = kit.desk.ask(petition("1", wait()), about());
    let id = kit.shown().await.id.to_string();
    kit.audit.close().await.unwrap();
    let refused = kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap_err();
    assert!(matches!(refused, Refused::NotRecorded(_)), "{refused:?}");
    assert!(kit.desk.find(&id).unwrap().votes.is_empty());
    let asked = kit.desk.ask(petition("2", wait()), about()).await;
    assert!(matches!(asked, Ruling::Unavailable(_)), "{asked:?}");
    drop(asking);
}

#[tokio::test]
async fn a_stop_refuses_what_waits_and_a_crash_is_on_record_with_the_next_start() {
    let mut kit = Kit::new().await;
    let asking = kit.desk.ask(petition("1", wait()), about());
    kit.desk.ask(petition("2", retry()), about()).await;
    kit.shown().await;
    kit.desk.close().await;
    assert!(matches!(asking.await, Ruling::Unavailable(_)));
    assert!(matches!(
        kit.desk.ask(petition("3", wait()), about()).await,
        Ruling::Unavailable(_)
    ));
    let events = kit.events(Table::Approvals);
    assert_eq!(events.iter().filter(|event| *event == "shutdown").count(), 2);

    let mut kit = Kit::new().await;
    let asking = kit.desk.ask(petition("1", wait()), about());
    kit.shown().await;
    // What a kill leaves: the directory as it is at this moment.
    let left = tempfile::tempdir().unwrap();
    let status = std::process::Command::new("cp")
        .arg("-r")
        .args([kit.directory.path().join("audit"), left.path().join("audit")])
        .status()
        .unwrap();
    assert!(status.success());
    let next = Kit::over(left, Bounds::default()).await;
    assert_eq!(next.events(Table::Approvals), ["requested", "restart"]);
    assert!(next.desk.list(true).is_empty());
    drop(asking);
}

#[tokio::test]
async fn ids_may_be_shortened_as_long_as_they_are_unique() {
    let mut kit = Kit::new().await;
    let _one = kit.desk.ask(petition("1", wait()), about());
    let _two = kit.desk.ask(petition("2", wait()), about());
    let (one, two) = (kit.shown().await.id.to_string(), kit.shown().await.id.to_string());
    for id in [&one, &two] {
        assert_eq!(kit.desk.find(&id[28..]).unwrap().id.to_string(), *id);
        assert_eq!(kit.desk.find(&id.to_uppercase()).unwrap().id.to_string(), *id);
    }
    assert!(
        matches!(kit.desk.find(&one[..6]), Err(Refused::Invalid(_))),
        "both begin so"
    );
    assert!(matches!(kit.desk.find("0"), Err(Refused::Invalid(_))));
    for none in ["", "ffff", "not an id"] {
        assert!(matches!(kit.desk.find(none), Err(Refused::NotFound(_))), "{none}");
    }
}

#[tokio::test]
async fn a_thousand_wait_and_each_is_decided_in_milliseconds() {
    let bounds = Bounds {
        of_identity: 2000,
        ..Bounds::default()
    };
    let kit = Kit::within(bounds).await;
    let begun = Clock::now();
    let asking: Vec<Asking> = (0..1000)
        .map(|number| kit.desk.ask(petition(&number.to_string(), wait()), about()))
        .collect();
    let asked = begun.elapsed();
    let mut changes = kit.desk.changes();
    while kit.desk.list(false).len() < 1000 {
        changes.changed().await.unwrap();
    }
    let shown = begun.elapsed();
    let begun = Clock::now();
    let list = kit.desk.list(false);
    let listed = begun.elapsed();
    let begun = Clock::now();
    for (number, approval) in list.iter().enumerate() {
        let say = if number % 2 == 0 { yes() } else { no() };
        kit.desk
            .say(&approval.id.to_string(), &person("ada", 7), say)
            .await
            .unwrap();
    }
    let each = begun.elapsed() / 1000;
    for (number, asking) in asking.into_iter().enumerate() {
        let ruling = asking.await;
        assert_eq!(
            matches!(ruling, Ruling::Approved { .. }),
            number % 2 == 0,
            "{ruling:?}"
        );
    }
    println!("asked in {asked:?}, all shown after {shown:?}, listed in {listed:?}, each decided in {each:?}");
    assert!(listed < Duration::from_millis(250), "{listed:?}");
    assert!(each < Duration::from_millis(100), "{each:?}");
    assert_eq!(kit.desk.pending(), 0);
}

#[tokio::test]
async fn an_approval_becomes_a_grant_if_everyone_wants_it() {
    let half_an_hour = Some(Duration::from_mins(30));
    let with = |grant| Say { grant, ..yes() };
    for (first, second, length) in [
        (half_an_hour, Some(Duration::from_mins(10)), Some(600)),
        (half_an_hour, None, None),
        (None, half_an_hour, None),
    ] {
        let mut kit = Kit::new().await;
        let two = HoldSpec { quorum: 2, ..wait() };
        let asking = kit.desk.ask(petition("1", two), about());
        let id = kit.shown().await.id;
        kit.desk
            .say(&id.to_string(), &person("ada", 7), with(first))
            .await
            .unwrap();
        let decided = kit
            .desk
            .say(&id.to_string(), &person("bob", 8), with(second))
            .await
            .unwrap();
        approved(&asking.await);
        let grants = kit.store.list(false).await;
        assert_eq!(grants.len(), usize::from(length.is_some()));
        let Some(length) = length else { continue };
        let grant = &grants[0].grant;
        assert_eq!(grant.ends_at - grant.starts_at, length * 1_000_000);
        assert_eq!(decided.grant_id, Some(grant.id));
        assert_eq!(
            (grant.approval_id, grant.created_by.as_str()),
            (Some(id), "ada, bob")
        );
        assert_eq!(grant.relations, ["public.visits"]);
        assert_eq!(grant.effects, ["delete"], "`write` would let it insert as well");
        assert!(!kit.grants.lock().unwrap().is_empty());
        assert_eq!(kit.events(Table::Grants), ["created"]);
        assert_eq!(
            kit.rows(Table::Approvals).last().unwrap()["grant_id"],
            grant.id.to_string()
        );
    }

    // What has no bounds is no grant.
    let mut kit = Kit::new().await;
    let mut everything = petition("1", wait());
    everything.relations.clear();
    let _asking = kit.desk.ask(everything, about());
    let id = kit.shown().await.id.to_string();
    let refused = kit.desk.say(&id, &person("ada", 7), with(half_an_hour)).await;
    assert!(matches!(refused, Err(Refused::Invalid(_))), "{refused:?}");
    kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap();
}

#[tokio::test]
async fn another_threads_runtime_may_ask() {
    let mut kit = Kit::new().await;
    let desk = Arc::clone(&kit.desk);
    let session = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(desk.ask(petition("1", wait()), about()))
    });
    let id = kit.shown().await.id.to_string();
    kit.desk.say(&id, &person("ada", 7), yes()).await.unwrap();
    let ruling = tokio::task::spawn_blocking(move || session.join().unwrap())
        .await
        .unwrap();
    approved(&ruling);
}
