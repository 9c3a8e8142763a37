// SPDX-License-Identifier: Apache-2.0
//! Debian's registry and skopeo: what they wrote we read, what we write they read, and the digests are
//! the same.

use std::path::Path;
use std::process::Command;

use oci::Digest;
use serde_json::{Value, json};
use tests::{Call, DockerRegistry, Guarded, Sandbox};

/// A sandbox whose calls have a home, and so a place for credentials and certificates.
pub(crate) struct Home {
    pub(crate) sandbox: Sandbox,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { sandbox: Sandbox::new() }
    }

    pub(crate) fn call(&self, words: &[&str]) -> Call {
        self.sandbox.call(words.iter().copied()).env("HOME", self.sandbox.file("home").to_str().unwrap())
    }

    /// A file below the folder of certificates for `host`.
    fn trust(&self, host: &str, file: &Path) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let certificate = std::fs::read(file).unwrap();
        self.sandbox.write(&format!("home/.config/docker/certs.d/{host}/{name}"), certificate);
    }
}

#[test]
fn an_image_goes_there_and_back_with_its_digests() {
    let (Some(first), Some(second)) =
        (DockerRegistry::start(Guarded::No), DockerRegistry::start(Guarded::No))
    else {
        return tests::skip("docker-registry is not installed");
    };
    let home = Home::new();
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    let (a, b) = (format!("{}/team/a:1", first.host()), format!("{}/b:2", second.host()));
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{a}")]);
    let told = home.call(&["copy", &a, &b]).ok();
    assert!(told.starts_with(&format!("{b}: digest: sha256:")) && told.contains(" 0 there"), "{told}");

    // The same manifest by both tools on both registries, and its digest in what we said.
    let raw = skopeo(&["inspect", "--tls-verify=false", "--raw", &format!("docker://{b}")]);
    assert_eq!(raw, skopeo(&["inspect", "--raw", &layout]));
    for name in [&a, &b] {
        assert_eq!(home.call(&["manifest", "inspect", "--raw", name]).ended().out, raw);
    }
    assert!(told.contains(&Digest::sha256_of(raw.as_bytes()).to_string()), "{told}");

    // skopeo reads all of it back, digests and all.
    let folder = home.sandbox.file("back");
    skopeo(&[
        "copy",
        "--src-tls-verify=false",
        &format!("docker://{b}"),
        &format!("dir:{}", folder.display()),
    ]);
    assert_eq!(std::fs::read_to_string(folder.join("manifest.json")).unwrap(), raw);

    // Again there is nothing to send; to another name on the same registry it is mounted.
    let again = home.call(&["copy", "--format", "json", &a, &b]).ok();
    let again: Value = serde_json::from_str(again.lines().last().unwrap()).unwrap();
    assert_eq!((again["Sent"].as_u64(), again["Mounted"].as_u64()), (Some(0), Some(0)), "{again}");
    let beside = format!("{}/other:3", second.host());
    let mounted = home.call(&["copy", "--format", "json", "--quiet", &b, &beside]).ok();
    let mounted: Value = serde_json::from_str(&mounted).unwrap();
    assert_eq!(mounted["Sent"], 0, "{mounted}");
    assert!(mounted["Mounted"].as_u64().unwrap() > 2, "{mounted}");
}

#[test]
fn what_a_registry_has_is_listed_and_removed() {
    let Some(server) = DockerRegistry::start(Guarded::No) else {
        return tests::skip("docker-registry is not installed");
    };
    let (home, host) = (Home::new(), server.host());
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    for name in ["a:1", "a:2", "b/c:1"] {
        skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{host}/{name}")]);
    }
    assert_eq!(
        home.call(&["registry", "catalog", host]).ok().lines().collect::<Vec<_>>(),
        ["REPOSITORY", "a", "b/c"]
    );
    assert_eq!(
        home.call(&["registry", "tags", &format!("{host}/a")]).ok().lines().collect::<Vec<_>>(),
        ["TAG", "1", "2"]
    );
    let rows = home.call(&["registry", "tags", "--format", "json", &format!("{host}/b/c")]).ok();
    assert_eq!(
        serde_json::from_str::<Value>(&rows).unwrap(),
        json!({ "Repository": format!("{host}/b/c"), "Tag": "1" })
    );

    let verbose = home.call(&["manifest", "inspect", "--verbose", &format!("{host}/a:1")]).ok();
    let verbose: Value = serde_json::from_str(&verbose).unwrap();
    let pinned = verbose["Ref"].as_str().unwrap();
    assert!(
        home.call(&["registry", "delete", &format!("{host}/a")])
            .fails(1)
            .contains("neither a tag nor a digest")
    );
    let tag = home.call(&["registry", "delete", &format!("{host}/a:1")]).fails(1);
    assert!(tag.contains("does not remove tags") && tag.contains("inspect --verbose"), "{tag}");
    assert_eq!(home.call(&["registry", "delete", pinned]).ok(), format!("Deleted: {pinned}"));
    let gone = home.call(&["manifest", "inspect", &format!("{host}/a:1")]).fails(1);
    assert!(gone.contains("has no manifest a:1"), "{gone}");
    let none = home.call(&["registry", "tags", &format!("{host}/nowhere")]).fails(1);
    assert!(none.contains("has no repository nowhere"), "{none}");
}

