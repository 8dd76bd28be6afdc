//! The proof's canonical form (`docs/git.md`).

use avouch_cbor::{Encoder, Item};

use super::ObjectFormat;
use super::commit::{self, Signed};
use crate::Anchored;

/// A receipt's proof: the commit. Its tree and the file in it follow from the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What the repository names its objects by.
    pub format: ObjectFormat,
    /// The commit, as git stores it.
    pub commit: Vec<u8>,
}

impl Proof {
    /// Reads a proof, strictly. Nothing is verified.
    pub fn decode(bytes: &[u8]) -> Result<Self, crate::Error> {
        const EXPECTED: &str = "[object format, commit]";
        let item = Item::parse(bytes)?;
        let shape = |item: Item<'_>, expected| crate::Error::Shape {
            at: item.offset(),
            expected,
        };
        let parts: Vec<_> = item
            .as_array()
            .ok_or_else(|| shape(item, EXPECTED))?
            .into_iter()
            .collect();
        let &[format, commit] = parts.as_slice() else {
            return Err(shape(item, EXPECTED));
        };
        Ok(Self {
            format: format
                .as_text()
                .and_then(ObjectFormat::from_name)
                .ok_or_else(|| shape(format, "\"sha1\" or \"sha256\""))?,
            commit: commit
                .as_bytes()
                .ok_or_else(|| shape(commit, "a commit's bytes"))?
                .to_vec(),
        })
    }

    /// The proof's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.array(2).text(self.format.name()).bytes(&self.commit);
        out.into_vec()
    }

    pub(super) fn read(&self, anchored: &Anchored) -> Result<Signed, &'static str> {
        commit::read(self.format, &self.commit, anchored)
    }
}
