//! Where Microsoft's clients come from: Python packages in `<target>/sdk/`, the Go program in `<target>/azcore/`.
//!
//! What they are made from is pinned in `requirements.txt` and in `tests/azcore/go.mod`. The packages are kept until the
//! requirements, or Python itself, change; Go knows by itself what to build again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::harness::{Failure, Result, target_dir};

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/requirements.txt");
const AZCORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/azcore");

/// A Python that finds the SDK.
pub struct Python {
    pub program: PathBuf,
    /// For `PYTHONPATH`; empty for a virtual environment, which needs none.
    pub packages: PathBuf,
}

/// Python with the SDK in a virtual environment or, where it cannot make one (Debian without `python3-venv`), with a folder
/// of packages.
pub fn python() -> Result<Python> {
    let version = run(Command::new("python3").arg("--version"))
        .map_err(|why| Failure::new(format!("install Python 3.10 or newer with its venv module: {why}")))?;
    let folder = made(target_dir()?.join("sdk"))?;
    let _lock = lock(&folder)?;
    let venv = Python { program: folder.join("venv/bin/python"), packages: PathBuf::new() };
    let plain = Python { program: "python3".into(), packages: folder.join("packages") };
    let (stamp, wanted) = (folder.join("stamp"), stamp_of(&version)?);
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(if venv.program.exists() { venv } else { plain });
    }
    eprintln!("Microsoft's SDK for Python is installed once, from the package registry");
    for old in ["venv", "packages"] {
        std::fs::remove_dir_all(folder.join(old)).ok();
    }
    let python = install(venv, plain)?;
    std::fs::write(&stamp, wanted)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", stamp.display())))?;
    Ok(python)
}

fn install(venv: Python, plain: Python) -> Result<Python> {
    let Err(first) = in_environment(&venv) else { return Ok(venv) };
    eprintln!("Python makes no virtual environment: its packages go to a folder of their own");
    if let Some(made) = venv.program.ancestors().nth(2) {
        std::fs::remove_dir_all(made).ok();
    }
    let Err(second) = run(pip(Path::new("python3")).arg("--target").arg(&plain.packages)) else { return Ok(plain) };
    let missing = "the SDK for Python cannot be installed: it takes Python's venv module (on Debian python3-venv) or pip \
                   (python3-pip), and a package registry in reach";
    Err(Failure::new(format!("{missing}\nin a virtual environment: {first}\nin a folder: {second}")))
}

fn in_environment(venv: &Python) -> Result<()> {
    let folder = venv.program.ancestors().nth(2).unwrap_or(Path::new("venv"));
    run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    run(&mut pip(&venv.program)).map(drop)
}

fn pip(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--requirement"]);
    pip.arg(REQUIREMENTS);
    pip
}

fn stamp_of(version: &str) -> Result<String> {
    let requirements = std::fs::read_to_string(REQUIREMENTS)
        .map_err(|error| Failure::new(format!("cannot read {REQUIREMENTS}: {error}")))?;
    let digest = Sha256::digest(format!("{version}\n{requirements}"));
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The program of `tests/azcore`, built when it is not up to date.
pub fn azcore() -> Result<PathBuf> {
    let program = made(target_dir()?.join("azcore"))?.join("azcore");
    let mut go = Command::new("go");
    go.current_dir(AZCORE)
        .args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-o"])
        .arg(&program)
        .arg(".")
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off");
    run(&mut go).map_err(|why| {
        Failure::new(format!("it takes Go 1.26 or newer, and a Go module proxy in reach the first time: {why}"))
    })?;
    Ok(program)
}

fn made(folder: PathBuf) -> Result<PathBuf> {
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => Err(Failure::new(format!("cannot make {}: {error}", folder.display()))),
    }
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| Failure::new(format!("cannot lock {}: {error}", path.display())))
}

/// Runs a command to its end and gives its standard output; a failure carries all that it said.
fn run(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.output().map_err(|error| Failure::new(format!("{name} cannot be run: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = [text(&output.stdout), text(&output.stderr)].join("\n");
    Err(Failure::new(format!("{name} ended with {}: {}", output.status, said.trim())))
}
