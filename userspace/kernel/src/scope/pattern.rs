//! Globs over cgroup paths.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use super::{Workload, absolute, depth};
use crate::{KernelError, stable_id};

/// The patterns of all workloads, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns {
    list: Vec<Pattern>,
    /// The workloads' numbers, in order.
    numbers: Vec<u32>,
    names: HashMap<u32, Arc<str>>,
}

#[derive(Clone, Debug)]
struct Pattern {
    /// The workload's position.
    workload: usize,
    glob: GlobMatcher,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    /// Anywhere, by the last component.
    Anywhere,
    /// Below this literal path, down to this depth if the glob has a fixed one.
    Below { literal: PathBuf, depth: Option<usize> },
}

/// Compiles the patterns.
pub(crate) fn compile(workloads: &[Workload]) -> Result<Patterns, KernelError> {
    let mut compiled = Patterns::default();
    for (position, workload) in workloads.iter().enumerate() {
        let name: Arc<str> = workload.name.as_str().into();
        let number = stable_id(&name);
        if let Some(other) = compiled.names.insert(number, Arc::clone(&name))
            && other != name
        {
            return Err(KernelError::WorkloadClash(
                other.to_string(),
                workload.name.clone(),
            ));
        }
        compiled.numbers.push(number);
        let fault = |pattern: &str, source| KernelError::Pattern {
            workload: workload.name.clone(),
            pattern: pattern.to_owned(),
            source: Box::new(source),
        };
        for text in &workload.paths {
            let pattern = Pattern::path(position, text).map_err(|error| fault(text, error))?;
            compiled.list.push(pattern);
        }
        for text in &workload.units {
            let pattern = Pattern::unit(position, text).map_err(|error| fault(text, error))?;
            compiled.list.push(pattern);
        }
    }
    Ok(compiled)
}

impl Patterns {
    /// The position of the workload whose pattern this cgroup (not one above it) matches.
    pub(crate) fn position(&self, cgroup: &Path) -> Option<usize> {
        self.list
            .iter()
            .find(|pattern| pattern.matches(cgroup))
            .map(|pattern| pattern.workload)
    }

    /// The number of the workload at a position.
    pub(crate) fn number(&self, position: usize) -> Option<u32> {
        self.numbers.get(position).copied()
    }

    /// The name of the workload whose pattern this cgroup matches.
    pub(crate) fn workload(&self, cgroup: &Path) -> Option<Arc<str>> {
        self.name(self.number(self.position(cgroup)?)?)
    }

    /// Whether a cgroup below this one could match by itself.
    pub(crate) fn may_match_below(&self, cgroup: &Path) -> bool {
        self.list.iter().any(|pattern| match &pattern.place {
            Place::Anywhere => true,
            Place::Below {
                literal,
                depth: deepest,
            } => {
                let on_the_way = literal.starts_with(cgroup) && literal != cgroup;
                let inside =
                    cgroup.starts_with(literal) && deepest.is_none_or(|deepest| depth(cgroup) < deepest);
                on_the_way || inside
            }
        })
    }

    /// The literal beginnings of paths, which must exist.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &Path> {
        self.list.iter().filter_map(|pattern| match &pattern.place {
            Place::Below { literal, .. } => Some(literal.as_path()),
            Place::Anywhere => None,
        })
    }

    /// A workload's name by its number.
    pub(crate) fn name(&self, number: u32) -> Option<Arc<str>> {
        self.names.get(&number).cloned()
    }
}

impl Pattern {
    fn path(workload: usize, text: &str) -> Result<Self, globset::Error> {
        let text = text.trim_end_matches('/');
        let text = text.strip_suffix("/**").unwrap_or(text);
        let text = absolute(Path::new(text.trim_start_matches('/')));
        let glob = glob(&text.to_string_lossy())?;
        let parts: Vec<_> = text.components().collect();
        let literal: PathBuf = parts
            .iter()
            .take_while(|part| !has_wildcard(&part.as_os_str().to_string_lossy()))
            .collect();
        let open = parts.iter().any(|part| part.as_os_str() == "**");
        let depth = (!open).then(|| depth(&text));
        Ok(Self {
            workload,
            glob,
            place: Place::Below { literal, depth },
        })
    }

    fn unit(workload: usize, text: &str) -> Result<Self, globset::Error> {
        Ok(Self {
            workload,
            glob: glob(text)?,
            place: Place::Anywhere,
        })
    }

    fn matches(&self, cgroup: &Path) -> bool {
        match &self.place {
            Place::Below { .. } => self.glob.is_match(cgroup),
            Place::Anywhere => cgroup.file_name().is_some_and(|name| self.glob.is_match(name)),
        }
    }
}

fn glob(text: &str) -> Result<GlobMatcher, globset::Error> {
    // systemd escapes characters of unit names as `\x2d`: a backslash is itself.
    let glob = GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(false)
        .build()?;
    Ok(glob.compile_matcher())
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

#[cfg(test)]
mod tests;
