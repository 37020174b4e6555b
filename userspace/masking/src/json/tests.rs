use super::*;
use crate::{Detector, DetectorSpec, Mask, Pattern};

fn detection() -> Detection {
    let detectors = [
        Detector::UsSsn,
        Detector::Email,
        Detector::CreditCard,
        Detector::Mrn,
        Detector::Url,
    ];
    Detection::new(&detectors.map(|detector| (detector.into(), Mask::Redact))).unwrap()
}

fn redacted(detection: &Detection, document: &str) -> Option<String> {
    let mut out = BytesMut::new();
    let mut hits = 0;
    let found = redact(detection, document.as_bytes(), &mut out, &mut |_| hits += 1);
    assert_eq!(found == Some(true), hits > 0 && !out.is_empty());
    let shown = std::str::from_utf8(&out).unwrap();
    if found == Some(true) {
        serde_json::from_str::<serde_json::Value>(shown).unwrap_or_else(|error| panic!("{shown}: {error}"));
        return Some(shown.to_owned());
    }
    None
}

#[test]
fn hits_are_replaced_where_they_are() {
    for (document, want) in [
        (
            r#"{"ssn": "852-41-7396", "n": 1}"#,
            r#"{"ssn": "[redacted]", "n": 1}"#,
        ),
        (
            r#"{"ssn": 852417396, "n": 1}"#,
            r#"{"ssn": "[redacted]", "n": 1}"#,
        ),
        (r#"{"ssn":"852417396"}"#, r#"{"ssn":"[redacted]"}"#),
        (
            r#"[4111111111111111,"a@example.org"]"#,
            r#"["[redacted]","[redacted]"]"#,
        ),
        (r#""SSN:\n852-41-7396\t.""#, r#""SSN:\n[redacted]\t.""#),
        (r#""\u0038\u0035\u0032-41-7396 \"x\"""#, r#""[redacted] \"x\"""#),
        (r#""zq\u0040example.org\\""#, r#""[redacted]\\""#),
        (r#""zoë@example.org""#, r#""[redacted]""#),
        (
            r#"{"u": "https:\/\/example.org\/p\/7", "v": "é\ud83d\ude00 852-41-7396"}"#,
            r#"{"u": "[redacted]", "v": "é\ud83d\ude00 [redacted]"}"#,
        ),
        (
            r#"{"mrn": "74190263", "852-41-7396": []}"#,
            r#"{"mrn": "[redacted]", "[redacted]": []}"#,
        ),
        (r#"{"ssn": 852417396.5e0 }"#, r#"{"ssn": "[redacted]" }"#),
        (r#"{"mrn": 74190263}"#, r#"{"mrn": "[redacted]"}"#),
    ] {
        assert_eq!(redacted(&detection(), document).as_deref(), Some(want));
    }
}

#[test]
fn clean_documents_stay() {
    for document in [
        r#"{"specimen": 123456789, "ssn": null}"#,
        r#"{"ssn": null, "specimen": 123456789}"#,
        r#"{"ssn": "", "specimen": "123456789"}"#,
        r#""\u0041\n\t\"""#,
        "{}",
        "",
        "\"",
        "\"\\",
        "\\u00",
    ] {
        assert_eq!(redacted(&detection(), document), None, "{document}");
    }
}

#[test]
fn replacements_are_escaped() {
    let mask = Mask::Fixed("a \"b\"\n\\".to_owned());
    let detection = Detection::new(&[(Detector::UsSsn.into(), mask)]).unwrap();
    assert_eq!(
        redacted(&detection, r#"["852-41-7396"]"#).unwrap(),
        r#"["a \"b\"\n\\"]"#
    );
}

#[test]
fn a_hit_across_the_bounds_of_a_string_is_not_replaced() {
    let across = Pattern {
        name: "across".to_owned(),
        pattern: r#"a": "b"#.to_owned(),
    };
    let detection = Detection::new(&[(DetectorSpec::Custom(across), Mask::Redact)]).unwrap();
    let mut out = BytesMut::from(&b"before"[..]);
    assert_eq!(redact(&detection, br#"{"a": "b"}"#, &mut out, &mut |_| {}), None);
    assert_eq!(&out[..], b"before");
}
