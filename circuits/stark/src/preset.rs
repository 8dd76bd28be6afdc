//! The proof system's parameters, in named sets that a verifier knows.

/// A named set of parameters. There is no other way to choose them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// The default: at least 100 bits by a proven bound.
    #[default]
    Proven100,
    /// As secure, with less time and memory and larger proofs.
    Proven100Lean,
    /// As secure, with smaller proofs and twice the memory.
    Proven100Small,
    /// For this crate's own tests of what the constraints catch: quick, and of no worth otherwise.
    #[cfg(test)]
    Quick,
}

/// What a preset fixes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters {
    /// How many times longer the committed codewords are than what they encode, as a power of two.
    pub(crate) log_blowup: usize,
    /// How many places of the codewords are opened.
    pub(crate) queries: usize,
    /// Bits of work before the places are drawn.
    pub(crate) query_work: usize,
    /// Bits of work before each folding challenge.
    pub(crate) fold_work: usize,
    /// Bits of work before the challenge that batches the openings.
    pub(crate) batch_work: usize,
    /// Folding by up to this power of two at a time.
    pub(crate) log_arity: usize,
    /// The length of the polynomial that ends the folding, as a power of two.
    pub(crate) log_final: usize,
    /// The part of a commitment that is sent instead of a root: its 2^n nodes at that height.
    pub(crate) cap_height: usize,
}

impl Preset {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::Proven100, Self::Proven100Lean, Self::Proven100Small];

    /// The name that policies and reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proven100 => "proven-100",
            Self::Proven100Lean => "proven-100-lean",
            Self::Proven100Small => "proven-100-small",
            #[cfg(test)]
            Self::Quick => "quick",
        }
    }

    /// The preset of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The number that stands for it in proofs.
    pub(crate) const fn id(self) -> u8 {
        match self {
            Self::Proven100 => 1,
            Self::Proven100Lean => 2,
            Self::Proven100Small => 3,
            #[cfg(test)]
            Self::Quick => 255,
        }
    }

    /// The preset of this number.
    pub(crate) fn from_id(id: u8) -> Option<Self> {
        #[cfg(test)]
        if id == Self::Quick.id() {
            return Some(Self::Quick);
        }
        Self::ALL.into_iter().find(|preset| preset.id() == id)
    }

    pub(crate) const fn parameters(self) -> Parameters {
        match self {
            Self::Proven100 => Parameters::new(3, 59),
            Self::Proven100Lean => Parameters::new(2, 88),
            Self::Proven100Small => Parameters::new(4, 45),
            #[cfg(test)]
            Self::Quick => Parameters {
                query_work: 0,
                cap_height: 0,
                ..Parameters::new(2, 2)
            },
        }
    }
}

impl Parameters {
    /// What the presets have in common, with their own rate and number of queries.
    const fn new(log_blowup: usize, queries: usize) -> Self {
        Self {
            log_blowup,
            queries,
            query_work: 16,
            fold_work: 0,
            batch_work: 0,
            log_arity: 3,
            log_final: 0,
            cap_height: 4,
        }
    }
}
