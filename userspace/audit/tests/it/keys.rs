//! Whose the seals are: keys that are changed, lost, and somebody else's.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use interdict_audit::{Audit, NewChain, Problem, SealKey, SealKind, Table};
use uuid::Uuid;

use crate::seals::{check, file, problems, record, seals, with, without_journal};
use crate::support::{NOON, copy, key, place, public, runtime, sealed, segments, statements};

#[test]
fn whoever_has_the_first_key_or_a_later_one_can_follow_a_rotation() {
    let (_above, directory) = place();
    let mut keys = Vec::new();
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        keys.push(public(&directory));
        for _ in 0..2 {
            statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
            audit.rotate().await.unwrap();
            let new = audit.rotate_key(&key(&directory)).await.unwrap();
            assert_eq!(new, public(&directory));
            keys.push(new);
        }
        statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
        audit.close().await.unwrap();
    });
    let kinds: Vec<_> = seals(&directory).iter().map(|seal| seal.kind).collect();
    assert_eq!(
        kinds,
        [
            SealKind::Publish,
            SealKind::Rotation,
            SealKind::Publish,
            SealKind::Rotation,
            SealKind::Publish
        ]
    );
    for key in &keys {
        let report = check(&directory, &[*key]);
        assert!(
            report.sound() && report.seals.as_ref().unwrap().proven,
            "{report}"
        );
    }
    let stranger = SealKey::generate().unwrap().public();
    assert_eq!(problems(&check(&directory, &[stranger])), [Problem::UnknownKey]);
    // And it goes on with the last.
    runtime().block_on(async { Audit::open(sealed(&directory)).unwrap().close().await.unwrap() });
    assert!(check(&directory, &[keys[0]]).sound());
}

#[test]
fn a_rotation_that_the_settings_ask_for_is_done_once() {
    let (_above, directory) = record();
    let (old, new) = (
        SealKey::read(&key(&directory)).unwrap().unwrap(),
        SealKey::generate().unwrap(),
    );
    let error = Audit::open(with(&directory, new.clone()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("hands over to key") && error.contains("new-chain"),
        "{error}"
    );
    for _ in 0..2 {
        let mut config = with(&directory, new.clone());
        config.seals.as_mut().unwrap().previous = Some(Arc::new(old.clone()));
        drop(Audit::open(config).unwrap());
    }
    let rotations = seals(&directory)
        .into_iter()
        .filter(|seal| seal.kind == SealKind::Rotation);
    assert_eq!(rotations.count(), 1);
    assert!(check(&directory, &[old.public()]).sound());
}

#[test]
fn a_rotation_that_was_cut_short_is_finished() {
    let (_above, directory) = record();
    let before = public(&directory);
    let (_copy, crashed) = place();
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        let saved = std::fs::read(key(&directory)).unwrap();
        audit.rotate_key(&key(&directory)).await.unwrap();
        audit.close().await.unwrap();
        // As if the crash had come before the new key was put into its place.
        copy(&directory, &crashed);
        std::fs::copy(key(&directory), key(&crashed).with_extension("key.next")).unwrap();
        std::fs::write(key(&crashed), saved).unwrap();
        std::fs::set_permissions(key(&crashed), std::fs::Permissions::from_mode(0o600)).unwrap();
    });
    drop(Audit::open(sealed(&crashed)).unwrap());
    assert_eq!(public(&crashed), public(&directory));
    // And one that was cut short before its seal: the key that nobody named is passed over.
    SealKey::generate().unwrap();
    let other = tempfile::tempdir().unwrap();
    let stray = other.path().join("audit");
    drop(Audit::open(sealed(&stray)).unwrap());
    std::fs::copy(key(&stray), key(&crashed).with_extension("key.next")).unwrap();
    let now = public(&crashed);
    drop(Audit::open(sealed(&crashed)).unwrap());
    assert_eq!(public(&crashed), now);
    assert!(check(&crashed, &[before]).sound());
}

#[test]
fn a_lost_key_stops_the_start_until_a_new_chain_is_begun_which_everybody_sees() {
    let (_above, directory) = record();
    let old = public(&directory);
    std::fs::remove_file(key(&directory)).unwrap();
    let error = SealKey::keep(&key(&directory), &directory)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("new-chain") && !key(&directory).exists(),
        "{error}"
    );
    let mut config = with(&directory, SealKey::generate().unwrap());
    let new = config.seals.as_ref().unwrap().key.public();
    config.seals.as_mut().unwrap().new_chain = Some(NewChain {
        reason: "the disk died".to_owned(),
        by: "operator:ada(0)".to_owned(),
    });
    drop(Audit::open(config).unwrap());
    let report = check(&directory, &[old]);
    assert!(problems(&report).contains(&Problem::UnknownKey), "{report}");
    assert!(report.first().unwrap().what.contains("the disk died"), "{report}");
    assert!(check(&directory, &[old, new]).sound());
}

#[test]
fn a_seal_by_another_key_is_found() {
    let (_above, directory) = record();
    // A thief of the directory, without the key, seals on.
    let thief = SealKey::generate().unwrap();
    without_journal(&directory);
    std::fs::remove_file(file(&directory, 3)).unwrap();
    std::fs::remove_file(segments(&directory, Table::Statements).pop().unwrap()).unwrap();
    let mut config = with(&directory, thief.clone());
    config.seals.as_mut().unwrap().new_chain = Some(NewChain {
        reason: String::new(),
        by: String::new(),
    });
    // The journal is gone, so the daemon itself would not even start here.
    assert!(Audit::open(config).is_err());
    let (_other, theirs) = place();
    runtime().block_on(async {
        let audit = Audit::open(with(&theirs, thief)).unwrap();
        for _ in 0..3 {
            statements(&audit, Uuid::now_v7(), 10, NOON, 1).await;
            audit.rotate().await.unwrap();
        }
        audit.close().await.unwrap();
    });
    std::fs::copy(file(&theirs, 3), file(&directory, 3)).unwrap();
    let report = check(&directory, &[public(&directory)]);
    let found = problems(&report);
    assert!(
        found.contains(&Problem::UnknownKey) && found.contains(&Problem::ForgedSeal),
        "{report}"
    );
}
