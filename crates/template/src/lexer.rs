// SPDX-License-Identifier: Apache-2.0
//! The words of a template: text, and what stands in actions.

use crate::error::Error;

/// One word and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) word: Word,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether no space stands before it.
    pub(crate) glued: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word {
    /// Outside of actions, as it is to be said.
    Text(String),
    Open,
    Close,
    /// `.`
    Dot,
    /// `.Name`, without its dot.
    Field(String),
    /// `$name`, with its sign; `$` alone is the whole value.
    Variable(String),
    Name(String),
    Quoted(String),
    Int(i64),
    Float(f64),
    Pipe,
    Left,
    Right,
    Declare,
    Assign,
    Comma,
}

/// All words of `text`, comments left out.
pub(crate) fn lex(text: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new() };
    while lexer.at < text.len() {
        lexer.outside()?;
    }
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, word: Word, start: usize, glued: bool) {
        self.tokens.push(Token { word, start, end: self.at, glued });
    }

    /// Text up to the next action, and that action.
    fn outside(&mut self) -> Result<(), Error> {
        let (start, rest) = (self.at, self.rest());
        let open = rest.find(OPEN);
        let mut said = &rest[..open.unwrap_or(rest.len())];
        let trimmed = open.is_some_and(|open| begins_trimmed(&rest[open + OPEN.len()..]));
        if trimmed {
            said = said.trim_end_matches(SPACE);
        }
        self.at += open.unwrap_or(rest.len());
        if !said.is_empty() {
            self.push(Word::Text(said.to_owned()), start, true);
        }
        if open.is_none() {
            return Ok(());
        }
        let start = self.at;
        self.at += OPEN.len() + if trimmed { 2 } else { 0 };
        match self.rest().strip_prefix("/*") {
            Some(comment) => self.comment(comment),
            None => {
                self.push(Word::Open, start, true);
                self.inside(start)
            }
        }
    }

    fn comment(&mut self, comment: &str) -> Result<(), Error> {
        let start = self.at;
        let end = comment.find("*/").ok_or_else(|| self.wrong(start, "unclosed comment"))?;
        self.at += 2 + end + 2;
        if !self.close() {
            return Err(self.wrong(start, "comment ends before closing delimiter"));
        }
        Ok(())
    }

    /// Steps over the end of an action, if it is here.
    fn close(&mut self) -> bool {
        let rest = self.rest();
        if rest.starts_with(CLOSE) {
            self.at += CLOSE.len();
            return true;
        }
        let trimmed = rest.trim_start_matches(SPACE);
        match trimmed.strip_prefix('-').and_then(|rest| rest.strip_prefix(CLOSE)) {
            Some(after) if trimmed.len() < rest.len() => {
                self.at = self.text.len() - after.trim_start_matches(SPACE).len();
                true
            }
            _ => false,
        }
    }

    fn inside(&mut self, open: usize) -> Result<(), Error> {
        loop {
            let start = self.at;
            if self.close() {
                self.push(Word::Close, start, true);
                return Ok(());
            }
            self.at = self.text.len() - self.rest().trim_start_matches(SPACE).len();
            if self.close() {
                self.push(Word::Close, start, false);
                return Ok(());
            }
            if self.rest().is_empty() {
                return Err(self.wrong(open, "unclosed action"));
            }
            let glued = start == self.at;
            let start = self.at;
            let word = self.word()?;
            self.push(word, start, glued);
        }
    }

    fn word(&mut self) -> Result<Word, Error> {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or(' ');
        let second = rest[first.len_utf8()..].chars().next().unwrap_or(' ');
        match first {
            '"' => return self.quoted(),
            '`' => return self.raw(),
            '\'' => return self.character(),
            '0'..='9' => return self.number(),
            '+' | '-' | '.' if second.is_ascii_digit() => return self.number(),
            _ => {}
        }
        let name_after = |skipped: usize| {
            let name = &rest[skipped..];
            &name[..name.find(|c: char| !is_name(c)).unwrap_or(name.len())]
        };
        let (word, length) = match first {
            '|' => (Word::Pipe, 1),
            '(' => (Word::Left, 1),
            ')' => (Word::Right, 1),
            ',' => (Word::Comma, 1),
            ':' if second == '=' => (Word::Declare, 2),
            '=' => (Word::Assign, 1),
            '.' if is_name(second) => (Word::Field(name_after(1).to_owned()), 1 + name_after(1).len()),
            '.' => (Word::Dot, 1),
            '$' => (Word::Variable(format!("${}", name_after(1))), 1 + name_after(1).len()),
            c if is_name(c) => (Word::Name(name_after(0).to_owned()), name_after(0).len()),
            c => {
                let reason = format!("unrecognized character in action: U+{:04X} {c:?}", u32::from(c));
                return Err(self.wrong(self.at, &reason));
            }
        };
        self.at += length;
        Ok(word)
    }

    fn raw(&mut self) -> Result<Word, Error> {
        let start = self.at;
        let text = &self.rest()[1..];
        let end = text.find('`').ok_or_else(|| self.wrong(start, "unterminated raw quoted string"))?;
        self.at += end + 2;
        Ok(Word::Quoted(text[..end].to_owned()))
    }

    fn quoted(&mut self) -> Result<Word, Error> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            match self.rest().chars().next() {
                Some('"') => {
                    self.at += 1;
                    return Ok(Word::Quoted(text));
                }
                None | Some('\n') => return Err(self.wrong(start, "unterminated quoted string")),
                Some('\\') => text.push(self.escape(start)?),
                Some(c) => {
                    self.at += c.len_utf8();
                    text.push(c);
                }
            }
        }
    }

    /// A number, as in Go.
    fn character(&mut self) -> Result<Word, Error> {
        let start = self.at;
        self.at += 1;
        let c = match self.rest().chars().next() {
            Some('\\') => self.escape(start)?,
            Some(c) if c != '\'' && c != '\n' => {
                self.at += c.len_utf8();
                c
            }
            _ => return Err(self.wrong(start, "unterminated character constant")),
        };
        if !self.rest().starts_with('\'') {
            return Err(self.wrong(start, "unterminated character constant"));
        }
        self.at += 1;
        Ok(Word::Int(u32::from(c).into()))
    }

    /// What stands behind a backslash (Go specification, "Rune literals").
    fn escape(&mut self, start: usize) -> Result<char, Error> {
        let wrong = |lexer: &Self| lexer.wrong(start, "invalid syntax in a quoted string");
        let kind = self.rest()[1..].chars().next().ok_or_else(|| wrong(self))?;
        self.at += 1 + kind.len_utf8();
        let digits = match kind {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'a' => return Ok('\u{7}'),
            'b' => return Ok('\u{8}'),
            'f' => return Ok('\u{c}'),
            'v' => return Ok('\u{b}'),
            '\\' | '"' | '\'' => return Ok(kind),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return Err(wrong(self)),
        };
        let number = self.rest().get(..digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += digits;
        number.and_then(char::from_u32).ok_or_else(|| wrong(self))
    }

    fn number(&mut self) -> Result<Word, Error> {
        let (start, rest) = (self.at, self.rest());
        let signed = usize::from(rest.starts_with(['+', '-']));
        let belongs = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
        let mut length = signed + rest[signed..].find(|c| !belongs(c)).unwrap_or(rest.len() - signed);
        let hexadecimal = rest[signed..].starts_with("0x") || rest[signed..].starts_with("0X");
        // The sign of an exponent.
        if !hexadecimal && rest[..length].ends_with(['e', 'E']) && rest[length..].starts_with(['+', '-']) {
            let more = &rest[length + 1..];
            length += 1 + more.find(|c| !belongs(c)).unwrap_or(more.len());
        }
        let text = &rest[..length];
        self.at += length;
        let plain = text.replace('_', "");
        let unsigned = plain.trim_start_matches(['+', '-']).to_lowercase();
        let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok();
        let whole = match unsigned.get(..2) {
            Some("0x") => radix(&unsigned[2..], 16),
            Some("0o") => radix(&unsigned[2..], 8),
            Some("0b") => radix(&unsigned[2..], 2),
            _ => unsigned.parse().ok(),
        };
        let sign = if plain.starts_with('-') { -1 } else { 1 };
        match (whole, plain.parse::<f64>()) {
            (Some(number), _) => Ok(Word::Int(sign * number)),
            (None, Ok(number)) if number.is_finite() => Ok(Word::Float(number)),
            _ => Err(self.wrong(start, &format!("bad number syntax: {text:?}"))),
        }
    }

    fn wrong(&self, at: usize, reason: &str) -> Error {
        Error::syntax(self.text, at, reason)
    }
}

/// `{{- ` with its space takes the space before it away.
fn begins_trimmed(action: &str) -> bool {
    action.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACE))
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
