//! Answers by hand: what the captures do not have.

use super::{invalid, payload};
use crate::WireError;
use crate::mysql::response::{Answer, Event, OkPacket, PrepareOk, Responses, SessionChanges, Status};
use crate::mysql::{Capabilities, Header};

#[test]
fn answers_do_not_come_unasked_or_in_the_clients_turn() {
    let capabilities = Capabilities::PROTOCOL_41;
    let ok = b"\0\0\0\x02\0\0\0";
    let mut responses = Responses::new(capabilities, Answer::None);
    assert!(responses.is_done());
    assert!(matches!(responses.read(ok), Err(WireError::Unexpected { .. })));
    let mut responses = Responses::new(capabilities, Answer::Text);
    assert!(matches!(
        responses.file_data(1),
        Err(WireError::Unexpected { .. })
    ));
    assert_eq!(
        responses.read(b"\xfb/etc/passwd"),
        Ok(Event::File(b"/etc/passwd"))
    );
    assert!(matches!(responses.read(ok), Err(WireError::Unexpected { .. })));
    assert!(matches!(
        responses.read(b"\xff\x01\0"),
        Err(WireError::Unexpected { .. })
    ));
    responses.file_data(5).unwrap();
    responses.file_data(0).unwrap();
    assert!(responses.read(ok).is_ok() && responses.is_done());
    assert!(matches!(
        Responses::new(capabilities, Answer::Stream).read(ok),
        Err(WireError::Unexpected { .. })
    ));
    // A file is not asked for by what has no statement.
    assert!(
        Responses::new(capabilities, Answer::Status)
            .read(b"\xfbfile")
            .is_err()
    );
}

#[test]
fn rows_are_told_from_their_end_by_length() {
    for (capabilities, answer) in [
        (Capabilities::PROTOCOL_41, Answer::Text),
        (
            Capabilities::PROTOCOL_41 | Capabilities::DEPRECATE_EOF,
            Answer::Text,
        ),
        (Capabilities::PROTOCOL_41, Answer::Fetched),
        (
            Capabilities::PROTOCOL_41 | Capabilities::DEPRECATE_EOF,
            Answer::Fetched,
        ),
    ] {
        let deprecated = capabilities.has(Capabilities::DEPRECATE_EOF);
        let mut responses = Responses::new(capabilities, answer);
        if answer == Answer::Text {
            responses.read(b"\x01").unwrap();
            let column = b"\x03def\0\0\0\x01a\0\x0c\x3f\0\x01\0\0\0\x03\x81\0\0\0\0";
            assert!(matches!(responses.read(column), Ok(Event::Column(_))));
            if !deprecated {
                assert!(matches!(
                    responses.read(b"\xfe\0\0\x02\0"),
                    Ok(Event::ColumnsEnd(_))
                ));
            }
        }
        let is_row = |length, first| responses.is_row(Header { length, sequence: 0 }, first);
        assert!(is_row(5, 0) && !is_row(5, 0xfe) && !is_row(5, 0xff));
        let text = answer == Answer::Text;
        // A cell of 16 MiB begins as the end does.
        assert_eq!(is_row(Header::MAX, 0xfe), text);
        assert_eq!(is_row(9, 0xfe), text && !deprecated);
        assert_eq!(is_row(5, b'x'), text);
        if !text {
            assert!(responses.clone().read(b"x").is_err());
        }
        let end: &[u8] = if deprecated {
            b"\xfe\0\0\x02\0\0\0"
        } else {
            b"\xfe\0\0\x02\0"
        };
        assert!(matches!(responses.read(end), Ok(Event::Ok(_) | Event::Eof(_))));
        assert!(responses.is_done());
    }
}

#[test]
fn progress_is_an_error_where_it_was_not_agreed() {
    let report = b"\xff\xff\xff\x01\x01\x02\xe8\x03\0\x04copy";
    let agreed = Capabilities::PROTOCOL_41 | Capabilities::MARIADB_PROGRESS;
    let mut responses = Responses::new(agreed, Answer::Text);
    assert!(matches!(responses.read(report), Ok(Event::Progress(progress)) if progress.progress == 1000));
    assert!(!responses.is_done());
    let mut responses = Responses::new(Capabilities::PROTOCOL_41, Answer::Text);
    invalid(responses.read(report), "error code");
}

#[test]
fn what_was_prepared_is_described_to_the_end() {
    let prepared = PrepareOk {
        statement: 1,
        columns: 0,
        parameters: 0,
        warnings: 2,
        metadata: None,
    };
    for capabilities in [Capabilities::NONE, Capabilities::DEPRECATE_EOF] {
        let mut responses = Responses::new(capabilities, Answer::Prepared);
        let bytes = payload(|sequence, out| prepared.write(sequence, out));
        assert_eq!(responses.read(&bytes), Ok(Event::Prepared(prepared)));
        assert!(responses.is_done());
    }
}

#[test]
fn an_ok_is_written_for_who_tracks_the_session_and_who_does_not() {
    let track = Capabilities::PROTOCOL_41 | Capabilities::SESSION_TRACK;
    let ok = OkPacket {
        affected_rows: 300,
        last_insert_id: 70_000,
        status: Status::AUTOCOMMIT,
        info: b"done",
        ..OkPacket::default()
    };
    assert_eq!(
        payload(|sequence, out| ok.write(Capabilities::PROTOCOL_41, sequence, out)),
        b"\0\xfc\x2c\x01\xfd\x70\x11\x01\x02\0\0\0done"
    );
    let changed = OkPacket {
        changes: SessionChanges::encoded(b"\x01\x05\x04shop"),
        ..ok
    };
    let bytes = payload(|sequence, out| changed.write(track, sequence, out));
    assert_eq!(
        bytes,
        b"\0\xfc\x2c\x01\xfd\x70\x11\x01\x02\x40\0\0\x04done\x07\x01\x05\x04shop"
    );
    let read = OkPacket::parse(&bytes, track).unwrap();
    assert_eq!(read.changes, changed.changes);
    assert!(OkPacket::parse(b"\0\0\0\x02\x40\0\0\0\x03\x01\x02\x05", track).is_err());
}
