// SPDX-License-Identifier: Apache-2.0
//! The container's clocks (time_namespaces(7)).

use std::os::fd::AsFd;
use std::path::Path;

use kernel::fork::Namespaces;
use kernel::root::Links;
use kernel::rustix::fs::{Mode, OFlags};
use kernel::rustix::process::{DumpableBehavior, set_dumpable_behavior};
use kernel::rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use kernel::rustix::time::{ClockId, clock_gettime};

use super::Jail;
use crate::error::{Result, Step};
use crate::spec::Wall;

impl Jail<'_> {
    /// Clocks that count from the container's start, so that they do not tell the host's uptime.
    pub(super) fn own_clocks(&mut self) -> Result<()> {
        if let Wall::Down(_) = self.spec.namespaces.time {
            return Ok(());
        }
        let step = || "start the container's clocks at zero";
        kernel::fork::unshare(Namespaces::TIME).step(step)?;
        let [monotonic, boottime] =
            [ClockId::Monotonic, ClockId::Boottime].map(|clock| clock_gettime(clock).tv_sec);
        let lines = format!("monotonic -{monotonic} 0\nboottime -{boottime} 0\n");
        // The file belongs to whoever may look into this process. While it is not dumpable that is
        // the host's root; nobody else is in this user namespace yet who could use the moment.
        set_dumpable_behavior(DumpableBehavior::Dumpable).step(step)?;
        let file = kernel::root::open_in(
            self.proc()?,
            Path::new("self/timens_offsets"),
            OFlags::WRONLY,
            Mode::empty(),
            Links::SameMount,
        )
        .step(step);
        set_dumpable_behavior(DumpableBehavior::NotDumpable).step(step)?;
        kernel::rustix::io::write(file?, lines.as_bytes()).step(step)?;
        self.enter_time_namespace()?;
        self.clock.set_back(monotonic);
        Ok(())
    }

    /// Since Linux 6.3 execve(2) would do it (2b5f9dad32ed); before, only children entered.
    fn enter_time_namespace(&self) -> Result<()> {
        let step = || "enter the time namespace";
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let links =
            kernel::root::open_in(self.proc()?, Path::new("self/ns"), flags, Mode::empty(), Links::SameMount)
                .step(step)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let namespace =
            kernel::rustix::fs::openat(&links, "time_for_children", flags, Mode::empty()).step(step)?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Time)).step(step)
    }
}
