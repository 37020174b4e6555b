//! Seals elsewhere: that they get there, and what only they can find.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interdict_audit::{
    Anchor, AnchorError, Anchors, Audit, FileAnchor, Options, Problem, SealKey, Table, verify_with,
};
use uuid::Uuid;

use crate::seals::{check, file, problems, read, record, with, without_journal};
use crate::support::{NOON, copy, key, public, runtime, sealed, segments, statements};

#[test]
fn a_cut_off_end_is_found_by_the_anchor_alone() {
    let (above, directory) = record();
    let elsewhere = above.path().join("elsewhere");
    copy(&directory.join("seals"), &elsewhere.join("host-1"));
    without_journal(&directory);
    std::fs::remove_file(file(&directory, 3)).unwrap();
    std::fs::remove_file(segments(&directory, Table::Statements).pop().unwrap()).unwrap();
    let report = check(&directory, &[public(&directory)]);
    assert!(report.sound(), "nothing here can tell: {report}");
    assert!(
        report.to_string().contains("not compared"),
        "and it is said: {report}"
    );
    for place in [elsewhere.clone(), elsewhere.join("host-1")] {
        let options = Options {
            anchors: Some(place),
            ..Options::default()
        };
        let report = verify_with(&directory, &options).unwrap();
        assert_eq!(problems(&report), [Problem::MissingSeal], "{report}");
    }
}

#[test]
fn who_holds_the_key_and_writes_all_anew_is_found_by_the_anchor() {
    let (above, directory) = record();
    let elsewhere = above.path().join("elsewhere");
    copy(&directory.join("seals"), &elsewhere);
    std::fs::remove_dir_all(&directory).unwrap();
    runtime().block_on(async {
        let audit = Audit::open(with(
            &directory,
            SealKey::read(&key(&directory)).unwrap().unwrap(),
        ))
        .unwrap();
        for _ in 0..4 {
            statements(&audit, Uuid::now_v7(), 10, NOON, 1).await;
            audit.rotate().await.unwrap();
        }
        audit.close().await.unwrap();
    });
    assert!(check(&directory, &[public(&directory)]).sound());
    let options = Options {
        anchors: Some(elsewhere),
        ..Options::default()
    };
    let report = verify_with(&directory, &options).unwrap();
    assert_eq!(problems(&report), [Problem::AnchorDiffers; 3], "{report}");
}

/// Seals go to a place in order, once, over restarts and outages.
#[test]
fn anchors_get_every_seal_over_outages_and_restarts() {
    let (above, directory) = record();
    let elsewhere = above.path().join("elsewhere");
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let start = || {
        let told = Arc::clone(&told);
        let anchor: Arc<dyn Anchor> = Arc::new(FileAnchor::new(&elsewhere));
        Anchors::start(&directory, vec![anchor], move |name, why| {
            assert!(name.starts_with("file:/"));
            told.lock().unwrap().push(why.is_some());
        })
        .unwrap()
    };
    // Its directory is not there: not made, or a missing mount would be taken for the place.
    let anchors = start();
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(100));
        if anchors.health().values().all(|health| health.failing.is_some()) {
            break;
        }
    }
    let health = anchors.health().into_values().next().unwrap();
    assert!(health.failing.unwrap().contains("No such file") && health.behind == 3);
    assert!(!elsewhere.exists());
    std::fs::create_dir(&elsewhere).unwrap();
    assert!(anchors.settle(Duration::from_secs(20)));
    drop(anchors);
    assert_eq!(*told.lock().unwrap(), [true, false], "an outage is told once");
    let options = Options {
        anchors: Some(elsewhere.clone()),
        ..Options::default()
    };
    let report = verify_with(&directory, &options).unwrap();
    assert_eq!(report.seals.as_ref().unwrap().anchored, Some(3), "{report}");
    // A restart: the receipts say what is there already.
    std::fs::remove_file(elsewhere.join("host-1/000000000002.json")).unwrap();
    runtime().block_on(async { Audit::open(sealed(&directory)).unwrap().close().await.unwrap() });
    let anchors = start();
    assert!(anchors.settle(Duration::from_secs(20)));
    assert!(elsewhere.join("host-1/000000000004.json").exists());
    assert!(!elsewhere.join("host-1/000000000002.json").exists());
}

#[test]
fn an_anchor_never_writes_over_what_is_there() {
    let (above, directory) = record();
    let elsewhere = above.path().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let anchor = FileAnchor::new(&elsewhere);
    let signed = read(&directory, 1);
    let path = PathBuf::from(anchor.put(&signed).unwrap());
    anchor.put(&signed).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes, signed.to_bytes());
    // A beginning that a crash left is completed; another seal stays.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &bytes[..100]).unwrap();
    anchor.put(&signed).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    std::fs::write(&path, "other").unwrap();
    assert!(matches!(anchor.put(&signed), Err(AnchorError::Taken(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"other");
}
