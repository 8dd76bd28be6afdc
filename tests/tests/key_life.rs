//! Keys from their making to their end, with the programs: on a token, delegated, rotated, revoked.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use avouch::Home;
use avouch::cose::{Algorithm, CosignerKey, Note, SigningKey};
use avouch_tests::{program, repository, tool};

const WITNESS: &str = "witness.example/w1";
const PIN: &str = "97531";
/// 2100-01-01T00:00:00Z, and a day around it.
const NEW_CENTURY: u64 = 4_102_444_800;
const DAY: u64 = 86_400;

struct Desk {
    dir: tempfile::TempDir,
    env: Vec<(&'static str, PathBuf)>,
}

impl Desk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            env: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, name: &Path, line: &str) -> Output {
        Command::new(name)
            .args(line.split_whitespace())
            .current_dir(self.dir.path())
            .env_remove("AVOUCH_HOME")
            .env_remove("AVOUCH_PASSPHRASE_FILE")
            .envs(self.env.iter().cloned())
            .output()
            .unwrap()
    }

    /// Runs a program that must end with `code`; returns all that it printed.
    #[track_caller]
    fn expect(&self, name: &str, code: i32, line: &str) -> String {
        let output = self.run(&program(name), line);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{name} {line}\n{text}");
        text
    }

    #[track_caller]
    fn avouch(&self, code: i32, line: &str) -> String {
        self.expect("avouch", code, line)
    }

    #[track_caller]
    fn verify(&self, code: i32, bundle: &str, policy: &str) -> String {
        self.expect("avouch-verify", code, &format!("{bundle} --trust {policy}"))
    }

    fn ingest(&self, name: &str, agent: &str) {
        let session = fs::read(repository().join("fixtures/agent-session.jsonl")).unwrap();
        // The same bytes again would be the same input.
        let different = name.bytes().map(usize::from).sum();
        let session = [&session[..], "\n".repeat(different).as_bytes()].concat();
        let path = self.path(&format!("{name}.jsonl"));
        fs::write(&path, session).unwrap();
        self.avouch(
            0,
            &format!("ingest {name}.jsonl --name {name} --agent {agent}"),
        );
    }
}

fn witness() -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[11; 32]).unwrap()
}

/// Has the witness cosign the log's last checkpoint, at a time of the test's choosing.
fn cosign(desk: &Desk, at: u64) {
    let home = Home::open(desk.path(".avouch")).unwrap();
    let signed = home.ledger().checkpoint().unwrap().unwrap();
    let mut note = Note::parse(&signed.note).unwrap();
    note.cosign(WITNESS, &witness(), at).unwrap();
    let key = CosignerKey::new(WITNESS, witness().verifying_key()).unwrap();
    home.ledger().add_cosignatures(&note, &[key]).unwrap();
}

/// The home's policy with the witness and what else is given, as `policy.toml`.
fn write_policy(desk: &Desk, issuer: &str, end: &str) {
    let key = CosignerKey::new(WITNESS, witness().verifying_key()).unwrap();
    let trust = fs::read_to_string(desk.path(".avouch/trust.toml")).unwrap();
    let trust = trust.replacen("[[log]]", &format!("{issuer}\n[[log]]"), 1);
    let text =
        format!("{trust}witnesses = 0\n[[witness]]\nname = {WITNESS:?}\nkey = \"{key}\"\n{end}");
    fs::write(desk.path("policy.toml"), text).unwrap();
}

fn desk() -> Desk {
    let desk = Desk::new();
    desk.avouch(0, "init --issuer https://acme.invalid/agents");
    write_policy(&desk, "", "");
    desk
}

#[test]
fn a_delegate_seals_and_the_root_key_alone_is_pinned() {
    let desk = desk();
    desk.avouch(0, "key new bot --key-type p256");
    desk.avouch(
        0,
        "key delegate bot --agent agent:bot --until 2100-01-01T00:00:00Z",
    );
    desk.ingest("one", "agent:bot");
    desk.ingest("two", "agent:other");
    let refused = desk.avouch(2, "seal two --key bot -o evidence");
    assert!(
        refused.contains("does not cover agent \"agent:other\""),
        "{refused}"
    );
    desk.avouch(0, "seal one --key bot -o evidence --disclose all");
    // Nobody dates it yet, so that the delegation's end leaves it open.
    let open = desk.verify(3, "evidence/one.avouch", "policy.toml");
    assert!(open.contains("MISSING  key-chain"), "{open}");
    cosign(&desk, NEW_CENTURY - DAY);
    desk.avouch(0, "seal one -o evidence --disclose all");
    let report = desk.verify(0, "evidence/one.avouch", "policy.toml");
    assert!(
        report.contains("pass     key-chain       1 key statement leads from pinned key"),
        "{report}"
    );
    desk.avouch(0, "fsck");
    let status = desk.avouch(0, "key status");
    assert!(
        status.contains("delegate") && status.contains("agent:bot, until 2100"),
        "{status}"
    );
}

