// SPDX-License-Identifier: Apache-2.0
//! A container sees its own limits: by files, by system calls, and as runtimes make pools and heaps of them.

use std::time::Duration;

use kernel::rustix::process::{Pid, Signal, kill_process};
use tests::{Background, Call, Ids, Sandbox, Step, eventually, helper, skip, steps};

/// Flags, and what is to be seen: processors and the list of those that are on (none: all), MiB of memory (none: the
/// default).
type Seen = (&'static str, Option<(usize, &'static str)>, Option<u64>);
const LIMITS: [Seen; 7] = [
    ("", None, None),
    ("-m 64m", None, Some(64)),
    ("--cpus 1", Some((1, "0")), None),
    ("--cpus 0.5 -m 96m", Some((1, "0")), Some(96)),
    ("--cpus 1.5", Some((2, "0-1")), None),
    ("--cpuset-cpus 1 -m 64m", Some((1, "1")), Some(64)),
    ("--cpus 1 --cpuset-cpus 0-1 -m 64m", Some((1, "0")), Some(64)),
];

#[test]
fn files_and_system_calls_agree_with_the_limits() {
    let Some(host) = Host::of_several_processors() else { return };
    let sandbox = Sandbox::minimal();
    for (flags, processors, memory) in LIMITS {
        let (processors, online) = processors.unwrap_or((host.processors, &host.online));
        let said = shell(&sandbox, flags, FIGURES).ok();
        let figure = |name: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no {name} with `{flags}` in {said}")).trim().to_owned()
        };
        // Rust rounds a quota of one and a half down, by the cgroup's own files.
        let rust = if flags.contains("1.5") { "1".to_owned() } else { processors.to_string() };
        assert_eq!(figure("parallelism"), rust, "`{flags}`");
        for name in ["nproc", "cpuinfo", "stat", "affinity"] {
            assert_eq!(figure(name), processors.to_string(), "{name} with `{flags}`");
        }
        assert_eq!(figure("online"), online, "`{flags}`");
        // Bounds of arrays that are indexed by getcpu(2), which tells any of the host's numbers.
        assert_eq!(figure("possible"), host.possible, "`{flags}`");
        let total = memory.map_or(host.memory / 4 * 3, |memory| memory << 20);
        assert_eq!(figure("total"), total.to_string(), "`{flags}`");
        assert_eq!(figure("MemTotal:"), format!("{} kB", total / 1024), "`{flags}`");
        let [free, available] = ["MemFree:", "MemAvailable:"]
            .map(|name| figure(name).trim_end_matches(" kB").parse::<u64>().unwrap());
        assert!(free <= available && available <= total / 1024, "`{flags}`: {said}");
        // Busybox's free reads a file, and its uptime asks the kernel.
        assert_eq!(figure("free"), (total / 1024).to_string(), "`{flags}`");
        assert!(figure("uptime").parse::<u64>().unwrap() < 60, "`{flags}`: {said}");
        assert!(figure("up").starts_with("0 min"), "`{flags}`: {said}");
        assert_eq!(figure("load"), "0", "`{flags}`");
    }
}

/// Lines of a name and a figure.
const FIGURES: &str = r#"
    echo "nproc $(nproc)"; echo "cpuinfo $(grep -c ^processor /proc/cpuinfo)"; echo "stat $(grep -c '^cpu[0-9]' /proc/stat)"
    echo "online $(cat /sys/devices/system/cpu/online)"; echo "possible $(cat /sys/devices/system/cpu/possible)"
    grep -E '^Mem(Total|Free|Available):' /proc/meminfo
    free -k | awk '/^Mem:/ { print "free", $2 }'
    uptime | sed -E 's/.* up +([0-9]+ min).*/up \1/'
    /figures"#;

/// A shell script in the image `minimal`, where the helper is /figures.
fn shell(sandbox: &Sandbox, flags: &str, text: &str) -> Call {
    let mount = format!("-v {}:/figures:ro", helper("figures").display());
    sandbox.sh(&format!("{mount} {flags}"), text)
}

/// What this machine has.
struct Host {
    memory: u64,
    processors: usize,
    online: String,
    possible: String,
}

