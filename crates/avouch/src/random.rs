//! Where salts, run ids and key seeds come from.

use avouch_merkle::sha256;
use avouch_trace::{RunId, SALT_LEN, Salt};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::Error;

/// The source of randomness of a home: the operating system, or a seed.
#[derive(Clone)]
pub struct Randomness(Option<[u8; 32]>);

impl Randomness {
    /// Draws from the operating system.
    pub fn from_os() -> Self {
        Self(None)
    }

    /// Derives everything from `seed`, so that the same input gives the same roots.
    ///
    /// For tests and test vectors only: whoever knows the seed can guess what a salt hides.
    pub fn insecure_seeded(seed: [u8; 32]) -> Self {
        Self(Some(seed))
    }

    /// As [`Randomness::insecure_seeded`], from 64 hexadecimal digits.
    pub fn insecure_from_hex(text: &str) -> Result<Self, Error> {
        let mut seed = [0; 32];
        hex::decode_to_slice(text, &mut seed).map_err(|_| Error::Seed)?;
        Ok(Self::insecure_seeded(seed))
    }

    /// Whether everything comes from a seed.
    pub(crate) fn is_seeded(&self) -> bool {
        self.0.is_some()
    }

    /// The generator for one run. `context` tells runs apart when they are seeded.
    pub(crate) fn for_run(&self, context: &[u8]) -> Result<RunRandom, Error> {
        let seed = match self.0 {
            None => os_random()?,
            Some(seed) => sha256(&[b"avouch/v1/insecure-seed", &seed, context]).0,
        };
        Ok(RunRandom(ChaCha20Rng::from_seed(seed)))
    }
}

/// 32 bytes from the operating system.
pub(crate) fn os_random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|source| Error::Random(source.to_string()))?;
    Ok(bytes)
}

/// One run's generator: a ChaCha20 stream.
pub(crate) struct RunRandom(ChaCha20Rng);

impl RunRandom {
    pub(crate) fn salt(&mut self) -> Salt {
        let mut salt = Salt([0; SALT_LEN]);
        self.0.fill_bytes(&mut salt.0);
        salt
    }

    pub(crate) fn run_id(&mut self) -> RunId {
        let mut id = RunId([0; 16]);
        self.0.fill_bytes(&mut id.0);
        id
    }
}
