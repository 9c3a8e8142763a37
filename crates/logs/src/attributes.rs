// SPDX-License-Identifier: Apache-2.0
//! Who a line is from, as far as `labels`, `env` and `tag` ask for it.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Whose output it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The whole id, 64 hexadecimal digits.
    pub id: String,
    /// The container's name, without a slash before it.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// The container's labels.
    pub labels: BTreeMap<String, String>,
    /// The container's environment.
    pub environment: BTreeMap<String, String>,
}

/// Which of it goes along with each line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Details {
    labels: Vec<String>,
    environment: Vec<String>,
    tag: Option<Tag>,
}

impl Details {
    pub(crate) fn parse(labels: &str, environment: &str, tag: &str) -> Result<Self> {
        let list = |text: &str| text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let tag = if tag.is_empty() { None } else { Some(Tag::parse(tag)?) };
        Ok(Self { labels: list(labels), environment: list(environment), tag })
    }

    /// The labels and variables that were asked for and exist; a variable goes before a label of its name.
    pub(crate) fn of(&self, who: &Identity) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (names, values) in [(&self.labels, &who.labels), (&self.environment, &who.environment)] {
            let known = names.iter().filter_map(|name| values.get_key_value(name));
            found.extend(known.map(|(name, value)| (name.clone(), value.clone())));
        }
        found
    }

    /// The tag, if one was asked for.
    pub(crate) fn tag(&self, who: &Identity) -> Option<String> {
        self.tag.as_ref().map(|tag| tag.of(who))
    }

    /// The tag, or the short id.
    pub(crate) fn tag_or_id(&self, who: &Identity) -> String {
        self.tag(who).unwrap_or_else(|| short(&who.id).to_owned())
    }
}

/// The first twelve letters of an id, as people use it.
pub(crate) fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

/// A template with the fields that Docker has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Id,
    FullId,
    Name,
    ImageName,
    ImageId,
    ImageFullId,
    DaemonName,
}

impl Tag {
    fn parse(text: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((field, behind)) = after.split_once("}}") else {
                return Err(Error::option("tag", format!("`{}` has {{{{ and no }}}}", oci::shown(text))));
            };
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::parse(field.trim())?);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        if text.contains(char::is_control) {
            // It stands in headers, where a line's end would begin another message.
            return Err(Error::option("tag", "it has a control character"));
        }
        Ok(Self(pieces))
    }

    fn of(&self, who: &Identity) -> String {
        let texts = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Id => short(&who.id),
            Piece::FullId => &who.id,
            Piece::Name => &who.name,
            Piece::ImageName => &who.image,
            Piece::ImageId => short(&who.image_id),
            Piece::ImageFullId => &who.image_id,
            Piece::DaemonName => DAEMON,
        });
        texts.collect()
    }
}

impl Piece {
    fn parse(field: &str) -> Result<Self> {
        match field {
            ".ID" => Ok(Self::Id),
            ".FullID" => Ok(Self::FullId),
            ".Name" => Ok(Self::Name),
            ".ImageName" => Ok(Self::ImageName),
            ".ImageID" => Ok(Self::ImageId),
            ".ImageFullID" => Ok(Self::ImageFullId),
            ".DaemonName" => Ok(Self::DaemonName),
            other => Err(Error::option(
                "tag",
                format!(
                    "there is no field `{}`; there are .ID, .FullID, .Name, .ImageName, .ImageID, .ImageFullID \
                     and .DaemonName",
                    oci::shown(other)
                ),
            )),
        }
    }
}

/// What `{{.DaemonName}}` becomes.
const DAEMON: &str = "bulkhead";

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn who() -> Identity {
        let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Identity {
            id: "0123456789abcdef0123".to_owned(),
            name: "web".to_owned(),
            image: "debian:12".to_owned(),
            image_id: "sha256:fedcba9876543210".to_owned(),
            labels: map("a", "label"),
            environment: map("a", "variable"),
        }
    }

    #[test]
    fn tags() {
        for (text, want) in [
            ("{{.ID}}", "0123456789ab"),
            ("x/{{ .Name }}/{{.ImageName}}-y", "x/web/debian:12-y"),
            ("{{.ImageID}}{{.DaemonName}}", "fedcba987654bulkhead"),
            ("plain", "plain"),
        ] {
            assert_eq!(Details::parse("", "", text).unwrap().tag(&who()).unwrap(), want);
        }
        for text in ["{{.Env}}", "{{.ID", "a\nb"] {
            assert!(Details::parse("", "", text).is_err(), "{text}");
        }
        assert_eq!(Details::default().tag_or_id(&who()), "0123456789ab");
    }

    #[test]
    fn a_variable_goes_before_a_label() {
        let of = |labels, environment| Details::parse(labels, environment, "").unwrap().of(&who());
        assert_eq!(of("a,absent", ""), BTreeMap::from([("a".to_owned(), "label".to_owned())]));
        assert_eq!(of("a", "a"), BTreeMap::from([("a".to_owned(), "variable".to_owned())]));
        assert!(of("", "").is_empty());
    }
}
