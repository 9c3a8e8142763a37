// SPDX-License-Identifier: Apache-2.0
//! A tree applied to a value.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::functions::{self, Functions};
use crate::syntax::{Base, Binding, Branch, Command, Node, Operand, Pipeline, Place};
use crate::value::{Absent, Kind, Record, Value};

pub(crate) fn render(
    text: &str,
    nodes: &[Node],
    data: &Value,
    functions: Functions,
) -> Result<String, Error> {
    let variables = vec![("$".to_owned(), data.clone())];
    let mut run = Run { text, functions, said: String::new(), variables, steps: 0 };
    run.list(nodes, data)?;
    Ok(run.said)
}

struct Run<'a> {
    text: &'a str,
    functions: Functions,
    said: String,
    /// In scope, the innermost last.
    variables: Vec<(String, Value)>,
    steps: u32,
}

/// Whether the dot becomes what was asked for.
#[derive(Debug, Clone, Copy)]
enum Dot {
    Stays,
    Moves,
}

impl Run<'_> {
    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<(), Error> {
        for node in nodes {
            match node {
                Node::Text(text) => self.say(text, Place { at: 0, start: 0, end: 0 })?,
                Node::Say(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.names.is_empty() {
                        self.say(&value.to_string(), place(pipeline))?;
                    }
                }
                Node::If(branch) => self.either(branch, dot, Dot::Stays)?,
                Node::With(branch) => self.either(branch, dot, Dot::Moves)?,
                Node::Range(branch) => self.range(branch, dot)?,
            }
        }
        Ok(())
    }

    /// `if`, and `with`, which also moves the dot.
    fn either(&mut self, branch: &Branch, dot: &Value, moves: Dot) -> Result<(), Error> {
        let scope = self.variables.len();
        let value = self.pipeline(&branch.pipeline, dot)?;
        if value.is_true() {
            let inner = match moves {
                Dot::Stays => dot,
                Dot::Moves => &value,
            };
            self.list(&branch.then, inner)?;
        } else {
            self.list(&branch.otherwise, dot)?;
        }
        self.variables.truncate(scope);
        Ok(())
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<(), Error> {
        let scope = self.variables.len();
        let names = &branch.pipeline.names;
        let unnamed = Pipeline { names: Vec::new(), ..branch.pipeline.clone() };
        let over = self.pipeline(&unnamed, dot)?;
        let items = self.items(&over, place(&branch.pipeline))?;
        if items.is_empty() {
            self.list(&branch.otherwise, dot)?;
        }
        for (key, item) in items {
            match (&names[..], branch.pipeline.binding) {
                ([], _) => {}
                ([one], binding) => self.bind(one, item.clone(), binding),
                ([one, two, ..], binding) => {
                    self.bind(one, key, binding);
                    self.bind(two, item.clone(), binding);
                }
            }
            self.list(&branch.then, &item)?;
            self.variables.truncate(scope);
        }
        Ok(())
    }

    /// Keys and values, a map's by key.
    fn items(&self, over: &Value, at: Place) -> Result<Vec<(Value, Value)>, Error> {
        let of = |fields: &BTreeMap<String, Value>| {
            fields.iter().map(|(key, value)| (Value::text(key), value.clone())).collect()
        };
        match over {
            Value::Missing | Value::Nil(_) => Ok(Vec::new()),
            Value::List(list) => {
                let number = |at: usize| Value::Int(i64::try_from(at).unwrap_or(i64::MAX));
                Ok(list.iter().enumerate().map(|(at, item)| (number(at), item.clone())).collect())
            }
            Value::Map(map) => Ok(of(map)),
            Value::Record(record) if record.kind == Kind::Document => Ok(of(&record.fields)),
            other => Err(self.wrong(at, format!("range can't iterate over {other}"))),
        }
    }

    fn bind(&mut self, name: &str, value: Value, binding: Binding) {
        match (binding, self.variables.iter_mut().rev().find(|(known, _)| known == name)) {
            (Binding::Assign, Some((_, old))) => *old = value,
            _ => self.variables.push((name.to_owned(), value)),
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Error> {
        let mut result = None;
        for command in &pipeline.commands {
            result = Some(self.command(command, dot, result)?);
        }
        let value = result.unwrap_or(Value::Missing);
        for name in &pipeline.names {
            self.bind(name, value.clone(), pipeline.binding);
        }
        Ok(value)
    }

    fn command(&mut self, command: &Command, dot: &Value, last: Option<Value>) -> Result<Value, Error> {
        self.step(command.place)?;
        let Some((first, rest)) = command.operands.split_first() else { return Ok(Value::Missing) };
        if let (Base::Function(name), true) = (&first.base, first.fields.is_empty()) {
            return self.call(name, rest, dot, last, command.place);
        }
        let value = self.operand(first, dot)?;
        if rest.is_empty() && last.is_none() && !matches!(value, Value::Lookup(_)) {
            return Ok(value);
        }
        let Value::Lookup(lookup) = &value else {
            let part = &self.text[first.place.start..first.place.end];
            return Err(self.wrong(command.place, format!("can't give argument to non-function {part}")));
        };
        let arguments = self.arguments(rest, dot, last)?;
        match &arguments[..] {
            [Value::Text(key)] => Ok(Value::text(lookup(key))),
            [other] => {
                let reason = format!("wrong type for value; expected string; got {}", other.kind());
                Err(self.wrong(command.place, reason))
            }
            _ => {
                let part = first.fields.last().map_or("function", String::as_str);
                let reason = format!("wrong number of args for {part}: want 1 got {}", arguments.len());
                Err(self.wrong(command.place, reason))
            }
        }
    }

    fn arguments(
        &mut self,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Vec<Value>, Error> {
        let mut arguments =
            operands.iter().map(|one| self.operand(one, dot)).collect::<Result<Vec<_>, _>>()?;
        arguments.extend(last);
        Ok(arguments)
    }

    fn call(
        &mut self,
        name: &str,
        operands: &[Operand],
        dot: &Value,
        last: Option<Value>,
        at: Place,
    ) -> Result<Value, Error> {
        // These two stop at the first argument that settles them.
        if let "and" | "or" = name {
            let mut value = Value::Missing;
            for operand in operands {
                value = self.operand(operand, dot)?;
                if value.is_true() == (name == "or") {
                    return Ok(value);
                }
            }
            return match last {
                Some(last) => Ok(last),
                None if operands.is_empty() => {
                    Err(self.wrong(at, format!("wrong number of args for {name}: want at least 1 got 0")))
                }
                None => Ok(value),
            };
        }
        let arguments = self.arguments(operands, dot, last)?;
        let value = functions::call(name, &arguments, self.functions);
        let value = value.map_err(|reason| self.wrong(at, reason))?;
        match &value {
            Value::Text(text) if text.len() > LONGEST => Err(self.wrong(at, too_long())),
            _ => Ok(value),
        }
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Error> {
        self.step(operand.place)?;
        let mut value = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                found.map_or(Value::Missing, |(_, value)| value.clone())
            }
            Base::Function(name) => self.call(name, &[], dot, None, operand.place)?,
            Base::Text(text) => Value::text(text),
            Base::Int(number) => Value::Int(*number),
            Base::Float(number) => Value::Float(*number),
            Base::Bool(value) => Value::Bool(*value),
            Base::Nil => Value::Nil(Absent::Value),
            Base::Group(pipeline) => self.pipeline(pipeline, dot)?,
        };
        for name in &operand.fields {
            value = self.field(&value, name, operand.place)?;
        }
        Ok(value)
    }

    fn field(&self, value: &Value, name: &str, at: Place) -> Result<Value, Error> {
        match value {
            Value::Missing | Value::Nil(Absent::Map) => Ok(Value::Missing),
            Value::Map(map) => Ok(map.get(name).cloned().unwrap_or(Value::Missing)),
            Value::Record(record) => match record.fields.get(name) {
                Some(value) => Ok(value.clone()),
                None => Err(self.wrong(at, no_field(record, name))),
            },
            Value::Nil(_) => Err(self.wrong(at, format!("nil pointer evaluating interface {{}}.{name}"))),
            other => {
                let reason = format!("can't evaluate field {name} in type {}", other.kind());
                Err(self.wrong(at, reason))
            }
        }
    }

    fn say(&mut self, text: &str, at: Place) -> Result<(), Error> {
        self.step(at)?;
        if self.said.len() + text.len() > LONGEST {
            return Err(self.wrong(at, too_long()));
        }
        self.said.push_str(text);
        Ok(())
    }

    fn step(&mut self, at: Place) -> Result<(), Error> {
        self.steps += 1;
        match self.steps > MOST_STEPS {
            true => Err(self.wrong(at, format!("it takes more than {MOST_STEPS} steps"))),
            false => Ok(()),
        }
    }

    fn wrong(&self, at: Place, reason: impl Into<String>) -> Error {
        Error::execution(self.text, at.at, &self.text[at.start..at.end], reason)
    }
}

fn place(pipeline: &Pipeline) -> Place {
    let whole = Place { at: 0, start: 0, end: 0 };
    pipeline.commands.last().map_or(whole, |command| command.place)
}

/// Docker's two ways of saying it.
fn no_field(record: &Record, name: &str) -> String {
    match record.kind {
        Kind::Document => format!("map has no entry for key {name:?}"),
        Kind::Row(kind) => format!("can't evaluate field {name} in type {kind}"),
    }
}

fn too_long() -> String {
    format!("it says more than {LONGEST} bytes")
}

/// Bytes that a template may say, and that any text it computes may have.
pub(crate) const LONGEST: usize = 16 << 20;
const MOST_STEPS: u32 = 1_000_000;
