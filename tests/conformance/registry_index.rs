// SPDX-License-Identifier: Apache-2.0
//! An image for two machines, and a signature of it, from registry to registry.

use oci::Digest;
use serde_json::{Value, json};
use tests::{DockerRegistry, Guarded, Sandbox};

use crate::registry::{Home, skopeo};

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

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
