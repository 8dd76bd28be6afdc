//! What the whole-system tests share: where things are, and the project's own test vectors.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub mod desk;
pub mod growing;
#[cfg(unix)]
pub mod live;
pub mod outside;
pub mod vectors;

/// The top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Other people's data, which is not part of the project: `$AVOUCH_SHARED_DATA`, else `../shared/data`
/// beside the repository. `None`, with a word on standard error, where it is absent.
pub fn shared_data() -> Option<PathBuf> {
    let dir = std::env::var_os("AVOUCH_SHARED_DATA")
        .map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    eprintln!("SKIPPED: {} is absent", dir.display());
    None
}

/// One of the project's programs, built as the tests are.
///
/// `cargo test --workspace` has built it already; alone, this crate's tests build it first.
///
/// # Panics
/// When it cannot be built.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let folder = std::env::current_exe().unwrap_or_default();
    let folder = folder
        .ancestors()
        .nth(2)
        .map(Path::to_owned)
        .unwrap_or_default();
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    BUILT.get_or_init(|| {
        if !path.is_file() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let packages = ["build", "-q", "-p", "avouch-cli", "-p", "avouch-verify-cli"];
            let built = Command::new(cargo)
                .args(packages)
                .current_dir(repository())
                .status();
            assert!(
                built.is_ok_and(|status| status.success()),
                "the programs do not build"
            );
        }
    });
    path
}

/// A tool that the tests need and did not write, from `AVOUCH_PYTHON` and the like or the search path.
///
/// # Panics
/// When it is absent and `AVOUCH_REQUIRE_TOOLS` is set, as `tests/run` does after installing it.
pub fn tool(variable: &str, name: &str) -> Option<PathBuf> {
    let program = std::env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from);
    if Command::new(&program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return Some(program);
    }
    assert!(
        std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none(),
        "{name} is required and absent"
    );
    eprintln!("SKIPPED: {name} is absent");
    None
}
