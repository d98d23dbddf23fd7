//! What the public pipeline is made of: nothing that can change under the same name; and what it releases, by its own steps.

use crate::harness::{RunDir, helm, say};
use crate::helm::{Helm, find, objects};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const WORKFLOW: &str = include_str!("../../.github/workflows/release.yaml");

const VERSION: &str = env!("CARGO_PKG_VERSION");
const IMAGE: &str = "registry.example.com/asr-operator";
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What syft says of a program that lists its crates, as far as it matters here.
const SBOM: &str =
    r#"{"packages": [{"name": "kube", "externalRefs": [{"referenceLocator": "pkg:cargo/kube@5.0.0"}]}]}"#;

/// In place of a program that speaks to somebody: it writes down how it was called, and syft also what it is to say.
const STAND_IN: &str = r#"#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
for argument; do
    case $argument in spdx-json=*) printf '%s' "$SBOM" >"${argument#spdx-json=}" ;; esac
done
"#;

/// A checkout in which the release's steps are run.
struct Checkout {
    dir: RunDir,
    tag: String,
    sbom: &'static str,
}

impl Checkout {
    fn of(tag: &str, sbom: &'static str) -> Self {
        let dir = RunDir::create("release").unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-a").args(["charts", "crds", "deploy"]).arg(dir.path()).current_dir(ROOT);
        assert!(copy.status().unwrap().success());
        let programs = dir.join("programs");
        std::fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(helm(say).unwrap(), programs.join("helm")).unwrap();
        for name in ["syft", "cosign", "gh"] {
            let program = dir.write(&format!("programs/{name}"), STAND_IN).unwrap();
            assert!(Command::new("chmod").arg("+x").arg(program).status().unwrap().success());
        }
        Self { dir, tag: tag.to_owned(), sbom }
    }

    /// Runs the step of this name as the pipeline does: its own script, by its shell. What it said, and whether it succeeded.
    fn step(&self, name: &str) -> (bool, String) {
        let workflow = objects(WORKFLOW).remove(0);
        let steps = workflow["jobs"]["publish"]["steps"].as_array().unwrap();
        let step = steps.iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("no step {name}"));
        let path = format!("{}:{}", self.dir.join("programs").display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("bash");
        shell.args(["-ec", step["run"].as_str().unwrap()]).current_dir(self.dir.path()).env("PATH", path);
        shell.envs([
            ("IMAGE", IMAGE),
            ("DIGEST", DIGEST),
            ("TAG", self.tag.as_str()),
            ("SYFT", "syft"),
            ("SBOM", self.sbom),
        ]);
        for (name, file) in [("CALLS", "calls"), ("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config")] {
            shell.env(name, self.dir.join(file));
        }
        let output = shell.output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.success(), said.concat())
    }

    fn succeeds(&self, name: &str) {
        let (succeeded, said) = self.step(name);
        assert!(succeeded, "{name}: {said}");
    }

    /// How this program was called.
    fn calls(&self, program: &str) -> Vec<String> {
        let all = self.read("calls");
        all.lines().filter_map(|line| line.strip_prefix(program)).map(|rest| rest.trim().to_owned()).collect()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.dir.join(file)).unwrap_or_default()
    }
}

#[test]
fn every_action_is_pinned_by_digest_and_no_job_may_do_everything() {
    let mut seen = 0;
    for file in std::fs::read_dir(format!("{ROOT}/.github/workflows")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\npermissions:\n  contents: read\n"), "{} may do more than read", path.display());
        for line in text.lines().filter(|line| line.contains("uses: ")) {
            let pinned = line.split('@').nth(1).map(|rest| rest.split_whitespace().next().unwrap_or_default());
            let digest = pinned.is_some_and(|p| p.len() == 40 && p.chars().all(|c| c.is_ascii_hexdigit()));
            assert!(digest && line.contains(" # v"), "{}: {line}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen} actions");
}

#[test]
fn the_image_runs_as_nobody_with_nothing_else_in_it() {
    let text = std::fs::read_to_string(format!("{ROOT}/deploy/Dockerfile")).unwrap();
    let last = text.split("\nFROM ").last().unwrap();
    assert!(last.starts_with("scratch\n"), "{last}");
    assert!(last.contains("\nUSER 65532:65532\n"), "{last}");
    assert!(text.contains("\nRUN cargo auditable build --locked "), "the program does not list its crates: {text}");
    let chart = std::fs::read_to_string(format!("{ROOT}/charts/asr-operator/templates/_names.tpl")).unwrap();
    assert!(chart.contains("runAsUser: 65532"), "the chart runs it as somebody else");
}

#[tokio::test]
async fn a_release_holds_what_installs_its_image_by_digest_and_that_images_sbom_with_checksums() {
    let checkout = Checkout::of(&format!("v{VERSION}"), SBOM);
    for step in ["sbom", "files", "release"] {
        checkout.succeeds(step);
    }
    let image = format!("{IMAGE}@{DIGEST}");
    let (scanned, attested) = (checkout.calls("syft"), checkout.calls("cosign"));
    for (number, machine) in ["amd64", "arm64"].into_iter().enumerate() {
        let sbom = format!("asr-operator-{machine}.spdx.json");
        let scan = format!("scan --platform linux/{machine} --output spdx-json={sbom} registry:{image}");
        assert_eq!(scanned[number], scan);
        assert_eq!(attested[number], format!("attest --yes --type spdxjson --predicate {sbom} {image}"));
    }
    let chart = format!("asr-operator-{VERSION}.tgz");
    let files = ["install.yaml", &chart, "asr-operator-amd64.spdx.json", "asr-operator-arm64.spdx.json"];
    let released = format!("release create v{VERSION} --verify-tag --generate-notes {} checksums.txt", files.join(" "));
    assert_eq!(checkout.calls("gh"), [released]);
    let summed = checkout.read("checksums.txt");
    assert_eq!(summed.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect::<Vec<_>>(), files);
    let check = Command::new("sha256sum").args(["--check", "checksums.txt"]).current_dir(checkout.dir.path()).output();
    assert!(check.unwrap().status.success(), "{summed}");
    let chart = checkout.dir.join(&chart);
    let from_chart = ["template", "asr-operator", chart.to_str().unwrap(), "--namespace", "asr-operator"];
    let from_chart = Helm::offline().await.run(&from_chart).await.expect_success();
    for manifests in [checkout.read("install.yaml"), from_chart] {
        let manifests = objects(&manifests);
        let pod = &find(&manifests, "Deployment", "asr-operator")["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], image, "{pod:#}");
    }
}

#[test]
fn nothing_is_released_without_a_list_of_crates_or_under_another_version_than_the_charts() {
    let checkout = Checkout::of(&format!("v{VERSION}"), r#"{"packages": []}"#);
    assert!(!checkout.step("sbom").0, "an SBOM without a crate is taken");
    assert_eq!(checkout.calls("cosign"), [""; 0], "it was signed");
    let checkout = Checkout::of("v99.0.0", SBOM);
    checkout.succeeds("sbom");
    assert!(!checkout.step("files").0, "a tag of another version is taken");
}
