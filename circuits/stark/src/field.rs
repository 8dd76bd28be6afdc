//! The fields that everything is computed in.

use p3_baby_bear::BabyBear;
use p3_field::extension::BinomialExtensionField;

/// What columns hold: integers modulo 15 * 2^27 + 1, just below 2^31.
pub type Val = BabyBear;

/// What challenges are drawn from. Degree 5 (155 bits), because with degree 4 the *proven* bounds
/// fall below 100 bits once thousands of columns are opened together.
pub type Challenge = BinomialExtensionField<Val, 5>;
