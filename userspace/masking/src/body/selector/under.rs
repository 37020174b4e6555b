//! Selectors of APIs: a place in the answer, and a column of what stands there.

use globset::{GlobBuilder, GlobMatcher};

use super::{Number, Place, ROOT, SelectorError, Selectors};

/// A column under a place: a name in any ASCII case, or a glob.
#[derive(Debug)]
pub(super) enum Column {
    Name(Box<[u8]>),
    Glob(Box<GlobMatcher>),
}

impl Column {
    fn parse(text: &str) -> Option<Self> {
        if !text.contains(['*', '?', '[', ']', '{', '}']) {
            return Some(Self::Name(text.as_bytes().into()));
        }
        let glob = GlobBuilder::new(text)
            .case_insensitive(true)
            .literal_separator(false)
            .backslash_escape(false)
            .build();
        glob.ok().map(|glob| Self::Glob(Box::new(glob.compile_matcher())))
    }

    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(known) => known.eq_ignore_ascii_case(name),
            // A name that is no text is matched by what matches any.
            Self::Glob(glob) => std::str::from_utf8(name)
                .map_or_else(|_| glob.is_match("\u{fffd}"), |name| glob.is_match(name)),
        }
    }
}

/// One step of a place.
enum Step {
    Name(String),
    Any,
    /// Whatever stands between.
    Deep,
}

impl Selectors {
    /// Names what is at `base`, or the members of it that `column` means. `base` is written in a part of RFC 9535: `$`,
    /// `.name`, `['name']`, `.*`, `..`, and `[0]` or `[*]`, which say nothing here, as arrays are looked through anyway. `below`: more
    /// such steps from there.
    pub(in crate::body) fn add_under(
        &mut self,
        base: &str,
        column: Option<&str>,
        below: &str,
        number: Number,
    ) -> Result<(), SelectorError> {
        let error = || SelectorError {
            selector: format!("{base} {}", column.unwrap_or_default()),
        };
        let mut at = ROOT;
        for step in steps(base).ok_or_else(error)? {
            at = self.step_to(at, step);
        }
        match column {
            None if at == ROOT => return Err(error()),
            None => {}
            Some(column) => {
                let column = Column::parse(column).ok_or_else(error)?;
                let child = self.fresh();
                if let Some(node) = self.nodes.get_mut(at as usize) {
                    node.columns.push((column, child));
                }
                at = child;
            }
        }
        for step in steps(&format!("${below}")).ok_or_else(error)? {
            at = self.step_to(at, step);
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.mask.get_or_insert(number);
        }
        Ok(())
    }

    fn step_to(&mut self, at: Place, step: Step) -> Place {
        match step {
            Step::Name(name) => self.named(at, name.as_bytes()),
            Step::Any => self.any(at),
            Step::Deep => self.deep(at),
        }
    }

    fn deep(&mut self, at: Place) -> Place {
        if let Some(deep) = self.nodes.get(at as usize).and_then(|node| node.deep) {
            return deep;
        }
        let deep = self.fresh();
        if let Some(node) = self.nodes.get_mut(deep as usize) {
            node.deep = Some(deep);
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.deep = Some(deep);
        }
        deep
    }
}

fn steps(base: &str) -> Option<Vec<Step>> {
    let mut rest = base.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = quoted(after)?;
            steps.push(Step::Name(name));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']')?;
            let known =
                index == "*" || (!index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()));
            if !known {
                return None;
            }
            rest = after;
        } else {
            let mut after = rest.strip_prefix('.')?;
            if let Some(deeper) = after.strip_prefix('.') {
                steps.push(Step::Deep);
                after = deeper;
                if after.starts_with('[') {
                    rest = after;
                    continue;
                }
            }
            let (name, next) = after.split_at_checked(after.find(['.', '[']).unwrap_or(after.len()))?;
            if name.is_empty() {
                return None;
            }
            steps.push(if name == "*" {
                Step::Any
            } else {
                Step::Name(name.to_owned())
            });
            rest = next;
        }
    }
    Some(steps)
}

/// What is between quotation marks, and what follows the bracket.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '\'') => return Some((name, text.get(at + 1..)?.strip_prefix(']')?)),
            (_, '\\') => name.push(characters.next()?.1),
            (_, other) => name.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::mask_in;
    use super::*;

    #[test]
    fn columns_of_places() {
        let mut tree = Selectors::default();
        let all = [
            ("$.Items[*]", Some("ssn")),
            ("$.Items[*]", Some("{mrn,d?b}")),
            ("$.Responses['a.b''][0]", None),
            ("$.Responses['it\\'s'][0]", Some("x")),
            ("$..secret", None),
            ("$.data.*", None),
        ];
        let added: Vec<bool> = all
            .iter()
            .enumerate()
            .map(|(number, (base, column))| tree.add_under(base, *column, "", number).is_ok())
            .collect();
        assert_eq!(added, [true, true, false, true, true, true]);
        for (path, want) in [
            (&["Items", "ssn"][..], Some(0)),
            (&["Items", "SSN"], Some(0)),
            (&["items", "ssn"], None),
            (&["Items", "DOB"], Some(1)),
            (&["Items", "dobx"], None),
            (&["Responses", "it's", "x"], Some(3)),
            (&["secret"], Some(4)),
            (&["a", "b", "secret"], Some(4)),
            (&["data", "secret"], Some(4)),
            (&["data", "z"], Some(5)),
            (&["z"], None),
        ] {
            assert_eq!(mask_in(&tree, path), want, "{path:?}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for base in [
            "", "$", "x", "$.", "$.a.", "$[a]", "$['a", "$['a'", "$.a[-1]", "$...a", "$x",
        ] {
            assert!(
                Selectors::default().add_under(base, None, "", 0).is_err(),
                "{base}"
            );
        }
    }
}
