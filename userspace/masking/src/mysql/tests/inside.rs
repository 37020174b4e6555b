//! Detectors in values.

use super::*;
use crate::{Consultation, Source};

fn detection(with: Mask) -> Detection {
    Detection::new(&[
        (Detector::UsSsn.into(), with.clone()),
        (Detector::Email.into(), with),
    ])
    .unwrap()
}

fn found(of: Type, value: &[u8]) -> (Detected, Vec<u8>, Vec<String>) {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut hits = Vec::new();
    let detected = detect(&detection(Mask::Redact), of, value, &mut out, |name| {
        hits.push(name.to_owned());
    });
    (detected, out.strip_prefix(b"before").unwrap().to_vec(), hits)
}

#[test]
fn texts_and_documents() {
    for (of, value, want) in [
        (text(VARCHAR), "SSN 852-41-7396.", "SSN [redacted]."),
        (text(CHAR), "852-41-7396", "[redacted]"),
        (text(252), "of a@example.org", "of [redacted]"),
        (Type::new(CHAR, 0x800, UTF8MB4), "a,852-41-7396", "a,[redacted]"),
        (Type::new(252, 0x90, BINARY), "SSN 852-41-7396", "SSN [redacted]"),
        (number(245), r#"{"ssn": 852417396}"#, r#"{"ssn": "[redacted]"}"#),
        (
            text(252).with_format(b"json"),
            r#"["\u0038\u0035\u0032-41-7396"]"#,
            r#"["[redacted]"]"#,
        ),
        (formatted("xmltype"), "<p>852-41-7396</p>", "<p>[redacted]</p>"),
    ] {
        assert!(is_searched(of));
        let (detected, shown, hits) = found(of, value.as_bytes());
        assert_eq!(detected, Detected::Replaced, "{value}");
        assert_eq!(String::from_utf8(shown).unwrap(), want);
        assert_eq!(hits.len(), 1, "{value}");
        assert_eq!(found(of, b"{}").0, Detected::Clean);
    }
    let mut out = BytesMut::new();
    let quoted = detection(Mask::Fixed("\"x\"".to_owned()));
    assert_eq!(
        detect(&quoted, number(245), br#"["852-41-7396"]"#, &mut out, |_| {}),
        Detected::Replaced
    );
    assert_eq!(&out[..], br#"["\"x\""]"#);
}

#[test]
fn what_is_no_text_is_not_looked_into() {
    for (name, of, _) in every_type() {
        let is_text = of.kind().sort() == shown::Sort::Text || of.kind() == Kind::Json;
        assert_eq!(is_searched(of), is_text, "{name}");
        if !is_text {
            assert_eq!(found(of, b"SSN 852-41-7396").0, Detected::Clean, "{name}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_null_with_a_hit() {
    let bytes = Type::new(252, 0x90, BINARY);
    let (detected, shown, hits) = found(bytes, b"\xff\xd8\0 a@example.org \xfe");
    assert_eq!((detected, hits.len()), (Detected::Null, 1));
    assert!(shown.is_empty());
    assert_eq!(found(bytes, b"\xff\xd8\0\xfe").0, Detected::Clean);
    // In Latin1 it is a text.
    let latin1 = Type::new(VARCHAR, 0, 8);
    let (detected, shown, _) = found(latin1, b"M\xfcller 852-41-7396");
    assert_eq!(
        (detected, &shown[..]),
        (Detected::Replaced, &b"M\xfcller [redacted]"[..])
    );
}

#[test]
fn wide_texts_are_looked_into() {
    let ssn = "é SSN 852-41-7396 \u{1f600}";
    let big: Vec<u8> = ssn.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let little: Vec<u8> = ssn.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let four: Vec<u8> = ssn.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    for (charset, value) in [(54, big), (56, little), (60, four)] {
        let of = Type::new(VARCHAR, 0, charset);
        let (detected, shown, hits) = found(of, &value);
        assert_eq!((detected, hits.len()), (Detected::Null, 1), "{charset}");
        assert!(shown.is_empty());
        assert_eq!(found(of, value.get(..8).unwrap()).0, Detected::Clean);
        assert!(is_searched(of));
    }
}

#[test]
fn wide_documents_are_known_by_their_beginning() {
    // MySQL sends them so after SET character_set_results = utf16, in a column of the character set binary.
    let json = number(245);
    let document = r#"{"ssn": "852-41-7396"}"#;
    let big: Vec<u8> = document.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let little: Vec<u8> = document.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let four: Vec<u8> = document
        .chars()
        .flat_map(|c| u32::from(c).to_be_bytes())
        .collect();
    for value in [big, little, four] {
        let (detected, shown, hits) = found(json, &value);
        assert_eq!((detected, hits.len()), (Detected::Null, 1));
        assert!(shown.is_empty());
        for with in every_mask() {
            assert_eq!(
                mask(&with, json, &value, &mut BytesMut::new()),
                Masked::Null,
                "{with}"
            );
        }
    }
}

#[test]
fn a_second_opinion_is_asked_of_texts_only() {
    let consultation = std::sync::Arc::new(Consultation::new(vec![Source {
        kinds: vec!["name".to_owned()],
        mask: Mask::Redact,
        redacts_unanswered: true,
    }]));
    let asking = Detection::consulting(&consultation);
    let bytes = Type::new(252, 0x90, BINARY);
    let ask = |value: &[u8]| detect(&asking, bytes, value, &mut BytesMut::new(), |_| {});
    assert_eq!(ask(b"\xff\xd8 Haverstock"), Detected::Clean);
    assert!(consultation.is_empty());
    assert_eq!(ask(b"Dr. Haverstock"), Detected::Clean);
    assert_eq!(consultation.questions(), ["Dr. Haverstock"]);
}
