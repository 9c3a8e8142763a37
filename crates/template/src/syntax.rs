// SPDX-License-Identifier: Apache-2.0
//! A template as a tree.

/// A part of the template.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    Say(Pipeline),
    If(Branch),
    With(Branch),
    Range(Branch),
}

/// `{{if pipeline}} then {{else}} otherwise {{end}}` and its kin.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) pipeline: Pipeline,
    pub(crate) then: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

/// Commands, each of which gets the result of the one before as its last argument.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) names: Vec<String>,
    pub(crate) binding: Binding,
    pub(crate) commands: Vec<Command>,
}

/// What becomes of the names before the sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// `:=`, or there are none.
    Declare,
    /// `=`
    Assign,
}

#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) operands: Vec<Operand>,
    pub(crate) place: Place,
}

/// Where something stands in the template: where errors point at, and its text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) at: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Operand {
    pub(crate) base: Base,
    /// `.A.B` behind it.
    pub(crate) fields: Vec<String>,
    pub(crate) place: Place,
}

#[derive(Debug, Clone)]
pub(crate) enum Base {
    Dot,
    Variable(String),
    Function(String),
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Nil,
    Group(Box<Pipeline>),
}
