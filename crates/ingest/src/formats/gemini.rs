//! Not written yet.

use crate::error::Fault;
use crate::format::{Importer, Shape, Spec};
use crate::run::Run;

pub(crate) const SPEC: Spec = Spec {
    name: "gemini",
    agent: "gemini-cli",
    currency: "tokens",
    many_runs: false,
    recognises: |_| false,
    shape: |_| Shape::Lines,
    importer: || Box::new(Unwritten),
};

struct Unwritten;

impl Importer for Unwritten {
    fn record(&mut self, _: &str, _: &mut Run<'_>) -> Result<(), Fault> {
        Err(Fault::malformed("this format is not written yet"))
    }
}
