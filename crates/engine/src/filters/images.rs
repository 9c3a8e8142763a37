// SPDX-License-Identifier: Apache-2.0
//! The filters of `images`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Filters, glob, time};
use crate::Engine;
use crate::error::Result;
use crate::images::ImageSummary;

impl Engine {
    /// The images that `filters` let through; `only` is as for [`Engine::images`].
    ///
    /// # Errors
    /// A filter that there is not, a value that makes no sense, an image that `before` or `since` names
    /// and that is not here.
    pub fn images_where(&self, only: Option<&str>, filters: &Filters) -> Result<Vec<ImageSummary>> {
        filters.known(&["before", "dangling", "label", "label!", "reference", "since", "until"])?;
        let dangling = filters.switch("dangling")?;
        let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()).unwrap_or(i64::MAX);
        let until =
            filters.values("until").map(|text| time::moment(text, now)).collect::<Result<Vec<_>>>()?;
        let until: Vec<SystemTime> = until.into_iter().map(moment).collect();
        let before = self.made(filters, "before")?;
        let since = self.made(filters, "since")?;
        let mut images = self.images(only)?;
        images.retain(|image| {
            dangling.is_none_or(|wanted| image.repository.is_none() == wanted)
                && filters.labels("label", &image.labels)
                && filters.without_labels("label!", &image.labels)
                && filters.any("reference", |pattern| refers(image, pattern))
                && until.iter().all(|until| image.created.is_some_and(|made| made < *until))
                && before.is_none_or(|other| image.created.is_some_and(|made| made < other))
                && since.is_none_or(|other| image.created.is_some_and(|made| made > other))
        });
        Ok(images)
    }

    /// When the image that the key names was made; of several the last.
    fn made(&self, filters: &Filters, key: &str) -> Result<Option<SystemTime>> {
        let Some(name) = filters.values(key).last() else { return Ok(None) };
        let id = self.existing(name)?.id.to_string();
        let found = self.images(None)?.into_iter().find(|image| image.id == id);
        Ok(found.and_then(|image| image.created))
    }
}

fn refers(image: &ImageSummary, pattern: &str) -> bool {
    let (Some(repository), tag) = (&image.repository, image.tag.as_deref().unwrap_or_default()) else {
        return false;
    };
    glob::matches(pattern, repository) || glob::matches(pattern, &format!("{repository}:{tag}"))
}

fn moment(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0))
}
