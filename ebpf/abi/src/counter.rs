//! What the programs count.

/// An attachment point.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// `cgroup/connect4`.
    Connect4,
    /// `cgroup/connect6`.
    Connect6,
    /// `cgroup/getpeername4`.
    Getpeername4,
    /// `cgroup/getpeername6`.
    Getpeername6,
    /// `sockops`.
    SockOps,
    /// `cgroup/sock_release`.
    SockRelease,
    /// `cgroup/bind4`.
    Bind4,
    /// `cgroup/bind6`.
    Bind6,
    /// `cgroup/sock_create`.
    SockCreate,
    /// `cgroup/sendmsg4`.
    Sendmsg4,
    /// `cgroup/sendmsg6`.
    Sendmsg6,
    /// `cgroup_skb/egress`.
    Egress,
    /// `cgroup/connect_unix` (from 6.7).
    ConnectUnix,
    /// `cgroup/sendmsg_unix` (from 6.7).
    SendmsgUnix,
    /// Security module hook `socket_create`.
    LsmSocketCreate,
    /// Security module hook `unix_stream_connect`.
    LsmUnixConnect,
    /// Security module hook `unix_may_send`.
    LsmUnixSend,
    /// Security module hook `ptrace_access_check`.
    LsmPtrace,
    /// Security module hook `task_kill`.
    LsmKill,
    /// Security module hook `bpf`.
    LsmBpf,
    /// Security module hook `file_open`.
    LsmFileOpen,
    /// Security module hook `inode_unlink`.
    LsmUnlink,
    /// Security module hook `inode_rename`.
    LsmRename,
    /// Security module hook `sb_umount`.
    LsmUnmount,
    /// Security module hook `task_alloc`.
    LsmClone,
    /// Raw tracepoint `sched_process_fork`.
    ProcessFork,
    /// Raw tracepoint `sched_process_exec`.
    ProcessExec,
}

/// What a program decided or did.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Not a protected destination (connect), not ours to change (others).
    Untouched,
    /// A protected destination, but the caller is not in scope.
    OutOfScope,
    /// Would have been redirected or refused, were the mode not `observe`.
    Observed,
    /// Sent to the listener.
    Redirected,
    /// Refused: no listener in this network namespace.
    NoListener,
    /// Refused: not TCP.
    NotTcp,
    /// Refused: the flow could not be remembered.
    NotRecorded,
    /// Refused: binding to the listener's port.
    ListenerPort,
    /// getpeername showed the address that was asked for.
    Shown,
    /// The flow was filed under the connection's addresses for the daemon.
    Filed,
    /// The socket went away and its flow with it.
    Released,
    /// An event found no room in the ring buffer (the decision stood all the same).
    EventLost,
    /// Refused: the workload is in quarantine.
    Quarantined,
    /// Refused: the daemon is dead or hangs.
    NoHeartbeat,
    /// Left alone although the daemon is dead or hangs: the service is set to fail open.
    FailedOpen,
    /// Refused: whose task this is, is not known yet.
    Pending,
    /// Refused: a socket of a kind that could go around (raw, packet, SCTP, UDP-Lite, …).
    SocketKind,
    /// Told once: a scoped task makes sockets in a network namespace that has no listener.
    NewNamespace,
    /// A packet to a protected destination was dropped: it belongs to no connection of the proxy.
    Dropped,
    /// A packet of a connection from before enrolment that is left alone by the settings.
    Kept,
    /// Refused: a protected service's Unix socket.
    UnixSocket,
    /// Refused: a scoped task reached for the daemon, its programs, or its own scope.
    Attack,
}

/// How many hooks there are; see [`Hook::ALL`].
pub const HOOKS: u32 = 27;
/// How many verdicts there are; see [`Verdict::ALL`].
pub const VERDICTS: u32 = 22;
/// Entries of the map `STATS`: every hook with every verdict.
pub const COUNTERS: usize = (HOOKS * VERDICTS) as usize;

/// The index in `STATS` of a hook and verdict.
#[must_use]
#[inline(always)]
#[expect(clippy::inline_always, reason = "the verifier follows no calls here")]
pub const fn counter(hook: Hook, verdict: Verdict) -> u32 {
    hook as u32 * VERDICTS + verdict as u32
}

