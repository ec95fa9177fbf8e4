//! TAP devices: the only thing the kernel lets nobody make but by `ioctl`, and so the only unsafe code of the host.

#![allow(
    unsafe_code,
    reason = "TUNSETIFF, TUNSETPERSIST and TUNSETOWNER exist only as ioctls"
)]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use nix::libc;

use crate::error::OsError;

/// `struct ifreq` of `linux/if.h` as `TUNSETIFF` reads it: a name, then a union whose first half-word are the flags.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    flags: libc::c_short,
    rest_of_union: [u8; 22],
}

const _: () = assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());

mod ioctl {
    use nix::libc::c_int;

    // The numbers are declared with an `int` argument in `linux/if_tun.h`, whatever they really take.
    nix::ioctl_write_ptr_bad!(
        tunsetiff,
        nix::request_code_write!(b'T', 202, size_of::<c_int>()),
        super::InterfaceRequest
    );
    nix::ioctl_write_int_bad!(
        tunsetpersist,
        nix::request_code_write!(b'T', 203, size_of::<c_int>())
    );
    nix::ioctl_write_int_bad!(
        tunsetowner,
        nix::request_code_write!(b'T', 204, size_of::<c_int>())
    );
}

const DEVICE: &str = "/dev/net/tun";

/// Attaches to the TAP `name` in the calling thread's network namespace, creating it if there is none.
///
/// Frames read and written carry a `virtio_net_hdr` (10 bytes), as Firecracker and QEMU expect.
pub fn attach(name: &str) -> Result<File, OsError> {
    let opened = File::options().read(true).write(true).open(DEVICE);
    let file = opened.map_err(OsError::file("cannot open (is the tun module loaded?)", DEVICE))?;
    let mut request = InterfaceRequest {
        name: [0; libc::IFNAMSIZ],
        flags: flags(libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR),
        rest_of_union: [0; 22],
    };
    // The last byte stays zero: the kernel reads a C string.
    for (to, from) in request.name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from;
    }
    // SAFETY: the descriptor is open, and the request is a live, fully initialised `struct ifreq` that the kernel only
    // accesses during the call.
    unsafe { ioctl::tunsetiff(file.as_fd().as_raw_fd(), &raw const request) }
        .map_err(OsError::file("cannot attach to the TAP", Path::new(name)))?;
    Ok(file)
}

/// Makes an attached TAP outlive its descriptor, so that an engine started later finds it.
pub fn persist(tap: &File, name: &str) -> Result<(), OsError> {
    // SAFETY: the descriptor is open; the argument is a plain number.
    unsafe { ioctl::tunsetpersist(tap.as_fd().as_raw_fd(), 1) }
        .map_err(OsError::file("cannot make persistent the TAP", Path::new(name)))?;
    Ok(())
}

/// Lets the user `uid` attach to a TAP without privileges, as a jailed engine must.
pub(crate) fn give(tap: &File, name: &str, uid: u32) -> Result<(), OsError> {
    // The kernel reads the argument as a user id again, all 32 bits of it.
    let argument = uid.cast_signed();
    // SAFETY: the descriptor is open; the argument is a plain number.
    unsafe { ioctl::tunsetowner(tap.as_fd().as_raw_fd(), argument) }
        .map_err(OsError::file("cannot give away the TAP", Path::new(name)))?;
    Ok(())
}

fn flags(flags: libc::c_int) -> libc::c_short {
    libc::c_short::try_from(flags).expect("TAP flags fit the request's flag field")
}
