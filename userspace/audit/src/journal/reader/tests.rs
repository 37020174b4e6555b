use std::fs;

use super::*;
use crate::journal::path;

/// Frames for sequences, each with the sequence that was durable when it was written.
fn frames(sequences: &[(u64, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (sequence, durable) in sequences {
        let body = format!("entry {sequence}");
        out.extend_from_slice(&FrameHeader::of(body.as_bytes(), *sequence, *durable).bytes());
        out.extend_from_slice(body.as_bytes());
    }
    out
}

fn journal(directory: &Path, first: u64, frames: &[u8]) -> PathBuf {
    let path = path(directory, first);
    fs::write(&path, [&file_header(first)[..], frames].concat()).unwrap();
    path
}

fn read(directory: &Path) -> (Vec<u64>, Vec<Item>) {
    let mut reader = Reader::open(directory, 1).unwrap();
    let (mut entries, mut others) = (Vec::new(), Vec::new());
    loop {
        match reader.next(None).unwrap() {
            Item::Entry(sequence) => {
                assert_eq!(reader.body(), format!("entry {sequence}").as_bytes());
                entries.push(sequence);
            }
            Item::End => return (entries, others),
            other => others.push(other),
        }
    }
}

#[test]
fn a_tail_torn_at_any_byte_loses_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let whole = frames(&[(1, 0), (2, 1), (3, 2)]);
    let two = frames(&[(1, 0), (2, 1)]).len();
    for length in two..whole.len() {
        let path = journal(directory.path(), 1, &whole[..length]);
        let torn = Item::Torn {
            path,
            offset: (FILE_HEADER + two) as u64,
        };
        let expected = if length == two { vec![] } else { vec![torn] };
        assert_eq!(read(directory.path()), (vec![1, 2], expected), "cut at {length}");
    }
    journal(directory.path(), 1, &whole);
    assert_eq!(read(directory.path()), (vec![1, 2, 3], vec![]));
}

#[test]
fn a_file_that_was_never_begun_is_torn() {
    let directory = tempfile::tempdir().unwrap();
    for length in 0..FILE_HEADER {
        let path = path(directory.path(), 1);
        fs::write(&path, &file_header(1)[..length]).unwrap();
        assert_eq!(
            read(directory.path()),
            (vec![], vec![Item::Torn { path, offset: 0 }])
        );
    }
}

#[test]
fn any_byte_changed_in_the_middle_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let good = frames(&[(1, 0), (2, 1), (3, 2), (4, 3)]);
    let start = frames(&[(1, 0)]).len();
    let end = frames(&[(1, 0), (2, 1)]).len();
    for place in start..end {
        let mut bad = good.clone();
        bad[place] ^= 0x41;
        let path = journal(directory.path(), 1, &bad);
        let gap = Gap {
            path,
            offset: (FILE_HEADER + start) as u64,
            from: 2,
            until: 3,
        };
        assert_eq!(
            read(directory.path()),
            (vec![1, 3, 4], vec![Item::Gap(gap)]),
            "byte {place}"
        );
    }
}

#[test]
fn a_damaged_header_hides_no_entry_and_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = journal(directory.path(), 1, &frames(&[(1, 0), (2, 1)]));
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 1;
    fs::write(&path, bytes).unwrap();
    let gap = Gap {
        path,
        offset: 0,
        from: 1,
        until: 1,
    };
    assert_eq!(read(directory.path()), (vec![1, 2], vec![Item::Gap(gap)]));
}

/// A power cut may keep the later pages of a group and lose an earlier one. None of it was acknowledged.
#[test]
fn a_group_that_never_became_durable_is_a_torn_tail() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = frames(&[(1, 0), (2, 1), (3, 1), (4, 1)]);
    let start = frames(&[(1, 0)]).len();
    bytes[start + 2] ^= 1;
    let path = journal(directory.path(), 1, &bytes);
    let torn = Item::Torn {
        path,
        offset: (FILE_HEADER + start) as u64,
    };
    assert_eq!(read(directory.path()), (vec![1], vec![torn]));
}

#[test]
fn entries_taken_out_are_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let path = journal(directory.path(), 1, &frames(&[(1, 0), (4, 3)]));
    let gap = Item::Gap(Gap {
        path,
        offset: (FILE_HEADER + frames(&[(1, 0)]).len()) as u64,
        from: 2,
        until: 4,
    });
    assert_eq!(read(directory.path()), (vec![1, 4], vec![gap]));
}

