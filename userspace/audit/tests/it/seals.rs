//! Seals: what they find that the rows' own chain can't, and that no crash loses or doubles one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use interdict_audit::{
    Audit, Options, Problem, PublicKey, Report, Seal, SealKey, SealKind, Seals, Signed, Table, prove, proves,
    verify, verify_with,
};
use interdict_record::{PolicyLoaded, Record};
use uuid::Uuid;

use crate::support::{
    HOUR, NOON, copy, key, place, public, record as append, runtime, sealed, segments, statements,
};
use crate::tamper::{rewrite, set_text};

/// Three seals with a segment of ten statements each, and five statements in the journal.
pub(crate) fn record() -> (tempfile::TempDir, PathBuf) {
    let (above, directory) = place();
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        for _ in 0..3 {
            statements(&audit, Uuid::now_v7(), 10, NOON, 1).await;
            audit.rotate().await.unwrap();
        }
        statements(&audit, Uuid::now_v7(), 5, NOON, 1).await;
    });
    let report = check(&directory, &[public(&directory)]);
    assert!(
        report.sound() && report.seals.as_ref().unwrap().proven,
        "{report}"
    );
    assert_eq!(numbers(&directory), [1, 2, 3]);
    (above, directory)
}

pub(crate) fn check(directory: &Path, keys: &[PublicKey]) -> Report {
    let options = Options {
        keys: keys.to_vec(),
        ..Options::default()
    };
    verify_with(directory, &options).unwrap()
}

pub(crate) fn file(directory: &Path, number: u64) -> PathBuf {
    directory.join("seals").join(format!("{number:012}.json"))
}

pub(crate) fn read(directory: &Path, number: u64) -> Signed {
    Signed::read(&std::fs::read(file(directory, number)).unwrap()).unwrap()
}

pub(crate) fn seals(directory: &Path) -> Vec<Seal> {
    numbers(directory)
        .into_iter()
        .map(|number| read(directory, number).seal)
        .collect()
}

pub(crate) fn numbers(directory: &Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(directory.join("seals")) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut numbers: Vec<u64> = names
        .filter_map(|name| name.strip_suffix(".json")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

pub(crate) fn problems(report: &Report) -> Vec<Problem> {
    report.findings.iter().map(|finding| finding.problem).collect()
}

/// A copy without the journal, as it is shipped.
pub(crate) fn without_journal(directory: &Path) {
    std::fs::remove_dir_all(directory.join("journal")).unwrap();
}

pub(crate) fn with(directory: &Path, key: SealKey) -> interdict_audit::Config {
    let mut config = crate::support::config(directory);
    config.seals = Some(Seals::new(key));
    config
}

#[test]
fn a_seal_says_what_was_published_and_where_everything_stood() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        for (at, name) in [(NOON - 1, "old"), (NOON, "one"), (NOON, "two")] {
            let loaded = PolicyLoaded {
                at,
                name: name.to_owned(),
                digest: format!("sha256:{name}"),
                ..PolicyLoaded::default()
            };
            append(&audit, vec![Record::PolicyLoaded(Box::new(loaded))]).await;
        }
        // Two days: two segments of one table.
        statements(&audit, Uuid::now_v7(), 10, NOON, 13 * HOUR).await;
        audit.rotate().await.unwrap();
        audit.rotate().await.unwrap();
        audit.close().await.unwrap();
    });
    let all = seals(&directory);
    assert_eq!(all.len(), 1, "nothing new is not sealed again");
    let seal = &all[0];
    assert_eq!(
        (seal.kind, seal.number, &*seal.host),
        (SealKind::Publish, 1, "host-1")
    );
    assert_eq!(seal.key, public(&directory).id());
    assert_eq!(seal.heads["statements"].seq, 10);
    let names: Vec<_> = seal.policies.digests.keys().collect();
    assert_eq!(names, ["one", "two"]);
    let files: Vec<_> = seal
        .segments
        .iter()
        .filter(|leaf| leaf.table == "statements")
        .collect();
    assert_eq!(files.len(), segments(&directory, Table::Statements).len());
    assert_eq!(files.iter().map(|leaf| leaf.rows).sum::<u64>(), 10);
    for leaf in &seal.segments {
        let proof = prove(&seal.segments, &leaf.path).unwrap();
        assert!(proves(&proof, leaf, &seal.root));
        let mut other = leaf.clone();
        other.rows += 1;
        assert!(!proves(&proof, &other, &seal.root));
    }
}

