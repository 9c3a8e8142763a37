// SPDX-License-Identifier: Apache-2.0
//! The functions of a template: Go's own (pkg.go.dev/text/template, "Functions") and Docker's
//! (docs.docker.com/engine/cli/formatting). Arguments come in order; the value of a pipe is the last.

use std::cmp::Ordering;

use crate::evaluate::LONGEST;
use crate::printf::printf;
use crate::value::{Absent, Value};

/// What Docker's functions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Functions {
    /// What they are called for.
    Values,
    /// Hand on what they get: for the heading of a table, which no function of a column changes.
    Headings,
}

pub(crate) fn is_known(name: &str) -> bool {
    GO.contains(&name) || DOCKER.contains(&name)
}

/// The result, or why there is none.
pub(crate) fn call(name: &str, arguments: &[Value], functions: Functions) -> Result<Value, String> {
    if functions == Functions::Headings && DOCKER.contains(&name) {
        return arguments.first().cloned().ok_or_else(|| count(name, "1", 0));
    }
    match name {
        "len" => length(one(name, arguments)?),
        "not" => Ok(Value::Bool(!one(name, arguments)?.is_true())),
        "index" => index(arguments),
        "slice" => slice(arguments),
        "print" => Ok(Value::text(print(arguments))),
        "println" => Ok(Value::text(spaced(arguments) + "\n")),
        "printf" => printf(arguments).map(Value::text),
        "eq" => equal_to_any(arguments),
        "ne" => two(name, arguments).and_then(|(a, b)| Ok(Value::Bool(!equal(name, a, b)?))),
        "lt" => ordered(name, arguments, Ordering::is_lt),
        "le" => ordered(name, arguments, Ordering::is_le),
        "gt" => ordered(name, arguments, Ordering::is_gt),
        "ge" => ordered(name, arguments, Ordering::is_ge),
        _ => dockers(name, arguments),
    }
}

