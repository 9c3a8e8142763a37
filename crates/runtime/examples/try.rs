use runtime::{spec::*, danger::Danger, clock::Clock, cgroup::*};
use std::ffi::CString;
use std::io::Read;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let dir = std::path::PathBuf::from(&a[1]);
    let spec = Spec {
        id: "0123".into(),
        process: Process { args: a[2..].iter().map(|s| CString::new(s.as_str()).unwrap()).collect(), env: vec![CString::new("PATH=/bin:/usr/bin").unwrap()], workdir: "/".into(), user: std::env::var("CUSER").unwrap_or_default(), groups: vec![], stdio: Stdio::NoInput, rlimits: vec![], init: if std::env::var("INIT").is_ok() { Init::Ours } else { Init::Program } },
        root: Root { layers: vec![dir.join("layer")], writable: dir.join("rw"), access: Access::ReadWrite, durability: Durability::Volatile, marks: Marks::Trusted },
        mounts: vec![], devices: vec![], files: vec![GivenFile { target: "/etc/hosts".into(), content: b"127.0.0.1 localhost\n".to_vec() }], shm_size: 64 << 20,
        namespaces: NamespaceChoice { user: Wall::Up(IdRange { first: 0x7000_0000, count: 65536, files: FileOwners::Mapped }), pid: Wall::Up(()), ipc: Wall::Up(()), uts: Wall::Up(()), cgroup: Wall::Up(()), network: Wall::Up(()), time: Wall::Up(()) },
        names: HostNames { host: "box".into(), domain: String::new() },
        sysctls: vec![], resources: Resources::default(), device_rules: vec![],
        capabilities: runtime::policy::default_capabilities(),
        seccomp: Wall::Down(Danger::asked_by("stub")), landlock: Wall::Up(()), no_new_privileges: Wall::Up(()), masks: if std::env::var("NOMASK").is_ok() { Wall::Down(Danger::asked_by("x")) } else { Wall::Up(()) }, view: Wall::Down(Danger::asked_by("stub")), apparmor: None,
    };
    let mut clock = Clock::on();
    let h = Hierarchy::detect().unwrap();
    match runtime::launch::launch(&spec, &h, &mut clock) {
        Ok(mut r) => {
            for s in r.streams.iter_mut().skip(1) { let mut f = std::fs::File::from(s.take().unwrap()); let mut o = String::new(); f.read_to_string(&mut o).unwrap(); print!("{o}"); }
            let st = kernel::rustix::process::waitid(kernel::rustix::process::WaitId::PidFd(std::os::fd::AsFd::as_fd(&r.child.pidfd)), kernel::rustix::process::WaitIdOptions::EXITED).unwrap();
            clock.stamp("ended");
            println!("{:?}", st.map(|s| s.exit_status()));
            let mut last = 0; for (n, t) in clock.stamps() { eprintln!("{:>8.1} us +{:>7.1}  {n}", t as f64/1000., (t-last) as f64/1000.); last = t; }
        }
        Err(e) => { println!("ERR {} {e}", e.exit_code()); let mut s: &dyn std::error::Error = &e; while let Some(x) = s.source() { println!("  {x}"); s = x; } }
    }
}
