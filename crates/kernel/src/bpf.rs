// SPDX-License-Identifier: Apache-2.0
//! The part of bpf(2) that guards devices: load a program, attach it to a cgroup, read back what
//! is attached.
//!
//! Two rules hold for every call. The attribute is passed at full size and zeroed, since
//! `BPF_PROG_QUERY` on kernels 6.17 to 7.1 writes eight bytes past a short one. And
//! `RLIMIT_MEMLOCK` is never raised: kernels since 5.11 charge programs to the memory cgroup, so
//! that raising it (which needs `CAP_SYS_RESOURCE`) would only fail where nothing is wrong.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::error::{Errno, Error, Result};

/// One eBPF instruction, as the kernel takes it (`struct bpf_insn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Instruction {
    /// Class, operation and source bit.
    pub code: u8,
    /// Destination register, 0 to 10.
    pub destination: u8,
    /// Source register, 0 to 10.
    pub source: u8,
    /// Jump distance in instructions, or a byte offset for loads.
    pub offset: i16,
    /// Constant operand.
    pub immediate: i32,
}

/// Which programs [`device_programs`] lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those attached to this very cgroup.
    Attached,
    /// Those that are run for its processes, which includes the ancestors' programs.
    Effective,
}

/// What the kernel tells about a loaded program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The kernel's number for it.
    pub id: u32,
    /// The name it was loaded with, at most 15 bytes.
    pub name: String,
    /// A hash of the instructions, made by the kernel.
    pub tag: [u8; 8],
    /// The program after the verifier. `None` when the kernel does not show it to the caller
    /// (without `CAP_BPF`).
    pub instructions: Option<Vec<Instruction>>,
}

/// Loads a device program (`BPF_PROG_TYPE_CGROUP_DEVICE`).
///
/// `name` may have up to 15 letters, digits, `_` and `.`; the rest is cut. Needs `CAP_BPF` and
/// `CAP_NET_ADMIN` in the first user namespace. When the verifier refuses the program, the error
/// carries the end of what it said.
pub fn load_device_program(name: &str, instructions: &[Instruction]) -> Result<OwnedFd> {
    let code: Vec<u64> = instructions.iter().map(|one| encode(*one)).collect();
    match load(name, &code, &mut []) {
        Err(errno @ (Errno::INVAL | Errno::ACCESS)) => {
            let mut log = vec![0u8; LOG_SIZE];
            let errno = load(name, &code, &mut log).err().unwrap_or(errno);
            Err(Error::new(format!("bpf(PROG_LOAD, {name}): {}", last_words(&log)), errno))
        }
        other => other.map_err(|errno| Error::new(format!("bpf(PROG_LOAD, {name})"), errno)),
    }
}

