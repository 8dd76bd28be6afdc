//! Receipts: which checkpoint, which kind of backend, and its proof. One canonical form (`docs/format.md`).

use avouch_cbor::{Encoder, Item};

use crate::{Anchored, Error, MAX_KIND_LEN, MAX_RECEIPT_LEN};

/// The only version so far.
const VERSION: u64 = 1;

/// Whether a receipt claims to prove something yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A promise: it has to be upgraded before it proves anything.
    Pending,
    /// It claims to prove: a [`crate::Verifier`] says whether it does.
    Complete,
}

/// What a backend gave for a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The kind of backend, which says how to read the proof: `rfc3161`, `opentimestamps`, ...
    pub kind: String,
    /// What is anchored.
    pub anchored: Anchored,
    /// Whether the proof is one yet.
    pub state: State,
    /// The proof, in its backend's own form.
    pub proof: Vec<u8>,
}

impl Receipt {
    /// Reads a receipt, strictly. Nothing is verified.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        const EXPECTED: &str = "[version, kind, checkpoint, pending, proof]";
        limit("the receipt", bytes.len(), MAX_RECEIPT_LEN)?;
        let item = Item::parse(bytes)?;
        let mut parts = item
            .as_array()
            .ok_or_else(|| shape(item, EXPECTED))?
            .into_iter();
        let mut next = || parts.next().ok_or_else(|| shape(item, EXPECTED));
        let version = next()?;
        match version.as_u64() {
            Some(VERSION) => {}
            Some(other) => return Err(Error::Version(other)),
            None => return Err(shape(version, "a version")),
        }
        let (kind, note, pending, proof) = (next()?, next()?, next()?, next()?);
        if next().is_ok() {
            return Err(shape(item, EXPECTED));
        }
        let receipt = Self {
            kind: kind
                .as_text()
                .ok_or_else(|| shape(kind, "the name of a kind of backend"))?
                .into(),
            anchored: Anchored::parse(
                note.as_text()
                    .ok_or_else(|| shape(note, "a checkpoint's text"))?,
            )?,
            state: match pending.as_bool() {
                Some(true) => State::Pending,
                Some(false) => State::Complete,
                None => return Err(shape(pending, "whether it is pending")),
            },
            proof: proof
                .as_bytes()
                .ok_or_else(|| shape(proof, "the proof's bytes"))?
                .to_vec(),
        };
        receipt.check()?;
        Ok(receipt)
    }

    /// The receipt's bytes. Refuses whatever [`Receipt::decode`] would not read back.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let mut out = Encoder::new();
        out.array(5).uint(VERSION).text(&self.kind);
        out.text(self.anchored.note());
        out.bool(self.state == State::Pending).bytes(&self.proof);
        let bytes = out.into_vec();
        limit("the receipt", bytes.len(), MAX_RECEIPT_LEN)?;
        Ok(bytes)
    }

    fn check(&self) -> Result<(), Error> {
        if self.kind.is_empty() {
            let (at, expected) = (0, "a kind of backend that has a name");
            return Err(Error::Shape { at, expected });
        }
        limit("the kind's name", self.kind.len(), MAX_KIND_LEN)
    }
}

fn shape(item: Item<'_>, expected: &'static str) -> Error {
    Error::Shape {
        at: item.offset(),
        expected,
    }
}

fn limit(what: &'static str, found: usize, max: usize) -> Result<(), Error> {
    match found > max {
        true => Err(Error::TooLong { what, found, max }),
        false => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use avouch_cbor::Value;
    use avouch_cose::{Algorithm, Checkpoint, SigningKey};
    use avouch_merkle::{Digest, TreeSize};

    use super::*;

    fn receipt() -> Receipt {
        let key = SigningKey::generate(Algorithm::Ed25519, &[7; 32]).unwrap();
        let checkpoint = Checkpoint {
            origin: "log.example/a".into(),
            size: TreeSize(3),
            root: Digest([9; 32]),
            extensions: Vec::new(),
        };
        Receipt {
            kind: "rfc3161".into(),
            anchored: Anchored::parse(&checkpoint.sign(&key).unwrap().to_string()).unwrap(),
            state: State::Pending,
            proof: vec![1, 2, 3],
        }
    }

    #[test]
    fn a_receipt_reads_back_and_has_one_form() {
        let bytes = receipt().encode().unwrap();
        assert_eq!(Receipt::decode(&bytes).unwrap(), receipt());
        for cut in 0..bytes.len() {
            assert!(Receipt::decode(&bytes[..cut]).is_err());
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Receipt::decode(&longer).is_err());
    }

    #[test]
    fn other_shapes_are_refused() {
        let Ok(Value::Array(parts)) = Value::decode(&receipt().encode().unwrap()) else {
            panic!("an array");
        };
        let with = |at: usize, value: Value| {
            let mut parts = parts.clone();
            parts[at] = value;
            Receipt::decode(&Value::Array(parts).to_vec().unwrap())
        };
        assert!(matches!(with(0, Value::from(2u64)), Err(Error::Version(2))));
        assert!(matches!(
            with(2, Value::from("no note")),
            Err(Error::Checkpoint(_))
        ));
        for (at, value) in [
            (0, Value::Null),
            (1, Value::from("")),
            (1, Value::Null),
            (2, Value::Null),
            (3, Value::Null),
            (3, Value::from(0u64)),
            (4, Value::from("text")),
        ] {
            assert!(matches!(with(at, value), Err(Error::Shape { .. })), "{at}");
        }
        let long = Value::from("k".repeat(MAX_KIND_LEN + 1).as_str());
        assert!(matches!(with(1, long), Err(Error::TooLong { .. })));
        let shorter = Value::Array(parts[..4].to_vec()).to_vec().unwrap();
        assert!(matches!(
            Receipt::decode(&shorter),
            Err(Error::Shape { .. })
        ));
    }
}