fn dockers(name: &str, arguments: &[Value]) -> Result<Value, String> {
    match name {
        "json" => Ok(Value::text(one(name, arguments)?.json().to_string())),
        "lower" => Ok(Value::text(text(one(name, arguments)?)?.to_lowercase())),
        "upper" => Ok(Value::text(text(one(name, arguments)?)?.to_uppercase())),
        "title" => Ok(Value::text(title(text(one(name, arguments)?)?))),
        "split" => two(name, arguments).and_then(|(whole, mark)| split(text(whole)?, text(mark)?)),
        "join" => two(name, arguments).and_then(|(list, mark)| join(list, text(mark)?)),
        "truncate" => two(name, arguments).and_then(|(whole, most)| truncate(text(whole)?, number(most)?)),
        "pad" => match arguments {
            [whole, before, after] => pad(text(whole)?, number(before)?, number(after)?),
            _ => Err(count(name, "3", arguments.len())),
        },
        _ => Err(format!("{name:?} is not a defined function")),
    }
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Record(record) => record.fields.len(),
        Value::Nil(Absent::List | Absent::Map) => 0,
        Value::Nil(_) | Value::Missing => return Err("error calling len: len of nil pointer".to_owned()),
        other => return Err(format!("error calling len: len of type {}", other.kind())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(arguments: &[Value]) -> Result<Value, String> {
    let (first, keys) = arguments.split_first().ok_or_else(|| count("index", "at least 1", 0))?;
    let mut value = first.clone();
    for key in keys {
        value = match (&value, key) {
            (Value::List(list), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| list.get(at)).cloned();
                found.ok_or_else(|| format!("error calling index: index out of range: {at}"))?
            }
            (Value::Text(text), Value::Int(at)) => {
                let found = usize::try_from(*at).ok().and_then(|at| text.as_bytes().get(at));
                let found = found.ok_or_else(|| format!("error calling index: index out of range: {at}"))?;
                Value::Int((*found).into())
            }
            (Value::Map(map), Value::Text(key)) => match map.get(&**key) {
                Some(value) => value.clone(),
                // Go's zero of the map's values, most of which are maps of texts.
                None if map.values().all(|value| matches!(value, Value::Text(_))) => Value::text(""),
                None => Value::Missing,
            },
            (Value::Record(record), Value::Text(key)) => {
                record.fields.get(&**key).cloned().unwrap_or(Value::Missing)
            }
            (Value::List(_) | Value::Text(_), other) => {
                return Err(format!(
                    "error calling index: cannot index slice/array with type {}",
                    other.kind()
                ));
            }
            (Value::Map(_) | Value::Record(_), other) => {
                return Err(format!(
                    "error calling index: value has type {}; should be string",
                    other.kind()
                ));
            }
            (Value::Nil(Absent::Map), Value::Text(_)) => Value::text(""),
            (Value::Nil(Absent::List), Value::Int(at)) => {
                return Err(format!("error calling index: index out of range: {at}"));
            }
            (Value::Nil(_) | Value::Missing, _) => {
                return Err("error calling index: index of untyped nil".to_owned());
            }
            (other, _) => {
                return Err(format!("error calling index: can't index item of type {}", other.kind()));
            }
        };
    }
    Ok(value)
}

fn slice(arguments: &[Value]) -> Result<Value, String> {
    let (whole, bounds) = arguments.split_first().ok_or_else(|| count("slice", "at least 1", 0))?;
    let length = match whole {
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("error calling slice: can't slice item of type {}", other.kind())),
    };
    let bounds = bounds.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    let bound = |at: usize, otherwise| match bounds.get(at) {
        None => Ok(otherwise),
        Some(bound) => usize::try_from(*bound)
            .ok()
            .filter(|bound| *bound <= length)
            .ok_or_else(|| format!("error calling slice: index out of range: {bound}")),
    };
    let (start, end) = (bound(0, 0)?, bound(1, length)?);
    let range = start..end;
    match whole {
        _ if bounds.len() > 2 || start > end => {
            Err(format!("error calling slice: invalid slice index: {start} > {end}"))
        }
        Value::Text(text) => Ok(Value::text(String::from_utf8_lossy(&text.as_bytes()[range]))),
        Value::List(list) => Ok(Value::List(list[range].into())),
        _ => Ok(Value::Missing),
    }
}

/// Spaces between operands when neither is text.
fn print(arguments: &[Value]) -> String {
    let mut said = String::new();
    for (at, value) in arguments.iter().enumerate() {
        let both = at > 0 && ![value, &arguments[at - 1]].iter().any(|value| matches!(value, Value::Text(_)));
        if both {
            said.push(' ');
        }
        said.push_str(&value.to_string());
    }
    said
}

