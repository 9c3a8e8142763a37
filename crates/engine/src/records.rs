// SPDX-License-Identifier: Apache-2.0
//! The record of containers: `containers.db` (SQLite, WAL) in the state root.
//!
//! ```text
//! container  id (64 hex)  name (unique)  slot (unique: which range of ids)  state  created  finished
//!            pid  exit_code  image  image_name  command  afterwards  details (JSON)
//! ```
//!
//! A row is there before anything of the container is, and goes after everything of it is gone, so
//! whatever a killed command leaves can be found from here. Whether a row's monitor still lives is
//! asked of the lock on the container's directory, never of a process number.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};

/// The open database.
#[derive(Debug)]
pub(crate) struct Records {
    db: Connection,
}

/// One container.
#[derive(Debug, Clone)]
pub struct Record {
    /// 64 hex digits.
    pub id: String,
    /// Unique.
    pub name: String,
    /// Which range of host ids it has.
    pub slot: u32,
    /// Where in its life it is.
    pub state: State,
    /// Seconds since 1970.
    pub created: i64,
    /// The first process, outside, while it runs.
    pub pid: Option<i32>,
    /// How it ended.
    pub exit_code: Option<i32>,
    /// The image's id.
    pub image: String,
    /// The image as it was asked for.
    pub image_name: String,
    /// The command line, for listings.
    pub command: String,
    /// Whether it goes when it ends.
    pub removed_afterwards: bool,
    /// The rest.
    pub details: Details,
}

/// What `inspect` and `walls` show beyond the columns.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Walls that were lowered: which, and what asked for it.
    pub lowered: Vec<(String, String)>,
    /// Walls that this host cannot put up: which, and why.
    pub absent: Vec<(String, String)>,
    /// Working directory.
    pub workdir: String,
    /// User as asked for.
    pub user: String,
}

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its row is there, its process not yet.
    Created,
    /// Its process runs.
    Running,
    /// Its process has ended.
    Exited,
}

impl State {
    /// Docker's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "running" => Self::Running,
            "exited" => Self::Exited,
            _ => Self::Created,
        }
    }
}

impl Records {
    /// Opens the database in `root`, making it when it is not there.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let step = "open the record of containers";
        let db = Connection::open(root.join("containers.db")).told(step)?;
        db.busy_timeout(std::time::Duration::from_secs(10)).told(step)?;
        // A checkpoint at every close would cost each run an fsync.
        db.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).told(step)?;
        db.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -64;").told(step)?;
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).told(step)?;
        match version {
            VERSION => {}
            0 => db.execute_batch(SCHEMA).told("make the record of containers")?,
            other => {
                return Err(Error::Invalid {
                    what: format!("the record of containers in {} has format {other}", root.display()),
                    reason: format!("this program knows format {VERSION}; use the program that wrote it"),
                });
            }
        }
        Ok(Self { db })
    }

    /// Takes a name and a range of ids for a new container.
    pub(crate) fn insert(&mut self, new: &NewRecord<'_>) -> Result<u32> {
        let step = "record the container";
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate).told(step)?;
        let holder: Option<String> = transaction
            .query_row("SELECT id FROM container WHERE name = ?1", [new.name], |row| row.get(0))
            .optional()
            .told(step)?;
        if let Some(id) = holder {
            return Err(Error::NameInUse { name: new.name.to_owned(), id: id[..12].to_owned() });
        }
        let slot: u32 = transaction.query_row(FREE_SLOT, [], |row| row.get(0)).told(step)?;
        if slot >= SLOTS {
            return Err(Error::Invalid {
                what: "one container more".into(),
                reason: format!("all {SLOTS} ranges of ids are taken; remove containers that have ended"),
            });
        }
        let details = serde_json::to_string(new.details).unwrap_or_else(|_| "{}".to_owned());
        transaction
            .execute(
                "INSERT INTO container (id, name, slot, state, created, image, image_name, command, afterwards, details)
                 VALUES (?1, ?2, ?3, 'created', unixepoch(), ?4, ?5, ?6, ?7, ?8)",
                params![new.id, new.name, slot, new.image, new.image_name, new.command, new.removed_afterwards, details],
            )
            .told(step)?;
        transaction.commit().told(step)?;
        Ok(slot)
    }

    /// The container's process runs.
    pub(crate) fn started(&self, id: &str, pid: i32) -> Result<()> {
        self.change("UPDATE container SET state = 'running', pid = ?2 WHERE id = ?1", params![id, pid])
    }

    /// The container's process has ended.
    pub(crate) fn ended(&self, id: &str, code: Option<i32>) -> Result<()> {
        self.change(
            "UPDATE container SET state = 'exited', pid = NULL, exit_code = ?2, finished = unixepoch() WHERE id = ?1",
            params![id, code],
        )
    }

    /// Everything of the container is gone.
    pub(crate) fn remove(&self, id: &str) -> Result<()> {
        self.change("DELETE FROM container WHERE id = ?1", params![id])
    }

    /// All containers, newest first.
    pub(crate) fn all(&self) -> Result<Vec<Record>> {
        let step = "list the containers";
        let mut query = self.db.prepare(&format!("{SELECT} ORDER BY created DESC, rowid DESC")).told(step)?;
        let rows = query.query_map([], record).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    /// The container called `name`, or whose id begins with it when only one does.
    pub(crate) fn find(&self, name: &str) -> Result<Record> {
        let step = "find the container";
        let by_name = self.db.query_row(&format!("{SELECT} WHERE name = ?1 OR id = ?1"), [name], record).optional().told(step)?;
        if let Some(record) = by_name {
            return Ok(record);
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::NoSuchContainer { name: name.to_owned() });
        }
        let mut query = self.db.prepare(&format!("{SELECT} WHERE substr(id, 1, ?2) = ?1 LIMIT 2")).told(step)?;
        let length = i64::try_from(name.len()).unwrap_or(i64::MAX);
        let found: Vec<Record> = query
            .query_map(params![name, length], record)
            .told(step)?
            .collect::<std::result::Result<_, _>>()
            .told(step)?;
        match <[Record; 1]>::try_from(found) {
            Ok([record]) => Ok(record),
            Err(none) if none.is_empty() => Err(Error::NoSuchContainer { name: name.to_owned() }),
            Err(_) => Err(Error::Invalid { what: format!("`{name}`"), reason: "more than one container's id begins so".into() }),
        }
    }

    /// Ids of containers that are not known to have ended.
    pub(crate) fn unfinished(&self) -> Result<Vec<Record>> {
        let step = "list the containers";
        let mut query = self.db.prepare(&format!("{SELECT} WHERE state != 'exited' OR afterwards")).told(step)?;
        let rows = query.query_map([], record).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    /// Whether there is a container of this id.
    pub(crate) fn knows(&self, id: &str) -> Result<bool> {
        self.db.prepare("SELECT 1 FROM container WHERE id = ?1").and_then(|mut query| query.exists([id])).told("find the container")
    }

    /// Names of containers that use the image `id`.
    pub(crate) fn users_of(&self, image: &str) -> Result<Vec<String>> {
        let step = "find the image's containers";
        let mut query = self.db.prepare("SELECT name FROM container WHERE image = ?1").told(step)?;
        let rows = query.query_map([image], |row| row.get(0)).told(step)?;
        rows.collect::<std::result::Result<_, _>>().told(step)
    }

    fn change(&self, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<()> {
        let mut prepared = self.db.prepare(statement).told("change the container's record")?;
        prepared.execute(values).told("change the container's record")?;
        Ok(())
    }
}

/// A container that is about to be made.
#[derive(Debug)]
pub(crate) struct NewRecord<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) image: &'a str,
    pub(crate) image_name: &'a str,
    pub(crate) command: &'a str,
    pub(crate) removed_afterwards: bool,
    pub(crate) details: &'a Details,
}

