//! What a mask's `columns` name: columns of relations, or values within JSON.

use std::fmt;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

/// A parsed entry of `columns`.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    Column(Box<ColumnPattern>),
    Json(JsonPattern),
}

/// `[database.][schema.]table.column`, each a glob, in any case.
#[derive(Clone, Debug)]
pub(crate) struct ColumnPattern {
    text: Arc<str>,
    database: Segment,
    schema: Segment,
    table: Segment,
    column: Segment,
}

/// `$.path.to.value` or `**.key`, for services that speak HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonPattern {
    text: Arc<str>,
}

#[derive(Clone, Debug)]
enum Segment {
    Any,
    /// In lower case.
    Exact(String),
    Glob(GlobMatcher),
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('$') || text.starts_with("**") {
            JsonPattern::parse(text).map(Self::Json)
        } else {
            ColumnPattern::parse(text).map(|pattern| Self::Column(Box::new(pattern)))
        }
    }
}

impl Pattern {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Column(pattern) => pattern.text(),
            Self::Json(pattern) => pattern.text(),
        }
    }

    /// The name of what it is about, if it is one and not a glob.
    pub(crate) fn plain_name(&self) -> Option<&str> {
        let name = self.text().rsplit('.').next()?.trim_end_matches("[*]");
        (!name.contains(['*', '?', '[', ']', '{', '}'])).then_some(name)
    }
}

// === impl ColumnPattern ===

impl ColumnPattern {
    fn parse(text: &str) -> Result<Self, String> {
        let segments = text
            .split('.')
            .map(Segment::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let mut segments = segments.into_iter().rev();
        let (Some(column), Some(table)) = (segments.next(), segments.next()) else {
            return Err(format!(
                "`{text}` names no table; expected [database.][schema.]table.column, such as `patients.{text}` or \
                 `*.{text}`"
            ));
        };
        let schema = segments.next().unwrap_or(Segment::Any);
        let database = segments.next().unwrap_or(Segment::Any);
        if segments.next().is_some() {
            return Err(format!(
                "`{text}` has too many parts; expected [database.][schema.]table.column"
            ));
        }
        Ok(Self {
            text: text.into(),
            database,
            schema,
            table,
            column,
        })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn matches(&self, database: &str, schema: &str, table: &str, column: &str) -> bool {
        self.column.matches(column) && self.could_match(database, Some(schema), table)
    }

    /// Whether it could name a column of that relation, whatever its columns are.
    pub(crate) fn could_match(&self, database: &str, schema: Option<&str>, table: &str) -> bool {
        self.table.matches(table)
            && schema.is_none_or(|schema| self.reaches(schema))
            && self.database.matches(database)
    }

    /// Catalogues of the server itself are meant only by patterns that say so: `*.email` is about someone's data.
    fn reaches(&self, schema: &str) -> bool {
        match self.schema {
            Segment::Any => !is_system(schema),
            _ => self.schema.matches(schema),
        }
    }

    /// Whether it means columns of any relation, of which an API's values are some too.
    pub(crate) fn is_anywhere(&self) -> bool {
        [&self.database, &self.schema, &self.table]
            .iter()
            .all(|segment| matches!(segment, Segment::Any))
    }

    /// The last part as it is written: a name, or a glob.
    pub(crate) fn column(&self) -> &str {
        self.text.rsplit('.').next().unwrap_or_default()
    }

    /// Whether the last part matches, for where no relation is known.
    pub(crate) fn matches_name(&self, column: &str) -> bool {
        self.column.matches(column)
    }
}

impl fmt::Display for ColumnPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_system(schema: &str) -> bool {
    ["pg_catalog", "information_schema", "pg_toast"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(schema))
}

// === impl JsonPattern ===

impl JsonPattern {
    fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || format!("`{text}` is not a JSON path; expected `$.name.name`, `$.list[*].name` or `**.name`");
        let rest = match text.strip_prefix("**") {
            // One key, wherever it is.
            Some(key) => {
                let key = key.strip_prefix('.').ok_or_else(expected)?;
                return if is_key(key) {
                    Ok(Self { text: text.into() })
                } else {
                    Err(expected())
                };
            }
            None => text.strip_prefix("$.").ok_or_else(expected)?,
        };
        let well_formed = rest.split('.').all(|step| {
            let name = step.strip_suffix("[*]").unwrap_or(step);
            is_key(name)
        });
        if well_formed {
            Ok(Self { text: text.into() })
        } else {
            Err(expected())
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

fn is_key(name: &str) -> bool {
    !name.is_empty() && !name.contains(['[', ']', '.', '$']) && !name.contains("**") && name.trim() == name
}

// === impl Segment ===

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(
                "a part between the dots is empty; expected [database.][schema.]table.column".to_owned(),
            );
        }
        if text.contains('"') {
            return Err("names are written without quotation marks: case does not matter here".to_owned());
        }
        if text.trim() != text {
            return Err(format!("`{text}` has spaces around it"));
        }
        if text.chars().all(|c| c == '*') {
            return Ok(Self::Any);
        }
        if !text.contains(['*', '?', '[', ']', '{', '}']) {
            return Ok(Self::Exact(text.to_lowercase()));
        }
        glob(text, true).map(Self::Glob)
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => {
                exact.eq_ignore_ascii_case(name) || (!name.is_ascii() && name.to_lowercase() == *exact)
            }
            Self::Glob(glob) => glob.is_match(name),
        }
    }
}

