//! Variables of a process's environment that the settings name: claims of whoever started it, and never proof.

use std::collections::BTreeMap;

/// Bytes of an environment that are looked at.
pub(crate) const LONGEST: usize = 256 << 10;
/// Characters of a value that are kept.
const VALUE: usize = 256;

/// The named variables among `NAME=VALUE` entries that are ended by NUL. The first of a name counts, as for getenv(3).
pub(crate) fn named(bytes: &[u8], names: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in bytes.split(|byte| *byte == 0) {
        let text = String::from_utf8_lossy(entry);
        let Some((name, value)) = text.split_once('=') else {
            continue;
        };
        if names.iter().any(|wanted| wanted == name) && !found.contains_key(name) {
            let value = value.chars().filter(|c| !c.is_control()).take(VALUE).collect();
            found.insert(name.to_owned(), value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_taken_and_bounded() {
        let names = ["RUN".to_owned(), "EMPTY".to_owned()];
        let long = "x".repeat(VALUE + 7);
        let bytes = format!("SECRET=1\0RUN=a\x1b=b\0RUN=second\0EMPTY=\0broken\0XRUN=2\0LONG={long}\0");
        let found = named(bytes.as_bytes(), &names);
        let expected = [("RUN", "a=b"), ("EMPTY", "")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
        let found = named(format!("RUN={long}").as_bytes(), &names);
        assert_eq!(found["RUN"].len(), VALUE);
    }
}