#[test]
fn a_password_is_asked_for_kept_and_forgotten() {
    let (Some(open), Some(server)) =
        (DockerRegistry::start(Guarded::No), DockerRegistry::start(Guarded::ByPassword))
    else {
        return tests::skip("docker-registry is not installed");
    };
    let (home, host) = (Home::new(), server.host());
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    let (from, to) = (format!("{}/a:1", open.host()), format!("{host}/a:1"));
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{from}")]);

    let told = home.call(&["copy", &from, &to]).fails(1);
    assert!(
        told.contains("without valid credentials") && told.contains(&format!("`bulkhead login {host}`")),
        "{told}"
    );
    let log_in = |password: &str| home.call(&["login", "-u", "me", "--password-stdin", host]).input(password);
    let told = log_in("wrong").fails(1);
    assert!(told.contains("without valid credentials"), "{told}");
    let config = home.sandbox.file("home/.docker/config.json");
    assert!(!config.exists());
    assert_eq!(log_in("secret\n").ok(), "Login Succeeded");
    assert_eq!(mode(&config), 0o600);
    assert!(home.call(&["copy", &from, &to]).ok().contains(" sent"));
    assert_eq!(home.call(&["registry", "catalog", host]).ok(), "REPOSITORY\na");
    // skopeo reads what we kept, and what we copied with it.
    let inspected = skopeo(&[
        "inspect",
        "--raw",
        "--tls-verify=false",
        "--authfile",
        config.to_str().unwrap(),
        &format!("docker://{to}"),
    ]);
    assert_eq!(inspected, skopeo(&["inspect", "--raw", &layout]));

    assert_eq!(home.call(&["logout", host]).ok(), format!("Removing login credentials for {host}"));
    assert_eq!(home.call(&["logout", host]).ok(), format!("Not logged in to {host}"));
    home.call(&["registry", "catalog", host]).fails(1);
    // And the other way round.
    skopeo(&[
        "login",
        "--tls-verify=false",
        "--authfile",
        config.to_str().unwrap(),
        "-u",
        "me",
        "-p",
        "secret",
        host,
    ]);
    home.call(&["registry", "catalog", host]).ok();
}