fn spaced(arguments: &[Value]) -> String {
    arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn equal_to_any(arguments: &[Value]) -> Result<Value, String> {
    let Some((first, others)) = arguments.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err("error calling eq: missing argument for comparison".to_owned());
    };
    for other in others {
        if equal("eq", first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(name: &str, one: &Value, other: &Value) -> Result<bool, String> {
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => Ok(one == other),
        (Value::Int(one), Value::Int(other)) => Ok(one == other),
        (Value::Float(one), Value::Float(other)) => Ok(one == other),
        (Value::Bool(one), Value::Bool(other)) => Ok(one == other),
        (Value::Nil(_) | Value::Missing, Value::Nil(_) | Value::Missing) => Ok(true),
        (Value::Nil(_) | Value::Missing, _) | (_, Value::Nil(_) | Value::Missing) => Ok(false),
        _ if one.kind() == other.kind() => {
            Err(format!("error calling {name}: non-comparable type {}", one.kind()))
        }
        _ => Err(format!("error calling {name}: incompatible types for comparison")),
    }
}

fn ordered(name: &str, arguments: &[Value], wanted: fn(Ordering) -> bool) -> Result<Value, String> {
    let order = match two(name, arguments)? {
        (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
        (Value::Int(one), Value::Int(other)) => Some(one.cmp(other)),
        (Value::Float(one), Value::Float(other)) => one.partial_cmp(other),
        (one, other) if one.kind() == other.kind() => {
            return Err(format!("error calling {name}: invalid type for comparison"));
        }
        _ => return Err(format!("error calling {name}: incompatible types for comparison")),
    };
    Ok(Value::Bool(order.is_some_and(wanted)))
}

/// The first letter of every word.
fn title(text: &str) -> String {
    let mut before = ' ';
    let mut said = String::with_capacity(text.len());
    for c in text.chars() {
        if before == '_' || before == '\'' || before.is_alphanumeric() {
            said.push(c);
        } else {
            said.extend(c.to_uppercase());
        }
        before = c;
    }
    said
}

fn split(whole: &str, mark: &str) -> Result<Value, String> {
    let parts: Vec<Value> = match mark {
        "" => whole.chars().map(|c| Value::text(c.to_string())).collect(),
        mark => whole.split(mark).map(Value::text).collect(),
    };
    Ok(Value::List(parts.into()))
}

fn join(list: &Value, mark: &str) -> Result<Value, String> {
    match list {
        Value::List(list) => {
            let parts = list.iter().map(text).collect::<Result<Vec<_>, _>>()?;
            let length = parts.iter().map(|part| part.len() + mark.len()).sum::<usize>();
            (length <= LONGEST).then(|| Value::text(parts.join(mark))).ok_or_else(|| too_long("join"))
        }
        Value::Nil(_) | Value::Missing => Ok(Value::text("")),
        other => Err(format!("wrong type for value; expected []string; got {}", other.kind())),
    }
}

/// By bytes as in Go, but never in the middle of a character.
fn truncate(whole: &str, most: i64) -> Result<Value, String> {
    let most =
        usize::try_from(most).map_err(|_| format!("error calling truncate: {most} is less than nothing"))?;
    Ok(Value::text(&whole[..whole.floor_char_boundary(most)]))
}

fn pad(whole: &str, before: i64, after: i64) -> Result<Value, String> {
    let spaces = |count: i64| usize::try_from(count).ok().filter(|count| *count <= LONGEST);
    match (spaces(before), spaces(after)) {
        _ if whole.is_empty() => Ok(Value::text("")),
        (Some(before), Some(after)) if before + after + whole.len() <= LONGEST => {
            Ok(Value::text(format!("{}{whole}{}", " ".repeat(before), " ".repeat(after))))
        }
        _ => Err(too_long("pad")),
    }
}

fn one<'a>(name: &str, arguments: &'a [Value]) -> Result<&'a Value, String> {
    match arguments {
        [one] => Ok(one),
        _ => Err(count(name, "1", arguments.len())),
    }
}

fn two<'a>(name: &str, arguments: &'a [Value]) -> Result<(&'a Value, &'a Value), String> {
    match arguments {
        [one, two] => Ok((one, two)),
        _ => Err(count(name, "2", arguments.len())),
    }
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Missing => Ok(""),
        other => Err(format!("wrong type for value; expected string; got {}", other.kind())),
    }
}

fn number(value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(format!("wrong type for value; expected int; got {}", other.kind())),
    }
}

fn count(name: &str, want: &str, got: usize) -> String {
    format!("wrong number of args for {name}: want {want} got {got}")
}

fn too_long(name: &str) -> String {
    format!("error calling {name}: the result has more than {LONGEST} bytes")
}

const GO: [&str; 15] = [
    "and", "or", "not", "len", "index", "slice", "print", "printf", "println", "eq", "ne", "lt", "le", "gt",
    "ge",
];
const DOCKER: [&str; 8] = ["json", "lower", "upper", "title", "split", "join", "truncate", "pad"];
