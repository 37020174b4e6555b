//! `$.patient.ssn` and `**.ssn`: which values of a document are meant.

mod columns;
mod under;

use std::collections::HashMap;

use smallvec::SmallVec;

use self::columns::Columns;
use self::under::Column;

/// Number of a mask, in the order of declaration.
pub(super) type Number = usize;

/// All selectors of a plan as one tree.
///
/// - `$.a.b` names the value at that path, each name in exact case; `*` is any name.
/// - Arrays are looked through wherever they are: `$.patients.ssn`, `$.patients[*].ssn` and `$[*].patients.ssn` are the same,
///   so that no value is shown because a service wraps it in a list, or in one list less.
/// - `**.ssn` names the values of that name anywhere, in any ASCII case.
/// - What is below a named value is named too.
#[derive(Debug)]
pub(super) struct Selectors {
    nodes: Vec<Node>,
    /// By name in lower case.
    anywhere: HashMap<Box<[u8]>, Number>,
    columns: Columns,
}

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<[u8]>, Place>,
    any: Option<Place>,
    /// Columns, by names in any case.
    columns: Vec<(Column, Place)>,
    /// Where every path from here on is, too.
    deep: Option<Place>,
    mask: Option<Number>,
}

/// A place in the tree.
pub(super) type Place = u32;
/// The places that a path may stand at.
pub(super) type Places = SmallVec<[Place; 4]>;

const ROOT: Place = 0;

impl Default for Selectors {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
            anywhere: HashMap::new(),
            columns: Columns::default(),
        }
    }
}

impl Selectors {
    pub(super) fn add(&mut self, text: &str, number: Number) -> Result<(), SelectorError> {
        let error = || SelectorError {
            selector: text.to_owned(),
        };
        if let Some(name) = text.strip_prefix("**.") {
            if !is_name(name) || name == "*" {
                return Err(error());
            }
            let name = name.to_ascii_lowercase().into_bytes().into_boxed_slice();
            self.anywhere.entry(name).or_insert(number);
            return Ok(());
        }
        let mut rest = text.strip_prefix('$').ok_or_else(error)?;
        while let Some(after) = rest.strip_prefix("[*]") {
            rest = after;
        }
        let mut at = ROOT;
        for step in rest.strip_prefix('.').ok_or_else(error)?.split('.') {
            let mut name = step;
            while let Some(list) = name.strip_suffix("[*]") {
                name = list;
            }
            if !is_name(name) {
                return Err(error());
            }
            at = self.child(at, name);
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.mask.get_or_insert(number);
        }
        Ok(())
    }

    /// Names the members that are called as a column, wherever they are.
    pub(super) fn add_column(&mut self, column: &str, number: Number) -> Result<(), SelectorError> {
        self.columns.add(column, number)
    }

    fn child(&mut self, at: Place, name: &str) -> Place {
        if name == "*" {
            self.any(at)
        } else {
            self.named(at, name.as_bytes())
        }
    }

    fn any(&mut self, at: Place) -> Place {
        if let Some(any) = self.nodes.get(at as usize).and_then(|node| node.any) {
            return any;
        }
        let new = self.fresh();
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.any = Some(new);
        }
        new
    }

    fn named(&mut self, at: Place, name: &[u8]) -> Place {
        if let Some(child) = self
            .nodes
            .get(at as usize)
            .and_then(|node| node.children.get(name))
        {
            return *child;
        }
        let new = self.fresh();
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.children.insert(name.into(), new);
        }
        new
    }

    fn fresh(&mut self) -> Place {
        self.nodes.push(Node::default());
        (self.nodes.len() - 1) as Place
    }

    /// Where a document begins.
    pub(super) fn root(&self) -> Places {
        let mut places = Places::new();
        if self.nodes.len() > 1 {
            places.push(ROOT);
        }
        places
    }

    /// One step on, to a member of that name: its places are appended to `to`; which mask is on it, of the one declared first.
    pub(super) fn step(&self, from: &[Place], name: &[u8], to: &mut Vec<Place>) -> Option<Number> {
        let mut mask = first(self.anywhere(name), self.columns.find(name));
        for place in from {
            let Some(node) = self.nodes.get(*place as usize) else {
                continue;
            };
            let deep = node.deep.filter(|deep| deep != place);
            let below = deep.and_then(|deep| self.nodes.get(deep as usize));
            to.extend(node.deep);
            for node in std::iter::once(node).chain(below) {
                let columns = node.columns.iter().filter(|(column, _)| column.matches(name));
                let columns = columns.map(|(_, child)| child);
                for child in node
                    .children
                    .get(name)
                    .into_iter()
                    .chain(&node.any)
                    .chain(columns)
                {
                    to.push(*child);
                    let of_child = self.nodes.get(*child as usize).and_then(|node| node.mask);
                    mask = first(mask, of_child);
                }
            }
        }
        mask
    }

    fn anywhere(&self, name: &[u8]) -> Option<Number> {
        if self.anywhere.is_empty() {
            return None;
        }
        let lower: SmallVec<[u8; 64]> = name.iter().map(u8::to_ascii_lowercase).collect();
        self.anywhere.get(lower.as_slice()).copied()
    }
}

/// Of two masks the one declared first.
pub(super) fn first(a: Option<Number>, b: Option<Number>) -> Option<Number> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['[', ']', '.', '$']) && !name.contains("**") && name.trim() == name
}

/// Not a selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{selector}` is not a JSON path; expected `$.name.name`, `$.list[*].name`, `$.name.*` or `**.name`")]
pub struct SelectorError {
    selector: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask_of(selectors: &[&str], path: &[&str]) -> Option<Number> {
        let mut tree = Selectors::default();
        for (number, text) in selectors.iter().enumerate() {
            tree.add(text, number).unwrap();
        }
        mask_in(&tree, path)
    }

    pub(super) fn mask_in(tree: &Selectors, path: &[&str]) -> Option<Number> {
        let mut at = tree.root().to_vec();
        let mut mask = None;
        for name in path {
            let mut next = Vec::new();
            mask = tree.step(&at, name.as_bytes(), &mut next);
            at = next;
        }
        mask
    }

    #[test]
    fn paths_and_names() {
        let selectors = [
            "$.patient.ssn",
            "**.Email",
            "$.data.*",
            "$[*].rows[*].ssn.*",
            "$.patient.*",
        ];
        for (path, want) in [
            (&["patient", "ssn"][..], Some(0)),
            (&["patient", "SSN"], Some(4)),
            (&["patient"], None),
            (&["ssn"], None),
            (&["a", "b", "eMail"], Some(1)),
            (&["data", "email"], Some(1)),
            (&["data", "x"], Some(2)),
            (&["data"], None),
            (&["rows", "ssn"], None),
            (&["rows", "ssn", "S"], Some(3)),
        ] {
            assert_eq!(mask_of(&selectors, path), want, "{path:?}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "", "$", "$x", "$.", "$.a..b", "**", "**.", "**ssn", "**.a.b", "**.*", "$.a[0].b", "$.a.**",
            "ssn", "$. a", "$[*]",
        ] {
            assert!(Selectors::default().add(text, 0).is_err(), "{text}");
        }
    }
}
