//! COPY data as the manual describes them, cut anywhere, and damaged. `postgres::tests::server` has real ones.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::Detector;

fn column(type_oid: u32, treatment: Treatment) -> Column {
    Column {
        type_oid,
        treatment,
        read: false,
    }
}

fn masked(with: Mask) -> Treatment {
    Treatment::Mask(Arc::new(with))
}

/// An int as it is, a redacted text, a partial text, a searched text.
fn plan() -> Vec<Column> {
    vec![
        column(23, Treatment::Search),
        column(25, masked(Mask::Redact)),
        column(
            25,
            masked(Mask::Partial {
                keep_first: 0,
                keep_last: 2,
            }),
        ),
        column(25, Treatment::Search),
    ]
}

static SSN: LazyLock<Arc<Detection>> =
    LazyLock::new(|| Arc::new(Detection::new(&[(Detector::UsSsn.into(), Mask::Redact)]).unwrap()));

fn rewriter(layout: Layout) -> Rewriter {
    Rewriter::new(layout, plan(), Some(SSN.clone()), 64)
}

fn run<'a>(layout: &Layout, chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, CopyError> {
    let mut rewriter = rewriter(layout.clone());
    let mut out = BytesMut::new();
    for chunk in chunks {
        rewriter.push(chunk, &mut out, |_, _| {})?;
    }
    rewriter.finish()?;
    Ok(out.to_vec())
}

fn text_of(layout: &Layout, data: &str) -> Result<String, CopyError> {
    run(layout, [data.as_bytes()]).map(|out| String::from_utf8(out).unwrap())
}

#[test]
fn text_rows() {
    let layout = Layout::text();
    for (data, want) in [
        ("1\tname\tsecret\tfree\n", "1\t[redacted]\t*****et\tfree\n"),
        ("\\N\t\\N\t\\N\t\\N\n", "\\N\t\\N\t\\N\t\\N\n"),
        // An escape is one character, a masked end that needs one gets it.
        (
            "1\tx\tabc\\td\\\\\tSSN:\\n852-41-7396\\t.\n",
            "1\t[redacted]\t*****d\\\\\tSSN:\\n[redacted]\\t.\n",
        ),
        ("1\t\t\t\n", "1\t[redacted]\t*****\t\n"),
        ("", ""),
    ] {
        assert_eq!(text_of(&layout, data).unwrap(), want);
    }
}

#[test]
fn csv_rows() {
    let layout = Layout::csv();
    for (data, want) in [
        ("1,name,secret,free\n", "1,[redacted],*****et,free\n"),
        (",,,\n", ",,,\n"),
        // Quoted, it is not NULL.
        ("1,\"\",\"\",\"\"\n", "1,[redacted],*****,\"\"\n"),
        (
            "1,\"a,b\nc\",\"se\"\"c\"\"\",\"852-41-7396, \"\"x\"\"\"\n",
            "1,[redacted],\"*****c\"\"\",\"[redacted], \"\"x\"\"\"\n",
        ),
    ] {
        assert_eq!(text_of(&layout, data).unwrap(), want);
    }
}

#[test]
fn an_escape_of_its_own_is_escaped() {
    let layout = Layout::Csv {
        delimiter: b',',
        quote: b'"',
        escape: b'/',
        null: Vec::new(),
        header: false,
    };
    assert_eq!(
        text_of(&layout, "1,\"a/\"b\",\"c/\"//\",\"852-41-7396//\"\n").unwrap(),
        "1,[redacted],\"*****/\"//\",[redacted]/\n"
    );
    // Outside quotes it is a character like any other.
    assert_eq!(
        text_of(&layout, "1,a,bc/,852-41-7396/\n").unwrap(),
        "1,[redacted],*****c/,[redacted]/\n"
    );
}

