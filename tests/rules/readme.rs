//! Everything that the README shows is run: its commands in their order, its reasons, its files.

use crate::harness::{ControlPlane, KstatusWatch, Operator, OperatorOptions, ROUND, Simulator, helm, say};
use crate::world::{identity, sample};
use asr_operator::domain::Reason;

const README: &str = include_str!("../../README.md");
const CI: &str = include_str!("../../.ci/run");
const SEED: &str = include_str!("../../deploy/demo/seed.yaml");
/// The requests of its loop, by their samples.
const REQUESTS: [&str; 7] =
    ["failover", "change-point", "commit", "reprotect", "failback", "commit-home", "reprotect-home"];

fn section(heading: &str) -> &'static str {
    README.split("\n## ").find(|s| s.starts_with(heading)).unwrap_or_else(|| panic!("no section {heading}"))
}

/// The commands of the `sh` blocks below this heading, without their comments.
fn commands(heading: &str) -> Vec<String> {
    let blocks = section(heading).split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).map(|line| line.split('#').next().unwrap().trim().to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// The commands that a text names in its sentences.
fn in_sentences(text: &str) -> Vec<&str> {
    let sentences = text.split("```").step_by(2);
    let quoted = sentences.flat_map(|sentence| sentence.split('`').skip(1).step_by(2));
    quoted.filter(|words| words.starts_with("kubectl ") || words.starts_with("helm ")).collect()
}

async fn kubectl(plane: &ControlPlane, command: &str) {
    let words: Vec<String> = command.split_whitespace().skip(1).map(from_root).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    plane.kubectl(&words, None).await.expect_success();
}

async fn run_helm(plane: &ControlPlane, arguments: &str) {
    let program = tokio::task::spawn_blocking(|| helm(say)).await.unwrap().unwrap();
    let output = tokio::process::Command::new(program)
        .args(arguments.split_whitespace())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("KUBECONFIG", plane.kubeconfig_path())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "helm {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A path of the README, which is read at the root of the repository.
fn from_root(word: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    if word.starts_with("deploy/") || word.starts_with("crds/") { format!("{root}/{word}") } else { word.to_owned() }
}

/// Nothing runs Pods here: the program runs with the rights that a Pod of what is installed has.
async fn operator(plane: &ControlPlane, sim: &Simulator) -> Operator {
    Operator::start(OperatorOptions::installed(plane, sim).await).await.unwrap()
}

/// Installs by the command that the section has beside Helm's, and leaves the cluster as it was before.
async fn install_without_helm(plane: &ControlPlane, sim: &Simulator) {
    let named = in_sentences(section("Installing"));
    let [command] = named[..] else { panic!("not all of {named:?} are run by this test") };
    kubectl(plane, command).await;
    drop(operator(plane, sim).await);
    let away = command.replace("apply --server-side", "delete --timeout=300s");
    assert_ne!(away, command, "{command} is not undone");
    kubectl(plane, &away).await;
}

#[tokio::test]
async fn its_commands_work_in_their_order() {
    let plane = ControlPlane::start(crate::harness::Options::default()).await.unwrap();
    let sim = Simulator::start(SEED, 400).await.unwrap();
    install_without_helm(&plane, &sim).await;
    for command in commands("Installing") {
        let arguments = command.strip_prefix("helm ").unwrap_or_else(|| panic!("{command} is not run by this test"));
        run_helm(&plane, arguments).await;
    }
    let kstatus = KstatusWatch::everywhere(&plane.client().await);
    let _operator = operator(&plane, &sim).await;
    for command in commands("The loop, by its samples") {
        assert!(command.starts_with("kubectl "), "{command} is not run by this test");
        kubectl(&plane, &command).await;
    }
    let calls = sim.accepted().await;
    let operations: Vec<&str> = calls.iter().filter_map(|call| call["operation"].as_str()).collect();
    assert_eq!(operations, ROUND);
    let requests = REQUESTS.map(|name| identity(sample(name)));
    kstatus.saw_end_well(requests.iter().map(|(kind, name)| (kind.as_str(), name.as_str()))).await;
}

#[test]
fn every_command_of_its_sentences_is_run() {
    assert_eq!(in_sentences(README), in_sentences(section("Installing")), "only those of that section are run");
    let text = "Say `kubectl get x`, not `get x`:\n```sh\nkubectl get y # `kubectl get z`\n```\nor `helm list`.";
    assert_eq!(in_sentences(text), ["kubectl get x", "helm list"]);
}

#[test]
fn its_two_commands_are_run_elsewhere() {
    assert_eq!(commands("Two commands"), ["cargo demo", "cargo test"]);
    assert!(CI.lines().any(|line| line.contains("cargo test")), "{CI}");
}

#[test]
fn its_reasons_exist() {
    let table = README.split("## Reading a condition").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap());
    let named: Vec<&str> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).filter(|w| w.len() > 3).collect();
    assert!(named.len() > 10, "{named:?}");
    for word in named {
        assert!(Reason::ALL.iter().any(|reason| reason.as_str() == word), "{word} is no reason");
    }
}
