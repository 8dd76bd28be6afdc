//! Parts of the JSON form whose types live in crates that know nothing of JSON.

use avouch_trace::{Manifest, Parent, Source};
use serde::{Serialize, Serializer};

/// The manifest as `docs/report.md` shows it.
pub(crate) fn manifest<S: Serializer>(
    manifest: &Option<Manifest>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    manifest.as_ref().map(Run::from).serialize(serializer)
}

#[derive(Serialize)]
struct Run<'a> {
    run: String,
    agent: &'a str,
    mode: &'static str,
    size: u64,
    root: String,
    chain_start: String,
    chain_head: String,
    first_time_ms: u64,
    last_time_ms: u64,
    currency: &'a str,
    source: SourceOf<'a>,
    parents: Vec<ParentRun>,
    previous: Option<String>,
    supersedes: Option<String>,
}

#[derive(Serialize)]
struct SourceOf<'a> {
    format: &'a str,
    integrity: Option<bool>,
}

#[derive(Serialize)]
struct ParentRun {
    run: String,
    seq: u32,
    relation: &'static str,
}

impl<'a> From<&'a Manifest> for Run<'a> {
    fn from(manifest: &'a Manifest) -> Self {
        let Source { format, integrity } = &manifest.source;
        Self {
            run: manifest.run.to_string(),
            agent: &manifest.agent,
            mode: manifest.mode.name(),
            size: manifest.size,
            root: manifest.root.to_string(),
            chain_start: manifest.chain_start.to_string(),
            chain_head: manifest.chain_head.to_string(),
            first_time_ms: manifest.first_time,
            last_time_ms: manifest.last_time,
            currency: &manifest.currency,
            source: SourceOf {
                format,
                integrity: *integrity,
            },
            parents: manifest.parents.iter().map(ParentRun::from).collect(),
            previous: manifest.previous.map(|id| id.to_string()),
            supersedes: manifest.supersedes.map(|id| id.to_string()),
        }
    }
}

impl From<&Parent> for ParentRun {
    fn from(parent: &Parent) -> Self {
        Self {
            run: parent.run.to_string(),
            seq: parent.seq,
            relation: parent.relation.name(),
        }
    }
}
