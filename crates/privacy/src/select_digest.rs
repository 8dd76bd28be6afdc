//! One digest for what a selection selects, however it was written.

use avouch_cbor::Encoder;
use avouch_merkle::{Digest, sha256};
use avouch_trace::NameId;

use crate::Selection;
use crate::select::Fields;

impl Selection {
    /// SHA-256 of `"avouch/v1/selection"` and the clauses in canonical CBOR, in their order:
    /// `[* [kinds, [* [first, last]], actors, subjects, fields]]`, where fields is 0 (all), 1 (none), `[2, names]` or
    /// `[3, names not to show]`. Two texts that are read as the same clauses have one digest.
    pub fn digest(&self) -> Digest {
        let mut out = Encoder::new();
        out.array(self.clauses().len());
        for clause in self.clauses() {
            out.array(5);
            out.array(clause.kinds.len());
            for kind in &clause.kinds {
                out.uint(*kind as u64);
            }
            out.array(clause.seqs.len());
            for range in &clause.seqs {
                out.array(2).uint(*range.start()).uint(*range.end());
            }
            names(&mut out, &clause.actors);
            names(&mut out, &clause.subjects);
            match &clause.fields {
                Fields::All => out.uint(0),
                Fields::None => out.uint(1),
                Fields::Named(fields) => texts(&mut out, 2, fields),
                Fields::Without(fields) => texts(&mut out, 3, fields),
            };
        }
        sha256(&[b"avouch/v1/selection", out.as_slice()])
    }
}

fn names(out: &mut Encoder, names: &[NameId]) {
    out.array(names.len());
    for name in names {
        out.bytes(&name.0);
    }
}

fn texts<'e>(out: &'e mut Encoder, how: u64, texts: &[String]) -> &'e mut Encoder {
    out.array(2).uint(how).array(texts.len());
    for text in texts {
        out.text(text);
    }
    out
}
