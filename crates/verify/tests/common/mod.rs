//! A run, sealed in memory, for the tests to show, withhold and tamper with.
#![allow(dead_code, unreachable_pub)]

use avouch_bundle::{Blobs, Bundle, Disclosures, Openings, Shown};
use avouch_cbor::Value;
use avouch_cose::key::{Algorithm, SigningKey};
use avouch_cose::note::NoteKey;
use avouch_cose::{Checkpoint, Receipt, Statement};
use avouch_merkle::{
    Digest, LeafIndex, TreeSize, hash_leaf, inclusion_proof, multi_proof, root, sha256,
};
use avouch_trace::{
    BlobRef, Body, Decision, Event, Field, Flags, Header, Kind, MANIFEST_CONTENT_TYPE, Manifest,
    Mode, NameId, RunId, Salt, Source, agent_chain_start,
};
use avouch_verify::{CheckName, Options, Outcome, Policy, Report, Verdict, verify};

pub const ISSUER: &str = "Acme Ltd";
pub const AGENT: &str = "agent:support";
pub const ORIGIN: &str = "log.example/acme";
pub const BLOB: &[u8] = b"what the tool returned, as it came";

/// A key that is always the same for one number.
pub fn key(algorithm: Algorithm, number: u8) -> SigningKey {
    SigningKey::generate(algorithm, &[number; 32]).unwrap()
}

pub fn issuer_key() -> SigningKey {
    key(Algorithm::Ed25519, 1)
}

pub fn log_key() -> SigningKey {
    key(Algorithm::Ed25519, 2)
}

pub fn issuer_toml(name: &str, key: &SigningKey) -> String {
    format!(
        "[[issuer]]\nname = {name:?}\nkey = '''\n{}'''\n",
        key.verifying_key().to_pem()
    )
}

pub fn log_toml(origin: &str, key: &SigningKey) -> String {
    let key = NoteKey::new(origin, key.verifying_key()).unwrap();
    format!("[[log]]\norigin = {origin:?}\nkey = \"{key}\"\n")
}

/// The policy that fits the kit, with the lines of `[require]` given.
pub fn policy(require: &str) -> Policy {
    Policy::from_toml(&policy_toml(require)).unwrap()
}

pub fn policy_toml(require: &str) -> String {
    let (issuer, log) = (
        issuer_toml(ISSUER, &issuer_key()),
        log_toml(ORIGIN, &log_key()),
    );
    format!("version = 1\n{issuer}\n{log}\n[require]\n{require}\n")
}

/// One event before it has a place.
#[derive(Clone)]
pub struct Draft {
    pub header: Header,
    pub fields: Vec<(String, Value)>,
}

/// A run with everything that its writer knows.
#[derive(Clone)]
pub struct Run {
    pub id: RunId,
    pub agent: String,
    pub drafts: Vec<Draft>,
}

/// A run, committed and signed, in a log.
#[derive(Clone)]
pub struct Sealed {
    pub manifest: Manifest,
    pub statement: Statement,
    pub events: Vec<Event>,
    pub bodies: Vec<Body>,
    pub receipt: Receipt,
    pub checkpoint: String,
    pub size: u64,
}

pub fn header(kind: Kind, seq: u64) -> Header {
    Header {
        kind,
        decision: Decision::None,
        flags: Flags::NONE,
        round: 0,
        seq,
        time: 1_760_000_000_000 + 1_000 * seq,
        cost: None,
        budget: None,
        score: None,
        parent: None,
        actor: NameId::of("agent:support"),
        subject: NameId::NONE,
    }
}

fn draft(kind: Kind, seq: u64, fields: &[(&str, Value)]) -> Draft {
    let mut fields: Vec<(String, Value)> = fields
        .iter()
        .map(|(name, value)| ((*name).into(), value.clone()))
        .collect();
    fields.push(("actor".into(), Value::Text("agent:support".into())));
    Draft {
        header: header(kind, seq),
        fields,
    }
}

/// Seven events: a question, a tool call with cost and subject, its result kept as a blob.
pub fn run() -> Run {
    let blob = BlobRef {
        size: BLOB.len() as u64,
        media_type: "text/plain;charset=utf-8".into(),
        digest: sha256(&[BLOB]),
    };
    let text = |text: &str| Value::Text(text.into());
    let mut call = draft(
        Kind::ToolCall,
        3,
        &[
            ("subject", text("tool:fs/read")),
            ("cost", Value::Uint(1500)),
            (
                "arguments",
                Value::Map(vec![(text("path"), text("notes.txt"))]),
            ),
            ("raw", Value::Bytes(b"{\"tool\": \"read\"}".to_vec())),
        ],
    );
    call.header.subject = NameId::of("tool:fs/read");
    call.header.cost = Some(1500);
    let mut result = draft(
        Kind::ToolResult,
        4,
        &[("content", blob.to_value()), ("cost", Value::Null)],
    );
    result.header.parent = Some(3);
    Run {
        id: RunId([7; 16]),
        agent: AGENT.into(),
        drafts: vec![
            draft(
                Kind::RunStart,
                0,
                &[("source-digest", Value::Bytes(vec![9; 32]))],
            ),
            draft(
                Kind::MessageIn,
                1,
                &[("text", text("What do my notes say?"))],
            ),
            draft(Kind::Reasoning, 2, &[("text", text("I should read them."))]),
            call,
            result,
            draft(Kind::MessageOut, 5, &[("text", text("They say hello."))]),
            draft(Kind::RunEnd, 6, &[]),
        ],
    }
}

