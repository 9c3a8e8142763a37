// SPDX-License-Identifier: Apache-2.0
//! An image made from files that the program carries, so that the first command works on a machine
//! without registry and network.

use oci::config::{ImageConfig, Process, RootFs};
use oci::{Digest, Reference};

use crate::error::Result;
use crate::import::{ARCHITECTURE, Expected};
use crate::tar::write::Writer;
use crate::{Image, Store};

/// One file of such an image.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedFile<'a> {
    /// Without a leading slash; a directory when it ends in one.
    pub path: &'a str,
    /// Permission bits.
    pub mode: u32,
    /// What it says.
    pub content: &'a [u8],
}

impl Store {
    /// The image `reference` of exactly these files, made when it is not here. The same files give the
    /// same image.
    pub fn embedded(
        &self,
        reference: &Reference,
        files: &[EmbeddedFile<'_>],
        process: &Process,
    ) -> Result<Image> {
        let mut writer = Writer::default();
        for file in files {
            if file.path.ends_with('/') {
                writer.directory(file.path, file.mode);
            } else {
                writer.file(file.path, file.mode, file.content);
            }
        }
        let tar = writer.finish();
        let diff_id = Digest::sha256_of(&tar);
        if let Some(image) = self.image(&reference.to_string())?
            && image.layers == [diff_id.clone()]
            && image.config.config == *process
        {
            return Ok(image);
        }
        let intake = self.intake()?;
        let expected = Expected { diff_id: Some(&diff_id), ..Expected::default() };
        let (diff_id, layer) = intake.take_stream(&tar[..], expected, "of the program's own image")?;
        let config = ImageConfig {
            architecture: ARCHITECTURE.to_owned(),
            os: "linux".to_owned(),
            config: process.clone(),
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
            ..ImageConfig::default()
        };
        intake.finish_image(&config, layer, std::slice::from_ref(reference))?;
        self.existing(&reference.to_string())
    }
}
