//! Git's objects and their names: the hash of "TYPE LENGTH\0" and the content (gitformat-object, gitformat-hash).

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::Anchored;

/// The name of the one file in the commit's tree.
pub(super) const FILE: &str = "checkpoint";

/// What a repository names its objects by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFormat {
    /// SHA-1, still the default. Nothing here rests on it: the signed message names the checkpoint's SHA-256.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl ObjectFormat {
    /// Git's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The format with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256]
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// How long its names are, in hexadecimal digits.
    pub(super) fn id_digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }

    /// An object's name.
    pub(super) fn id(self, kind: &str, content: &[u8]) -> Vec<u8> {
        let head = format!("{kind} {}\0", content.len());
        match self {
            Self::Sha1 => Sha1::new()
                .chain_update(head)
                .chain_update(content)
                .finalize()
                .to_vec(),
            Self::Sha256 => Sha256::new()
                .chain_update(head)
                .chain_update(content)
                .finalize()
                .to_vec(),
        }
    }

    /// The name of the tree that holds the checkpoint's text and nothing else.
    pub(super) fn tree_id(self, anchored: &Anchored) -> Vec<u8> {
        let mut tree = format!("100644 {FILE}\0").into_bytes();
        tree.extend(self.id("blob", anchored.text().as_bytes()));
        self.id("tree", &tree)
    }
}
