//! Where the programs of one run keep their files: `<target>/harness/<process id>-<number>-<name>`.
//!
//! Logs stay after the run, for whoever asks why it failed; folders of ended processes go a day later.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::{Failure, Result};

static NEXT: AtomicU32 = AtomicU32::new(0);
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// A folder of this process for one program or one control plane.
#[derive(Clone, Debug)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// Makes a new folder, and removes those of ended processes that are a day old.
    pub fn create(name: &str) -> Result<Self> {
        let root = target_dir()?.join("harness");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            sweep(&root);
        }
        let path = root.join(format!("{}-{number}-{name}", std::process::id()));
        // A process id comes back: what an earlier bearer left here is not ours.
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::new(format!("cannot make {}: {error}", path.display())))?;
        Ok(Self(path))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file or folder in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file into it and returns its path.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.join(name);
        std::fs::write(&path, text)
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
        Ok(path)
    }
}

/// Cargo's target folder: the nearest one above this program that bears Cargo's tag.
pub fn target_dir() -> Result<PathBuf> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(format!("this program's own path is not to be had: {error}")))?;
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").exists())
        .map(Path::to_path_buf)
        .ok_or_else(|| Failure::new(format!("{} is in no Cargo target folder: run it with cargo", program.display())))
}

fn sweep(root: &Path) {
    let Ok(entries) = std::fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        let owner = entry.file_name().to_str().and_then(|name| name.split('-').next()?.parse::<i32>().ok());
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > KEPT));
        if old && owner.is_some_and(|pid| !super::process::is_alive(pid)) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}
