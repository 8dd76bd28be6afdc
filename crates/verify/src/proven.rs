//! What a proof showed.

use avouch_claims::Claims;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

/// Claims that a proof shows to hold for the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Proven {
    /// The proof system.
    pub system: &'static str,
    /// The named set of its parameters.
    pub preset: &'static str,
    /// Bits of security by a proven bound.
    pub security_bits: u32,
    /// Bits of security if a conjecture holds; no policy rests on it.
    pub conjectured_bits: u32,
    /// Whether the proof shows nothing but that the claims hold.
    pub hiding: bool,
    /// Whether it shows that root and chain are over the same events.
    pub root_and_chain: bool,
    /// The claims.
    #[serde(serialize_with = "each")]
    pub claims: Claims,
}

#[derive(Serialize)]
struct One {
    #[serde(rename = "type")]
    kind: &'static str,
    digest: String,
    text: String,
}

fn each<S: Serializer>(claims: &Claims, serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(claims.as_slice().len()))?;
    for claim in claims.as_slice() {
        list.serialize_element(&One {
            kind: claim.name(),
            digest: claim.digest().to_string(),
            text: claim.to_string(),
        })?;
    }
    list.end()
}

impl Proven {
    /// How it is proven, in a few words.
    pub(crate) fn how(&self) -> String {
        format!(
            "{} {}, {} bits proven, {}{}",
            self.system,
            self.preset,
            self.security_bits,
            if self.hiding { "hiding" } else { "NOT hiding" },
            if self.root_and_chain {
                ", with the chain"
            } else {
                ""
            }
        )
    }
}
