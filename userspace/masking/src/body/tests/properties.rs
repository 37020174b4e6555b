use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("SSN".to_owned()),
        any::<String>()
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The masks of [`plan`], told another way.
fn expected(value: &Value, path: &[&str], is_masked: bool) -> Value {
    let is_masked =
        is_masked || path == ["a", "b"] || path.last().is_some_and(|name| name.eq_ignore_ascii_case("ssn"));
    match value {
        Value::Array(elements) => elements
            .iter()
            .map(|element| expected(element, path, is_masked))
            .collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| {
                let path = [path, &[name.as_str()]].concat();
                (name.clone(), expected(member, &path, is_masked))
            });
            Value::Object(members.collect())
        }
        other if !is_masked => other.clone(),
        Value::String(_) => "[redacted]".into(),
        Value::Number(_) => 0.into(),
        Value::Bool(_) => false.into(),
        Value::Null => Value::Null,
    }
}

fn plan() -> Arc<BodyPlan> {
    masking(&[("$.a.b", Mask::Redact), ("**.ssn", Mask::Redact)])
}

/// Some of the cuts, and their order.
fn pieces<'a>(text: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn what_is_not_masked_stays_byte_for_byte(
        value in value(),
        is_pretty: bool,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
    ) {
        let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let plan = masking(&[("$.nobody", last_four())]);
        let (out, _) = in_pieces(&Kind::Json, &plan, Limits::default(), pieces(text.as_bytes(), &cuts)).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn nothing_but_what_is_masked_changes(
        value in value(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
    ) {
        let text = serde_json::to_string(&value).unwrap();
        let (out, _) = in_pieces(&Kind::Json, &plan(), Limits::default(), pieces(text.as_bytes(), &cuts)).unwrap();
        // Read anew, as a float may be read as another than was written.
        let value: Value = serde_json::from_str(&text).unwrap();
        let shown: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(shown, expected(&value, &[], false));
    }

    #[test]
    fn what_is_accepted_is_json(text in r#"[\[\]{},:"\\a-f0-9eE.+\- \n\t]{0,24}|[\[{]["a0,:\]}]{0,12}"#) {
        let ours = in_pieces(&Kind::Json, &plan(), Limits::default(), [text.as_bytes()]).is_ok();
        let theirs = text.trim().is_empty() || match serde_json::from_str::<Value>(&text) {
            Ok(_) => true,
            // Numbers too great for a float are JSON still.
            Err(error) if error.to_string().contains("out of range") => return Ok(()),
            Err(_) => false,
        };
        prop_assert_eq!(ours, theirs, "{}", text);
    }

    #[test]
    fn no_cut_changes_what_goes_on(
        kind in 0..7_usize,
        text in prop_oneof![
            r#"[{"\[<>&=;,:/'\]}a-c1 \r\n-]{0,60}"#,
            "(data: |[a<>b&\"',=\r\n]|852-41-7396|\\{\"ssn\":|\\}){0,30}",
        ],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..9),
    ) {
        let kinds = [
            Kind::Json, Kind::NdJson, Kind::EventStream, Kind::Form, Kind::Csv { delimiter: None }, Kind::Text, Kind::Xml,
        ];
        let limits = Limits { window: 64, ..Limits::default() };
        let plan = both(&[("**.ssn", last_four())]);
        let whole = in_pieces(&kinds[kind], &plan, limits, [text.as_bytes()]).ok();
        let cut = in_pieces(&kinds[kind], &plan, limits, pieces(text.as_bytes(), &cuts)).ok();
        prop_assert_eq!(cut, whole);
    }
}