/// Salts that differ from field to field, and are the same every time.
fn salt(seq: usize, field: usize) -> Salt {
    let digest = sha256(&[
        b"salt",
        &(seq as u64).to_be_bytes(),
        &(field as u64).to_be_bytes(),
    ]);
    Salt(digest.0[..16].try_into().unwrap())
}

pub fn body(seq: usize, fields: &[(String, Value)]) -> Body {
    let fields = fields.iter().enumerate();
    let fields =
        fields.map(|(n, (name, value))| Field::from_value(salt(seq, n + 1), name, value).unwrap());
    Body::new(salt(seq, 0), fields.collect()).unwrap()
}

impl Run {
    pub fn seal(&self) -> Sealed {
        let bodies: Vec<Body> = self
            .drafts
            .iter()
            .enumerate()
            .map(|(seq, draft)| body(seq, &draft.fields))
            .collect();
        let headers = self.drafts.iter().map(|draft| draft.header);
        self.seal_as(
            headers
                .zip(&bodies)
                .map(|(h, b)| Event::new(&h, b.root()))
                .collect(),
            bodies,
        )
    }

    /// Seals these very events, whatever they are.
    pub fn seal_as(&self, events: Vec<Event>, bodies: Vec<Body>) -> Sealed {
        let chain_start = agent_chain_start(ISSUER, &self.agent);
        let manifest = Manifest {
            run: self.id,
            agent: self.agent.clone(),
            mode: Mode::Execution,
            size: events.len() as u64,
            root: root(events.iter().map(Event::leaf)),
            chain_start,
            chain_head: events
                .iter()
                .fold(chain_start, |chain, event| event.chain(&chain)),
            first_time: self.drafts.first().unwrap().header.time,
            last_time: self.drafts.last().unwrap().header.time,
            currency: "USD".into(),
            source: Source {
                format: "avouch".into(),
                integrity: None,
            },
            parents: Vec::new(),
            previous: None,
            supersedes: None,
        };
        Sealed::sign(manifest, events, bodies, &issuer_key(), ISSUER)
    }
}

/// Signs a manifest as the kit's issuer does.
pub fn sign(manifest: &Manifest, key: &SigningKey, issuer: &str) -> Statement {
    let (subject, payload) = (manifest.subject(), manifest.encode());
    Statement::sign(
        key,
        issuer,
        &subject,
        1_760_000_100,
        MANIFEST_CONTENT_TYPE,
        &payload,
    )
    .unwrap()
}

/// A log of `size` entries that holds the statement at index 2.
pub fn enter(
    statement: &Statement,
    size: u64,
    key: &SigningKey,
    origin: &str,
) -> (Receipt, String) {
    let entries = (0..size).map(|n| match n {
        2 => hash_leaf(statement.entry().as_bytes()),
        n => hash_leaf(&n.to_be_bytes()),
    });
    let leaves: Vec<Digest> = entries.collect();
    let (index, size) = (LeafIndex(2), TreeSize(size));
    let root = root(leaves.iter().copied());
    let path = inclusion_proof(&leaves, index).unwrap();
    let receipt = Receipt::sign_inclusion(key, size, index, &path, &root).unwrap();
    let checkpoint = Checkpoint {
        origin: origin.into(),
        size,
        root,
        extensions: Vec::new(),
    };
    (receipt, checkpoint.sign(key).unwrap().to_string())
}

impl Sealed {
    pub fn sign(
        manifest: Manifest,
        events: Vec<Event>,
        bodies: Vec<Body>,
        key: &SigningKey,
        issuer: &str,
    ) -> Self {
        let statement = sign(&manifest, key, issuer);
        let (receipt, checkpoint) = enter(&statement, 5, &log_key(), ORIGIN);
        Self {
            manifest,
            statement,
            events,
            bodies,
            receipt,
            checkpoint,
            size: 5,
        }
    }

