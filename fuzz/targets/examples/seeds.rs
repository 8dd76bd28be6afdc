//! Writes every target's seeds to `DIRECTORY/TARGET/`, and prints the targets' names.

use std::path::PathBuf;

use avouch_fuzz_targets::{TARGETS, seeds};

fn main() -> std::io::Result<()> {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: seeds DIRECTORY");
        std::process::exit(2);
    };
    for (name, _) in TARGETS {
        let corpus = directory.join(name);
        std::fs::create_dir_all(&corpus)?;
        for (number, seed) in seeds(name).iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
        println!("{name}");
    }
    Ok(())
}
