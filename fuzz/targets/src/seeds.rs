//! Valid inputs to start from: a fuzzer that begins with them need not guess a signature.

use avouch_anchor::Anchored;
use avouch_bundle::{Anchor, Bundle, Disclosures, KeyEvidence, KeyLink, Openings, Proof, Shown};
use avouch_cbor::Value;
use avouch_claims::State;
use avouch_cose::{
    Algorithm, Checkpoint, ConsistencyProof, ConsistencyReceipt, CosignerKey, Grant, KeyAct,
    KeyStatement, Note, NoteKey, Receipt, SigningKey, Statement, TlogProof,
};
use avouch_escrow::{text, words};
use avouch_merkle::{
    Digest, LeafIndex, TreeSize, consistency_proof, inclusion_proof, multi_proof, root,
};
use avouch_trace::{
    Body, Decision, Event, Field, Flags, Header, Kind, MANIFEST_CONTENT_TYPE, Manifest, Mode,
    NameId, RunId, Salt, Source, agent_chain_start,
};

/// Claims as people write them.
const CLAIMS_FILE: &str = r#"version = 1
[[claim]]
name = "every tool call was approved"
type = "gated"
filter = { kind = ["tool-call"], flags = ["human"], actor = ["", "agent:a"] }
[[claim]]
type = "window"
not_before = 2026-01-01T00:00:00Z
not_after = 1_800_000_000_000
"#;
const ISSUER: &str = "https://issuer.example";
const LOG: &str = "log.example/seeds";

/// One of each act.
fn key_statements() -> Vec<Vec<u8>> {
    let grant = Grant {
        agents: Some(vec!["agent:a".into(), "agent:b".into()]),
        until: Some(1_800_000_000),
        hops: 2,
    };
    let acts = [
        KeyAct::Delegate(grant),
        KeyAct::Delegate(Grant::root()),
        KeyAct::Rotate,
        KeyAct::Revoke { from: 7 },
        KeyAct::Recovery,
    ];
    let key = log_key().verifying_key();
    let encode = |act| KeyStatement { key, act }.encode();
    acts.into_iter().map(encode).collect()
}

/// Valid inputs of the target of this name; none where arbitrary bytes do as well.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    let run = Run::new();
    match target {
        "cbor" => vec![
            all_kinds(),
            run.manifest.encode(),
            run.bundle().encode().expect("a bundle"),
        ],
        "event" => run
            .events
            .iter()
            .map(|event| event.to_cbor().to_vec())
            .chain([run.events.iter().flat_map(Event::to_packed).collect()])
            .collect(),
        "field" => run.bodies[1]
            .fields()
            .iter()
            .map(|field| field.bytes().to_vec())
            .collect(),
        "manifest" => vec![run.manifest.encode()],
        "claims" => vec![crate::claims::judged().encode()],
        "claims_file" => vec![CLAIMS_FILE.as_bytes().to_vec()],
        "claims_state" => run.states(),
        "statement" | "sign1" => vec![
            run.statement(Algorithm::Ed25519).as_bytes().to_vec(),
            run.statement(Algorithm::P256).as_bytes().to_vec(),
        ],
        "receipt" => vec![
            run.receipt().as_bytes().to_vec(),
            run.consistency_receipt().as_bytes().to_vec(),
        ],
        "key_statement" => key_statements(),
        "release" => crate::escrow::release_seeds(&log_key()),
        "share" => {
            let (shares, _) = crate::escrow::seeds();
            vec![
                shares[0].to_bytes().to_vec(),
                text::write(&shares[0]).as_bytes().to_vec(),
                text::compact(&shares[1]).as_bytes().to_vec(),
                words::write(&shares[2]).expect("words").as_bytes().to_vec(),
            ]
        }
        "share_commitments" => vec![crate::escrow::seeds().1.to_string().into_bytes()],
        "log_proof" => run.log_proofs().map(String::into_bytes).to_vec(),
        "note" => {
            let key = NoteKey::new(LOG, log_key().verifying_key()).expect("a note key");
            let cosigner =
                CosignerKey::new("witness.example", log_key().verifying_key()).expect("a key");
            vec![
                run.checkpoint().to_string().into_bytes(),
                key.to_string().into_bytes(),
                cosigner.to_string().into_bytes(),
            ]
        }
        "key" => [Algorithm::Ed25519, Algorithm::P256]
            .into_iter()
            .flat_map(key_files)
            .collect(),
        "anchor_receipt" => vec![run.anchor().receipt],
        "anchor_rfc3161" => vec![include_bytes!("../seeds/time-stamp.tsr").to_vec()],
        "anchor_opentimestamps" => vec![include_bytes!("../seeds/every-step.ots").to_vec()],
        "anchor_evm" => crate::evm::seeds(),
        "anchor_git" => crate::git::seeds(),
        "bundle" => [
            run.bundle(),
            full_bundle(),
            bundle_with_proof(),
            run.bundle_with_keys(),
        ]
        .map(|bundle| bundle.encode().expect("a bundle"))
        .to_vec(),
        "verify" => [run.bundle(), full_bundle(), run.bundle_beside_keys()]
            .map(|bundle| bundle.encode().expect("a bundle"))
            .to_vec(),
        "policy" => vec![
            policy().into_bytes(),
            (policy()
                + "security = 100\n"
                + &CLAIMS_FILE
                    .replace("version = 1\n[[claim]]", "[[require.claim]]")
                    .replace("[[claim]]", "[[require.claim]]"))
                .into_bytes(),
            (policy() + &anchors_toml()).into_bytes(),
        ],
        "ingest_avouch" => vec![include_bytes!("../seeds/avouch.jsonl").to_vec()],
        "ingest_claude_code" => vec![include_bytes!("../seeds/claude-code.jsonl").to_vec()],
        "ingest_codex" => vec![include_bytes!("../seeds/codex.jsonl").to_vec()],
        "ingest_cursor" => vec![include_bytes!("../seeds/cursor.jsonl").to_vec()],
        "ingest_gemini" => vec![include_bytes!("../seeds/gemini.json").to_vec()],
        "ingest_opencode" => vec![include_bytes!("../seeds/opencode.json").to_vec()],
        "ingest_otlp" => vec![include_bytes!("../seeds/otlp.json").to_vec()],
        "ingest_openai_chat" => vec![include_bytes!("../seeds/openai-chat.json").to_vec()],
        "ingest_swe_agent" => vec![include_bytes!("../seeds/swe-agent.traj").to_vec()],
        "ingest_agent_record" => vec![include_bytes!("../seeds/agent-record.json").to_vec()],
        "ingest_governance_engine" => {
            vec![include_bytes!("../seeds/governance-engine.jsonl").to_vec()]
        }
        "ingest_vex" => vec![
            include_bytes!("../../../fixtures/sources/vex.json").to_vec(),
            include_bytes!("../../../fixtures/sources/vex.jsonl").to_vec(),
        ],
        "ingest_vep" => vec![include_bytes!("../../../fixtures/sources/vex.vep").to_vec()],
        "ingest_debate" => vec![include_bytes!("../seeds/debate.txt").to_vec()],
        _ => Vec::new(),
    }
}

