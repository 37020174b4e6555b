//! Where stores are looked for: on this host, in an image's tree, in the mount namespaces of processes.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use globset::{GlobBuilder, GlobMatcher};

use super::environment::Environment;
use super::root::Root;
use crate::settings::{Match, Workload};

/// A tree of files with stores in it.
#[derive(Debug)]
pub(super) struct Place {
    /// For people; empty for this host.
    pub(super) name: String,
    pub(super) root: Root,
    pub(super) environment: Environment,
    /// Whether the environment is all that programs there are started with.
    pub(super) is_environment_whole: bool,
    /// As in `/proc/PID/mountinfo`.
    pub(super) mounts: String,
    is_host: bool,
}

impl Place {
    pub(super) fn host() -> anyhow::Result<Self> {
        let root = Root::open(Path::new("/")).context("/")?;
        let own = fs::read("/proc/self/environ").unwrap_or_default();
        Ok(Self {
            environment: of_file(&root).or(Environment::of_process(&own)),
            is_environment_whole: false,
            name: String::new(),
            root,
            mounts: fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(),
            is_host: true,
        })
    }

    /// An image's tree, or that of another system.
    pub(super) fn tree(path: &Path) -> anyhow::Result<Self> {
        let root = Root::open(path).with_context(|| path.display().to_string())?;
        Ok(Self {
            name: path.display().to_string(),
            environment: of_file(&root),
            is_environment_whole: false,
            root,
            mounts: String::new(),
            is_host: false,
        })
    }

    /// What a process has for its root.
    pub(super) fn process(pid: u32) -> anyhow::Result<Self> {
        let of = |name: &str| format!("/proc/{pid}/{name}");
        let root = Root::open(Path::new(&of("root")))
            .with_context(|| format!("the files of process {pid} (it must run, and this must be root)"))?;
        let environ = fs::read(of("environ")).with_context(|| format!("the environment of process {pid}"))?;
        Ok(Self {
            name: format!("process {pid}"),
            environment: Environment::of_process(&environ),
            is_environment_whole: true,
            root,
            mounts: fs::read_to_string(of("mountinfo")).unwrap_or_default(),
            is_host: false,
        })
    }

    /// One for every tree of files that processes of a workload have, the host's among them.
    pub(super) fn workload(workload: &Workload) -> anyhow::Result<Vec<Self>> {
        let own = tree_of("self").context("this process's own files")?;
        let mut trees: BTreeMap<(u64, u64, u64), u32> = BTreeMap::new();
        for pid in members(workload)? {
            // It may have ended meanwhile.
            if let Ok(tree) = tree_of(&pid.to_string()) {
                trees.entry(tree).or_insert(pid);
            }
        }
        if trees.is_empty() {
            bail!(
                "no process of the workload {} runs now: start it, or name its image's files with `--root DIR`",
                workload.name
            );
        }
        trees
            .into_iter()
            .map(|(tree, pid)| {
                if tree == own {
                    return Self::host();
                }
                let place = Self::process(pid)?;
                Ok(Self {
                    name: format!("{}, process {pid}", workload.name),
                    ..place
                })
            })
            .collect()
    }

    /// Whether the system's own tools may be run for it.
    pub(super) fn is_host(&self) -> bool {
        self.is_host
    }
}

fn of_file(root: &Root) -> Environment {
    let text = root.read(Path::new("/etc/environment"));
    Environment::of_file(&text.unwrap_or_default())
}

/// What tells one tree of files from another: the mount namespace, and the root in it.
fn tree_of(process: &str) -> io::Result<(u64, u64, u64)> {
    let namespace = fs::metadata(format!("/proc/{process}/ns/mnt"))?;
    let root = fs::metadata(format!("/proc/{process}/root/"))?;
    Ok((namespace.ino(), root.dev(), root.ino()))
}

/// Processes that match. Containers and pods are known by name to their runtimes alone.
fn members(workload: &Workload) -> anyhow::Result<Vec<u32>> {
    let mut tests = Vec::new();
    for one in &workload.matches {
        tests.push(match one {
            Match::Cgroup(pattern) => Test::Cgroup(glob(pattern)?),
            Match::Unit(pattern) => Test::Unit(glob(pattern)?),
            Match::User(user) => Test::User(*user),
            Match::Executable(pattern) => Test::Executable(glob(pattern.trim_start_matches('-'))?),
            Match::Container(_) | Match::Pod { .. } => bail!(
                "the workload {} is one of containers or pods, whose names only their runtime knows: name a process of it \
                 with `--pid PID`",
                workload.name
            ),
        });
    }
    let mut members = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        if tests.iter().any(|test| test.holds(pid)) {
            members.push(pid);
        }
    }
    Ok(members)
}

fn glob(pattern: &str) -> anyhow::Result<GlobMatcher> {
    Ok(GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()?
        .compile_matcher())
}

enum Test {
    Cgroup(GlobMatcher),
    Unit(GlobMatcher),
    User(u32),
    Executable(GlobMatcher),
}

impl Test {
    fn holds(&self, pid: u32) -> bool {
        let cgroup = || {
            let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            text.lines()
                .find_map(|line| line.strip_prefix("0::"))
                .unwrap_or_default()
                .to_owned()
        };
        match self {
            // A workload's cgroup holds everything below it.
            Self::Cgroup(pattern) => Path::new(&cgroup())
                .ancestors()
                .any(|path| pattern.is_match(path)),
            Self::Unit(pattern) => cgroup().split('/').any(|part| pattern.is_match(part)),
            Self::User(user) => fs::metadata(format!("/proc/{pid}")).is_ok_and(|about| about.uid() == *user),
            Self::Executable(pattern) => {
                fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| pattern.is_match(path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_a_workload_are_found_and_those_of_the_host_are_the_host() {
        let own = std::env::current_exe().unwrap();
        let workload = |matches| Workload {
            name: "agents".to_owned(),
            matches: vec![matches],
        };
        let by_executable = workload(Match::Executable(own.display().to_string()));
        assert!(members(&by_executable).unwrap().contains(&std::process::id()));
        let places = Place::workload(&by_executable).unwrap();
        assert!(places.len() == 1 && places[0].is_host());
        let by_user = workload(Match::User(nix::unistd::getuid().as_raw()));
        assert!(members(&by_user).unwrap().contains(&std::process::id()));
        let nobody = workload(Match::Executable("/no/such/program".to_owned()));
        assert!(
            Place::workload(&nobody)
                .unwrap_err()
                .to_string()
                .contains("no process")
        );
        let container = workload(Match::Container("agent-*".to_owned()));
        assert!(
            Place::workload(&container)
                .unwrap_err()
                .to_string()
                .contains("--pid")
        );
    }
}
