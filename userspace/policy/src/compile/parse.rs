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
        (place, describe(error))
    })
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
        other => other.to_string(),
    }
}
