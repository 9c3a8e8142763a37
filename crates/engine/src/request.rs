// SPDX-License-Identifier: Apache-2.0
//! What a person asked for, in the engine's own terms. Front doors fill this in and decide nothing.
//!
//! `None` always means "not said": the image or the default answers then, in
//! [`crate::prepare`]. Every field that takes a wall down carries a [`Danger`] with the words that
//! asked for it, so that `inspect` and `walls` can show them for as long as the container lives.

use std::path::PathBuf;

pub use kernel::caps::Caps;
pub use runtime::cgroup::Resources;
pub use runtime::danger::Danger;
use serde::{Deserialize, Serialize};

/// `bulkhead run` and, later, `POST /containers/create`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunRequest {
    /// The image: a reference or the beginning of an id.
    pub image: String,
    /// Replaces the image's `Cmd` when not empty.
    pub command: Vec<String>,
    /// `--name`; made up when absent.
    pub name: Option<String>,
    /// `--rm`.
    pub afterwards: Afterwards,
    /// `-i`: standard input stays connected until its end.
    pub stdin: Stdin,
    /// `-t`: a terminal instead of pipes.
    pub terminal: Terminal,
    /// `--cidfile`: written with the id, must not exist yet.
    pub cidfile: Option<PathBuf>,
    /// `-l`, `--label`: in order, later ones win.
    pub labels: Vec<(String, String)>,
    /// What runs inside.
    pub process: ProcessRequest,
    /// `--log-driver` and `--log-opt`.
    pub log: LogRequest,
    /// What it sees of files.
    pub files: FilesRequest,
    /// What it may use.
    pub limits: LimitsRequest,
    /// What separates it from the host.
    pub isolation: IsolationRequest,
}

/// The first process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ProcessRequest {
    /// `--entrypoint`: replaces the image's; `Some("")` clears it.
    pub entrypoint: Option<String>,
    /// `-e` and `--env-file`, in order; `(name, None)` removes what the image sets.
    pub env: Vec<(String, Option<String>)>,
    /// `-w`: absolute.
    pub workdir: Option<String>,
    /// `-u`: `user[:group]`, names or numbers.
    pub user: Option<String>,
    /// `--group-add`: names or numbers.
    pub groups: Vec<String>,
    /// `--init`: our own init as process 1.
    pub init: Init,
    /// `--stop-signal`: a signal number.
    pub stop_signal: Option<i32>,
    /// `--stop-timeout`: seconds; negative means for ever.
    pub stop_timeout: Option<i64>,
    /// `--ulimit`.
    pub ulimits: Vec<Ulimit>,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// `--domainname`.
    pub domainname: Option<String>,
}

/// `--ulimit name=soft[:hard]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// The limit's name without `RLIMIT_`, lower case: `nofile`.
    pub name: String,
    /// In the limit's own unit; `None` is unlimited.
    pub soft: Option<u64>,
    /// In the limit's own unit; `None` is unlimited.
    pub hard: Option<u64>,
}

/// Where output is written down.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LogRequest {
    /// `--log-driver`; files in Docker's form when absent.
    pub driver: Option<String>,
    /// `--log-opt`.
    pub options: Vec<(String, String)>,
}

impl LogRequest {
    /// What was asked for, or files that cannot fill the disk.
    pub(crate) fn driver(&self) -> crate::Result<logs::Driver> {
        let mut options = self.options.clone();
        let driver = self.driver.as_deref().unwrap_or("json-file");
        let said = options.iter().any(|(name, _)| name.starts_with("max-"));
        if self.driver.is_none() && !said {
            options.extend(
                [("max-size", "10m"), ("max-file", "5")].map(|(name, value)| (name.into(), value.into())),
            );
        }
        Ok(logs::Driver::parse(driver, &options)?)
    }
}

