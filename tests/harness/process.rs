//! One child program that cannot outlive the process that started it.
//!
//! Every program runs under a small shell supervisor, whose standard input is a pipe that only this process holds open.
//! When this process ends, by whatever means, the pipe ends, and the supervisor kills the program by its own id. Nothing here is
//! tied to an async runtime: a program may be shared by tests that each have one of their own.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, kill_process, test_kill_process};

pub use rustix::process::Signal;

use super::operator::ready_line;
use super::{Failure, Result, canary};

/// Says the program's id on its standard output, then waits for its end; the watcher's `read` ends when the starter does.
/// `$1` is the log, `$2` a folder that is of no use without the program, or empty.
const SUPERVISOR: &str = r#"
log=$1 scratch=$2
shift 2
exec 3<&0 4>&1 </dev/null >/dev/null 2>&1
"$@" 3<&- 4>&- >>"$log" 2>&1 &
program=$!
(exec 4>&-; read -r _ <&3; kill -KILL "$program") &
watcher=$!
echo "$program" >&4
exec 3<&- 4>&-
wait "$program"
status=$?
kill -KILL "$watcher"
[ -z "$scratch" ] || rm -rf -- "$scratch"
exit "$status"
"#;

/// What the operator is called by whoever starts it.
const OPERATOR: &str = "asr-operator";
const POLL: Duration = Duration::from_millis(20);
const LOG_TAIL_LINES: usize = 40;
/// How long the metrics of an operator are waited for that is to end: one that is stopped has none to show.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What to start: the program, its arguments and what its environment has more or less than ours.
pub struct Program<'a> {
    name: &'a str,
    log: PathBuf,
    scratch: Option<PathBuf>,
    command: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl<'a> Program<'a> {
    /// `name` is what messages call it; everything that it prints goes to `log`.
    pub fn new(name: &'a str, program: &Path, log: PathBuf) -> Self {
        Self { name, log, scratch: None, command: vec![program.into()], environment: Vec::new() }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.push(argument.as_ref().into());
        self
    }

    /// More arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        for argument in arguments {
            self = self.arg(argument);
        }
        self
    }

    /// An environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.into(), value.as_ref().into()));
        self
    }

    /// A folder that goes when the program ends, however it ends.
    pub fn scratch(mut self, folder: PathBuf) -> Self {
        self.scratch = Some(folder);
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<Supervised> {
        let mut supervisor = self
            .supervisor()
            .spawn()
            .map_err(|error| Failure::new(format!("cannot start a shell for {}: {error}", self.name)))?;
        let stdout = supervisor.stdout.take().expect("piped above");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).ok();
        let pid = line.trim().parse().ok().and_then(Pid::from_raw);
        let Some(pid) = pid else {
            supervisor.kill().ok();
            supervisor.wait().ok();
            return Err(Failure::new(format!("{} did not start; see {}", self.name, self.log.display())));
        };
        Ok(Supervised { name: self.name.to_owned(), pid, supervisor, log: self.log, metrics: None })
    }

    fn supervisor(&self) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&self.log)
            .arg(self.scratch.as_deref().unwrap_or(Path::new("")))
            .args(&self.command)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt from the terminal is for the starter; the rest then ends with it.
            .process_group(0);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command
    }
}

/// A running program, its id and its log. Dropping it kills it.
#[derive(Debug)]
pub struct Supervised {
    name: String,
    pid: Pid,
    supervisor: Child,
    log: PathBuf,
    metrics: Option<String>,
}

impl Supervised {
    /// The program's own process id, not the supervisor's.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// All that it has printed so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Where that is kept.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The last lines of its log, for messages.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_TAIL_LINES);
        format!("end of {}:\n{}", self.log.display(), lines[from..].join("\n"))
    }

    /// Its exit status once it has ended; 128 + the signal's number when one ended it.
    pub fn exit_status(&mut self) -> Option<i32> {
        self.supervisor.try_wait().ok().flatten().map(|status| status.code().unwrap_or(-1))
    }

    /// Waits for a line of its output that `accept` makes something of. Fails, with the end of the log, when the program ends or the
    /// deadline passes first.
    pub async fn wait_for_line<T>(
        &mut self,
        deadline: Duration,
        what: &str,
        mut accept: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let start = Instant::now();
        let mut read = 0;
        loop {
            // Asked before the log is read, so the last lines of an ended program are seen.
            let ended = self.exit_status();
            let text = self.log_from(read);
            for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                read += line.len() as u64;
                if let Some(found) = accept(line.trim_end()) {
                    return Ok(found);
                }
            }
            let why = match ended {
                Some(status) => format!("it ended with status {status}"),
                None if start.elapsed() > deadline => format!("waited {deadline:?}"),
                None => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
            };
            return Err(Failure::new(format!("{} printed no {what}: {why}; {}", self.name, self.log_tail())));
        }
    }

    /// Sends it a signal. An ended program gets none.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_none() {
            kill_process(self.pid, signal).ok();
        }
    }

    /// Kills it at once, as a node's death would, and waits until it is gone.
    pub fn kill(&mut self) {
        self.note_metrics();
        self.signal(Signal::KILL);
        self.supervisor.wait().ok();
    }

    /// Asks it to end.
    pub fn terminate(&mut self) {
        self.note_metrics();
        self.signal(Signal::TERM);
    }

    /// An operator's metrics as they were when it was killed or asked to end; none where it was not ready yet, or stopped.
    pub fn last_metrics(&self) -> Option<&str> {
        self.metrics.as_deref()
    }

    /// With its process go an operator's metrics: what is to be searched is taken before.
    fn note_metrics(&mut self) {
        if self.name == OPERATOR && self.exit_status().is_none() && !std::thread::panicking() {
            self.metrics = metrics_address(&self.log()).and_then(|address| scraped(&address)).or(self.metrics.take());
        }
    }

    /// Stops its threads where they are, as a suspended machine would.
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets a stopped one go on.
    pub fn thaw(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Waits for its end; fails with the end of its log when it is still there at the deadline.
    pub async fn wait_exit(&mut self, deadline: Duration) -> Result<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.exit_status() {
                return Ok(status);
            }
            if start.elapsed() > deadline {
                return Err(Failure::new(format!(
                    "{} is still running after {deadline:?}; {}",
                    self.name,
                    self.log_tail()
                )));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn log_from(&self, offset: u64) -> String {
        let mut bytes = Vec::new();
        if let Ok(mut file) = std::fs::File::open(&self.log)
            && file.seek(SeekFrom::Start(offset)).is_ok()
        {
            file.read_to_end(&mut bytes).ok();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Supervised {
    /// Whatever a test was about, nothing that an operator logged or counted holds a secret.
    fn drop(&mut self) {
        self.kill();
        if self.name == OPERATOR && !std::thread::panicking() {
            let (log, metrics) = (self.log(), self.metrics.as_deref().unwrap_or_default());
            let leaks = [canary::lines(&log), canary::lines(metrics)];
            assert_eq!(leaks, [[""; 0]; 2], "log or metrics of {} hold a secret", self.log.display());
        }
    }
}

/// Where an operator with this log shows its metrics, once it is ready.
fn metrics_address(log: &str) -> Option<String> {
    log.lines().filter_map(ready_line).find_map(|ready| ready["metrics"].as_str().map(String::from))
}

/// The metrics at this address, without a runtime: it is asked for where a test drops its operator.
fn scraped(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address.parse().ok()?, LAST_WORDS).ok()?;
    stream.set_read_timeout(Some(LAST_WORDS)).ok()?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Whether a process of this id exists.
pub fn is_alive(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}