#[test]
fn a_revoked_key_is_refused_after_its_time_and_accepted_before() {
    let desk = desk();
    desk.avouch(0, "key new bot");
    desk.avouch(0, "key delegate bot --agent agent:bot");
    desk.ingest("before", "agent:bot");
    desk.avouch(0, "seal before --key bot -o evidence");
    cosign(&desk, NEW_CENTURY - DAY);
    desk.ingest("after", "agent:bot");
    desk.avouch(0, "seal after --key bot -o evidence");
    desk.avouch(0, "key revoke bot --from 2100-01-01T00:00:00Z");
    cosign(&desk, NEW_CENTURY + DAY);
    // Both are written again, with the revocation and the checkpoints that date them.
    desk.avouch(0, "seal before after -o evidence");
    let early = desk.verify(0, "evidence/before.avouch", "policy.toml");
    assert!(
        early.contains("witnesses had seen the statement at 2099-12-31"),
        "{early}"
    );
    let late = desk.verify(1, "evidence/after.avouch", "policy.toml");
    assert!(
        late.contains("is revoked from 2100-01-01T00:00:00Z, and nothing shows"),
        "{late}"
    );
    // Without the revocation in the bundle it passes, unless the verifier knows it from elsewhere.
    let id = desk.avouch(0, "key list --json");
    let id: serde_json::Value = serde_json::from_str(&id).unwrap();
    let id = id
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == "bot")
        .unwrap();
    let id = id["key_id"].as_str().unwrap();
    write_policy(
        &desk,
        "",
        &format!("[[revoked]]\nkey_id = \"{id}\"\nfrom = 2099-01-01T00:00:00Z\n"),
    );
    desk.verify(1, "evidence/before.avouch", "policy.toml");
    desk.avouch(0, "fsck");
}

#[test]
fn after_a_rotation_the_new_key_seals_under_the_old_policy() {
    let desk = desk();
    desk.avouch(0, "key new next --key-type p256");
    desk.avouch(0, "key new spare");
    desk.avouch(0, "key recovery spare");
    desk.ingest("one", "agent:a");
    desk.avouch(0, "seal one -o evidence");
    desk.avouch(0, "key rotate next");
    desk.ingest("two", "agent:a");
    let refused = desk.avouch(2, "seal two --key issuer -o evidence");
    assert!(refused.contains("was rotated"), "{refused}");
    desk.avouch(0, "seal two -o evidence");
    for name in ["one", "two"] {
        desk.verify(0, &format!("evidence/{name}.avouch"), ".avouch/trust.toml");
    }
    // What was sealed with the old key can be erased with the new one.
    desk.avouch(0, "redact one --event 3 --field raw --reason asked-to");
    desk.avouch(0, "seal one -o evidence --disclose all");
    let erased = desk.verify(0, "evidence/one.avouch", ".avouch/trust.toml");
    assert!(erased.contains("pass     redactions"), "{erased}");
    // The new key revokes the old one: nobody had seen that run before.
    desk.avouch(0, "key revoke issuer --from 2001-01-01T00:00:00Z");
    desk.avouch(0, "seal one two -o late");
    let late = desk.verify(1, "late/one.avouch", ".avouch/trust.toml");
    assert!(
        late.contains("is revoked from 2001-01-01T00:00:00Z"),
        "{late}"
    );
    // The recovery key replaces a lost key; who pins it follows.
    desk.avouch(0, "key new third");
    desk.avouch(0, "key rotate third --by spare");
    desk.ingest("three", "agent:a");
    desk.avouch(0, "seal three -o evidence");
    let unknown = desk.verify(3, "evidence/three.avouch", ".avouch/trust.toml");
    assert!(unknown.contains("MISSING  key-chain"), "{unknown}");
    let spare = desk.avouch(0, "key export spare");
    write_policy(&desk, &format!("recovery = '''\n{spare}'''"), "");
    desk.verify(0, "evidence/three.avouch", "policy.toml");
    desk.avouch(0, "fsck");
    // All of one agent, whichever key signed.
    let all = "evidence/one.avouch evidence/two.avouch evidence/three.avouch --agent agent:a";
    desk.verify(0, all, "policy.toml");
}

