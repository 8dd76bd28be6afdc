//! One issuer's chain of an agent's runs: its links, and what breaks them.

use std::collections::{BTreeMap, BTreeSet};

use avouch_merkle::Digest;
use avouch_trace::{Manifest, RunId};

use super::{AgentChain, Finding, FindingName, Link, Member, Segment};
use crate::report::Outcome;

/// What a seal commits to; a legitimate re-seal has the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Content {
    run: RunId,
    size: u64,
    root: Digest,
    start: Digest,
    head: Digest,
}

impl From<&Manifest> for Content {
    fn from(manifest: &Manifest) -> Self {
        Self {
            run: manifest.run,
            size: manifest.size,
            root: manifest.root,
            start: manifest.chain_start,
            head: manifest.chain_head,
        }
    }
}

/// A place in the chain: one run's content, with all statements that say so.
struct Node<'a> {
    content: Content,
    members: Vec<&'a Member<'a>>,
}

impl Node<'_> {
    /// The statement that speaks for the place.
    fn link(&self) -> Link {
        self.members[0].link.clone()
    }
}

pub(super) fn judge(issuer: &str, members: &[Member<'_>]) -> AgentChain {
    let by_id: BTreeMap<Digest, &Member<'_>> = members
        .iter()
        .map(|member| (member.link.statement_id, member))
        .collect();
    let nodes = nodes(members);
    let node_of: BTreeMap<Content, usize> = nodes
        .iter()
        .enumerate()
        .map(|(n, node)| (node.content, n))
        .collect();
    let mut findings = Vec::new();
    seals(&nodes, &by_id, &mut findings);
    missing(members, &by_id, &mut findings);
    let parents: Vec<Option<usize>> = nodes
        .iter()
        .map(|node| parent(node, &by_id, &node_of, &mut findings))
        .collect();
    forks(&nodes, &mut findings);
    let segments = segments(&nodes, &parents);
    let complete = findings
        .iter()
        .all(|finding| finding.outcome == Outcome::Pass);
    AgentChain {
        issuer: issuer.into(),
        runs: nodes
            .iter()
            .map(|node| node.content.run)
            .collect::<BTreeSet<_>>()
            .len() as u64,
        statements: members.len() as u64,
        complete,
        segments,
        findings,
    }
}

/// Groups statements by what they commit to. The originals of a place stand before its re-seals.
fn nodes<'a>(members: &'a [Member<'a>]) -> Vec<Node<'a>> {
    let mut groups: BTreeMap<Content, Vec<&Member<'_>>> = BTreeMap::new();
    for member in members {
        groups
            .entry(member.manifest.into())
            .or_default()
            .push(member);
    }
    let node = |(content, mut members): (Content, Vec<&'a Member<'a>>)| {
        members.sort_by_key(|member| {
            let reseal = member.manifest.supersedes.is_some();
            (reseal, member.link.issued_at, member.link.statement_id)
        });
        Node { content, members }
    };
    groups.into_iter().map(node).collect()
}

/// Runs that were sealed more than once: legitimately, silently, or with different content.
fn seals(nodes: &[Node<'_>], by_id: &BTreeMap<Digest, &Member<'_>>, findings: &mut Vec<Finding>) {
    // Nodes are sorted by run first.
    for pair in nodes.windows(2) {
        if pair[0].content.run == pair[1].content.run {
            findings.push(Finding::new(
                FindingName::Conflict,
                Outcome::Fail,
                format!(
                    "run {} was sealed twice with different content: another root, size or chain",
                    pair[0].content.run
                ),
                pair.iter().map(Node::link).collect(),
            ));
        }
    }
    for node in nodes {
        let original = |member: &&&Member<'_>| member.manifest.supersedes.is_none();
        let originals: Vec<Link> = node
            .members
            .iter()
            .filter(original)
            .map(|member| member.link.clone())
            .collect();
        if originals.len() > 1 {
            findings.push(Finding::new(
                FindingName::SealedTwice,
                Outcome::Fail,
                format!(
                    "run {} was sealed {} times with the same content, and no statement says that it \
                     replaces another",
                    node.content.run,
                    originals.len()
                ),
                originals,
            ));
        }
        for member in &node.members {
            let replaced = member.manifest.supersedes.and_then(|id| by_id.get(&id));
            let Some(replaced) = replaced else { continue };
            let links = vec![replaced.link.clone(), member.link.clone()];
            if replaced.manifest.run != member.manifest.run {
                findings.push(Finding::new(
                    FindingName::Conflict,
                    Outcome::Fail,
                    format!(
                        "statement {} is about run {}, but says that it replaces one about run {}",
                        member.link.statement_id, member.manifest.run, replaced.manifest.run
                    ),
                    links,
                ));
            } else if Content::from(replaced.manifest) == node.content {
                findings.push(Finding::new(
                    FindingName::Reseal,
                    Outcome::Pass,
                    format!(
                        "run {} was sealed again with the same content, and says so",
                        node.content.run
                    ),
                    links,
                ));
            }
        }
    }
}

/// Statements that others name and that are not here.
fn missing(
    members: &[Member<'_>],
    by_id: &BTreeMap<Digest, &Member<'_>>,
    findings: &mut Vec<Finding>,
) {
    let mut named: BTreeMap<Digest, (bool, Vec<Link>)> = BTreeMap::new();
    for member in members {
        let manifest = member.manifest;
        for (id, is_previous) in [(manifest.previous, true), (manifest.supersedes, false)] {
            if let Some(id) = id.filter(|id| !by_id.contains_key(id)) {
                let (previous, links) = named.entry(id).or_default();
                *previous |= is_previous;
                links.push(member.link.clone());
            }
        }
    }
    for (id, (previous, links)) in named {
        let why = if previous {
            "is named as the one before, and is not among the bundles: at least one run may be missing"
        } else {
            "is named as replaced, and is not among the bundles: whether it said the same is unknown"
        };
        findings.push(Finding::new(
            FindingName::MissingStatement,
            Outcome::NotChecked,
            format!("statement {id} {why}"),
            links,
        ));
    }
}

/// The place before this one, if it is here and the chain goes on from it.
fn parent(
    node: &Node<'_>,
    by_id: &BTreeMap<Digest, &Member<'_>>,
    node_of: &BTreeMap<Content, usize>,
    findings: &mut Vec<Finding>,
) -> Option<usize> {
    let mut found = None;
    for member in &node.members {
        let before = member.manifest.previous.and_then(|id| by_id.get(&id));
        let Some(before) = before else { continue };
        if before.manifest.chain_head == node.content.start {
            found = node_of.get(&before.manifest.into()).copied();
        } else if member.manifest.supersedes.is_none() {
            // A re-seal may name the newest statement of its own time; its place is the original's.
            findings.push(Finding::new(
                FindingName::BrokenLink,
                Outcome::Fail,
                format!(
                    "the chain of run {} does not go on from the statement that it names as the one \
                     before: it starts at {}, that one ended at {}",
                    node.content.run, node.content.start, before.manifest.chain_head
                ),
                vec![before.link.clone(), member.link.clone()],
            ));
        }
    }
    found
}

/// Different runs at one place: that start from one chain value, or name one statement as the previous.
fn forks(nodes: &[Node<'_>], findings: &mut Vec<Finding>) {
    let mut by_start: BTreeMap<Digest, Vec<&Node<'_>>> = BTreeMap::new();
    let mut by_previous: BTreeMap<Digest, Vec<&Node<'_>>> = BTreeMap::new();
    for node in nodes {
        by_start.entry(node.content.start).or_default().push(node);
        let original = node.members[0].manifest;
        if let Some(previous) = original.previous.filter(|_| original.supersedes.is_none()) {
            by_previous.entry(previous).or_default().push(node);
        }
    }
    let mut reported = BTreeSet::new();
    for group in by_start.values().chain(by_previous.values()) {
        let runs: BTreeSet<RunId> = group.iter().map(|node| node.content.run).collect();
        if runs.len() > 1 && reported.insert(runs.clone()) {
            let runs: Vec<String> = runs.iter().map(RunId::to_string).collect();
            findings.push(Finding::new(
                FindingName::Fork,
                Outcome::Fail,
                format!(
                    "the chain forks: runs {} stand at one place",
                    runs.join(" and ")
                ),
                group.iter().map(|node| node.link()).collect(),
            ));
        }
    }
}

/// The stretches from a place without a known predecessor to one without a successor.
fn segments(nodes: &[Node<'_>], parents: &[Option<usize>]) -> Vec<Segment> {
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut open: Vec<(usize, usize, u64)> = Vec::new();
    for (n, parent) in parents.iter().enumerate() {
        match parent {
            Some(parent) => children.entry(*parent).or_default().push(n),
            None => open.push((n, n, 1)),
        }
    }
    let mut segments = Vec::new();
    // Each place is entered once, from its one parent.
    while let Some((first, last, runs)) = open.pop() {
        match children.get(&last) {
            Some(next) => open.extend(next.iter().map(|next| (first, *next, runs + 1))),
            None => segments.push(Segment {
                from_the_start: nodes[first].members[0].manifest.previous.is_none(),
                runs,
                first: nodes[first].link(),
                last: newest(&nodes[last]),
            }),
        }
    }
    segments.sort_by_key(|segment| {
        let last = &segment.last;
        (
            std::cmp::Reverse(last.issued_at),
            segment.from_the_start,
            last.statement_id,
        )
    });
    segments
}

/// The newest statement about a place.
fn newest(node: &Node<'_>) -> Link {
    let newest = node
        .members
        .iter()
        .max_by_key(|member| member.link.issued_at);
    newest.map_or_else(|| node.link(), |member| member.link.clone())
}
