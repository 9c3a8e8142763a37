// SPDX-License-Identifier: Apache-2.0
//! What a process does to itself: descriptors, signals, limits, its image.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::error::{Errno, Error, Result};

/// Marks every descriptor from `first` up close-on-exec (close_range(2), Linux 5.11).
pub fn close_on_exec_from(first: u32) -> Result<()> {
    // SAFETY: the flag only marks descriptors; it closes none that an owner still holds.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(Error::new("close_range", last_errno())) }
}

/// Closes every descriptor from 3 up, runs `serve`, and ends with its result: the rest of a forked
/// process's life, in which nothing it inherited may stay open.
pub fn serve_alone(serve: impl FnOnce() -> i32) -> ! {
    // SAFETY: this function never returns, so no owner of a closed descriptor runs again; `serve`
    // owns no descriptor because it borrows nothing that could (it is called with no argument and
    // the signal descriptor is made inside it).
    unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32) };
    exit_now(serve())
}

/// Gives this process the one-word command line `name` in `/proc/PID/cmdline`, in place of the words
/// it was started with. For a process that lives on inside a container, where those words would tell
/// of the host and of other people's secrets. `name` is cut to the room that there is.
pub fn rename(name: &str) -> Result<()> {
    let stat = std::fs::read_to_string("/proc/self/stat").map_err(|error| {
        Error::new("read(/proc/self/stat)", Errno::from_io_error(&error).unwrap_or(Errno::IO))
    })?;
    // proc_pid_stat(5): arg_start and arg_end are fields 48 and 49; the second field may hold spaces
    // and ends at the last parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let address = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<usize>().ok());
    let (Some(start), Some(end)) = (address(48), address(49)) else {
        return Err(Error::new("read(/proc/self/stat): no argument addresses", Errno::INVAL));
    };
    let room = end.saturating_sub(start);
    let kept = name.len().min(room.saturating_sub(1));
    // SAFETY: the kernel says that start..end is where it put this process's argument strings: mapped,
    // writable, and read by nobody but `std::env::args`, which only ever sees text cut shorter. The
    // process has one thread.
    unsafe {
        std::ptr::write_bytes(start as *mut u8, 0, room);
        std::ptr::copy_nonoverlapping(name.as_ptr(), start as *mut u8, kept);
    }
    Ok(())
}

/// The thread that the pid namespace `namespace` calls `number`, by our own numbers (ioctl_nsfs(2), Linux 6.11; ENOTTY
/// before).
pub fn thread_in(namespace: BorrowedFd<'_>, number: rustix::process::Pid) -> Result<rustix::process::Pid> {
    let number = number.as_raw_nonzero().get();
    // SAFETY: the kernel takes the argument as a number.
    let thread = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_PID_FROM_PIDNS, number) };
    match thread {
        1.. => rustix::process::Pid::from_raw(thread).ok_or_else(|| Error::new("ioctl_nsfs", Errno::SRCH)),
        _ => Err(Error::new(format!("ioctl(NS_GET_PID_FROM_PIDNS, {number})"), last_errno())),
    }
}

/// Replaces this process by `program` (execve(2)); returns only the error.
pub fn execute(program: &CStr, args: &[CString], env: &[CString]) -> Errno {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (args, env) = (pointers(args), pointers(env));
    // SAFETY: both arrays end with a null pointer and point to NUL-terminated strings that outlive
    // the call.
    unsafe { libc::execve(program.as_ptr(), args.as_ptr(), env.as_ptr()) };
    last_errno()
}

/// A set of signals, held back from their usual effect and read from a descriptor instead.
#[derive(Debug)]
pub struct SignalFd {
    fd: OwnedFd,
    previous: SignalMask,
}

/// Which signals are blocked in a process (sigprocmask(2)).
#[derive(Clone, Copy)]
pub struct SignalMask(libc::sigset_t);

impl std::fmt::Debug for SignalMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignalMask")
    }
}

impl SignalMask {
    /// A mask of no signals.
    pub fn empty() -> Self {
        let mut set = std::mem::MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the whole set and cannot fail.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            Self(set.assume_init())
        }
    }

    /// Makes this the mask of the calling thread.
    pub fn apply(&self) -> Result<()> {
        // SAFETY: the set is initialised; a null old set is allowed.
        match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) } {
            0 => Ok(()),
            errno => Err(Error::new("sigprocmask", Errno::from_raw_os_error(errno))),
        }
    }
}

/// One signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// `si_code`: zero or less when a process sent it, positive when the kernel did.
    pub code: i32,
}

