// SPDX-License-Identifier: Apache-2.0
//! `--format` says what Docker's says of the same image and the same container.

use tests::{Docker, Sandbox, image, skip};

#[test]
fn templates_say_what_dockers_say() {
    let Some(docker) = Docker::start() else { return skip("the package docker.io is not installed") };
    let sandbox = Sandbox::new();
    let archive = image(ARCHIVE);
    docker.client(["load", "-i", archive.to_str().unwrap()]);
    sandbox.call(["load", "-q", "-i", archive.to_str().unwrap()]).ok();
    let name = docker.client(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    let name = name.trim();
    let run =
        ["run", "--name", "same", "--label", "a.b-c=x", "--label", "d=y", "--network", "none", name, "true"];
    docker.client(run);
    sandbox.call(run).ok();
    let mut differences = Vec::new();
    for (words, templates) in [
        (&["inspect", "--format"][..], INSPECT),
        (&["images", "--format"], IMAGES),
        (&["images", "--no-trunc", "--format"], IMAGES),
        (&["history", "--format"], HISTORY),
        (&["ps", "--all", "--format"], CONTAINERS),
    ] {
        for template in templates {
            let subject = match words[0] {
                "inspect" | "history" => Some(name),
                _ => None,
            };
            let line: Vec<&str> = words.iter().copied().chain([*template]).chain(subject).collect();
            let (ours, theirs) = (sandbox.call(&line).ended(), docker.client(&line));
            if (ours.code, &ours.out) != (0, &theirs) {
                differences.push(format!("{line:?}\n{ours}\ndocker: {theirs}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What Docker's client says of a template is an error there as well, with the same words but for
/// Go's names of types.
#[test]
fn wrong_templates_are_told_in_dockers_words() {
    let Some(docker) = Docker::start() else { return skip("the package docker.io is not installed") };
    let sandbox = Sandbox::new();
    let archive = image(ARCHIVE);
    docker.client(["load", "-i", archive.to_str().unwrap()]);
    sandbox.call(["load", "-q", "-i", archive.to_str().unwrap()]).ok();
    let name = docker.client(["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    for (template, both) in WRONG {
        let words = ["inspect", "--format", template, name.trim()];
        let theirs = docker.refuses(words);
        assert!(theirs.to_lowercase().contains(&both.to_lowercase()), "docker, {template}: {theirs}");
        let ours = sandbox.call(words).fails(1);
        assert!(ours.contains(both), "{template}: {ours}");
    }
}

const ARCHIVE: &str = "layers.docker.tar";

const INSPECT: &[&str] = &[
    "{{.Id}}",
    "{{.Os}}/{{.Architecture}} {{.Author}}{{.Comment}}",
    "{{json .Config.Env}} {{json .Config.Cmd}} {{json .Config.Labels}} {{json .Config.Entrypoint}}",
    "{{.Config.Env}} {{.Config.Labels}} {{.Config.Volumes}} {{.Config.Entrypoint}} {{.Config.User}}",
    "{{range .Config.Env}}<{{.}}>{{end}}",
    "{{range $i, $e := .Config.Env}}{{if $i}}, {{end}}{{$i}}={{$e}}{{end}}",
    "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{else}}none{{end}}",
    "{{range .Config.OnBuild}}x{{else}}none{{end}}",
    "{{.Config.Labels.purpose}} {{index .Config.Labels \"purpose\"}} {{index .Config.Labels \"no\"}}|",
    "{{.Config.Labels.no}}",
    "{{with .Config.User}}user {{.}} of {{$.Os}}{{else}}root{{end}}",
    "{{if eq .Os \"linux\"}}l{{else if .Author}}a{{else}}n{{end}}",
    "{{if and .Os (not .Author) (gt (len .Config.Env) 0)}}yes{{end}} {{or .Author \"nobody\"}}",
    "{{len .RootFS.Layers}} {{index .RootFS.Layers 0}} {{.RootFS.Type}}",
    "{{join .Config.Env \",\"}} {{split .Config.User \":\"}} {{(split .Config.User \":\") | len}}",
    "{{upper .Os}} {{title \"ab cd\"}} {{lower \"AB\"}} {{truncate .Id 12}}{{pad .Os 2 3}}|",
    "{{printf \"%-8s|%8s|%q|%.3s|%v\" .Os .Os .Os .Os .Config.Env}}",
    "{{printf \"%d %5d %05d %x %t\" 17 17 17 255 true}} {{print 1 2 \"a\" 3}} {{println .Os 1}}",
    "{{printf \"%s\" 1}} {{printf \"%d\" \"a\"}} {{printf \"%s\"}} {{printf \"x\" 1}}",
    "{{.Os | printf \"%s-%s\" \"a\" | upper}}",
    "{{$x := .Os}}{{with .Config}}{{$x}}{{$x = \"y\"}}{{end}}{{$x}}",
    "  {{- .Os -}}  {{/* gone */}}x{{- /* gone */ -}} y",
    "{{\"\\t\\u00e9\\\"\"}}{{`raw\\n`}}{{'a'}} {{0x10}} {{1.5}} {{1e3}} {{true}} {{-5}}",
    "{{eq 1 2 1}} {{ne \"a\" \"b\"}} {{lt 1 2}} {{le 2 2}} {{ge \"b\" \"a\"}} {{slice \"abcdef\" 1 3}}",
    "{{slice .Id 7 19}}",
];

const IMAGES: &[&str] = &[
    "{{.Repository}}:{{.Tag}} {{.ID}}",
    "table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedAt}}",
    "table {{.ID}}\t{{upper .Tag}}",
    "{{.Containers}} {{.SharedSize}} {{.UniqueSize}} {{printf \"%10s|\" .Tag}}",
    "{{if eq .Tag \"1\"}}one{{else}}{{.Tag}}{{end}}",
];

const HISTORY: &[&str] = &["{{.CreatedBy}}|{{.Comment}}", "table {{.CreatedBy}}\\t{{.Comment}}"];

const CONTAINERS: &[&str] = &[
    "{{.Names}} {{.Image}} {{.Command}} {{.State}}",
    "{{.Label \"a.b-c\"}} {{.Label \"no\"}}| {{.Label \"purpose\"}}",
    "table {{.Names}}\\t{{.Image}}\\t{{.Label \"a.b-c\"}}",
    "table {{.Names}}\\t{{.Ports}}\\t{{.Networks}}\\t{{.Mounts}}\\t{{.LocalVolumes}}",
    "{{json .Names}} {{json .Image}}",
];

const WRONG: &[(&str, &str)] = &[
    (
        "{{.Foo}}",
        r#"template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo""#,
    ),
    ("{{.Config.Foo}}", r#":1:9: executing "" at <.Config.Foo>: map has no entry for key "Foo""#),
    ("{{.Os", "template parsing error: template: :1: unclosed action"),
    ("{{nope .Os}}", r#"template parsing error: template: :1: function "nope" not defined"#),
    ("{{$x}}", r#"template parsing error: template: :1: undefined variable "$x""#),
    ("{{if .Os}}", "template parsing error: template: :1: unexpected EOF"),
    ("{{end}}", "template parsing error: template: :1: unexpected {{end}}"),
    ("a\n{{}}", "template parsing error: template: :2: missing value for command"),
    ("{{\"a}}", "template parsing error: template: :1: unterminated quoted string"),
    ("{{/* a}}", "template parsing error: template: :1: unclosed comment"),
    ("{{(.Os}}", "template parsing error: template: :1: unclosed left paren"),
];
