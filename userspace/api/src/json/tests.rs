use super::*;

fn fault(text: &str) -> Gap {
    parse(text.as_bytes()).unwrap_err()
}

#[test]
fn values_keep_their_text_and_their_place() {
    let text = r#" {"a": [1.50e+3, "x\u00e9\ud83d\ude00\n", null, true], "b\"": -0} "#;
    let json = parse(text.as_bytes()).unwrap();
    let items = json.get("a").unwrap().items();
    assert_eq!(items[0].scalar(), Some("1.50e+3".to_owned()));
    assert_eq!(items[1].text(), Some("xé😀\n"));
    assert_eq!(items[2].scalar(), None);
    assert_eq!(&text[items[3].span.clone()], "true");
    assert_eq!(json.get("b\"").unwrap().scalar(), Some("-0".to_owned()));
}

#[test]
fn what_readers_may_understand_differently_is_a_gap() {
    assert_eq!(
        fault(r#"{"a":1,"\u0061":2}"#),
        Gap::Unreadable("an object of the JSON has a key twice")
    );
    for half in [r#""\ud800""#, r#""\udc00""#, r#""\ud800x""#, r#""\ud800\u0041""#] {
        assert_eq!(
            fault(half),
            Gap::Unreadable("a string of the JSON has half a surrogate pair")
        );
    }
    assert_eq!(parse(b"\"\xff\"").unwrap_err(), Gap::NotText);
}

#[test]
fn what_is_no_json_is_unparsable() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "01",
        "1.",
        "+1",
        "NaN",
        "'a'",
        "{a:1}",
        "[1] [2]",
        "\u{feff}{}",
        "\"\t\"",
        "\"\\x\"",
        "\"\\u12\"",
        "tru",
        "1e",
        "-",
        "/* */ 1",
        "\"\\u+123\"",
    ] {
        assert!(matches!(fault(text), Gap::Unparsable(_)), "{text}");
    }
}

#[test]
fn nesting_has_a_bound() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(DEPTH).as_bytes()).is_ok());
    assert_eq!(fault(&nested(DEPTH + 1)), Gap::TooDeep);
    assert_eq!(fault(&"[".repeat(1_000_000)), Gap::TooDeep);
}
