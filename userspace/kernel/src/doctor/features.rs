//! Trying out what the programs need.

use aya::maps::MapType;
use aya::programs::{LsmAttachType, ProgramType};
use serde::Serialize;

use super::Shortfall;
use crate::sys;

/// A feature, tried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Which.
    pub name: &'static str,
    /// Whether the kernel has it; `None` if that could not be found out.
    pub available: Option<bool>,
    /// What it is for.
    pub purpose: &'static str,
}

/// Tries every feature, and says what the missing ones mean.
pub(super) fn probe() -> (Vec<Probe>, Vec<Shortfall>) {
    let mut probes = Vec::new();
    let mut shortfalls = Vec::new();
    for feature in FEATURES {
        let Feature {
            name,
            purpose,
            try_out,
            consequence,
            remedy,
        } = feature;
        let available = try_out();
        if available == Some(false) {
            shortfalls.push(Shortfall::new(
                format!("the kernel has no {name}"),
                *consequence,
                *remedy,
            ));
        }
        probes.push(Probe {
            name,
            available,
            purpose,
        });
    }
    (probes, shortfalls)
}

struct Feature {
    name: &'static str,
    purpose: &'static str,
    try_out: fn() -> Option<bool>,
    consequence: &'static str,
    remedy: &'static str,
}

const NEWER: &str = "use a kernel from 5.15 on";

const FEATURES: &[Feature] = &[
    Feature {
        name: "cgroup socket address programs",
        purpose: "redirecting connects, showing the true peer",
        try_out: || program(ProgramType::CgroupSockAddr),
        consequence: "nothing can be redirected",
        remedy: NEWER,
    },
    Feature {
        name: "socket operation programs",
        purpose: "telling the proxy whose connection it accepted",
        try_out: || program(ProgramType::SockOps),
        consequence: "nothing can be redirected",
        remedy: NEWER,
    },
    Feature {
        name: "cgroup socket programs",
        purpose: "forgetting closed sockets",
        try_out: || program(ProgramType::CgroupSock),
        consequence: "nothing can be redirected",
        remedy: NEWER,
    },
    Feature {
        name: "ring buffer maps",
        purpose: "telling refusals as they happen",
        try_out: || map(MapType::RingBuf),
        consequence: "nothing can be redirected",
        remedy: NEWER,
    },
    Feature {
        name: "longest-prefix maps",
        purpose: "protecting ranges of addresses",
        try_out: || map(MapType::LpmTrie),
        consequence: "nothing can be redirected",
        remedy: NEWER,
    },
    Feature {
        name: "SO_NETNS_COOKIE",
        purpose: "telling network namespaces apart",
        try_out: netns_cookie,
        consequence: "listeners can't be published",
        remedy: "use a kernel from 5.14 on",
    },
    Feature {
        name: "security module programs",
        purpose: "refusing packet and Unix sockets (hardening)",
        try_out: || program(ProgramType::Lsm(LsmAttachType::Mac)),
        consequence: "hardening by the kernel is off",
        remedy: "use a kernel with CONFIG_BPF_LSM that lets this process load such programs",
    },
];

fn program(kind: ProgramType) -> Option<bool> {
    aya::sys::is_program_supported(kind).ok()
}

fn map(kind: MapType) -> Option<bool> {
    aya::sys::is_map_supported(kind).ok()
}

fn netns_cookie() -> Option<bool> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").ok()?;
    match sys::netns_cookie(socket) {
        Ok(_) => Some(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => Some(false),
        Err(_) => None,
    }
}
