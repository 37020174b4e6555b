//! Every way to change sealed rows, and what verification says of it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use interdict_audit::{Audit, Problem, Report, Table, verify};
use interdict_record::{LedgerEntry, Record};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use uuid::Uuid;

use crate::support::{HOUR, NOON, config, record as append, runtime, segments, statements};

/// Three sealed segments of ten statements each, and five in the journal.
fn record() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        for _ in 0..3 {
            statements(&audit, Uuid::now_v7(), 10, NOON, 1).await;
            audit.rotate().await.unwrap();
        }
        statements(&audit, Uuid::now_v7(), 5, NOON, 1).await;
    });
    let report = verify(directory.path()).unwrap();
    assert!(report.sound(), "{report}");
    assert_eq!(segments(directory.path(), Table::Statements).len(), 3);
    directory
}

/// Rewrites a segment as someone with a Parquet library would, its metadata kept.
pub(crate) fn rewrite(path: &Path, change: impl Fn(RecordBatch) -> RecordBatch) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let metadata = builder.metadata().file_metadata().key_value_metadata().cloned();
    let schema = builder.schema().clone();
    let batches: Vec<_> = builder
        .build()
        .unwrap()
        .map(|batch| change(batch.unwrap()))
        .collect();
    let properties = WriterProperties::builder()
        .set_key_value_metadata(metadata)
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, Some(properties)).unwrap();
    for batch in batches {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
}

pub(crate) fn set_text(batch: &RecordBatch, column: &str, row: usize, text: &str) -> RecordBatch {
    let index = batch.schema().index_of(column).unwrap();
    let old = batch
        .column(index)
        .as_any()
        .downcast_ref::<StringArray>()
        .unwrap()
        .clone();
    let new = (0..old.len()).map(|other| {
        if other == row {
            Some(text)
        } else {
            old.is_valid(other).then(|| old.value(other))
        }
    });
    let mut columns = batch.columns().to_vec();
    columns[index] = Arc::new(new.collect::<StringArray>()) as ArrayRef;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// The rows of a batch in another order, or fewer.
pub(crate) fn pick(batch: &RecordBatch, rows: &[u32]) -> RecordBatch {
    let rows = UInt32Array::from(rows.to_vec());
    let columns = batch
        .columns()
        .iter()
        .map(|column| arrow_select::take::take(column, &rows, None).unwrap());
    RecordBatch::try_new(batch.schema(), columns.collect()).unwrap()
}

fn first(directory: &Path) -> (Problem, Option<u64>, String) {
    let report: Report = verify(directory).unwrap();
    let Some(finding) = report.first() else {
        panic!("nothing found:\n{report}")
    };
    let name = finding
        .file
        .as_ref()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    (finding.problem, finding.seq, name.unwrap_or_default())
}

#[test]
fn rewriting_alone_changes_nothing() {
    let directory = record();
    rewrite(&segments(directory.path(), Table::Statements)[1], |batch| batch);
    assert!(verify(directory.path()).unwrap().sound());
}

#[test]
fn an_edited_cell_is_named() {
    for (column, text) in [
        ("statement", "SELECT 1"),
        ("decision", "allow"),
        ("identity", "nobody"),
        ("message", "was null"),
    ] {
        let directory = record();
        rewrite(&segments(directory.path(), Table::Statements)[1], |batch| {
            set_text(&batch, column, 3, text)
        });
        let name = "000000000011-000000000020-host_1.parquet".to_owned();
        assert_eq!(
            first(directory.path()),
            (Problem::EditedRow, Some(14), name),
            "{column}"
        );
    }
}

/// A difference that was made to vanish, an entry that was taken out: the ledger is chained as all else is.
#[test]
fn a_ledger_that_was_put_right_afterwards_is_named() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        for count in 1..=4 {
            let entry = LedgerEntry {
                at: NOON + count,
                workload: "agents".to_owned(),
                difference: count,
                ..LedgerEntry::default()
            };
            append(&audit, vec![Record::Ledger(Box::new(entry))]).await;
        }
        audit.close().await.unwrap();
    });
    let file = &segments(directory.path(), Table::Ledger)[0];
    let good = std::fs::read(file).unwrap();
    assert!(verify(directory.path()).unwrap().sound());

    rewrite(file, |batch| {
        let index = batch.schema().index_of("difference").unwrap();
        let mut columns = batch.columns().to_vec();
        columns[index] = Arc::new(Int64Array::from(vec![1, 0, 3, 4])) as ArrayRef;
        RecordBatch::try_new(batch.schema(), columns).unwrap()
    });
    let (problem, seq, _) = first(directory.path());
    assert_eq!((problem, seq), (Problem::EditedRow, Some(2)));

    std::fs::write(file, &good).unwrap();
    rewrite(file, |batch| pick(&batch, &[0, 1, 3]));
    let (problem, seq, _) = first(directory.path());
    assert_eq!((problem, seq), (Problem::DeletedRow, Some(3)));
}

