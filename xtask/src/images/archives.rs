// SPDX-License-Identifier: Apache-2.0
//! Image archives that other tools made.

use std::path::Path;

use super::Shelf;
use crate::command::program;
use crate::failure::{Result, While};
use crate::packages;
use crate::peers::{Docker, Podman};

/// Builds one image with docker and writes it in every form that docker, podman and skopeo have.
pub(super) fn make(shelf: &Shelf, context: &Path) -> Result<()> {
    let dockerfile = context.join("Dockerfile");
    let text = std::fs::read_to_string(&dockerfile).cannot(|| format!("read {}", dockerfile.display()))?;
    let makers = packages::versions(&["docker.io", "podman", "skopeo"])?;
    shelf.keep(&NAMES, &format!("{makers}\n{text}"), |work| {
        let copy = |from: &Path, to: &str| std::fs::copy(from, work.join(to)).cannot(|| format!("copy {to}"));
        std::fs::create_dir(work.join("context")).cannot(|| "make a build context")?;
        copy(&dockerfile, "context/Dockerfile")?;
        copy(&shelf.path("minimal.tar"), "context/minimal.tar")?;
        by_docker(work)?;
        by_podman(work)?;
        by_skopeo(work, "layers.oci", "gzip")?;
        by_skopeo(work, "layers.zstd.oci", "zstd")
    })
}

fn by_docker(work: &Path) -> Result<()> {
    let docker = Docker::start(&work.join("docker"))?;
    docker
        .client(["build", "--quiet", "--network=none", "--tag", IMAGE, "context"])
        .within_directory(work)
        .run_quietly()?;
    docker.client(["save", "--output", "layers.docker.tar", IMAGE]).within_directory(work).run_quietly()
}

fn by_podman(work: &Path) -> Result<()> {
    let podman = Podman::prepare(&work.join("podman"))?;
    podman.client(["load", "--input", "layers.docker.tar"]).within_directory(work).run_quietly()?;
    for (format, file) in [("docker-archive", "layers.podman.tar"), ("oci-archive", "layers.podman-oci.tar")]
    {
        podman
            .client(["save", "--format", format, "--output", file, IMAGE])
            .within_directory(work)
            .run_quietly()?;
    }
    Ok(())
}

fn by_skopeo(work: &Path, layout: &str, compression: &str) -> Result<()> {
    program(
        "skopeo",
        ["copy", "--insecure-policy", "--quiet", "--dest-compress", "--dest-compress-format", compression],
    )
    .arg("docker-archive:layers.docker.tar")
    .arg(format!("oci:{layout}:{IMAGE}"))
    .within_directory(work)
    .run_quietly()
}

/// The first is what the recipe is kept by.
const NAMES: [&str; 5] =
    ["layers.docker.tar", "layers.podman.tar", "layers.podman-oci.tar", "layers.oci", "layers.zstd.oci"];

const IMAGE: &str = "layers:1";