/// `bulkhead exec`: another program in a container that runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ExecRequest {
    /// Program and arguments.
    pub command: Vec<String>,
    /// `-e` and `--env-file`, in order; `(name, None)` removes what the container has.
    pub env: Vec<(String, Option<String>)>,
    /// `-w`: absolute; the container's when absent.
    pub workdir: Option<String>,
    /// `-u`: `user[:group]`; the container's when absent.
    pub user: Option<String>,
    /// `-i`.
    pub stdin: Stdin,
    /// `-t`.
    pub terminal: Terminal,
    /// Rows and columns of the terminal, zero when unknown.
    pub window: (u16, u16),
    /// `--privileged`: with every capability.
    pub privileged: Option<Danger>,
}

/// Mounts and devices.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FilesRequest {
    /// `--read-only`.
    pub root: RootAccess,
    /// `-v`, `--mount`, `--tmpfs`, in the order given.
    pub mounts: Vec<MountRequest>,
    /// `--volumes-from`: containers whose volumes and binds come along, and whether only for reading.
    pub volumes_from: Vec<(String, Option<RootAccess>)>,
    /// `--danger-bind`: paths of the host that give power over it may be mounted.
    pub host_paths: Option<Danger>,
    /// `--device`.
    pub devices: Vec<DeviceRequest>,
    /// `--shm-size`: bytes.
    pub shm_size: Option<u64>,
}

/// One mount a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRequest {
    /// Where, inside: absolute.
    pub target: String,
    /// What.
    pub source: MountSource,
    /// `ro`.
    pub access: RootAccess,
    /// `noexec` or `exec`; the default is `noexec` for tmpfs and exec for the rest.
    pub exec: Option<Exec>,
    /// `rprivate` when absent.
    pub propagation: Option<Propagation>,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountSource {
    /// A path of the host; `create` is Docker's `-v`, which makes a missing directory, where
    /// `--mount` refuses.
    Bind {
        /// Absolute.
        source: PathBuf,
        /// Whether a missing source is made.
        missing: Missing,
        /// Mounts below the source come along unless said otherwise.
        recursive: Recursive,
    },
    /// A fresh tmpfs.
    Tmpfs {
        /// Bytes.
        size: Option<u64>,
        /// Permission bits; when absent, those of the directory it covers, else 0o1777.
        mode: Option<u32>,
        /// User and group inside; root when absent.
        owner: (Option<u32>, Option<u32>),
    },
    /// A volume, made when it is not there.
    Volume {
        /// Which.
        name: VolumeName,
        /// Whether an empty one gets what the image has at the target.
        copy: CopyUp,
        /// A directory in it, which must be there.
        subpath: Option<PathBuf>,
        /// Labels of a volume that is made.
        labels: Vec<(String, String)>,
    },
}

/// Which volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeName {
    /// By its name.
    Named(String),
    /// One for this container alone; the engine makes its name up.
    Anonymous(Option<String>),
}

/// `--device host[:inside[:rwm]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRequest {
    /// On the host.
    pub source: PathBuf,
    /// Inside.
    pub target: String,
    /// Some of `r`, `w`, `m`.
    pub access: String,
}

/// Limits, in the units of the cgroup module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LimitsRequest {
    /// The resources that a cgroup bounds. `None` fields are not said.
    pub resources: Resources,
    /// `--blkio-weight-device`-like pairs and the four `--device-*-*` come as paths and are looked up
    /// by `prepare`.
    pub device_rates: Vec<DeviceRate>,
    /// `--pids-limit -1` or `-m -1`: a bound that is on by default and was taken away.
    pub unbounded: Vec<Danger>,
}

/// `--device-read-bps` and its three kin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRate {
    /// The device on the host.
    pub device: PathBuf,
    /// Which of the four.
    pub kind: RateKind,
    /// Bytes or operations a second.
    pub rate: u64,
}

/// Which rate of a device is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the flags'")]
pub enum RateKind {
    ReadBps,
    WriteBps,
    ReadIops,
    WriteIops,
}

