// SPDX-License-Identifier: Apache-2.0
//! The one gate between an image and a container.
//!
//! [`Admitted`] can be made only here, and [`crate::prepare`] takes nothing less, so a caller that
//! skips the gate does not compile. Signatures, findings and policy join the decision with their own
//! crates; today it asks where the image came from and whether it fits this machine.

use runtime::seccomp::ForeignAbi;
use store::Image;

use crate::error::{Error, Result};

/// An image that may be run.
#[derive(Debug)]
pub struct Admitted {
    image: Image,
    provenance: Provenance,
}

/// How an image came to this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// A person loaded or imported it here.
    LoadedHere,
}

impl Admitted {
    /// The image itself.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Where it came from.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Whether its programs enter the kernel by the 32-bit way.
    pub fn foreign_abi(&self) -> ForeignAbi {
        if self.image.config.architecture == SECOND_ARCHITECTURE {
            ForeignAbi::Allowed
        } else {
            ForeignAbi::Refused
        }
    }
}

/// Lets `image` through, or says why not.
pub fn admit(image: Image, provenance: Provenance) -> Result<Admitted> {
    let architecture = image.config.architecture.as_str();
    if !["", HOST_ARCHITECTURE, SECOND_ARCHITECTURE].contains(&architecture) {
        return Err(Error::Invalid {
            what: format!("the image is for {architecture}"),
            reason: format!("this machine is {HOST_ARCHITECTURE}"),
        });
    }
    if !image.config.os.is_empty() && image.config.os != "linux" {
        return Err(Error::Invalid {
            what: format!("the image is for {}", image.config.os),
            reason: "this machine runs Linux".into(),
        });
    }
    Ok(Admitted { image, provenance })
}

/// In the image specification's words (GOARCH).
const HOST_ARCHITECTURE: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    std::env::consts::ARCH
};
/// What this machine runs besides.
const SECOND_ARCHITECTURE: &str = if cfg!(target_arch = "x86_64") {
    "386"
} else if cfg!(target_arch = "aarch64") {
    "arm"
} else {
    HOST_ARCHITECTURE
};