fn record(row: &Row<'_>) -> std::result::Result<Record, rusqlite::Error> {
    let details: String = row.get("details")?;
    Ok(Record {
        id: row.get("id")?,
        name: row.get("name")?,
        slot: row.get("slot")?,
        state: State::parse(row.get_ref("state")?.as_str()?),
        created: row.get("created")?,
        pid: row.get("pid")?,
        exit_code: row.get("exit_code")?,
        image: row.get("image")?,
        image_name: row.get("image_name")?,
        command: row.get("command")?,
        removed_afterwards: row.get("afterwards")?,
        details: serde_json::from_str(&details).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
        })?,
    })
}

const SELECT: &str = "SELECT id, name, slot, state, created, pid, exit_code, image, image_name, command, afterwards, details FROM container";

/// The lowest number that no container has.
const FREE_SLOT: &str = "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM container WHERE slot = 0) THEN 0
    ELSE (SELECT min(slot) + 1 FROM container AS taken
          WHERE NOT EXISTS (SELECT 1 FROM container WHERE slot = taken.slot + 1)) END";

/// How many ranges of 65,536 ids lie between [`crate::prepare::FIRST_ID`] and 2^31.
pub(crate) const SLOTS: u32 = 4096;

const VERSION: i64 = 1;

const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS container (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT UNIQUE NOT NULL,
    slot INTEGER UNIQUE NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    finished INTEGER,
    pid INTEGER,
    exit_code INTEGER,
    image TEXT NOT NULL,
    image_name TEXT NOT NULL,
    command TEXT NOT NULL,
    afterwards INTEGER NOT NULL,
    details TEXT NOT NULL
) STRICT;
PRAGMA user_version = 1;
COMMIT;
";

#[cfg(test)]
mod tests {
    use super::*;

    fn new<'a>(id: &'a str, name: &'a str, details: &'a Details) -> NewRecord<'a> {
        NewRecord { id, name, image: "i", image_name: "i", command: "true", removed_afterwards: false, details }
    }

    #[test]
    fn slots_are_reused_from_the_lowest() {
        let dir = tempfile::tempdir().unwrap();
        let mut records = Records::open(dir.path()).unwrap();
        let details = Details::default();
        let ids: Vec<String> = (0..4).map(|n| format!("{n:064x}")).collect();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(records.insert(&new(id, &format!("c{n}"), &details)).unwrap() as usize, n);
        }
        records.remove(&ids[1]).unwrap();
        records.remove(&ids[0]).unwrap();
        assert_eq!(records.insert(&new(&"a".repeat(64), "x", &details)).unwrap(), 0);
        assert_eq!(records.insert(&new(&"b".repeat(64), "y", &details)).unwrap(), 1);
        assert_eq!(records.insert(&new(&"c".repeat(64), "z", &details)).unwrap(), 4);
    }

    #[test]
    fn a_name_has_one_holder() {
        let dir = tempfile::tempdir().unwrap();
        let mut records = Records::open(dir.path()).unwrap();
        let details = Details::default();
        records.insert(&new(&"a".repeat(64), "web", &details)).unwrap();
        let error = Records::open(dir.path()).unwrap().insert(&new(&"b".repeat(64), "web", &details)).unwrap_err();
        assert!(matches!(error, Error::NameInUse { .. }));
        assert_eq!(records.find("aaa").unwrap().name, "web");
        assert!(matches!(records.find("abc"), Err(Error::NoSuchContainer { .. })));
    }
}