/// A desk whose tokens are in it, with a key of each kind on the token `test`.
fn token() -> Option<Desk> {
    let softhsm = tool("AVOUCH_SOFTHSM", "softhsm2-util")?;
    // tests/run installs it.
    let openssl = PathBuf::from("openssl");
    let mut desk = Desk::new();
    fs::create_dir(desk.path("tokens")).unwrap();
    let conf = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        desk.path("tokens").display()
    );
    fs::write(desk.path("softhsm2.conf"), conf).unwrap();
    fs::write(desk.path("pin"), format!("{PIN}\n")).unwrap();
    fs::write(desk.path("wrong-pin"), "11111\n").unwrap();
    desk.env = vec![("SOFTHSM2_CONF", desk.path("softhsm2.conf"))];
    let done = |name: &Path, line: &str| {
        let output = desk.run(name, line);
        let text = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&text)
        );
    };
    done(
        &softhsm,
        &format!("--init-token --free --label test --pin {PIN} --so-pin {PIN}"),
    );
    for (id, name, how) in [
        (1, "p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
        (2, "ed25519", "-algorithm ED25519"),
    ] {
        done(&openssl, &format!("genpkey {how} -out {name}.pem"));
        let line =
            format!("--import {name}.pem --token test --label {name} --id 0{id} --pin {PIN}");
        done(&softhsm, &line);
        // From here on, the token alone has it.
        fs::remove_file(desk.path(&format!("{name}.pem"))).unwrap();
    }
    Some(desk)
}

/// SoftHSM's library, where Debian and others have it.
fn module() -> String {
    let known = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    let found = known.into_iter().find(|path| Path::new(path).is_file());
    found.expect("libsofthsm2.so").to_owned()
}

#[test]
fn a_run_sealed_with_a_key_on_a_token_verifies_like_any_other() {
    let Some(desk) = token() else { return };
    let module = module();
    for name in ["p256", "ed25519"] {
        let home = format!("home-{name}");
        let uri =
            format!("pkcs11:token=test;object={name}?module-path={module}&pin-source=file:pin");
        desk.avouch(
            0,
            &format!("--home {home} init --issuer https://acme.invalid --issuer-key {uri}"),
        );
        let session = repository().join("fixtures/agent-session.jsonl");
        let session = session.display();
        desk.avouch(
            0,
            &format!("--home {home} ingest {session} --name run --agent agent:a"),
        );
        desk.avouch(
            0,
            &format!("--home {home} seal run -o {name} --disclose all"),
        );
        let report = desk.verify(
            0,
            &format!("{name}/run.avouch"),
            &format!("{home}/trust.toml"),
        );
        let signed = format!("{name} signature by the key of \"https://acme.invalid\"");
        assert!(report.contains(&signed), "{report}");
        desk.avouch(0, &format!("--home {home} fsck"));
        // No private key is on disk but the log's, and the PIN is nowhere.
        assert!(!desk.path(&format!("{home}/keys/issuer.pem")).exists());
        let kept = fs::read_to_string(desk.path(&format!("{home}/keys/issuer.pkcs11"))).unwrap();
        assert!(!kept.contains(PIN) && report.matches(PIN).count() == 0);
    }
}

#[test]
fn a_tokens_key_that_cannot_be_used_is_refused_without_telling_the_pin() {
    let Some(desk) = token() else { return };
    let module = module();
    let refused = |uri: &str, why: &str| {
        let said = desk.avouch(2, &format!("--home h init --issuer-key {uri}"));
        assert!(said.contains(why), "{uri}: {said}");
        assert!(!said.contains(PIN) && !said.contains("11111"), "{said}");
        assert!(!desk.path("h").exists());
    };
    let key = format!("pkcs11:token=test;object=p256?module-path={module}");
    refused(&format!("{key}&pin-source=file:wrong-pin"), "PIN");
    refused(&key, "a PIN is needed");
    refused(
        &format!("{key}&pin-value={PIN}").replace(PIN, "00000"),
        "does not belong in a command line",
    );
    refused(
        &format!("{}&pin-source=file:pin", key.replace("test", "other")),
        "there is no such token",
    );
    let missing = key.replace("p256", "other");
    refused(
        &format!("{missing}&pin-source=file:pin"),
        "holds no private key of this name",
    );
    let module = "pkcs11:token=test;object=p256?module-path=/nowhere.so&pin-source=file:pin";
    refused(module, "/nowhere.so");
}

#[test]
fn a_token_holds_the_key_of_a_delegate_too() {
    let Some(desk) = token() else { return };
    desk.avouch(0, "init --issuer https://acme.invalid");
    let uri = format!(
        "pkcs11:token=test;object=ed25519?module-path={}&pin-source=file:pin",
        module()
    );
    desk.avouch(0, &format!("key link hsm {uri}"));
    desk.avouch(0, "key delegate hsm --agent agent:a");
    desk.ingest("run", "agent:a");
    desk.avouch(0, "seal run --key hsm -o evidence");
    desk.verify(0, "evidence/run.avouch", ".avouch/trust.toml");
    // No other key takes its name.
    desk.avouch(2, "key new hsm");
    // By its URI as well as by its name.
    desk.ingest("again", "agent:a");
    desk.avouch(0, &format!("seal again --key {uri} -o evidence"));
    desk.verify(0, "evidence/again.avouch", ".avouch/trust.toml");
}
