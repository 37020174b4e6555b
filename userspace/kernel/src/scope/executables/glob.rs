//! Globs over paths of files, part by part.

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path};

use globset::{GlobBuilder, GlobMatcher};

use crate::scope::Workload;
use crate::{KernelError, stable_id};

/// A pattern: `/opt/agent/bin/*`, `/usr/bin/psql`, `-/opt/later/agent`.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// The workload's number.
    pub(super) workload: u32,
    name: String,
    pub(super) text: String,
    pub(super) parts: Vec<Part>,
    /// Whether the file must be there at first.
    must_exist: bool,
}

/// A part of a path.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Literal(OsString),
    Glob(GlobMatcher),
    /// `**`: any directories, or none.
    Any,
}

impl Part {
    pub(super) fn matches(&self, name: &OsStr) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Glob(glob) => glob.is_match(name),
            Self::Any => true,
        }
    }
}

impl Pattern {
    pub(super) fn compile(workload: &Workload, text: &str) -> Result<Self, KernelError> {
        let (optional, path) = match text.strip_prefix('-') {
            Some(path) => (true, path),
            None => (false, text),
        };
        let mut pattern = Self {
            workload: stable_id(&workload.name),
            name: workload.name.clone(),
            text: text.to_owned(),
            parts: Vec::new(),
            must_exist: !optional,
        };
        if !path.starts_with('/') {
            return Err(pattern.fault("is not an absolute path"));
        }
        for component in Path::new(path).components() {
            let part = match component {
                Component::RootDir | Component::CurDir => continue,
                Component::Normal(part) => part.to_string_lossy(),
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(pattern.fault("may not contain `..`"));
                }
            };
            let part = if part == "**" {
                Part::Any
            } else if part.contains(['*', '?', '[', '{']) {
                let glob = GlobBuilder::new(&part).backslash_escape(false).build();
                Part::Glob(
                    glob.map_err(|error| pattern.fault(&format!("is no pattern: {}", error.kind())))?
                        .compile_matcher(),
                )
            } else {
                Part::Literal(part.into_owned().into())
            };
            pattern.must_exist &= matches!(part, Part::Literal(_));
            pattern.parts.push(part);
        }
        match pattern.parts.last() {
            Some(Part::Literal(_) | Part::Glob(_)) => Ok(pattern),
            // `/opt/agent/**` means every file below.
            Some(Part::Any) => {
                let all = GlobBuilder::new("*").build();
                let all = all.map_err(|error| pattern.fault(&error.to_string()))?;
                pattern.parts.push(Part::Glob(all.compile_matcher()));
                Ok(pattern)
            }
            None => Err(pattern.fault("names no file")),
        }
    }

    /// What it means that no file matches.
    pub(super) fn missing(&self) -> Result<(), KernelError> {
        if self.must_exist {
            return Err(self.fault("is not there (a `-` before the path makes that no error)"));
        }
        tracing::info!(
            workload = self.name,
            pattern = self.text,
            "no executable matches yet"
        );
        Ok(())
    }

    pub(super) fn fault(&self, reason: &str) -> KernelError {
        KernelError::Executable {
            workload: self.name.clone(),
            pattern: self.text.clone(),
            reason: reason.to_owned(),
        }
    }
}
