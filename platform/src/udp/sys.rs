//! The system calls for many datagrams: stateless and safe to call. **One of the files with unsafe code;** the
//! others are `camera/device/nudge.rs`, `screen/portal/library.rs` and `screen/portal/stream.rs`.
//!
//! Everything that the kernel is given a pointer to is a slice or array that outlives the call, and is found again
//! through Rust's own references, never through the pointers: the C structures live only inside one function.
//! The socket's messages carry at most one piece of ancillary data each (the segment size), so it is a typed structure
//! instead of a byte buffer that must be walked.

#![allow(unsafe_code)]

use std::io::{self, IoSlice};
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use heapless::Vec as StackVec;

/// Messages of one call.
pub const MESSAGES_MAX: usize = 64;
/// Parts of one call's messages.
pub const PARTS_MAX: usize = 1024;
/// Datagrams of one message: more only since Linux 6.9.
pub const SEGMENTS_MAX: usize = 64;
/// Bytes of one message: what IPv4 leaves for UDP.
pub const MESSAGE_MAX_BYTES: usize = 65_507;

/// One message to send: its bytes are the next `parts` parts of the call.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing {
    /// To whom.
    pub to: SocketAddr,
    /// How many parts.
    pub parts: usize,
    /// If the kernel shall cut it into datagrams: their size in bytes. The last may be shorter.
    pub segment_bytes: Option<u16>,
}

/// One message that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// From whom.
    pub from: SocketAddr,
    /// Bytes in its buffer.
    pub len_bytes: usize,
    /// Size of the datagrams in it; the last may be shorter. The whole length if it is one.
    pub segment_bytes: usize,
}

/// Room for an address of either family.
#[repr(C)]
#[derive(Clone, Copy)]
union Name {
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

/// Ancillary data of one value, laid out as `CMSG_SPACE(size_of::<T>())` bytes.
#[repr(C)]
#[derive(Clone, Copy)]
struct Control<T> {
    header: libc::cmsghdr,
    value: T,
}

const _: () = assert!(mem::size_of::<Control<u16>>() == space(2) && mem::offset_of!(Control<u16>, value) == offset());
const _: () = assert!(mem::size_of::<Control<i32>>() == space(4) && mem::offset_of!(Control<i32>, value) == offset());

const fn space(len_bytes: u32) -> usize {
    // SAFETY: arithmetic only.
    unsafe { libc::CMSG_SPACE(len_bytes) as usize }
}

const fn offset() -> usize {
    // SAFETY: arithmetic only.
    unsafe { libc::CMSG_LEN(0) as usize }
}

/// Sends the messages in order, without waiting, and gives how many the kernel took. More than [`MESSAGES_MAX`] need
/// another call, as do those after one that failed.
///
/// # Errors
/// Why the *first* message was not sent.
///
/// # Panics
/// If the messages want more parts than there are.
pub fn send(socket: &UdpSocket, messages: &[Outgoing], parts: &[IoSlice<'_>]) -> io::Result<usize> {
    let messages = &messages[..messages.len().min(MESSAGES_MAX)];
    let mut names: StackVec<(Name, libc::socklen_t), MESSAGES_MAX> =
        messages.iter().map(|message| to_name(&message.to)).collect();
    let mut controls: StackVec<Control<u16>, MESSAGES_MAX> =
        messages.iter().map(|message| segment_control(message.segment_bytes.unwrap_or(0))).collect();

    let mut headers: StackVec<libc::mmsghdr, MESSAGES_MAX> = StackVec::new();
    let mut rest = parts;
    for ((message, name), control) in messages.iter().zip(&mut names).zip(&mut controls) {
        let (own, others) = rest.split_at(message.parts);
        rest = others;
        let mut header = empty_header();
        header.msg_name = (&raw mut name.0).cast();
        header.msg_namelen = name.1;
        // An IoSlice has the layout of an iovec; the kernel only reads through it.
        header.msg_iov = own.as_ptr().cast_mut().cast();
        header.msg_iovlen = own.len() as _;
        if message.segment_bytes.is_some() {
            header.msg_control = (&raw mut *control).cast();
            header.msg_controllen = mem::size_of_val(control) as _;
        }
        let _ = headers.push(libc::mmsghdr { msg_hdr: header, msg_len: 0 });
    }
    // SAFETY: `headers` holds `len` messages whose names, parts and controls are borrowed by or owned in this
    // function and live until it returns.
    let sent = unsafe {
        libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), headers.len() as _, libc::MSG_DONTWAIT as _)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives messages into the buffers in order, without waiting, one into each, up to [`MESSAGES_MAX`], and appends
/// them to `arrivals`. A message longer than its buffer is cut.
///
/// # Errors
/// Why no message was received; [`io::ErrorKind::WouldBlock`] if none waits.
pub fn receive<'a>(
    socket: &UdpSocket,
    buffers: impl Iterator<Item = &'a mut [u8]>,
    arrivals: &mut Vec<Arrival>,
) -> io::Result<()> {
    let mut parts: StackVec<io::IoSliceMut<'a>, MESSAGES_MAX> = StackVec::new();
    let mut names: StackVec<Name, MESSAGES_MAX> = StackVec::new();
    let mut controls: StackVec<Control<i32>, MESSAGES_MAX> = StackVec::new();
    for buffer in buffers.take(MESSAGES_MAX) {
        let _ = parts.push(io::IoSliceMut::new(buffer));
        let _ = names.push(empty_name());
        let _ = controls.push(Control { header: empty_control(), value: 0 });
    }
    let mut headers: StackVec<libc::mmsghdr, MESSAGES_MAX> = StackVec::new();
    for ((part, name), control) in parts.iter_mut().zip(&mut names).zip(&mut controls) {
        let mut header = empty_header();
        header.msg_name = (&raw mut *name).cast();
        header.msg_namelen = mem::size_of_val(name) as _;
        // An IoSliceMut has the layout of an iovec.
        header.msg_iov = (&raw mut *part).cast();
        header.msg_iovlen = 1;
        header.msg_control = (&raw mut *control).cast();
        header.msg_controllen = mem::size_of_val(control) as _;
        let _ = headers.push(libc::mmsghdr { msg_hdr: header, msg_len: 0 });
    }
    // SAFETY: `headers` holds `len` messages whose names, buffers and controls are borrowed by or owned in this
    // function and live until it returns; the kernel writes no more than the lengths given.
    let received = unsafe {
        let flags = libc::MSG_DONTWAIT as _;
        libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), headers.len() as _, flags, ptr::null_mut())
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for ((header, name), control) in headers.iter().zip(&names).zip(&controls).take(received) {
        let len_bytes = header.msg_len as usize;
        // The type of the length differs between C libraries.
        #[allow(clippy::unnecessary_cast)]
        let control_bytes = header.msg_hdr.msg_controllen as usize;
        let is_coalesced = control_bytes >= mem::offset_of!(Control<i32>, value) + mem::size_of::<i32>()
            && control.header.cmsg_level == libc::SOL_UDP
            && control.header.cmsg_type == libc::UDP_GRO;
        let segment = if is_coalesced { usize::try_from(control.value).unwrap_or(0) } else { 0 };
        let segment_bytes = if segment == 0 { len_bytes } else { segment };
        // No other family arrives at a UDP socket; if one did, it would find no session.
        let from = from_name(name).unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        arrivals.push(Arrival { from, len_bytes, segment_bytes });
    }
    Ok(())
}