#[test]
fn what_is_written_anew_with_every_hash_right_is_found() {
    let (_above, directory) = record();
    let (_other, forged) = place();
    runtime().block_on(async {
        let audit = Audit::open(sealed(&forged)).unwrap();
        for _ in 0..3 {
            statements(&audit, Uuid::now_v7(), 10, NOON, 1).await;
            audit.rotate().await.unwrap();
        }
        audit.close().await.unwrap();
    });
    // All segments of another record, sound in itself, under these seals.
    without_journal(&directory);
    for (from, to) in segments(&forged, Table::Statements)
        .iter()
        .zip(segments(&directory, Table::Statements))
    {
        std::fs::copy(from, to).unwrap();
    }
    let report = check(&directory, &[]);
    assert_eq!(problems(&report), [Problem::AlteredSegment; 3], "{report}");
    assert_eq!(report.first().unwrap().seq, Some(1));
    // With its seals as well, only the key tells.
    std::fs::remove_dir_all(directory.join("seals")).unwrap();
    copy(&forged.join("seals"), &directory.join("seals"));
    assert!(check(&directory, &[public(&forged)]).sound());
    let report = check(&directory, &[public(&directory)]);
    assert_eq!(problems(&report), [Problem::UnknownKey], "{report}");
}

#[test]
fn an_edited_cell_is_named_by_its_row_with_seals_too() {
    let (_above, directory) = record();
    rewrite(&segments(&directory, Table::Statements)[1], |batch| {
        set_text(&batch, "decision", 2, "allow")
    });
    let report = check(&directory, &[public(&directory)]);
    assert_eq!(problems(&report), [Problem::EditedRow], "{report}");
    assert_eq!(report.first().unwrap().seq, Some(13));
    // The bytes alone tell that the file was changed.
    let quick = Options {
        quick: true,
        ..Options::default()
    };
    let report = verify_with(&directory, &quick).unwrap();
    assert_eq!(problems(&report), [Problem::AlteredSegment], "{report}");
}

#[test]
fn a_rewrite_that_changes_no_cell_is_found() {
    let (_above, directory) = record();
    rewrite(&segments(&directory, Table::Statements)[1], |batch| batch);
    let report = check(&directory, &[]);
    assert_eq!(problems(&report), [Problem::AlteredSegment], "{report}");
}

#[test]
fn a_removed_tail_is_named_without_a_journal() {
    let (_above, directory) = record();
    without_journal(&directory);
    assert!(check(&directory, &[public(&directory)]).sound());
    let last = segments(&directory, Table::Statements).pop().unwrap();
    std::fs::remove_file(&last).unwrap();
    let report = check(&directory, &[]);
    assert_eq!(problems(&report), [Problem::MissingSegment], "{report}");
    assert_eq!(report.first().unwrap().file.as_ref(), Some(&last));
}

#[test]
fn a_removed_segment_is_named_once_and_by_its_name() {
    for index in 0..3 {
        let (_above, directory) = record();
        let file = segments(&directory, Table::Statements).remove(index);
        std::fs::remove_file(&file).unwrap();
        let report = check(&directory, &[]);
        assert_eq!(problems(&report), [Problem::MissingSegment], "{report}");
        assert_eq!(report.first().unwrap().file.as_ref(), Some(&file));
    }
}

#[test]
fn a_renamed_and_an_added_segment_are_named() {
    let (_above, directory) = record();
    let file = segments(&directory, Table::Statements)[1].clone();
    std::fs::rename(
        &file,
        file.with_file_name("000000000011-000000000020-elsewhere.parquet"),
    )
    .unwrap();
    let report = check(&directory, &[]);
    assert_eq!(problems(&report), [Problem::RenamedSegment], "{report}");

    let (_above, directory) = record();
    without_journal(&directory);
    let (_other, longer) = place();
    copy(&directory, &longer);
    let from = &segments(&longer, Table::Statements)[2];
    // Beyond what is sealed.
    std::fs::copy(
        from,
        segments(&directory, Table::Statements)[2].with_file_name("000000000031-000000000040-host_1.parquet"),
    )
    .unwrap();
    let report = check(&directory, &[]);
    assert!(
        problems(&report).contains(&Problem::UnsealedSegment)
            || problems(&report).contains(&Problem::RenamedSegment),
        "{report}"
    );
}

