# What a container may do where the kernel enforces AppArmor (apparmor.d(5)): the default profile, loaded by
# crates/engine/src/apparmor.rs under a name that ends in a hash of this text. AppArmor refuses what no rule grants, so
# there is no rule for mount, umount, pivot_root, userns and change_profile: a container changes none of these.
# It stands behind the other walls and for the day on which one of them has a hole.

profile NAME flags=(attach_disconnected, mediate_deleted) {
  # Which files there are is the mount namespace's business, and which may be run Landlock's.
  file,
  # Which of them a container has is the bounding set's business.
  capability,
  # Which families there are is the filter's business.
  network,
  unix,

  # Its own processes among each other; the monitor and the host's administrator from outside.
  signal (send, receive) peer=NAME,
  signal (receive) peer=unconfined,
  # Reading each other's /proc; the filter refuses ptrace(2) itself.
  ptrace (read, readby, trace, tracedby) peer=NAME,

  # The host's switches, by name, should a cover or a read-only mount ever be missing.
  deny /proc/sysrq-trigger rwklx,
  deny /proc/{kcore,kmem,mem,kallsyms,timer_list} rwklx,
  deny /proc/{acpi,bus,fs,irq,scsi}/** wklx,
  deny /proc/sys/kernel/{core_pattern,modprobe,hotplug,poweroff_cmd,usermodehelper/**} wklx,
  deny /proc/sys/{abi,debug,dev,fs,vm}/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/kernel/{debug,tracing,security}/** rwklx,
  deny /sys/{block,bus,class,devices,module,power}/** wklx,
  # A cgroup's release agent runs on the host (CVE-2022-0492).
  deny /sys/fs/cgroup/**/release_agent wklx,
}
