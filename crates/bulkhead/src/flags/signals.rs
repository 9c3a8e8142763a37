// SPDX-License-Identifier: Apache-2.0
//! Signals by number or by name, with or without `SIG`, in any case: `15`, `TERM`, `sigterm`, `RTMIN+1`.

use super::Complaint;
use super::nearest::suggestion;

/// A signal number, 1 to 64.
pub(crate) fn parse(text: &str) -> Result<i32, Complaint> {
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=LAST).contains(&number) {
            Ok(number)
        } else {
            Err(format!("there is no signal {number}, they go from 1 to {LAST}"))
        };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    named(name).or_else(|| real_time(name)).ok_or_else(|| {
        format!("{text:?} is not a signal{}", suggestion(name, NAMES.iter().map(|(name, _)| *name)))
    })
}

fn named(name: &str) -> Option<i32> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// `RTMIN`, `RTMIN+n`, `RTMAX`, `RTMAX-n`; the C library keeps the first two for itself.
fn real_time(name: &str) -> Option<i32> {
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => FIRST_REAL_TIME,
        (_, Some("")) => LAST,
        (Some(offset), _) => {
            FIRST_REAL_TIME.checked_add(offset.strip_prefix('+')?.parse::<u8>().ok()?.into())?
        }
        (_, Some(offset)) => LAST.checked_sub(offset.strip_prefix('-')?.parse::<u8>().ok()?.into())?,
        (None, None) => return None,
    };
    (FIRST_REAL_TIME..=LAST).contains(&number).then_some(number)
}

const FIRST_REAL_TIME: i32 = 34;
const LAST: i32 = 64;

/// signal(7), the numbers of x86 and ARM.
const NAMES: [(&str, i32); 34] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (text, want) in [
            ("15", 15),
            ("TERM", 15),
            ("SIGTERM", 15),
            ("sigquit", 3),
            ("usr1", 10),
            ("64", 64),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-14", 50),
            ("rtmax", 64),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("0", "there is no signal 0, they go from 1 to 64"),
            ("-9", "there is no signal -9, they go from 1 to 64"),
            ("65", "there is no signal 65, they go from 1 to 64"),
            ("", r#""" is not a signal"#),
            ("TREM", r#""TREM" is not a signal; did you mean TERM?"#),
            ("RTMIN+31", r#""RTMIN+31" is not a signal"#),
            ("RTMIN-1", r#""RTMIN-1" is not a signal"#),
            ("RTMAX+1", r#""RTMAX+1" is not a signal"#),
        ] {
            assert_eq!(parse(text), Err(want.to_owned()), "{text}");
        }
    }
}
