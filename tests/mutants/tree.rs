//! A copy of one part of the product with its tests, which builds by itself: quicker than the whole, and never in the way of
//! the product's own build.

use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::guard::{Guard, root};

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `domain`, which needs nothing of ours.
    Domain,
    /// `asr`, which needs nothing of ours either, and the tests of the client.
    Client,
}

impl Part {
    /// The part that a file of the table belongs to.
    pub fn of(file: &str) -> Self {
        if file.starts_with("src/domain/") { Self::Domain } else { Self::Client }
    }

    const fn module(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Client => "asr",
        }
    }

    /// What it is built of. The client's dependencies are the product's, and so are built already; those of `domain` are few.
    fn needs(self, line: &str) -> bool {
        let name = line.split(['=', ' ']).next().unwrap_or_default();
        self == Self::Client || ["jiff", "sha2", "uuid", "serde", "proptest"].contains(&name)
    }

    const fn tests(self) -> &'static [&'static str] {
        match self {
            Self::Domain => &["--lib"],
            Self::Client => &["--lib", "--test", "asr_client"],
        }
    }
}

/// What cargo says of a test that takes long.
const LONG: &str = " has been running for over 60 seconds";

/// How much longer such a test is waited for. Without a guard one may wait for ever.
const LONGER: Duration = Duration::from_secs(60);

/// The copy.
pub struct Tree {
    part: Part,
    folder: PathBuf,
}

impl Tree {
    /// Makes the copy anew; what was built in it before stays.
    pub fn lay_out(part: Part, name: &str) -> Self {
        let folder = root().join("target/mutants").join(name);
        let source = folder.join("src");
        if source.exists() {
            std::fs::remove_dir_all(&source).unwrap();
        }
        let module = part.module();
        copy(&root().join("src").join(module), &source.join(module));
        write(&source.join("lib.rs"), &format!("//! A part of the product.\npub mod {module};\n"));
        if part == Part::Client {
            copy(&root().join("tests/asr_client"), &folder.join("tests/asr_client"));
            copy(&root().join("tests/asr_client.rs"), &folder.join("tests/asr_client.rs"));
        }
        copy(&root().join("Cargo.lock"), &folder.join("Cargo.lock"));
        write(&folder.join("Cargo.toml"), &manifest(part));
        Self { part, folder }
    }

    /// The tests that fail or do not end, without their modules.
    ///
    /// # Errors
    /// When it does not build.
    pub fn failing(&self) -> Result<BTreeSet<String>, String> {
        let (said, errors) = self.cargo();
        if !said.lines().any(|line| line.starts_with("running ")) {
            let reasons = errors.lines().filter(|line| line.starts_with("error")).take(5);
            return Err(reasons.collect::<Vec<_>>().join("; "));
        }
        let told =
            |how: &'static str| said.lines().filter_map(move |line| line.strip_prefix("test ")?.strip_suffix(how));
        let well: BTreeSet<&str> = told(" ... ok").collect();
        let failed = told(" ... FAILED").chain(told(LONG).filter(|test| !well.contains(test)));
        let name = |test: &str| test.rsplit("::").next().unwrap_or(test).to_owned();
        Ok(failed.map(name).collect())
    }

    /// The tests that fail without a guard.
    ///
    /// # Errors
    /// When it does not build without it.
    pub fn failing_without(&self, guard: &Guard) -> Result<BTreeSet<String>, String> {
        let files = guard.removed()?;
        files.iter().for_each(|(file, (_, without))| write(&self.folder.join(file), without));
        let failing = self.failing();
        files.iter().for_each(|(file, (whole, _))| write(&self.folder.join(file), whole));
        failing
    }

    /// What cargo says of the tests, and of the build.
    fn cargo(&self) -> (String, String) {
        let target = match self.part {
            Part::Domain => self.folder.join("target"),
            Part::Client => root().join("target"),
        };
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--offline", "--no-fail-fast"]).args(self.part.tests()).current_dir(&self.folder);
        cargo.env("CARGO_TARGET_DIR", target).env("CARGO_INCREMENTAL", "1");
        // A seed that failed without a guard would be tried first with it.
        cargo.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true");
        let paths = ["said", "errors"].map(|name| self.folder.join(name));
        let [said, errors] = paths.each_ref().map(|path| File::create(path).unwrap());
        let mut child = cargo.stdout(said).stderr(errors).process_group(0).spawn().unwrap();
        Self::await_end(&mut child, &paths[0]);
        let [said, errors] = paths.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
        (said, errors)
    }

    /// Waits until the tests have ended, or until one of them has not for too long, and ends them then.
    fn await_end(child: &mut Child, said: &Path) {
        let mut since = None;
        while child.try_wait().unwrap().is_none() {
            if since.is_none() && std::fs::read_to_string(said).is_ok_and(|said| said.contains(LONG)) {
                since = Some(Instant::now());
            }
            if since.is_some_and(|since: Instant| since.elapsed() > LONGER) {
                kill_process_group(Pid::from_child(child), Signal::KILL).unwrap();
                child.wait().unwrap();
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The product's own manifest, for one library and no program.
fn manifest(part: Part) -> String {
    let whole = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut kept = String::from(
        "[package]\nname = \"asr-operator\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\nname = \"asr_operator\"\n\n[workspace]\n\n",
    );
    let sections = whole.split("\n[").map(|section| section.trim_end());
    for section in sections {
        let Some((title, lines)) = section.split_once("]\n") else { continue };
        if title.ends_with("dependencies") {
            let lines: Vec<&str> = lines.lines().filter(|line| part.needs(line)).collect();
            kept += &format!("[{title}]\n{}\n\n", lines.join("\n"));
        } else if title.starts_with("profile.") {
            kept += &format!("[{title}]\n{lines}\n\n");
        }
    }
    kept
}

fn copy(from: &Path, to: &Path) {
    if from.is_file() {
        write(to, &std::fs::read_to_string(from).unwrap());
        return;
    }
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Writes a file, unless it reads so already: what is not written need not be built.
fn write(path: &Path, text: &str) {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return;
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
