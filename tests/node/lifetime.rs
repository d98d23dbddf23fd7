//! The node itself: it ends with the process that started it, however that ends, and leaves the machine as it was.

use crate::harness::{Binaries, RunDir, eventually, is_alive, node_programs, say};
use crate::node::{Node, first_process, groups};
use crate::stage::{DEADLINE, runtime};
use std::process::{Command, Stdio};

/// Tells the test that starts a node and waits to be killed where to write its process id.
const VICTIM: &str = "ASR_TEST_VICTIM_NODE";
/// What the kubelet would set for the whole machine.
const SETTINGS: [&str; 4] = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"];

/// What takes minutes the first time, so that it can be done ahead.
#[test]
#[ignore = "builds a node's programs; .ci/run does it beside other steps"]
fn the_programs_of_a_node_are_built() {
    Binaries::locate_or_build(say).unwrap();
    let folder = node_programs(say).unwrap();
    for name in ["kubelet", "kube-proxy", "kube-scheduler", "containerd"] {
        let output = Command::new(folder.join(name)).arg("--version").output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{name}: {output:?}");
        println!("{}", String::from_utf8_lossy(&output.stdout).trim());
    }
}

/// Not a test of its own: the process that the next one kills.
#[test]
#[ignore = "the process that the next test kills"]
fn victim() {
    let Some(report) = std::env::var_os(VICTIM) else {
        return;
    };
    runtime().block_on(async {
        let node = Node::start_empty().await.unwrap();
        node.enter().unwrap();
        // Before that, the kubelet might not have come to what it does to a machine.
        node.ready().await;
        assert!(!node.groups().is_empty());
        let partial = std::path::Path::new(&report).with_extension("partial");
        std::fs::write(&partial, node.pid().to_string()).unwrap();
        std::fs::rename(&partial, &report).unwrap();
        std::future::pending::<()>().await;
    });
}

#[tokio::test]
#[ignore = "needs root and a node's packages; .ci/run runs it where tests/node/prepare.sh finds them"]
async fn a_killed_test_leaves_no_node_and_the_machine_as_it_was() {
    let before = (settings(), mounts());
    let report = RunDir::create("victim").unwrap().join("pid");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lifetime::victim", "--ignored", "--nocapture"])
        .env(VICTIM, &report)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let node: i32 = eventually(DEADLINE * 5, "the victim's node", async || {
        let ended = victim.try_wait().unwrap();
        assert!(ended.is_none(), "the victim ended before it had a node: {ended:?}");
        let text = std::fs::read_to_string(&report).map_err(|error| error.to_string())?;
        text.parse().map_err(|error| format!("{error}: {text}"))
    })
    .await;
    let first = first_process(node);
    assert!(is_alive(first), "{first}");
    assert_eq!((settings(), mounts()), before, "beside a node that runs, the machine is what it was");
    let groups_of_it = format!("asr-operator-node-{}", victim.id());
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually(DEADLINE, "the end of the node", async || {
        let left = (is_alive(node), is_alive(first), groups(&groups_of_it));
        if left == (false, false, Vec::new()) { Ok(()) } else { Err(format!("left: {left:?}")) }
    })
    .await;
    assert_eq!((settings(), mounts()), before, "left what they are, right what they were");
}

fn settings() -> Vec<String> {
    SETTINGS.map(|setting| std::fs::read_to_string(format!("/proc/sys/{setting}")).unwrap()).to_vec()
}

/// What is mounted that only a node mounts, on the machine's own view.
fn mounts() -> Vec<String> {
    let mounted = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let of_a_node = |line: &&str| ["node ", "over "].iter().any(|source| line.starts_with(source));
    mounted.lines().filter(of_a_node).map(str::to_owned).collect()
}
