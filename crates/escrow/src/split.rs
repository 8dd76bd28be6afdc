//! From a secret to shares, and back.

use avouch_merkle::{Digest, sha256};
use blahaj::Sharks;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::share::OVERHEAD;
use crate::{Commitments, Error, MAX_SECRET, SetId, Share};

/// The most ways to choose shares that are tried to find out which one is forged.
const MAX_CHOICES: usize = 5000;

/// What a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// A file's bytes.
    File,
    /// The 32 secret bytes of an Ed25519 key.
    Ed25519Key,
    /// The 32 secret bytes of a P-256 key.
    P256Key,
}

impl SecretKind {
    fn number(self) -> u8 {
        match self {
            Self::File => 1,
            Self::Ed25519Key => 2,
            Self::P256Key => 3,
        }
    }

    fn of(number: u8) -> Option<Self> {
        [Self::File, Self::Ed25519Key, Self::P256Key]
            .into_iter()
            .find(|kind| kind.number() == number)
    }
}

/// A secret and what it is. Wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it is.
    pub kind: SecretKind,
    /// The secret.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({:?}, bytes not shown)", self.kind)
    }
}

/// Splits a secret into `count` shares, any `threshold` of which give it back.
///
/// # Errors
/// [`Error::Numbers`] and [`Error::Length`].
pub fn split(
    secret: &Secret,
    threshold: u8,
    count: u8,
    random: &mut impl CryptoRng,
) -> Result<(Vec<Share>, Commitments), Error> {
    if threshold < 2 || threshold > count {
        return Err(Error::Numbers { threshold, count });
    }
    if secret.bytes.is_empty() || secret.bytes.len() > MAX_SECRET {
        return Err(Error::Length(secret.bytes.len()));
    }
    // kind, salt, secret, hash: a combination of other shares than these ends in another hash.
    let mut value = Zeroizing::new(Vec::with_capacity(secret.bytes.len() + OVERHEAD));
    value.push(secret.kind.number());
    value.extend(draw(random));
    value.extend(secret.bytes.iter());
    let hash = sha256(&[VALUE, &value]);
    value.extend(&hash.0[..8]);

    let dealer = Sharks(threshold).dealer_rng(&value, random);
    let points: Vec<blahaj::Share> = dealer.take(count.into()).collect();
    let mut shares = Vec::with_capacity(points.len());
    for (index, point) in (1..=count).zip(&points) {
        let bytes = Zeroizing::new(Vec::from(point));
        // The first byte is x, which counts from 1.
        let (Some((x, y)), true) = (bytes.split_first(), points.len() == usize::from(count)) else {
            return Err(Error::Split("a share has no value"));
        };
        if *x != index {
            return Err(Error::Split("a share has another index"));
        }
        shares.push(Share {
            set: SetId([0; 16]),
            threshold,
            count,
            index,
            salt: draw(random),
            value: Zeroizing::new(y.to_vec()),
        });
    }
    let commitments = Commitments {
        threshold,
        secret: commitment(&value),
        shares: shares.iter().map(Share::commitment).collect(),
    };
    let set = commitments.set();
    for share in &mut shares {
        share.set = set;
    }
    // Before anyone relies on them: the first and the last of them give the secret back.
    let needed = usize::from(threshold);
    for some in [&shares[..needed], &shares[shares.len() - needed..]] {
        if combine(some, Some(&commitments))? != *secret {
            return Err(Error::Split("the shares do not give the secret back"));
        }
    }
    Ok((shares, commitments))
}

