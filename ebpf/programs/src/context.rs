//! The fields of a socket address hook, read the way the verifier accepts.

use core::ffi::c_void;
use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::bindings::{bpf_sock, bpf_sock_addr};
use aya_ebpf::programs::SockAddrContext;
use interdict_abi::Address;

/// The IPv4 fields.
pub(crate) struct V4 {
    pub(crate) ctx: *mut bpf_sock_addr,
    /// The address, network byte order.
    pub(crate) ip: u32,
    /// The port, host byte order.
    pub(crate) port: u16,
    /// The socket's IP protocol.
    pub(crate) protocol: u32,
}

/// The IPv6 fields.
pub(crate) struct V6 {
    pub(crate) ctx: *mut bpf_sock_addr,
    pub(crate) address: Address,
    /// The port, host byte order.
    pub(crate) port: u16,
    /// The socket's IP protocol.
    pub(crate) protocol: u32,
}

impl V4 {
    #[inline(always)]
    pub(crate) fn read(ctx: &SockAddrContext) -> Self {
        let ctx = ctx.sock_addr;
        // SAFETY: the kernel hands a valid context, of which these fields may be read in this hook.
        unsafe {
            Self {
                ctx,
                ip: read_volatile(addr_of!((*ctx).user_ip4)),
                port: port(read_volatile(addr_of!((*ctx).user_port))),
                protocol: read_volatile(addr_of!((*ctx).protocol)),
            }
        }
    }

    /// The address that the socket is bound to, network byte order; 0 if none.
    #[inline(always)]
    pub(crate) fn bound(&self) -> u32 {
        let sk = socket(self.ctx);
        // SAFETY: the verifier knows `sk` as a socket, of which this field may be read.
        unsafe { read_volatile(addr_of!((*sk).src_ip4)) }
    }

    /// Replaces the address (network byte order) and port (host byte order).
    #[inline(always)]
    pub(crate) fn write(&self, ip: u32, port: u16) {
        // SAFETY: as in `read`; these two may be written.
        unsafe {
            write_volatile(addr_of_mut!((*self.ctx).user_ip4), ip);
            write_volatile(addr_of_mut!((*self.ctx).user_port), u32::from(port.to_be()));
        }
    }
}

impl V6 {
    #[inline(always)]
    pub(crate) fn read(ctx: &SockAddrContext) -> Self {
        let ctx = ctx.sock_addr;
        // SAFETY: the kernel hands a valid context, of which these fields may be read in this hook.
        unsafe {
            Self {
                ctx,
                address: Address([
                    read_volatile(addr_of!((*ctx).user_ip6[0])),
                    read_volatile(addr_of!((*ctx).user_ip6[1])),
                    read_volatile(addr_of!((*ctx).user_ip6[2])),
                    read_volatile(addr_of!((*ctx).user_ip6[3])),
                ]),
                port: port(read_volatile(addr_of!((*ctx).user_port))),
                protocol: read_volatile(addr_of!((*ctx).protocol)),
            }
        }
    }

    /// The address that the socket is bound to; `::` if none.
    #[inline(always)]
    pub(crate) fn bound(&self) -> Address {
        let sk = socket(self.ctx);
        // SAFETY: the verifier knows `sk` as a socket, of which these fields may be read.
        unsafe {
            Address([
                read_volatile(addr_of!((*sk).src_ip6[0])),
                read_volatile(addr_of!((*sk).src_ip6[1])),
                read_volatile(addr_of!((*sk).src_ip6[2])),
                read_volatile(addr_of!((*sk).src_ip6[3])),
            ])
        }
    }

    /// Replaces the address and port (host byte order).
    #[inline(always)]
    pub(crate) fn write(&self, Address([a, b, c, d]): Address, port: u16) {
        // SAFETY: as in `read`; these may be written.
        unsafe {
            write_volatile(addr_of_mut!((*self.ctx).user_ip6[0]), a);
            write_volatile(addr_of_mut!((*self.ctx).user_ip6[1]), b);
            write_volatile(addr_of_mut!((*self.ctx).user_ip6[2]), c);
            write_volatile(addr_of_mut!((*self.ctx).user_ip6[3]), d);
            write_volatile(addr_of_mut!((*self.ctx).user_port), u32::from(port.to_be()));
        }
    }
}

#[inline(always)]
fn socket(ctx: *mut bpf_sock_addr) -> *mut bpf_sock {
    // SAFETY: the field holds a socket in every sock_addr hook, and is never null there.
    unsafe { read_volatile(addr_of!((*ctx).__bindgen_anon_1.sk)) }
}

/// `user_port` carries 16 bits in network byte order.
#[inline(always)]
fn port(user_port: u32) -> u16 {
    u16::from_be(user_port as u16)
}

/// The context as helpers take it.
#[inline(always)]
pub(crate) fn raw(ctx: *mut bpf_sock_addr) -> *mut c_void {
    ctx.cast()
}
