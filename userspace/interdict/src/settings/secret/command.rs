//! What a command prints, within bounds.

use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use zeroize::Zeroizing;

/// How often to look whether a command that has closed its output has ended.
const LOOK: Duration = Duration::from_millis(5);

/// Runs a program with arguments and gives what it wrote to its standard output, `largest` bytes at most. What it writes to its
/// standard error goes to the daemon's. After `limit`, it is killed with all that it started in its process group.
///
/// When this succeeds no thread of it is left: the daemon gives up privileges before it has a second one.
pub(super) fn output(words: &[String], limit: Duration, largest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let deadline = Instant::now() + limit;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .process_group(0)
        .spawn()?;
    let outcome = collect(&mut child, deadline, limit, largest);
    if outcome.is_err() {
        // Both fail only where it has ended already.
        let _ = i32::try_from(child.id()).map(|group| killpg(Pid::from_raw(group), Signal::SIGKILL));
        let _ = child.wait();
    }
    outcome
}

fn collect(
    child: &mut Child,
    deadline: Instant,
    limit: Duration,
    largest: u64,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let late = || io::Error::other(format!("it did not end within {} s", limit.as_secs_f32()));
    let (reader, printed) = read(child, largest)?;
    let bytes = printed
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .map_err(|_| late())??;
    if bytes.len() as u64 > largest {
        return Err(io::Error::other(format!("it printed more than {largest} bytes")));
    }
    let status: ExitStatus = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() >= deadline => return Err(late()),
            None => thread::sleep(LOOK),
        }
    };
    // It has sent what it read and has nothing more to do.
    let _ = reader.join();
    if !status.success() {
        return Err(io::Error::other(format!("it ended with {status}")));
    }
    Ok(bytes)
}

type Printed = Receiver<io::Result<Zeroizing<Vec<u8>>>>;

/// Reads in a thread, as a pipe can't be read with a time limit.
fn read(child: &mut Child, largest: u64) -> io::Result<(JoinHandle<()>, Printed)> {
    let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, receiver) = mpsc::channel();
    let reader = thread::Builder::new().name("secret".to_owned()).spawn(move || {
        // Not grown while it is read, so that no part of a secret is left behind.
        let room = usize::try_from(largest).unwrap_or_default().saturating_add(32);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        let read = stdout
            .take(largest.saturating_add(1))
            .read_to_end(&mut bytes)
            .map(|_| bytes);
        let _ = sender.send(read);
    })?;
    Ok((reader, receiver))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str], limit: Duration) -> Result<Zeroizing<Vec<u8>>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        output(&words, limit, 10).map_err(|error| error.to_string())
    }

    #[test]
    fn no_shell_reads_the_words() {
        let long = Duration::from_secs(30);
        assert_eq!(run(&["printf", "%s", "a  $b"], long).unwrap()[..], *b"a  $b");
        assert_eq!(run(&["false"], long).unwrap_err(), "it ended with exit status: 1");
        assert_eq!(
            run(&["printf", "12345678901"], long).unwrap_err(),
            "it printed more than 10 bytes"
        );
        assert!(run(&["/nonexistent/program"], long).is_err());
    }

    /// Whether it keeps its output open, closes it and goes on, or leaves both to a process that it started.
    #[test]
    fn none_outlives_its_time() {
        let marker = "1048.5961";
        for script in [
            format!("exec sleep {marker}"),
            format!("exec >&-; exec sleep {marker}"),
            format!("sleep {marker} & exec sleep {marker}"),
        ] {
            let began = Instant::now();
            assert_eq!(
                run(&["sh", "-c", &script], Duration::from_millis(300)).unwrap_err(),
                "it did not end within 0.3 s",
                "{script}"
            );
            assert!(began.elapsed() < Duration::from_secs(20));
        }
        // Killed is not yet gone; a process that is and nobody waited for has no command line.
        let is_left = || {
            std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
                std::fs::read(entry.path().join("cmdline"))
                    .is_ok_and(|line| line.starts_with(b"sleep\0") && line.ends_with(b"1048.5961\0"))
            })
        };
        let began = Instant::now();
        while is_left() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "a sleep is still there"
            );
            thread::sleep(LOOK);
        }
    }
}
