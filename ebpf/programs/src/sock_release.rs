//! `cgroup/sock_release`: forgets a socket's flow. What was filed for accept stays: the daemon may accept a connection
//! after its client has closed it, and must still learn whose it was.

use aya_ebpf::helpers::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use interdict_abi::{Hook, Verdict};

use crate::maps::{FLOW, KEPT};
use crate::report::count;

#[cgroup_sock(sock_release)]
pub(crate) fn sock_release(ctx: SockContext) -> i32 {
    // SAFETY: the helper takes the context.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.sock.cast()) };
    // Most sockets are in neither, and looking is cheaper than removing, which locks.
    if FLOW.get_ptr(cookie).is_some() && FLOW.remove(cookie).is_ok() {
        count(Hook::SockRelease, Verdict::Released);
    }
    if KEPT.get_ptr(cookie).is_some() {
        let _absent = KEPT.remove(cookie);
    }
    1
}
