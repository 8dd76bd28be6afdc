//! What several test files share.
#![allow(dead_code, unreachable_pub)]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use avouch_cose::{Algorithm, SigningKey};

pub const ALGORITHMS: [Algorithm; 2] = [Algorithm::Ed25519, Algorithm::P256];

/// A key of its own for every number.
pub fn key(algorithm: Algorithm, number: u8) -> SigningKey {
    SigningKey::generate(algorithm, &[number; 32]).unwrap()
}

/// The other of an ECDSA signature's two forms: n - s for s.
pub fn high_s(signature: [u8; 64]) -> [u8; 64] {
    let low = p256::ecdsa::Signature::from_slice(&signature).unwrap();
    let high = p256::ecdsa::Signature::from_scalars(*low.r(), -*low.s()).unwrap();
    high.to_bytes().into()
}

/// A folder of the shared test data, or `None` with a message where it is absent.
pub fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AVOUCH_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no {folder} in the shared test data (set AVOUCH_SHARED_DATA)");
    None
}

/// Whether a tool may be missing: not where the whole test command runs.
pub fn tools_required() -> bool {
    std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_some_and(|value| value == "1")
}

/// Whether openssl is there; its absence is a failure where tools are required.
pub fn has_openssl() -> bool {
    let found = Command::new("openssl")
        .arg("version")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    if !found {
        assert!(
            !tools_required(),
            "openssl is required (AVOUCH_REQUIRE_TOOLS=1) and not found"
        );
        eprintln!("skipped: no openssl on the path");
    }
    found
}

/// Runs openssl and returns its output, with its messages in the panic when it fails.
pub fn openssl(args: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "openssl {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
