//! A service that is a program of its own, stopped when dropped.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program, and where it listens.
pub(crate) struct Running {
    pub(crate) port: u16,
    child: Child,
}

impl Running {
    /// Starts it and waits until something answers on its port of loopback. What it says is not wanted.
    pub(crate) fn start(command: &mut Command, port: u16) -> Self {
        Self::attempt(command, port).unwrap_or_else(|| panic!("{command:?} does not come up"))
    }

    /// The same; `None` if it ends instead: somebody else may have taken its port.
    pub(crate) fn attempt(command: &mut Command, port: u16) -> Option<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut running = Self { port, child };
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if running.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(Instant::now() < deadline, "{command:?} does not come up");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
