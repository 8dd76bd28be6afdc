//! Addresses of contracts and hashes of blocks, and their text forms.

use core::fmt;
use core::str::FromStr;

use super::header::Header;
use super::keccak::keccak256;

/// Why a text is not an address or a block hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Not `0x` and so many hexadecimal digits.
    #[error("expected 0x and {digits} hexadecimal digits")]
    Digits {
        /// How many digits it should have.
        digits: usize,
    },
    /// Letters of both cases, which are a checksum (ERC-55), and it is not right.
    #[error("the letters' cases are not the address's checksum (ERC-55): a mistyped address?")]
    Checksum,
    /// Not a block header.
    #[error("not a block header: {0}")]
    Header(&'static str),
}

/// The address of an account or a contract.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address(pub [u8; 20]);

impl FromStr for Address {
    type Err = ParseError;

    /// Reads `0x` and 40 hexadecimal digits. Letters of one case, or of cases that are the checksum of ERC-55.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let address = Self(digits(text)?);
        let has = |case: fn(&u8) -> bool| text.as_bytes()[2..].iter().any(case);
        let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        match is_mixed && address.to_string() != text {
            true => Err(ParseError::Checksum),
            false => Ok(address),
        }
    }
}

impl fmt::Display for Address {
    /// Writes the form of ERC-55: a letter is large where the digit of the lower-case text's hash is at least 8.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower = hex::encode(self.0);
        let hash = hex::encode(keccak256(lower.as_bytes()));
        f.write_str("0x")?;
        lower
            .chars()
            .zip(hash.bytes())
            .try_for_each(|(digit, hash)| {
                let is_large = hash >= b'8';
                write!(
                    f,
                    "{}",
                    if is_large {
                        digit.to_ascii_uppercase()
                    } else {
                        digit
                    }
                )
            })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hash of a block: Keccak-256 of its header.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockHash(pub [u8; 32]);

impl BlockHash {
    /// The hash of the block with this header, in RLP.
    pub fn of_header(rlp: &[u8]) -> Result<Self, ParseError> {
        match Header::parse(rlp) {
            Ok(header) => Ok(header.hash),
            Err(malformed) => Err(ParseError::Header(malformed.0)),
        }
    }
}

impl FromStr for BlockHash {
    type Err = ParseError;

    /// Reads `0x` and 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        digits(text).map(Self)
    }
}

impl fmt::Display for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for BlockHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn digits<const N: usize>(text: &str) -> Result<[u8; N], ParseError> {
    let mut bytes = [0; N];
    text.strip_prefix("0x")
        .and_then(|text| hex::decode_to_slice(text, &mut bytes).ok())
        .ok_or(ParseError::Digits { digits: 2 * N })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_of_erc_55_are_written_and_demanded() {
        // From the ERC's test cases.
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(text.to_lowercase().parse(), Ok(address));
            let (_, digits) = text.split_at(2);
            assert_eq!(format!("0x{}", digits.to_uppercase()).parse(), Ok(address));
            let at = text.rfind(|c: char| c.is_ascii_alphabetic()).unwrap();
            let mut wrong = text.as_bytes().to_vec();
            wrong[at] ^= 0x20;
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(
                wrong.parse::<Address>(),
                Err(ParseError::Checksum),
                "{wrong}"
            );
        }
    }

    #[test]
    fn other_texts_are_no_addresses() {
        for text in [
            "",
            "0x",
            "0x00",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xé",
        ] {
            let digits = ParseError::Digits { digits: 40 };
            assert_eq!(text.parse::<Address>(), Err(digits), "{text}");
        }
        let short = format!("0x{}", "0".repeat(63));
        assert_eq!(
            short.parse::<BlockHash>(),
            Err(ParseError::Digits { digits: 64 })
        );
    }
}
