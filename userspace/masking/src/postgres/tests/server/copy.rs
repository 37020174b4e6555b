//! COPY out of the server, rewritten, and back into it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, TryStreamExt as _, pin_mut};
use tokio_postgres::Client;

use super::Server;
use crate::{
    Detection, Detector, Mask,
    fixtures::token,
    postgres::copy::{Change, Column, Layout, Rewriter, Treatment},
};

const TABLE: &str = r#"
    CREATE TABLE patients (id int, name text, ssn varchar(11), born date, phone text, notes text, data jsonb, tags text[], cost numeric);
    INSERT INTO patients VALUES
        (1, 'Zoë', '852-41-7396', '1951-03-29', '(907) 555-0162', E'tab\there, SSN 852-41-7396', '{"ssn": "852-41-7396"}', '{a,852-41-7396}', 1.5),
        (2, 'comma, "quote"', NULL, NULL, '', E'line\nbreak \\ backslash | pipe', NULL, '{}', NULL),
        (3, E'\\N', '764-38-2051', '1984-11-06', NULL, E'\\.', '["SSN: 852417396"]', NULL, 12345678.000001),
        (4, E'\b\f\r\v', '', 'infinity', 'NULL', E'a''b SSN 764-38-2051\n', '"x"', '{NULL,"a b"}', 'NaN');
    CREATE TABLE copied (LIKE patients);
"#;

fn plan() -> (Vec<Column>, Arc<Detection>) {
    let masked = |mask: Mask| Treatment::Mask(Arc::new(mask));
    let partial = Mask::Partial {
        keep_first: 0,
        keep_last: 4,
    };
    let columns = [
        (23, Treatment::Search),
        (25, Treatment::Pass),
        (1043, masked(partial)),
        (1082, masked(Mask::Redact)),
        (25, masked(token())),
        (25, Treatment::Search),
        (3802, Treatment::Search),
        (1009, Treatment::Search),
        (1700, masked(Mask::Fixed("42".to_owned()))),
    ]
    .map(|(type_oid, treatment)| Column {
        type_oid,
        treatment,
        read: false,
    })
    .into();
    let detection = Detection::new(&[(Detector::UsSsn.into(), Mask::Redact)]).unwrap();
    (columns, Arc::new(detection))
}

const SHOWN: &str = "SELECT string_agg(format('%s|%s|%s|%s|%s|%s|%s|%s|%s', id, name, ssn, born, phone, notes, data, tags, cost), E'\\n' ORDER BY id) FROM copied";

#[test]
fn rows_of_every_layout_come_out_masked() {
    let Some(server) = Server::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = server.connect().await;
        client.batch_execute(TABLE).await.unwrap();
        let csv = |delimiter, quote, escape, null: &str, header| Layout::Csv {
            delimiter,
            quote,
            escape,
            null: null.as_bytes().to_vec(),
            header,
        };
        let text = |delimiter, null: &str, header| Layout::Text {
            delimiter,
            null: null.as_bytes().to_vec(),
            header,
        };
        let mut first = None;
        for (options, layout) in [
            ("FORMAT text", Layout::text()),
            (
                "FORMAT text, DELIMITER '|', NULL '\\null', HEADER",
                text(b'|', "\\null", true),
            ),
            ("FORMAT text, NULL ''", text(b'\t', "", false)),
            ("FORMAT csv", Layout::csv()),
            (
                "FORMAT csv, HEADER, FORCE_QUOTE *",
                csv(b',', b'"', b'"', "", true),
            ),
            (
                "FORMAT csv, DELIMITER ';', QUOTE '''', ESCAPE '\\', NULL 'NULL'",
                csv(b';', b'\'', b'\\', "NULL", false),
            ),
            (
                "FORMAT csv, ESCAPE '/', NULL '\\N'",
                csv(b',', b'"', b'/', "\\N", false),
            ),
            ("FORMAT binary", Layout::Binary),
        ] {
            // NULL '' can't tell NULL from an empty text; these rows have both.
            let one_null = options.ends_with("NULL ''");
            let shown = there_and_back(&client, options, &layout).await;
            assert!(
                !shown.contains("852-41") && !shown.contains("764-38") && !shown.contains("852417396"),
                "{shown}"
            );
            if !one_null {
                assert_eq!(first.get_or_insert_with(|| shown.clone()), &shown, "{options}");
            }
        }
        let shown = first.unwrap();
        for expected in [
            "1|Zoë|*****7396|0001-01-01|tok_",
            "|tab\there, SSN [redacted]|{\"ssn\": \"[redacted]\"}|{a,[redacted]}|42\n",
            "2|comma, \"quote\"|||tok_",
            "|line\nbreak \\ backslash | pipe||{}|\n",
            "3|\\N|*****2051|0001-01-01||\\.|[\"SSN: [redacted]\"]||42\n",
            "|*****|0001-01-01|tok_",
            "|a'b SSN [redacted]\n|\"x\"|{NULL,\"a b\"}|42",
        ] {
            assert!(shown.contains(expected), "{expected:?} is not in {shown}");
        }
    });
}

/// Copies the table out in every way of cutting it, masks it, and copies it into the other. What is there then.
async fn there_and_back(client: &Client, options: &str, layout: &Layout) -> String {
    let out = client
        .copy_out(&format!(
            "COPY (SELECT * FROM patients ORDER BY id) TO STDOUT ({options})"
        ))
        .await
        .unwrap();
    let chunks: Vec<Bytes> = out.try_collect().await.unwrap();
    let whole = chunks.concat();
    let (masked, changes) = rewrite(layout, chunks.iter().map(|chunk| &chunk[..]));
    for size in 1..60 {
        assert_eq!(
            rewrite(layout, whole.chunks(size)),
            (masked.clone(), changes.clone()),
            "{options} by {size}"
        );
    }
    client.batch_execute("TRUNCATE copied").await.unwrap();
    let sink = client
        .copy_in(&format!(
            "COPY copied FROM STDIN ({})",
            options.replace(", FORCE_QUOTE *", "")
        ))
        .await
        .unwrap();
    pin_mut!(sink);
    sink.send(Bytes::from(masked.clone())).await.unwrap();
    let rows = sink.finish().await;
    assert_eq!(
        rows.ok(),
        Some(4),
        "{options}: {}",
        String::from_utf8_lossy(&masked)
    );
    super::text(client, SHOWN).await.unwrap().unwrap()
}

fn rewrite<'a>(layout: &Layout, chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<String>) {
    let (columns, detection) = plan();
    let mut rewriter = Rewriter::new(layout.clone(), columns, Some(detection), 1 << 20);
    let mut out = BytesMut::new();
    let mut changes = Vec::new();
    for chunk in chunks {
        let note = |column: usize, change: Change<'_>| changes.push(format!("{column} {change:?}"));
        rewriter.push(chunk, &mut out, note).unwrap();
    }
    rewriter.finish().unwrap();
    assert_eq!(rewriter.rows(), 4);
    (out.to_vec(), changes)
}