impl Hook {
    /// All, in the order of their numbers.
    pub const ALL: [Self; HOOKS as usize] = [
        Self::Connect4,
        Self::Connect6,
        Self::Getpeername4,
        Self::Getpeername6,
        Self::SockOps,
        Self::SockRelease,
        Self::Bind4,
        Self::Bind6,
        Self::SockCreate,
        Self::Sendmsg4,
        Self::Sendmsg6,
        Self::Egress,
        Self::ConnectUnix,
        Self::SendmsgUnix,
        Self::LsmSocketCreate,
        Self::LsmUnixConnect,
        Self::LsmUnixSend,
        Self::LsmPtrace,
        Self::LsmKill,
        Self::LsmBpf,
        Self::LsmFileOpen,
        Self::LsmUnlink,
        Self::LsmRename,
        Self::LsmUnmount,
        Self::LsmClone,
        Self::ProcessFork,
        Self::ProcessExec,
    ];

    /// The program's name in the object, which is also its link's file name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect4 => "connect4",
            Self::Connect6 => "connect6",
            Self::Getpeername4 => "getpeername4",
            Self::Getpeername6 => "getpeername6",
            Self::SockOps => "sock_ops",
            Self::SockRelease => "sock_release",
            Self::Bind4 => "bind4",
            Self::Bind6 => "bind6",
            Self::SockCreate => "sock_create",
            Self::Sendmsg4 => "sendmsg4",
            Self::Sendmsg6 => "sendmsg6",
            Self::Egress => "egress",
            Self::ConnectUnix => "connect_unix",
            Self::SendmsgUnix => "sendmsg_unix",
            Self::LsmSocketCreate => "lsm_socket_create",
            Self::LsmUnixConnect => "lsm_unix_connect",
            Self::LsmUnixSend => "lsm_unix_send",
            Self::LsmPtrace => "lsm_ptrace",
            Self::LsmKill => "lsm_kill",
            Self::LsmBpf => "lsm_bpf",
            Self::LsmFileOpen => "lsm_file_open",
            Self::LsmUnlink => "lsm_unlink",
            Self::LsmRename => "lsm_rename",
            Self::LsmUnmount => "lsm_unmount",
            Self::LsmClone => "lsm_clone",
            Self::ProcessFork => "process_fork",
            Self::ProcessExec => "process_exec",
        }
    }

    /// The hook of a number found in an event.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

impl Verdict {
    /// All, in the order of their numbers.
    pub const ALL: [Self; VERDICTS as usize] = [
        Self::Untouched,
        Self::OutOfScope,
        Self::Observed,
        Self::Redirected,
        Self::NoListener,
        Self::NotTcp,
        Self::NotRecorded,
        Self::ListenerPort,
        Self::Shown,
        Self::Filed,
        Self::Released,
        Self::EventLost,
        Self::Quarantined,
        Self::NoHeartbeat,
        Self::FailedOpen,
        Self::Pending,
        Self::SocketKind,
        Self::NewNamespace,
        Self::Dropped,
        Self::Kept,
        Self::UnixSocket,
        Self::Attack,
    ];

    /// The name in metrics and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::OutOfScope => "out_of_scope",
            Self::Observed => "observed",
            Self::Redirected => "redirected",
            Self::NoListener => "no_listener",
            Self::NotTcp => "not_tcp",
            Self::NotRecorded => "not_recorded",
            Self::ListenerPort => "listener_port",
            Self::Shown => "shown",
            Self::Filed => "filed",
            Self::Released => "released",
            Self::EventLost => "event_lost",
            Self::Quarantined => "quarantined",
            Self::NoHeartbeat => "no_heartbeat",
            Self::FailedOpen => "failed_open",
            Self::Pending => "pending",
            Self::SocketKind => "socket_kind",
            Self::NewNamespace => "new_namespace",
            Self::Dropped => "dropped",
            Self::Kept => "kept",
            Self::UnixSocket => "unix_socket",
            Self::Attack => "attack",
        }
    }

    /// The verdict of a number found in an event.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// Whether the caller got an error instead of what it asked for.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::NoListener
                | Self::NotTcp
                | Self::NotRecorded
                | Self::ListenerPort
                | Self::Quarantined
                | Self::NoHeartbeat
                | Self::Pending
                | Self::SocketKind
                | Self::Dropped
                | Self::UnixSocket
                | Self::Attack
        )
    }
}
