//! The formats, and what each tells the driver.

use std::fmt;
use std::str::FromStr;

use crate::database::Database;
use crate::error::{Error, Fault};
use crate::formats;
use crate::integrity::Rules;
use crate::peek::Peek;
use crate::run::Run;

/// A format that can be ingested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// avouch's own JSON lines.
    Avouch,
    /// Claude Code JSON lines.
    ClaudeCode,
    /// Codex CLI JSON lines.
    Codex,
    /// Cursor JSON lines.
    Cursor,
    /// Gemini CLI JSON.
    Gemini,
    /// OpenCode, concatenated JSON objects.
    OpenCode,
    /// VEX's audit exports, JSON or JSON lines.
    Vex,
    /// VEX's audit store.
    VexSqlite,
    /// VEX's evidence capsules.
    Vep,
    /// harombe's audit database.
    Harombe,
    /// Governance Engine's hash-chained JSON lines.
    GovernanceEngine,
    /// ARW's journal database.
    Arw,
    /// OpenTelemetry traces, OTLP's JSON.
    Otlp,
    /// OpenAI chat-completions lists.
    OpenAiChat,
    /// SWE-agent trajectories.
    SweAgent,
    /// Debate transcripts.
    Debate,
    /// Verifiable agent conversation records (draft-birkholz-verifiable-agent-conversations).
    AgentRecord,
}

impl Format {
    /// Every format, in the order in which they are tried on an input.
    pub const ALL: [Self; 17] = [
        Self::Avouch,
        Self::ClaudeCode,
        Self::Codex,
        Self::Cursor,
        Self::Gemini,
        Self::OpenCode,
        Self::Vex,
        Self::VexSqlite,
        Self::Vep,
        Self::Harombe,
        Self::GovernanceEngine,
        Self::Arw,
        Self::Otlp,
        Self::OpenAiChat,
        Self::SweAgent,
        Self::AgentRecord,
        Self::Debate,
    ];

    /// The format's name.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Recognises an input by its first bytes.
    pub fn detect(start: &[u8]) -> Option<Self> {
        let peek = Peek::new(start);
        Self::ALL
            .into_iter()
            .find(|format| (format.spec().recognises)(&peek))
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The names of those that are databases, for messages.
    pub(crate) fn databases() -> String {
        let databases = Self::ALL.into_iter().filter(|_| cfg!(feature = "sqlite"));
        let names: Vec<&str> = databases
            .filter(|format| format.spec().database.is_some())
            .map(Self::name)
            .collect();
        match names.is_empty() {
            true => "none in this build".to_owned(),
            false => names.join(", "),
        }
    }

    pub(crate) fn spec(self) -> &'static Spec {
        match self {
            Self::Avouch => &formats::avouch::SPEC,
            Self::ClaudeCode => &formats::claude_code::SPEC,
            Self::Codex => &formats::codex::SPEC,
            Self::Cursor => &formats::cursor::SPEC,
            Self::Gemini => &formats::gemini::SPEC,
            Self::OpenCode => &formats::opencode::SPEC,
            Self::Vex => &formats::vex::EXPORT,
            Self::VexSqlite => &formats::vex::STORE,
            Self::Vep => &formats::vex::CAPSULE,
            Self::Harombe => &formats::harombe::SPEC,
            Self::GovernanceEngine => &formats::governance_engine::SPEC,
            Self::Arw => &formats::arw::SPEC,
            Self::Otlp => &formats::otlp::SPEC,
            Self::OpenAiChat => &formats::openai_chat::SPEC,
            Self::SweAgent => &formats::swe_agent::SPEC,
            Self::Debate => &formats::debate::SPEC,
            Self::AgentRecord => &formats::agent_record::SPEC,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Error::UnknownFormat {
                name: name.to_owned(),
            })
    }
}

/// What a format tells the driver.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// The agent where neither the user nor the input names one.
    pub(crate) agent: &'static str,
    /// The currency where the importer does not start the run itself.
    pub(crate) currency: &'static str,
    /// Whether an input may hold more than one run. Such an input is read once more beforehand, so
    /// that nothing is stored of one that is malformed anywhere.
    pub(crate) many_runs: bool,
    pub(crate) recognises: fn(&Peek<'_>) -> bool,
    pub(crate) shape: fn(&Peek<'_>) -> Shape,
    pub(crate) importer: fn() -> Box<dyn Importer>,
    /// What the source system protects its records with; `None` where it never meant to.
    pub(crate) rules: Option<&'static Rules>,
    /// Where the format is an SQLite database: how its rows are put in order.
    pub(crate) database: Option<&'static Database>,
}

/// How an input is cut into records.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Each line that is not blank is a record, JSON.
    Lines,
    /// Concatenated JSON values, of any kind, are the records.
    Values,
    /// The elements of the outermost array are the records.
    Elements,
    /// The input is one object, and the records are the elements of an array in it: the first of
    /// these paths that leads to one. All other members are handed over before the records.
    Document(&'static [&'static [&'static str]]),
    /// The whole input is one record, any UTF-8 text.
    Text,
    /// The whole input is one record, any bytes.
    Binary,
    /// The input is a database, and each row is a record (see [`crate::database`]).
    Rows,
}

/// Maps one format's records.
pub(crate) trait Importer {
    /// Sees the members around the record list of a [`Shape::Document`]: names, joined by `/`, and
    /// exact JSON. They become fields `raw/NAME` of event 0 in any case.
    fn outer(&mut self, _members: &[(String, Vec<u8>)], _run: &mut Run<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// Maps one record, which is strict JSON (or, for [`Shape::Text`], UTF-8). A record for which
    /// nothing is emitted becomes a note.
    fn record(&mut self, record: &str, run: &mut Run<'_>) -> Result<(), Fault>;

    /// Maps the one record of a [`Shape::Binary`].
    fn binary(&mut self, _record: &[u8], _run: &mut Run<'_>) -> Result<(), Fault> {
        Err(Fault::malformed("not a binary format"))
    }

    /// Before a record that cannot be read leaves an error event. A format that has put its run's start
    /// off starts it here.
    fn skip(&mut self, _run: &mut Run<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// After the last record. The run, if still open, is ended afterwards.
    fn finish(&mut self, _run: &mut Run<'_>) -> Result<(), Fault> {
        Ok(())
    }
}