impl SignalFd {
    /// Blocks `signals` in this thread and opens a non-blocking descriptor that delivers them.
    pub fn new(signals: &[i32]) -> Result<Self> {
        let mut set = SignalMask::empty();
        for &signal in signals {
            // SAFETY: the set is initialised; an invalid number is an error and changes nothing.
            if unsafe { libc::sigaddset(&raw mut set.0, signal) } != 0 {
                return Err(Error::new(format!("sigaddset({signal})"), last_errno()));
            }
        }
        let mut previous = SignalMask::empty();
        // SAFETY: both sets are initialised and live until the call returns.
        let result = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set.0, &raw mut previous.0) };
        if result != 0 {
            return Err(Error::new("sigprocmask", Errno::from_raw_os_error(result)));
        }
        // SAFETY: -1 asks for a new descriptor; the set is initialised.
        let fd = unsafe { libc::signalfd(-1, &raw const set.0, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(Error::new("signalfd", last_errno()));
        }
        // SAFETY: the kernel just made this descriptor and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) }, previous })
    }

    /// The next signal, or nothing when none waits.
    pub fn next(&self) -> Result<Option<Signal>> {
        // SAFETY: signalfd_siginfo is plain integers, for which zero is valid.
        let mut info: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is `info` itself with its exact size.
        let read = unsafe { libc::read(self.fd.as_raw_fd(), (&raw mut info).cast(), size) };
        match usize::try_from(read) {
            Ok(length) if length == size => {
                Ok(Some(Signal { number: info.ssi_signo as i32, code: info.ssi_code }))
            }
            Ok(_) => Ok(None),
            Err(_) => match last_errno() {
                Errno::AGAIN | Errno::INTR => Ok(None),
                errno => Err(Error::new("read(signalfd)", errno)),
            },
        }
    }

    /// The mask as it was before [`SignalFd::new`], for a child to go back to.
    pub fn previous(&self) -> SignalMask {
        self.previous
    }
}

impl std::os::fd::AsFd for SignalFd {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Sends the signal `number` to the process behind `process` (pidfd_send_signal(2), Linux 5.1), any
/// of 1 to 64: the real-time signals have no names in rustix.
pub fn send_signal(process: BorrowedFd<'_>, number: i32) -> Result<()> {
    let info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo asks for what kill(2) sends; the kernel checks the number.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), number, info, 0u32) };
    if sent == 0 { Ok(()) } else { Err(Error::new(format!("pidfd_send_signal({number})"), last_errno())) }
}

/// Sends the signal `number` to the process `pid` (kill(2)), any of 1 to 64.
pub fn signal_process(pid: i32, number: i32) -> Result<()> {
    // SAFETY: kill takes two integers; the kernel checks both.
    let sent = unsafe { libc::kill(pid, number) };
    if sent == 0 { Ok(()) } else { Err(Error::new(format!("kill({pid}, {number})"), last_errno())) }
}

/// What a person or a supervisor sends and a program can catch. As Docker: everything but what tells
/// of one's own children, pipes, urgent data and faults. HUP INT QUIT USR1 USR2 ALRM TERM STKFLT CONT
/// TSTP TTIN TTOU XCPU XFSZ VTALRM PROF WINCH IO PWR, then the real-time signals.
pub const PASSED_ON: [i32; 50] = [
    1, 2, 3, 10, 12, 14, 15, 16, 18, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 34, 35, 36, 37, 38, 39, 40, 41,
    42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64,
];

/// Sets every signal to its default action, as a fresh process expects (signal(7)). Signals that
/// cannot be set (SIGKILL, SIGSTOP, glibc's own) are left out.
pub fn default_signals() {
    for signal in 1..=64 {
        if matches!(signal, libc::SIGKILL | libc::SIGSTOP | 32 | 33) {
            continue;
        }
        // SAFETY: SIG_DFL installs no handler; an invalid number is refused and changes nothing.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Makes files as user and group `owner` from here on (setfsuid(2)), with the capabilities of this thread
/// unchanged. A file system that was mounted in a user namespace takes no file of an id that is not mapped there.
///
/// Errors with EPERM when this thread may not.
pub fn make_files_as(owner: u32) -> Result<()> {
    let kept = crate::caps::permitted()?;
    // SAFETY: both take a number; a second call with an impossible one changes nothing and tells the current.
    let now = unsafe {
        libc::setfsgid(owner);
        libc::setfsuid(owner);
        (libc::setfsgid(u32::MAX), libc::setfsuid(u32::MAX))
    };
    if [now.0, now.1].iter().any(|id| id.cast_unsigned() != owner) {
        return Err(Error::new(format!("setfsuid({owner})"), Errno::PERM));
    }
    // Leaving 0 took the capabilities about files out of the effective set (capabilities(7)).
    crate::caps::set_exactly(kept)
}

/// Ends this process at once: no destructors, no buffers, no handlers (_exit(2)). For the child
/// half of a fork, whose copies of the parent's buffers must not be written twice.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

/// Brings the loopback link of this network namespace up (netdevice(7)).
pub fn loopback_up() -> Result<()> {
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|errno| Error::new("socket(AF_INET)", errno))?;
    // SAFETY: ifreq is plain integers and a union of such; zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which `request` is, and it outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(Error::new("ioctl(SIOCSIFFLAGS lo)", last_errno())) }
}

/// Gives freed memory back to the kernel, so that a process that only waits from now on stays
/// small (malloc_trim(3)).
pub fn trim_memory() {
    // SAFETY: malloc_trim takes a number of bytes to keep and touches no live allocation.
    unsafe { libc::malloc_trim(0) };
}

/// linux/nsfs.h: _IOR(0xb7, 6, int).
const NS_GET_PID_FROM_PIDNS: libc::c_ulong = 0x8004_b706;

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}