/// Whether the kernel has the calls for many messages.
pub fn can_batch(socket: &UdpSocket) -> bool {
    let fd = socket.as_raw_fd();
    // SAFETY: no message, so nothing is read or written.
    let sent = unsafe { libc::sendmmsg(fd, ptr::null_mut(), 0, 0) };
    // SAFETY: as above.
    let received = unsafe { libc::recvmmsg(fd, ptr::null_mut(), 0, libc::MSG_DONTWAIT as _, ptr::null_mut()) };
    sent == 0 && received == 0
}

/// Whether the kernel cuts a message into datagrams.
pub fn can_segment(socket: &UdpSocket) -> bool {
    // Zero means: not unless a message asks for it. A kernel without the option says so.
    set_option(socket, libc::UDP_SEGMENT, 0).is_ok()
}

/// Lets several datagrams of one peer arrive as one message, or not.
///
/// # Errors
/// The kernel can't.
pub fn set_coalescing(socket: &UdpSocket, is_on: bool) -> io::Result<()> {
    set_option(socket, libc::UDP_GRO, i32::from(is_on))
}

/// Lets the kernel choose among the sockets of one port by a datagram's own bytes: the big-endian number in the two
/// bytes at `offset`, modulo `count`, is the number of the socket, in the order in which they were bound. A datagram that
/// is too short goes to the first. Say it to one of them, when all are bound.
///
/// # Errors
/// The kernel can't: it goes on choosing by addresses.
pub fn steer(socket: &UdpSocket, offset: u32, count: u32) -> io::Result<()> {
    let instruction = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut program = [
        instruction(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS, offset),
        instruction(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, count.max(1)),
        instruction(libc::BPF_RET | libc::BPF_A, 0),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let len_bytes = mem::size_of_val(&program) as libc::socklen_t;
    // SAFETY: the kernel reads `len_bytes` bytes of `program` and the `len` instructions that it points to, which live
    // until the end of this function, and checks them before it ever runs them.
    let result = unsafe {
        let option = libc::SO_ATTACH_REUSEPORT_CBPF;
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const program).cast(), len_bytes)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn set_option(socket: &UdpSocket, option: i32, value: i32) -> io::Result<()> {
    let len_bytes = mem::size_of_val(&value) as libc::socklen_t;
    // SAFETY: the kernel reads `len_bytes` bytes of `value`.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, option, (&raw const value).cast(), len_bytes) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn empty_header() -> libc::msghdr {
    // SAFETY: a C structure of numbers and pointers, for which zeros are "nothing".
    unsafe { mem::zeroed() }
}

fn empty_control() -> libc::cmsghdr {
    // SAFETY: as above.
    unsafe { mem::zeroed() }
}

fn empty_name() -> Name {
    // SAFETY: as above.
    unsafe { mem::zeroed() }
}

fn segment_control(segment_bytes: u16) -> Control<u16> {
    let mut header = empty_control();
    header.cmsg_len = (offset() + mem::size_of::<u16>()) as _;
    header.cmsg_level = libc::SOL_UDP;
    header.cmsg_type = libc::UDP_SEGMENT;
    Control { header, value: segment_bytes }
}

fn to_name(address: &SocketAddr) -> (Name, libc::socklen_t) {
    let mut name = empty_name();
    match address {
        SocketAddr::V4(v4) => {
            name.v4 = libc::sockaddr_in {
                sin_family: libc::AF_INET as _,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            (name, mem::size_of::<libc::sockaddr_in>() as _)
        }
        SocketAddr::V6(v6) => {
            name.v6 = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as _,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            (name, mem::size_of::<libc::sockaddr_in6>() as _)
        }
    }
}

fn from_name(name: &Name) -> Option<SocketAddr> {
    // SAFETY: all of `name` is initialised (zeros first, then what the kernel wrote), every bit pattern is legal in
    // both structures, and both begin with the family.
    let (v4, v6) = unsafe { (name.v4, name.v6) };
    match i32::from(v4.sin_family) {
        libc::AF_INET => {
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}
