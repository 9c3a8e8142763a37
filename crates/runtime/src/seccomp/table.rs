// SPDX-License-Identifier: Apache-2.0
//! `policies/seccomp.toml` as Rust, so that a run parses nothing. Not edited by hand: after a change to the
//! policy, `BLESS=1 cargo test -p runtime seccomp` writes it again.

use std::borrow::Cow;

use super::policy::{Entry, Lift, Policy, Scope};
use super::shorthand::{ALLOW, calls, entry, errno, is, is_not, lift, rule};

pub(super) static POLICY: Policy = Policy { entries: Cow::Borrowed(ENTRIES), lifts: Cow::Borrowed(LIFTS) };

const ENTRIES: &[Entry] = &[
    entry(&calls(["read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "lseek", "_llseek", "open", "openat", "openat2", "creat", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64"]), &[], ALLOW, "Reading and writing files is what programs do; which files is for the mount table, owners and Landlock to say."),
    entry(&calls(["stat", "fstat", "lstat", "newfstatat", "stat64", "fstat64", "lstat64", "fstatat64", "statx", "statfs", "fstatfs", "statfs64", "fstatfs64", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd", "chdir", "fchdir"]), &[], ALLOW, "Looking at names and attributes and moving the working directory shows only what is mounted in the container."),
    entry(&calls(["mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "truncate", "truncate64", "ftruncate", "ftruncate64", "fallocate", "umask"]), &[], ALLOW, "Package managers and databases make, move and remove files all the time, within the container's own layer."),
    entry(&calls(["chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat", "chown32", "lchown32", "fchown32", "utime", "utimes", "futimesat", "utimensat", "utimensat_time64", "getxattr", "lgetxattr", "fgetxattr", "getxattrat", "listxattr", "llistxattr", "flistxattr", "listxattrat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat"]), &[], ALLOW, "tar, dpkg and entrypoints set owners, modes, times and attributes; ids are the container's own range, and nosuid holds."),
    entry(&calls(["fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "arm_sync_file_range", "readahead", "flock", "fadvise64", "fadvise64_64", "arm_fadvise64_64"]), &[], ALLOW, "Databases order and lock their writes and advise the page cache; PostgreSQL and SQLite do not start without."),
    entry(&calls(["sendfile", "sendfile64", "copy_file_range", "splice"]), &[], ALLOW, "Web servers, proxies (HAProxy splices) and cp move bytes without copying; a strict profile drops splice (CVE-2022-0847)."),
    entry(&calls(["io_setup", "io_submit", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "io_cancel", "io_destroy"]), &[], ALLOW, "The old asynchronous I/O of MySQL, MariaDB, nginx (aio) and Oracle; small, and without the history of io_uring."),
    entry(&calls(["pipe", "pipe2", "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch"]), &[], ALLOW, "Event loops, shells and file watchers wait on descriptors they already hold."),
    entry(&calls(["mmap", "mmap2", "munmap", "mprotect", "mremap", "brk", "madvise", "mincore", "msync", "mseal", "membarrier", "mlock", "mlock2", "munlock", "mlockall", "munlockall", "pkey_alloc", "pkey_free", "pkey_mprotect", "map_shadow_stack"]), &[], ALLOW, "Allocators, loaders and JIT compilers (V8, HotSpot) manage the process's own memory, bounded by its cgroup and rlimits."),
    entry(&calls(["execve", "execveat", "exit", "exit_group", "fork", "vfork", "wait4", "waitid", "waitpid", "getpid", "getppid", "gettid", "getpgid", "getpgrp", "setpgid", "getsid", "setsid", "kill", "tkill", "tgkill", "pidfd_open", "pidfd_send_signal"]), &[], ALLOW, "Starting, awaiting and signalling processes reaches only the container's own PID namespace."),
    entry(&calls(["rt_sigaction", "rt_sigprocmask", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_sigreturn", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "sigaltstack", "sigprocmask", "sigreturn", "signalfd", "signalfd4", "pause", "alarm"]), &[], ALLOW, "Signal handling; without rt_sigreturn no handler ever returns."),
    entry(&calls(["futex", "futex_time64", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "restart_syscall", "rseq", "arch_prctl", "set_thread_area", "get_thread_area", "set_tls", "cacheflush", "breakpoint", "uretprobe"]), &[], ALLOW, "What libc needs for threads, thread-local storage and interrupted calls, and what the kernel itself makes a program call."),
    entry(&calls(["prctl", "capget", "capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]), &[], ALLOW, "A program may see and narrow its own rights; widening them is refused by the capability sets and no_new_privs."),
    entry(&calls(["getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "getuid32", "geteuid32", "getgid32", "getegid32", "getresuid32", "getresgid32", "getgroups32", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "setuid32", "setgid32", "setreuid32", "setregid32", "setresuid32", "setresgid32", "setgroups32", "setfsuid32", "setfsgid32"]), &[], ALLOW, "Entrypoints drop from root to a service user; who may do so is for SETUID and SETGID to say, over the container's own ids."),
    entry(&calls(["getrlimit", "setrlimit", "ugetrlimit", "prlimit64", "getrusage", "getpriority", "setpriority", "ioprio_get", "ioprio_set", "getcpu", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_setparam", "sched_getscheduler", "sched_setscheduler", "sched_getattr", "sched_setattr", "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval", "sched_rr_get_interval_time64"]), &[], ALLOW, "Runtimes size their pools and order their threads; the bounds are cgroups, rlimits and the absence of SYS_NICE."),
    entry(&calls(["clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "clock_nanosleep", "clock_nanosleep_time64", "nanosleep", "gettimeofday", "time", "times", "getitimer", "setitimer", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64"]), &[], ALLOW, "Reading clocks and being woken by them."),
    entry(&calls(["getrandom", "uname", "sysinfo"]), &[], ALLOW, "Random bytes, the kernel's name and memory figures; the last two can be answered by the view supervisor."),
    entry(&calls(["bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername", "getsockopt", "shutdown", "send", "sendto", "sendmsg", "sendmmsg", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64"]), &[], ALLOW, "Using a socket once it is open; whom it reaches is for the network and its firewall to say."),
    entry(&calls(["shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semtimedop_time64", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl", "ipc"]), &[], ALLOW, "PostgreSQL holds its data directory by a System V segment, httpd uses semaphores, fakeroot message queues; all within the IPC namespace."),
    entry(&calls(["memfd_create"]), &[rule(&[is(1, 0x10, 0x10)], errno(13))], ALLOW, "Memory files are common (Java, libffi, Wayland), running a program that is in no file is not; EACCES is what vm.memfd_noexec=2 says."),
    entry(&calls(["clone"]), &[rule(&[is_not(0, 0x7e020000, 0x0)], errno(1))], ALLOW, "fork and pthread_create are clone; new namespaces are not: most kernel escapes of 2021 to 2026 began with a user namespace."),
    entry(&calls(["unshare"]), &[rule(&[is_not(0, 0x7e020080, 0x0)], errno(1))], ALLOW, "Samba gives each thread its own working directory (CLONE_FS) and aborts without; namespaces are refused as in clone."),
    entry(&calls(["personality"]), &[rule(&[is(0, 0xffffffff, 0x0)], ALLOW), rule(&[is(0, 0xffffffff, 0x8)], ALLOW), rule(&[is(0, 0xffffffff, 0xffffffff)], ALLOW)], errno(1), "Asking, and linux32 for builds; no fixed addresses (ADDR_NO_RANDOMIZE), executable data (READ_IMPLIES_EXEC) or UNAME26 (CVE-2012-0957)."),
    entry(&calls(["socket"]), &[rule(&[is(0, 0xffffffff, 0x1)], ALLOW), rule(&[is(0, 0xffffffff, 0x10), is(2, 0xffffffff, 0x0)], ALLOW), rule(&[is(0, 0xffffffff, 0x10)], errno(93)), rule(&[is_not(0, 0xffffffff, 0x2), is_not(0, 0xffffffff, 0xa)], errno(97)), rule(&[is(1, 0xf, 0x3)], errno(1)), rule(&[is(1, 0xf, 0xa)], errno(1)), rule(&[is(1, 0xf, 0x1), is(2, 0xffffffff, 0x0)], ALLOW), rule(&[is(1, 0xf, 0x1), is(2, 0xffffffff, 0x6)], ALLOW), rule(&[is(1, 0xf, 0x2), is(2, 0xffffffff, 0x0)], ALLOW), rule(&[is(1, 0xf, 0x2), is(2, 0xffffffff, 0x11)], ALLOW), rule(&[is(1, 0xf, 0x2), is(2, 0xffffffff, 0x1)], ALLOW), rule(&[is(1, 0xf, 0x2), is(2, 0xffffffff, 0x3a)], ALLOW)], errno(93), "Local, TCP, UDP, ping and route lookups. Rare families and protocols (AF_ALG, AF_RXRPC, AF_VSOCK, SCTP, SMC, MPTCP) are the kernel's weak side; libraries take these errors as 'not built in'."),
    entry(&calls(["socketpair"]), &[rule(&[is(0, 0xffffffff, 0x1)], ALLOW)], errno(97), "Pairs exist for AF_UNIX and TIPC; only the first is wanted."),
    entry(&calls(["setsockopt"]), &[rule(&[is(1, 0xffffffff, 0x6), is(2, 0xffffffff, 0x1f)], errno(2)), rule(&[is(1, 0xffffffff, 0x0), is(2, 0xffffffff, 0x40)], errno(1)), rule(&[is(1, 0xffffffff, 0x0), is(2, 0xffffffff, 0x41)], errno(1)), rule(&[is(1, 0xffffffff, 0x0), is(2, 0xffffffff, 0x60)], errno(1)), rule(&[is(1, 0xffffffff, 0x0), is(2, 0xffffffff, 0x61)], errno(1)), rule(&[is(1, 0xffffffff, 0x0), is(2, 0xffffffff, 0x80)], errno(1)), rule(&[is(1, 0xffffffff, 0x0), is(2, 0xffffffff, 0x81)], errno(1)), rule(&[is(1, 0xffffffff, 0x29), is(2, 0xffffffff, 0x40)], errno(1)), rule(&[is(1, 0xffffffff, 0x29), is(2, 0xffffffff, 0x41)], errno(1))], ALLOW, "Firewall tables by socket option (CVE-2021-22555) and protocols stacked on TCP (kTLS, ESP in TCP) are not what options are for; ENOENT makes OpenSSL encrypt by itself."),
    entry(&calls(["socketcall"]), &[rule(&[is(0, 0xffffffff, 0x1)], errno(97)), rule(&[is(0, 0xffffffff, 0x8)], errno(97))], ALLOW, "i386 only: its arguments lie behind a pointer, so no family can be told from another (Copy Fail went this way); socket(2) itself is open to 32-bit programs."),
    entry(&calls(["ioctl"]), &[rule(&[is(1, 0xffffffff, 0x5412)], errno(1)), rule(&[is(1, 0xffffffff, 0x541c)], errno(1)), rule(&[is(1, 0xffffffff, 0x5423)], errno(1))], ALLOW, "Typing into the terminal of whoever attached (CVE-2019-10063) and loading line disciplines (CVE-2023-6546) are refused; the other requests go to descriptors already held."),
    entry(&calls(["mknod"]), &[rule(&[is(1, 0xf000, 0x2000)], errno(1)), rule(&[is(1, 0xf000, 0x6000)], errno(1))], ALLOW, "Pipes, sockets and plain files may be made, device nodes not."),
    entry(&calls(["mknodat"]), &[rule(&[is(2, 0xf000, 0x2000)], errno(1)), rule(&[is(2, 0xf000, 0x6000)], errno(1))], ALLOW, "As mknod, with the mode one argument further."),
    entry(&calls(["mount", "umount", "umount2", "fsopen", "fsconfig", "fsmount", "fspick", "open_tree", "open_tree_attr", "move_mount", "mount_setattr"]), &[], errno(1), "The container's mounts are part of its walls, and file system parsers take hostile images (CVE-2022-0185)."),
    entry(&calls(["pivot_root", "setns"]), &[], errno(1), "Changing the root or entering other namespaces is for whoever builds containers."),
    entry(&calls(["chroot"]), &[], errno(1), "The classical way out of a root directory; a program that needs it has to be given SYS_CHROOT."),
    entry(&calls(["ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"]), &[], errno(1), "Reaching into other processes is how an intruder moves on, and only debuggers need it."),
    entry(&calls(["bpf"]), &[], errno(1), "Programs in the kernel; its verifier was wrong again and again (CVE-2021-3490)."),
    entry(&calls(["perf_event_open"]), &[], errno(1), "A large interface that shows what other containers do on the same CPU."),
    entry(&calls(["io_uring_setup", "io_uring_enter", "io_uring_register"]), &[], errno(1), "A second system call interface that no filter sees, and the one with the most escapes since 2021; kernel.io_uring_disabled=2 answers the same, and libuv and liburing users fall back."),
    entry(&calls(["userfaultfd"]), &[], errno(1), "Stops the kernel in the middle of a copy, which turns races into certainties; vm.unprivileged_userfaultfd=0 answers the same."),
    entry(&calls(["keyctl", "add_key", "request_key"]), &[], errno(1), "Keyrings know no namespaces: keys of other containers can be named by number (CVE-2016-0728 besides)."),
    entry(&calls(["name_to_handle_at", "open_by_handle_at"]), &[], errno(1), "Opens any inode of a file system by number, above the container's root as well (the shocker exploit of 2014)."),
    entry(&calls(["fanotify_init", "fanotify_mark"]), &[], errno(1), "Watches whole file systems, which containers share."),
    entry(&calls(["clock_settime", "clock_settime64", "settimeofday", "stime", "adjtimex", "clock_adjtime", "clock_adjtime64"]), &[], errno(1), "The clock is everybody's. adjtimex reads as well as sets, but which of the two it does lies behind a pointer."),
    entry(&calls(["sethostname", "setdomainname"]), &[], errno(1), "The names are given by whoever starts the container, and logs are believed because of that."),
    entry(&calls(["syslog"]), &[], errno(1), "The kernel's log tells addresses and what happens in other containers."),
    entry(&calls(["reboot"]), &[], errno(1), "Stops the machine, or from within a PID namespace its init."),
    entry(&calls(["init_module", "finit_module", "delete_module"]), &[], errno(1), "Code in the kernel."),
    entry(&calls(["kexec_load", "kexec_file_load", "swapon", "swapoff"]), &[], errno(1), "Replacing the running kernel and choosing where memory is written to are never a container's affair."),
    entry(&calls(["acct"]), &[], errno(1), "Process accounting is of the whole PID namespace tree and writes a file from within the kernel."),
    entry(&calls(["iopl", "ioperm", "vm86", "vm86old", "pciconfig_read", "pciconfig_write", "pciconfig_iobase"]), &[], errno(1), "Direct access to the hardware, or to an old mode of the processor."),
    entry(&calls(["quotactl", "quotactl_fd"]), &[], errno(1), "Quotas are of the host's file system."),
    entry(&calls(["vhangup"]), &[], errno(1), "Hangs up a terminal under whoever is attached to it."),
    entry(&calls(["clone3"]), &[], errno(38), "Its flags lie behind a pointer, so a namespace cannot be told from a thread; glibc and musl fall back to clone."),
    entry(&calls(["statmount", "listmount", "listns"]), &[], errno(38), "Tell of the host's mounts and namespaces; libmount falls back to /proc/self/mountinfo, which is the container's own."),
    entry(&calls(["mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node"]), &[], errno(38), "Placing memory on nodes of the host, with a history of bugs in mbind; Java, PostgreSQL and libnuma take ENOSYS as 'one node'."),
    entry(&calls(["migrate_pages", "move_pages", "process_mrelease"]), &[], errno(38), "Act on the memory of other processes; only host daemons use them."),
    entry(&calls(["process_madvise"]), &[], errno(38), "Advice about the memory of other processes, of use to a tracer only."),
    entry(&calls(["modify_ldt"]), &[], errno(38), "Segments of one's own making, for 16-bit programs (Wine), with bugs such as CVE-2015-5157; kernels are built without it."),
    entry(&calls(["vmsplice", "tee"]), &[], errno(38), "Pipe pages shared with the page cache or with memory still in use, the ground of Dirty Pipe and its kin; hardly used, with fallback."),
    entry(&calls(["remap_file_pages"]), &[], errno(38), "Emulated by the kernel since 2015 for programs that are gone."),
    entry(&calls(["memfd_secret"]), &[], errno(38), "Memory that even an administrator cannot look into; locked, and of use to hide code."),
    entry(&calls(["cachestat"]), &[], errno(38), "Shows which pages of shared image layers other containers have read."),
    entry(&calls(["mq_open", "mq_unlink", "mq_getsetattr", "mq_notify", "mq_timedsend", "mq_timedreceive", "mq_timedsend_time64", "mq_timedreceive_time64"]), &[], errno(38), "POSIX message queues: no popular server uses them, kernels are built without them, and mq_notify was an escape (CVE-2017-11176)."),
    entry(&calls(["futex_wait", "futex_wake", "futex_requeue"]), &[], errno(38), "The second generation of futex, which no libc calls yet; requeueing is where futex bugs are (CVE-2014-3153, CVE-2026-43499)."),
    entry(&calls(["lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules"]), &[], errno(38), "Tell how the host is guarded; libraries fall back to /proc/self/attr."),
    entry(&calls(["file_getattr", "file_setattr", "rseq_slice_yield", "uprobe"]), &[], errno(38), "New since 2025 and not reviewed; the kernel lets its own use of uprobe past every filter."),
    entry(&calls(["_sysctl", "afs_syscall", "bdflush", "break", "create_module", "epoll_ctl_old", "epoll_wait_old", "ftime", "get_kernel_syms", "getpmsg", "gtty", "idle", "lock", "lookup_dcookie", "mpx", "nfsservctl", "prof", "profil", "putpmsg", "query_module", "security", "stty", "tuxcall", "ulimit", "uselib", "vserver"]), &[], errno(38), "Numbers without a call behind them in any kernel of today."),
    entry(&calls(["nice", "oldfstat", "oldlstat", "oldolduname", "oldstat", "olduname", "readdir", "sgetmask", "sigaction", "signal", "sigpending", "sigsuspend", "ssetmask", "sysfs", "ustat", "usr26", "usr32", "get_tls"]), &[], errno(38), "Forms that were replaced before 2000 and that no libc of this century calls."),
];

const LIFTS: &[Lift] = &[
    // SYS_ADMIN
    lift(21, Scope::Container, &calls(["mount", "umount", "umount2", "fsopen", "fsconfig", "fsmount", "fspick", "open_tree", "open_tree_attr", "move_mount", "mount_setattr"]), &[], "Mounting is what SYS_ADMIN is asked for most."),
    // SYS_ADMIN
    lift(21, Scope::Container, &calls(["sethostname", "setdomainname"]), &[], "In the container's own UTS namespace."),
    // SYS_ADMIN
    lift(21, Scope::Host, &calls(["fanotify_init", "fanotify_mark", "quotactl", "quotactl_fd"]), &[], "Watching and counting on whole file systems, for security agents and storage managers."),
    // SYS_PTRACE
    lift(19, Scope::Container, &calls(["ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd"]), &[], "Debugging inside the container."),
    // SYS_CHROOT
    lift(18, Scope::Container, &calls(["chroot"]), &[], "sshd, vsftpd and postfix lock their workers up with it."),
    // SYS_NICE
    lift(23, Scope::Container, &calls(["mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node"]), &[], "Placing memory on nodes goes with placing threads, as in Docker."),
    // SYS_BOOT
    lift(22, Scope::Container, &calls(["reboot"]), &[], "A system container shuts itself down."),
    // NET_RAW
    lift(13, Scope::Container, &calls(["socket"]), &[rule(&[is(0, 0xffffffff, 0x2), is(1, 0xf, 0x3)], ALLOW), rule(&[is(0, 0xffffffff, 0xa), is(1, 0xf, 0x3)], ALLOW), rule(&[is(0, 0xffffffff, 0x2), is(1, 0xf, 0xa)], ALLOW), rule(&[is(0, 0xffffffff, 0x11)], ALLOW)], "Raw sockets for old pings and scanners, packet sockets for tcpdump, arping and DHCP."),
    // NET_ADMIN
    lift(12, Scope::Container, &calls(["socket"]), &[rule(&[is(0, 0xffffffff, 0x10), is(2, 0xffffffff, 0x4)], ALLOW), rule(&[is(0, 0xffffffff, 0x10), is(2, 0xffffffff, 0xc)], ALLOW), rule(&[is(0, 0xffffffff, 0x10), is(2, 0xffffffff, 0x10)], ALLOW)], "nft, conntrack, ss and WireGuard's tools configure the container's own network through netlink."),
    // NET_ADMIN
    lift(12, Scope::Container, &calls(["setsockopt"]), &[rule(&[is(1, 0xffffffff, 0x0)], ALLOW), rule(&[is(1, 0xffffffff, 0x29)], ALLOW)], "iptables-legacy replaces the tables of the container's own network."),
    // AUDIT_WRITE
    lift(29, Scope::Host, &calls(["socket"]), &[rule(&[is(0, 0xffffffff, 0x10), is(2, 0xffffffff, 0x9)], ALLOW)], "login, sudo and sshd write audit records; the kernel takes them from the first user namespace only."),
    // MKNOD
    lift(27, Scope::Host, &calls(["mknod", "mknodat"]), &[], "Making device nodes; which can be opened is for the device rules to say."),
    // DAC_READ_SEARCH
    lift(2, Scope::Host, &calls(["name_to_handle_at", "open_by_handle_at"]), &[], "NFS servers and backup programs in user space open by handle."),
    // SYS_TIME
    lift(25, Scope::Host, &calls(["clock_settime", "clock_settime64", "settimeofday", "stime", "adjtimex", "clock_adjtime", "clock_adjtime64"]), &[], "A time daemon in a container sets the host's clock."),
    // SYSLOG
    lift(34, Scope::Host, &calls(["syslog"]), &[], "Log collectors read the kernel's log."),
    // SYS_MODULE
    lift(16, Scope::Host, &calls(["init_module", "finit_module", "delete_module"]), &[], "Driver containers load modules into the host's kernel."),
    // SYS_PACCT
    lift(20, Scope::Host, &calls(["acct"]), &[], "Process accounting on behalf of the host."),
    // SYS_RAWIO
    lift(17, Scope::Host, &calls(["iopl", "ioperm"]), &[], "Programs that drive hardware by its ports."),
    // SYS_TTY_CONFIG
    lift(26, Scope::Host, &calls(["vhangup"]), &[], "A getty clears the host's terminal before a login."),
    // BPF
    lift(39, Scope::Host, &calls(["bpf"]), &[], "Observers and network agents (Cilium, Falco) load programs."),
    // PERFMON
    lift(38, Scope::Host, &calls(["perf_event_open"]), &[], "Profilers count the events of the host."),
];
