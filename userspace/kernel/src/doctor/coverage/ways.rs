//! The known ways around.

use interdict_abi::Hook;

/// A way around.
pub(super) struct Way {
    pub(super) technique: &'static str,
    pub(super) closed: Closed,
    /// What follows where it is open.
    pub(super) consequence: &'static str,
    /// What to do where it is open.
    pub(super) remedy: &'static str,
}

/// What closes a way.
pub(super) enum Closed {
    /// Whichever of these sets of hooks is in force, all of it.
    ByHooks(&'static [&'static [Hook]]),
    /// The first set closes it; without it the others narrow it, and something stays open, as told.
    ByHooksOrInPart(&'static [Hook], &'static [Hook]),
    /// These narrow it; something stays open, as told.
    InPart(&'static [Hook]),
    /// No hook is needed.
    ByDesign(&'static str),
    /// No hook can.
    Never,
}

use Closed::{ByDesign, ByHooks, ByHooksOrInPart, InPart, Never};

const CONNECT: Closed = ByHooks(&[&[Hook::Connect4, Hook::Connect6, Hook::SockOps]]);
const DAEMON: &str = "start the daemon: this hook is one that it needs";
const NO_RAW: &str = "run workloads without CAP_NET_RAW and CAP_NET_ADMIN, or boot with `bpf` in `lsm=`";
const UNPRIVILEGED: &str = "run workloads as an ordinary user, or boot with `bpf` in `lsm=`";
const ESCAPES: &str = "a workload reaches a protected destination directly, unseen";
const BLIND: &str = "a workload can end or change the protection";

pub(super) const WAYS: &[Way] = &[
    Way {
        technique: "connect by IPv4, IPv6 or v4-mapped addresses, non-blocking, from a bound source",
        closed: CONNECT,
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "TCP fast open (MSG_FASTOPEN, TCP_FASTOPEN_CONNECT)",
        closed: CONNECT,
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "io_uring connect",
        closed: CONNECT,
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "dissolving a connection (AF_UNSPEC) and connecting again",
        closed: CONNECT,
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "multipath TCP",
        closed: ByHooks(&[&[Hook::SockCreate]]),
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "0.0.0.0 and :: for the loopback address",
        closed: CONNECT,
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "UDP and QUIC to a protected address, connected",
        closed: CONNECT,
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "UDP and QUIC to a protected address, unconnected",
        closed: ByHooks(&[&[Hook::Sendmsg4, Hook::Sendmsg6], &[Hook::Egress]]),
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "UDP-Lite, SCTP, DCCP and raw IP sockets",
        closed: ByHooks(&[&[Hook::SockCreate]]),
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "raw IP sockets made before enrolment",
        closed: ByHooks(&[&[Hook::Egress]]),
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "address translation to a protected address",
        closed: ByHooks(&[&[Hook::Egress]]),
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "tunnels made by the workload (tun, WireGuard, IP in IP) and TCP_REPAIR",
        closed: InPart(&[Hook::Egress]),
        consequence: "packets that the workload's sockets send are dropped, but not what the kernel forwards for it out of a tunnel",
        remedy: "run workloads without CAP_NET_ADMIN",
    },
    Way {
        technique: "connections from before enrolment",
        closed: ByHooks(&[&[Hook::Egress]]),
        consequence: "they go on, unseen",
        remedy: DAEMON,
    },
    Way {
        technique: "sockets made outside of the scope: inherited, passed, socket activation",
        closed: CONNECT,
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "a connection that somebody outside of the scope made and passed in",
        closed: Never,
        consequence: "whoever passes it uses the database for the workload",
        remedy: "enrol helpers together with the workloads that they serve",
    },
    Way {
        technique: "packet sockets and XDP",
        closed: ByHooks(&[&[Hook::LsmSocketCreate]]),
        consequence: "a workload with CAP_NET_RAW writes packets of its own past every cgroup hook",
        remedy: NO_RAW,
    },
    Way {
        technique: "vsock, SMC, RDS, TIPC and other families",
        closed: ByHooks(&[&[Hook::LsmSocketCreate]]),
        consequence: "a workload reaches a database that listens there; SMC's fallback to TCP is redirected all the same",
        remedy: "boot with `bpf` in `lsm=`, or keep these modules from loading (`install vsock /bin/false`, likewise smc, rds, tipc)",
    },
    Way {
        technique: "the Unix socket of a local database",
        closed: ByHooksOrInPart(
            &[Hook::LsmUnixConnect, Hook::LsmUnixSend],
            &[Hook::ConnectUnix, Hook::SendmsgUnix],
        ),
        consequence: "a workload that may open the socket's directory uses the database unseen; from 6.7 a path that ends in \
                      the protected socket's name is refused all the same (connect_unix), a link of another name is not",
        remedy: "boot with `bpf` in `lsm=`, or keep workloads out of the socket's directory (`unix_socket_permissions`, mounts)",
    },
    Way {
        technique: "Unix sockets without a file (abstract)",
        closed: Never,
        consequence: "a database that listens on an abstract socket is open to its network namespace",
        remedy: "let no database listen on an abstract socket",
    },
    Way {
        technique: "a Unix socket's file on overlayfs",
        closed: Never,
        consequence: "overlayfs may show another inode than the kernel uses; the socket is then known by name alone (connect_unix)",
        remedy: "keep sockets on tmpfs (/run), ext4, xfs or btrfs",
    },
    Way {
        technique: "a new network namespace",
        closed: CONNECT,
        consequence: ESCAPES,
        remedy: DAEMON,
    },
    Way {
        technique: "new cgroups below the scope, threads and forks",
        closed: ByDesign("scope by ancestry, decided per task"),
        consequence: "",
        remedy: "",
    },
    Way {
        technique: "a descendant of an enrolled executable, when its enrolled ancestors have ended",
        closed: Never,
        consequence: "a workload that is matched by executable alone, and forks itself free of it, is no longer in scope",
        remedy: "enrol by cgroup, unit or user: those are inherited",
    },
    Way {
        technique: "moving to a cgroup outside of the scope",
        closed: ByHooks(&[&[Hook::LsmFileOpen, Hook::LsmClone]]),
        consequence: "a workload that may write cgroup.procs there (root) leaves the scope, and its connects are its own",
        remedy: "run workloads as an ordinary user or with a read-only cgroup file system, enrol by user or executable, or boot with `bpf` in `lsm=`",
    },
    Way {
        technique: "cgroup.procs opened before enrolment",
        closed: Never,
        consequence: "a task that held it open for writing can still leave the scope by it",
        remedy: "enrol a workload's cgroup before it starts",
    },
    Way {
        technique: "connecting to the proxy's port directly",
        closed: ByDesign("the proxy ends connections that have no flow"),
        consequence: "",
        remedy: "",
    },
    Way {
        technique: "binding the proxy's port while no daemon lives",
        closed: ByHooks(&[&[Hook::Bind4, Hook::Bind6]]),
        consequence: "a workload is handed the connections of others",
        remedy: DAEMON,
    },
    Way {
        technique: "marks, environment, names, uids",
        closed: ByDesign("nothing that a task can set is consulted"),
        consequence: "",
        remedy: "",
    },
    Way {
        technique: "another name or address of the same service",
        closed: InPart(&[Hook::Connect4, Hook::Connect6, Hook::Egress]),
        consequence: "addresses that are not listed, and do not come from a listed name, are not protected",
        remedy: "list every address and name of a service, load balancers among them",
    },
    Way {
        technique: "a tunnel through an allowed host (SSH, SOCKS, HTTP CONNECT)",
        closed: Never,
        consequence: "the other end connects for the workload",
        remedy: "restrict which hosts workloads may reach (firewall, network policy)",
    },
    Way {
        technique: "ptrace, /proc/PID/mem, pidfd_getfd on the daemon",
        closed: ByHooks(&[&[Hook::LsmPtrace]]),
        consequence: "a workload that is root, or the daemon's user, reads its secrets or takes its sockets",
        remedy: UNPRIVILEGED,
    },
    Way {
        technique: "signals to the daemon",
        closed: ByHooks(&[&[Hook::LsmKill]]),
        consequence: "a workload that is root stops the daemon: protected destinations are refused to all until it is restarted",
        remedy: UNPRIVILEGED,
    },
    Way {
        technique: "bpf(): detaching programs, writing into their tables",
        closed: ByHooks(&[&[Hook::LsmBpf]]),
        consequence: BLIND,
        remedy: "run workloads without CAP_BPF and CAP_SYS_ADMIN, or boot with `bpf` in `lsm=`",
    },
    Way {
        technique: "removing or moving pins",
        closed: ByHooks(&[&[Hook::LsmUnlink, Hook::LsmRename]]),
        consequence: BLIND,
        remedy: UNPRIVILEGED,
    },
    Way {
        technique: "unmounting the file system with the pins",
        closed: ByHooks(&[&[Hook::LsmUnmount]]),
        consequence: "once the daemon ends as well, the programs are gone",
        remedy: "run workloads without CAP_SYS_ADMIN or in a mount namespace of their own, or boot with `bpf` in `lsm=`",
    },
    Way {
        technique: "unmounting /sys as a whole, with the pins below it",
        closed: Never,
        consequence: "once the daemon ends as well, the programs are gone",
        remedy: "run workloads without CAP_SYS_ADMIN or in a mount namespace of their own",
    },
    Way {
        technique: "ending a parent before the child connects, so that nobody sees who started it",
        closed: ByHooks(&[&[Hook::ProcessFork, Hook::ProcessExec]]),
        consequence: "the ancestry on record begins below the parent that ended (flag `ancestry_partial` where that shows)",
        remedy: "allow the daemon raw tracepoints (CAP_PERFMON; a kernel with BTF)",
    },
    Way {
        technique: "workloads in a virtual machine or sandbox kernel (gVisor, Kata, Firecracker)",
        closed: Never,
        consequence: "their connects are not the host's: no hook sees them",
        remedy: "let them reach the databases through a listener's address only (firewall)",
    },
    Way {
        technique: "kernel modules, kexec, /dev/mem",
        closed: Never,
        consequence: "whoever may load code into the kernel is the kernel",
        remedy: "run workloads without CAP_SYS_MODULE, CAP_SYS_BOOT and CAP_SYS_RAWIO; boot with lockdown=integrity",
    },
];
