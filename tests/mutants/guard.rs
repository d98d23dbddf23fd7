//! One guard of the table: where it stands in the source, and how the source reads without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// A guard of the protocol, with what covers it.
pub struct Guard {
    /// The clause of the protocol that it is.
    pub clause: String,
    /// What it says.
    pub name: String,
    /// What is taken out.
    changes: Vec<Change>,
    /// The test that fails without it, without its module.
    pub missed_by: String,
}

/// A text that is taken out of a file, and what stands in its place.
struct Change {
    file: String,
    before: String,
    after: String,
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.clause, self.name)
    }
}

impl Guard {
    fn parse(block: &str) -> Self {
        let (title, lines) = block.split_once('\n').unwrap();
        let (clause, name) = title.strip_prefix('[').and_then(|title| title.split_once("] ")).unwrap();
        let (clause, name) = (clause.to_owned(), name.to_owned());
        let mut guard = Self { clause, name, changes: Vec::new(), missed_by: String::new() };
        let mut file = "";
        for line in lines.lines() {
            if line.starts_with("src/") {
                file = line;
            } else {
                guard.line(file, line);
            }
        }
        guard
    }

    fn line(&mut self, file: &str, line: &str) {
        if let Some(test) = line.strip_prefix("-> ") {
            test.clone_into(&mut self.missed_by);
        } else if let Some(out) = line.strip_prefix("--") {
            match self.changes.last_mut().filter(|change| change.after.is_empty() && change.file == file) {
                Some(change) => change.before += &format!("{out}\n"),
                None => {
                    let (file, before) = (file.to_owned(), format!("{out}\n"));
                    self.changes.push(Change { file, before, after: String::new() });
                }
            }
        } else if let (Some(text), Some(change)) = (line.strip_prefix("++"), self.changes.last_mut()) {
            change.after += &format!("{text}\n");
        } else {
            panic!("{self}: {line:?} is no line of the table");
        }
    }

    /// The files that it is taken out of, from the repository's root, as they stand and as they stand without it.
    ///
    /// # Errors
    /// When a text to be taken out does not stand in its file, or more than once.
    pub fn removed(&self) -> Result<BTreeMap<&str, (String, String)>, String> {
        let mut files = BTreeMap::new();
        for Change { file, before, after } in &self.changes {
            let whole = || std::fs::read_to_string(root().join(file)).map(|text| (text.clone(), text));
            let (whole, without) = match files.remove(file.as_str()) {
                Some(texts) => texts,
                None => whole().map_err(|error| format!("{self}: {file}: {error}"))?,
            };
            let times = without.matches(before.as_str()).count();
            if times != 1 {
                return Err(format!("{self}: stands {times} times in {file}:\n{before}"));
            }
            files.insert(file.as_str(), (whole, without.replacen(before, after, 1)));
        }
        Ok(files)
    }

    /// The file of the guard itself, from the repository's root.
    pub fn file(&self) -> &str {
        self.changes.first().map_or("", |change| change.file.as_str())
    }
}

/// Every guard of the table.
pub fn table() -> Vec<Guard> {
    let text = include_str!("guards.txt");
    text.split("\n\n").filter(|block| block.starts_with('[')).map(|block| Guard::parse(block.trim_end())).collect()
}

/// The names of all tests of the product's parts that the table is about: no function beside them misses anything.
pub fn tests_of_the_product() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in ["src/domain", "src/asr", "tests/asr_client"] {
        for file in files(&root().join(part)) {
            let text = std::fs::read_to_string(file).unwrap();
            names.extend(tests_of(&text));
        }
    }
    names
}

/// The functions that are marked as tests, those within `proptest!` too.
fn tests_of(text: &str) -> Vec<String> {
    let mut marked = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some(rest) = line.trim_start_matches("async ").strip_prefix("fn ") {
            found.extend(rest.split_once('(').filter(|_| marked).map(|(name, _)| name.to_owned()));
            marked = false;
        }
    }
    found
}

/// Every Rust file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let inside = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    inside.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