impl Host {
    /// Nothing, and the test told as skipped, on a machine that cannot tell one processor from all.
    fn of_several_processors() -> Option<Self> {
        let list = |name| {
            std::fs::read_to_string(format!("/sys/devices/system/cpu/{name}")).unwrap().trim().to_owned()
        };
        let online = list("online");
        let Some(last) = online.strip_prefix("0-").and_then(|last| last.parse::<usize>().ok()) else {
            skip(&format!(
                "the figures are for a machine with processors from 0 on, and this one has {online}"
            ));
            return None;
        };
        let info = kernel::rustix::system::sysinfo();
        let memory = info.totalram * u64::from(info.mem_unit);
        Some(Self { memory, processors: last + 1, online, possible: list("possible") })
    }
}

/// How many processors a container without limits has.
fn all() -> u64 {
    Host::of_several_processors().unwrap().processors as u64
}

#[test]
fn runtimes_size_themselves_by_the_limits() {
    if Host::of_several_processors().is_none() {
        return;
    }
    let parts: &[Step<'_>] = &[
        ("libc", |sandbox| {
            // glibc asks the file for the one, and a mask or the file for the other.
            agree(sandbox, &["getconf", "_NPROCESSORS_ONLN"], &[all(), 1, 1]);
            agree(sandbox, &["nproc"], &[all(), 1, 1]);
            agree(
                sandbox,
                &["sh", "-c", "echo $(($(getconf _PHYS_PAGES) * $(getconf PAGESIZE) >> 20))"],
                &[300; 3],
            );
        }),
        ("free, top, ps, vmstat and lscpu", |sandbox| {
            agree(sandbox, &["sh", "-c", "free --mebi | awk '/^Mem:/ { print $2 }'"], &[300; 3]);
            agree(sandbox, &["sh", "-c", "top -bn1 | awk '/^MiB Mem/ { print int($4) }'"], &[300; 3]);
            agree(sandbox, &["sh", "-c", "ps -o pid= -p 1"], &[1; 3]);
            agree(sandbox, &["sh", "-c", "vmstat -S M | awk 'NR == 3 { print $4 }'"], &[300; 3]);
            agree(sandbox, &["sh", "-c", "lscpu --parse=CPU | grep -vc '#'"], &[all(), 1, 1]);
        }),
        ("python", |sandbox| {
            agree(sandbox, &["python3", "-c", "import os; print(os.cpu_count())"], &[all(), 1, 1]);
            agree(
                sandbox,
                &["python3", "-c", "import os; print(len(os.sched_getaffinity(os.getpid())))"],
                &[all(), 1, 1],
            );
            let memory = "import os; print(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 20)";
            agree(sandbox, &["python3", "-c", memory], &[300; 3]);
            let pool = "from concurrent.futures import ThreadPoolExecutor as T; print(T()._max_workers)";
            agree(sandbox, &["python3", "-c", pool], &[(all() + 4).min(32), 5, 5]);
        }),
        ("node", |sandbox| {
            agree(sandbox, &["node", "-p", "os.cpus().length"], &[all(), 1, 1]);
            agree(sandbox, &["node", "-p", "os.availableParallelism()"], &[all(), 1, 1]);
            agree(sandbox, &["node", "-p", "os.totalmem() / 2 ** 20"], &[300; 3]);
            agree(sandbox, &["node", "-p", "os.uptime() < 60 ? 1 : 0"], &[1; 3]);
        }),
        ("java", |sandbox| {
            let heap = "java -XX:+PrintFlagsFinal -version 2> /dev/null | awk '/ MaxHeapSize / { print $4 / 2 ^ 20 }'";
            agree(sandbox, &["sh", "-c", heap], &[126; 3]);
            let processors =
                "java -XshowSettings:system -version 2>&1 | sed -n 's/.*Effective CPU Count: //p'";
            agree(sandbox, &["sh", "-c", processors], &[all(), 1, 1]);
            // As before Java knew of containers, it believes the machine.
            let blind =
                "java -XX:-UseContainerSupport -XX:+UseParallelGC -XX:+PrintFlagsFinal -version 2> /dev/null";
            let heap = format!("{blind} | awk '/ MaxHeapSize / {{ print $4 / 2 ^ 20 }}'");
            agree(sandbox, &["sh", "-c", &heap], &[126; 3]);
            let threads = format!("{blind} | awk '/ ParallelGCThreads / {{ print $4 }}'");
            let many = if all() > 8 { 8 + (all() - 8) * 5 / 8 } else { all() };
            agree(sandbox, &["sh", "-c", &threads], &[many, 1, 1]);
        }),
        ("nginx", |sandbox| {
            let workers = "nginx; until pgrep -P $(cat /run/nginx.pid) > /dev/null; do :; done; pgrep -cP $(cat /run/nginx.pid)";
            agree(sandbox, &["sh", "-c", workers], &[all(), 1, 1]);
        }),
    ];
    steps(&Sandbox::debian(), parts);
}

