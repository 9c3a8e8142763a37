// SPDX-License-Identifier: Apache-2.0
//! The index of images. A rollback journal and not WAL: it is read by every run and written seldom, and
//! a reader that is alone must not have to rebuild a log first.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, Result, Told};

/// The open index.
#[derive(Debug)]
pub(crate) struct Database {
    db: Connection,
}

/// One image's row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) manifest: Option<String>,
    pub(crate) config: Vec<u8>,
    pub(crate) size: u64,
    pub(crate) added: i64,
}

/// An image that comes in.
#[derive(Debug, Clone)]
pub(crate) struct Added {
    pub(crate) row: Row,
    /// The digests of all content that it is made of, and of layers the diff-id.
    pub(crate) blobs: Vec<(String, Option<String>)>,
    pub(crate) manifest: Origin,
}

/// Where a manifest comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From outside: the newest counts.
    Arrived,
    /// We made it, for want of one: it takes no other's place.
    Made,
}

impl Database {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let step = "open the index of images";
        let db = Connection::open(root.join("images.db")).told(step)?;
        db.busy_timeout(std::time::Duration::from_secs(10)).told(step)?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).told(step)?;
        match version {
            VERSION => {}
            0 | 1 => db.execute_batch(SCHEMA).told("make the index of images")?,
            other => {
                return Err(Error::invalid(format!(
                    "the index of images has format {other} and this program knows {VERSION}; use the program that wrote it"
                )));
            }
        }
        Ok(Self { db })
    }

    /// The image that has the name `reference`, in its canonical form.
    pub(crate) fn named(&self, reference: &str) -> Result<Option<Row>> {
        let sql = "SELECT id, manifest, config, size, added FROM image JOIN name ON name.image = image.id WHERE name.reference = ?1";
        self.db.query_row(sql, [reference], row).optional().told("look the image up")
    }

    /// Images whose id or manifest digest begins with these hex digits, at most two.
    pub(crate) fn with_prefix(&self, digits: &str) -> Result<Vec<Row>> {
        let step = "look the image up";
        let sql = "SELECT id, manifest, config, size, added FROM image
                   WHERE substr(id, 8, ?2) = ?1 OR substr(manifest, 8, ?2) = ?1 LIMIT 2";
        let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
        let mut query = self.db.prepare(sql).told(step)?;
        let rows = query.query_map(params![digits, length], row).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    /// All images, the newest first.
    pub(crate) fn all(&self) -> Result<Vec<Row>> {
        let step = "list the images";
        let mut query = self
            .db
            .prepare("SELECT id, manifest, config, size, added FROM image ORDER BY added DESC, id")
            .told(step)?;
        let rows = query.query_map([], row).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    /// The names of the image `id`.
    pub(crate) fn names(&self, id: &str) -> Result<Vec<String>> {
        let step = "list the image's names";
        let mut query =
            self.db.prepare("SELECT reference FROM name WHERE image = ?1 ORDER BY reference").told(step)?;
        let rows = query.query_map([id], |row| row.get(0)).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    /// Adds images and names in one transaction; a name moves to the new image.
    pub(crate) fn add(&mut self, images: &[Added], names: &[(String, String)]) -> Result<()> {
        let step = "add to the index of images";
        let transaction = self.db.transaction().told(step)?;
        for Added { row: image, blobs, manifest } in images {
            transaction
                .execute(
                    "INSERT INTO image (id, manifest, config, size, added) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (id) DO UPDATE SET manifest =
                     CASE WHEN ?6 THEN coalesce(manifest, excluded.manifest) ELSE excluded.manifest END",
                    params![
                        image.id,
                        image.manifest,
                        image.config,
                        i64::try_from(image.size).unwrap_or(i64::MAX),
                        image.added,
                        *manifest == Origin::Made
                    ],
                )
                .told(step)?;
            for (blob, diff_id) in blobs {
                let sql = "INSERT OR IGNORE INTO blob (image, digest, diff_id) VALUES (?1, ?2, ?3)";
                transaction.execute(sql, params![image.id, blob, diff_id]).told(step)?;
            }
        }
        for (reference, image) in names {
            transaction
                .execute(
                    "INSERT INTO name (reference, image) VALUES (?1, ?2) ON CONFLICT (reference) DO UPDATE SET image = excluded.image",
                    [reference, image],
                )
                .told(step)?;
        }
        transaction.commit().told(step)
    }

    /// The digests of all content that some image is made of.
    pub(crate) fn blobs(&self) -> Result<Vec<String>> {
        let step = "list the images' content";
        let mut query = self.db.prepare("SELECT DISTINCT digest FROM blob").told(step)?;
        let rows = query.query_map([], |row| row.get(0)).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    /// The digests of all content that the image `id` is made of.
    pub(crate) fn blobs_of(&self, id: &str) -> Result<Vec<String>> {
        let step = "list the image's content";
        let mut query = self.db.prepare("SELECT digest FROM blob WHERE image = ?1").told(step)?;
        let rows = query.query_map([id], |row| row.get(0)).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    /// Whether the content `digest` was found to be the layer `diff_id` when it came.
    pub(crate) fn is_pair(&self, digest: &str, diff_id: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM blob WHERE digest = ?1 AND diff_id = ?2 LIMIT 1";
        let found = self.db.query_row(sql, [digest, diff_id], |_| Ok(())).optional();
        Ok(found.told("look for a layer's content")?.is_some())
    }

    /// The content of the layers of the image `id`, each with its diff-id.
    pub(crate) fn pairs(&self, id: &str) -> Result<HashSet<(String, String)>> {
        let step = "list the image's layers";
        let sql = "SELECT digest, diff_id FROM blob WHERE image = ?1 AND diff_id IS NOT NULL";
        let mut query = self.db.prepare(sql).told(step)?;
        let rows = query.query_map([id], |row| Ok((row.get(0)?, row.get(1)?))).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    pub(crate) fn untag(&self, reference: &str) -> Result<()> {
        self.db.execute("DELETE FROM name WHERE reference = ?1", [reference]).told("remove the name")?;
        Ok(())
    }

    pub(crate) fn remove(&self, id: &str) -> Result<()> {
        let step = "remove the image";
        let transaction = self.db.unchecked_transaction().told(step)?;
        transaction.execute("DELETE FROM name WHERE image = ?1", [id]).told(step)?;
        transaction.execute("DELETE FROM blob WHERE image = ?1", [id]).told(step)?;
        transaction.execute("DELETE FROM image WHERE id = ?1", [id]).told(step)?;
        transaction.commit().told(step)
    }
}

fn row(row: &rusqlite::Row<'_>) -> std::result::Result<Row, rusqlite::Error> {
    Ok(Row {
        id: row.get(0)?,
        manifest: row.get(1)?,
        config: row.get(2)?,
        size: row.get::<_, i64>(3)?.unsigned_abs(),
        added: row.get(4)?,
    })
}

/// 2: `blob`. An image of version 1 has no rows there.
const VERSION: i64 = 2;
const SCHEMA: &str = "
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS image (
    id TEXT PRIMARY KEY NOT NULL,
    manifest TEXT,
    config BLOB NOT NULL,
    size INTEGER NOT NULL,
    added INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS name (
    reference TEXT PRIMARY KEY NOT NULL,
    image TEXT NOT NULL REFERENCES image (id)
) STRICT;
CREATE INDEX IF NOT EXISTS name_image ON name (image);
CREATE TABLE IF NOT EXISTS blob (
    image TEXT NOT NULL REFERENCES image (id),
    digest TEXT NOT NULL,
    diff_id TEXT,
    PRIMARY KEY (image, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS blob_digest ON blob (digest);
PRAGMA user_version = 2;
COMMIT;
";
