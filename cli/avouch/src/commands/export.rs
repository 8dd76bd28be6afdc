//! `avouch export`

use std::io::{self, Write};
use std::path::PathBuf;

use avouch::ExportFormat;
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;

use super::{Global, HOLDS};

#[derive(Args)]
pub(crate) struct Export {
    /// A sealed run: name, id, or the first digits of its id
    run: String,
    /// The form
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    format: ExportFormat,
    /// The file to write; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

fn formats() -> impl clap::builder::TypedValueParser<Value = ExportFormat> {
    PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::name))
        .try_map(|name| name.parse::<ExportFormat>())
}

pub(crate) fn run(global: &Global, args: &Export) -> anyhow::Result<u8> {
    let home = global.reading_home()?;
    let run = home.ledger().resolve(&args.run)?;
    // Only an attestation is signed, so only that asks for a passphrase.
    let signer = match args.format {
        ExportFormat::InToto => {
            let passphrase = global.passphrase_for(&home, None)?;
            Some(home.signer(passphrase.as_ref())?)
        }
        _ => None,
    };
    let bytes = home.export(&run, args.format, signer.as_ref())?;
    match args.output.as_os_str() == "-" {
        true => io::stdout().lock().write_all(&bytes)?,
        false => avouch::write_file(&args.output, &bytes)?,
    }
    Ok(HOLDS)
}