/// The policy under which the bundles verify.
pub(crate) fn policy() -> String {
    let issuer = key(Algorithm::Ed25519).verifying_key().to_pem();
    let log = NoteKey::new(LOG, log_key().verifying_key()).expect("a note key");
    format!(
        "version = 1\n\n[[issuer]]\nname = \"{ISSUER}\"\nkey = \"\"\"\n{issuer}\"\"\"\nagents = [\"seeder\"]\n\n\
         [[log]]\norigin = \"{LOG}\"\nkey = \"{log}\"\n\n[require]\nlog = true\ndisclosure = \"none\"\n"
    )
}

/// The rest of a policy that lists anchors.
fn anchors_toml() -> String {
    let root = include_str!("../seeds/time-stamp-root.pem");
    let header = crate::anchors::GENESIS;
    format!(
        "anchors = \"1 of: a, b\"\n\n[[anchor]]\nname = \"a\"\nkind = \"rfc3161\"\nroots = \"\"\"\n{root}\"\"\"\n\
         policies = [\"1.2.3\"]\n\n[[anchor]]\nname = \"b\"\nkind = \"opentimestamps\"\n\
         block = [{{ height = 0, header = \"{header}\" }}]\n"
    )
}

/// The evidence with everything shown.
pub(crate) fn full_bundle() -> Bundle {
    let run = Run::new();
    run.bundle_showing(&[0, 1, 2, 3, 4], &[0, 1, 2, 3])
}

/// The same with what says that it is a proof of claims.
fn bundle_with_proof() -> Bundle {
    let proof = Proof {
        system: "stark".into(),
        preset: "proven-100".into(),
        claims: crate::claims::judged().encode(),
        // The head of a proof: a whole one takes seconds to make.
        proof: b"avsk\x01\x01\x00\x00\x00\x00\x05".to_vec(),
    };
    Bundle {
        proofs: vec![proof],
        ..full_bundle()
    }
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &[7; 32]).expect("a key from fixed bytes")
}

fn log_key() -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[8; 32]).expect("a key from fixed bytes")
}

