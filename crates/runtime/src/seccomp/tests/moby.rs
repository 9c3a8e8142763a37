// SPDX-License-Identifier: Apache-2.0
//! Nothing that Docker's default profile refuses is allowed here, but for what is named with its reason.
//!
//! The profile itself lies beside the tree where it is at hand (`../shared/reference`); its findings are kept here
//! as a list, so that the comparison is made without it too.

use std::path::{Path, PathBuf};

use super::super::{Abi, Action, Arch, Call, Capability, ForeignAbi, Policy, Profile, Request, Rule};
use super::{answer, answer_to, data, telling_arguments};

/// Allowed here and refused by Docker's default.
const EXCEPTIONS: &[(&str, &str)] =
    &[("unshare", "only without namespaces, for Samba; Docker refuses it whatever its flags")];

/// What Docker's default of June 2026 refuses on x86_64 with its fourteen capabilities.
const REFUSED_BY_DOCKER: &str = "\
    _sysctl acct add_key afs_syscall bpf clock_settime clone3 create_module delete_module fanotify_init \
    file_getattr file_setattr finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy \
    getpmsg init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load \
    kexec_load keyctl listns lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind \
    migrate_pages mount mount_setattr move_mount move_pages nfsservctl open_by_handle_at open_tree \
    open_tree_attr perf_event_open pidfd_getfd pivot_root process_madvise putpmsg query_module quotactl \
    quotactl_fd reboot request_key rseq_slice_yield security set_mempolicy set_mempolicy_home_node \
    setdomainname sethostname setns settimeofday swapoff swapon sysfs syslog tuxcall umount2 unshare uprobe \
    uselib userfaultfd ustat vhangup vserver";

const DOCKERS_CAPABILITIES: &str = "\
    CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT \
    KILL AUDIT_WRITE";

fn dockers_request(arch: Arch) -> Request<'static> {
    let capabilities =
        DOCKERS_CAPABILITIES.split_whitespace().map(|name| Capability::named(name).unwrap().mask()).sum();
    Request { capabilities, kernel: (6, 18), foreign_abi: ForeignAbi::Allowed, ..Request::new(arch) }
}

/// Docker's default, if it is at hand.
pub(super) fn dockers_profile() -> Option<Vec<u8>> {
    let file = Path::new("shared/reference/moby-seccomp-default.json");
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found: Option<PathBuf> = above.map(|folder| folder.join(file)).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: ../{} is absent; the list in this file is compared all the same", file.display());
    }
    found.map(|path| std::fs::read(path).unwrap())
}

#[test]
fn what_docker_refuses_is_refused_here() {
    let ours = Policy::built_in().compile(&Request::new(Arch::X86_64)).unwrap();
    for name in REFUSED_BY_DOCKER.split_whitespace() {
        let answer = answer_to(&ours, Abi::X86_64, name, &[]);
        let excepted = EXCEPTIONS.iter().any(|(exception, _)| *exception == name);
        assert_eq!(answer == Action::Allow, excepted, "{name}");
    }
}

/// The list above is what the profile says.
#[test]
fn the_list_is_dockers() {
    let Some(json) = dockers_profile() else { return };
    let docker = Profile::parse(&json).unwrap().filter(&dockers_request(Arch::X86_64)).compile().unwrap();
    let refused = |call: &Call| {
        let Some(number) = call.number(Abi::X86_64) else { return false };
        let ever = telling_arguments(&[])
            .any(|arguments| answer(&docker, &data(Abi::X86_64, number, arguments)).lets_through());
        !ever
    };
    let names: Vec<_> = Call::all().filter(refused).map(Call::name).collect();
    assert_eq!(names, REFUSED_BY_DOCKER.split_whitespace().collect::<Vec<_>>());
}

/// Argument by argument, on every ABI of both machines.
#[test]
fn no_call_passes_here_that_docker_stops() {
    let Some(json) = dockers_profile() else { return };
    let docker = Profile::parse(&json).unwrap();
    assert_eq!(docker.ignored(), [] as [&str; 0], "a name in Docker's profile is in no table here");
    let policy = Policy::built_in();
    let mut exceptions_seen = Vec::new();
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let request = Request { foreign_abi: ForeignAbi::Allowed, ..Request::new(arch) };
        let ours = policy.compile(&request).unwrap();
        let theirs = docker.filter(&dockers_request(arch)).compile().unwrap();
        for (call, abi) in Call::all().flat_map(|call| [(call, arch.abi()), (call, arch.foreign_abi())]) {
            let Some(number) = call.number(abi) else { continue };
            let entry = policy.entries().iter().find(|entry| entry.calls.contains(&call)).unwrap();
            // Docker looks at the arguments of clone, personality and socket, which our rules cover.
            let rules: &[Rule] = &entry.rules;
            for arguments in telling_arguments(rules) {
                let data = data(abi, number, arguments);
                if answer(&ours, &data).lets_through() && !answer(&theirs, &data).lets_through() {
                    // 64-bit comparisons in Docker's profile refuse an int with junk above it; the kernel does
                    // not see the junk, so nothing is gained by it.
                    let cut = data_as_ints(data);
                    if !answer(&theirs, &cut).lets_through() {
                        exceptions_seen.push(call.name());
                    }
                }
            }
        }
    }
    exceptions_seen.dedup();
    exceptions_seen.sort_unstable();
    exceptions_seen.dedup();
    let named: Vec<_> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(exceptions_seen, named);
}

fn data_as_ints(mut data: super::Data) -> super::Data {
    data.arguments = data.arguments.map(|argument| argument & 0xffff_ffff);
    data
}
