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
}

/// How many verdicts there are; see [`Verdict::ALL`].
pub const VERDICTS: u32 = 12;
/// Entries of the map `STATS`: every hook with every verdict.
pub const COUNTERS: usize = Hook::ALL.len() * VERDICTS as usize;

/// The index in `STATS` of a hook and verdict.
#[must_use]
#[inline(always)]
#[expect(clippy::inline_always, reason = "the verifier follows no calls here")]
pub const fn counter(hook: Hook, verdict: Verdict) -> u32 {
    hook as u32 * VERDICTS + verdict as u32
}

impl Hook {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Connect4,
        Self::Connect6,
        Self::Getpeername4,
        Self::Getpeername6,
        Self::SockOps,
        Self::SockRelease,
        Self::Bind4,
        Self::Bind6,
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
        }
    }

    /// The verdict of a number found in an event.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// Whether the caller got an error instead of a connection.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::NoListener | Self::NotTcp | Self::NotRecorded | Self::ListenerPort
        )
    }
}
