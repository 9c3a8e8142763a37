// SPDX-License-Identifier: Apache-2.0
//! Go's `printf` (pkg.go.dev/fmt) for the kinds of values that a template has.

use crate::evaluate::LONGEST;
use crate::value::Value;

/// The arguments begin with the format.
pub(crate) fn printf(arguments: &[Value]) -> Result<String, String> {
    let Some((Value::Text(format), values)) = arguments.split_first() else {
        return Err(match arguments.first() {
            None => "wrong number of args for printf: want at least 1 got 0".to_owned(),
            Some(other) => format!("wrong type for value; expected string; got {}", other.kind()),
        });
    };
    let mut said = String::new();
    let mut values = values.iter();
    let mut rest: &str = format;
    while let Some((before, after)) = rest.split_once('%') {
        said.push_str(before);
        let (verb, after) = Verb::read(after)?;
        rest = after;
        match verb.letter {
            None => said.push_str("%!(NOVERB)"),
            Some('%') => said.push('%'),
            Some(letter) => match values.next() {
                Some(value) => said.push_str(&verb.padded(&verb.said(letter, value))),
                None => said.push_str(&format!("%!{letter}(MISSING)")),
            },
        }
        if said.len() > LONGEST {
            return Err(format!("error calling printf: the result has more than {LONGEST} bytes"));
        }
    }
    said.push_str(rest);
    let extra: Vec<String> = values.map(|value| format!("{}={value}", value.kind())).collect();
    if !extra.is_empty() {
        said.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    Ok(said)
}

/// `%-12.3s`
#[derive(Debug, Default)]
struct Verb {
    left: bool,
    plus: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
    letter: Option<char>,
}

impl Verb {
    /// What stands behind a percent sign, and what follows it.
    fn read(text: &str) -> Result<(Self, &str), String> {
        let mut verb = Self::default();
        let mut rest = text;
        while let Some(flag) = rest.chars().next().filter(|c| "-+0# ".contains(*c)) {
            match flag {
                '-' => verb.left = true,
                '+' => verb.plus = true,
                '0' => verb.zero = true,
                '#' => verb.sharp = true,
                _ => {}
            }
            rest = &rest[1..];
        }
        (verb.width, rest) = digits(rest)?;
        if let Some(after) = rest.strip_prefix('.') {
            let (precision, after) = digits(after)?;
            (verb.precision, rest) = (Some(precision), after);
        }
        verb.letter = rest.chars().next();
        let behind = verb.letter.map_or(0, char::len_utf8);
        Ok((verb, &rest[behind..]))
    }

    fn said(&self, letter: char, value: &Value) -> String {
        match (letter, value) {
            ('v', Value::Float(_) | Value::Int(_)) => self.signed(value.to_string()),
            ('v', _) => value.to_string(),
            ('T', _) => value.kind().to_owned(),
            ('s', Value::Text(text)) => self.cut(text),
            ('q', Value::Text(text)) => format!("{:?}", self.cut(text)),
            ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
            ('t', Value::Bool(value)) => value.to_string(),
            ('d', Value::Int(number)) => self.signed(number.to_string()),
            ('x' | 'X' | 'o' | 'b', Value::Int(number)) => self.signed(self.based(letter, *number)),
            ('c', Value::Int(number)) => {
                u32::try_from(*number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}').to_string()
            }
            ('f' | 'F', Value::Float(number)) => {
                self.signed(format!("{number:.*}", self.precision.unwrap_or(SIX)))
            }
            ('g', Value::Float(_)) => self.signed(value.to_string()),
            ('s' | 'q' | 'd', Value::List(list)) => {
                let items: Vec<String> = list.iter().map(|item| self.said(letter, item)).collect();
                format!("[{}]", items.join(" "))
            }
            ('s' | 'd', Value::Missing | Value::Nil(_)) => format!("%!{letter}(<nil>)"),
            _ => format!("%!{letter}({}={value})", value.kind()),
        }
    }

    fn cut(&self, text: &str) -> String {
        match self.precision {
            Some(most) => text.chars().take(most).collect(),
            None => text.to_owned(),
        }
    }

    fn based(&self, letter: char, number: i64) -> String {
        let (sign, number) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
        let (prefix, digits) = match letter {
            'x' => ("0x", format!("{number:x}")),
            'X' => ("0X", format!("{number:X}")),
            'o' => ("0", format!("{number:o}")),
            _ => ("0b", format!("{number:b}")),
        };
        format!("{sign}{}{digits}", if self.sharp { prefix } else { "" })
    }

    fn signed(&self, number: String) -> String {
        if self.plus && !number.starts_with(['-', '+']) { format!("+{number}") } else { number }
    }

    /// By characters.
    fn padded(&self, text: &str) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        match (self.left, self.zero, text.strip_prefix(['-', '+'])) {
            _ if missing == 0 => text.to_owned(),
            (true, _, _) => format!("{text}{}", " ".repeat(missing)),
            (false, true, Some(digits)) => format!("{}{}{digits}", &text[..1], "0".repeat(missing)),
            (false, true, None) => format!("{}{text}", "0".repeat(missing)),
            (false, false, _) => format!("{}{text}", " ".repeat(missing)),
        }
    }
}

/// Go takes no more than a million, either.
fn digits(text: &str) -> Result<(usize, &str), String> {
    let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    match digits.parse() {
        _ if digits.is_empty() => Ok((0, rest)),
        Ok(number) if number <= WIDEST => Ok((number, rest)),
        _ => Err(format!("error calling printf: {digits} is wider than {WIDEST}")),
    }
}

const SIX: usize = 6;
const WIDEST: usize = 1_000_000;
