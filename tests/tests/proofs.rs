//! Claims are proven with the one program and required with the other; whatever is changed, swapped or
//! left out is noticed.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use avouch_bundle::Bundle;
use avouch_tests::{program, repository};
use serde_json::Value;

struct World {
    _dir: tempfile::TempDir,
    dir: PathBuf,
}

fn fixture(name: &str) -> String {
    let path = repository().join("fixtures").join(name);
    path.canonicalize().unwrap().to_string_lossy().into_owned()
}

fn claims(name: &str) -> String {
    fixture(&format!("claims/{name}.claims.toml"))
}

impl World {
    /// Two sealed runs, and a proof of the first one's claims.
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let world = Self {
            dir: temporary.path().to_owned(),
            _dir: temporary,
        };
        world.avouch(0, &["init"]);
        let sources = ["agent-session.jsonl", "debate.jsonl"].map(fixture);
        world.avouch(0, &["ingest", &sources[0], &sources[1]]);
        world.avouch(0, &["seal", "--all", "-o", "plain"]);
        let of_session = claims("agent-session");
        let (said, aside) = world.avouch(
            0,
            &["prove", "bill-418", "--claims", &of_session, "-o", "proven"],
        );
        assert!(said.contains("claims proven"), "{said}");
        // The estimate came first.
        assert!(aside.contains("of processor time"), "{aside}");
        world
    }

    fn avouch(&self, code: i32, args: &[&str]) -> (String, String) {
        let output = Command::new(program("avouch"))
            .args(args)
            .current_dir(&self.dir)
            .env_remove("AVOUCH_HOME")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        let found = output.status.code();
        assert_eq!(found, Some(code), "avouch {args:?}\n{out}\n{err}");
        (out, err)
    }

    /// The home's policy, with the claims of a file and these lines of `[require]`.
    fn policy(&self, required: &str, lines: &str) -> String {
        let trust = fs::read_to_string(self.dir.join(".avouch/trust.toml")).unwrap();
        let trust = trust.replace("[require]\n", &format!("[require]\n{lines}\n"));
        let written = fs::read_to_string(required).unwrap();
        let written = written
            .replace("version = 1\n", "")
            .replace("[[claim]]", "[[require.claim]]");
        let path = self.dir.join("policy.toml");
        fs::write(&path, format!("{trust}\n{written}")).unwrap();
        path.to_string_lossy().into_owned()
    }

    /// What both verifiers say of a bundle.
    fn verify(&self, code: i32, bundle: &Path, policy: &str) -> Value {
        let bundle = bundle.to_str().unwrap();
        let args = [bundle, "--trust", policy, "--json"];
        let (said, _) = self.avouch(code, &[&["verify"], &args[..]].concat());
        let alone = Command::new(program("avouch-verify"))
            .args(args)
            .current_dir(&self.dir)
            .output()
            .unwrap();
        assert_eq!(alone.status.code(), Some(code));
        assert_eq!(String::from_utf8(alone.stdout).unwrap(), said);
        let mut said: Value = serde_json::from_str(&said).unwrap();
        said["answers"][0]["report"].take()
    }

    fn read(&self, name: &str) -> Bundle {
        Bundle::decode(&fs::read(self.dir.join(name)).unwrap()).unwrap()
    }

    /// Writes a changed bundle, with its digest made right.
    fn write(&self, bundle: &Bundle) -> PathBuf {
        let path = self.dir.join("changed.avouch");
        fs::write(&path, bundle.encode().unwrap()).unwrap();
        path
    }
}

fn check<'a>(report: &'a Value, name: &str) -> (&'a str, &'a str) {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap();
    let text = |member: &str| check[member].as_str().unwrap();
    (text("outcome"), text("reason"))
}

