use super::*;
use crate::json;

fn read(
    text: &str,
    names: &str,
    values: &str,
    of: impl Fn(&str, Placeholders<'_>) -> Result<Vec<Test>, Gap>,
) -> Result<Vec<String>, Gap> {
    let (names, values) = (
        json::parse_text(names).unwrap(),
        json::parse_text(values).unwrap(),
    );
    let placeholders = Placeholders {
        names: Some(&names),
        values: Some(&values),
    };
    let tests = of(text, placeholders)?;
    let show = |test: Test| {
        let sign = if test.equality { "=" } else { "~" };
        format!("{}{sign}{}", test.column, test.values.join("|"))
    };
    Ok(tests.into_iter().map(show).collect())
}

const NAMES: &str = r##"{"#s": "ssn", "#a": "address"}"##;
const VALUES: &str = r#"{":v": {"S": "1"}, ":w": {"N": "2"}, ":set": {"SS": ["x", "y"]}, ":doc": {"M": {}}, ":n": {"NULL": true}}"#;

#[test]
fn conditions_name_what_they_test() {
    for (text, expected) in [
        ("id = :v", &["id=1"][..]),
        ("#s = :v AND visit > :w", &["ssn=1", "visit~2"]),
        ("NOT (#s = :v OR #s<>:w)", &["ssn=1", "ssn~2"]),
        ("#s IN (:v, :w)", &["ssn=1|2"]),
        ("born between :v and :w", &["born~1|2"]),
        ("begins_with(#s, :v)", &["ssn~1"]),
        ("contains (tags, :v)", &["tags~1"]),
        ("size(#a.street[0].x) = :w", &["address~2"]),
        ("attribute_exists(#s) and attribute_type(a, :v)", &[]),
        ("#a.zip = :v", &["address=1"]),
        ("a = b", &["a~", "b~"]),
        (":v = #s", &["ssn=1"]),
        ("tags = :set", &["tags~x|y"]),
        ("doc = :doc", &["doc~"]),
        ("((id = :v))", &["id=1"]),
        ("(id) = (:v)", &[]),
    ] {
        let found = read(text, NAMES, VALUES, condition);
        if expected.is_empty() && text.starts_with("(id)") {
            assert!(found.is_err(), "{text}");
            continue;
        }
        assert_eq!(found.unwrap(), expected, "{text}");
    }
}

#[test]
fn updates_name_what_they_copy() {
    for (text, expected) in [
        (
            "SET a = :v, b = b + :w REMOVE c, d[1] ADD e :w DELETE f :set",
            &["b~"][..],
        ),
        ("set nick = #s", &["ssn~"]),
        ("SET a = if_not_exists(#s, :v)", &["ssn~"]),
        ("SET a = list_append(list_append(x, :v), y)", &["x~", "y~"]),
        ("SET a = (b - :w)", &["b~"]),
        ("REMOVE a SET b = :v", &[]),
    ] {
        assert_eq!(read(text, NAMES, VALUES, update).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_the_grammar_does_not_know_is_a_gap() {
    for text in [
        "",
        "id",
        "id =",
        "= :v",
        "id = :v AND",
        "id = :missing",
        "#missing = :v",
        "id = 'x'",
        "id == :v",
        "size(id)",
        "lower(id) = :v",
        "id = :v ; x",
        "id[x] = :v",
        "id IN ()",
        "id BETWEEN :v, :w",
        "a = :v)",
        "(a = :v",
    ] {
        assert!(read(text, NAMES, VALUES, condition).is_err(), "{text}");
    }
    for text in [
        "SET a",
        "SET a = ",
        "PUT a = :v",
        "SET a = b * c",
        "REMOVE",
        "ADD e",
        "SET a = :v,",
    ] {
        assert!(read(text, NAMES, VALUES, update).is_err(), "{text}");
    }
    let deep = format!("{}a = :v{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(read(&deep, NAMES, VALUES, condition), Err(Gap::TooDeep));
}