#[test]
fn a_masked_text_that_reads_as_null_is_quoted() {
    let layout = Layout::Csv {
        delimiter: b',',
        quote: b'"',
        escape: b'"',
        null: b"[redacted]".to_vec(),
        header: false,
    };
    assert_eq!(
        text_of(&layout, "1,x,[redacted],y\n").unwrap(),
        "1,\"[redacted]\",[redacted],y\n"
    );
}

/// A delimiter or a marker of NULL that is in a value makes the server quote it, and the statement chooses both.
#[test]
fn quotes_tell_nothing_of_what_they_held() {
    let layout = Layout::Csv {
        delimiter: b'7',
        quote: b'"',
        escape: b'"',
        null: b"x".to_vec(),
        header: false,
    };
    for row in [
        "17ab7abcd7852-41-3396\n",
        "17\"a7b\"7\"ab7cd\"7\"852-41-7396\"\n",
        "17\"x\"7\"\"\"cd\"7\"852-41-3396\"\n",
    ] {
        assert_eq!(
            text_of(&layout, row).unwrap(),
            "17[redacted]7*****cd7[redacted]\n",
            "{row}"
        );
    }
}

#[test]
fn a_guess_as_the_marker_of_null_tells_nothing() {
    let layout = Layout::Text {
        delimiter: b'\t',
        null: b"852-41-7396".to_vec(),
        header: false,
    };
    assert_eq!(
        text_of(&layout, "852-41-7396\t852-41-7396\t852-41-7396\t852-41-7396\n").unwrap(),
        "852-41-7396\t[redacted]\t*****96\t[redacted]\n"
    );
}

#[test]
fn headers_pass() {
    let layout = Layout::Text {
        delimiter: b'|',
        null: Vec::new(),
        header: true,
    };
    let mut rewriter = rewriter(layout);
    let mut out = BytesMut::new();
    rewriter
        .push(b"id|name|ssn|notes\n1|a|b|c\n", &mut out, |_, _| {})
        .unwrap();
    assert_eq!(&out[..], b"id|name|ssn|notes\n1|[redacted]|*****|c\n");
    assert_eq!(rewriter.rows(), 1);
}

#[test]
fn rows_of_another_shape_are_refused() {
    for layout in [
        Layout::text(),
        Layout::Csv {
            delimiter: b'\t',
            quote: b'"',
            escape: b'"',
            null: vec![],
            header: false,
        },
    ] {
        for data in ["1\t2\t3\n", "1\t2\t3\t4\t5\n", "1\t2\t3\t4\t\n", "\n"] {
            let error = text_of(&layout, data).unwrap_err();
            assert_eq!(error, CopyError::Columns { row: 1, columns: 4 }, "{data:?}");
        }
        assert_eq!(text_of(&layout, "1\t2\t3\t4").unwrap_err(), CopyError::Truncated);
        assert_eq!(text_of(&layout, "1\t2").unwrap_err(), CopyError::Truncated);
        assert_eq!(
            text_of(&layout, "1\t2\t3\t4\t").unwrap_err(),
            CopyError::Truncated
        );
    }
}

#[test]
fn rows_without_columns() {
    for layout in [Layout::text(), Layout::csv()] {
        let mut rewriter = Rewriter::new(layout, Vec::new(), None, 64);
        let mut out = BytesMut::new();
        rewriter.push(b"\n\n", &mut out, |_, _| {}).unwrap();
        rewriter.finish().unwrap();
        assert_eq!((&out[..], rewriter.rows()), (&b"\n\n"[..], 2));
        assert!(rewriter.push(b"1\t2,3\n", &mut out, |_, _| {}).is_err());
    }
}

#[test]
fn only_what_must_be_whole_is_bounded() {
    let long = "x".repeat(100);
    for (data, column) in [
        (format!("1\t{long}\ty\tz\n"), None),
        (format!("{long}\tx\ty\tz\n"), None),
        (format!("1\tx\t{long}\tz\n"), Some(3)),
        (format!("1\tx\ty\t{long}\n"), Some(4)),
    ] {
        let want = column.map(|column| CopyError::TooBig { column, limit: 64 });
        assert_eq!(text_of(&Layout::text(), &data).err(), want);
        assert_eq!(run(&Layout::text(), data.as_bytes().chunks(7)).err(), want);
        let csv = data.replace('\t', ",");
        assert_eq!(run(&Layout::csv(), csv.as_bytes().chunks(7)).err(), want);
    }
}

