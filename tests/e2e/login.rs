// SPDX-License-Identifier: Apache-2.0
//! `login` and `logout`, and what they say when it does not go well.

use tests::{Call, DockerRegistry, Guarded, Sandbox};

use crate::run_terminal::Person;

fn call(sandbox: &Sandbox, words: &[&str]) -> Call {
    sandbox.call(words.iter().copied()).env("HOME", sandbox.file("home").to_str().unwrap())
}

#[test]
fn a_password_is_typed_unseen() {
    let Some(server) = DockerRegistry::start(Guarded::ByPassword) else {
        return tests::skip("docker-registry is not installed");
    };
    let sandbox = Sandbox::new();
    let mut person = Person::calls(call(&sandbox, &["login", server.host()]));
    person.sees("Username: ");
    person.types("me\r");
    person.sees("Password: ");
    assert!(!person.is_cooked(), "what is typed would be seen");
    person.types("secret\r");
    let seen = person.sees("Login Succeeded");
    assert!(!seen.contains("secret") && seen.contains("config.json"), "{seen:?}");
    person.ends(0);
    call(&sandbox, &["registry", "catalog", server.host()]).ok();
}

#[test]
fn giving_up_leaves_the_terminal_as_it_was() {
    let sandbox = Sandbox::new();
    let mut person = Person::calls(call(&sandbox, &["login", "-u", "me", "127.0.0.1:1"]));
    person.sees("Password: ");
    assert!(!person.is_cooked(), "what is typed would be seen");
    person.types("half\u{3}");
    person.sees("was not typed to its end");
    person.ends(1);
}

#[test]
fn what_cannot_be_is_told() {
    let sandbox = Sandbox::new();
    let told = call(&sandbox, &["login", "-u", "me", "127.0.0.1:1"]).fails(1);
    assert!(told.contains("nobody can type a password") && told.contains("--password-stdin"), "{told}");
    let told = call(&sandbox, &["login", "--password-stdin", "127.0.0.1:1"]).input("x").fails(1);
    assert!(told.contains("needs --username"), "{told}");
    let told = call(&sandbox, &["login", "-u", "me", "--password-stdin", "127.0.0.1:1"]).input("x").fails(1);
    assert!(told.contains("cannot reach 127.0.0.1:1: nothing listens there"), "{told}");
    let told = call(&sandbox, &["login", "-u", "me", "-p", "x", "127.0.0.1:1"]).fails(125);
    assert!(told.contains("has no flag -p"), "{told}");
    let told = sandbox.call(["logout", "127.0.0.1:1"]).fails(1);
    assert!(told.contains("neither DOCKER_CONFIG nor HOME is set"), "{told}");
    sandbox.write("home/.docker/config.json", "{");
    let told = call(&sandbox, &["registry", "tags", "127.0.0.1:1/a"]).fails(1);
    assert!(
        told.contains("nothing listens there"),
        "credentials are looked for when they are asked for: {told}"
    );
    assert_eq!(call(&sandbox, &["logout", "127.0.0.1:1"]).ended().code, 1);
}