/// What `command` says with 300 MiB and all processors, a quota of one, and a set of one.
#[track_caller]
fn agree(sandbox: &Sandbox, command: &[&str], expected: &[u64; 3]) {
    for (flags, expected) in ["", "--cpus=1", "--cpuset-cpus=1"].into_iter().zip(expected) {
        let flags = ["run", "--rm", "-m", "300m"].into_iter().chain((!flags.is_empty()).then_some(flags));
        let said = sandbox.call(flags.chain(["debian"]).chain(command.iter().copied())).ok();
        assert_eq!(said, expected.to_string(), "{command:?}");
    }
}

#[test]
fn memory_figures_follow_use() {
    let sandbox = Sandbox::minimal();
    // Waits in the container until a figure of /proc/meminfo is below or above so many kB.
    let text = r#"
        until_() { until [ "$(awk -v n="$1:" '$1 == n { print $2 }' /proc/meminfo)" "$2" "$3" ]; do :; done; }
        until_ MemAvailable -gt 60000
        mkfifo /tmp/end; /figures hold 31457280 < /tmp/end & exec 3> /tmp/end
        until_ MemAvailable -lt 36000; /figures | grep -q '^free [1-3]' && echo taken
        exec 3>&-; wait
        until_ MemAvailable -gt 55000; echo "given back"
        dd if=/dev/zero of=/tmp/file bs=1M count=30 2> /dev/null; sync
        until_ MemFree -lt 40000; until_ MemAvailable -gt 50000; echo "cache is available"
        dd if=/dev/zero of=/dev/shm/file bs=1M count=20 2> /dev/null
        until_ Shmem -gt 20000; until_ MemAvailable -lt 45000; echo "shared memory is not""#;
    let said = shell(&sandbox, "-m 64m", text).within(Duration::from_secs(60)).ok();
    assert_eq!(said, "holding\ntaken\nheld 31457280\ngiven back\ncache is available\nshared memory is not");
}

#[test]
fn the_files_can_only_be_read_and_are_never_torn() {
    let sandbox = Sandbox::minimal();
    let text = r#"
        for file in /proc/meminfo /proc/stat /proc/cpuinfo /sys/devices/system/cpu/online; do
            { echo 1 > $file; } 2> /dev/null && echo "wrote $file"
        done
        # Across some rewrites: each reading has as many bytes, lines and units.
        for file in meminfo stat loadavg; do
            first=$(wc -lc < /proc/$file)
            for i in $(seq 2000); do [ "$(wc -lc < /proc/$file)" = "$first" ] || echo "torn $file"; done
        done
        cut -d' ' -f1-3 /proc/loadavg"#;
    assert_eq!(shell(&sandbox, "-m 64m", text).ok(), "0.00 0.00 0.00");
}

/// What the kernel answers to wrong arguments, and a thread asked about by number.
#[test]
fn wrong_questions_are_answered_as_the_kernel_would() {
    let sandbox = Sandbox::minimal();
    // The kernel tells how many bytes it wrote, which need not be the same. Before 6.11 nobody's number cannot be told
    // from another thread's.
    let shape = |text: String| -> Vec<String> {
        let lines =
            text.lines().filter(|line| translates_numbers() || !line.starts_with("affinity of nobody"));
        lines.map(|line| line.replace(": 8", ": bytes").replace(": 32", ": bytes")).collect()
    };
    let native = std::process::Command::new(helper("figures")).arg("edges").output().unwrap();
    let native = shape(String::from_utf8(native.stdout).unwrap());
    assert!(native.contains(&"sysinfo into nothing: errno 14".to_owned()), "{native:?}");
    // With a quota both calls are answered by the monitor, without one only the first.
    for flags in ["", "--cpus 1"] {
        assert_eq!(shape(shell(&sandbox, flags, "/figures edges").ok()), native, "`{flags}`");
    }
}

