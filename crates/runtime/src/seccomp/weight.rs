// SPDX-License-Identifier: Apache-2.0
//! How often programs make each call, so that the tree asks about the common ones first.
//!
//! Measured with `strace -f -c` (6.1, x86_64, Debian 12) over twelve programs at work, each counted as a twelfth of
//! the whole however long it ran: a bash script with coreutils and tar; apt-get, apt-cache and dpkg; Python with
//! threads, sqlite and asyncio; Perl with threads; a Node server and its client; javac and a Java server and its
//! client (17, G1); PostgreSQL 15 under pgbench; nginx 1.22 under 520 requests; redis 7 under redis-benchmark;
//! memcached; busybox; rustc and a static Rust program. The figures are calls in 10,000; rarer ones than 5 are left
//! out.
//!
//! A wrong figure costs time and nothing else: the tree gives the same answers with any weights. Kernels since
//! 5.11 moreover keep a bitmap of the calls that a filter always allows and do not run it for those, so that
//! what is gained here shows for calls with rules on arguments, and on older kernels.

use super::call::{Call, call};
use super::filter::Section;

/// How often the numbers of each span are called, in 10,000. Never 0, so that rare spans are balanced too.
pub(super) fn of_spans(section: &Section) -> Vec<f64> {
    let mut weights = vec![RARE; section.spans.len()];
    for (call, weight) in MEASURED {
        if let Some(number) = call.number(section.abi) {
            let after = section.spans.partition_point(|span| span.first <= number);
            weights[after - 1] += f64::from(*weight);
        }
    }
    weights
}

/// Calls in 10,000, the most frequent first.
pub(super) const MEASURED: &[(Call, u16)] = &[
    (call("newfstatat"), 1196),
    (call("openat"), 1015),
    (call("futex"), 883),
    (call("read"), 751),
    (call("close"), 710),
    (call("mmap"), 524),
    (call("epoll_ctl"), 429),
    (call("rt_sigaction"), 428),
    (call("write"), 423),
    (call("gettid"), 300),
    (call("recvfrom"), 298),
    (call("rt_sigprocmask"), 261),
    (call("sendto"), 200),
    (call("epoll_wait"), 199),
    (call("lseek"), 198),
    (call("mprotect"), 194),
    (call("ioctl"), 171),
    (call("epoll_pwait"), 119),
    (call("brk"), 115),
    (call("readlink"), 93),
    (call("fcntl"), 86),
    (call("execve"), 61),
    (call("access"), 59),
    (call("pread64"), 58),
    (call("munmap"), 56),
    (call("set_robust_list"), 53),
    (call("pwrite64"), 46),
    (call("wait4"), 44),
    (call("getpid"), 43),
    (call("unlink"), 42),
    (call("getuid"), 40),
    (call("sysinfo"), 39),
    (call("rename"), 38),
    (call("geteuid"), 36),
    (call("getgid"), 35),
    (call("getegid"), 34),
    (call("ppoll"), 33),
    (call("prlimit64"), 32),
    (call("dup2"), 31),
    (call("getdents64"), 31),
    (call("rseq"), 28),
    (call("writev"), 28),
    (call("statx"), 24),
    (call("clone"), 24),
    (call("getrandom"), 24),
    (call("getsockname"), 24),
    (call("arch_prctl"), 23),
    (call("set_tid_address"), 23),
    (call("rt_sigreturn"), 22),
    (call("unlinkat"), 21),
    (call("madvise"), 19),
    (call("setsockopt"), 19),
    (call("sendmsg"), 17),
    (call("mremap"), 17),
    (call("utimensat"), 16),
    (call("pipe2"), 16),
    (call("socket"), 15),
    (call("prctl"), 14),
    (call("connect"), 12),
    (call("fchownat"), 12),
    (call("getppid"), 11),
    (call("sendfile"), 10),
    (call("accept4"), 10),
    (call("sigaltstack"), 9),
    (call("getcwd"), 8),
    (call("getpeername"), 8),
    (call("getsockopt"), 8),
    (call("fdatasync"), 7),
    (call("kill"), 7),
    (call("symlinkat"), 7),
    (call("fstat"), 6),
    (call("mknodat"), 6),
    (call("sched_getaffinity"), 6),
    (call("sync_file_range"), 5),
    (call("mkdirat"), 5),
    (call("fsync"), 5),
    (call("chmod"), 5),
    (call("statfs"), 5),
    (call("dup"), 5),
    (call("fchown"), 5),
    (call("uname"), 5),
];

/// The weight of a span beyond what was measured in it.
const RARE: f64 = 0.5;
