//! Where importers write: the [`Sink`] that a store implements, and what it is given.

use avouch_cbor::Value;
use avouch_merkle::Digest;
use avouch_trace::{Decision, Flags, Kind, Mode, Parent};

/// Which run of which input: the same bytes ingested twice have the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId {
    /// SHA-256 of the whole raw input.
    pub digest: Digest,
    /// Which run of that input, from 0.
    pub ordinal: u32,
}

/// What is known about a run before its first event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// The wished local name; the sink makes it unique.
    pub name: String,
    /// Whose run this is, unqualified: `claude-code`.
    pub agent: String,
    /// Execution or debate.
    pub mode: Mode,
    /// What cost and budget count millionths of; `tokens`, or what the source says.
    pub currency: String,
    /// The source's format.
    pub format: String,
    /// Whether the source's own integrity protection held; `None` where it has none.
    pub integrity: Option<bool>,
    /// Which input this run was made of.
    pub input: InputId,
    /// Runs that this run belongs to, where the source says so.
    pub parents: Vec<Parent>,
}

/// One event before it has a sequence number, salts and a place in a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What happened.
    pub kind: Kind,
    /// What was decided.
    pub decision: Decision,
    /// Flags.
    pub flags: Flags,
    /// Debate round or agent step.
    pub round: u32,
    /// Milliseconds since the Unix epoch; 0 = unknown.
    pub time: u64,
    /// Micro-units of the run's currency that this event spent; `None` = unknown.
    pub cost: Option<u64>,
    /// Micro-units left after this event; `None` = no budget is kept.
    pub budget: Option<u64>,
    /// Parts per million; `None` = unknown.
    pub score: Option<u32>,
    /// Seq of the event that this one answers; `None` = none.
    pub parent: Option<u32>,
    /// Qualified name of who acted.
    pub actor: Option<String>,
    /// Qualified name of what was acted on.
    pub subject: Option<String>,
    /// Named values, in no particular order; names are unique.
    pub fields: Vec<(String, FieldValue)>,
}

impl Draft {
    /// An event of this kind, about which nothing else is known. Its time is the previous event's.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            decision: Decision::None,
            flags: Flags::NONE,
            round: 0,
            time: 0,
            cost: None,
            budget: None,
            score: None,
            parent: None,
            actor: None,
            subject: None,
            fields: Vec::new(),
        }
    }

    /// Says who acted, by qualified name.
    #[must_use]
    pub fn by(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Says what was acted on, by qualified name.
    #[must_use]
    pub fn on(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<FieldValue>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Adds a field where there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<FieldValue>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a flag.
    #[must_use]
    pub fn flag(mut self, flag: Flags, set: bool) -> Self {
        if set {
            self.flags = self.flags.with(flag);
        }
        self
    }
}

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// A CBOR value.
    Cbor(Value),
    /// Exact bytes of JSON text: stored as a byte string, as `application/json` where it is large.
    Json(Vec<u8>),
}

impl From<Value> for FieldValue {
    fn from(value: Value) -> Self {
        Self::Cbor(value)
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::Cbor(Value::Text(text.to_owned()))
    }
}

impl From<String> for FieldValue {
    fn from(text: String) -> Self {
        Self::Cbor(Value::Text(text))
    }
}

impl From<u64> for FieldValue {
    fn from(number: u64) -> Self {
        Self::Cbor(Value::Uint(number))
    }
}

impl From<bool> for FieldValue {
    fn from(flag: bool) -> Self {
        Self::Cbor(Value::Bool(flag))
    }
}

impl From<&serde_json::value::RawValue> for FieldValue {
    fn from(json: &serde_json::value::RawValue) -> Self {
        Self::Json(json.get().as_bytes().to_vec())
    }
}

/// A store of runs. One run is open at a time; its first event is a run-start, its last a run-end,
/// and each event's sequence number is how many came before it.
pub trait Sink {
    /// Why the store could not do it.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The name of the run already made of these bytes.
    fn existing(&mut self, input: &InputId) -> Result<Option<String>, Self::Error>;
    /// Opens a run.
    fn begin(&mut self, run: &RunInfo) -> Result<(), Self::Error>;
    /// Appends an event to the open run.
    fn event(&mut self, draft: Draft) -> Result<(), Self::Error>;
    /// Closes the open run and returns its local name.
    fn finish(&mut self) -> Result<String, Self::Error>;
    /// Drops the open run and everything about it.
    fn abort(&mut self) -> Result<(), Self::Error>;
}
