//! Every type of the server's catalogue, by every mask, in both formats.

use bytes::BytesMut;
use tokio_postgres::{Client, types::Type};

use super::{Raw, Server, describe, text};
use crate::{
    Mask,
    fixtures::every_mask,
    postgres::{
        Format, Masked, blank, mask,
        types::{self, Known},
    },
};

/// At least one value for each type, as SQL writes it.
const SAMPLES: &[(&str, &[&str])] = &[
    ("aclitem", &["test=arwdDxt/test"]),
    ("bit", &["1", "1010111010101"]),
    ("bool", &["t", "f"]),
    ("box", &["(1.5,2),(3,4)"]),
    ("bpchar", &["852-41-7396   "]),
    ("bytea", &["\\xdeadbeef", ""]),
    ("char", &["S"]),
    ("cid", &["4711"]),
    ("cidr", &["10.20.0.0/16", "2001:db8::/32"]),
    ("circle", &["<(1,2),3>"]),
    (
        "date",
        &[
            "1951-03-29",
            "infinity",
            "-infinity",
            "0044-03-15 BC",
            "12345-06-07",
            "9999-12-31",
            "0001-01-01",
        ],
    ),
    ("datemultirange", &["{[1951-03-29,1952-01-01)}"]),
    ("daterange", &["[1951-03-29,1952-01-01)", "(,)"]),
    ("float4", &["3.25", "NaN", "-Infinity"]),
    ("float8", &["3.14159265358979", "NaN"]),
    ("inet", &["10.20.30.40", "10.20.30.40/8", "2001:db8::1"]),
    ("int2", &["47", "-32768", "32767"]),
    ("int2vector", &["1 2 3"]),
    ("int4", &["852417396", "-1", "94107", "47"]),
    ("int4multirange", &["{[1,5)}"]),
    ("int4range", &["[1,5)"]),
    ("int8", &["4000007391648255", "-9223372036854775808", "5"]),
    ("int8multirange", &["{[1,5)}"]),
    ("int8range", &["[1,5)"]),
    ("interval", &["3 years 2 mons 1 day 04:05:06"]),
    ("json", &["{\"ssn\": \"852-41-7396\"}", "[1, 2]"]),
    ("jsonb", &["{\"ssn\": \"852-41-7396\"}", "\"852-41-7396\"", "7"]),
    ("jsonpath", &["$.ssn"]),
    ("line", &["{1,2,3}"]),
    ("lseg", &["[(1,2),(3,4)]"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:01:02:03:04:05"]),
    ("money", &["1234.56", "-5"]),
    (
        "name",
        &[
            "haverstock",
            "a_name_of_sixty-three_bytes_is_the_longest_that_the_server_takes",
        ],
    ),
    ("nummultirange", &["{[1.5,5)}"]),
    ("numrange", &["[1.5,5)"]),
    (
        "numeric",
        &["12.34", "-852417396000000000000000.5", "NaN", "Infinity"],
    ),
    ("oid", &["852417"]),
    ("oidvector", &["1 2 3"]),
    ("path", &["((1,2),(3,4))", "[(1,2),(3,4)]"]),
    ("pg_lsn", &["16/B374D848"]),
    ("pg_snapshot", &["10:20:10,14,15"]),
    ("point", &["(1.5,-2)"]),
    ("polygon", &["((1,2),(3,4),(5,6))"]),
    ("refcursor", &["a_cursor"]),
    ("regclass", &["pg_class"]),
    ("regcollation", &["\"C\""]),
    ("regconfig", &["english"]),
    ("regdictionary", &["simple"]),
    ("regnamespace", &["pg_catalog"]),
    ("regoper", &["||/"]),
    ("regoperator", &["+(integer,integer)"]),
    ("regproc", &["boolin"]),
    ("regprocedure", &["boolin(cstring)"]),
    ("regrole", &["test"]),
    ("regtype", &["integer"]),
    (
        "text",
        &[
            "852-41-7396",
            "",
            "Zoë Müller – 北京 ☎",
            "1951-03-29",
            "94107-1234",
            "47",
        ],
    ),
    ("tid", &["(3,4)"]),
    ("time", &["04:05:06.789"]),
    (
        "timestamp",
        &[
            "1951-03-29 04:05:06.789",
            "infinity",
            "0044-03-15 01:02:03 BC",
            "1999-12-31 23:59:59.999999",
        ],
    ),
    (
        "timestamptz",
        &[
            "1951-03-29 04:05:06.789+02",
            "-infinity",
            "12345-06-07 00:00:00+00",
        ],
    ),
    ("timetz", &["04:05:06.789+02"]),
    ("tsmultirange", &["{[1951-03-29 01:02,1952-01-01 00:00)}"]),
    ("tsquery", &["fat & rat"]),
    ("tsrange", &["[1951-03-29 01:02,1952-01-01 00:00)"]),
    ("tstzmultirange", &["{[1951-03-29 01:02+00,1952-01-01 00:00+00)}"]),
    ("tstzrange", &["[1951-03-29 01:02+00,1952-01-01 00:00+00)"]),
    ("tsvector", &["fat:1 rat:2"]),
    ("txid_snapshot", &["10:20:10,14,15"]),
    ("uuid", &["0b0f6a3e-8c4f-4d0e-9a57-2f5d5c1f7b12"]),
    ("varbit", &["1010111010101", ""]),
    ("varchar", &["852-41-7396", "zq.haverstock@example.org"]),
    ("xid", &["4711"]),
    ("xid8", &["4711000000"]),
    ("xml", &["<p>852-41-7396</p>", "852-41-7396"]),
];

/// Types of the catalogue that no client can make a value of; masked they are NULL.
const OPAQUE: &[&str] = &[
    "gtsvector",
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_ndistinct",
    "pg_node_tree",
];

struct Subject {
    oid: u32,
    name: String,
    has_binary: bool,
    /// A value, as SQL writes it.
    sample: String,
    is_array: bool,
}

#[test]
fn what_masks_show_is_a_value_of_the_type() {
    let Some(server) = Server::start() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = server.connect().await;
        let subjects = subjects(&client).await;
        assert!(subjects.len() > 150, "{}", subjects.len());
        let masks = every_mask();
        let mut wrong = Vec::new();
        for subject in &subjects {
            // Every mask does the same with an array, or nothing.
            let masks = if subject.is_array {
                masks.get(..2).unwrap()
            } else {
                &masks
            };
            if let Err(error) = check_text(&client, subject, masks).await {
                wrong.push(error);
            }
            if let Err(error) = check_binary(&client, subject, masks).await {
                wrong.push(error);
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        check_statistics(&client).await;
    });
}

/// All types of the server but the rows of its own tables. Fails if we know a type otherwise than the server.
async fn subjects(client: &Client) -> Vec<Subject> {
    let rows = client
        .query(
            "SELECT t.oid, t.typname::text, t.typarray, t.typsend <> 0::regproc, e.oid, e.typname::text
             FROM pg_type t LEFT JOIN pg_type e ON e.typarray = t.oid
             WHERE t.oid < 10000 AND t.typtype IN ('b', 'r', 'm') AND (e.typtype IS NULL OR e.typtype IN ('b', 'r', 'm'))
             ORDER BY t.oid",
            &[],
        )
        .await
        .unwrap();
    let mut subjects = Vec::new();
    for row in &rows {
        let (oid, name, array): (u32, String, u32) = (row.get(0), row.get(1), row.get(2));
        let has_binary: bool = row.get(3);
        let element: Option<String> = row.get(5);
        let scalar = element.as_deref().unwrap_or(&name);
        match types::lookup(oid) {
            Some(Known::Scalar(of)) => assert_eq!((of.name, of.array), (name.as_str(), array)),
            Some(Known::Array(of)) => assert_eq!(Some((of.name, of.oid)), element.as_deref().zip(row.get(4))),
            None => panic!("the server's type {name} ({oid}) is not known"),
        }
        if OPAQUE.contains(&scalar) {
            let mut out = BytesMut::new();
            if element.is_none() {
                assert_eq!(
                    mask(&Mask::Redact, oid, Format::Text, b"x", &mut out),
                    Masked::Null,
                    "{name}"
                );
            }
            continue;
        }
        let samples = SAMPLES.iter().find(|(of, _)| *of == scalar);
        let (_, samples) = samples.unwrap_or_else(|| panic!("no sample of {scalar}"));
        for sample in *samples {
            let (sample, is_array) = match element {
                Some(_) => (
                    format!("ARRAY[{}::pg_catalog.\"{scalar}\", NULL]", quote(sample)),
                    true,
                ),
                None => (quote(sample), false),
            };
            subjects.push(Subject {
                oid,
                name: name.clone(),
                has_binary,
                sample,
                is_array,
            });
        }
    }
    subjects
}

async fn check_text(client: &Client, subject: &Subject, masks: &[Mask]) -> Result<(), String> {
    let Subject {
        oid, name, sample, ..
    } = subject;
    let from = |what: &str| format!("SELECT {what}::pg_catalog.\"{name}\"");
    let value = text(client, &from(sample))
        .await
        .map_err(|error| format!("{name} {sample}: {error}"))?
        .unwrap();
    for with in masks {
        let mut out = BytesMut::new();
        if mask(with, *oid, Format::Text, value.as_bytes(), &mut out) == Masked::Null {
            assert!(*with == Mask::Null, "{with} of {name} is NULL");
            continue;
        }
        let shown = std::str::from_utf8(&out).unwrap();
        let back = text(client, &from(&quote(shown))).await;
        // As the server itself writes it, but for the signs that we leave out.
        let same = match (&back, name.as_str()) {
            (Ok(back), "money" | "aclitem") => back.is_some(),
            (Ok(back), _) => back.as_deref() == Some(shown),
            (Err(_), _) => false,
        };
        if !same {
            return Err(format!(
                "{with} of {name} {value:?} in text: {shown:?} is {back:?}"
            ));
        }
        hides(with, subject, Format::Text, value.as_bytes(), &out);
    }
    let mut out = BytesMut::new();
    assert_eq!(blank(*oid, Format::Text, &mut out), Masked::Value, "{name}");
    let shown = std::str::from_utf8(&out).unwrap();
    text(client, &from(&quote(shown)))
        .await
        .map_err(|error| format!("blank of {name} in text: {shown:?}: {error}"))?
        .ok_or_else(|| format!("blank of {name} in text is NULL"))
        .map(drop)
}

async fn check_binary(client: &Client, subject: &Subject, masks: &[Mask]) -> Result<(), String> {
    let Subject {
        oid,
        name,
        sample,
        has_binary,
        is_array,
    } = subject;
    if !has_binary || name == "_aclitem" {
        let mut out = BytesMut::new();
        assert!(
            *is_array || mask(&Mask::Redact, *oid, Format::Binary, b"x", &mut out) == Masked::Null,
            "{name}"
        );
        return Ok(());
    }
    let from = format!("SELECT {sample}::pg_catalog.\"{name}\"");
    let value = client
        .query_one(&from, &[])
        .await
        .map_err(|error| format!("{name}: {}", describe(&error)))?;
    let Raw(value) = value.get(0);
    let of = Type::from_oid(*oid).unwrap_or_else(|| panic!("{name} is not known to the client library"));
    let statement = client.prepare_typed("SELECT $1", &[of]).await.unwrap();
    let mut out = BytesMut::new();
    assert_eq!(blank(*oid, Format::Binary, &mut out), Masked::Value, "{name}");
    let back = client.query_one(&statement, &[&Raw(out.to_vec())]).await;
    let back = back
        .map(|row| row.get::<_, Raw>(0).0)
        .map_err(|error| describe(&error));
    if back.as_deref() != Ok(&out[..]) {
        return Err(format!("blank of {name} in binary: {:?} is {back:?}", &out[..]));
    }
    for with in masks {
        let mut out = BytesMut::new();
        if mask(with, *oid, Format::Binary, &value, &mut out) == Masked::Null {
            assert!(*with == Mask::Null, "{with} of {name} is NULL");
            continue;
        }
        let back = client.query_one(&statement, &[&Raw(out.to_vec())]).await;
        let back = back
            .map(|row| row.get::<_, Raw>(0).0)
            .map_err(|error| describe(&error));
        if back.as_deref() != Ok(&out[..]) {
            return Err(format!(
                "{with} of {name} {sample} in binary: {:?} is {back:?}",
                &out[..]
            ));
        }
        hides(with, subject, Format::Binary, &value, &out);
        // Both formats show the same: the server turns the one into the other.
        if !is_array && name != "timestamptz" && name != "money" {
            let mut shown = BytesMut::new();
            let clear = text(client, &from).await?.unwrap();
            let _ = mask(with, *oid, Format::Text, clear.as_bytes(), &mut shown);
            let shown = std::str::from_utf8(&shown).unwrap();
            let from_text = format!("SELECT {}::pg_catalog.\"{name}\"", quote(shown));
            let Raw(from_text) = client.query_one(&from_text, &[]).await.unwrap().get(0);
            assert_eq!(
                from_text,
                &out[..],
                "{with} of {name} {sample}: the formats differ"
            );
        }
    }
    Ok(())
}

/// What is to be hidden is not shown, unless it is the type's constant anyway.
fn hides(with: &Mask, subject: &Subject, format: Format, value: &[u8], shown: &[u8]) {
    let mut constant = BytesMut::new();
    let _ = mask(&Mask::Redact, subject.oid, format, value, &mut constant);
    if value != constant && matches!(with, Mask::Redact | Mask::Token(_) | Mask::Partial { .. }) {
        assert_ne!(value, shown, "{with} of {}", subject.name);
    }
}

/// `pg_stats` shows values of any type in columns of type anyarray.
async fn check_statistics(client: &Client) {
    client
        .batch_execute(
            "CREATE TABLE carriers AS SELECT '852-41-7396'::text AS ssn FROM generate_series(1, 100); ANALYZE carriers",
        )
        .await
        .unwrap();
    let row = client
        .query_one(
            "SELECT most_common_vals FROM pg_stats WHERE tablename = 'carriers'",
            &[],
        )
        .await
        .unwrap();
    let Raw(value) = row.get(0);
    assert!(memchr::memmem::find(&value, b"852-41-7396").is_some());
    let oid = row.columns().first().unwrap().type_().oid();
    let mut out = BytesMut::new();
    assert_eq!(
        mask(&Mask::Redact, oid, Format::Binary, &value, &mut out),
        Masked::Value
    );
    assert_eq!(&out[..], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25]);
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
