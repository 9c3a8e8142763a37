// SPDX-License-Identifier: Apache-2.0
//! A container's own settings, as an image could have them.

use oci::config::Process;

use crate::request::RunRequest;

/// What `image` says of how to run it, with what `request` asks for in its place, by Docker's rules.
/// What the engine adds to every container (`HOSTNAME`, say) is no setting, and what an image has for
/// who builds on it is not the container's.
pub(crate) fn settings(request: &RunRequest, image: &Process) -> Process {
    let asked = &request.process;
    let mut settings = Process { on_build: Vec::new(), ..image.clone() };
    if let Some(program) = &asked.entrypoint {
        settings.entrypoint =
            Some(program.clone()).filter(|program| !program.is_empty()).into_iter().collect();
        // The image's arguments are for the image's program.
        settings.cmd.clear();
    }
    if !request.command.is_empty() {
        settings.cmd.clone_from(&request.command);
    }
    for (name, value) in &asked.env {
        set(&mut settings.env, name, value.as_deref());
    }
    if let Some(user) = &asked.user {
        settings.user.clone_from(user);
    }
    if let Some(directory) = &asked.workdir {
        settings.working_dir.clone_from(directory);
    }
    if let Some(signal) = asked.stop_signal {
        settings.stop_signal = signal.to_string();
    }
    settings.labels.extend(request.labels.iter().cloned());
    settings
}

/// Sets the variable in its place, or takes it away.
fn set(variables: &mut Vec<String>, name: &str, value: Option<&str>) {
    let begin = format!("{name}=");
    let known = variables.iter().position(|known| known.starts_with(&begin));
    match (known, value) {
        (Some(at), Some(value)) => variables[at] = begin + value,
        (Some(at), None) => drop(variables.remove(at)),
        (None, Some(value)) => variables.push(begin + value),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::ProcessRequest;

    fn image() -> Process {
        Process {
            env: vec!["A=1".into(), "B=2".into()],
            entrypoint: vec!["e".into()],
            cmd: vec!["c".into()],
            on_build: vec!["RUN x".into()],
            ..Process::default()
        }
    }

    #[test]
    fn what_is_not_said_is_the_images() {
        let same = settings(&RunRequest::default(), &image());
        assert_eq!(same, Process { on_build: Vec::new(), ..image() });
    }

    #[test]
    fn what_is_said_takes_its_place() {
        let process = ProcessRequest {
            env: vec![
                ("B".into(), Some("3=4".into())),
                ("A".into(), None),
                ("C".into(), Some(String::new())),
            ],
            user: Some("7".into()),
            ..ProcessRequest::default()
        };
        let request = RunRequest { process, command: vec!["x".into()], ..RunRequest::default() };
        let settings = settings(&request, &image());
        assert_eq!(settings.env, ["B=3=4", "C="]);
        assert_eq!((settings.entrypoint, settings.cmd), (vec!["e".to_owned()], vec!["x".to_owned()]));
        assert_eq!(settings.user, "7");
    }

    #[test]
    fn another_program_drops_the_images_arguments() {
        for (program, want) in [("p", &["p"][..]), ("", &[])] {
            let process = ProcessRequest { entrypoint: Some(program.into()), ..ProcessRequest::default() };
            let settings = settings(&RunRequest { process, ..RunRequest::default() }, &image());
            assert_eq!((&settings.entrypoint[..], &settings.cmd[..]), (want_owned(want).as_slice(), &[][..]));
        }
    }

    fn want_owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }
}
