// SPDX-License-Identifier: Apache-2.0
//! JSON from strangers: bounded in size and depth, and no key twice.
//!
//! Parsers disagree about which of two equal keys counts; a document that has one is read differently
//! by the checker and by whoever uses it (CVE-2021-41190 is of that family), so it is refused.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::Error;

/// Reads `bytes`, a document called `what` in errors.
pub fn read<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, Error> {
    check(what, bytes)?;
    serde_json::from_slice(bytes).map_err(|error| complaint(what, &error))
}

/// Checks the form of `bytes` without keeping anything.
pub fn check(what: &'static str, bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() > LARGEST {
        return Err(Error::document(what, format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Form { depth: 0 }.deserialize(&mut reader).map_err(|error| complaint(what, &error))?;
    reader.end().map_err(|error| complaint(what, &error))
}

/// The parser quotes what it does not like, however long that is.
fn complaint(what: &'static str, error: &serde_json::Error) -> Error {
    let text: String = error.to_string().chars().take(LONGEST_COMPLAINT).collect();
    Error::document(what, text)
}

struct Form {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Form {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > DEEPEST {
            return Err(serde::de::Error::custom(format_args!("it is nested deeper than {DEEPEST}")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Form {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Form { depth: self.depth + 1 })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Form { depth: self.depth + 1 })?;
            if let Some(key) = seen.replace(key) {
                return Err(serde::de::Error::custom(format_args!(
                    "the key `{}` stands twice",
                    crate::shown(&key)
                )));
            }
        }
        Ok(())
    }
}

/// distribution specification: registries refuse larger manifests.
const LARGEST: usize = 4 << 20;
const LONGEST_COMPLAINT: usize = 300;
/// Real documents stay below ten.
const DEEPEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_checked() {
        assert!(check("t", br#"{"a":[1,2,{"b":null}],"c":-1.5}"#).is_ok());
        assert!(check("t", br#"{"a":1,"a":2}"#).is_err());
        assert!(check("t", br#"{"a":{"b":1,"b":1}}"#).is_err());
        assert!(check("t", b"{} x").is_err());
        let string = |length: usize| format!("\"{}\"", "x".repeat(length));
        assert!(check("t", string(LARGEST - 2).as_bytes()).is_ok());
        assert!(check("t", string(LARGEST).as_bytes()).unwrap_err().to_string().contains("4 MiB"));
        assert!(check("t", &[b'['; 1000]).is_err());
        let long = format!("{{\"{0}\":1,\"{0}\":1}}", "k".repeat(100_000));
        assert!(check("t", long.as_bytes()).unwrap_err().to_string().len() < 500);
        assert!(
            read::<u8>("t", format!("\"{}\"", "k".repeat(100_000)).as_bytes()).unwrap_err().to_string().len()
                < 500
        );
        let deep = "[".repeat(66) + &"]".repeat(66);
        assert!(check("t", deep.as_bytes()).unwrap_err().to_string().contains("nested"));
    }
}
