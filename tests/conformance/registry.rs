// SPDX-License-Identifier: Apache-2.0
//! Debian's registry and skopeo: what they wrote we read, what we write they read, and the digests are
//! the same.

use std::path::Path;
use std::process::Command;

use oci::Digest;
use serde_json::{Value, json};
use tests::{Call, DockerRegistry, Guarded, Sandbox};

/// A sandbox whose calls have a home, and so a place for credentials and certificates.
struct Home {
    sandbox: Sandbox,
}

impl Home {
    fn new() -> Self {
        Self { sandbox: Sandbox::new() }
    }

    fn call(&self, words: &[&str]) -> Call {
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

#[test]
fn an_index_whole_or_for_one_machine_and_what_refers_to_it() {
    let (Some(first), Some(second)) =
        (DockerRegistry::start(Guarded::No), DockerRegistry::start(Guarded::No))
    else {
        return tests::skip("docker-registry is not installed");
    };
    let home = Home::new();
    let made = Layout::make(&home.sandbox);
    let (from, to) = (format!("{}/multi", first.host()), format!("{}/multi", second.host()));
    for tag in ["all", "signature"] {
        skopeo(&[
            "copy",
            "--all",
            "--preserve-digests",
            "--dest-tls-verify=false",
            &format!("oci:{}:{tag}", made.path),
            &format!("docker://{from}:{tag}"),
        ]);
    }
    home.call(&["copy", &format!("{from}:all"), &format!("{to}:all")]).ok();
    let raw = home.call(&["manifest", "inspect", "--raw", &format!("{to}:all")]).ended().out;
    assert_eq!(Digest::sha256_of(raw.as_bytes()).to_string(), made.index);
    skopeo(&[
        "copy",
        "--all",
        "--src-tls-verify=false",
        &format!("docker://{to}:all"),
        &format!("dir:{}", home.sandbox.file("all").display()),
    ]);

    let arm = home
        .call(&["manifest", "inspect", "--raw", "--platform", "linux/arm64", &format!("{to}:all")])
        .ended()
        .out;
    assert_eq!(Digest::sha256_of(arm.as_bytes()).to_string(), made.arm);
    home.call(&["copy", "--platform", "linux/arm64/v8", &format!("{from}:all"), &format!("{to}:arm")]).ok();
    assert_eq!(home.call(&["manifest", "inspect", "--raw", &format!("{to}:arm")]).ended().out, arm);
    let told =
        home.call(&["manifest", "inspect", "--platform", "linux/riscv64", &format!("{to}:all")]).fails(1);
    assert!(told.contains("only for linux/amd64, linux/arm64") && told.contains("--platform"), "{told}");

    // Debian's registry keeps no list of referrers, so whoever pushes one does.
    assert_eq!(home.call(&["registry", "referrers", &format!("{to}:all")]).ok().lines().count(), 1);
    home.call(&["copy", &format!("{from}:signature"), &format!("{to}:signature")]).ok();
    let rows = home.call(&["registry", "referrers", "--format", "json", &format!("{to}:all")]).ok();
    let row: Value = serde_json::from_str(&rows).unwrap();
    assert_eq!(
        (&row["ArtifactType"], &row["Digest"]),
        (&json!("application/x-signature"), &json!(made.signature))
    );
    let none = [
        "registry",
        "referrers",
        "--artifact-type",
        "application/x-other",
        "--format",
        "json",
        &format!("{to}:all"),
    ];
    assert_eq!(home.call(&none).ok(), "");
}

/// An OCI layout with an index of two machines as `all`, and a signature of it as `signature`.
struct Layout {
    path: String,
    index: String,
    arm: String,
    signature: String,
}

impl Layout {
    fn make(sandbox: &Sandbox) -> Self {
        let put = |media_type: &str, bytes: &[u8]| {
            let digest = Digest::sha256_of(bytes);
            sandbox.write(&format!("layout/blobs/sha256/{}", digest.hex()), bytes);
            json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
        };
        let image = |architecture: &str| {
            let diff_id = Digest::sha256_of(architecture.as_bytes()).to_string();
            let config = json!({ "architecture": architecture, "os": "linux", "rootfs": { "type": "layers", "diff_ids": [diff_id] } });
            let config = put("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
            let layer = put("application/vnd.oci.image.layer.v1.tar", architecture.as_bytes());
            let manifest =
                json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
            let mut entry = put(MANIFEST, manifest.to_string().as_bytes());
            entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
            entry
        };
        let (amd, arm) = (image("amd64"), image("arm64"));
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [amd, arm] }).to_string();
        let mut index = put(INDEX, index.as_bytes());
        let empty = put("application/vnd.oci.empty.v1+json", b"{}");
        let signature = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/x-signature",
            "config": empty, "layers": [empty], "subject": index
        });
        let mut signature = put(MANIFEST, signature.to_string().as_bytes());
        let digest = |entry: &Value| entry["digest"].as_str().unwrap().to_owned();
        let (named, arm) = ((digest(&index), digest(&signature)), digest(&arm));
        index["annotations"] = json!({ "org.opencontainers.image.ref.name": "all" });
        signature["annotations"] = json!({ "org.opencontainers.image.ref.name": "signature" });
        let top = json!({ "schemaVersion": 2, "manifests": [index, signature] });
        sandbox.write("layout/index.json", top.to_string());
        sandbox.write("layout/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
        let path = sandbox.file("layout").to_str().unwrap().to_owned();
        Self { path, index: named.0, arm, signature: named.1 }
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[track_caller]
fn skopeo(words: &[&str]) -> String {
    let output = Command::new("skopeo").args(words).output().unwrap();
    assert!(output.status.success(), "skopeo {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const HELPER: &str = r#"#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
kept=$(dirname "$0")/kept
case $1 in
store) cat > "$kept" ;;
get) if [ -e "$kept" ]; then cat "$kept"; else echo 'credentials not found in native keychain'; exit 1; fi ;;
erase) rm "$kept" ;;
esac
"#;