fn key_files(algorithm: Algorithm) -> Vec<Vec<u8>> {
    let private = key(algorithm);
    let public = private.verifying_key();
    vec![
        private.to_pem().expect("a key file").as_bytes().to_vec(),
        public.to_pem().into_bytes(),
        public.to_der(),
        public.to_cose_key(),
    ]
}

/// One item of every kind.
fn all_kinds() -> Vec<u8> {
    Value::Array(vec![
        Value::Uint(u64::MAX),
        Value::Nint(24),
        Value::Bytes(vec![0; 24]),
        Value::Text("é".into()),
        Value::Map(vec![
            (Value::Uint(1), Value::Null),
            (Value::Text("a".into()), Value::Bool(true)),
        ]),
        Value::Tag(1, Box::new(Value::Float(1.5))),
        Value::Float(f64::NAN),
        Value::Float(1e300),
        Value::Simple(255),
        Value::Undefined,
    ])
    .to_vec()
    .expect("a value")
}

/// A small run.
struct Run {
    events: Vec<Event>,
    bodies: Vec<Body>,
    manifest: Manifest,
}

impl Run {
    /// A state of the claims before each event, and the headers from there on.
    fn states(&self) -> Vec<Vec<u8>> {
        let claims = crate::claims::judged();
        let mut state = State::new(&claims);
        let mut seeds = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            let headers = self.events[index..].iter().map(|event| event.header);
            seeds.push([state.encode(), headers.collect::<Vec<_>>().concat()].concat());
            state
                .step(&event.header().expect("a header"))
                .expect("a trace");
        }
        seeds
    }

    fn new() -> Self {
        let kinds = [
            Kind::RunStart,
            Kind::PolicyDecision,
            Kind::ToolCall,
            Kind::Vote,
            Kind::RunEnd,
        ];
        let (events, bodies): (Vec<Event>, Vec<Body>) = (0..).zip(kinds).map(event).unzip();
        let chain_start = agent_chain_start(ISSUER, "seeder");
        let manifest = Manifest {
            run: RunId([9; 16]),
            agent: "seeder".into(),
            mode: Mode::Debate,
            size: events.len() as u64,
            root: root(events.iter().map(Event::leaf)),
            chain_start,
            chain_head: events
                .iter()
                .fold(chain_start, |head, event| event.chain(&head)),
            first_time: 1_800_000_000_000,
            last_time: 1_800_000_004_000,
            currency: "USD".into(),
            source: Source {
                format: "avouch".into(),
                integrity: Some(true),
            },
            parents: Vec::new(),
            previous: None,
            supersedes: Some(Digest([3; 32])),
        };
        Self {
            events,
            bodies,
            manifest,
        }
    }

    fn statement(&self, algorithm: Algorithm) -> Statement {
        let (subject, payload) = (self.manifest.subject(), self.manifest.encode());
        Statement::sign(
            &key(algorithm),
            ISSUER,
            &subject,
            1_800_000_005,
            MANIFEST_CONTENT_TYPE,
            &payload,
        )
        .expect("a statement")
    }

    /// A log of three entries, the statement's in the middle.
    fn log(&self) -> (Vec<Digest>, Digest) {
        let entry = self.statement(Algorithm::Ed25519).entry();
        let leaves = [Digest([1; 32]), entry, Digest([2; 32])];
        let leaves: Vec<Digest> = leaves
            .iter()
            .map(|entry| avouch_merkle::hash_leaf(entry.as_bytes()))
            .collect();
        let root = root(leaves.iter().copied());
        (leaves, root)
    }

    fn receipt(&self) -> Receipt {
        let (leaves, root) = self.log();
        let path = inclusion_proof(&leaves, LeafIndex(1)).expect("a path");
        Receipt::sign_inclusion(&log_key(), TreeSize(3), LeafIndex(1), &path, &root)
            .expect("a receipt")
    }

    fn consistency_receipt(&self) -> ConsistencyReceipt {
        let (leaves, root) = self.log();
        let path = consistency_proof(&leaves, TreeSize(2)).expect("a path");
        ConsistencyReceipt::sign(&log_key(), TreeSize(2), TreeSize(3), &path, &root)
            .expect("a receipt")
    }

    fn log_proofs(&self) -> [String; 2] {
        let (leaves, _) = self.log();
        let inclusion = TlogProof {
            extra: Some(b"extra".to_vec()),
            index: LeafIndex(1),
            path: inclusion_proof(&leaves, LeafIndex(1)).expect("a path"),
            checkpoint: self.checkpoint(),
        };
        let consistency = ConsistencyProof {
            before: TreeSize(2),
            path: consistency_proof(&leaves, TreeSize(2)).expect("a path"),
            checkpoint: self.checkpoint(),
        };
        [inclusion.to_string(), consistency.to_string()]
    }

    fn checkpoint(&self) -> Note {
        let (_, root) = self.log();
        Checkpoint {
            origin: LOG.into(),
            size: TreeSize(3),
            root,
            extensions: Vec::new(),
        }
        .sign(&log_key())
        .expect("a checkpoint")
    }

    /// Shows two events and one field of each.
    /// A promise about the log's checkpoint.
    fn anchor(&self) -> Anchor {
        let (leaves, _) = self.log();
        let anchored = Anchored::parse(&self.checkpoint().to_string()).expect("a checkpoint");
        let receipt = avouch_anchor::Receipt {
            kind: "opentimestamps".into(),
            anchored,
            state: avouch_anchor::State::Pending,
            proof: include_bytes!("../seeds/every-step.ots").to_vec(),
        };
        Anchor {
            receipt: receipt.encode().expect("a receipt"),
            index: 1,
            path: inclusion_proof(&leaves, LeafIndex(1)).expect("a path"),
        }
    }

    fn bundle(&self) -> Bundle {
        self.bundle_showing(&[0, 2], &[0, 2])
    }

    /// Signed by a key that the issuer's key delegated to, with what is said of either.
    fn bundle_with_keys(&self) -> Bundle {
        let (root, delegate) = (key(Algorithm::Ed25519), key(Algorithm::P256));
        let said = |act| {
            let key = delegate.verifying_key();
            let said = KeyStatement { key, act }.sign(&root, ISSUER, 1_800_000_000);
            said.expect("a key statement").as_bytes().to_vec()
        };
        let logged = (
            self.receipt().as_bytes().to_vec(),
            self.checkpoint().to_string(),
        );
        let delegation = KeyLink {
            statement: said(KeyAct::Delegate(Grant::root())),
            logged: Some(logged),
        };
        Bundle {
            statement: self.statement(Algorithm::P256).as_bytes().to_vec(),
            keys: Some(KeyEvidence {
                chain: vec![delegation],
                others: vec![said(KeyAct::Revoke { from: 1 }), said(KeyAct::Rotate)],
            }),
            ..self.bundle()
        }
    }

    /// The same key statements in the evidence that the policy's own key signed.
    fn bundle_beside_keys(&self) -> Bundle {
        Bundle {
            keys: self.bundle_with_keys().keys,
            ..self.bundle()
        }
    }

    fn bundle_showing(&self, seqs: &[u64], fields: &[u64]) -> Bundle {
        let leaves: Vec<Digest> = self.events.iter().map(Event::leaf).collect();
        let indices = |numbers: &[u64]| numbers.iter().copied().map(LeafIndex).collect::<Vec<_>>();
        let shown = seqs.iter().map(|&seq| {
            let body = &self.bodies[seq as usize];
            Shown {
                seq,
                event: self.events[seq as usize],
                openings: Some(Openings {
                    fields: fields
                        .iter()
                        .map(|&at| (at, body.fields()[at as usize].clone()))
                        .collect(),
                    proof: body.proof(&indices(fields)).expect("a proof"),
                    ..Openings::default()
                }),
            }
        });
        Bundle {
            statement: self.statement(Algorithm::Ed25519).as_bytes().to_vec(),
            receipts: vec![self.receipt().as_bytes().to_vec()],
            checkpoint: Some(self.checkpoint().to_string()),
            anchors: vec![self.anchor()],
            disclosures: Some(Disclosures {
                events: shown.collect(),
                proof: multi_proof(&leaves, &indices(seqs)).expect("a proof"),
                ..Disclosures::default()
            }),
            proofs: Vec::new(),
            keys: None,
        }
    }
}

fn event((seq, kind): (u8, Kind)) -> (Event, Body) {
    let (actor, subject) = ("agent:seeder", "tool:shell/run");
    let field = |index: u8, name, value: Value| {
        Field::from_value(Salt([seq * 16 + index; 16]), name, &value).expect("a field")
    };
    let fields = vec![
        field(1, "actor", actor.into()),
        field(2, "subject", subject.into()),
        field(3, "raw", Value::Bytes(br#"{"tool":"run"}"#.to_vec())),
    ];
    let body = Body::new(Salt([seq * 16; 16]), fields).expect("a body");
    let header = Header {
        kind,
        decision: Decision::Allow,
        flags: Flags::HUMAN,
        round: 1,
        seq: u64::from(seq),
        time: 1_800_000_000_000 + u64::from(seq) * 1000,
        cost: Some(250),
        budget: Some(1_000_000 - 250 * u64::from(seq)),
        score: Some(700_000),
        parent: u32::from(seq).checked_sub(1),
        actor: NameId::of(actor),
        subject: NameId::of(subject),
    };
    (Event::new(&header, body.root()), body)
}
