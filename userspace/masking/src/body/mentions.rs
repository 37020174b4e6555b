//! Names of masked values in content that has no values by name.

use std::fmt::Write as _;
use std::sync::Arc;

use regex_automata::meta::Regex;
use regex_automata::util::syntax::Config;

/// Looks for names as markup has them: of elements, of attributes, in quotation marks. Whoever finds one knows that something of it
/// should be masked, and not what.
#[derive(Clone, Debug)]
pub struct Mentions {
    /// `None`: it could not be made, and then everything is taken for a mention.
    regex: Option<Arc<Regex>>,
    /// What was seen last, as a name can be cut.
    tail: Vec<u8>,
    longest: usize,
}

impl Mentions {
    /// `None` without names.
    pub(super) fn of(names: &[Box<str>]) -> Option<Self> {
        let longest = names.iter().map(|name| name.len()).max()?;
        let escaped: Vec<String> = names.iter().map(|name| escaped(name)).collect();
        let pattern = format!(r#"(?i-u)[<:/\s"'](?:{})[\s>=/"']"#, escaped.join("|"));
        let syntax = Config::new().utf8(false);
        let regex = Regex::builder().syntax(syntax).build(&pattern).ok();
        Some(Self {
            regex: regex.map(Arc::new),
            tail: Vec::new(),
            longest: longest + 2,
        })
    }

    /// The name that is in what came, or where that meets what came before.
    pub fn find(&mut self, piece: &[u8]) -> Option<String> {
        let kept = piece.get(..self.longest.min(piece.len())).unwrap_or_default();
        self.tail.extend_from_slice(kept);
        let found = self.name(&self.tail).or_else(|| self.name(piece));
        if piece.len() >= self.longest {
            self.tail.clear();
            let from = piece.len() - self.longest;
            self.tail.extend_from_slice(piece.get(from..).unwrap_or_default());
        } else {
            let surplus = self.tail.len().saturating_sub(self.longest);
            self.tail.drain(..surplus);
        }
        found
    }

    fn name(&self, bytes: &[u8]) -> Option<String> {
        let Some(regex) = &self.regex else {
            return Some("a name".to_owned());
        };
        let found = regex.find(bytes)?;
        let name = bytes.get(found.start() + 1..found.end() - 1)?;
        Some(String::from_utf8_lossy(name).into_owned())
    }
}

/// As a pattern that means the name itself.
fn escaped(name: &str) -> String {
    let mut pattern = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            pattern.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(pattern, r"\x{byte:02x}");
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_cut() {
        let names: Vec<Box<str>> = vec!["ssn".into(), "größe".into(), "a.b".into()];
        let mentions = Mentions::of(&names).unwrap();
        for (text, want) in [
            ("<p><ssn>1</ssn></p>", true),
            ("<f:SSN value='1'/>", true),
            ("<i name=\"ssn\">", true),
            ("<i größe='1'>", true),
            ("<a.b>", true),
            ("<acb>", false),
            ("<ssns>x ssn2 assn</ssns>", false),
        ] {
            for cut in 0..=text.len() {
                let mut mentions = mentions.clone();
                let (one, two) = text.as_bytes().split_at(cut);
                let found = mentions.find(one).or_else(|| mentions.find(two)).is_some();
                assert_eq!(found, want, "{text} at {cut}");
            }
            let mut mentions = mentions.clone();
            let found = text
                .as_bytes()
                .iter()
                .any(|byte| mentions.find(&[*byte]).is_some());
            assert_eq!(found, want, "{text} by bytes");
        }
    }
}
