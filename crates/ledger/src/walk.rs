//! Going through a run's events, checking each against its running digest, and committing to them.

use avouch_merkle::{Digest, Frontier, Node, TreeSize};
use avouch_trace::{Checker, Event, Header, Manifest, RunId, journal_start};

use crate::journal::At;
use crate::run_tree::STORED_LEVEL;
use crate::{Error, RunIndex, RunInfo};

/// What a run's events come to, so far.
pub(crate) struct Walk<'a> {
    index: RunIndex,
    run: &'a str,
    checker: Checker,
    digest: Digest,
    leaves: Frontier,
    chain_start: Digest,
    chain_head: Digest,
    times: Option<(u64, u64)>,
    /// The nodes to be stored that were completed since they were last taken.
    nodes: Vec<Node>,
}

/// The members of a manifest that come from the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Commitment {
    pub(crate) size: u64,
    pub(crate) root: Digest,
    pub(crate) chain_start: Digest,
    pub(crate) chain_head: Digest,
    pub(crate) first_time: u64,
    pub(crate) last_time: u64,
}

impl Commitment {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            size: manifest.size,
            root: manifest.root,
            chain_start: manifest.chain_start,
            chain_head: manifest.chain_head,
            first_time: manifest.first_time,
            last_time: manifest.last_time,
        }
    }

    /// The manifest of a run with these events.
    pub(crate) fn manifest(self, info: RunInfo, previous: Option<Digest>) -> Manifest {
        Manifest {
            run: info.id,
            agent: info.agent,
            mode: info.mode,
            size: self.size,
            root: self.root,
            chain_start: self.chain_start,
            chain_head: self.chain_head,
            first_time: self.first_time,
            last_time: self.last_time,
            currency: info.currency,
            source: info.source,
            parents: info.parents,
            previous,
            supersedes: None,
        }
    }
}

impl<'a> Walk<'a> {
    /// Before the first event of a run whose agent's chain stands at `chain_start`.
    pub(crate) fn new(index: RunIndex, id: &RunId, run: &'a str, chain_start: Digest) -> Self {
        Self {
            index,
            run,
            checker: Checker::new(),
            digest: journal_start(id),
            leaves: Frontier::new(),
            chain_start,
            chain_head: chain_start,
            times: None,
            nodes: Vec::new(),
        }
    }

    /// The event that comes next, for messages.
    pub(crate) fn at(&self) -> At<'a> {
        At {
            index: self.index,
            run: self.run,
            seq: self.checker.count(),
        }
    }

    /// Takes the next row.
    pub(crate) fn step(&mut self, id: i64, event: &[u8], digest: &[u8]) -> Result<Event, Error> {
        let at = self.at();
        if id != self.index.event_id(at.seq) {
            return Err(at.wrong("the row is missing"));
        }
        let event = Event::from_packed(event).map_err(|error| at.wrong(error.to_string()))?;
        let header: Header = match self.checker.event(&event) {
            Ok(header) => header,
            Err(error) => return Err(at.wrong(error.to_string())),
        };
        self.digest = event.chain(&self.digest);
        if self.digest.0 != digest {
            return Err(
                at.wrong("the running digest is not that of this event and those before it")
            );
        }
        let nodes = &mut self.nodes;
        self.leaves.push_with(event.leaf(), |node| {
            if node.level >= STORED_LEVEL {
                nodes.push(node);
            }
        });
        self.chain_head = event.chain(&self.chain_head);
        let first_time = self.times.map_or(header.time, |(first, _)| first);
        self.times = Some((first_time, header.time));
        Ok(event)
    }

    /// The nodes to be stored that were completed since this was last called.
    pub(crate) fn take_nodes(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.nodes)
    }

    /// How many events there were.
    pub(crate) fn count(&self) -> u64 {
        self.checker.count()
    }

    /// What the events come to; `None` while the run is open.
    pub(crate) fn finish(&self) -> Option<Commitment> {
        let (first_time, last_time) = self.times?;
        let TreeSize(size) = self.leaves.size();
        self.checker.ended().then(|| Commitment {
            size,
            root: self.leaves.root(),
            chain_start: self.chain_start,
            chain_head: self.chain_head,
            first_time,
            last_time,
        })
    }
}
