// SPDX-License-Identifier: Apache-2.0
//! The 103 hostile images of the shared corpus, each in both forms of archive, against the verdicts in
//! adversarial.tsv. hostile.rs and its neighbours cover the same classes with data of our own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::watched::Watched;

#[test]
fn each_of_the_shared_hostile_images_gets_its_verdict() {
    let generator = Path::new("/work/shared/reference/adversarial-layers/gen.py");
    if !generator.exists() {
        return tests::skip("the shared corpus of hostile layers is not here");
    }
    let watched = Watched::new();
    let cases = watched.sandbox.file("cases");
    let made = Command::new("python3")
        .args(["-B".as_ref(), generator.as_os_str(), cases.as_os_str()])
        .env("CANARY", watched.canary())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let verdicts = verdicts();
    let mut tried = 0;
    for entry in std::fs::read_dir(&cases).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let case = path.file_name().unwrap().to_str().unwrap().to_owned();
        let verdict = verdicts.get(case.as_str()).unwrap_or_else(|| panic!("{case} has no verdict"));
        let archive = path.with_file_name(format!("{case}.docker.tar"));
        for form in [path.clone(), archive] {
            // Only a layout says how long a blob is and of which type.
            let docker = form.extension().is_some();
            let what = format!("{case} as {}", form.display());
            match verdict {
                Verdict::Refused(words) if !(docker && words.contains("[layout]")) => {
                    watched.refuses_path(&what, &form, &[words.trim_end_matches(" [layout]")]);
                }
                _ => {
                    let told = watched.sandbox.call(["load", "--quiet", "-i", form.to_str().unwrap()]).ok();
                    watched.nothing_outside(&what);
                    watched.remove_loaded(&what, &told);
                }
            }
        }
        tried += 1;
    }
    assert_eq!(tried, verdicts.len(), "the table and the corpus have different cases");
}

#[derive(Debug)]
enum Verdict {
    Accepted,
    /// With these words in the sentence.
    Refused(&'static str),
}

/// Lines of `case<TAB>ok|refused<TAB>words or remark`.
fn verdicts() -> BTreeMap<&'static str, Verdict> {
    let lines = include_str!("adversarial.tsv").lines().filter(|line| !line.starts_with('#'));
    let verdict = |line: &'static str| {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            [case, "ok", _] => (case, Verdict::Accepted),
            [case, "refused", words] => (case, Verdict::Refused(words)),
            _ => panic!("a bad line: {line}"),
        }
    };
    lines.map(verdict).collect()
}
