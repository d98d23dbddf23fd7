//! The image archive that `deploy/image.sh` makes without a container engine: what is in it, as whom it runs, and that it is
//! the same each time.

use crate::harness::RunDir;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The blob that a descriptor names, by its digest and size.
fn blob(image: &Path, descriptor: &Value) -> std::path::PathBuf {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let path = image.join("blobs/sha256").join(digest);
    let bytes = std::fs::read(&path).unwrap();
    let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((sum.as_str(), bytes.len() as u64), (digest, descriptor["size"].as_u64().unwrap()), "{descriptor}");
    path
}

#[test]
fn the_archive_holds_the_program_and_the_certificates_and_nothing_else() {
    let dir = RunDir::create("image").unwrap();
    let program = dir.write("asr-operator", "the program").unwrap();
    let certificates = dir.write("certificates.pem", "the certificates").unwrap();
    let made: Vec<Vec<u8>> = ["one.tar", "two.tar"]
        .iter()
        .map(|name| {
            let out = dir.join(name);
            let script = Path::new(ROOT).join("deploy/image.sh");
            let told = run(Command::new(script).args([&program, &certificates, &out]));
            assert!(told.contains("asr-operator\n") && told.contains("compressed layer: "), "{told}");
            std::fs::read(out).unwrap()
        })
        .collect();
    assert!(made[0] == made[1], "the same input made two images");
    let image = dir.join("image");
    std::fs::create_dir_all(&image).unwrap();
    run(Command::new("tar").arg("-xf").arg(dir.join("one.tar")).arg("-C").arg(&image));
    assert_eq!(json(&image.join("oci-layout"))["imageLayoutVersion"], "1.0.0");
    let manifest = json(&blob(&image, &json(&image.join("index.json"))["manifests"][0]));
    let config = json(&blob(&image, &manifest["config"]));
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/asr-operator"]));
    let layer = blob(&image, &manifest["layers"][0]);
    let listed = run(Command::new("tar").arg("-tzf").arg(layer));
    let files: BTreeSet<&str> = listed.lines().filter(|line| !line.ends_with('/')).collect();
    assert_eq!(files, BTreeSet::from(["./asr-operator", "./etc/ssl/certs/ca-certificates.crt"]));
}

#[test]
fn an_image_over_its_limits_is_refused_with_both_sizes() {
    let dir = RunDir::create("large").unwrap();
    let program = dir.join("asr-operator");
    let certificates = dir.write("certificates.pem", "the certificates").unwrap();
    let made = |bytes: u64| {
        // A hole: large to run, and small to pull.
        std::fs::File::create(&program).unwrap().set_len(bytes).unwrap();
        let script = Path::new(ROOT).join("deploy/image.sh");
        let output = Command::new(script).args([&program, &certificates, &dir.join("out.tar")]).output().unwrap();
        let told = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.success(), told.concat())
    };
    let most = 12 * 1024 * 1024;
    let (fits, told) = made(most);
    assert!(
        fits && told.contains("program: 12.00 MiB of 12") && told.contains("image, compressed: 0.01 MiB of 8"),
        "{told}"
    );
    let (fits, told) = made(most + 1);
    assert!(!fits && told.contains("program: 1 bytes too many"), "{told}");
}