/// Attaches a device program to the cgroup v2 directory `cgroup` (`BPF_F_ALLOW_MULTI`: it is run
/// beside those of the ancestors and later ones, and each of them can refuse). It stays as long as
/// the cgroup does.
pub fn attach_device_program(cgroup: impl AsFd, program: impl AsFd) -> Result<()> {
    let attach = ProgAttach {
        target: cgroup.as_fd().as_raw_fd(),
        program: program.as_fd().as_raw_fd(),
        kind: CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    let mut attr = Attr::zeroed();
    attr.attach = attach;
    bpf(PROG_ATTACH, &mut attr).map_err(|errno| Error::new("bpf(PROG_ATTACH, cgroup device)", errno))?;
    Ok(())
}

/// Takes a device program off the cgroup v2 directory `cgroup` again.
pub fn detach_device_program(cgroup: impl AsFd, program: impl AsFd) -> Result<()> {
    let attach = ProgAttach {
        target: cgroup.as_fd().as_raw_fd(),
        program: program.as_fd().as_raw_fd(),
        kind: CGROUP_DEVICE,
        flags: 0,
    };
    let mut attr = Attr::zeroed();
    attr.attach = attach;
    bpf(PROG_DETACH, &mut attr).map_err(|errno| Error::new("bpf(PROG_DETACH, cgroup device)", errno))?;
    Ok(())
}

/// The ids of the device programs of the cgroup v2 directory `cgroup`.
pub fn device_programs(cgroup: impl AsFd, reach: Reach) -> Result<Vec<u32>> {
    let mut ids = vec![0u32; MAX_PROGRAMS];
    let query = ProgQuery {
        target: cgroup.as_fd().as_raw_fd(),
        kind: CGROUP_DEVICE,
        query_flags: if reach == Reach::Effective { QUERY_EFFECTIVE } else { 0 },
        attach_flags: 0,
        ids: ids.as_mut_ptr() as u64,
        count: MAX_PROGRAMS as u32,
        _pad: 0,
    };
    let mut attr = Attr::zeroed();
    attr.query = query;
    bpf(PROG_QUERY, &mut attr).map_err(|errno| Error::new("bpf(PROG_QUERY, cgroup device)", errno))?;
    // SAFETY: `query` was written above and the kernel updated it in place; all of its fields are
    // plain integers, for which every bit pattern is valid.
    let count = unsafe { attr.query.count };
    ids.truncate(count as usize);
    Ok(ids)
}

/// A descriptor of the loaded program `id`. Needs `CAP_SYS_ADMIN`, or `CAP_BPF` on newer kernels.
pub fn open_program(id: u32) -> Result<OwnedFd> {
    let mut attr = Attr::zeroed();
    attr.id = id;
    let fd = bpf(PROG_GET_FD_BY_ID, &mut attr)
        .map_err(|errno| Error::new(format!("bpf(PROG_GET_FD_BY_ID, {id})"), errno))?;
    // SAFETY: the kernel has just made this descriptor for us and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What the kernel tells about the program behind `program`.
pub fn program(program: impl AsFd) -> Result<Program> {
    let short = info(program.as_fd().as_raw_fd(), &mut [])?;
    let mut code = vec![0u64; short.translated_size as usize / size_of::<u64>()];
    let full = if code.is_empty() { short } else { info(program.as_fd().as_raw_fd(), &mut code)? };
    // The kernel clears the address when it counts the instructions but will not show them.
    let shown = !code.is_empty() && full.translated != 0;
    Ok(Program {
        id: full.id,
        name: CStr::from_bytes_until_nul(&full.name).unwrap_or_default().to_string_lossy().into_owned(),
        tag: full.tag,
        instructions: shown.then(|| code.iter().map(|word| decode(*word)).collect()),
    })
}

/// One attempt to load. An empty `log` asks the verifier for none.
fn load(name: &str, code: &[u64], log: &mut [u8]) -> Result<OwnedFd, Errno> {
    let mut short = [0u8; NAME_SIZE];
    for (to, from) in short.iter_mut().take(NAME_SIZE - 1).zip(name.bytes()) {
        *to = from;
    }
    let load = ProgLoad {
        kind: PROG_TYPE_CGROUP_DEVICE,
        count: u32::try_from(code.len()).map_err(|_| Errno::TOOBIG)?,
        code: code.as_ptr() as u64,
        license: LICENSE.as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: u32::try_from(log.len()).map_err(|_| Errno::TOOBIG)?,
        log: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
        kernel_version: 0,
        flags: 0,
        name: short,
        interface: 0,
        attach_kind: CGROUP_DEVICE,
    };
    let mut attr = Attr::zeroed();
    attr.load = load;
    let fd = bpf(PROG_LOAD, &mut attr)?;
    // SAFETY: the kernel has just made this descriptor for us and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `BPF_OBJ_GET_INFO_BY_FD`, with room for as many instructions as `code` holds.
fn info(program: RawFd, code: &mut [u64]) -> Result<ProgInfo> {
    let mut info = ProgInfo {
        translated_size: size_of_val(code) as u32,
        translated: if code.is_empty() { 0 } else { code.as_mut_ptr() as u64 },
        ..ProgInfo::default()
    };
    let mut attr = Attr::zeroed();
    attr.info = InfoByFd { fd: program, size: size_of::<ProgInfo>() as u32, info: (&raw mut info) as u64 };
    bpf(OBJ_GET_INFO_BY_FD, &mut attr).map_err(|errno| Error::new("bpf(OBJ_GET_INFO_BY_FD)", errno))?;
    Ok(info)
}

/// The call itself. The answer is a descriptor or zero, by the command.
fn bpf(command: u32, attr: &mut Attr) -> Result<RawFd, Errno> {
    // SAFETY: `attr` is one initialised object of the size given. The addresses in it were taken
    // from buffers that the caller of this function still borrows, with their true lengths beside
    // them, and only the log, the ids, the info and its instructions are written through (all
    // taken from mutable borrows).
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attr, size_of::<Attr>()) };
    match RawFd::try_from(result) {
        Ok(answer @ 0..) => Ok(answer),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

/// `struct bpf_insn` as one word of this machine's byte order.
fn encode(instruction: Instruction) -> u64 {
    let [o0, o1] = instruction.offset.to_ne_bytes();
    let [i0, i1, i2, i3] = instruction.immediate.to_ne_bytes();
    let (low, high) = (instruction.destination & 0x0f, instruction.source & 0x0f);
    let registers = if cfg!(target_endian = "little") { low | high << 4 } else { high | low << 4 };
    u64::from_ne_bytes([instruction.code, registers, o0, o1, i0, i1, i2, i3])
}

/// The inverse of [`encode`].
fn decode(word: u64) -> Instruction {
    let [code, registers, o0, o1, i0, i1, i2, i3] = word.to_ne_bytes();
    let (low, high) = (registers & 0x0f, registers >> 4);
    let (destination, source) = if cfg!(target_endian = "little") { (low, high) } else { (high, low) };
    Instruction {
        code,
        destination,
        source,
        offset: i16::from_ne_bytes([o0, o1]),
        immediate: i32::from_ne_bytes([i0, i1, i2, i3]),
    }
}

/// The last lines of the verifier's log, on one line.
fn last_words(log: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(log).unwrap_or_default().to_string_lossy();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("processed ")).collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}

/// `union bpf_attr`, with room beyond the newest kernel's so that nothing it writes can land
/// outside. Older kernels accept a longer attribute as long as the rest is zero.
#[repr(C)]
union Attr {
    whole: [u64; 32],
    load: ProgLoad,
    attach: ProgAttach,
    query: ProgQuery,
    info: InfoByFd,
    id: u32,
}

impl Attr {
    fn zeroed() -> Self {
        Self { whole: [0; 32] }
    }
}

/// `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Clone, Copy)]
struct ProgLoad {
    kind: u32,
    count: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; NAME_SIZE],
    interface: u32,
    attach_kind: u32,
}

/// `BPF_PROG_ATTACH`.
#[repr(C)]
#[derive(Clone, Copy)]
struct ProgAttach {
    target: RawFd,
    program: RawFd,
    kind: u32,
    flags: u32,
}

/// `BPF_PROG_QUERY`.
#[repr(C)]
#[derive(Clone, Copy)]
struct ProgQuery {
    target: RawFd,
    kind: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    _pad: u32,
}

/// `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
#[derive(Clone, Copy)]
struct InfoByFd {
    fd: RawFd,
    size: u32,
    info: u64,
}

/// The head of `struct bpf_prog_info`; the kernel fills as much as there is room for.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct ProgInfo {
    kind: u32,
    id: u32,
    tag: [u8; 8],
    native_size: u32,
    translated_size: u32,
    native: u64,
    translated: u64,
    load_time: u64,
    user: u32,
    map_count: u32,
    maps: u64,
    name: [u8; NAME_SIZE],
}

