//! The node itself: it ends with the process that started it, however that ends, and leaves the machine as it was.

use crate::harness::{RunDir, eventually, is_alive};
use crate::node::{Node, groups};
use crate::stage::{DEADLINE, runtime};
use std::process::{Command, Stdio};

/// Tells the test that starts a node and waits to be killed where to write its process id.
const VICTIM: &str = "ASR_TEST_VICTIM_NODE";
/// What the kubelet would set for the whole machine.
const SETTINGS: [&str; 4] = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"];

/// Not a test of its own: the process that the next one kills.
#[test]
#[ignore = "the process that the next test kills"]
fn victim() {
    let Some(report) = std::env::var_os(VICTIM) else {
        return;
    };
    runtime().block_on(async {
        let node = Node::start_empty().await.unwrap();
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
    let before = settings();
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
    let groups_of_it = format!("asr-operator-node-{}", victim.id());
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually(DEADLINE, "the end of the node", async || {
        let left = (is_alive(node), is_alive(first), groups(&groups_of_it));
        if left == (false, false, Vec::new()) { Ok(()) } else { Err(format!("left: {left:?}")) }
    })
    .await;
    assert_eq!(settings(), before, "left what they are, right what they were");
}

fn settings() -> Vec<String> {
    SETTINGS.map(|setting| std::fs::read_to_string(format!("/proc/sys/{setting}")).unwrap()).to_vec()
}

/// The first process of a node. Beside it the process that holds the node's namespaces has one more child, which tidies up
/// after it and is in the machine's own.
fn first_process(node: i32) -> i32 {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let children = std::fs::read_to_string(format!("/proc/{node}/task/{node}/children")).unwrap();
    let inside =
        children.split_whitespace().find(|pid| namespace(pid).is_some_and(|its| Some(its) != namespace("self")));
    inside
        .and_then(|pid| pid.parse().ok())
        .unwrap_or_else(|| panic!("none of {node}'s children is in a node: {children}"))
}
