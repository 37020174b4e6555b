//! The programs that interdict puts into the kernel, one file a hook, attached once at the cgroup2 root.
//!
//! A hook is chosen by the socket's cgroup, so only the root sees sockets that were inherited or passed in. Whether the
//! *calling task* is in scope is decided here, from its cgroup and that cgroup's ancestors ([`scope`]). Nothing that a
//! task can set (marks, names, environment) is consulted.
//!
//! Rules that the verifier makes (kernels 5.10 to 7.2):
//! - Context fields are read once, up front, each by a volatile read of its own. LLVM merges plain reads into "context
//!   plus variable", which is refused.
//! - Programs with different contexts share code through plain data only.
//! - A helper's availability depends on the program type: `sock_ops` can't ask for the current task on 6.1.
//!
//! A doubt about a protected destination is a refusal: every `None` and `Err` after the lookup ends in one.
#![no_std]
#![no_main]
#![allow(unsafe_code, reason = "helpers and context fields are raw pointers by nature")]

mod bind;
mod bind4;
mod bind6;
mod connect;
mod connect4;
mod connect6;
mod context;
mod egress;
mod getpeername;
mod guard;
mod heart;
mod lineage;
mod lsm;
mod maps;
mod packet;
mod report;
mod scope;
mod sendmsg;
mod sock_create;
mod sock_ops;
mod sock_release;
mod task;
mod unix_name;

/// The licence that the kernel reads, which decides about the helpers that may be called.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
