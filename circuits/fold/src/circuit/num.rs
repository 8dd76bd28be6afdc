//! Arithmetic over linear combinations: sums are free, products cost one constraint.

use ff::{Field, PrimeField};
use nova_snark::frontend::num::AllocatedNum;
use nova_snark::frontend::{
    AllocatedBit, Boolean, ConstraintSystem, LinearCombination, SynthesisError,
};

use crate::engine::Scalar;

type Lc = LinearCombination<Scalar>;

/// A value that the constraints know as a linear combination of variables.
#[derive(Clone)]
pub(crate) struct Num {
    pub(crate) value: Scalar,
    lc: Lc,
}

impl Num {
    pub(crate) fn zero() -> Self {
        Self {
            value: Scalar::ZERO,
            lc: Lc::zero(),
        }
    }

    pub(crate) fn constant<CS: ConstraintSystem<Scalar>>(value: Scalar) -> Self {
        Self {
            value,
            lc: Lc::from_coeff(CS::one(), value),
        }
    }

    pub(crate) fn one<CS: ConstraintSystem<Scalar>>() -> Self {
        Self::constant::<CS>(Scalar::ONE)
    }

    /// A new variable, constrained by nothing yet.
    pub(crate) fn alloc<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        value: Scalar,
    ) -> Result<Self, SynthesisError> {
        Ok(Self::from(&AllocatedNum::alloc(
            cs.namespace(|| "num"),
            || Ok(value),
        )?))
    }

    /// A new variable that is 0 or 1.
    pub(crate) fn alloc_bit<CS: ConstraintSystem<Scalar>>(
        cs: &mut CS,
        value: bool,
    ) -> Result<Self, SynthesisError> {
        let bit = AllocatedBit::alloc(cs.namespace(|| "bit"), Some(value))?;
        Ok(Self::of_bit::<CS>(&Boolean::from(bit)))
    }

    pub(crate) fn of_bit<CS: ConstraintSystem<Scalar>>(bit: &Boolean) -> Self {
        Self {
            value: Scalar::from(u64::from(bit.get_value().unwrap_or(false))),
            lc: bit.lc(CS::one(), Scalar::ONE),
        }
    }

    /// The number whose bits these are, the greatest first.
    pub(crate) fn of_bits<CS: ConstraintSystem<Scalar>>(bits: &[Boolean]) -> Self {
        let mut sum = Self::zero();
        let mut weight = Scalar::ONE;
        for bit in bits.iter().rev() {
            sum.lc = sum.lc + &bit.lc(CS::one(), weight);
            if bit.get_value().unwrap_or(false) {
                sum.value += weight;
            }
            weight = weight.double();
        }
        sum
    }

    #[must_use]
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            value: self.value + other.value,
            lc: self.lc.clone() + &other.lc,
        }
    }

    #[must_use]
    pub(crate) fn minus(&self, other: &Self) -> Self {
        Self {
            value: self.value - other.value,
            lc: self.lc.clone() - &other.lc,
        }
    }

    #[must_use]
    pub(crate) fn minus_constant<CS: ConstraintSystem<Scalar>>(&self, value: u64) -> Self {
        self.minus(&Self::constant::<CS>(Scalar::from(value)))
    }

    /// 1 - self.
    #[must_use]
    pub(crate) fn not<CS: ConstraintSystem<Scalar>>(&self) -> Self {
        Self::one::<CS>().minus(self)
    }

    pub(crate) fn times<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        other: &Self,
    ) -> Result<Self, SynthesisError> {
        let product = Self::alloc(cs, self.value * other.value)?;
        enforce(cs, self, other, &product);
        Ok(product)
    }

    /// a or b, both bits.
    pub(crate) fn or<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        other: &Self,
    ) -> Result<Self, SynthesisError> {
        let both = self.times(cs, other)?;
        Ok(self.plus(other).minus(&both))
    }

    /// self where `bit` is 0, other where it is 1.
    pub(crate) fn select<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        bit: &Self,
        other: &Self,
    ) -> Result<Self, SynthesisError> {
        let change = other.minus(self).times(cs, bit)?;
        Ok(self.plus(&change))
    }

    /// 1 where self is 0, else 0.
    pub(crate) fn is_zero<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
    ) -> Result<Self, SynthesisError> {
        let inverse = Option::<Scalar>::from(self.value.invert());
        let zero = Self::alloc(cs, Scalar::from(u64::from(inverse.is_none())))?;
        let inverse = Self::alloc(cs, inverse.unwrap_or(Scalar::ZERO))?;
        enforce(cs, self, &inverse, &zero.not::<CS>());
        enforce(cs, self, &zero, &Self::zero());
        Ok(zero)
    }

    /// 1 where self is one of these, else 0. The roots are few: the product has their degree.
    pub(crate) fn is_one_of<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        set: &[Self],
    ) -> Result<Self, SynthesisError> {
        let mut product = Self::one::<CS>();
        for (index, member) in set.iter().enumerate() {
            let factor = self.minus(member);
            product = match index {
                0 => factor,
                _ => product.times(cs, &factor)?,
            };
        }
        product.is_zero(cs)
    }

    /// Enforces that self fits `count` bits, and gives them, the least first.
    pub(crate) fn to_bits<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
        count: usize,
    ) -> Result<Vec<Self>, SynthesisError> {
        let repr = self.value.to_repr();
        let mut bits = Vec::with_capacity(count);
        let mut rest = self.clone();
        let mut weight = Scalar::ONE;
        for index in 0..count {
            let value = repr.as_ref()[index / 8] >> (index % 8) & 1 == 1;
            let bit = Self::alloc_bit(cs, value)?;
            for (variable, coefficient) in bit.lc.iter() {
                rest.lc = rest.lc - (weight * coefficient, variable);
            }
            rest.value -= bit.value * weight;
            weight = weight.double();
            bits.push(bit);
        }
        rest.enforce_zero(cs);
        Ok(bits)
    }

    pub(crate) fn enforce_zero<CS: ConstraintSystem<Scalar>>(&self, cs: &mut CS) {
        enforce(cs, self, &Self::one::<CS>(), &Self::zero());
    }

    /// A variable of its own with this value.
    pub(crate) fn to_variable<CS: ConstraintSystem<Scalar>>(
        &self,
        cs: &mut CS,
    ) -> Result<AllocatedNum<Scalar>, SynthesisError> {
        let variable = AllocatedNum::alloc(cs.namespace(|| "variable"), || Ok(self.value))?;
        self.minus(&Self::from(&variable)).enforce_zero(cs);
        Ok(variable)
    }
}

impl From<&AllocatedNum<Scalar>> for Num {
    fn from(variable: &AllocatedNum<Scalar>) -> Self {
        Self {
            value: variable.get_value().unwrap_or(Scalar::ZERO),
            lc: Lc::from_variable(variable.get_variable()),
        }
    }
}

/// a * b = c.
pub(crate) fn enforce<CS: ConstraintSystem<Scalar>>(cs: &mut CS, a: &Num, b: &Num, c: &Num) {
    cs.enforce(|| "", |lc| lc + &a.lc, |lc| lc + &b.lc, |lc| lc + &c.lc);
}

/// `value` is 0 where `bit` is 1.
pub(crate) fn enforce_zero_if<CS: ConstraintSystem<Scalar>>(cs: &mut CS, bit: &Num, value: &Num) {
    enforce(cs, bit, value, &Num::zero());
}
