//! Sealed runs in other systems' forms: verifiable agent records, in-toto attestations, OCSF events.

mod agent_record;
mod in_toto;
mod ocsf;
mod plain;

use std::str::FromStr;

use avouch_ledger::Run;

use crate::{Error, Home, Selection, Signer};

pub use in_toto::PREDICATE_TYPE;
pub use ocsf::OCSF_VERSION;

/// A form in which a run can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// draft-birkholz-verifiable-agent-conversations, JSON.
    AgentRecordJson,
    /// The same, in deterministic CBOR.
    AgentRecordCbor,
    /// An in-toto Statement v1 in a DSSE envelope that the issuer's key signs.
    InToto,
    /// OCSF events, one JSON object a line.
    Ocsf,
}

impl ExportFormat {
    /// Every form.
    pub const ALL: [Self; 4] = [
        Self::AgentRecordJson,
        Self::AgentRecordCbor,
        Self::InToto,
        Self::Ocsf,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AgentRecordJson => "agent-record-json",
            Self::AgentRecordCbor => "agent-record-cbor",
            Self::InToto => "in-toto",
            Self::Ocsf => "ocsf",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| Error::ExportFormat(text.to_owned()))
    }
}

impl Home {
    /// A sealed run in another form, once its events have been found to be those that were signed.
    ///
    /// # Errors
    /// When the run is not sealed, its events are not those that its statement commits to, or an attestation
    /// is wanted without a `signer`; and [`Error::NotReleased`] when officers have to agree to showing all of it
    /// and have not.
    pub fn export(
        &self,
        run: &Run,
        format: ExportFormat,
        signer: Option<&Signer>,
    ) -> Result<Vec<u8>, Error> {
        self.check_release(run, &Selection::all())?;
        let signed = self.signed_run(run)?;
        match format {
            ExportFormat::AgentRecordJson => {
                let record = agent_record::record(&signed)?;
                let mut bytes = serde_json::to_vec_pretty(&record).map_err(Error::Json)?;
                bytes.push(b'\n');
                Ok(bytes)
            }
            ExportFormat::AgentRecordCbor => {
                let record = agent_record::record(&signed)?;
                Ok(plain::to_cbor(&record).to_vec().map_err(Error::Cbor)?)
            }
            ExportFormat::InToto => {
                let signer = signer.ok_or(Error::NoSigner)?;
                in_toto::envelope(self, run, &signed, signer)
            }
            ExportFormat::Ocsf => ocsf::lines(&signed),
        }
    }
}