// Values of linux/bpf.h.
const PROG_LOAD: u32 = 5;
const PROG_ATTACH: u32 = 8;
const PROG_DETACH: u32 = 9;
const PROG_GET_FD_BY_ID: u32 = 13;
const OBJ_GET_INFO_BY_FD: u32 = 15;
const PROG_QUERY: u32 = 16;
const PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 1 << 1;
const QUERY_EFFECTIVE: u32 = 1;
const NAME_SIZE: usize = 16;

/// The kernel runs at most 64 programs of a kind on one cgroup (BPF_CGROUP_MAX_PROGS); its
/// ancestors' come on top.
const MAX_PROGRAMS: usize = 1024;

/// Needed by the call; a device program uses no helper that asks for a GPL program.
const LICENSE: &CStr = c"Apache-2.0";

/// Enough for the verifier's account of a program of some hundred instructions.
const LOG_SIZE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn allow_all() -> [Instruction; 2] {
        [
            Instruction { code: 0xb7, immediate: 1, ..Instruction::default() },
            Instruction { code: 0x95, ..Instruction::default() },
        ]
    }

    #[test]
    fn layouts_are_the_kernels() {
        assert_eq!(size_of::<Instruction>(), 12, "never handed to the kernel as it is");
        assert_eq!(std::mem::offset_of!(ProgLoad, name), 48);
        assert_eq!(std::mem::offset_of!(ProgLoad, attach_kind), 68);
        assert_eq!(std::mem::offset_of!(ProgQuery, ids), 16);
        assert_eq!(std::mem::offset_of!(ProgInfo, translated), 32);
        assert_eq!(std::mem::offset_of!(ProgInfo, name), 64);
        assert!(size_of::<Attr>() >= 168, "bpf_attr of the newest kernel known");
    }

    #[test]
    fn instructions_survive_their_encoding() {
        for one in [
            Instruction { code: 0x61, destination: 2, source: 1, offset: 4, immediate: 0 },
            Instruction { code: 0x55, destination: 3, source: 0, offset: -7, immediate: -1 },
            Instruction { code: 0xb7, destination: 10, source: 10, offset: i16::MIN, immediate: i32::MIN },
        ] {
            assert_eq!(decode(encode(one)), one);
        }
        // mov r0, 1 as every eBPF listing shows it.
        assert_eq!(encode(allow_all()[0]).to_ne_bytes(), [0xb7, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn root_loaded_programs_are_read_back() {
        let loaded = load_device_program("bulkhead_test_name", &allow_all()).unwrap();
        let told = program(&loaded).unwrap();
        assert_eq!(told.name, "bulkhead_test_n");
        assert_eq!(told.instructions.as_deref(), Some(&allow_all()[..]));
        let again = program(open_program(told.id).unwrap()).unwrap();
        assert_eq!(again, told);
    }

    #[test]
    fn root_a_refused_program_comes_with_the_verifiers_reason() {
        // Returns without ever writing r0.
        let error = load_device_program("bad", &allow_all()[1..]).unwrap_err();
        assert!(error.call.contains("R0 !read_ok"), "{error}");
    }
}