    /// The same run under another manifest, signed by the same issuer.
    pub fn with_manifest(&self, change: impl FnOnce(&mut Manifest)) -> Self {
        let mut manifest = self.manifest.clone();
        change(&mut manifest);
        let (events, bodies) = (self.events.clone(), self.bodies.clone());
        Self::sign(manifest, events, bodies, &issuer_key(), ISSUER)
    }

    /// The events for which `fields` answers, with those fields (by name) opened.
    pub fn show(&self, fields: impl Fn(u64) -> Option<Vec<String>>) -> Bundle {
        let leaves: Vec<Digest> = self.events.iter().map(Event::leaf).collect();
        let mut events = Vec::new();
        let mut blobs = Blobs::new();
        for (seq, (event, body)) in (0..).zip(self.events.iter().zip(&self.bodies)) {
            let Some(names) = fields(seq) else { continue };
            let openings = (!names.is_empty()).then(|| open(body, &names));
            let opened = openings.iter().flat_map(|openings| &openings.fields);
            if opened.filter_map(|(_, field)| field.blob()).count() > 0 {
                blobs.insert(BLOB.to_vec());
            }
            events.push(Shown {
                seq,
                event: *event,
                openings,
            });
        }
        let indices: Vec<LeafIndex> = events.iter().map(|shown| LeafIndex(shown.seq)).collect();
        let proof = if indices.is_empty() {
            Vec::new()
        } else {
            multi_proof(&leaves, &indices).unwrap()
        };
        let disclosures = (!events.is_empty()).then_some(Disclosures {
            events,
            proof,
            blobs,
            ..Disclosures::default()
        });
        Bundle {
            statement: self.statement.as_bytes().to_vec(),
            receipts: vec![self.receipt.as_bytes().to_vec()],
            checkpoint: Some(self.checkpoint.clone()),
            anchors: Vec::new(),
            disclosures,
            proofs: Vec::new(),
            keys: None,
        }
    }

    /// Everything shown.
    pub fn show_all(&self) -> Bundle {
        self.show(|seq| Some(self.names(seq)))
    }

    /// All headers, no bodies.
    pub fn show_headers(&self) -> Bundle {
        self.show(|_| Some(Vec::new()))
    }

    pub fn show_none(&self) -> Bundle {
        self.show(|_| None)
    }

    /// The names of an event's fields, leaf 0's included.
    pub fn names(&self, seq: u64) -> Vec<String> {
        let fields = self.bodies[seq as usize].fields();
        fields.iter().map(|field| field.name().into()).collect()
    }
}

/// Opens these fields of a body; leaf 0 always.
pub fn open(body: &Body, names: &[String]) -> Openings {
    let fields = (0_u64..).zip(body.fields());
    let fields =
        fields.filter(|(n, field)| *n == 0 || names.iter().any(|name| name == field.name()));
    let fields: Vec<(u64, Field)> = fields.map(|(n, field)| (n, field.clone())).collect();
    let indices: Vec<LeafIndex> = fields.iter().map(|(n, _)| LeafIndex(*n)).collect();
    Openings {
        proof: body.proof(&indices).unwrap(),
        fields,
        ..Openings::default()
    }
}

pub fn judge(bundle: &Bundle, policy: &Policy) -> Report {
    verify(&bundle.encode().unwrap(), policy, &Options::default()).unwrap()
}

/// The bundle fails at this check, for a reason that has these words, and at no other check.
#[track_caller]
pub fn assert_fails(bundle: &Bundle, policy: &Policy, name: CheckName, words: &str) {
    let report = judge(bundle, policy);
    assert_only_fails(&report, name, words);
}

#[track_caller]
pub fn assert_only_fails(report: &Report, name: CheckName, words: &str) {
    let failed = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Fail);
    let failed: Vec<_> = failed.map(|check| check.name).collect();
    assert_eq!(failed, [name], "{report}");
    let check = report.check(name).unwrap();
    assert!(check.reason.contains(words), "{name}: {}", check.reason);
    assert_eq!(report.verdict, Verdict::Failed);
}

/// The bundle is incomplete, and this check says why.
#[track_caller]
pub fn assert_incomplete(bundle: &Bundle, policy: &Policy, name: CheckName, words: &str) {
    let report = judge(bundle, policy);
    assert_eq!(report.verdict, Verdict::Incomplete, "{report}");
    let check = report.check(name).unwrap();
    assert_eq!(check.outcome, Outcome::NotChecked);
    assert!(check.required);
    assert!(check.reason.contains(words), "{name}: {}", check.reason);
}

#[track_caller]
pub fn assert_verified(bundle: &Bundle, policy: &Policy) -> Report {
    let report = judge(bundle, policy);
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    report
}

#[track_caller]
pub fn passed(report: &Report, name: CheckName) -> bool {
    report.check(name).unwrap().outcome == Outcome::Pass
}