/// Namespaces and the walls of the kernel.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct IsolationRequest {
    /// `--privileged`.
    pub privileged: Option<Danger>,
    /// `--userns host`.
    pub userns_host: Option<Danger>,
    /// `--pid host`.
    pub pid_host: Option<Danger>,
    /// `--ipc host`.
    pub ipc_host: Option<Danger>,
    /// `--uts host`.
    pub uts_host: Option<Danger>,
    /// `--cgroupns host`.
    pub cgroupns_host: Option<Danger>,
    /// `--network host`; otherwise none.
    pub network_host: Option<Danger>,
    /// `--cap-add`: names without `CAP_`, upper case, or `ALL`; each with what asked for it.
    pub cap_add: Vec<(String, Danger)>,
    /// `--cap-drop`: names without `CAP_`, upper case, or `ALL`.
    pub cap_drop: Vec<String>,
    /// `--sysctl`.
    pub sysctls: Vec<(String, String)>,
    /// `--security-opt seccomp=`.
    pub seccomp: SeccompRequest,
    /// `--security-opt landlock=off`.
    pub landlock_off: Option<Danger>,
    /// `--security-opt no-new-privileges=false`.
    pub new_privileges: Option<Danger>,
    /// `--security-opt systempaths=unconfined`: no masks.
    pub unmasked: Option<Danger>,
    /// `--security-opt apparmor=PROFILE`.
    pub apparmor: Option<String>,
    /// The drill only: every device may be opened, whatever the device program says.
    pub all_devices: Option<Danger>,
    /// The drill only: the root file system honours set-user-id bits and device nodes.
    pub loose_mounts: Option<Danger>,
    /// `--security-opt view=host`: the host's own /proc/meminfo and the rest.
    pub view_host: Option<Danger>,
    /// The same words: the host's clocks since boot.
    pub time_host: Option<Danger>,
}

/// `--security-opt seccomp=…`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub enum SeccompRequest {
    /// The built-in policy.
    #[default]
    Default,
    /// A profile in Docker's JSON form (its text), with the path it came from.
    Profile {
        /// Where it was read.
        path: PathBuf,
        /// What it said.
        json: String,
    },
    /// `unconfined`.
    Off(Danger),
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident, $(#[$second_doc:meta])* $second:ident }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub enum $name {
            $(#[$first_doc])*
            #[default]
            $first,
            $(#[$second_doc])*
            $second,
        }
    };
}

choice!(/// What becomes of the container when its process ends.
    Afterwards { /// It stays until it is removed.
        Keep, /// `--rm`.
        Remove });
choice!(/// Standard input of the first process.
    Stdin { /// /dev/null.
        Closed, /// `-i`.
        Open });
choice!(/// Where its output goes.
    Terminal { /// Pipes or files, as the caller's own.
        None, /// `-t`.
        Allocate });
choice!(/// Process 1.
    Init { /// The image's own program.
        None, /// `--init`: ours, which reaps and passes signals on.
        Ours });
choice!(/// Whether a file tree can be written.
    RootAccess { /// As its owners allow.
        ReadWrite, /// Not at all.
        ReadOnly });
choice!(/// Whether programs can be started from a mount.
    Exec { /// They can.
        Allowed, /// They cannot.
        Refused });
choice!(/// A bind source that does not exist.
    Missing { /// Is an error.
        Refuse, /// Becomes an empty directory.
        MakeDirectory });
choice!(/// An empty volume over files of the image.
    CopyUp { /// Gets them.
        Yes, /// Stays empty.
        No });
choice!(/// Mounts below a bind source.
    Recursive { /// Come along.
        Yes, /// Stay out.
        No });

/// Mount propagation, as in mount_namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are mount(8)'s")]
pub enum Propagation {
    Private,
    RPrivate,
    Shared,
    RShared,
    Slave,
    RSlave,
}