/// A binary COPY of these rows of texts.
fn binary(rows: &[[Option<&str>; 4]]) -> Vec<u8> {
    let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\x02ex".to_vec();
    for row in rows {
        data.extend(4_i16.to_be_bytes());
        for field in row {
            match field {
                Some(text) => {
                    data.extend((text.len() as i32).to_be_bytes());
                    data.extend(text.as_bytes());
                }
                None => data.extend((-1_i32).to_be_bytes()),
            }
        }
    }
    data.extend((-1_i16).to_be_bytes());
    data
}

#[test]
fn binary_rows() {
    let data = binary(&[
        [
            Some("4711"),
            Some("name"),
            Some("secret"),
            Some("SSN 852-41-7396."),
        ],
        [None; 4],
        [Some(""); 4],
    ]);
    let want = binary(&[
        [
            Some("4711"),
            Some("[redacted]"),
            Some("*****et"),
            Some("SSN [redacted]."),
        ],
        [None; 4],
        [Some(""), Some("[redacted]"), Some("*****"), Some("")],
    ]);
    for size in 1..40 {
        assert_eq!(
            run(&Layout::Binary, data.chunks(size)).unwrap(),
            want,
            "by {size}"
        );
    }
    let long = "x".repeat(100);
    let data = binary(&[[Some(&long), Some(&long), Some("secret"), None]]);
    assert_eq!(
        run(&Layout::Binary, [&data[..]]).unwrap(),
        binary(&[[Some(&long), Some("[redacted]"), Some("*****et"), None]])
    );
    let data = binary(&[[None, None, Some(&long), None]]);
    assert_eq!(
        run(&Layout::Binary, [&data[..]]),
        Err(CopyError::TooBig { column: 3, limit: 64 })
    );
}

#[test]
fn damaged_binary_is_refused() {
    let sound = binary(&[[Some("4711"), None, None, None]]);
    for end in 0..sound.len() {
        assert_eq!(
            run(&Layout::Binary, [&sound[..end]]),
            Err(CopyError::Truncated),
            "{end}"
        );
    }
    let damaged = |place: usize, byte: u8| {
        let mut data = sound.clone();
        data[place] = byte;
        run(&Layout::Binary, [&data[..]]).unwrap_err()
    };
    assert_eq!(damaged(0, b'X'), CopyError::Binary("no signature"));
    assert_eq!(damaged(12, 1), CopyError::Binary("a flag that is not known"));
    assert_eq!(damaged(15, 0xff), CopyError::Binary("a negative length"));
    assert_eq!(damaged(22, 5), CopyError::Columns { row: 1, columns: 4 });
    assert_eq!(damaged(23, 0x80), CopyError::Binary("a negative length"));
    let mut more = sound.clone();
    more.push(0);
    assert_eq!(
        run(&Layout::Binary, [&more[..]]),
        Err(CopyError::Binary("data after the trailer"))
    );
}

/// Blanked: a text, a number, a bytea, a type that has no constant.
fn blanks() -> Vec<Column> {
    [25, 1700, 17, 16_500]
        .map(|oid| column(oid, Treatment::Blank))
        .into()
}

fn blanked<'a>(layout: &Layout, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, usize) {
    let mut rewriter = Rewriter::new(layout.clone(), blanks(), Some(SSN.clone()), 8);
    let mut out = BytesMut::new();
    let mut changes = 0;
    for chunk in chunks {
        let count = |_: usize, change: Change<'_>| changes += usize::from(change == Change::Masked);
        rewriter.push(chunk, &mut out, count).unwrap();
    }
    rewriter.finish().unwrap();
    (out.to_vec(), changes)
}

