//! Erasing what a run holds.

use avouch_ledger::{Erased, Run, Sealer, Words};
use avouch_privacy::Target;

use crate::home::{Signer, now};
use crate::{Error, Home};

impl Home {
    /// Everything of the run that must go with the field `field` of event `seq`: the same value wherever else
    /// the run holds it, and the source records that it came in.
    pub fn find_value(&self, run: &Run, seq: u64, field: &str) -> Result<Vec<Target>, Error> {
        Ok(avouch_privacy::find(&self.ledger, run, seq, field)?)
    }

    /// Erases these fields, signs that it was done, and enters that in the log. `by` is who had it done; the
    /// issuer when absent. Copies outside of the ledger are not reached.
    pub fn redact(
        &mut self,
        run: &Run,
        targets: &[Target],
        by: Option<&str>,
        reason: &str,
        signer: &Signer,
    ) -> Result<Erased, Error> {
        let sealer = Sealer {
            issuer_key: signer.issuer.as_ref(),
            log_key: &signer.log,
            iat: now()?,
        };
        let by = by.unwrap_or(&self.ledger.identity().issuer);
        let words = Words { by, reason };
        let ledger = &self.ledger;
        Ok(avouch_privacy::erase(
            ledger, run, targets, &words, &sealer,
        )?)
    }
}
