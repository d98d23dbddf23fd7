//! kubectl, run as its user runs it, without that user's own settings.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;

/// What a run of kubectl came to.
#[derive(Clone, Debug)]
pub struct KubectlOutput {
    pub command: String,
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl KubectlOutput {
    /// Whether it exited with 0.
    pub fn succeeded(&self) -> bool {
        self.status == Some(0)
    }

    /// Its standard output; panics with what it said when it failed.
    pub fn expect_success(self) -> String {
        assert!(
            self.succeeded(),
            "kubectl {} failed ({:?}): {}{}",
            self.command,
            self.status,
            self.stderr,
            self.stdout
        );
        self.stdout
    }
}

/// Runs this kubectl with the rights of this kubeconfig.
pub async fn kubectl(
    program: &Path,
    kubeconfig: &Path,
    cache: &Path,
    arguments: &[&str],
    stdin: Option<&str>,
) -> KubectlOutput {
    let mut command = tokio::process::Command::new(program);
    command
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .env("KUBECACHEDIR", cache)
        // A person's own kubectl preferences are no part of a test.
        .env("KUBERC", "off")
        // It ends before collecting its memory is worth anything.
        .env("GOGC", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().expect("kubectl starts");
    let mut input = child.stdin.take().expect("piped above");
    let text = stdin.unwrap_or_default().as_bytes();
    let feed = async move {
        // kubectl may end without reading all of it.
        input.write_all(text).await.ok();
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output.expect("kubectl runs");
    KubectlOutput {
        command: arguments.join(" "),
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