#[test]
fn blanked_rows_are_all_the_same() {
    let marker = |null: &str| Layout::Text {
        delimiter: b'\t',
        null: null.as_bytes().to_vec(),
        header: false,
    };
    let csv = |delimiter, null: &str| Layout::Csv {
        delimiter,
        quote: b'"',
        escape: b'"',
        null: null.as_bytes().to_vec(),
        header: false,
    };
    let long = "x".repeat(100);
    let row = |text: &[u8]| {
        let mut row = b"\0\x04".to_vec();
        for field in [Some(text), Some(&[0; 8]), Some(b""), None] {
            row.extend(field.map_or(-1, |field| field.len() as i32).to_be_bytes());
            row.extend(field.unwrap_or_default());
        }
        row
    };
    let binary_rows = [
        [Some("852-41-7396"), Some(""), None, Some("x")],
        [None; 4],
        [Some(""); 4],
        [Some(&long[..]); 4],
    ];
    let binary_data = binary(&binary_rows);
    let binary_want = [&binary(&[])[..21], &row(b"[redacted]").repeat(4), &[0xff; 2]].concat();
    for (layout, data, want) in [
        (
            Layout::text(),
            format!("852-41-7396\t1\t\\\\x00\tx\n\\N\t\\N\t\\N\t\\N\n\t\t\t\n{long}\t\\t\t\\n\t\\b\n")
                .into_bytes(),
            b"[redacted]\t0\t\\\\x\t\\N\n".repeat(4),
        ),
        (
            marker("852-41-7396"),
            b"852-41-7396\t1\t2\t3\nx\t852-41-7396\t2\t3\n".to_vec(),
            b"[redacted]\t0\t\\\\x\t852-41-7396\n".repeat(2),
        ),
        (
            Layout::csv(),
            format!("852-41-7396,1,\\x00,x\n,,,\n\"\",\"\",\"\",\"\"\n{long},\",\",\"\"\"\",\"\n\"\n")
                .into_bytes(),
            b"[redacted],0,\\x,\n".repeat(4),
        ),
        (
            csv(b'7', "852"),
            b"8527\"852\"737\"852-41-7396\"\n178527585271\n".to_vec(),
            b"[redacted]707\\x7852\n".repeat(2),
        ),
        (Layout::Binary, binary_data, binary_want),
    ] {
        let rows = if layout == Layout::Binary {
            4
        } else {
            memchr::memchr_iter(b'\n', &want).count()
        };
        let want = (want, rows * 4);
        for at in 0..=data.len() {
            let (first, second) = data.split_at(at);
            let got = blanked(&layout, [first, second]);
            assert_eq!(
                got,
                want,
                "{layout:?} at {at}: {}",
                String::from_utf8_lossy(&got.0)
            );
        }
        assert_eq!(blanked(&layout, data.chunks(1)), want);
    }
}

fn any_layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        Just(Layout::text()),
        Just(Layout::csv()),
        Just(Layout::Csv {
            delimiter: b';',
            quote: b'\'',
            escape: b'\\',
            null: b"NULL".to_vec(),
            header: true
        }),
        Just(Layout::Binary),
    ]
}

proptest! {
    #[test]
    fn cuts_make_no_difference(
        layout in any_layout(),
        data in "([a-z0-9,;'\"\\\\\t\n-]|852-41-7396|\\\\N|NULL){0,80}",
        size in 1_usize..20,
    ) {
        // Also what was sent before an error is the same, but for where in the data it stopped.
        let whole = run(&layout, [data.as_bytes()]);
        prop_assert_eq!(run(&layout, data.as_bytes().chunks(size)), whole);
    }

    #[test]
    fn no_bytes_are_too_strange(layout in any_layout(), data in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = run(&layout, data.chunks(9));
        let mut after_header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        after_header.extend(data);
        let _ = run(&Layout::Binary, after_header.chunks(9));
    }
}
