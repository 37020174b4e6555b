//! What the kernel tells of a process: its time, its memory, its children; and on which core it may run.

use std::fs;
use std::process::{Command, id};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::ui;

/// The kernel's unit in /proc: USER_HZ is 100 on every Linux that interdict runs on.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process and its children.
pub(super) fn cpu(process: u32) -> Duration {
    let of = |id: &u32| ticks(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?);
    TICK * family(process).iter().filter_map(of).sum::<u32>()
}

/// User and system time, fields 14 and 15; the name before them may hold blanks and parentheses.
pub(super) fn ticks(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// Memory of a process and its children in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InMemory {
    /// Of their own program's file all that they have mapped, as though nobody else ran it: the bench runs it several times, a node
    /// does once.
    pub(super) program: u64,
    /// Everything else, in part where it is shared (PSS).
    pub(super) rest: u64,
}

pub(super) fn memory_kib(process: u32) -> InMemory {
    let (mut program, mut rest) = (0, 0);
    for id in family(process) {
        let exe = fs::read_link(format!("/proc/{id}/exe"));
        let maps = fs::read_to_string(format!("/proc/{id}/smaps"));
        if let (Ok(exe), Ok(maps)) = (exe, maps) {
            let (own, other) = memory_of(&maps, &exe.to_string_lossy());
            program = own.max(program);
            rest += other;
        }
    }
    InMemory { program, rest }
}

/// KiB of the mappings of a file, all that is in memory of them, and of everything else, in part where it is shared.
fn memory_of(maps: &str, program: &str) -> (u64, u64) {
    let kib = |said: &str| said.trim().strip_suffix("kB")?.trim().parse::<u64>().ok();
    let (mut own, mut other, mut is_own) = (0, 0, false);
    for line in maps.lines() {
        match line.split_once(':') {
            Some(("Rss", said)) if is_own => own += kib(said).unwrap_or_default(),
            Some(("Pss", said)) if !is_own => other += kib(said).unwrap_or_default(),
            // `7f00-7f10 r-xp 0 fe:00 7 /usr/bin/x`: the device has a colon too.
            _ if line.split('-').next().is_some_and(is_hexadecimal) => is_own = line.ends_with(program),
            _ => {}
        }
    }
    (own, other)
}

fn is_hexadecimal(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A process, its children, theirs.
fn family(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    let mut next = 0;
    while let Some(parent) = all.get(next) {
        let tasks = fs::read_dir(format!("/proc/{parent}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
        }
        next += 1;
    }
    all
}

/// Processes that run on one core, and where they may run otherwise. What this program starts meanwhile runs there too.
pub(super) struct Pinned(Vec<(u32, String)>);

impl Pinned {
    /// Puts this program and these processes, children and threads included, on the first core that we may use.
    pub(super) fn new(processes: &[u32]) -> Result<Self> {
        let core = cores(id())?.split([',', '-']).next().unwrap_or("0").to_owned();
        let mut pinned = Self(Vec::new());
        let all = processes
            .iter()
            .flat_map(|process| family(*process))
            .chain([id()]);
        for process in all {
            // A connection's process may be gone by now.
            let Ok(before) = cores(process) else { continue };
            if set(process, &core).is_ok() {
                pinned.0.push((process, before));
            }
        }
        Ok(pinned)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        for (process, before) in &self.0 {
            // The same: some are gone.
            let _ = set(*process, before);
        }
    }
}

fn set(process: u32, cores: &str) -> Result<()> {
    ui::output(Command::new("taskset").args(["-a", "-c", "-p", cores, &process.to_string()])).map(drop)
}

/// As taskset writes them: `0-3,7`.
fn cores(process: u32) -> Result<String> {
    let said = ui::output(Command::new("taskset").args(["-c", "-p", &process.to_string()]))?;
    let (_, list) = said
        .rsplit_once(": ")
        .context("taskset's answer is not understood")?;
    Ok(list.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_name_with_blanks_does_not_shift_the_fields() {
        assert_eq!(ticks("7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0"), Some(42));
    }

    #[test]
    fn our_own_time_grows() {
        let (before, started) = (cpu(id()), Instant::now());
        while started.elapsed() < Duration::from_millis(80) {}
        assert!(cpu(id()) > before);
    }

    #[test]
    fn the_program_counts_wholly_and_the_rest_by_its_share() {
        let maps = "5500-5600 r-xp 00000000 fe:00 71 /opt/x/daemon\nSize: 900 kB\nRss: 400 kB\nPss: 90 kB\nPss_Dirty: 5 kB\n\
                    7f00-7f10 r-xp 00000000 fe:00 7 /lib/daemon.so\nRss: 300 kB\nPss: 30 kB\nVmFlags: rd ex\n\
                    7f20-7f30 rw-p 00000000 00:00 0\nRss: 8 kB\nPss: 8 kB\n";
        assert_eq!(memory_of(maps, "/opt/x/daemon"), (400, 38));
        let now = memory_kib(id());
        assert!(now.program > 100 && now.rest > 10, "{now:?}");
    }

    #[test]
    fn a_child_is_pinned_with_its_parent_and_both_are_let_go() -> Result<()> {
        // `;` keeps the shell from becoming what it runs.
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 20; true"])
            .stdin(Stdio::null())
            .spawn()?;
        let started = Instant::now();
        while family(shell.id()).len() < 2 && started.elapsed() < Duration::from_secs(5) {}
        let child = *family(shell.id()).last().context("no child")?;
        let before = (cores(id())?, cores(child)?);
        let pinned = Pinned::new(&[shell.id()])?;
        let (ours, childs) = (cores(id())?, cores(child)?);
        drop(pinned);
        let after = (cores(id())?, cores(child)?);
        ui::output(Command::new("kill").args([child.to_string(), shell.id().to_string()]))?;
        shell.wait()?;
        assert_eq!(
            (ours.as_str(), ours.contains([',', '-'])),
            (childs.as_str(), false)
        );
        assert_eq!(after, before);
        Ok(())
    }
}
