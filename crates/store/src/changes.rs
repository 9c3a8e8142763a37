// SPDX-License-Identifier: Apache-2.0
//! Dockerfile instructions that change an image's configuration.

use oci::config::{Empty, Process};

use crate::error::{Error, Result};

/// What the image's configuration says besides its layer.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// How a container of it runs.
    pub process: Process,
    /// A remark for its history.
    pub message: String,
    /// Whether a CMD was among the changes.
    cmd: Said,
}

/// Whether something was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Said {
    #[default]
    No,
    Yes,
}

impl Changes {
    /// None yet, to an image that runs so and whose history has this remark.
    pub fn to(process: Process, message: String) -> Self {
        Self { process, message, cmd: Said::No }
    }

    /// Takes one Dockerfile instruction: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER,
    /// VOLUME or WORKDIR.
    pub fn apply(&mut self, instruction: &str) -> Result<()> {
        let refused = |why: &str| {
            Error::invalid(format!("the change `{}` cannot be made: {why}", oci::shown(instruction)))
        };
        let (word, rest) =
            instruction.trim().split_once(char::is_whitespace).ok_or_else(|| refused("it has no value"))?;
        let rest = rest.trim();
        let process = &mut self.process;
        match word.to_ascii_uppercase().as_str() {
            "CMD" => {
                process.cmd = command(rest).ok_or_else(|| refused("its list is not JSON"))?;
                self.cmd = Said::Yes;
            }
            "ENTRYPOINT" => {
                process.entrypoint = command(rest).ok_or_else(|| refused("its list is not JSON"))?;
                // Docker's rule: another program has no use for the arguments of the one before.
                if self.cmd == Said::No {
                    process.cmd.clear();
                }
            }
            "ONBUILD" => process.on_build.push(trigger(rest).map_err(refused)?),
            "ENV" => {
                for (name, value) in pairs(rest).map_err(refused)? {
                    let begin = format!("{name}=");
                    process.env.retain(|known| !known.starts_with(&begin));
                    process.env.push(begin + &value);
                }
            }
            "LABEL" => process.labels.extend(pairs(rest).map_err(refused)?),
            "EXPOSE" => {
                for word in rest.split_whitespace() {
                    let port = port(word).ok_or_else(|| refused("write PORT or PORT/tcp, /udp or /sctp"))?;
                    process.exposed_ports.insert(port, Empty {});
                }
            }
            "VOLUME" => {
                let paths = match rest.starts_with('[') {
                    true => serde_json::from_str(rest).map_err(|_| refused("its list is not JSON"))?,
                    false => rest.split_whitespace().map(str::to_owned).collect::<Vec<_>>(),
                };
                process.volumes.extend(paths.into_iter().map(|path| (path, Empty {})));
            }
            "USER" => process.user = rest.to_owned(),
            "WORKDIR" if rest.starts_with('/') => process.working_dir = rest.to_owned(),
            "WORKDIR" => return Err(refused("the directory must be absolute")),
            "STOPSIGNAL" => process.stop_signal = rest.to_owned(),
            _ => {
                return Err(refused(
                    "only CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR can be changed",
                ));
            }
        }
        Ok(())
    }
}

/// `["a", "b"]`, or the shell form.
fn command(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') {
        return serde_json::from_str(text).ok();
    }
    Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

/// An instruction for later. Docker's rule: these three cannot be one.
fn trigger(text: &str) -> Result<String, &'static str> {
    let word = text.split_whitespace().next().unwrap_or_default();
    match word.to_ascii_uppercase().as_str() {
        "ONBUILD" | "FROM" | "MAINTAINER" => Err("ONBUILD, FROM and MAINTAINER cannot come behind ONBUILD"),
        _ => Ok(text.to_owned()),
    }
}

/// `80` is `80/tcp`.
fn port(word: &str) -> Option<String> {
    let (number, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let number: u16 = number.parse().ok().filter(|number| *number != 0)?;
    ["tcp", "udp", "sctp"].contains(&protocol).then(|| format!("{number}/{protocol}"))
}

/// `name=value name="va lue" ...`, or the old form `name value of several words`.
fn pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let (name, value) = text.split_once(char::is_whitespace).ok_or("write NAME=value")?;
        return Ok(vec![(name.to_owned(), value.trim_start().to_owned())]);
    }
    words(text)?
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some(("", _)) | None => Err("write NAME=value"),
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        })
        .collect()
}

/// Words as a shell cuts them: quotes keep white space, a backslash keeps the character behind it.
fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                word.get_or_insert_default().push(letters.next().ok_or("it ends in a backslash")?);
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(lines: &[&str]) -> Process {
        let mut changes = Changes::default();
        for line in lines {
            changes.apply(line).unwrap();
        }
        changes.process
    }

    #[test]
    fn commands_and_the_rest() {
        let process =
            apply(&["CMD [\"a\",\"b\"]", "WORKDIR /x", "USER 7", "ENTRYPOINT echo hi", "STOPSIGNAL SIGUSR1"]);
        assert_eq!(process.cmd, ["a", "b"]);
        assert_eq!(process.entrypoint, ["/bin/sh", "-c", "echo hi"]);
        assert_eq!((process.working_dir.as_str(), process.user.as_str()), ("/x", "7"));
        assert_eq!(process.stop_signal, "SIGUSR1");
    }

    #[test]
    fn another_program_has_no_use_for_the_arguments_of_the_one_before() {
        let with_cmd = |lines: &[&str]| {
            let process = Process { cmd: vec!["old".to_owned()], ..Process::default() };
            let mut changes = Changes::to(process, String::new());
            lines.iter().for_each(|line| changes.apply(line).unwrap());
            changes.process.cmd
        };
        assert_eq!(with_cmd(&["ENTRYPOINT [\"e\"]"]), [""; 0]);
        assert_eq!(with_cmd(&["CMD [\"c\"]", "ENTRYPOINT [\"e\"]"]), ["c"]);
        assert_eq!(with_cmd(&["ENTRYPOINT [\"e\"]", "CMD [\"c\"]"]), ["c"]);
    }

    #[test]
    fn instructions_for_later() {
        let process = apply(&["ONBUILD RUN make", "onbuild copy . /src"]);
        assert_eq!(process.on_build, ["RUN make", "copy . /src"]);
    }

    #[test]
    fn variables_and_labels() {
        let process = apply(&["ENV A=1 B=\"two words\" C=a\\ b", "env A 2 and more", "LABEL x=y 'z w'=1"]);
        assert_eq!(process.env, ["B=two words", "C=a b", "A=2 and more"]);
        assert_eq!(
            process.labels.into_iter().collect::<Vec<_>>(),
            [("x".into(), "y".into()), ("z w".into(), "1".into())]
        );
    }

    #[test]
    fn ports_and_volumes() {
        let process = apply(&["EXPOSE 80 53/udp", "VOLUME /a /b", "VOLUME [\"/c d\"]"]);
        assert_eq!(process.exposed_ports.into_keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        assert_eq!(process.volumes.into_keys().collect::<Vec<_>>(), ["/a", "/b", "/c d"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "CMD",
            "RUN x",
            "WORKDIR x",
            "CMD [a",
            "VOLUME [a",
            "ENV A",
            "ENV =x",
            "ENV A=\"b",
            "EXPOSE x",
            "EXPOSE 0",
            "EXPOSE 1/ip",
            "ONBUILD",
            "ONBUILD ONBUILD RUN x",
            "ONBUILD from x",
        ] {
            assert!(Changes::default().apply(line).is_err(), "{line}");
        }
    }
}
