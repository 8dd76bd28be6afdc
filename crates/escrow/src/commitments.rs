//! What a set was made with, without saying what it is: public, and enough to check a share.

use avouch_merkle::{Digest, sha256};

use crate::{Error, SetId, Share};

const TITLE: &str = "avouch escrow commitments 1";

/// A salted hash of each share, and of the secret. They hash to the set's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitments {
    pub(crate) threshold: u8,
    pub(crate) secret: Digest,
    pub(crate) shares: Vec<Digest>,
}

impl Commitments {
    /// The set's id.
    pub fn set(&self) -> SetId {
        let count = self.shares.len() as u8;
        let mut parts: Vec<&[u8]> = vec![b"avouch/v1/escrow-set"];
        let numbers = [self.threshold, count];
        parts.push(&numbers);
        parts.push(&self.secret.0);
        parts.extend(self.shares.iter().map(|share| &share.0[..]));
        let digest = sha256(&parts);
        let mut id = [0; 16];
        id.copy_from_slice(&digest.0[..16]);
        SetId(id)
    }

    /// How many shares give the secret.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// How many shares there are.
    pub fn count(&self) -> u8 {
        // At most 255: see `parse` and `split`.
        self.shares.len() as u8
    }

    /// Checks that a share is one of those that the set was made with.
    ///
    /// # Errors
    /// [`Error::AnotherSet`] and [`Error::Forged`].
    pub fn check(&self, share: &Share) -> Result<(), Error> {
        let (set, index) = (self.set(), share.index);
        if share.set != set {
            return Err(Error::AnotherSet {
                index,
                found: share.set,
                expected: set,
            });
        }
        match self.shares.get(usize::from(index).wrapping_sub(1)) {
            Some(committed) if *committed == share.commitment() => Ok(()),
            _ => Err(Error::Forged { index, set }),
        }
    }

    /// Reads the text that `Display` writes, and nothing else.
    ///
    /// # Errors
    /// [`Error::NotCommitments`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = Error::NotCommitments;
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(wrong("the first line is another"));
        }
        let mut set = None;
        let mut threshold = None;
        let mut secret = None;
        let mut shares = Vec::new();
        for line in lines {
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next(), words.next()) {
                (Some("set"), Some(id), None, None) => set = Some(id),
                (Some("threshold"), Some(number), None, None) => {
                    threshold = number.parse::<u8>().ok();
                }
                (Some("secret"), Some(digest), None, None) => secret = digest.parse().ok(),
                (Some("share"), Some(_), Some(digest), None) if shares.len() < 255 => {
                    let digest = digest.parse();
                    shares.push(digest.map_err(|_| wrong("a share's line is no hash"))?);
                }
                _ => return Err(wrong("a line of another kind")),
            }
        }
        let (Some(_), Some(threshold), Some(secret)) = (set, threshold, secret) else {
            return Err(wrong("set, threshold or secret is missing"));
        };
        if threshold < 2 || usize::from(threshold) > shares.len() {
            return Err(wrong("the threshold does not fit the number of shares"));
        }
        let read = Self {
            threshold,
            secret,
            shares,
        };
        // One text each; this compares the set's id too.
        match read.to_string() == text {
            true => Ok(read),
            false => Err(wrong("it was altered: it does not hash to the set's id")),
        }
    }
}

impl std::fmt::Display for Commitments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{TITLE}")?;
        writeln!(f, "set {}", self.set())?;
        writeln!(f, "threshold {}", self.threshold)?;
        writeln!(f, "secret {}", self.secret)?;
        for (index, share) in (1..).zip(&self.shares) {
            let index: u16 = index;
            writeln!(f, "share {index} {share}")?;
        }
        Ok(())
    }
}
