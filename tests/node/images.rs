//! The archives of the images that the node starts with: the operator's, as its one command makes it, and the one that every
//! Pod's namespaces are held by.

use crate::harness::{Failure, Result, RunDir, forget_this_package, target_dir};
use std::path::Path;
use std::process::Command;

/// The operator's image, without its tag.
pub const OPERATOR: &str = "node.local/asr-operator";
/// Names an archive that was made before, under the same name and tag, to run instead of one of this source.
const GIVEN: &str = "ASR_IMAGE";
const PAUSE: &str = "node.local/pause:1";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Writes both into this folder's `images`, and returns what was said of the operator's.
pub fn write(dir: &RunDir) -> Result<String> {
    let images = dir.join("images");
    let failed = |error| Failure::new(format!("cannot make {}: {error}", images.display()));
    std::fs::create_dir_all(&images).map_err(failed)?;
    pause(dir, &images.join("pause.tar"))?;
    operator(&images.join("asr-operator.tar"))
}

fn operator(archive: &Path) -> Result<String> {
    if let Some(given) = std::env::var_os(GIVEN) {
        let copied = std::fs::copy(&given, archive);
        copied.map_err(|error| Failure::new(format!("{GIVEN} is {}: {error}", given.display())))?;
        return Ok(format!("the image is that of {}, as it is", given.display()));
    }
    let mut build = Command::new(format!("{ROOT}/deploy/build-image.sh"));
    forget_this_package(&mut build);
    build.arg(archive).arg(format!("{OPERATOR}:{}", env!("CARGO_PKG_VERSION")));
    run(build.env("CARGO_TARGET_DIR", target_dir()?))
}

/// `image.sh` knows one program; this one takes its place in the archive, and has no use for certificates.
fn pause(dir: &RunDir, archive: &Path) -> Result<()> {
    let program = dir.join("pause");
    let source = format!("{ROOT}/tests/node/pause.c");
    run(Command::new("cc").args(["-Os", "-static", "-o"]).arg(&program).arg(source))?;
    let script = format!("{ROOT}/deploy/image.sh");
    run(Command::new(script).arg(&program).arg("/dev/null").arg(archive).arg(PAUSE))?;
    Ok(())
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| Failure::new(format!("{command:?} does not start: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Err(Failure::new(format!("{command:?} failed: {said}")))
}
