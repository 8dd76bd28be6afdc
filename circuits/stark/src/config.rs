//! Plonky3's building blocks, as we put them together.

use alloc::vec::Vec;

use p3_challenger::{HashChallenger, SerializingChallenger32};
use p3_commit::ExtensionMmcs;
use p3_dft::Radix2DitParallel;
use p3_fri::{FriParameters, HidingFriPcs};
use p3_keccak::{Keccak256Hash, KeccakF, VECTOR_LEN};
use p3_merkle_tree::MerkleTreeHidingMmcs;
use p3_symmetric::{CompressionFunctionFromHasher, PaddingFreeSponge, SerializingHasher};
use p3_uni_stark::StarkConfig;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::preset::Preset;
use crate::{Challenge, Val};

/// Keccak's sponge with 256-bit digests. It is fast without special instructions, and older and
/// better studied than the hashes that are faster inside circuits.
type Sponge = PaddingFreeSponge<KeccakF, 25, 17, 4>;
type FieldHash = SerializingHasher<Sponge>;
type Compress = CompressionFunctionFromHasher<Sponge, 2, 4>;
/// Field elements that salt each row of a commitment: 4 of 31 bits.
const SALT: usize = 4;
type ValMmcs = MerkleTreeHidingMmcs<
    [Val; VECTOR_LEN],
    [u64; VECTOR_LEN],
    FieldHash,
    Compress,
    ChaCha20Rng,
    2,
    4,
    SALT,
>;
type ChallengeMmcs = ExtensionMmcs<Val, Challenge, ValMmcs>;
type Pcs = HidingFriPcs<Val, Radix2DitParallel<Val>, ValMmcs, ChallengeMmcs, ChaCha20Rng>;
type Challenger = SerializingChallenger32<Val, HashChallenger<u8, Keccak256Hash, 32>>;

/// The proof system.
pub(crate) type Config = StarkConfig<Pcs, Challenge, Challenger>;

/// Random columns beside each committed matrix: one for each coordinate of the challenge field.
pub(crate) const RANDOM_COLUMNS: usize = 5;

/// The proof system for one proof. `transcript` is what the proof is about, and begins the hash
/// that all challenges come from. `seed` is what the prover hides with; a verifier draws nothing.
pub(crate) fn config(preset: Preset, transcript: Vec<u8>, seed: [u8; 32]) -> Config {
    let parameters = preset.parameters();
    let mut rng = ChaCha20Rng::from_seed(seed);
    let sponge = Sponge::new(KeccakF {});
    let mmcs = |rng: &mut ChaCha20Rng| {
        ValMmcs::new(
            FieldHash::new(sponge),
            Compress::new(sponge),
            parameters.cap_height,
            ChaCha20Rng::from_rng(rng),
        )
    };
    let fri = FriParameters {
        log_blowup: parameters.log_blowup,
        log_final_poly_len: parameters.log_final,
        max_log_arity: parameters.log_arity,
        num_queries: parameters.queries,
        batch_proof_of_work_bits: parameters.batch_work,
        commit_proof_of_work_bits: parameters.fold_work,
        query_proof_of_work_bits: parameters.query_work,
        mmcs: ChallengeMmcs::new(mmcs(&mut rng)),
    };
    let pcs = Pcs::new(
        Radix2DitParallel::default(),
        mmcs(&mut rng),
        fri,
        RANDOM_COLUMNS,
        ChaCha20Rng::from_rng(&mut rng),
    );
    StarkConfig::new(pcs, Challenger::from_hasher(transcript, Keccak256Hash {}))
}
