//! Columns of any relation, looked for among the names in a document.

use std::collections::HashMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use smallvec::SmallVec;

use super::{Number, SelectorError, first};

/// Columns by name or glob. Names of members are compared in any ASCII case, and also as they would be written in a database:
/// `dateOfBirth` and `date-of-birth` as `date_of_birth`.
#[derive(Debug, Default)]
pub(super) struct Columns {
    names: HashMap<Box<[u8]>, Number>,
    globs: Vec<(String, Number)>,
    compiled: GlobSet,
}

impl Columns {
    pub(super) fn add(&mut self, column: &str, number: Number) -> Result<(), SelectorError> {
        let lower = column.to_ascii_lowercase();
        if !column.contains(['*', '?', '[', ']', '{', '}']) {
            self.names
                .entry(lower.into_bytes().into_boxed_slice())
                .or_insert(number);
            return Ok(());
        }
        self.globs.push((lower, number));
        let mut set = GlobSetBuilder::new();
        let wrong = |_| SelectorError {
            selector: column.to_owned(),
        };
        for (glob, _) in &self.globs {
            let glob = GlobBuilder::new(glob)
                .literal_separator(false)
                .backslash_escape(false)
                .build();
            set.add(glob.map_err(wrong)?);
        }
        self.compiled = set.build().map_err(wrong)?;
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.globs.is_empty()
    }

    /// The mask on members of that name, of the one declared first.
    pub(super) fn find(&self, name: &[u8]) -> Option<Number> {
        if self.is_empty() {
            return None;
        }
        let lower: SmallVec<[u8; 64]> = name.iter().map(u8::to_ascii_lowercase).collect();
        let snake = snake(name);
        let mut found = self.one(&lower);
        if snake != lower {
            found = first(found, self.one(&snake));
        }
        found
    }

    fn one(&self, name: &[u8]) -> Option<Number> {
        let exact = self.names.get(name).copied();
        if self.globs.is_empty() {
            return exact;
        }
        let text = String::from_utf8_lossy(name);
        let matched = self.compiled.matches(&*text);
        let globbed = matched
            .iter()
            .filter_map(|index| Some(self.globs.get(*index)?.1))
            .min();
        first(exact, globbed)
    }
}

/// `dateOfBirth`, `DateOfBirth` and `date-of-birth` as `date_of_birth`; `patientSSN` as `patient_ssn`.
fn snake(name: &[u8]) -> SmallVec<[u8; 64]> {
    let mut out = SmallVec::new();
    let mut before: Option<u8> = None;
    for (index, byte) in name.iter().copied().enumerate() {
        let begins = match before {
            Some(last) if byte.is_ascii_uppercase() => {
                let next_is_lower = name.get(index + 1).is_some_and(u8::is_ascii_lowercase);
                !last.is_ascii_uppercase() || next_is_lower
            }
            _ => false,
        };
        if begins && before.is_some_and(|last| last.is_ascii_alphanumeric()) {
            out.push(b'_');
        }
        out.push(match byte {
            b'-' | b' ' => b'_',
            other => other.to_ascii_lowercase(),
        });
        before = Some(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_every_writing() {
        let mut columns = Columns::default();
        for (number, column) in ["ssn", "*_ssn", "date_of_birth", "licen[cs]e_number"]
            .iter()
            .enumerate()
        {
            columns.add(column, number).unwrap();
        }
        for (name, want) in [
            ("SSN", Some(0)),
            ("patientSSN", Some(1)),
            ("patientSsn", Some(1)),
            ("spouse_ssn", Some(1)),
            ("dateOfBirth", Some(2)),
            ("Date-Of-Birth", Some(2)),
            ("LicenseNumber", Some(3)),
            ("ssns", None),
            ("classn", None),
        ] {
            assert_eq!(columns.find(name.as_bytes()), want, "{name}");
        }
        assert!(Columns::default().add("[", 0).is_err());
    }
}
