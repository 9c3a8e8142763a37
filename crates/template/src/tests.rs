// SPDX-License-Identifier: Apache-2.0
use serde_json::json;

use super::*;

fn data() -> Value {
    let json = json!({
        "Name": "web", "Id": "abcdef0123456789", "Count": 3, "Part": 0.5, "Up": true, "Nothing": null,
        "State": {"Status": "running", "Pid": 17},
        "Config": {"Volumes": null, "Entrypoint": null, "Labels": {"a.b": "x", "c": "y"}, "Cmd": ["sh", "-c", "true"], "Empty": []},
    });
    Value::document(&json, Keys { maps: &["Labels", "Volumes"], lists: &["Entrypoint"] })
}

#[track_caller]
fn said(template: &str) -> String {
    Template::parse(template).unwrap().render(&data(), Functions::Values).unwrap()
}

fn refused(template: &str) -> String {
    match Template::parse(template) {
        Ok(template) => template.render(&data(), Functions::Values).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn values_and_text() {
    for (template, want) in [
        ("", ""),
        ("plain }} text", "plain }} text"),
        ("{{.Name}} {{ .State.Pid }}", "web 17"),
        ("{{.Config.Cmd}} {{.Config.Labels}} {{.Up}} {{.Part}}", "[sh -c true] map[a.b:x c:y] true 0.5"),
        ("{{.Config.Labels.none}}|{{.Config.Labels.c}}", "<no value>|y"),
        (
            "{{json .State}} {{json .Name}} {{json .Config.Cmd}}",
            r#"{"Pid":17,"Status":"running"} "web" ["sh","-c","true"]"#,
        ),
        (
            "{{.Config.Volumes}}{{.Config.Entrypoint}}{{len .Config.Volumes}}{{json .Config.Entrypoint}}",
            "map[][]0null",
        ),
        ("{{.Nothing}} {{.Config.Volumes.x}}", "<nil> <no value>"),
        ("a {{- /* gone */ -}} b{{/* gone */}}", "ab"),
        ("a  {{- .Name -}}  b {{ .Name -}} c", "awebb webc"),
        ("{{(index .Config.Cmd 2) | upper}}{{(.State).Status}}{{$.Name}}", "TRUErunningweb"),
    ] {
        assert_eq!(said(template), want, "{template}");
    }
}

#[test]
fn branches_and_variables() {
    for (template, want) in [
        ("{{range .Config.Cmd}}<{{.}}>{{end}}", "<sh><-c><true>"),
        ("{{range $i, $v := .Config.Cmd}}{{if $i}},{{end}}{{$i}}={{$v}}{{end}}", "0=sh,1=-c,2=true"),
        ("{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}} {{end}}", "a.b:x c:y "),
        ("{{range .Config.Empty}}x{{else}}none{{end}}", "none"),
        ("{{if .Nothing}}a{{else if eq .Name \"web\"}}b{{else}}c{{end}}", "b"),
        ("{{with .State}}{{.Pid}} {{$.Name}}{{else}}x{{end}}", "17 web"),
        ("{{with .Config.Labels.none}}x{{else}}y{{end}}", "y"),
        ("{{$x := 1}}{{range .Config.Cmd}}{{$x = .}}{{end}}{{$x}}", "true"),
        ("{{if and .Up (gt .Count 2) (not .Nothing)}}y{{end}}{{or .Nothing .Name}}", "yweb"),
        ("{{if and .Nothing (index .Config.Cmd 99)}}x{{else}}short{{end}}", "short"),
    ] {
        assert_eq!(said(template), want, "{template}");
    }
}

#[test]
fn functions() {
    for (template, want) in [
        ("{{len .Name}} {{len .Config.Labels}} {{.Config.Cmd | len}}", "3 2 3"),
        (r#"{{index .Config.Labels "a.b"}}{{index .Config.Labels "no"}}."#, "x."),
        (r#"{{join .Config.Cmd "/"}} {{split "a,b" ","}} {{title "ab cd"}}"#, "sh/-c/true [a b] Ab Cd"),
        (r#"{{truncate .Id 5}} {{pad .Name 1 2}}| {{lower "AB"}} {{slice .Id 1 3}}"#, "abcde  web  | ab bc"),
        (
            r#"{{printf "%-6s|%5.2s|%q|%v|%d|%05d|%x|%%" .Name .Name .Name .Up .Count .Count .Count}}"#,
            "web   |   we|\"web\"|true|3|00003|3|%",
        ),
        (
            r#"{{printf "%d" .Name}}{{printf "%s"}}{{printf "x" 1}}"#,
            "%!d(string=web)%!s(MISSING)x%!(EXTRA int=1)",
        ),
        (r#"{{print 1 2 "a" 3}}{{println .Name 1}}"#, "1 2a3web 1\n"),
        (r#"{{eq .Name "a" "web"}} {{ne .Count 3}} {{lt 1 2}} {{ge "b" "a"}}"#, "true false true true"),
        ("{{`raw\\n`}}{{\"\\t\\u00e9\"}}{{'a'}}{{0x10}}{{-5}}{{1.5}}{{true}}", "raw\\n\t\u{e9}9716-51.5true"),
    ] {
        assert_eq!(said(template), want, "{template}");
    }
}

#[test]
fn errors_are_gos() {
    for (template, want) in [
        ("{{.Foo}}", r#"template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo""#),
        ("{{.State.Foo}}", r#"template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo""#),
        (
            "\n{{.Name.Foo}}",
            r#"template: :2:7: executing "" at <.Name.Foo>: can't evaluate field Foo in type string"#,
        ),
        (
            "{{.Nothing.Foo}}",
            r#"template: :1:10: executing "" at <.Nothing.Foo>: nil pointer evaluating interface {}.Foo"#,
        ),
        (
            "{{index .Config.Cmd 9}}",
            r#"template: :1:2: executing "" at <index .Config.Cmd 9>: error calling index: index out of range: 9"#,
        ),
        (
            "{{.Name 1}}",
            r#"template: :1:2: executing "" at <.Name 1>: can't give argument to non-function .Name"#,
        ),
        ("{{.Name", "template: :1: unclosed action"),
        ("{{", "template: :1: unclosed action"),
        ("a\n{{nope .}}", r#"template: :2: function "nope" not defined"#),
        ("{{$x}}", r#"template: :1: undefined variable "$x""#),
        ("{{if .Name}}x", "template: :1: unexpected EOF"),
        ("{{end}}", "template: :1: unexpected {{end}}"),
        ("{{else}}", "template: :1: unexpected {{else}}"),
        ("{{}}", "template: :1: missing value for command"),
        ("{{if}}{{end}}", "template: :1: missing value for if"),
        ("{{\"a}}", "template: :1: unterminated quoted string"),
        ("{{/* a}}", "template: :1: unclosed comment"),
        ("{{(.Name}}", "template: :1: unclosed left paren"),
        ("{{define \"x\"}}{{end}}", "template: :1: {{define}} is not supported here"),
    ] {
        assert_eq!(refused(template), want, "{template}");
    }
}

#[test]
fn it_is_bounded() {
    let deep = "{{if .Up}}".repeat(1000) + &"{{end}}".repeat(1000);
    assert!(refused(&deep).ends_with("it nests deeper than 100"));
    assert!(refused(&format!("{{{{{}}}}}", "(".repeat(100_000))).contains("deeper than 100"));
    let grows = "{{$x := \"xxxxxxxx\"}}".to_owned() + &"{{$x = printf \"%s%s\" $x $x}}".repeat(40);
    assert!(refused(&grows).contains("more than 16777216 bytes"));
    let loops = "{{range split (pad \"x\" 2000 0) \"\"}}".repeat(3) + "x" + &"{{end}}".repeat(3);
    assert!(refused(&loops).ends_with("it takes more than 1000000 steps"));
}

#[test]
fn rows_and_headings() {
    let row = Value::row(&json!({"ID": "abc", "Size": "1kB"}), "image")
        .with_lookup("Label", |name| format!("<{name}>"));
    let template = Template::parse(r#"{{upper .ID}} {{.Label "a.b"}} {{json .Size}} {{json .}}"#).unwrap();
    let want = r#"ABC <a.b> "1kB" {"ID":"abc","Size":"1kB"}"#;
    assert_eq!(template.render(&row, Functions::Values).unwrap(), want);
    let template = Template::parse("{{lower .ID}}\t{{json .Size}}").unwrap();
    assert_eq!(template.render(&row, Functions::Headings).unwrap(), "abc\t1kB");
    let error = Template::parse("{{.Foo}}").unwrap().render(&row, Functions::Values).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type image"#
    );
}
