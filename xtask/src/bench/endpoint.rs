//! Something that clients connect to.

use super::process;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Postgres,
    Mysql,
    Https,
}

/// What stands at a port. The names of roles are what figures are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The server itself: what everything else is compared with.
    Direct,
    /// Looks at nothing: the floor of a hop through userspace.
    Copy,
    /// The same, and what clients say is on disk before it is passed on: the floor of a durable record.
    CopySync,
    Pgbouncer,
    Haproxy,
    Nginx,
    /// interdict without a policy, its record written at leisure (it can't be switched off).
    Off,
    /// With rules; the record is on disk before a statement is forwarded.
    Audit,
    /// The same with masks.
    Masks,
    /// The same as `Masks`, the record written at leisure.
    MasksBatch,
    /// The same as `Masks`, with every other text searched.
    Detectors,
    /// The same as `Audit`, logging in itself in its clients' place.
    Inject,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Copy => "copy",
            Self::CopySync => "copy, synced",
            Self::Pgbouncer => "pgbouncer",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Off => "interdict, no policy",
            Self::Audit => "interdict, rules",
            Self::Masks => "interdict, rules + masks",
            Self::MasksBatch => "interdict, rules + masks, batch",
            Self::Detectors => "interdict, rules + masks + detectors",
            Self::Inject => "interdict, rules, inject",
        }
    }

    /// Whether what it shows is to be masked.
    pub(super) const fn masks(self) -> bool {
        matches!(self, Self::Masks | Self::MasksBatch | Self::Detectors)
    }
}

/// A port, and the process whose CPU time a connection costs.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) role: Role,
    pub(super) family: Family,
    pub(super) port: u16,
    /// Of the server's, CPU time is not asked for: it is the same whatever stands before it.
    pub(super) process: u32,
}

impl Endpoint {
    /// CPU time that its process and its children have used up to now, in microseconds; none of the server itself.
    pub(super) fn cpu_us(&self) -> f64 {
        if self.role == Role::Direct {
            return 0.0;
        }
        process::cpu(self.process).as_secs_f64() * 1e6
    }
}