#[test]
fn a_file_taken_out_is_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let path = journal(directory.path(), 1, &frames(&[(1, 0)]));
    journal(directory.path(), 3, &frames(&[(3, 2)]));
    let gap = Item::Gap(Gap {
        path,
        offset: (FILE_HEADER + frames(&[(1, 0)]).len()) as u64,
        from: 2,
        until: 3,
    });
    assert_eq!(read(directory.path()), (vec![1, 3], vec![gap]));
}

#[test]
fn a_file_may_repeat_the_end_of_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    journal(directory.path(), 1, &frames(&[(1, 0), (2, 0), (3, 0)]));
    journal(directory.path(), 2, &frames(&[(2, 1), (3, 1), (4, 1)]));
    assert_eq!(read(directory.path()), (vec![1, 2, 3, 4], vec![]));
}

#[test]
fn a_reader_beside_the_writer_stops_at_what_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (frames(&[(1, 0)]), frames(&[(1, 0), (2, 1)]));
    journal(directory.path(), 1, &frames(&[(1, 0), (2, 1), (3, 1)]));
    let mut reader = Reader::open(directory.path(), 1).unwrap();
    let limit = |sequence, frames: &[u8]| {
        Some(Limit {
            sequence,
            first: 1,
            offset: (FILE_HEADER + frames.len()) as u64,
        })
    };
    assert_eq!(reader.next(limit(1, &one)).unwrap(), Item::Entry(1));
    assert_eq!(reader.next(limit(1, &one)).unwrap(), Item::End);
    // What lay behind was taken back, and something else written there.
    let mut other = frames(&[(1, 0)]);
    other.extend_from_slice(&FrameHeader::of(b"other", 2, 1).bytes());
    other.extend_from_slice(b"other");
    journal(directory.path(), 1, &other);
    assert_eq!(
        reader.next(limit(2, &two[..other.len().min(two.len())])).unwrap(),
        Item::Entry(2)
    );
    assert_eq!(reader.body(), b"other");
}

#[test]
fn room_behind_the_last_entry_is_the_end_and_not_damage() {
    let directory = tempfile::tempdir().unwrap();
    let good = frames(&[(1, 0), (2, 1)]);
    for room in [1, 7, FRAME_HEADER, 4096, 300 << 10] {
        let path = journal(directory.path(), 1, &[&good[..], &vec![0; room]].concat());
        assert_eq!(read(directory.path()), (vec![1, 2], vec![]), "{room} zeros");
        // The next file follows, as after a crash.
        journal(directory.path(), 3, &frames(&[(3, 2)]));
        assert_eq!(read(directory.path()), (vec![1, 2, 3], vec![]), "{room} zeros");
        fs::remove_file(super::super::path(directory.path(), 3)).unwrap();
        // Something behind zeros is what was never acknowledged, or damage.
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(&[1; FRAME_HEADER]);
        fs::write(&path, bytes).unwrap();
        let torn = Item::Torn {
            path,
            offset: (FILE_HEADER + good.len()) as u64,
        };
        assert_eq!(read(directory.path()), (vec![1, 2], vec![torn]), "{room} zeros");
    }
}

#[test]
fn entries_blanked_in_the_middle_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = frames(&[(1, 0), (2, 1), (3, 2)]);
    let (start, end) = (frames(&[(1, 0)]).len(), frames(&[(1, 0), (2, 1)]).len());
    bytes[start..end].fill(0);
    let path = journal(directory.path(), 1, &bytes);
    let gap = Item::Gap(Gap {
        path,
        offset: (FILE_HEADER + start) as u64,
        from: 2,
        until: 3,
    });
    assert_eq!(read(directory.path()), (vec![1, 3], vec![gap]));
}

#[test]
fn what_is_written_over_room_is_met_by_a_reader_that_saw_the_room() {
    let directory = tempfile::tempdir().unwrap();
    let one = frames(&[(1, 0)]);
    let path = journal(directory.path(), 1, &[&one[..], &[0; 8192]].concat());
    let mut reader = Reader::open(directory.path(), 1).unwrap();
    assert_eq!(reader.next(None).unwrap(), Item::Entry(1));
    assert_eq!(reader.next(None).unwrap(), Item::End);
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&frames(&[(2, 1)]), (FILE_HEADER + one.len()) as u64)
        .unwrap();
    assert_eq!(reader.next(None).unwrap(), Item::Entry(2));
    assert_eq!(reader.next(None).unwrap(), Item::End);
}
