//! From a process to those that it comes from.

use crate::process::ProcessDirectory;
use crate::stat::Stat;
use crate::{Lineage, Origin};

/// Parents, nearest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ancestry {
    /// Their executables, or `[name]` where the file is not known.
    pub(super) names: Vec<String>,
    /// Somebody may be missing: a parent ended and nothing was noted of it.
    pub(super) partial: bool,
}

/// One step on the way up.
struct Step {
    pid: u32,
    start_ticks: u64,
    /// The parent that `/proc` tells, which is another one than it was if that has ended; `None`: the process has ended.
    parent: Option<u32>,
}

/// The first `most` parents of a living process.
pub(super) fn of(pid: u32, stat: Stat, most: usize, lineage: Option<&dyn Lineage>) -> Ancestry {
    let mut ancestry = Ancestry::default();
    let mut at = Step {
        pid,
        start_ticks: stat.start_ticks,
        parent: Some(stat.parent),
    };
    while ancestry.names.len() < most {
        let noted = lineage.and_then(|lineage| lineage.origin(at.pid, at.start_ticks));
        let found = match (noted.map(|origin| origin.parent), at.parent) {
            (Some(None), _) => break,
            (Some(Some((pid, start))), _) => noted_parent(pid, start, lineage),
            (None, Some(parent)) => {
                // Those whose parent ended are given to the first process. Without a note one can't tell them from its own. Further
                // up nothing is expected to be noted: who starts workloads is in no scope.
                ancestry.partial |= lineage.is_some() && ancestry.names.is_empty() && parent == 1;
                living_parent(parent, at.start_ticks)
            }
            (None, None) => None,
        };
        let Some((name, next)) = found else {
            ancestry.partial |= lineage.is_some() && at.parent != Some(0);
            break;
        };
        ancestry.names.push(name);
        at = next;
        if at.parent == Some(0) {
            break;
        }
    }
    ancestry
}

/// A parent that was noted, by what it is now or by what was noted of itself.
fn noted_parent(pid: u32, start_ticks: u64, lineage: Option<&dyn Lineage>) -> Option<(String, Step)> {
    let living = ProcessDirectory::open(pid).ok().and_then(|directory| {
        let stat = directory.stat().ok()?;
        (stat.start_ticks == start_ticks).then_some((directory, stat))
    });
    let step = Step {
        pid,
        start_ticks,
        parent: living.as_ref().map(|(_, stat)| stat.parent),
    };
    let path = living
        .as_ref()
        .and_then(|(directory, _)| directory.executable_path().ok());
    if let Some((path, _)) = path {
        return Some((path, step));
    }
    let name = match lineage.and_then(|lineage| executed(lineage, pid, start_ticks)) {
        Some(name) => name,
        None => format!("[{}]", living?.0.comm().ok()?),
    };
    Some((name, step))
}

/// What a process that has ended ran: its own file, or that of whoever forked it last.
fn executed(lineage: &dyn Lineage, pid: u32, start_ticks: u64) -> Option<String> {
    let first = lineage.origin(pid, start_ticks)?;
    let Origin { comm, .. } = &first;
    let fallback = format!("[{comm}]");
    let mut at = first;
    // A chain of forks without an execve is short.
    for _ in 0..4 {
        if let Some(path) = at.executable {
            return Some(path);
        }
        let Some(next) = at.parent.and_then(|(pid, start)| lineage.origin(pid, start)) else {
            break;
        };
        at = next;
    }
    Some(fallback)
}

/// A parent that `/proc` tells. One that started after its child is another process with the same number.
fn living_parent(pid: u32, child_start: u64) -> Option<(String, Step)> {
    let directory = ProcessDirectory::open(pid).ok()?;
    let stat = directory.stat().ok()?;
    if stat.start_ticks > child_start {
        return None;
    }
    let name = match directory.executable_path() {
        Ok((path, _)) => path,
        Err(_) => format!("[{}]", directory.comm().ok()?),
    };
    let step = Step {
        pid,
        start_ticks: stat.start_ticks,
        parent: Some(stat.parent),
    };
    Some((name, step))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Debug, Default)]
    struct Noted(HashMap<(u32, u64), Origin>);

    impl Noted {
        fn with(mut self, of: (u32, u64), parent: Option<(u32, u64)>, executable: Option<&str>) -> Self {
            let origin = Origin {
                parent,
                executable: executable.map(str::to_owned),
                comm: "name".to_owned(),
            };
            self.0.insert(of, origin);
            self
        }
    }

    impl Lineage for Noted {
        fn origin(&self, pid: u32, start_ticks: u64) -> Option<Origin> {
            self.0.get(&(pid, start_ticks)).cloned()
        }
    }

    /// Numbers that no living process has.
    const CHILD: (u32, u64) = (u32::MAX, 70);
    const SHELL: (u32, u64) = (u32::MAX - 1, 60);
    const FORK: (u32, u64) = (u32::MAX - 2, 50);

    fn walk(noted: Option<&Noted>, parent: u32) -> Ancestry {
        let stat = Stat {
            parent,
            start_ticks: CHILD.1,
        };
        of(CHILD.0, stat, 8, noted.map(|noted| noted as &dyn Lineage))
    }

    fn own() -> ((u32, u64), String) {
        let pid = std::process::id();
        let start = ProcessDirectory::open(pid).unwrap().stat().unwrap().start_ticks;
        let path = std::env::current_exe().unwrap();
        ((pid, start), path.to_str().unwrap().to_owned())
    }

    #[test]
    fn parents_that_ended_are_told_as_they_were_noted() {
        let (own, path) = own();
        let noted = Noted::default()
            .with(CHILD, Some(SHELL), Some("/usr/bin/psql"))
            .with(SHELL, Some(FORK), Some("/bin/sh"))
            .with(FORK, Some(own), None)
            .with(own, None, None);
        // By now the child's parent is the first process.
        let found = walk(Some(&noted), 1);
        assert_eq!(found.names, ["/bin/sh", "[name]", &*path]);
        assert!(!found.partial);
        // Without notes one sees only who took it over, and can't know.
        let found = walk(None, 1);
        assert_eq!((found.names.len(), found.partial), (1, false));
        assert!(walk(Some(&Noted::default()), 1).partial);
    }

    #[test]
    fn a_missing_link_is_told() {
        let noted = Noted::default().with(CHILD, Some(SHELL), None);
        let found = walk(Some(&noted), 1);
        assert_eq!(
            found,
            Ancestry {
                names: Vec::new(),
                partial: true
            }
        );
        let noted = noted.with(SHELL, Some(FORK), Some("/bin/sh"));
        let found = walk(Some(&noted), 1);
        assert_eq!((found.names, found.partial), (vec!["/bin/sh".to_owned()], true));
    }

    #[test]
    fn a_number_that_is_used_again_is_not_the_parent() {
        let ((pid, start), path) = own();
        let noted = Noted::default().with(CHILD, Some((pid, start - 1)), None);
        assert_eq!(
            walk(Some(&noted), pid),
            Ancestry {
                names: Vec::new(),
                partial: true
            }
        );
        let noted = Noted::default()
            .with(CHILD, Some((pid, start)), None)
            .with((pid, start), None, None);
        assert_eq!(
            walk(Some(&noted), pid),
            Ancestry {
                names: vec![path],
                partial: false
            }
        );
    }
}
