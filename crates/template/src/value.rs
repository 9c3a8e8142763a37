// SPDX-License-Identifier: Apache-2.0
//! What a template sees and computes.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// A value. Parts are shared, so that a copy costs nothing.
#[derive(Clone)]
pub enum Value {
    /// What a map without the key gives: `<no value>`.
    Missing,
    /// JSON's null, in the place of something.
    Nil(Absent),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(Rc<str>),
    /// A list.
    List(Rc<[Value]>),
    /// Any keys: one that is not there is [`Value::Missing`].
    Map(Rc<BTreeMap<String, Value>>),
    /// Known keys: one that is not there is an error.
    Record(Rc<Record>),
    /// What is called with one text, as `.Label "key"` is.
    Lookup(Rc<dyn Fn(&str) -> String>),
}

/// What JSON's null stands for. It is null again as JSON, and otherwise reads as empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Absent {
    Value,
    List,
    Map,
}

/// What lies below keys of a document.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// Maps with any keys; all other maps have known ones.
    pub maps: &'a [&'a str],
    /// Lists, if they are null.
    pub lists: &'a [&'a str],
}

/// Known keys.
#[derive(Debug)]
pub struct Record {
    pub(crate) kind: Kind,
    pub(crate) fields: BTreeMap<String, Value>,
}

/// What kind of record it is, for errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A document: Docker reads it as a map then.
    Document,
    /// A row of a listing of these.
    Row(&'static str),
}

impl Value {
    /// A document with records in it.
    pub fn document(json: &serde_json::Value, keys: Keys<'_>) -> Self {
        Self::of(json, Kind::Document, keys, Absent::Value)
    }

    /// A row of a listing; `kind` is what it is a row of.
    pub fn row(json: &serde_json::Value, kind: &'static str) -> Self {
        Self::of(json, Kind::Row(kind), Keys { maps: &[], lists: &[] }, Absent::Value)
    }

    /// The same with one more field, which is called with a text.
    #[must_use]
    pub fn with_lookup(self, name: &str, lookup: impl Fn(&str) -> String + 'static) -> Self {
        let Self::Record(record) = self else { return self };
        let mut fields = record.fields.clone();
        fields.insert(name.to_owned(), Self::Lookup(Rc::new(lookup)));
        Self::Record(Rc::new(Record { kind: record.kind, fields }))
    }

    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Rc::from(text.as_ref()))
    }

    /// `below` is what the key above says of it.
    fn of(json: &serde_json::Value, kind: Kind, keys: Keys<'_>, below: Absent) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil(below),
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Int(number),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::text(text),
            serde_json::Value::Array(list) => {
                Self::List(list.iter().map(|item| Self::of(item, kind, keys, Absent::Value)).collect())
            }
            serde_json::Value::Object(object) => {
                let is_map = below == Absent::Map;
                let below = |key: &str| match key {
                    _ if is_map => Absent::Value,
                    key if keys.maps.contains(&key) => Absent::Map,
                    key if keys.lists.contains(&key) => Absent::List,
                    _ => Absent::Value,
                };
                let field =
                    |(key, value): (&String, _)| (key.clone(), Self::of(value, kind, keys, below(key)));
                let fields = object.iter().map(field).collect();
                if is_map {
                    Self::Map(Rc::new(fields))
                } else {
                    Self::Record(Rc::new(Record { kind, fields }))
                }
            }
        }
    }

    /// Go's truth: what is not empty.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Missing | Self::Nil(_) => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Record(_) | Self::Lookup(_) => true,
        }
    }

    /// Go's name of its type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nil(_) => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "[]interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Record(record) => match record.kind {
                Kind::Document => "map[string]interface {}",
                Kind::Row(kind) => kind,
            },
            Self::Lookup(_) => "func(string) string",
        }
    }

    /// The JSON of it.
    pub(crate) fn json(&self) -> serde_json::Value {
        let object = |fields: &BTreeMap<String, Self>| {
            let shown = fields.iter().filter(|(_, value)| !matches!(value, Self::Lookup(_)));
            shown.map(|(key, value)| (key.clone(), value.json())).collect()
        };
        match self {
            Self::Missing | Self::Nil(_) | Self::Lookup(_) => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Text(text) => (&**text).into(),
            Self::List(list) => list.iter().map(Self::json).collect(),
            Self::Map(map) => serde_json::Value::Object(object(map)),
            Self::Record(record) => serde_json::Value::Object(object(&record.fields)),
        }
    }
}

/// Go's `%v`; a record is shown as a map, whatever Go type Docker has there.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("<no value>"),
            Self::Nil(Absent::Value) => f.write_str("<nil>"),
            Self::Nil(Absent::List) => f.write_str("[]"),
            Self::Nil(Absent::Map) => f.write_str("map[]"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{}", float(*number)),
            Self::Text(text) => f.write_str(text),
            Self::Lookup(_) => f.write_str("func"),
            Self::List(list) => {
                let items: Vec<String> = list.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(" "))
            }
            Self::Map(fields) => write_map(f, fields),
            Self::Record(record) => write_map(f, &record.fields),
        }
    }
}

fn write_map(f: &mut fmt::Formatter<'_>, fields: &BTreeMap<String, Value>) -> fmt::Result {
    let shown = fields.iter().filter(|(_, value)| !matches!(value, Value::Lookup(_)));
    let items: Vec<String> = shown.map(|(key, value)| format!("{key}:{value}")).collect();
    write!(f, "map[{}]", items.join(" "))
}

/// Go's shortest form: with an exponent below 1e-4 and from 1e21 on.
fn float(number: f64) -> String {
    if !number.is_finite() {
        let sign = if number < 0.0 { "-" } else { "+" };
        return if number.is_nan() { "NaN".to_owned() } else { format!("{sign}Inf") };
    }
    if number == 0.0 || (1e-4..1e21).contains(&number.abs()) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
