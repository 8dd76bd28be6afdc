//! Amounts in millionths.

/// Micro-units of a whole number of tokens; `None` when they do not fit.
pub(crate) fn tokens(count: u64) -> Option<u64> {
    whole(count)
}

/// Micro-units of a whole number of anything; `None` when they do not fit.
pub(crate) fn whole(count: u64) -> Option<u64> {
    count
        .checked_mul(1_000_000)
        .filter(|micro| *micro < u64::MAX)
}

/// Micro-units of a decimal number as JSON writes it, exactly: the seventh digit after the point
/// is rounded, half up. `None` when it is negative, not a number, or does not fit.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // The digits without the point, and how many of them lie before the point after scaling.
    let digits = whole.bytes().chain(fraction.bytes());
    let before = i64::try_from(whole.len()).ok()? + i64::from(exponent) + 6;
    let (mut micro, mut at, mut round_up) = (0_u64, 0_i64, false);
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        if at < before {
            micro = micro.checked_mul(10)?.checked_add(u64::from(digit))?;
        } else if at == before {
            round_up = digit >= 5;
        }
        at += 1;
    }
    while at < before && micro != 0 {
        micro = micro.checked_mul(10)?;
        at += 1;
    }
    micro
        .checked_add(u64::from(round_up))
        .filter(|micro| *micro < u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_micro_units_exactly_with_the_seventh_digit_rounded() {
        for (text, micro) in [
            ("0", 0),
            ("1", 1_000_000),
            ("0.0035475000000000003", 3548),
            ("0.0035474999999999999", 3547),
            ("0.0000005", 1),
            ("0.00000049", 0),
            ("5e-7", 1),
            ("5e-8", 0),
            ("1.5E3", 1_500_000_000),
            ("12.345678", 12_345_678),
            ("0e999999999", 0),
            ("18446744073709.551614", u64::MAX - 1),
        ] {
            assert_eq!(decimal(text), Some(micro), "{text}");
        }
    }

    #[test]
    fn what_is_negative_too_large_or_no_number_has_no_amount() {
        for text in [
            "-1",
            "-0.1",
            "",
            ".",
            "1e30",
            "18446744073709.551615",
            "NaN",
            "1e",
            "0x1",
            "1 ",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
        assert_eq!(tokens(u64::MAX / 1000), None);
        assert_eq!(tokens(3), Some(3_000_000));
    }
}
