//! `cargo bench -p avouch-benches [-- cbor|merkle|ledger|disclosure|log|verifier]...`

fn main() -> anyhow::Result<()> {
    // Cargo itself passes `--bench`.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    avouch_benches::run(&wanted)
}
