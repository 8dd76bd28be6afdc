//! Exact decimal numbers, for sums of what is counted.

use std::fmt;

/// How many digits after the point there are.
const SCALE: u32 = 18;
const ONE: i128 = 10_i128.pow(SCALE);
/// How many of these are a micro-unit.
const MICRO: i128 = 10_i128.pow(SCALE - 6);

/// A number with at most 18 digits after the point and 20 before it. Nothing is ever rounded: what does
/// not fit is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i128);

impl Decimal {
    /// An amount in micro-units.
    pub fn from_micro(micro: u64) -> Self {
        Self(i128::from(micro) * MICRO)
    }

    /// Reads a number as JSON and Python write it: `1843.0`, `-3`, `1e-05`.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let point = digits.contains('.');
        if whole.is_empty() || (point && fraction.is_empty()) {
            return None;
        }
        let mut value = 0_i128;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
            value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
        }
        // value * 10^(exponent - digits after the point), in units of 10^-18.
        let fraction = i32::try_from(fraction.len()).ok()?;
        let shift = exponent
            .checked_sub(fraction)?
            .checked_add_unsigned(SCALE)?;
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        let value = match (value, shift >= 0) {
            (0, _) => 0,
            (value, true) => value.checked_mul(power?)?,
            (value, false) => (value % power? == 0).then(|| power.map(|power| value / power))??,
        };
        Some(Self(if negative { -value } else { value }))
    }

    /// The exact sum, if it fits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (
            self.0.unsigned_abs() / ONE.unsigned_abs(),
            self.0.unsigned_abs() % ONE.unsigned_abs(),
        );
        let fraction = format!("{fraction:018}");
        let fraction = fraction.trim_end_matches('0');
        match fraction {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

impl serde::Serialize for Decimal {
    /// As text: a JSON number is a double to most readers.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written_exactly() {
        for (text, written) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("1843.0", "1843"),
            ("1e-05", "0.00001"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("-2.5E3", "-2500"),
            ("1.50e1", "15"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("10e-19", "0.000000000000000001"),
            ("99999999999999999999", "99999999999999999999"),
            ("0e999999", "0"),
        ] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), written, "{text}");
        }
        assert_eq!(Decimal::from_micro(2_175).to_string(), "0.002175");
        assert_eq!(
            Decimal::from_micro(u64::MAX - 1).to_string(),
            "18446744073709.551614"
        );
    }

    #[test]
    fn what_would_have_to_be_rounded_or_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "1e",
            "1e-19",
            "1e20000",
            "NaN",
            "inf",
            "0x1",
            "1_000",
            " 1",
            "+1",
            "1000000000000000000000",
            "1e2147483647",
            "1e-2147483648",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sums_are_exact_and_never_wrap() {
        let (a, b) = (
            Decimal::parse("0.1").unwrap(),
            Decimal::parse("0.2").unwrap(),
        );
        assert_eq!(a.checked_add(b).unwrap().to_string(), "0.3");
        assert_eq!(Decimal(i128::MAX).checked_add(Decimal(1)), None);
    }
}
