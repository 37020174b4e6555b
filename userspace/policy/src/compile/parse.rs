//! YAML to the types of the language.

use serde_saphyr::{Error, options};

use crate::document::Document;
use crate::place::Place;
use crate::words::{nearest, one_of};

/// Reads a file's text. The first thing of the wrong form is reported: what follows it has no certain meaning.
pub(super) fn document(text: &str) -> Result<Document, (Place, String)> {
    let options = options! {
        strict_booleans: true,
        no_schema: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place = error
            .location()
            .map_or(Place { line: 1, column: 1 }, |location| Place::from(&location));
        let place = match error {
            Error::SerdeInvalidType { .. } | Error::SerdeInvalidValue { .. } => value_after_key(text, place),
            _ => place,
        };
        (place, describe(error))
    })
}

/// The reader blames the key for some values.
fn value_after_key(text: &str, place: Place) -> Place {
    let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or("");
    let at: String = line.chars().skip(place.column.saturating_sub(1)).collect();
    let key = at
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        .count();
    let gap = at
        .chars()
        .skip(key)
        .take_while(|c| matches!(c, ':' | ' '))
        .count();
    let is_key =
        key > 0 && gap > 1 && at.chars().nth(key) == Some(':') && at.chars().nth(key + gap).is_some();
    if is_key {
        Place {
            column: place.column + key + gap,
            ..place
        }
    } else {
        place
    }
}

fn describe(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let expected = match nearest(field, expected.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected {}", one_of(expected)),
            };
            format!("unknown key `{field}`; {expected}")
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            format!("`{variant}` is not known here; expected {}", one_of(expected))
        }
        Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is given twice"),
        Error::SerdeInvalidType {
            unexpected, expected, ..
        }
        | Error::SerdeInvalidValue {
            unexpected, expected, ..
        } => {
            format!("found {unexpected}; expected {expected}")
        }
        Error::QuotingRequired { value, .. } => {
            format!("`{value}` reads as a number or a boolean; expected text: put it in quotation marks")
        }
        Error::Eof { .. } => "the file ends here; expected a policy, which has at least a `name`".to_owned(),
        Error::MultipleDocuments { .. } => "a second document begins; expected one policy a file".to_owned(),
        Error::InvalidScalar { ty, .. } => match *ty {
            "u64" | "usize" | "u16" => "expected a whole number".to_owned(),
            other => format!("expected {other}"),
        },
        Error::Unexpected { expected, .. } => match *expected {
            "string scalar" => "expected text".to_owned(),
            "sequence start" => "expected a list, such as `[a, b]`".to_owned(),
            "mapping start" => "expected keys with values, such as `key: value`".to_owned(),
            other => format!("expected {other}"),
        },
        other => {
            // The place is said already.
            let message = other.to_string();
            message
                .split_once(" at line ")
                .map_or(message.clone(), |(message, _)| message.to_owned())
        }
    }
}
