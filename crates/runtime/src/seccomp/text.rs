// SPDX-License-Identifier: Apache-2.0
//! A policy file (TOML) becomes a [`Policy`].
//!
//! This takes nearly half a millisecond, so `run` does not do it: the built-in policy is compiled in as the
//! table that this module writes (`table.rs`), and a test keeps that table and the file the same.

use serde::Deserialize;

use super::action::Action;
use super::call::Call;
use super::capability::Capability;
use super::error::Error;
use super::policy::{Entry, Lift, Policy, Scope};
use super::rule::Rule;
use super::words;

impl Policy {
    /// Reads a policy file; `policies/README.md` says what is in one.
    ///
    /// # Errors
    /// When it is no TOML, has fields of its own, names what does not exist, gives no reason, or does not decide
    /// every call exactly once.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: File = toml::from_str(text)?;
        let mut entries = Vec::new();
        for allow in file.allow {
            entries.push(Entry {
                calls: calls(&allow.calls)?.into(),
                rules: Vec::new().into(),
                otherwise: Action::Allow,
                reason: allow.reason.into(),
            });
        }
        for inspect in file.inspect {
            let rules = rules(&inspect.rules)?;
            if rules.is_empty() {
                return Err(Error::NoRules { calls: inspect.calls.join(", ") });
            }
            entries.push(Entry {
                calls: calls(&inspect.calls)?.into(),
                rules: rules.into(),
                otherwise: words::answer(&inspect.otherwise)?,
                reason: inspect.reason.into(),
            });
        }
        for refuse in file.refuse {
            entries.push(Entry {
                calls: calls(&refuse.calls)?.into(),
                rules: Vec::new().into(),
                otherwise: words::answer(&refuse.answer)?,
                reason: refuse.reason.into(),
            });
        }
        let lifts = file.lift.into_iter().map(TryInto::try_into).collect::<Result<_, Error>>()?;
        Self::new(entries, lifts)
    }
}

fn calls(names: &[String]) -> Result<Vec<Call>, Error> {
    names.iter().map(|name| Call::named(name)).collect()
}

fn rules(lines: &[String]) -> Result<Vec<Rule>, Error> {
    let mut all = Vec::new();
    for line in lines {
        all.extend(words::rules(line)?);
    }
    Ok(all)
}

impl TryFrom<LiftText> for Lift {
    type Error = Error;

    fn try_from(text: LiftText) -> Result<Self, Error> {
        Ok(Self {
            capability: Capability::named(&text.capability)?,
            scope: match text.scope {
                ScopeText::Container => Scope::Container,
                ScopeText::Host => Scope::Host,
            },
            calls: calls(&text.calls)?.into(),
            rules: rules(&text.rules)?.into(),
            reason: text.reason.into(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    allow: Vec<AllowText>,
    #[serde(default)]
    inspect: Vec<InspectText>,
    #[serde(default)]
    refuse: Vec<RefuseText>,
    #[serde(default)]
    lift: Vec<LiftText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowText {
    calls: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InspectText {
    calls: Vec<String>,
    rules: Vec<String>,
    otherwise: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefuseText {
    calls: Vec<String>,
    answer: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LiftText {
    capability: String,
    scope: ScopeText,
    calls: Vec<String>,
    #[serde(default)]
    rules: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScopeText {
    Container,
    Host,
}
