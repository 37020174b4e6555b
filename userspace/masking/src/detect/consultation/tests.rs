use std::sync::Arc;

use bytes::BytesMut;

use super::*;
use crate::Detection;
use crate::postgres::{Detected, Format, detect};

const TEXT: u32 = 25;
const JSON: u32 = 114;
const JSONB: u32 = 3802;
const TEXT_ARRAY: u32 = 1009;

fn source(redacts_unanswered: bool) -> Source {
    Source {
        kinds: vec!["PERSON".to_owned(), "PLACE".to_owned()],
        mask: Mask::Redact,
        redacts_unanswered,
    }
}

fn consultation(sources: Vec<Source>) -> (Arc<Consultation>, Detection) {
    let consultation = Arc::new(Consultation::new(sources));
    let detection = Detection::consulting(&consultation);
    (consultation, detection)
}

fn look(
    detection: &Detection,
    type_oid: u32,
    format: Format,
    value: &[u8],
) -> (Detected, Vec<u8>, Vec<String>) {
    let mut out = BytesMut::new();
    let mut names = Vec::new();
    let found = detect(detection, type_oid, format, value, &mut out, |name| {
        names.push(name.to_owned());
    });
    (found, out.to_vec(), names)
}

/// Somebody who takes each of these words for a person.
fn somebody(words: &[&str], questions: &[String]) -> Vec<Vec<Finding>> {
    let find = |text: &String| {
        let found = words.iter().filter_map(|word| {
            let at = text.find(word)?;
            let start = text[..at].chars().count();
            Some(Finding {
                range: start..start + word.chars().count(),
                kind: "PERSON".to_owned(),
            })
        });
        found.collect()
    };
    questions.iter().map(find).collect()
}

