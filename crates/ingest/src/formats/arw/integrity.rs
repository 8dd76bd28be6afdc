//! What ARW's own integrity protection is worth: one hash per memory record, and nothing else.

use serde::Deserialize;

use avouch_merkle::sha256;

use crate::error::Fault;
use crate::integrity::{Auditor, Findings, Rules};
use crate::row::Row;

pub(super) const RULES: Rules = Rules {
    covers: &[
        "the lane, kind, key, agent, project, persona, text and value of each memory record: hash is the SHA-256 of these, one after another",
    ],
    does_not_cover: &[
        "the journal: no row of events, actions, staging_actions, egress_ledger, contributions and leases has a hash, a signature or a link to another",
        "which memory records there are, and their other columns (score, trust, privacy, times, ...)",
        "where one of a memory record's columns ends and the next begins: nothing separates them in what is hashed",
        "memory records without a hash",
        "anything against one who can write the database: no key is involved",
        "events older than 7 days or beyond 100000, which ARW deletes itself",
    ],
    auditor: Some(|_| Box::new(Memory)),
};

#[derive(Deserialize)]
struct Record {
    id: String,
    lane: String,
    kind: Option<String>,
    key: Option<String>,
    agent_id: Option<String>,
    project_id: Option<String>,
    persona_id: Option<String>,
    text: Option<String>,
    value: String,
    hash: Option<String>,
}

impl Record {
    /// The hash as ARW computes it: absent parts are passed over, and `value` is JSON without spaces,
    /// which is how ARW stores it.
    fn computed(&self) -> String {
        let optional = |part: &Option<String>| part.as_deref().unwrap_or_default().to_owned();
        let parts = [
            self.lane.clone(),
            optional(&self.kind),
            optional(&self.key),
            optional(&self.agent_id),
            optional(&self.project_id),
            optional(&self.persona_id),
            optional(&self.text),
            self.value.clone(),
        ];
        sha256(&parts.each_ref().map(String::as_bytes)).to_string()
    }
}

struct Memory;

impl Auditor for Memory {
    fn record(&mut self, record: &str, found: &mut Findings) -> Result<(), Fault> {
        let row = Row::parse(record)?;
        if row.table != "memory_records" {
            return Ok(());
        }
        let record: Record = row.columns()?;
        let Some(stored) = &record.hash else {
            return Ok(());
        };
        let computed = record.computed();
        found.check(
            *stored == computed,
            || format!("memory record {}", record.id),
            || format!("its hash is {stored:?}, but it hashes to {computed:?}"),
        );
        Ok(())
    }
}