/// ioctl_nsfs(2).
fn translates_numbers() -> bool {
    let release = kernel::rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(11))
}

#[test]
fn a_storm_of_questions_is_answered_in_order_and_metered() {
    let sandbox = Sandbox::minimal();
    assert_eq!(shell(&sandbox, "--cpus 1 -m 64m", "/figures storm 50 20").ok(), "steady");
    // Five hundred in a tenth of a second: three thousand take at least half a second.
    let nanoseconds: u64 = shell(&sandbox, "", "/figures time sysinfo 3000").ok().parse().unwrap();
    assert!(nanoseconds > 500_000_000 / 3000, "{nanoseconds} ns");
}

/// A monitor that is stopped makes its callers wait, but not for good: they can be killed, they go on when it does,
/// and they end with it.
#[test]
fn callers_of_a_stopped_monitor_go_on_or_end() {
    let sandbox = Sandbox::minimal();
    let mount = format!("{}:/figures:ro", helper("figures").display());
    let words = [
        "run",
        "--rm",
        "-v",
        &mount,
        "minimal",
        "sh",
        "-c",
        "while :; do /figures time sysinfo 100 > /dev/null && echo steady || echo interrupted; done",
    ];
    let mut monitor = sandbox.call(words).spawn();
    monitor.read_until("steady");
    monitor.signal(Signal::STOP);
    let caller = eventually("a caller waits", || waiting_in_sysinfo(&monitor));
    kill_process(caller, Signal::KILL).unwrap();
    eventually("it is gone", || (!alive(caller)).then_some(()));
    let next = eventually("the next one waits", || waiting_in_sysinfo(&monitor));
    monitor.signal(Signal::CONT);
    monitor.read_until("interrupted");
    eventually("it has its answers", || (!alive(next)).then_some(()));
    monitor.read_until("steady");

    monitor.signal(Signal::STOP);
    let last = eventually("a caller waits", || waiting_in_sysinfo(&monitor));
    monitor.signal(Signal::KILL);
    eventually("it ends with the monitor", || (!alive(last)).then_some(()));
    monitor.end();
    // The next command clears what the killed one left.
    sandbox.call(["ps"]).ok();
}

/// A grandchild of the monitor that is in sysinfo(2) and sleeps.
fn waiting_in_sysinfo(monitor: &Background) -> Option<Pid> {
    let waits = |pid: &i32| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        read("syscall").starts_with(SYSINFO) && read("stat").contains(") S ")
    };
    let first = children(monitor.pid());
    let second: Vec<i32> = first.into_iter().flat_map(children).collect();
    second.into_iter().find(waits).and_then(Pid::from_raw)
}

fn children(pid: i32) -> Vec<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[cfg(target_arch = "x86_64")]
const SYSINFO: &str = "99 ";
#[cfg(target_arch = "aarch64")]
const SYSINFO: &str = "179 ";

#[test]
fn an_ordinary_user_sees_a_view_too() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    // The helper where an ordinary user may read it.
    let copy = sandbox.write("figures", std::fs::read(helper("figures")).unwrap());
    std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let said = sandbox
        .call(["run", "--rm", "-v", &format!("{}:/figures:ro", copy.display()), "minimal", "/figures"])
        .ok();
    assert!(said.contains("\nload 0\n") && said.contains("\nprocesses 1\n"), "{said}");
}

#[test]
fn the_host_s_view_can_be_asked_for() {
    let sandbox = Sandbox::minimal();
    let said =
        shell(&sandbox, "-m 64m --security-opt view=host", "/figures; grep MemTotal /proc/meminfo").ok();
    let info = kernel::rustix::system::sysinfo();
    let total = info.totalram * u64::from(info.mem_unit);
    assert!(said.contains(&format!("total {total}\n")), "{said}");
    assert!(said.contains(&format!("{} kB", total / 1024)), "{said}");
}
