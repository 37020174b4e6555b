//! What holds for every text.

use proptest::prelude::*;

use super::{all, analyse};
use crate::postgres::text::Tokens;
use crate::{Analysis, Analyzer, Control, Gap, PostgresSettings, postgres};

fn settings() -> impl Strategy<Value = PostgresSettings> {
    any::<bool>().prop_map(|on| PostgresSettings {
        standard_conforming_strings: on,
    })
}

fn case() -> impl Strategy<Value = &'static str> {
    let texts: Vec<_> = all().map(|case| case.0).collect();
    proptest::sample::select(texts)
}

/// What must not change when only the layout of a text does.
fn meaning(analysis: &Analysis) -> impl PartialEq + std::fmt::Debug + use<> {
    let statements = analysis.statements.iter().cloned();
    let statements: Vec<_> = statements
        .map(|mut statement| {
            statement.range = 0..0;
            if let Control::Prepare { statement, .. } | Control::DeclareCursor { statement, .. } =
                &mut statement.control
            {
                statement.range = 0..0;
            }
            statement
        })
        .collect();
    (
        statements,
        analysis.gaps.clone(),
        analysis.fingerprint.clone(),
        analysis.ddl,
    )
}

/// Nothing panics, and nothing that panics is caught and called a gap.
fn harmless(bytes: &[u8], settings: PostgresSettings) -> Result<(), TestCaseError> {
    let analysis = Analyzer::new(0).postgres(bytes, &settings);
    prop_assert!(!analysis.gaps.contains(&Gap::Internal));
    Ok(())
}

#[test]
fn there_are_enough_cases() {
    assert!(all().count() > 300, "{}", all().count());
}

/// Every prefix of every case: a text cut anywhere is refused or means something else, and is never the end of us.
#[test]
fn prefixes_do_no_harm() {
    let analyzer = Analyzer::new(0);
    for (text, ..) in all() {
        for end in (0..text.len()).filter(|end| end % 3 == text.len() % 3) {
            let prefix = &text.as_bytes()[..end];
            let analysis = analyzer.postgres(prefix, &PostgresSettings::default());
            for statement in &analysis.statements {
                assert!(statement.range.end <= prefix.len());
            }
        }
    }
}

/// No effect of a case is lost when it stands among others.
#[test]
fn company_hides_nothing() {
    for (text, ..) in all() {
        let alone = analyse(text);
        let joined = analyse(&format!("SELECT 1;{text}\n;SELECT 2"));
        assert_eq!(joined.statements.len(), 3, "{text}");
        assert_eq!(joined.statements[1].effects, alone.effects(), "{text}");
        assert_eq!(
            joined.statements[1].relations, alone.statements[0].relations,
            "{text}"
        );
        assert_eq!(joined.gaps, alone.gaps, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), settings in settings()) {
        harmless(&bytes, settings)?;
    }

    #[test]
    fn arbitrary_words_do_no_harm(
        words in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "SELECT", "FROM", "(", ")", ",", ";", "WITH", "AS", "t", "UPDATE", "SET", "=", "1", "'x'", "$$", "DO", "BEGIN",
                    "END", "DECLARE", "CREATE", "FUNCTION", "LANGUAGE", "plpgsql", "sql", "RETURNS", "trigger", "INSERT", "INTO",
                    "VALUES", "DELETE", "WHERE", "COPY", "TO", "STDOUT", ".", "*", "::", "[", "]", "--", "/*", "*/", "\n", "E'\\'", "$1",
                    "MERGE", "USING", "ON", "EXPLAIN", "ANALYZE", "ALTER", "TABLE", "DROP", "x", ":=", "IF", "THEN", "LOOP", "RETURN",
                ]),
                Just(" "),
            ],
            0..40,
        ),
        settings in settings(),
    ) {
        harmless(words.join(" ").as_bytes(), settings)?;
    }

    /// Bodies go through a second compiler, in C: it must bear whatever is in them.
    #[test]
    fn mutilated_cases_do_no_harm(
        text in case(),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..4),
        settings in settings(),
    ) {
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte, what) in cuts {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match what {
                0 => { bytes.remove(at); }
                1 => bytes.insert(at, byte & 0x7f),
                _ => bytes[at] = byte,
            }
        }
        harmless(&bytes, settings)?;
    }

    #[test]
    fn layout_means_nothing(
        text in case(),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 1..6),
        filler in proptest::sample::select(vec![" ", "\n", "\t", " /* x */ ", " /* /* ' */ \" */ ", " -- it's\n", "\r\n", "\u{c}"]),
    ) {
        let gaps = Tokens::scan(text, PostgresSettings::default()).unwrap().boundaries();
        let mut at: Vec<_> = places.iter().map(|place| gaps[place.index(gaps.len())]).collect();
        at.sort_unstable();
        let mut changed = text.to_owned();
        for position in at.into_iter().rev() {
            changed.insert_str(position, filler);
        }
        prop_assert_eq!(meaning(&analyse(text)), meaning(&analyse(&changed)), "{}", changed);
    }

    /// Whatever the parser takes, the ranges are inside, in order, and a normalised text has no constant left.
    #[test]
    fn ranges_and_normal_forms_hold(texts in proptest::collection::vec(case(), 1..4)) {
        let text = texts.join("\n;\n");
        let analysis = analyse(&text);
        prop_assert_eq!(analysis.statements.len(), texts.len());
        for (statement, part) in analysis.statements.iter().zip(&texts) {
            prop_assert!(part.contains(&text[statement.range.clone()]));
        }
        let normal = analysis.normalised.clone().unwrap();
        prop_assert_eq!(postgres::literals(&normal, &PostgresSettings::default()), Some(Vec::new()));
    }
}