#[test]
fn claims_are_proven_required_and_cannot_be_faked() {
    let world = World::new();
    let proven = world.dir.join("proven/bill-418.avouch");
    let session = world.policy(&claims("agent-session"), "hiding = true\nsecurity = 100");

    let report = world.verify(0, &proven, &session);
    assert_eq!(check(&report, "claims").0, "pass");
    assert_eq!(report["about"]["shown"]["events"], 0, "nothing is shown");
    let one = &report["about"]["proven"][0];
    assert_eq!(one["system"], "stark");
    assert_eq!(one["hiding"], true);
    assert!(one["security_bits"].as_u64().unwrap() >= 100, "{one}");
    assert_eq!(one["claims"].as_array().unwrap().len(), 9);

    // Taken away, it is missed; unless the headers are shown, by which the claims are judged.
    let plain = Path::new("plain/bill-418.avouch");
    let report = world.verify(3, plain, &session);
    let (outcome, reason) = check(&report, "claims");
    assert_eq!(outcome, "not-checked");
    assert!(reason.contains("nothing shows it"), "{reason}");
    world.avouch(
        0,
        &["seal", "bill-418", "-o", "shown", "--disclose", "headers"],
    );
    let shown = Path::new("shown/bill-418.avouch");
    assert_eq!(check(&world.verify(0, shown, &session), "claims").0, "pass");

    // More security than it has, and claims that nobody has proven.
    let strong = world.policy(&claims("agent-session"), "security = 200");
    let report = world.verify(3, &proven, &strong);
    assert!(check(&report, "claims").1.contains("requires 200"));
    let strict = world.policy(&claims("agent-session-strict"), "");
    world.verify(3, &proven, &strict);
    // With the headers it is known that they are false.
    let report = world.verify(1, shown, &strict);
    assert!(check(&report, "claims").1.contains("does not hold"));

    let session = world.policy(&claims("agent-session"), "");
    let good = world.read("proven/bill-418.avouch");
    let change = |code: i32, change: &dyn Fn(&mut Bundle)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        world.verify(code, &world.write(&bundle), &session)
    };
    // Another run's statement with this proof.
    let debate = world.read("plain/partition-debate.avouch");
    let report = change(1, &|bundle| {
        *bundle = Bundle {
            proofs: bundle.proofs.clone(),
            ..debate.clone()
        }
    });
    assert_eq!(check(&report, "proofs").0, "fail");
    assert!(report["about"]["proven"].is_null());
    // Other claims with this proof, and claims that are none.
    let strict = avouch::read_claims(Path::new(&claims("agent-session-strict"))).unwrap();
    change(1, &|bundle| {
        bundle.proofs[0].claims = strict.claims.encode()
    });
    change(1, &|bundle| bundle.proofs[0].claims = vec![0x80]);
    // Bits flipped, and bytes cut off or added.
    let length = good.proofs[0].proof.len();
    for at in [0, 4, 5, 8, 12, 60, length / 3, length / 2, length - 1] {
        let report = change(1, &|bundle| bundle.proofs[0].proof[at] ^= 1);
        assert_eq!(check(&report, "proofs").0, "fail", "byte {at}");
    }
    for keep in [0, 3, 40, length / 2, length - 1] {
        change(1, &|bundle| bundle.proofs[0].proof.truncate(keep));
    }
    change(1, &|bundle| bundle.proofs[0].proof.push(0));
    change(1, &|bundle| bundle.proofs[0].preset = "another".into());
    // A system that nobody here knows shows nothing, and is no lie.
    let report = change(3, &|bundle| bundle.proofs[0].system = "snark".into());
    let (outcome, reason) = check(&report, "proofs");
    assert_eq!(outcome, "not-checked");
    assert!(reason.contains("\"snark\""), "{reason}");
}

#[test]
fn the_preset_is_chosen_by_name() {
    let world = World::new();
    let claims = claims("agent-session");
    let prove = |code: i32, preset: &str| {
        let args = ["prove", "bill-418", "--claims", &claims, "-o", "chosen"];
        world.avouch(code, &[&args[..], &["--preset", preset]].concat())
    };
    let (said, _) = prove(0, "proven-100-lean");
    assert!(said.contains("stark proven-100-lean"), "{said}");
    let policy = world.policy(&claims, "hiding = true\nsecurity = 100");
    let chosen = Path::new("chosen/bill-418.avouch");
    let report = world.verify(0, chosen, &policy);
    assert_eq!(check(&report, "claims").0, "pass");
    assert_eq!(report["about"]["proven"][0]["preset"], "proven-100-lean");
    // The same proof is none of another preset's.
    let mut bundle = world.read("chosen/bill-418.avouch");
    bundle.proofs[0].preset = "proven-100".into();
    let report = world.verify(1, &world.write(&bundle), &policy);
    assert_eq!(check(&report, "proofs").0, "fail");
    // Nobody knows another, and the answer names those that there are.
    let (_, why) = prove(2, "proven-200");
    assert!(why.contains("proven-100-small"), "{why}");
}

#[test]
fn the_chain_is_proven_when_asked() {
    let world = World::new();
    let claims = claims("agent-session");
    let policy = world.policy(&claims, "hiding = true");
    let without = Path::new("proven/bill-418.avouch");
    let report = world.verify(0, without, &policy);
    assert_eq!(report["about"]["proven"][0]["root_and_chain"], false);
    assert_eq!(report["about"]["root_and_chain_agree"], false);
    let not_shown = |report: &Value| report["not_shown"].to_string();
    assert!(not_shown(&report).contains("root-and-chain"));

    let args = ["bill-418", "--claims", &claims, "--chain", "-o", "chained"];
    world.avouch(0, &[&["prove"], &args[..]].concat());
    let report = world.verify(0, Path::new("chained/bill-418.avouch"), &policy);
    assert_eq!(report["about"]["proven"][0]["root_and_chain"], true);
    assert_eq!(report["about"]["root_and_chain_agree"], true);
    assert_eq!(report["about"]["shown"]["events"], 0, "nothing is shown");
    assert!(!not_shown(&report).contains("root-and-chain"));

    // A proof cannot be said to be about more than it is, nor about less. Byte 6 says which.
    for name in ["proven/bill-418.avouch", "chained/bill-418.avouch"] {
        let mut bundle = world.read(name);
        bundle.proofs[0].proof[6] ^= 1;
        let report = world.verify(1, &world.write(&bundle), &policy);
        assert_eq!(check(&report, "proofs").0, "fail");
    }
}

#[test]
fn what_is_false_is_not_proven() {
    let world = World::new();
    let strict = claims("agent-session-strict");
    let (said, _) = world.avouch(
        1,
        &["prove", "bill-418", "--claims", &strict, "-o", "strict"],
    );
    assert!(said.contains("DOES NOT HOLD"), "{said}");
    assert!(said.contains("FALSE"), "{said}");
    assert!(said.contains("event "), "{said}");
    assert!(!world.dir.join("strict").exists());
}