#[test]
fn a_row_with_its_hash_made_to_fit_breaks_the_chain() {
    let directory = record();
    let other = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = Audit::open(config(other.path())).unwrap();
        statements(&audit, Uuid::now_v7(), 10, NOON, 1).await;
        audit.rotate().await.unwrap();
    });
    // A whole segment, consistent in itself, put in the place of the first.
    let forged = &segments(other.path(), Table::Statements)[0];
    std::fs::copy(forged, &segments(directory.path(), Table::Statements)[0]).unwrap();
    let (problem, seq, _) = first(directory.path());
    assert_eq!((problem, seq), (Problem::BrokenChain, Some(11)));
}

#[test]
fn a_deleted_row_is_named() {
    let directory = record();
    rewrite(&segments(directory.path(), Table::Statements)[1], |batch| {
        pick(&batch, &[0, 1, 2, 4, 5, 6, 7, 8, 9])
    });
    let (problem, seq, name) = first(directory.path());
    assert_eq!(
        (problem, seq, &name[..12]),
        (Problem::DeletedRow, Some(14), "000000000011")
    );
    let directory = record();
    rewrite(&segments(directory.path(), Table::Statements)[2], |batch| {
        pick(&batch, &[0, 1, 2, 3, 4, 5, 6, 7, 8])
    });
    assert_eq!(first(directory.path()).1, Some(30));
}

#[test]
fn reordered_rows_are_named() {
    let directory = record();
    rewrite(&segments(directory.path(), Table::Statements)[1], |batch| {
        pick(&batch, &[0, 2, 1, 3, 4, 5, 6, 7, 8, 9])
    });
    let report = verify(directory.path()).unwrap();
    let problems: Vec<_> = report
        .findings
        .iter()
        .map(|finding| (finding.problem, finding.seq))
        .collect();
    assert!(problems.contains(&(Problem::ReorderedRow, Some(12))), "{report}");
}