fn asked_and_answered(type_oid: u32, format: Format, value: &[u8], words: &[&str]) -> (Detected, String) {
    let (consultation, detection) = consultation(vec![source(false)]);
    assert_eq!(look(&detection, type_oid, format, value).0, Detected::Clean);
    let questions = consultation.questions();
    consultation.answer(0, &somebody(words, &questions)).unwrap();
    let (found, shown, names) = look(&detection, type_oid, format, value);
    assert_eq!(consultation.unasked(), 0);
    if found == Detected::Replaced {
        assert!(names.iter().all(|name| name == "opinion:PERSON"), "{names:?}");
    }
    (found, String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn offsets_are_characters_not_bytes() {
    for (text, shown) in [
        ("seen by Ada today", "seen by [redacted] today"),
        ("Grüße von Ada — bis 明日", "Grüße von [redacted] — bis 明日"),
        ("👩‍⚕️ Ada", "👩‍⚕️ [redacted]"),
        ("Ada", "[redacted]"),
    ] {
        let (found, masked) = asked_and_answered(TEXT, Format::Text, text.as_bytes(), &["Ada"]);
        assert_eq!((found, masked.as_str()), (Detected::Replaced, shown));
    }
    let latin1 = b"M\xfcller met Ada";
    let (consultation, detection) = consultation(vec![source(false)]);
    let _ = look(&detection, TEXT, Format::Text, latin1);
    assert_eq!(consultation.questions(), ["M\u{fffd}ller met Ada"]);
    let found = [vec![Finding {
        range: 11..14,
        kind: "PERSON".to_owned(),
    }]];
    consultation.answer(0, &found).unwrap();
    assert_eq!(
        look(&detection, TEXT, Format::Text, latin1).1,
        b"M\xfcller met [redacted]"
    );
}

#[test]
fn json_stays_json_and_only_its_strings_are_asked_about() {
    let document =
        r#"{"who": "Dr. Ada \u00e9\n \"Ada\"", "n": 12, "Ada": ["x", {"y": "J\u00f6rg"}], "é": ""}"#;
    let (consultation, detection) = consultation(vec![source(false)]);
    let _ = look(&detection, JSON, Format::Text, document.as_bytes());
    let questions = consultation.questions();
    assert_eq!(
        questions,
        ["who", "Dr. Ada é\n \"Ada\"", "n", "Ada", "x", "y", "Jörg", "é"]
    );
    consultation
        .answer(0, &somebody(&["Ada é\n \"Ada\"", "Ada", "Jörg"], &questions))
        .unwrap();
    let (found, shown, _) = look(&detection, JSON, Format::Text, document.as_bytes());
    assert_eq!(found, Detected::Replaced);
    let shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(
        shown,
        serde_json::json!({"who": "Dr. [redacted]", "n": 12, "[redacted]": ["x", {"y": "[redacted]"}], "é": ""})
    );
    let mut binary = vec![1];
    binary.extend_from_slice(br#"["a Ada"]"#);
    let (found, shown) = asked_and_answered(JSONB, Format::Binary, &binary, &["Ada"]);
    assert_eq!(
        (found, shown.as_str()),
        (Detected::Replaced, "\u{1}[\"a [redacted]\"]")
    );
}

#[test]
fn arrays_stay_arrays() {
    let (found, shown) = asked_and_answered(TEXT_ARRAY, Format::Text, br#"{"Ada said","no"}"#, &["Ada"]);
    assert_eq!(
        (found, shown.as_str()),
        (Detected::Replaced, r#"{"[redacted] said","no"}"#)
    );
    // Without its quotes it would be another array.
    let (found, _) = asked_and_answered(TEXT_ARRAY, Format::Text, br#"{"Ada","no"}"#, &[r#"Ada","no"#]);
    assert_eq!(found, Detected::Null);
}

#[test]
fn an_answer_that_does_not_fit_is_refused_whole() {
    let (consultation, detection) = consultation(vec![source(false)]);
    let _ = look(&detection, TEXT, Format::Text, "Ada é".as_bytes());
    let _ = look(&detection, TEXT, Format::Text, b"Bo");
    assert_eq!(consultation.questions().len(), 2);
    let of = |range: Range<usize>, kind: &str| Finding {
        range,
        kind: kind.to_owned(),
    };
    let good = of(0..3, "PERSON");
    for bad in [
        of(0..6, "PERSON"),
        of(5..5, "PERSON"),
        of(Range { start: 3, end: 1 }, "PERSON"),
        of(usize::MAX..usize::MAX, "PERSON"),
    ] {
        let answer = [vec![good.clone()], vec![bad]];
        assert!(matches!(
            consultation.answer(0, &answer),
            Err(WrongAnswer::Place { .. })
        ));
    }
    let other = [vec![of(0..3, "OTHER")], vec![]];
    assert_eq!(consultation.answer(0, &other), Err(WrongAnswer::Kind));
    assert_eq!(
        consultation.answer(0, &[vec![]]),
        Err(WrongAnswer::Count {
            asked: 2,
            answered: 1
        })
    );
    assert_eq!(
        look(&detection, TEXT, Format::Text, "Ada é".as_bytes()).0,
        Detected::Clean
    );
    consultation
        .answer(0, &[vec![of(0..5, "PERSON")], vec![]])
        .unwrap();
    assert_eq!(
        look(&detection, TEXT, Format::Text, "Ada é".as_bytes()).0,
        Detected::Replaced
    );
}

#[test]
fn two_sources_find_together() {
    let second = Source {
        kinds: vec!["PERSON".to_owned()],
        mask: Mask::Fixed("X".to_owned()),
        redacts_unanswered: true,
    };
    let (consultation, detection) = consultation(vec![source(false), second]);
    let _ = look(&detection, TEXT, Format::Text, b"Ada Bo Cy");
    let questions = consultation.questions();
    consultation.answer(0, &somebody(&["Bo"], &questions)).unwrap();
    consultation
        .answer(1, &somebody(&["Ada", "o C"], &questions))
        .unwrap();
    assert_eq!(
        look(&detection, TEXT, Format::Text, b"Ada Bo Cy").1,
        b"X [redacted]y"
    );
    consultation.fail(1);
    assert_eq!(
        look(&detection, TEXT, Format::Text, b"Ada Bo Cy").1,
        b"[redacted]"
    );
}

#[test]
fn what_can_not_be_asked_is_told_and_redacted_where_that_is_said() {
    for redacts in [true, false] {
        let (consultation, detection) = consultation(vec![source(redacts)]);
        let long = "x".repeat(LONGEST_TEXT + 1);
        let (found, shown, _) = look(&detection, TEXT, Format::Text, long.as_bytes());
        assert_eq!(consultation.unasked(), 1);
        assert_eq!(found == Detected::Replaced && shown == b"[redacted]", redacts);
        consultation.forget();
        let half = LONGEST_TEXT / 2;
        for number in 0..LARGEST_QUESTION / half {
            let text = format!("{number:0half$}");
            assert_eq!(
                look(&detection, TEXT, Format::Text, text.as_bytes()).0,
                Detected::Clean
            );
        }
        assert_eq!(
            (consultation.unasked(), consultation.open_bytes()),
            (0, LARGEST_QUESTION)
        );
        let _ = look(&detection, TEXT, Format::Text, b"one more");
        assert_eq!(consultation.unasked(), 1);
        // A text that comes only after the questions were put was never asked about.
        consultation.forget();
        assert!(consultation.questions().is_empty());
        let (found, ..) = look(&detection, TEXT, Format::Text, b"late");
        assert_eq!(
            (found == Detected::Replaced, consultation.unasked()),
            (redacts, 1)
        );
    }
}

#[test]
fn each_text_is_asked_about_once_and_none_without_a_letter_or_digit() {
    let (consultation, detection) = consultation(vec![source(false)]);
    for text in ["a", "b", "a", "", " - ", "é"] {
        let _ = look(&detection, TEXT, Format::Text, text.as_bytes());
    }
    assert_eq!(consultation.questions(), ["a", "b", "é"]);
}
