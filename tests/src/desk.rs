//! A folder with a home in it, and the project's programs at work there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder of its own, with an empty home.
pub struct Desk(TempDir);

impl Desk {
    /// Makes the folder and the home.
    ///
    /// # Panics
    /// When it cannot be made, as everything here panics on what a test does not expect.
    pub fn new() -> Self {
        let desk = Self::bare();
        desk.ok(&["init"]);
        desk
    }

    /// Makes the folder alone.
    ///
    /// # Panics
    /// As [`Desk::new`].
    #[expect(clippy::unwrap_used)]
    pub fn bare() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `avouch`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn avouch(&self, args: &[&str]) -> Output {
        self.run("avouch", args)
    }

    /// Runs one of the programs.
    ///
    /// # Panics
    /// When it does not run.
    #[expect(clippy::unwrap_used)]
    pub fn run(&self, program: &str, args: &[&str]) -> Output {
        Command::new(crate::program(program))
            .args(args)
            .current_dir(self.0.path())
            .env_remove("AVOUCH_HOME")
            .output()
            .unwrap()
    }

    /// Runs `avouch`, which has to exit with `code`; what it printed, and what it said aside.
    ///
    /// # Panics
    /// When it exits with another.
    pub fn expect(&self, code: i32, args: &[&str]) -> (String, String) {
        let output = self.avouch(args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(
            output.status.code(),
            Some(code),
            "avouch {args:?}\n{out}\n{error}"
        );
        (out, error)
    }

    /// Runs `avouch`, which has to succeed; what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn ok(&self, args: &[&str]) -> String {
        self.expect(0, args).0
    }

    /// Ingests a file; the names of its runs.
    ///
    /// # Panics
    /// When it is refused.
    #[expect(clippy::unwrap_used)]
    pub fn ingest(&self, path: &Path) -> Vec<String> {
        let said = self.ok(&["ingest", "--json", path.to_str().unwrap()]);
        let runs: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap();
        let names = runs.iter().map(|run| run["run"].as_str().unwrap());
        names.map(str::to_owned).collect()
    }

    /// The one file in a folder here.
    ///
    /// # Panics
    /// When there are more or fewer.
    #[expect(clippy::unwrap_used)]
    pub fn only_file(&self, folder: &str) -> PathBuf {
        let files: Vec<_> = fs::read_dir(self.path(folder)).unwrap().collect();
        assert_eq!(files.len(), 1, "{folder}");
        files[0].as_ref().unwrap().path()
    }
}

impl Default for Desk {
    fn default() -> Self {
        Self::new()
    }
}

/// One of the project's inputs.
pub fn fixture(name: &str) -> PathBuf {
    crate::repository().join("fixtures").join(name)
}
