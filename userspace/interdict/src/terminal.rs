//! Keys of a terminal, one by one.

use std::fs::File;
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The terminal as it was, which it becomes again.
struct Raw(Termios);

impl Raw {
    /// Keys come one by one and are not shown.
    fn enter() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        // An interrupt is a key as well: it must not leave the terminal like this.
        raw.local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
        if let Some(least) = raw.control_chars.get_mut(SpecialCharacterIndices::VMIN as usize) {
            *least = 0;
        }
        tcsetattr(io::stdin(), SetArg::TCSANOW, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
    }
}

/// A line that is typed without being shown, after a prompt.
pub(crate) fn unseen(prompt: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let before = tcgetattr(io::stdin())?;
    let mut silent = before.clone();
    // An interrupt would leave the terminal like this: it is a character of the line, and found there.
    silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
    io::stderr().write_all(prompt.as_bytes())?;
    tcsetattr(io::stdin(), SetArg::TCSANOW, &silent)?;
    let silent = Raw(before);
    let mut line = Zeroizing::new(Vec::new());
    let read = io::stdin().lock().read_until(b'\n', &mut line);
    drop(silent);
    io::stderr().write_all(b"\n")?;
    read?;
    if line.contains(&0x03) {
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(line)
}

/// What is pressed within a time. `None`: nothing; nothing in it: the terminal is gone.
pub(crate) fn key(within: Duration) -> anyhow::Result<Option<Vec<u8>>> {
    let _raw = Raw::enter()?;
    let stdin = io::stdin();
    let timeout = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
    let ready = poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], timeout)?;
    if ready == 0 {
        return Ok(None);
    }
    let mut bytes = [0; 8];
    // Past the buffer that lines are read with.
    let read = File::from(stdin.as_fd().try_clone_to_owned()?).read(&mut bytes)?;
    Ok(Some(bytes.get(..read).unwrap_or_default().to_vec()))
}
