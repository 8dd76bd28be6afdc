//! Regenerates `fixtures/vectors/`: `cargo run -p avouch-tests --bin vectors`.

use std::fs;
use std::io;

fn main() -> io::Result<()> {
    let dir = avouch_tests::repository().join("fixtures/vectors");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let files = avouch_tests::vectors::generate();
    for (name, bytes) in &files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&dir))?;
        fs::write(path, bytes)?;
    }
    println!("{} files in fixtures/vectors", files.len());
    Ok(())
}