#[test]
fn a_byte_of_a_seal_that_is_changed_is_found() {
    let (_above, directory) = record();
    let path = file(&directory, 2);
    let good = std::fs::read(&path).unwrap();
    // A prime step: it meets every kind of byte, of both lines.
    for place in (0..good.len()).step_by(11) {
        let mut bad = good.clone();
        bad[place] ^= 0x01;
        std::fs::write(&path, &bad).unwrap();
        let report = check(&directory, &[public(&directory)]);
        assert!(!report.sound(), "byte {place}");
    }
    for length in (0..good.len() - 1).step_by(23) {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(!check(&directory, &[]).sound(), "cut to {length}");
    }
    std::fs::write(&path, vec![0; good.len()]).unwrap();
    assert!(!check(&directory, &[]).sound(), "zeros");
    std::fs::write(&path, &good).unwrap();
    assert!(check(&directory, &[]).sound());
}

#[test]
fn any_bit_flipped_in_a_sealed_segment_is_found() {
    let (_above, directory) = record();
    let file = &segments(&directory, Table::Statements)[1];
    let good = std::fs::read(file).unwrap();
    for place in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        std::fs::write(file, &bad).unwrap();
        assert!(!check(&directory, &[]).sound(), "byte {place}");
    }
}

#[test]
fn missing_seals_are_named_wherever_they_were() {
    for (number, what) in [
        (1, "seal 1 is gone"),
        (2, "seal 2 is gone"),
        (3, "the checkpoint knows of it"),
    ] {
        let (_above, directory) = record();
        std::fs::remove_file(file(&directory, number)).unwrap();
        let report = check(&directory, &[public(&directory)]);
        let told = report
            .findings
            .iter()
            .find(|finding| finding.problem == Problem::MissingSeal);
        assert!(told.unwrap().what.contains(what), "{report}");
    }
    // All of them.
    let (_above, directory) = record();
    std::fs::remove_dir_all(directory.join("seals")).unwrap();
    assert!(problems(&check(&directory, &[])).contains(&Problem::MissingSeal));
    without_journal(&directory);
    assert!(problems(&check(&directory, &[public(&directory)])).contains(&Problem::MissingSeal));
}

/// As after power cuts: every file of a publishing, or none, or some; with and without the seal; with and without the checkpoint.
#[test]
fn a_crash_between_publishing_sealing_and_the_checkpoint_makes_every_seal_once() {
    let (_above, directory) = place();
    let (_one, before) = place();
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        statements(&audit, Uuid::now_v7(), 6, NOON, 13 * HOUR).await;
        audit.rotate().await.unwrap();
        statements(&audit, Uuid::now_v7(), 6, NOON, 13 * HOUR).await;
        audit.flush().await.unwrap();
        copy(&directory, &before);
        audit.rotate().await.unwrap();
    });
    let new: Vec<PathBuf> = segments(&directory, Table::Statements)
        .into_iter()
        .map(|path| path.strip_prefix(&directory).unwrap().to_owned())
        .filter(|path| !before.join(path).exists())
        .collect();
    assert!(new.len() > 1);
    for published in 0..=new.len() {
        for with_seal in [false, true] {
            if with_seal && published < new.len() {
                continue;
            }
            let (_crash, crashed) = place();
            copy(&before, &crashed);
            std::fs::copy(key(&directory), key(&crashed)).unwrap();
            for path in &new[..published] {
                std::fs::create_dir_all(crashed.join(path).parent().unwrap()).unwrap();
                std::fs::copy(directory.join(path), crashed.join(path)).unwrap();
            }
            if with_seal {
                std::fs::copy(file(&directory, 2), file(&crashed, 2)).unwrap();
            }
            // As it was left.
            let report = check(&crashed, &[]);
            assert!(report.sound(), "{published} {with_seal}: {report}");
            let waiting = report.seals.as_ref().unwrap().waiting;
            assert_eq!(waiting, if with_seal { 0 } else { published as u64 });
            drop(Audit::open(sealed(&crashed)).unwrap());
            let report = check(&crashed, &[public(&directory)]);
            assert!(report.sound(), "{published} {with_seal}: {report}");
            assert_eq!(report.seals.as_ref().unwrap().waiting, 0);
            let sealed_files: Vec<String> = seals(&crashed)
                .into_iter()
                .flat_map(|seal| seal.segments)
                .map(|leaf| leaf.path)
                .collect();
            let mut once = sealed_files.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), sealed_files.len(), "no segment is sealed twice");
            if with_seal {
                assert_eq!(read(&crashed, 2).digest(), read(&directory, 2).digest());
            }
        }
    }
}

