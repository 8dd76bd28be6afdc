//! Shortest floats: exact conversions between the three widths that CBOR has.

/// The only NaN (draft-ietf-cbor-serialization, "ordinary" CBOR): quiet, without a payload.
pub(crate) const NAN: u16 = 0x7e00;

/// The shortest float that holds a value exactly, as its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortest {
    Half(u16),
    Single(u32),
    Double(u64),
}

/// Every NaN becomes the one that is allowed.
pub(crate) fn shortest(value: f64) -> Shortest {
    if value.is_nan() {
        return Shortest::Half(NAN);
    }
    let single = value as f32;
    if f64::from(single).to_bits() != value.to_bits() {
        return Shortest::Double(value.to_bits());
    }
    match half_of(single) {
        Some(half) => Shortest::Half(half),
        None => Shortest::Single(single.to_bits()),
    }
}

/// The half float equal to `value`, where there is one; none for a NaN.
pub(crate) fn half_of(value: f32) -> Option<u16> {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let biased = bits >> 23 & 0xff;
    let fraction = bits & 0x007f_ffff;
    match (biased, fraction) {
        (0, 0) => Some(sign),
        (0xff, 0) => Some(sign | 0x7c00),
        // Normal in both: exponents -14 to 15, the upper 10 of 23 fraction bits.
        (113..=142, _) if fraction & 0x1fff == 0 => {
            Some(sign | ((biased - 112) << 10) as u16 | (fraction >> 13) as u16)
        }
        // Subnormal as a half (exponents -24 to -15): a multiple of 2^-24. The significand with
        // its leading one is a multiple of 2^(exponent - 23), so it must lose 126 - biased bits.
        (103..=112, _) => {
            let significand = fraction | 0x0080_0000;
            let lost = 126 - biased;
            let kept = significand >> lost;
            (kept << lost == significand).then_some(sign | kept as u16)
        }
        _ => None,
    }
}

/// Exact for every half float, subnormal ones included.
pub(crate) fn half_to_f64(bits: u16) -> f64 {
    let sign = u64::from(bits & 0x8000) << 48;
    let exponent = u64::from(bits >> 10 & 0x1f);
    let fraction = u64::from(bits & 0x03ff);
    let magnitude = match exponent {
        // 2^-24 is exact, and so is its product with an integer below 2^10.
        0 => fraction as f64 * (1.0 / 16_777_216.0),
        31 if fraction != 0 => f64::NAN,
        31 => f64::INFINITY,
        _ => f64::from_bits((exponent + 1008) << 52 | fraction << 42),
    };
    f64::from_bits(magnitude.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_float_survives_the_way_up_and_down() {
        for bits in 0..=u16::MAX {
            let wide = half_to_f64(bits);
            if wide.is_nan() {
                assert_eq!(shortest(wide), Shortest::Half(NAN));
            } else {
                assert_eq!(shortest(wide), Shortest::Half(bits), "{wide}");
            }
        }
    }

    #[test]
    fn neighbours_of_half_floats_are_not_half_floats() {
        for bits in (0..0x7c00_u16).chain(0x8000..0xfc00) {
            let single = half_to_f64(bits) as f32;
            // The 13 fraction bits that a half does not have.
            for bit in 0..13 {
                let near = f32::from_bits(single.to_bits() ^ 1 << bit);
                assert_eq!(half_of(near), None, "{near}");
                let wide = f64::from(near);
                assert_eq!(shortest(wide), Shortest::Single(near.to_bits()), "{near}");
            }
        }
    }

    #[test]
    fn the_edges_of_the_half_range() {
        assert_eq!(half_of(65504.0), Some(0x7bff));
        assert_eq!(half_of(65536.0), None);
        assert_eq!(half_of(f32::from_bits(0x3380_0000)), Some(1)); // 2^-24
        assert_eq!(half_of(f32::from_bits(0x3300_0000)), None); // 2^-25
        assert_eq!(half_of(f32::NAN), None);
        assert_eq!(half_of(f32::MIN_POSITIVE), None);
    }
}
