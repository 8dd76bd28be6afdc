//! Shares of secrets as files: written for their holders, and read back.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use avouch_escrow::{Commitments, Error as EscrowError, Secret, SecretKind, Share};
use avouch_escrow::{combine, qr, split, text, words};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use zeroize::Zeroizing;

use crate::Error;
use crate::durable::{self, Access};
use crate::keys::key_of;
use crate::random::os_random;

/// In which forms shares are written beside their text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    /// As words.
    pub words: bool,
    /// As a QR code in SVG.
    pub svg: bool,
    /// As a QR code in PNG.
    pub png: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitFiles {
    /// What shares are checked against.
    pub commitments: Commitments,
    /// Its file: it is no secret.
    pub commitments_path: PathBuf,
    /// The shares' files, readable by their owner only.
    pub shares: Vec<PathBuf>,
}

/// Splits a secret and writes a file for each share (and form) into `dir`, with the set's commitments.
///
/// # Errors
/// As [`split`]; [`Error::Exists`]: nothing is overwritten, and what was written before an error is removed.
pub fn split_to(
    secret: &Secret,
    threshold: u8,
    count: u8,
    forms: Forms,
    dir: &Path,
) -> Result<SplitFiles, Error> {
    let seed: Zeroizing<[u8; 32]> = Zeroizing::new(os_random()?);
    let mut random = ChaCha20Rng::from_seed(*seed);
    let (shares, commitments) = split(secret, threshold, count, &mut random)?;
    let set: String = commitments.set().to_string().chars().take(8).collect();
    let mut files: Vec<(PathBuf, Zeroizing<Vec<u8>>)> = Vec::new();
    for share in &shares {
        let stem = format!("{set}-{}-of-{count}", share.index());
        let mut add = |ending: &str, bytes: &[u8]| {
            let path = dir.join(format!("{stem}.{ending}"));
            files.push((path, Zeroizing::new(bytes.to_vec())));
        };
        add("share", text::write(share).as_bytes());
        if forms.words {
            add("words.txt", words::write(share)?.as_bytes());
        }
        if forms.svg {
            add("svg", qr::svg(share)?.as_bytes());
        }
        if forms.png {
            add("png", &qr::png(share)?);
        }
    }
    fs::create_dir_all(dir).map_err(|source| Error::io(dir, source))?;
    let commitments_path = dir.join(format!("{set}.commitments"));
    let mut written: Vec<&Path> = Vec::new();
    let mut write = |path, bytes: &[u8], access| {
        durable::create_new(path, bytes, access).map(|()| written.push(path))
    };
    let public = commitments.to_string();
    let all = write(&commitments_path, public.as_bytes(), Access::Default).and_then(|()| {
        files
            .iter()
            .try_for_each(|(path, bytes)| write(path, bytes, Access::OwnerOnly))
    });
    if let Err(error) = all {
        for path in written {
            // Only what this call made; the error that is returned says what stopped it.
            let _ = fs::remove_file(path);
        }
        return Err(error);
    }
    Ok(SplitFiles {
        commitments,
        commitments_path,
        shares: files.into_iter().map(|(path, _)| path).collect(),
    })
}

/// Reads a share's file, in any of its text forms.
pub fn read_share(path: &Path) -> Result<Share, Error> {
    let text = read(path, text::MAX_TEXT)?;
    text::read(&text).map_err(|source| Error::Share {
        path: path.into(),
        source,
    })
}

/// Reads a set's commitments.
pub fn read_commitments(path: &Path) -> Result<Commitments, Error> {
    let text = read(path, text::MAX_TEXT)?;
    Commitments::parse(&text).map_err(|source| Error::Share {
        path: path.into(),
        source,
    })
}

/// Reads shares and gives their secret back.
///
/// # Errors
/// [`Error::Share`] names the file of the share at fault, if there is one.
pub fn combine_files(
    paths: &[PathBuf],
    commitments: Option<&Commitments>,
) -> Result<Secret, Error> {
    let shares = paths
        .iter()
        .map(|path| read_share(path))
        .collect::<Result<Vec<_>, _>>()?;
    combine(&shares, commitments).map_err(|source| {
        let at = match &source {
            EscrowError::AnotherSet { index, found, .. } => shares
                .iter()
                .position(|share| (share.index(), share.set()) == (*index, *found)),
            // The second of two that bear one index.
            EscrowError::Duplicate { index, .. } => {
                shares.iter().rposition(|share| share.index() == *index)
            }
            EscrowError::Forged { index, .. } => {
                shares.iter().position(|share| share.index() == *index)
            }
            _ => None,
        };
        match at.and_then(|at| paths.get(at)) {
            Some(path) => Error::Share {
                path: path.clone(),
                source,
            },
            None => source.into(),
        }
    })
}

/// Writes a combined secret where only its owner reads it: a file as it was, a key as PKCS#8 PEM.
pub fn write_secret(secret: &Secret, path: &Path) -> Result<(), Error> {
    match secret.kind {
        SecretKind::File => durable::create_new(path, &secret.bytes, Access::OwnerOnly),
        _ => {
            let pem = key_of(secret)?.to_pem()?;
            durable::create_new(path, pem.as_bytes(), Access::OwnerOnly)
        }
    }
}

/// A file's bytes as a secret to be split.
pub fn file_secret(path: &Path) -> Result<Secret, Error> {
    let io = |source| Error::io(path, source);
    let file = fs::File::open(path).map_err(io)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(avouch_escrow::MAX_SECRET + 1));
    file.take(avouch_escrow::MAX_SECRET as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    Ok(Secret {
        kind: SecretKind::File,
        bytes,
    })
}

fn read(path: &Path, limit: usize) -> Result<Zeroizing<String>, Error> {
    let io = |source| Error::io(path, source);
    let file = fs::File::open(path).map_err(io)?;
    let mut text = Zeroizing::new(String::new());
    file.take(limit as u64 + 1)
        .read_to_string(&mut text)
        .map_err(io)?;
    Ok(text)
}
