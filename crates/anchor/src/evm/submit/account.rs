//! The account that pays: its key, its address, and the transactions that it signs.

use std::fmt;

use k256::ecdsa::SigningKey;
use zeroize::Zeroizing;

use super::transaction::Transaction;
use crate::evm::Address;
use crate::evm::keccak::keccak256;

/// An account that pays for transactions. Its key is zeroized on drop and never shown.
#[derive(Clone)]
pub struct Account {
    key: SigningKey,
    address: Address,
}

/// Why a text is no account's key. It does not say what the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the account's key is not 64 hexadecimal digits (with or without 0x) of a number that secp256k1 allows"
)]
#[non_exhaustive]
pub struct KeyError;

impl Account {
    /// Reads a secp256k1 private key as wallets write it: 64 hexadecimal digits, with or without `0x`.
    pub fn from_hex(secret: &str) -> Result<Self, KeyError> {
        let digits = secret.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let mut scalar = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut *scalar).map_err(|_| KeyError)?;
        let key = SigningKey::from_slice(&*scalar).map_err(|_| KeyError)?;
        let point = key.verifying_key().to_sec1_point(false);
        let hash = keccak256(&point.as_bytes()[1..]);
        let mut address = [0; 20];
        address.copy_from_slice(&hash[12..]);
        Ok(Self {
            key,
            address: Address(address),
        })
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a transaction: its bytes as they are sent.
    pub(super) fn sign(&self, transaction: &Transaction) -> Vec<u8> {
        let hash = keccak256(&transaction.unsigned());
        let (signature, recovery) = self.key.sign_prehash_recoverable(&hash);
        let (r, s) = signature.split_bytes();
        transaction.signed(recovery.is_y_odd(), &r, &s)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({}, key not shown)", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_address_that_wallets_show() {
        // The first account of every development node.
        let secret = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        let address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        for secret in [secret.to_owned(), format!("0x{secret}\n")] {
            let account = Account::from_hex(&secret).unwrap();
            assert_eq!(account.address().to_string(), address);
            assert!(!format!("{account:?}").contains(&secret[..8]));
        }
    }

    #[test]
    fn other_texts_are_no_keys_and_are_not_repeated() {
        for text in [
            "",
            "0x",
            "00",
            &"0".repeat(64),
            &"f".repeat(64),
            &"g".repeat(64),
        ] {
            let error = Account::from_hex(text).unwrap_err();
            assert!(text.len() < 3 || !error.to_string().contains(text));
        }
    }
}
