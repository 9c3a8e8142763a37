// SPDX-License-Identifier: Apache-2.0
//! Limits that a cgroup keeps.

use clap::Args;
use engine::request::{Danger, DeviceRate, LimitsRequest, RateKind, Resources};

use crate::flags::bounds::{self, Bound};
use crate::flags::rates::{self, Rate};
use crate::flags::{cpus, numbers, sizes};

/// What the container may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
#[group(id = "limits", multiple = true)]
pub(crate) struct Flags {
    /// Memory; -1 for no bound
    #[arg(short, long, value_name = "SIZE", value_parser = bounds::memory)]
    memory: Option<Bound>,
    /// Memory and swap together; -1 for as much swap as there is
    #[arg(long, value_name = "SIZE", value_parser = bounds::swap)]
    memory_swap: Option<Bound>,
    /// Memory that the container is pressed back to when the host runs short
    #[arg(long, value_name = "SIZE", value_parser = sizes::parse)]
    memory_reservation: Option<u64>,
    /// Have processes wait for memory instead of killing one
    #[arg(long)]
    oom_kill_disable: bool,
    /// Processors, as in 0.5
    #[arg(long, value_name = "NUMBER", value_parser = cpus::parse)]
    cpus: Option<u64>,
    /// Weight against other containers when processors are short
    #[arg(short, long, value_name = "WEIGHT", value_parser = numbers::count)]
    cpu_shares: Option<u64>,
    /// The processors to run on, as in 0-3,5
    #[arg(long, value_name = "LIST", value_parser = cpus::list)]
    cpuset_cpus: Option<String>,
    /// The memory nodes to use, as in 0,1
    #[arg(long, value_name = "LIST", value_parser = cpus::list)]
    cpuset_mems: Option<String>,
    /// Processes and threads; -1 for no bound
    #[arg(long, value_name = "NUMBER", value_parser = bounds::tasks)]
    pids_limit: Option<Bound>,
    /// Weight against other containers when disks are busy, 10 to 1000
    #[arg(long, value_name = "WEIGHT", value_parser = bounds::weight)]
    blkio_weight: Option<u16>,
    /// Bytes a second read from a device; may be given more than once
    #[arg(long, value_name = "DEVICE:SIZE", value_parser = rates::bytes)]
    device_read_bps: Vec<Rate>,
    /// Bytes a second written to a device; may be given more than once
    #[arg(long, value_name = "DEVICE:SIZE", value_parser = rates::bytes)]
    device_write_bps: Vec<Rate>,
    /// Reads a second from a device; may be given more than once
    #[arg(long, value_name = "DEVICE:NUMBER", value_parser = rates::operations)]
    device_read_iops: Vec<Rate>,
    /// Writes a second to a device; may be given more than once
    #[arg(long, value_name = "DEVICE:NUMBER", value_parser = rates::operations)]
    device_write_iops: Vec<Rate>,
}

impl Flags {
    pub(crate) fn request(self) -> LimitsRequest {
        let mut unbounded = Vec::new();
        let resources = Resources {
            memory_max: bound(self.memory, "--memory -1", &mut unbounded),
            memory_swap: self.memory_swap.and_then(|bound| match bound {
                Bound::At(bytes) => said(Some(bytes)).map(u64::cast_signed),
                Bound::None => Some(-1),
            }),
            memory_reservation: said(self.memory_reservation),
            oom_kill_disable: self.oom_kill_disable,
            nano_cpus: said(self.cpus),
            cpu_shares: said(self.cpu_shares),
            cpuset_cpus: super::said(self.cpuset_cpus),
            cpuset_mems: super::said(self.cpuset_mems),
            pids_max: bound(self.pids_limit, "--pids-limit -1", &mut unbounded),
            blkio_weight: self.blkio_weight.filter(|weight| *weight > 0),
            ..Resources::default()
        };
        let device_rates = [
            (RateKind::ReadBps, self.device_read_bps),
            (RateKind::WriteBps, self.device_write_bps),
            (RateKind::ReadIops, self.device_read_iops),
            (RateKind::WriteIops, self.device_write_iops),
        ];
        let device_rates = device_rates
            .into_iter()
            .flat_map(|(kind, rates)| rates.into_iter().map(move |rate| of_kind(rate, kind)));
        LimitsRequest { resources, device_rates: device_rates.collect(), unbounded }
    }
}

fn bound(given: Option<Bound>, words: &str, unbounded: &mut Vec<Danger>) -> Option<u64> {
    match given? {
        Bound::At(number) => Some(number),
        Bound::None => {
            unbounded.push(Danger::asked_by(words));
            None
        }
    }
}

/// Docker takes 0 for "not said" where there is no bound to begin with.
fn said(number: Option<u64>) -> Option<u64> {
    number.filter(|number| *number > 0)
}

fn of_kind(rate: Rate, kind: RateKind) -> DeviceRate {
    DeviceRate { device: rate.device, kind, rate: rate.per_second }
}
