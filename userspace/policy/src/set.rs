//! A snapshot of all policy files.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use interdict_masking::{Detection, Keys};

use crate::compile::{KeySource, compile};
use crate::diagnostic::Diagnostic;
use crate::digest::digest;
use crate::effective::Effective;
use crate::policy::Policy;
use crate::request::Identity;

/// All policies in force, in the order in which they were named. It never changes: a reload makes another one.
pub struct PolicySet {
    digest: Arc<str>,
    policies: Vec<Arc<Policy>>,
    /// What was compiled together so far, by the positions of the policies that apply. As many as there are different
    /// answers to "which policies apply", which are few.
    effective: RwLock<HashMap<Vec<usize>, Effective>>,
}

/// A policy's file, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicySource<'a> {
    /// The policy's name.
    pub name: &'a str,
    /// The file as it was named.
    pub path: &'a Path,
    /// `sha256:` and 64 hexadecimal digits of the text.
    pub digest: &'a str,
    /// The file's text.
    pub text: &'a str,
}

impl PolicySet {
    /// Reads and compiles policy files: all of them or none.
    ///
    /// A mask that needs a key is refused, as there are none; see [`Self::load_with`].
    ///
    /// # Errors
    /// Everything that is wrong with any of the files.
    pub fn load(paths: &[PathBuf]) -> Result<Self, Vec<Diagnostic>> {
        Self::load_with(paths, KeySource::Keys(&Keys::new()))
    }

    /// [`Self::load`] with the keys that `token` and `shift-date` masks name.
    ///
    /// # Errors
    /// Everything that is wrong with any of the files.
    pub fn load_with(paths: &[PathBuf], keys: KeySource<'_>) -> Result<Self, Vec<Diagnostic>> {
        let mut policies: Vec<Policy> = Vec::new();
        let mut diagnostics = Vec::new();
        for path in paths {
            let compiled = std::fs::read_to_string(path)
                .map_err(|error| {
                    let message = format!("cannot be read: {error}");
                    vec![Diagnostic {
                        path: path.clone(),
                        line: 0,
                        column: 0,
                        message,
                    }]
                })
                .and_then(|text| compile(path, &text, keys));
            match compiled {
                Err(found) => diagnostics.extend(found),
                Ok(policy) => match policies.iter().find(|other| other.name == policy.name) {
                    Some(other) => diagnostics.push(Diagnostic {
                        path: path.clone(),
                        line: policy.place.line,
                        column: policy.place.column,
                        message: format!(
                            "{} has a policy named `{}` already",
                            other.path.display(),
                            policy.name
                        ),
                    }),
                    None => policies.push(policy),
                },
            }
        }
        let detectors: Vec<_> = policies
            .iter()
            .flat_map(|policy| policy.detectors.iter().cloned())
            .collect();
        if let Err(error) = Detection::new(&detectors) {
            let path = paths.first().cloned().unwrap_or_default();
            let message = format!("the detectors of all policies together: {error}");
            diagnostics.push(Diagnostic {
                path,
                line: 0,
                column: 0,
                message,
            });
        }
        if diagnostics.is_empty() {
            Ok(Self::new(policies))
        } else {
            Err(diagnostics)
        }
    }

    /// No policy: everything passes as it is.
    pub fn empty() -> Self {
        Self::new(Vec::new())
    }

    pub(crate) fn new(policies: Vec<Policy>) -> Self {
        let lines: Vec<String> = policies
            .iter()
            .map(|policy| format!("{} {}", policy.digest, policy.name))
            .collect();
        Self {
            digest: digest(&lines.join("\n")).into(),
            policies: policies.into_iter().map(Arc::new).collect(),
            effective: RwLock::default(),
        }
    }

    /// `sha256:` and 64 hexadecimal digits over the files' digests and the policies' names, in order. Where the files are
    /// does not matter.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The files, in order.
    pub fn sources(&self) -> impl Iterator<Item = PolicySource<'_>> {
        self.policies.iter().map(|policy| PolicySource {
            name: &policy.name,
            path: &policy.path,
            digest: &policy.digest,
            text: &policy.text,
        })
    }

    /// The policies that apply to a session, compiled together. The same answer is given for the same policies, so that
    /// [`Effective::same`] holds across sessions.
    pub fn effective(&self, service: &str, identity: &Identity) -> Effective {
        let apply: Vec<usize> = self
            .policies
            .iter()
            .enumerate()
            .filter(|(_, policy)| policy.applies.to(service, identity))
            .map(|(index, _)| index)
            .collect();
        let known = self
            .effective
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&apply)
            .cloned();
        known.unwrap_or_else(|| {
            let policies = apply.iter().filter_map(|index| self.policies.get(*index));
            let all: Vec<_> = policies.cloned().collect();
            let enforced: Vec<_> = all.iter().filter(|policy| !policy.dry_run).cloned().collect();
            let tries = enforced.len() < all.len();
            let made = Effective::new(Arc::clone(&self.digest), enforced);
            let made = if tries {
                made.trying(Effective::new(Arc::clone(&self.digest), all))
            } else {
                made
            };
            let mut effective = self.effective.write().unwrap_or_else(PoisonError::into_inner);
            effective.entry(apply).or_insert(made).clone()
        })
    }

    pub(crate) fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }
}

impl fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.policies.iter().map(|policy| &*policy.name).collect();
        f.debug_struct("PolicySet")
            .field("digest", &self.digest)
            .field("policies", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
