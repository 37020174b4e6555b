//! What holds for any text.

use proptest::prelude::*;

use super::cases::READING;
use super::{ANALYZER, settings};
use crate::mysql::{Flavour, canonical};

const PIECES: [&str; 40] = [
    "SELECT",
    "ssn",
    "FROM",
    "patients",
    "'x'",
    "\"y\"",
    "`z`",
    "(",
    ")",
    ",",
    ";",
    "/*!50000",
    "*/",
    "/*",
    "--",
    "#",
    "\n",
    "@a",
    ":=",
    "=",
    "WHERE",
    "INSERT",
    "INTO",
    "VALUES",
    "DELETE",
    "UNION",
    "ORDER BY",
    "\\",
    "'",
    "\"",
    "`",
    "1",
    "1.5e3",
    ".",
    "BEGIN",
    "END",
    "CREATE",
    "PROCEDURE",
    "é",
    "\0",
];

proptest! {
    #[test]
    fn no_text_is_too_odd(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40), glue in prop::bool::ANY) {
        let text = pieces.join(if glue { " " } else { "" });
        for flavour in [Flavour::Mysql, Flavour::Mariadb] {
            let analysis = ANALYZER.mysql(text.as_bytes(), &settings(flavour));
            prop_assert!(!analysis.gaps.contains(&crate::Gap::Internal));
            for statement in &analysis.statements {
                prop_assert!(text.get(statement.range.clone()).is_some());
            }
        }
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let analysis = ANALYZER.mysql(&bytes, &settings(Flavour::Mysql));
        prop_assert!(!analysis.gaps.contains(&crate::Gap::Internal));
    }
}

/// A text that ends too early is not taken for a shorter one that is whole, and never for anything harmless without saying so.
#[test]
fn every_beginning_of_a_text_is_answered() {
    let text = "WITH x AS (SELECT ssn, 'a''b' FROM `patients` /*!50000 WHERE id = 1 */) INSERT INTO t (a) SELECT CASE WHEN @v := 1 THEN \"q\\\"\" END FROM x ON DUPLICATE KEY UPDATE a = VALUES(a)";
    for flavour in [Flavour::Mysql, Flavour::Mariadb] {
        for end in 0..text.len() {
            let part = &text.as_bytes()[..end];
            let analysis = ANALYZER.mysql(part, &settings(flavour));
            assert!(!analysis.gaps.contains(&crate::Gap::Internal), "{end}");
        }
    }
}

/// What is written anew from its tokens means the same.
#[test]
fn canonical_texts_stay_what_they_are() {
    for (text, ..) in READING {
        for flavour in [Flavour::Mysql, Flavour::Mariadb] {
            if let Some(once) = canonical(text.as_bytes(), &settings(flavour)) {
                assert_eq!(
                    canonical(once.as_bytes(), &settings(flavour)).as_ref(),
                    Some(&once),
                    "{text}"
                );
            }
        }
    }
}