#[test]
fn a_seal_that_was_lost_or_replaced_stops_the_start() {
    for replace in [false, true] {
        let (_above, directory) = record();
        if replace {
            std::fs::copy(file(&directory, 2), file(&directory, 3)).unwrap();
        } else {
            std::fs::remove_file(file(&directory, 3)).unwrap();
        }
        let key = SealKey::read(&key(&directory)).unwrap().unwrap();
        let error = Audit::open(with(&directory, key)).unwrap_err().to_string();
        assert!(error.contains("000000000003.json"), "{error}");
    }
}

#[test]
fn a_record_from_before_there_were_seals_is_sealed_at_the_first_start_with_a_key() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = Audit::open(crate::support::config(&directory)).unwrap();
        for _ in 0..3 {
            statements(&audit, Uuid::now_v7(), 3, NOON, 1).await;
            audit.rotate().await.unwrap();
        }
        audit.close().await.unwrap();
        drop(audit);
        assert!(numbers(&directory).is_empty() && verify(&directory).unwrap().sound());
        Audit::open(sealed(&directory)).unwrap().close().await.unwrap();
    });
    assert_eq!(seals(&directory)[0].segments.len(), 3);
    assert!(check(&directory, &[public(&directory)]).sound());
}

#[test]
fn a_full_disk_delays_a_seal_and_loses_none() {
    let (_above, directory) = place();
    runtime().block_on(async {
        let audit = Audit::open(sealed(&directory)).unwrap();
        // A file where the seals' directory should be.
        std::fs::write(directory.join("seals"), "").unwrap();
        statements(&audit, Uuid::now_v7(), 5, NOON, 1).await;
        assert!(audit.rotate().await.is_err());
        assert!(audit.health().segments.is_some() && audit.health().journal.is_none());
        statements(&audit, Uuid::now_v7(), 5, NOON, 1).await;
        std::fs::remove_file(directory.join("seals")).unwrap();
        // Without being asked: it is tried again every second.
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if !numbers(&directory).is_empty() {
                break;
            }
        }
        assert_eq!(numbers(&directory).first(), Some(&1));
        audit.close().await.unwrap();
    });
    let report = check(&directory, &[public(&directory)]);
    assert!(report.sound(), "{report}");
}

/// With nothing but OpenSSL and what `docs/integrity.md` says.
#[test]
fn openssl_verifies_a_seal() {
    let (above, directory) = record();
    let bytes = std::fs::read(file(&directory, 2)).unwrap();
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
    let second: serde_json::Value =
        serde_json::from_slice(bytes.split(|byte| *byte == b'\n').nth(1).unwrap()).unwrap();
    let digits = second["signatures"][public(&directory).id()].as_str().unwrap();
    let signature: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect();
    let at = |name: &str| above.path().join(name);
    std::fs::write(at("message"), [b"interdict-audit-seal-1\0", line].concat()).unwrap();
    std::fs::write(at("signature"), signature).unwrap();
    std::fs::write(at("key.pem"), public(&directory).to_pem()).unwrap();
    let told = std::process::Command::new("openssl")
        .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"])
        .arg(at("key.pem"))
        .arg("-in")
        .arg(at("message"))
        .arg("-sigfile")
        .arg(at("signature"))
        .output()
        .unwrap();
    assert!(told.status.success(), "{told:?}");
}
