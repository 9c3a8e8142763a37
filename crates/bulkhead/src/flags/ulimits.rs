// SPDX-License-Identifier: Apache-2.0
//! `--ulimit name=soft[:hard]`, in getrlimit(2)'s units; `-1` is unlimited.

use engine::request::Ulimit;

use super::Complaint;
use super::nearest::suggestion;

/// Docker's names: all of getrlimit(2) but the address space.
pub(crate) fn parse(text: &str) -> Result<Ulimit, Complaint> {
    let Some((name, values)) = text.split_once('=') else {
        return Err(format!("{text:?} is not name=soft[:hard]"));
    };
    if !NAMES.contains(&name) {
        return Err(format!("there is no limit called {name:?}{}", suggestion(name, NAMES)));
    }
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let (soft, hard) = (value(soft)?, value(hard)?);
    if exceeds(soft, hard) {
        return Err(format!("the soft limit of {text:?} is above the hard one"));
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

/// Later ones of the same name replace earlier ones, as Docker has it.
pub(crate) fn last_of_each(given: Vec<Ulimit>) -> Vec<Ulimit> {
    let mut kept: Vec<Ulimit> = Vec::with_capacity(given.len());
    for limit in given {
        kept.retain(|earlier| earlier.name != limit.name);
        kept.push(limit);
    }
    kept
}

fn value(text: &str) -> Result<Option<u64>, Complaint> {
    if text == "-1" {
        return Ok(None);
    }
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number.map(Some).ok_or_else(|| format!("{text:?} is neither a whole number nor -1 for unlimited"))
}

/// `None` is unlimited, thus above every number.
fn exceeds(soft: Option<u64>, hard: Option<u64>) -> bool {
    hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard))
}

const NAMES: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(name: &str, soft: Option<u64>, hard: Option<u64>) -> Ulimit {
        Ulimit { name: name.to_owned(), soft, hard }
    }

    #[test]
    fn limits() {
        for (text, soft, hard) in [
            ("nofile=10", Some(10), Some(10)),
            ("nofile=10:20", Some(10), Some(20)),
            ("nofile=-1", None, None),
            ("nofile=-1:-1", None, None),
            ("nofile=5:-1", Some(5), None),
        ] {
            assert_eq!(parse(text), Ok(limit("nofile", soft, hard)), "{text}");
        }
        for name in NAMES {
            assert_eq!(parse(&format!("{name}=0")), Ok(limit(name, Some(0), Some(0))));
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("nofile", r#""nofile" is not name=soft[:hard]"#),
            ("nofiles=1", r#"there is no limit called "nofiles"; did you mean nofile?"#),
            ("NOFILE=1", r#"there is no limit called "NOFILE"; did you mean nofile?"#),
            ("as=1", r#"there is no limit called "as""#),
            ("nofile=", r#""" is neither a whole number nor -1 for unlimited"#),
            ("nofile=1.5", r#""1.5" is neither a whole number nor -1 for unlimited"#),
            ("nofile=-2", r#""-2" is neither a whole number nor -1 for unlimited"#),
            ("nofile=+2", r#""+2" is neither a whole number nor -1 for unlimited"#),
            ("nofile=1:2:3", r#""2:3" is neither a whole number nor -1 for unlimited"#),
            ("nofile=20:10", r#"the soft limit of "nofile=20:10" is above the hard one"#),
            ("nofile=-1:10", r#"the soft limit of "nofile=-1:10" is above the hard one"#),
        ] {
            assert_eq!(parse(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let given = vec![
            limit("nofile", Some(1), Some(1)),
            limit("core", None, None),
            limit("nofile", Some(2), Some(2)),
        ];
        assert_eq!(last_of_each(given), [limit("core", None, None), limit("nofile", Some(2), Some(2))]);
    }
}
