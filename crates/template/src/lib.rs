// SPDX-License-Identifier: Apache-2.0
//! Templates of Docker's `--format`: the part of Go's text/template (pkg.go.dev/text/template) that people
//! write on a command line, with Docker's functions.
//!
//! A template is text with actions between double braces. It sees one value and can do nothing but say
//! parts of it: no files, no environment, no calls. Nesting, steps and what it says are bounded, so a
//! template cannot keep its caller busy for ever. Not there, and refused by name: `define`,
//! `template`, `block`, `break`, `continue`, `call`, `html`, `js`, `urlquery`.
#![forbid(unsafe_code)]

mod error;
mod evaluate;
mod functions;
mod lexer;
mod parser;
mod printf;
mod syntax;
mod value;

pub use error::Error;
pub use functions::Functions;
pub use value::{Absent, Keys, Value};

/// A template that was read.
#[derive(Debug, Clone)]
pub struct Template {
    text: String,
    nodes: Vec<syntax::Node>,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`Error::Syntax`], in Go's words, with the line.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { text: text.to_owned(), nodes: parser::parse(text)? })
    }

    /// What it says of `data`.
    ///
    /// # Errors
    /// [`Error::Execution`], in Go's words, with line and byte: a field that is not there, a function
    /// that cannot take its arguments, or a bound (16 MiB of text, a million steps).
    pub fn render(&self, data: &Value, functions: Functions) -> Result<String, Error> {
        evaluate::render(&self.text, &self.nodes, data, functions)
    }
}

#[cfg(test)]
mod tests;
