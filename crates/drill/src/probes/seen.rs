// SPDX-License-Identifier: Apache-2.0
//! What came of an attempt, and knocking at a system call.

use kernel::probe::Arg;

use super::{Here, errno};
use crate::{Finding, Outcome};

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It went through.
    Open(String),
    /// It did not, as was seen.
    Stopped(String),
    /// The kernel said no: errno, and what was tried when that is not plain.
    Refused(i32, String),
    /// There was nothing of the kind to be had: no wall's merit, unless one that is lifted brings it.
    Absent(String),
    /// It could not be tried.
    Unknown(String),
}

impl Seen {
    /// Open when `open`.
    pub(crate) fn open_if(open: bool, evidence: impl Into<String>) -> Self {
        if open { Self::Open(evidence.into()) } else { Self::Stopped(evidence.into()) }
    }

    /// The kernel said no.
    pub(crate) fn refused(errno: i32) -> Self {
        Self::Refused(errno, String::new())
    }

    /// The kernel said no to `what`.
    pub(crate) fn io(what: &str, error: &std::io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::Refused(errno, what.to_owned()),
            None => Self::Unknown(format!("{what}: {error}")),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Of several tries, the one that says most: an opening, a refusal, a thing that is not there.
    pub(crate) fn most_telling(tries: impl IntoIterator<Item = Self>) -> Self {
        let weight = |seen: &Self| match seen {
            Self::Open(_) => 4,
            Self::Unknown(_) => 3,
            Self::Refused(errno, _) if *errno != errno::ENOENT => 2,
            Self::Stopped(_) => 1,
            Self::Refused(..) | Self::Absent(_) => 0,
        };
        let best =
            tries.into_iter().reduce(|best, next| if weight(&next) > weight(&best) { next } else { best });
        best.unwrap_or_else(|| Self::Unknown("there was nothing to try it on".to_owned()))
    }

    pub(super) fn finding(self, id: &str) -> Finding {
        let absent = matches!(self, Self::Absent(_));
        let (outcome, evidence, errno) = match self {
            Self::Open(evidence) => (Outcome::Open, evidence, None),
            Self::Stopped(evidence) | Self::Absent(evidence) => (Outcome::Stopped, evidence, None),
            Self::Refused(errno, what) if what.is_empty() => {
                (Outcome::Stopped, errno::words(errno), Some(errno))
            }
            Self::Refused(errno, what) => {
                (Outcome::Stopped, format!("{what}: {}", errno::words(errno)), Some(errno))
            }
            Self::Unknown(evidence) => (Outcome::Unknown, evidence, None),
        };
        Finding { id: id.to_owned(), outcome, evidence, errno, absent }
    }
}

impl Here<'_> {
    /// The call must be refused; any success is an opening.
    pub(super) fn knock(&self, number: i64, arguments: &mut [Arg<'_>]) -> Seen {
        self.knock_until(number, arguments, &[])
    }

    /// The same, where the arguments are wrong on purpose: an errno of `past` comes after the permission
    /// check and means that the door was open.
    pub(super) fn knock_until(&self, number: i64, arguments: &mut [Arg<'_>], past: &[i32]) -> Seen {
        match self.process.call(number, arguments) {
            Ok(result) => Seen::Open(format!("returned {result}")),
            Err(errno) if past.contains(&errno) => {
                Seen::Open(format!("past the check: {}", errno::words(errno)))
            }
            Err(errno) => Seen::refused(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_try_is_told() {
        let absent = || Seen::Refused(errno::ENOENT, "a".into());
        let refused = || Seen::Refused(errno::EROFS, "b".into());
        let open = || Seen::Open("c".into());
        assert_eq!(Seen::most_telling([absent(), refused(), absent()]), refused());
        assert_eq!(Seen::most_telling([refused(), open(), absent()]), open());
        assert!(matches!(Seen::most_telling([]), Seen::Unknown(_)));
        let doubtful = || Seen::Unknown("d".into());
        assert_eq!(Seen::most_telling([refused(), doubtful()]), doubtful());
    }
}
