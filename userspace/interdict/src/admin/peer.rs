//! Who is at the other end of the socket.

use std::collections::BTreeMap;
use std::fmt;

use nix::unistd::{getegid, geteuid};
use tokio::net::UnixStream;

/// A caller, as the kernel knew it when it connected (`SO_PEERCRED`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// `None`: in another PID namespace.
    pub(crate) pid: Option<u32>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The name of `uid` in /etc/passwd.
    pub(crate) name: Option<String>,
    /// Who logged in, before any `sudo` (the kernel's audit uid).
    pub(crate) login: Option<u32>,
}

impl Peer {
    /// # Errors
    /// The kernel doesn't tell.
    pub(super) fn of(stream: &UnixStream) -> std::io::Result<Self> {
        let told = stream.peer_cred()?;
        let pid = told
            .pid()
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|pid| *pid != 0);
        Ok(Self {
            pid,
            uid: told.uid(),
            gid: told.gid(),
            name: name(told.uid()),
            login: pid.and_then(login),
        })
    }

    /// This process: what it does without a daemon, it does as this.
    pub(crate) fn this() -> Self {
        let pid = std::process::id();
        let uid = geteuid().as_raw();
        Self {
            pid: Some(pid),
            uid,
            gid: getegid().as_raw(),
            name: name(uid),
            login: login(pid),
        }
    }

    /// Whether it may do more than read.
    pub(crate) fn may_act(&self) -> bool {
        self.uid == 0 || self.uid == geteuid().as_raw()
    }

    /// The audit's `actor`: `operator:NAME(UID)`.
    pub(crate) fn actor(&self) -> String {
        format!("operator:{self}")
    }

    /// For the `detail` of an audit event.
    pub(crate) fn detail(&self) -> BTreeMap<String, String> {
        let mut detail = BTreeMap::from([
            ("uid".to_owned(), self.uid.to_string()),
            ("gid".to_owned(), self.gid.to_string()),
        ]);
        if let Some(pid) = self.pid {
            detail.insert("pid".to_owned(), pid.to_string());
        }
        if let Some(login) = self.login {
            detail.insert("login_uid".to_owned(), login.to_string());
            detail.extend(name(login).map(|name| ("login".to_owned(), name)));
        }
        detail
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name.as_deref().unwrap_or("unknown"), self.uid)
    }
}

/// From the file itself: the name service may ask a directory server, and wait for it.
pub(crate) fn name(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// `None` where nobody logged in: services, cron.
fn login(pid: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/loginuid")).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}
