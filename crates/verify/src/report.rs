//! The verifier's answer: what the evidence is about, check by check, and what it does not show.

use core::fmt;

use avouch_cose::KeyId;
use avouch_merkle::Digest;
use avouch_trace::Manifest;
use serde::{Serialize, Serializer};

use crate::proven::Proven;
use crate::seen::Evidence;

/// The version of the report's JSON form.
pub const REPORT_VERSION: u32 = 1;

/// The answer about one bundle. Its `Display` is for people; serialised, it is the JSON form that
/// `docs/report.md` describes.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The answer as a whole.
    pub verdict: Verdict,
    /// What the evidence says that it is about; believe it only as far as the checks go. `None`
    /// when the statement cannot be read.
    pub about: Option<About>,
    /// The checks, in a fixed order.
    pub checks: Vec<Check>,
    /// What the evidence does not show, however well it verifies.
    pub not_shown: Vec<NotShown>,
    /// Two notes that a log should not both have signed, where the verifier's state has the other one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// The answer as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All that is required passed, and nothing is wrong.
    Verified,
    /// Something is wrong.
    Failed,
    /// Nothing is wrong, but something that is required is absent or could not be checked.
    Incomplete,
}

impl Verdict {
    /// The exit code of a command that answers with this.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Failed => 1,
            Self::Incomplete => 3,
        }
    }

    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be judged; the reason says why.
    NotChecked,
}

/// What a check judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CheckName {
    /// The statement has the one stored form and is about a run.
    Statement,
    /// The policy pins the key to the issuer that the statement names.
    Issuer,
    /// The issuer's signature holds, under a key that is not revoked.
    Signature,
    /// Key statements lead from a key that the policy pins to the one that signed.
    KeyChain,
    /// The signed manifest is well formed and agrees with the statement around it.
    Manifest,
    /// The issuer may speak for this agent.
    Agent,
    /// It is the run that was expected.
    ExpectedRun,
    /// It is the agent that was expected.
    ExpectedAgent,
    /// It is the root that was expected.
    ExpectedRoot,
    /// A pinned log signed a tree that holds this statement.
    Receipt,
    /// A pinned log signed the checkpoint.
    Checkpoint,
    /// Receipt and checkpoint are of one size and root, so the index counts.
    LogPosition,
    /// The checkpoint goes together with those that the verifier had seen of its log.
    LogHistory,
    /// So many listed witnesses cosigned the checkpoint as the policy requires.
    Witnesses,
    /// So many listed anchors as the policy requires show that the statement existed by some time.
    Anchors,
    /// Every event shown is in the run, at its place.
    Events,
    /// Every field shown is in its event.
    Fields,
    /// Fields that repeat the header agree with it.
    HeaderFields,
    /// Every blob shown is the one that a field refers to.
    Blobs,
    /// Every field shown as erased is under a redaction that the issuer signed.
    Redactions,
    /// All events are shown, and they are a well-formed trace under root and chain.
    Trace,
    /// As much is shown as the policy requires.
    Disclosure,
    /// Every proof of claims in the bundle holds.
    Proofs,
    /// Every claim that the policy requires is proven, or holds for the headers shown.
    Claims,
}

impl CheckName {
    /// The stable name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Issuer => "issuer",
            Self::Signature => "signature",
            Self::KeyChain => "key-chain",
            Self::Manifest => "manifest",
            Self::Agent => "agent",
            Self::ExpectedRun => "expected-run",
            Self::ExpectedAgent => "expected-agent",
            Self::ExpectedRoot => "expected-root",
            Self::Receipt => "receipt",
            Self::Checkpoint => "checkpoint",
            Self::LogPosition => "log-position",
            Self::LogHistory => "log-history",
            Self::Witnesses => "witnesses",
            Self::Anchors => "anchors",
            Self::Events => "events",
            Self::Fields => "fields",
            Self::HeaderFields => "header-fields",
            Self::Blobs => "blobs",
            Self::Redactions => "redactions",
            Self::Trace => "trace",
            Self::Disclosure => "disclosure",
            Self::Proofs => "proofs",
            Self::Claims => "claims",
        }
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it judges.
    pub name: CheckName,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the verdict depends on its passing. A fail always counts.
    pub required: bool,
    /// Why, in a sentence for people; its wording may change.
    pub reason: String,
}