#[test]
fn a_doubled_row_is_named() {
    let directory = record();
    rewrite(&segments(directory.path(), Table::Statements)[1], |batch| {
        pick(&batch, &[0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    });
    let (problem, seq, _) = first(directory.path());
    assert_eq!((problem, seq), (Problem::DuplicateRow, Some(12)));
}

#[test]
fn a_doubled_segment_is_named() {
    let directory = record();
    let path = &segments(directory.path(), Table::Statements)[1];
    std::fs::copy(
        path,
        path.with_file_name("000000000011-000000000020-copy.parquet"),
    )
    .unwrap();
    let (problem, seq, _) = first(directory.path());
    assert_eq!((problem, seq), (Problem::DuplicateRow, Some(11)));
}

#[test]
fn a_removed_segment_is_named_wherever_it_was() {
    for (index, seq) in [(0, 1), (1, 11), (2, 21)] {
        let directory = record();
        std::fs::remove_file(&segments(directory.path(), Table::Statements)[index]).unwrap();
        let report = verify(directory.path()).unwrap();
        let expected = (Problem::MissingSegment, Some(seq));
        assert_eq!(
            report
                .findings
                .iter()
                .map(|finding| (finding.problem, finding.seq))
                .collect::<Vec<_>>(),
            [expected],
            "{report}"
        );
    }
}

#[test]
fn swapped_segments_are_named() {
    let directory = record();
    let files = segments(directory.path(), Table::Statements);
    let aside = directory.path().join("aside");
    std::fs::rename(&files[0], &aside).unwrap();
    std::fs::rename(&files[1], &files[0]).unwrap();
    std::fs::rename(&aside, &files[1]).unwrap();
    let report = verify(directory.path()).unwrap();
    assert_eq!(report.findings.len(), 2, "{report}");
    assert!(
        report
            .findings
            .iter()
            .all(|finding| finding.problem == Problem::RenamedSegment)
    );
}

#[test]
fn a_segment_of_another_table_or_day_is_named() {
    let directory = record();
    let file = segments(directory.path(), Table::Statements)[1].clone();
    let day = directory.path().join("statements/date=2026-03-02");
    std::fs::create_dir(&day).unwrap();
    std::fs::rename(&file, day.join(file.file_name().unwrap())).unwrap();
    assert_eq!(first(directory.path()).0, Problem::MisplacedRow);
    std::fs::remove_dir_all(&day).unwrap();
    assert_eq!(first(directory.path()).0, Problem::MissingSegment);
    let sessions = directory.path().join("sessions/date=2026-03-01");
    std::fs::create_dir_all(&sessions).unwrap();
    let first_file = &segments(directory.path(), Table::Statements)[0];
    std::fs::copy(first_file, sessions.join(first_file.file_name().unwrap())).unwrap();
    assert_eq!(first(directory.path()).0, Problem::RenamedSegment);
}

#[test]
fn what_is_no_segment_is_named() {
    let directory = record();
    let files = segments(directory.path(), Table::Statements);
    std::fs::write(files[0].with_file_name("more.parquet"), "x").unwrap();
    assert_eq!(first(directory.path()).0, Problem::UnknownFile);
    std::fs::remove_file(files[0].with_file_name("more.parquet")).unwrap();
    let bytes = std::fs::read(&files[1]).unwrap();
    for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&files[1], &bytes[..cut]).unwrap();
        assert_eq!(
            first(directory.path()),
            (
                Problem::UnreadableSegment,
                Some(11),
                "000000000011-000000000020-host_1.parquet".to_owned()
            )
        );
    }
}

#[test]
fn any_bit_flipped_in_a_segment_is_found() {
    let directory = record();
    let file = &segments(directory.path(), Table::Statements)[1];
    let good = std::fs::read(file).unwrap();
    let (mut found, mut tried) = (0, 0);
    for place in (4..good.len()).step_by(good.len() / 60) {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        std::fs::write(file, &bad).unwrap();
        tried += 1;
        // Statistics and names of encodings carry no cell: a change there may be harmless, never a crash. Seals find those too.
        found += usize::from(!verify(directory.path()).unwrap().sound());
    }
    assert!(found * 3 > tried, "{found} of {tried}");
    std::fs::write(file, good).unwrap();
    assert!(verify(directory.path()).unwrap().sound());
}

#[test]
fn removed_rows_are_found_where_days_interleave() {
    let directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let audit = Audit::open(config(directory.path())).unwrap();
        for index in 0..10 {
            statements(&audit, Uuid::now_v7(), 1, NOON + (index % 2) * 13 * HOUR, 1).await;
        }
        audit.close().await.unwrap();
    });
    let files = segments(directory.path(), Table::Statements);
    assert_eq!(files.len(), 2);
    rewrite(&files[0], |batch| pick(&batch, &[0, 1, 3, 4]));
    let (problem, seq, name) = first(directory.path());
    assert_eq!(
        (problem, seq, &name[..12]),
        (Problem::DeletedRow, Some(5), "000000000001")
    );
    std::fs::remove_file(&files[0]).unwrap();
    let (problem, seq, _) = first(directory.path());
    assert_eq!((problem, seq), (Problem::MissingSegment, Some(1)));
}