/// Gives the secret back.
///
/// With `commitments`, every share is checked first. Without, a forged share is found out by the secret's
/// own hash, and named if more shares are given than are needed.
///
/// # Errors
/// [`Error::AnotherSet`], [`Error::Duplicate`], [`Error::TooFew`], [`Error::Forged`] naming the share, and
/// [`Error::NotTheSecret`] where none can be named.
pub fn combine(shares: &[Share], commitments: Option<&Commitments>) -> Result<Secret, Error> {
    let expected = match (commitments, shares.first()) {
        (Some(commitments), _) => commitments.set(),
        (None, Some(first)) => first.set,
        (None, None) => {
            return Err(Error::TooFew {
                given: 0,
                threshold: 2,
                count: 0,
            });
        }
    };
    for (at, share) in shares.iter().enumerate() {
        let index = share.index;
        if share.set != expected {
            return Err(Error::AnotherSet {
                index,
                found: share.set,
                expected,
            });
        }
        if let Some(commitments) = commitments {
            commitments.check(share)?;
        }
        if let Some(other) = shares[..at].iter().find(|other| other.index == index) {
            let same = other == share;
            return Err(Error::Duplicate { index, same });
        }
    }
    let (threshold, count) = match (commitments, shares.first()) {
        (Some(commitments), _) => (commitments.threshold, commitments.count()),
        (None, Some(first)) => (first.threshold, first.count),
        (None, None) => (2, 0),
    };
    if shares.len() < usize::from(threshold) {
        return Err(Error::TooFew {
            given: shares.len(),
            threshold,
            count,
        });
    }
    // The same in all of one set, or it is not a share of the set.
    let like = |share: &&Share| {
        (share.threshold, share.count, share.value.len())
            != (threshold, count, shares[0].value.len())
    };
    if let Some(other) = shares.iter().find(like) {
        return Err(Error::Forged {
            index: other.index,
            set: expected,
        });
    }
    let needed: Vec<&Share> = shares.iter().take(threshold.into()).collect();
    let value = match interpolate(&needed).filter(|value| ends_in_hash(value)) {
        Some(value) => {
            refuse_others(&needed, shares)?;
            value
        }
        None => return Err(blame(shares, threshold.into())),
    };
    if let Some(commitments) = commitments
        && commitment(&value) != commitments.secret
    {
        return Err(Error::NotTheSecret {
            indices: needed.iter().map(|share| share.index).collect(),
        });
    }
    let content = &value[..value.len() - 8];
    let kind = SecretKind::of(content[0]).ok_or(Error::NotAShare("a secret of unknown kind"))?;
    Ok(Secret {
        kind,
        bytes: Zeroizing::new(content[17..].to_vec()),
    })
}

const VALUE: &[u8] = b"avouch/v1/escrow-value";

fn commitment(value: &[u8]) -> Digest {
    sha256(&[b"avouch/v1/escrow-secret", value])
}

fn ends_in_hash(value: &[u8]) -> bool {
    let Some((content, end)) = value.split_last_chunk::<8>() else {
        return false;
    };
    content.len() > 17 && sha256(&[VALUE, content]).0[..8] == *end
}

fn interpolate(shares: &[&Share]) -> Option<Zeroizing<Vec<u8>>> {
    let mut points = Vec::with_capacity(shares.len());
    for share in shares {
        let mut bytes = Zeroizing::new(Vec::with_capacity(share.value.len() + 1));
        bytes.push(share.index);
        bytes.extend(share.value.iter());
        points.push(blahaj::Share::try_from(bytes.as_slice()).ok()?);
    }
    let threshold = u8::try_from(shares.len()).ok()?;
    let value = Sharks(threshold).recover(&points).ok()?;
    Some(Zeroizing::new(value))
}

/// Whether the shares beyond those that gave the secret lie on the same curve.
fn refuse_others(good: &[&Share], all: &[Share]) -> Result<(), Error> {
    for share in &all[good.len()..] {
        let mut with = good.to_vec();
        with[0] = share;
        if !interpolate(&with).is_some_and(|value| ends_in_hash(&value)) {
            let (index, set) = (share.index, share.set);
            return Err(Error::Forged { index, set });
        }
    }
    Ok(())
}

/// Which share is at fault, if there are enough others to tell.
fn blame(shares: &[Share], needed: usize) -> Error {
    let mut tried = 0;
    let mut choice: Vec<usize> = (0..needed).collect();
    while tried < MAX_CHOICES {
        tried += 1;
        let chosen: Vec<&Share> = choice.iter().map(|at| &shares[*at]).collect();
        if interpolate(&chosen).is_some_and(|value| ends_in_hash(&value)) {
            let off = |share: &&Share| {
                let mut with = chosen.clone();
                with[0] = share;
                let known = chosen.iter().any(|good| good.index == share.index);
                !known && !interpolate(&with).is_some_and(|value| ends_in_hash(&value))
            };
            if let Some(share) = shares.iter().find(off) {
                let (index, set) = (share.index, share.set);
                return Error::Forged { index, set };
            }
        }
        if !next_choice(&mut choice, shares.len()) {
            break;
        }
    }
    Error::NotTheSecret {
        indices: shares.iter().map(|share| share.index).collect(),
    }
}

/// The next choice of so many out of `of`, in order; false after the last.
fn next_choice(choice: &mut [usize], of: usize) -> bool {
    let len = choice.len();
    for at in (0..len).rev() {
        if choice[at] < of - (len - at) {
            choice[at] += 1;
            for next in at + 1..len {
                choice[next] = choice[next - 1] + 1;
            }
            return true;
        }
    }
    false
}

fn draw(random: &mut impl CryptoRng) -> [u8; 16] {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    bytes
}