/// A helper that keeps what it is given in a file beside itself.
#[test]
fn a_credential_helper_keeps_the_password() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(server) = DockerRegistry::start(Guarded::ByPassword) else {
        return tests::skip("docker-registry is not installed");
    };
    let (home, host) = (Home::new(), server.host());
    let helper = home.sandbox.write("bin/docker-credential-test", HELPER);
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = home.sandbox.write("home/.docker/config.json", r#"{"credsStore":"test","other":1}"#);
    let path = format!("{}:/usr/bin:/bin", helper.parent().unwrap().display());
    let call = |words: &[&str]| home.call(words).env("PATH", &path);
    assert_eq!(
        call(&["login", "-u", "me", "--password-stdin", host]).input("secret").ok(),
        "Login Succeeded"
    );
    let text = std::fs::read_to_string(&config).unwrap();
    assert!(!text.contains("secret") && !text.contains("bWU6c2VjcmV0") && text.contains("other"), "{text}");
    assert!(
        std::fs::read_to_string(home.sandbox.file("bin/kept")).unwrap().contains("\"Secret\":\"secret\"")
    );
    call(&["registry", "catalog", host]).ok();
    call(&["logout", host]).ok();
    call(&["registry", "catalog", host]).fails(1);
    std::fs::write(&config, r#"{"credsStore":"../../bin/sh"}"#).unwrap();
    let told = call(&["registry", "catalog", host]).fails(1);
    assert!(told.contains("as the name of a credential helper"), "{told}");
}

#[test]
fn tls_with_an_authority_and_a_certificate_of_ours() {
    let Some(server) = DockerRegistry::start(Guarded::ByCertificates) else {
        return tests::skip("docker-registry is not installed");
    };
    let (home, host) = (Home::new(), server.host());
    let catalog = ["registry", "catalog", host];
    // On this machine nothing says that it speaks TLS, so it is asked in the clear, and says so.
    let told = home.call(&catalog).fails(1);
    assert!(told.contains("HTTPS server"), "{told}");
    // An authority of somebody else's.
    let other = DockerRegistry::start(Guarded::ByCertificates).unwrap();
    home.trust(host, &other.certificate("ca.crt"));
    let told = home.call(&catalog).fails(1);
    assert!(told.contains("signed by no authority that is trusted here"), "{told}");
    // The right one, and no certificate of ours.
    home.trust(host, &server.certificate("ca.crt"));
    let told = home.call(&catalog).fails(1);
    assert!(told.contains("cannot reach"), "{told}");
    // A certificate without its key is a mistake, and told as such.
    home.trust(host, &server.certificate("client.cert"));
    let told = home.call(&catalog).fails(1);
    assert!(told.contains("client.key"), "{told}");
    home.trust(host, &server.certificate("client.key"));
    assert_eq!(home.call(&catalog).ok(), "REPOSITORY");

    let Some(open) = DockerRegistry::start(Guarded::No) else { return };
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    let (from, to) = (format!("{}/a:1", open.host()), format!("{host}/a:1"));
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{from}")]);
    home.call(&["copy", &from, &to]).ok();
    let certificates = home.sandbox.file(&format!("home/.config/docker/certs.d/{host}"));
    let inspected = skopeo(&[
        "inspect",
        "--raw",
        "--cert-dir",
        certificates.to_str().unwrap(),
        &format!("docker://{to}"),
    ]);
    assert_eq!(inspected, skopeo(&["inspect", "--raw", &layout]));
    // A key of somebody else's.
    home.trust(host, &other.certificate("client.key"));
    let told = home.call(&catalog).fails(1);
    assert!(told.contains("the certificate and its key cannot be used"), "{told}");
}

/// The registry of the name does not exist; its mirrors are Debian's, one in the clear and one by TLS.
#[test]
fn a_mirror_stands_in_for_a_registry() {
    let (Some(open), Some(tls)) =
        (DockerRegistry::start(Guarded::No), DockerRegistry::start(Guarded::ByCertificates))
    else {
        return tests::skip("docker-registry is not installed");
    };
    let home = Home::new();
    let layout = format!("oci:{}", tests::image("layers.oci").display());
    let raw = skopeo(&["inspect", "--raw", &layout]);
    skopeo(&["copy", "--dest-tls-verify=false", &layout, &format!("docker://{}/team/a:1", open.host())]);
    let hosts = home.sandbox.file("hosts").to_str().unwrap().to_owned();
    let mirrored = |text: String| {
        home.sandbox.write("hosts/registry.invalid/hosts.toml", text);
        home.call(&["manifest", "inspect", "--raw", "--hosts-dir", &hosts, "registry.invalid/team/a:1"])
    };
    let told = mirrored(String::new()).fails(1);
    assert!(told.contains("registry.invalid"), "{told}");
    assert_eq!(mirrored(format!("[host.\"http://{}\"]\n", open.host())).ended().out, raw);

    let beside = |name: &str| tls.certificate(name).display().to_string();
    let text = format!(
        "[host.\"https://{}\"]\nca = {:?}\nclient = [[{:?}, {:?}]]\n",
        tls.host(),
        beside("ca.crt"),
        beside("client.cert"),
        beside("client.key")
    );
    for name in ["ca.crt", "client.cert", "client.key"] {
        home.trust(tls.host(), &tls.certificate(name));
    }
    home.call(&["copy", &format!("{}/team/a:1", open.host()), &format!("{}/team/a:1", tls.host())]).ok();
    std::fs::remove_dir_all(home.sandbox.file("home/.config")).unwrap();
    assert_eq!(mirrored(text.clone()).ended().out, raw);
    let told = mirrored(text.replacen("\nclient", "\nskip_verify = true\nclient", 1)).fails(1);
    assert!(told.contains("skip_verify") && told.contains("protects from nobody"), "{told}");
    // Nobody's authority: the mirror is passed over, and what the registry itself says counts.
    let told = mirrored(format!("[host.\"https://{}\"]\n", tls.host())).fails(1);
    assert!(told.contains("registry.invalid"), "{told}");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[track_caller]
pub(crate) fn skopeo(words: &[&str]) -> String {
    let output = Command::new("skopeo").args(words).output().unwrap();
    assert!(output.status.success(), "skopeo {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const HELPER: &str = r#"#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
kept=$(dirname "$0")/kept
case $1 in
store) cat > "$kept" ;;
get) if [ -e "$kept" ]; then cat "$kept"; else echo 'credentials not found in native keychain'; exit 1; fi ;;
erase) rm "$kept" ;;
esac
"#;
