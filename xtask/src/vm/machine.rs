//! One virtual machine from power-on to power-off.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::serial::Transcript;
use crate::cleanup::Cleanup;

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's translator: several times slower, works everywhere.
    Tcg,
}

impl Accelerator {
    /// KVM where this processor can virtualise and this user may; whether it works shows when a guest boots.
    pub(super) fn likely() -> Self {
        let usable = File::options().read(true).write(true).open("/dev/kvm").is_ok();
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        if usable && virtualises(&processor) {
            Self::Kvm
        } else {
            Self::Tcg
        }
    }

    /// Emulated processors wait for each other's turns on the host's: two make a busy host slower than one. And QEMU 7.2
    /// spoils the flags at some `cmpxchg16b`, of which Linux 6.12 then dies while booting; without it Linux uses locks.
    const fn arguments(self) -> [&'static str; 6] {
        match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host", "-smp", "2"],
            Self::Tcg => ["-accel", "tcg", "-cpu", "max,-cx16", "-smp", "1"],
        }
    }
}

fn virtualises(processor: &str) -> bool {
    processor
        .lines()
        .filter(|line| line.starts_with("flags"))
        .flat_map(str::split_whitespace)
        .any(|flag| flag == "vmx" || flag == "svm")
}

/// What is booted, and how long that may take.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    pub(super) image: &'a Path,
    pub(super) initramfs: &'a Path,
    /// Where the kernel's own messages go.
    pub(super) console: &'a Path,
    pub(super) accelerator: Accelerator,
    pub(super) timeout: Duration,
    /// How long until the guest's program begins.
    pub(super) boot_timeout: Duration,
}

/// A machine that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) transcript: Transcript,
    pub(super) took: Duration,
    /// It was ended by us, after this long.
    pub(super) timed_out: bool,
}

impl Machine<'_> {
    /// Boots, listens until it is off or its time is over, and shows `progress` what was heard so far after each line.
    pub(super) fn run(&self, cleanup: &Cleanup, mut progress: impl FnMut(&Transcript)) -> Result<Ended> {
        let started = Instant::now();
        let mut child = self.command().spawn().context("QEMU can't be started")?;
        let output = child.stdout.take().context("QEMU's output")?;
        let child = Arc::new(Mutex::new(child));
        let stopped = Arc::clone(&child);
        cleanup.add("a virtual machine could not be ended", move || end(&stopped));

        let lines = lines(output)?;
        let mut transcript = Transcript::default();
        let timed_out = loop {
            let limit = if transcript.booted.is_some() {
                self.timeout
            } else {
                self.boot_timeout.min(self.timeout)
            };
            match lines.recv_timeout(limit.saturating_sub(started.elapsed())) {
                Ok(line) => {
                    transcript.hear(&line, started.elapsed());
                    progress(&transcript);
                }
                Err(RecvTimeoutError::Disconnected) => break false,
                Err(RecvTimeoutError::Timeout) => break true,
            }
        };
        // It has closed its output, and so is ending, or is out of time.
        end(&child)?;
        Ok(Ended {
            transcript,
            took: started.elapsed(),
            timed_out,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(self.accelerator.arguments())
            .args(["-m", "1024", "-nodefaults", "-no-user-config"])
            .args(["-display", "none", "-monitor", "none", "-nic", "none"])
            // A guest that restarts has failed.
            .arg("-no-reboot")
            .arg("-kernel")
            .arg(self.image)
            .arg("-initrd")
            .arg(self.initramfs)
            .args(["-append", "console=ttyS0 quiet panic=-1 rdinit=/init"])
            // The kernel's messages have a line of their own: they would come in the middle of verdicts.
            .args(["-serial", &format!("file:{}", self.console.display())])
            .args(["-serial", "stdio"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        command
    }
}

/// Ends it if it still runs.
fn end(child: &Mutex<Child>) -> Result<()> {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn lines(output: ChildStdout) -> Result<Receiver<String>> {
    let (sender, lines) = channel();
    thread::Builder::new().name("serial".into()).spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    })?;
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_needs_a_processor_that_virtualises() {
        assert!(virtualises("processor : 0\nflags\t\t: fpu vmx sse\n"));
        assert!(virtualises("flags\t\t: svm\n"));
        assert!(!virtualises("flags\t\t: fpu vmxx\nbugs\t: svm\n"));
    }
}