/// A glob over names rather than paths: `*` matches anything.
pub(crate) fn glob(text: &str, any_case: bool) -> Result<GlobMatcher, String> {
    GlobBuilder::new(text)
        .case_insensitive(any_case)
        .literal_separator(false)
        .backslash_escape(false)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| format!("`{text}` is not a glob: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(text: &str) -> ColumnPattern {
        match Pattern::parse(text) {
            Ok(Pattern::Column(pattern)) => *pattern,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn parts_are_read_from_the_right() {
        let table: &[(&str, [&str; 4], bool)] = &[
            ("patients.ssn", ["clinic", "public", "patients", "ssn"], true),
            ("patients.ssn", ["clinic", "other", "patients", "ssn"], true),
            ("patients.ssn", ["clinic", "public", "patients", "ssn2"], false),
            ("PATIENTS.Ssn", ["clinic", "public", "patients", "ssn"], true),
            ("patients.ssn", ["clinic", "public", "Patients", "SSN"], true),
            (
                "public.patients.ssn",
                ["clinic", "private", "patients", "ssn"],
                false,
            ),
            ("*.patients.mrn", ["clinic", "public", "patients", "mrn"], true),
            (
                "clinic.public.patients.ssn",
                ["clinic", "public", "patients", "ssn"],
                true,
            ),
            (
                "clinic.public.patients.ssn",
                ["lab", "public", "patients", "ssn"],
                false,
            ),
            ("*.*_ssn", ["clinic", "public", "staff", "spouse_SSN"], true),
            ("*.{ssn,mrn}", ["clinic", "public", "staff", "mrn"], true),
            ("*.dob?", ["clinic", "public", "staff", "dob"], false),
            (
                "patients.größe",
                ["clinic", "public", "patients", "GRÖSSE"],
                false,
            ),
            ("patients.größe", ["clinic", "public", "patients", "GRÖßE"], true),
            (
                "archive_*.patients.*",
                ["clinic", "archive_2024", "patients", "anything"],
                true,
            ),
        ];
        for (pattern, [database, schema, relation, name], expected) in table {
            let matched = column(pattern).matches(database, schema, relation, name);
            assert_eq!(
                matched, *expected,
                "{pattern} on {database}.{schema}.{relation}.{name}"
            );
        }
    }

    #[test]
    fn the_servers_own_catalogues_must_be_named() {
        assert!(!column("*.email").matches("d", "pg_catalog", "pg_x", "email"));
        assert!(!column("*.*.email").could_match("d", Some("information_schema"), "x"));
        assert!(column("pg_catalog.pg_stats.*").matches("d", "pg_catalog", "pg_stats", "histogram_bounds"));
        assert!(column("pg_*.pg_stats.*").matches("d", "pg_catalog", "pg_stats", "histogram_bounds"));
        assert!(column("*.email").matches("d", "pg_temp_3", "copy", "email"));
    }

    #[test]
    fn a_relation_without_a_schema_may_be_anywhere() {
        assert!(column("private.patients.ssn").could_match("d", None, "patients"));
        assert!(!column("private.patients.ssn").could_match("d", None, "visits"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let bad = [
            "ssn",
            "a.b.c.d.e",
            "a..b",
            ".ssn",
            "patients.",
            "\"Patients\".ssn",
            "patients. ssn",
            "patients.[a",
            "$",
            "$x",
            "$.",
            "$.a..b",
            "**",
            "**.",
            "**ssn",
            "**.a.b",
            "$.a[0].b",
        ];
        for text in bad {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        for text in ["$.patient.ssn", "$.patients[*].ssn", "**.ssn", "$.a-b.c_d"] {
            assert!(matches!(Pattern::parse(text), Ok(Pattern::Json(_))), "{text}");
        }
    }
}