/// One thing that the evidence does not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotShown {
    /// A stable name.
    pub name: &'static str,
    /// What is not shown, in a sentence for people; its wording may change.
    pub text: String,
}

/// What the evidence says that it is about.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct About {
    /// The statement's id.
    #[serde(serialize_with = "as_text")]
    pub statement_id: Digest,
    /// Who is said to speak.
    pub issuer: String,
    /// The id of the key that is said to have signed.
    #[serde(serialize_with = "as_text")]
    pub key_id: KeyId,
    /// When the statement is said to have been issued, seconds since the Unix epoch.
    #[serde(rename = "issued_at_s")]
    pub issued_at: u64,
    /// The signed manifest; `None` when it cannot be read.
    #[serde(serialize_with = "crate::json::manifest")]
    pub manifest: Option<Manifest>,
    /// The statement's place in a log, when receipt and checkpoint of a pinned log agree on it.
    pub log: Option<LogPosition>,
    /// The receipts from outside, in the bundle's order, each as the policy's anchors judge it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<Seal>,
    /// How much of the run is shown.
    pub shown: ShownCounts,
    /// Whether root and chain were shown to cover the same events.
    pub root_and_chain_agree: bool,
    /// What proofs showed, of a statement that is itself proven.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proven: Vec<Proven>,
}

/// A statement's place in a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogPosition {
    /// The log's name.
    pub origin: String,
    /// The statement's index.
    pub index: u64,
    /// The log's size when it said so.
    pub size: u64,
    /// The listed witnesses that cosigned that size.
    pub witnesses: Vec<Witnessed>,
}

/// A witness's cosignature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// The witness.
    pub name: String,
    /// When it says that it cosigned, in seconds since the Unix epoch.
    #[serde(rename = "time_s")]
    pub time: u64,
}

/// What became of one receipt from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seal {
    /// The kind that it says it is of.
    pub kind: String,
    /// The policy's anchors that stand behind it.
    pub anchors: Vec<String>,
    /// How it ended.
    pub outcome: Sealed,
    /// The size of the log that it anchors.
    pub size: Option<u64>,
    /// By when it shows that the statement existed, in seconds since the Unix epoch.
    #[serde(rename = "by_s")]
    pub by: Option<u64>,
    /// Who shows it, or why nobody does, for people; its wording may change.
    pub reason: String,
}

/// How a receipt from outside ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sealed {
    /// A listed anchor stands behind it.
    Verified,
    /// It is a promise so far.
    Pending,
    /// It rests on something that the policy does not know.
    NotChecked,
    /// It is malformed, or does not show what it says.
    Refused,
}

impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "is verified",
            Self::Pending => "is pending",
            Self::NotChecked => "is not checked",
            Self::Refused => "is refused",
        })
    }
}

/// How much of a run a bundle shows. Withheld fields can only be counted in events that open at
/// least one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShownCounts {
    /// Events shown.
    pub events: u64,
    /// Events shown with some of their body.
    pub opened_events: u64,
    /// Fields shown.
    pub fields: u64,
    /// Fields withheld in the events that show some.
    pub withheld_fields: u64,
    /// Blobs shown.
    pub blobs: u64,
    /// Blobs that shown fields refer to, and that are withheld.
    pub withheld_blobs: u64,
    /// Fields shown as erased.
    #[serde(skip_serializing_if = "is_zero")]
    pub erased_fields: u64,
    /// Fields whose openings are encrypted to chosen readers.
    #[serde(skip_serializing_if = "is_zero")]
    pub sealed_fields: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Report {
    /// The check of this name. The `expected-` checks, `key-chain`, `log-history`, `witnesses`, `anchors`, `redactions`,
    /// `disclosure` and `claims` are there only when asked for, `proofs` only when there are any, all others always.
    pub fn check(&self, name: CheckName) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// Whether everything that the policy requires holds and nothing is wrong.
    pub fn is_verified(&self) -> bool {
        self.verdict == Verdict::Verified
    }
}

pub(crate) fn as_text<S: Serializer>(
    value: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
