//! Anchoring end to end: `avouch anchor` against services that run here, evidence that carries their receipts, and an
//! auditor without a network; with `openssl ts`, rfc3161-client and the OpenTimestamps library as judges of each other.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use avouch::anchors::git::write_public_key;
use avouch::anchors::{opentimestamps, rfc3161};
use avouch_bundle::Bundle;
use avouch_cose::VerifyingKey;
use avouch_tests::desk::{Desk, fixture};
use avouch_tests::outside::{Calendar, Chain, Manner, RICH_ACCOUNT, Tsa};
use avouch_tests::{program, tool};
use serde_json::{Value, json};

/// A desk with one sealed run.
fn sealed() -> Desk {
    let desk = Desk::new();
    desk.ingest(&fixture("agent-session.jsonl"));
    desk.ok(&["seal", "--all", "-o", "evidence"]);
    desk
}

fn append(path: PathBuf, text: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn services(desk: &Desk, text: &str) {
    append(desk.path(".avouch/anchors.toml"), text);
}

fn trust(desk: &Desk, text: &str) {
    append(desk.path(".avouch/trust.toml"), text);
}

fn anchors(desk: &Desk, code: i32, args: &[&str]) -> Vec<Value> {
    let (said, _) = desk.expect(code, &[&["anchor", "--json"], args].concat());
    let said: Value = serde_json::from_str(&said).unwrap();
    said["anchors"].as_array().unwrap().clone()
}

/// What the auditor's own program says of the bundle, by the home's policy.
fn verdict(desk: &Desk) -> (i32, Value) {
    let bundle = desk.only_file("evidence");
    let args = [
        "--json",
        "--trust",
        ".avouch/trust.toml",
        bundle.to_str().unwrap(),
    ];
    let run = desk.run("avouch-verify", &args);
    let said: Value = serde_json::from_slice(&run.stdout).unwrap();
    (
        run.status.code().unwrap(),
        said["answers"][0]["report"].clone(),
    )
}

fn check<'r>(report: &'r Value, name: &str) -> &'r Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

/// Whatever ran last, sealed again, so that the evidence carries what has come since.
fn reseal(desk: &Desk) {
    desk.ok(&["seal", "--all", "-o", "evidence"]);
}

#[test]
fn a_time_stamp_is_asked_for_kept_carried_and_verified_offline() {
    let (desk, tsa) = (sealed(), Tsa::new());
    services(&desk, &tsa.service_toml("tsa"));
    trust(&desk, &tsa.anchor_toml("tsa"));
    // What is required is not there yet.
    let (code, report) = verdict(&desk);
    assert_eq!(
        (code, &check(&report, "anchors")["required"]),
        (3, &Value::Bool(true))
    );
    let kept = anchors(&desk, 0, &[]);
    assert_eq!(kept[0]["standing"], "complete");
    assert_eq!(kept[0]["judged"]["outcome"], "verified");
    // Asking again asks nobody: there is a receipt for this checkpoint.
    anchors(&desk, 0, &[]);
    assert_eq!(tsa.requests.lock().unwrap().len(), 1);
    reseal(&desk);
    let (code, report) = verdict(&desk);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["about"]["anchors"][0]["anchors"][0], "tsa");
    assert!(report["about"]["anchors"][0]["by_s"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(desk.ok(&["fsck"]).matches("1 anchors").count(), 1);
    // What the log holds later changes nothing for what is anchored.
    desk.ingest(&fixture("claude-code-session.jsonl"));
    desk.ok(&["seal", "--all", "-o", "later"]);
    assert_eq!(verdict(&desk).0, 0);
}

#[test]
fn openssl_and_rfc3161_client_agree_with_us_both_ways() {
    let (desk, tsa) = (sealed(), Tsa::new());
    services(&desk, &tsa.service_toml("tsa"));
    trust(&desk, &tsa.anchor_toml("tsa"));
    anchors(&desk, 0, &["--export", "proofs"]);
    let (text, proof) = (
        desk.path("proofs/checkpoint-1.txt"),
        desk.path("proofs/checkpoint-1.tsa.tsr"),
    );
    let (text_name, proof_name) = (text.to_str().unwrap(), proof.to_str().unwrap());
    let (good, said) = tsa.openssl(&format!(
        "ts -verify -data {text_name} -in {proof_name} -CAfile root.pem"
    ));
    assert!(good && said.contains("Verification: OK"), "{said}");
    let root = tsa.path("root.pem");
    let Some(python) = tool("AVOUCH_PYTHON", "python3") else {
        return;
    };
    let judge = |args: &[&str]| {
        let tool = avouch_tests::repository().join("tests/tools/check_anchors.py");
        let run = Command::new(&python).arg(tool).args(args).output().unwrap();
        (
            run.status.success(),
            String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned(),
        )
    };
    let (good, said) = judge(&["tsr-verify", proof_name, text_name, root.to_str().unwrap()]);
    assert!(good && said.contains("verified"), "{said}");
    // Their question, the authority's answer, our verdict; and theirs and ours about another text.
    let query = desk.path("theirs.tsq");
    let (good, said) = judge(&["tsr-query", query.to_str().unwrap(), text_name]);
    assert!(good, "{said}");
    let answer = tsa.answer(&query);
    let roots = rfc3161::certificates_from_pem(&fs::read_to_string(&root).unwrap()).unwrap();
    let authority = rfc3161::Authority::new(roots, &[], 60).unwrap();
    let digest = avouch::merkle::sha256(&[&fs::read(&text).unwrap()]).0;
    authority.verify_response(&digest, &answer).unwrap();
    let other = desk.path("other.txt");
    fs::write(&other, "other").unwrap();
    let (good, _) = judge(&[
        "tsr-verify",
        proof_name,
        other.to_str().unwrap(),
        root.to_str().unwrap(),
    ]);
    assert!(!good);
    assert!(
        authority
            .verify_response(&[0; 32], &fs::read(&proof).unwrap())
            .is_err()
    );
}

#[test]
fn what_an_authority_answers_is_not_believed_for_answering() {
    let (desk, tsa) = (sealed(), Tsa::new());
    services(&desk, &tsa.service_toml("tsa"));
    trust(&desk, &tsa.anchor_toml("tsa"));
    let answers = |manner, code, words: &str| {
        tsa.manners.lock().unwrap().push_back(manner);
        let kept = anchors(&desk, code, &["--attempts", "1"]);
        let error = kept[0]["error"].as_str().unwrap();
        assert!(error.contains(words), "{error}");
        assert_eq!(kept[0]["judged"], Value::Null);
    };
    answers(Manner::Replays, 1, "something else");
    answers(Manner::Redirects, 3, "status 307");
    answers(Manner::Unavailable, 3, "status 503");
    answers(Manner::Endless, 3, "longer than");
    // Every time the same question, until there is an answer to it; and what fails once is asked again.
    tsa.manners.lock().unwrap().push_back(Manner::Unavailable);
    let kept = anchors(&desk, 0, &[]);
    assert_eq!(kept[0]["standing"], "complete");
    let requests = tsa.requests.lock().unwrap();
    assert_eq!(requests.len(), 6);
    assert!(requests.iter().all(|request| *request == requests[0]));
}

#[test]
fn kill_9_at_any_point_leads_to_one_anchor() {
    let (desk, tsa) = (sealed(), Tsa::new());
    services(&desk, &tsa.service_toml("tsa"));
    trust(&desk, &tsa.anchor_toml("tsa"));
    for round in 0..40_u64 {
        // Some are killed while they wait for an answer.
        if round % 4 == 0 {
            tsa.manners.lock().unwrap().push_back(Manner::Silent);
        }
        let mut child = Command::new(avouch_tests::program("avouch"))
            .args(["anchor", "--attempts", "1"])
            .current_dir(desk.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_micros(round * 1_931 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(anchors(&desk, if killed_before(&desk) { 3 } else { 0 }, &["--list"]).len() <= 1);
    }
    tsa.manners.lock().unwrap().clear();
    let kept = anchors(&desk, 0, &[]);
    assert_eq!(
        (kept.len(), &kept[0]["standing"]),
        (1, &Value::from("complete"))
    );
    // However often it was sent, it was one request; and one receipt is kept.
    let requests = tsa.requests.lock().unwrap();
    assert!(requests.iter().all(|request| *request == requests[0]));
    assert!(desk.ok(&["fsck"]).contains("1 anchors"));
    drop(requests);
    reseal(&desk);
    let (code, report) = verdict(&desk);
    assert_eq!(code, 0);
    assert_eq!(report["about"]["anchors"].as_array().unwrap().len(), 1);
}

/// Whether the request has no receipt yet. An empty list holds.
fn killed_before(desk: &Desk) -> bool {
    let home = avouch::Home::open(desk.path(".avouch")).unwrap();
    let requests = home.ledger().anchor_requests().unwrap();
    requests.iter().any(|request| request.receipt.is_none())
}

#[test]
fn calendars_promise_and_a_block_keeps_the_promise() {
    let Some(python) = tool("AVOUCH_PYTHON", "python3") else {
        return;
    };
    let desk = sealed();
    let mut calendars = [
        Calendar::start(&python, 900_000),
        Calendar::start(&python, 900_100),
    ];
    let urls: Vec<&str> = calendars
        .iter()
        .map(|calendar| calendar.url.as_str())
        .collect();
    services(
        &desk,
        &format!(
            "[[service]]\nname = \"ots\"\nkind = \"opentimestamps\"\ncalendars = {urls:?}\nneeded = 2\n"
        ),
    );
    let kept = anchors(&desk, 3, &["--export", "proofs"]);
    assert_eq!(kept[0]["standing"], "pending");
    // Not in a block yet: nothing new, and no failure.
    let kept = anchors(&desk, 3, &["--upgrade"]);
    assert_eq!(
        (&kept[0]["standing"], &kept[0]["error"]),
        (&"pending".into(), &Value::Null)
    );
    let (height, header) = calendars[1].mine();
    assert_eq!(height, 900_100);
    reseal(&desk);
    let block = |header: &str| {
        format!(
            "\n[[anchor]]\nname = \"bitcoin\"\nkind = \"opentimestamps\"\n\
             block = [{{ height = {height}, header = \"{header}\" }}]\n"
        )
    };
    trust(&desk, &block(&header));
    // The evidence carries a promise so far, which never verifies.
    let (code, report) = verdict(&desk);
    assert_eq!(
        (code, &report["about"]["anchors"][0]["outcome"]),
        (3, &"pending".into())
    );
    let kept = anchors(&desk, 0, &["--upgrade", "--export", "proofs"]);
    assert_eq!(
        (&kept[0]["standing"], &kept[0]["judged"]["outcome"]),
        (&"complete".into(), &"verified".into())
    );
    reseal(&desk);
    let (code, report) = verdict(&desk);
    assert_eq!(
        (code, &report["about"]["anchors"][0]["outcome"]),
        (0, &"verified".into())
    );
    // The library reads the file, writes the same, and comes to the same root.
    let show = Command::new(&python)
        .arg(avouch_tests::repository().join("tests/tools/check_anchors.py"))
        .args([
            "ots-show",
            "proofs/checkpoint-1.ots.ots",
            "proofs/checkpoint-1.txt",
        ])
        .current_dir(desk.path("."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&show.stdout);
    assert!(
        show.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&show.stderr)
    );
    let root = &header[72..136];
    assert!(said.contains(&format!("bitcoin {height} {root}")), "{said}");
    assert_eq!(said.matches("pending").count(), 2, "{said}");
}

#[test]
fn files_of_the_opentimestamps_library_read_back_to_the_same_bytes() {
    let Some(python) = tool("AVOUCH_PYTHON", "python3") else {
        return;
    };
    let desk = Desk::new();
    fs::write(desk.path("data"), "data").unwrap();
    let made = Command::new(&python)
        .arg(avouch_tests::repository().join("tests/tools/check_anchors.py"))
        .args(["ots-make", "made.ots", "data"])
        .current_dir(desk.path("."))
        .status()
        .unwrap();
    assert!(made.success());
    let file = fs::read(desk.path("made.ots")).unwrap();
    assert_eq!(opentimestamps::rewritten(&file), Some(file));
}

#[test]
fn upgrades_are_asked_for_only_where_the_configuration_says() {
    let Some(python) = tool("AVOUCH_PYTHON", "python3") else {
        return;
    };
    let desk = sealed();
    let mut calendar = Calendar::start(&python, 900_000);
    let service = |calendar: &str| {
        format!(
            "[[service]]\nname = \"ots\"\nkind = \"opentimestamps\"\ncalendars = [{calendar:?}]\n"
        )
    };
    services(&desk, &service(&calendar.url));
    anchors(&desk, 3, &[]);
    calendar.mine();
    // The receipt names the calendar, but the receipt is not who decides.
    fs::write(desk.path("other.toml"), service("http://127.0.0.1:9")).unwrap();
    let kept = anchors(&desk, 3, &["--upgrade", "--config", "other.toml"]);
    assert_eq!(
        (&kept[0]["standing"], &kept[0]["error"]),
        (&"pending".into(), &Value::Null)
    );
    append(
        desk.path("other.toml"),
        &format!("upgrade_from = [{:?}]\n", calendar.url),
    );
    anchors(&desk, 0, &["--upgrade", "--config", "other.toml"]);
}

#[test]
fn two_of_three_kinds_make_a_quorum_and_secrets_stay_out_of_sight() {
    let (desk, one, two) = (sealed(), Tsa::new(), Tsa::new());
    fs::write(desk.path(".avouch/token"), "Bearer hush-hush\n").unwrap();
    services(
        &desk,
        &format!(
            "{}authorization_file = \"token\"\n{}\n[[service]]\nname = \"gone\"\nkind = \"rfc3161\"\n\
             url = \"http://127.0.0.1:9/\"\n",
            one.service_toml("one"),
            two.service_toml("two")
        ),
    );
    let mut anchored = fs::read_to_string(desk.path(".avouch/trust.toml")).unwrap();
    anchored.push_str("anchors = \"2 of: one, two, three\"\n");
    anchored.push_str(
        &[
            one.anchor_toml("one"),
            two.anchor_toml("two"),
            Tsa::new().anchor_toml("three"),
        ]
        .concat(),
    );
    fs::write(desk.path(".avouch/trust.toml"), anchored).unwrap();
    let (said, aside) = desk.expect(3, &["anchor", "--attempts", "1"]);
    assert!(said.contains("gone (rfc3161), size 1: failed"), "{said}");
    assert!(
        !said.contains("hush") && !aside.contains("hush"),
        "{said}{aside}"
    );
    reseal(&desk);
    let (code, report) = verdict(&desk);
    assert_eq!(code, 0, "{report}");
    // With one of them taken out it is one too few.
    let path = desk.only_file("evidence");
    let mut bundle = Bundle::decode(&fs::read(&path).unwrap()).unwrap();
    let receipts = bundle.anchors.clone();
    assert!(receipts.iter().all(|one| !holds(&one.receipt, b"hush")));
    bundle.anchors.pop();
    fs::write(&path, bundle.encode().unwrap()).unwrap();
    let (code, report) = verdict(&desk);
    assert_eq!(code, 3);
    let reason = check(&report, "anchors")["reason"].as_str().unwrap();
    assert!(reason.contains("2 of 3 are required"), "{reason}");
    // Twice the same is once.
    bundle.anchors = vec![receipts[0].clone(), receipts[0].clone()];
    fs::write(&path, bundle.encode().unwrap()).unwrap();
    assert_eq!(verdict(&desk).0, 3);
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A registry on this chain that the desk's `anchors.toml` lists as `chain`, from nothing; its address.
fn registry(desk: &Desk, chain: &Chain, confirmations: u64) -> String {
    desk.ok(&["key", "new", "anchoring", "--key-type", "p256"]);
    fs::write(desk.path(".avouch/account"), format!("0x{RICH_ACCOUNT}\n")).unwrap();
    services(
        desk,
        &format!(
            "[[service]]\nname = \"chain\"\nkind = \"evm\"\nurl = {:?}\nchain = 31337\n\
             account_file = \"account\"\nkey = \"anchoring\"\nconfirmations = {confirmations}\n",
            chain.url
        ),
    );
    let line = desk.ok(&["anchor", "--deploy", "chain"]);
    services(desk, &line);
    // Deployed once, it is not deployed again.
    desk.expect(2, &["anchor", "--deploy", "chain"]);
    line.split('"').nth(1).unwrap().into()
}

/// The policy's anchor at that registry, with the newest block that holds one of its events.
fn trust_registry(desk: &Desk, chain: &Chain, contract: &str) {
    let key = desk.ok(&["key", "export", "anchoring"]);
    let block = events(chain, contract).pop().unwrap()["blockHash"].clone();
    trust(
        desk,
        &format!(
            "\n[[anchor]]\nname = \"chain\"\nkind = \"evm\"\nchain = 31337\n\
             contract = {contract:?}\nkey = \"\"\"\n{key}\"\"\"\nblock = [{block}]\n"
        ),
    );
}

/// What the registry has accepted.
fn events(chain: &Chain, contract: &str) -> Vec<Value> {
    let filter = json!([{"address": contract, "fromBlock": "earliest"}]);
    let logs = chain.rpc("eth_getLogs", filter);
    logs.as_array().unwrap().clone()
}

#[test]
fn a_registry_is_deployed_asked_and_verified_offline() {
    let Some(chain) = Chain::start() else {
        return;
    };
    let desk = sealed();
    let contract = registry(&desk, &chain, 3);
    let first = anchors(&desk, 3, &[]);
    assert_eq!(first[0]["standing"], "pending", "{first:?}");
    assert_eq!(anchors(&desk, 3, &["--upgrade"])[0]["standing"], "pending");
    chain.rpc("anvil_mine", json!(["0x4"]));
    trust_registry(&desk, &chain, &contract);
    reseal(&desk);
    // The evidence carries the promise, which never verifies.
    assert_eq!(verdict(&desk).0, 3);
    let kept = anchors(&desk, 0, &["--upgrade"]);
    assert_eq!(kept[0]["judged"]["outcome"], "verified", "{kept:?}");
    reseal(&desk);
    let (code, report) = verdict(&desk);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["about"]["anchors"][0]["anchors"][0], "chain");
    // Its receipts hold no secret, and no byte of them can be changed.
    let path = desk.only_file("evidence");
    let good = fs::read(&path).unwrap();
    assert!(!holds(&good, RICH_ACCOUNT.as_bytes()));
    let mut bundle = Bundle::decode(&good).unwrap();
    let receipt = bundle.anchors[0].receipt.clone();
    for at in [receipt.len() / 2, receipt.len() - 1] {
        bundle.anchors[0].receipt[at] ^= 1;
        fs::write(&path, bundle.encode().unwrap()).unwrap();
        assert_ne!(verdict(&desk).0, 0, "byte {at}");
        bundle.anchors[0].receipt.clone_from(&receipt);
    }
    fs::write(&path, good).unwrap();

    // What the log holds later is proven to begin with what is anchored.
    let before = desk.path("before");
    copy_folder(&desk.path(".avouch"), &before);
    desk.ingest(&fixture("claude-code-session.jsonl"));
    desk.ok(&["seal", "--all", "-o", "later"]);
    anchors(&desk, 3, &[]);
    chain.rpc("anvil_mine", json!(["0x4"]));
    let kept = anchors(&desk, 0, &["--upgrade"]);
    assert_eq!((kept.len(), &kept[0]["standing"]), (1, &"complete".into()));
    assert_eq!(events(&chain, &contract).len(), 2);
    // A second history of the log, from a copy of the home, is refused by the chain.
    let home = before.to_str().unwrap();
    let other = desk.path("other.jsonl");
    fs::copy(fixture("claude-code-session.jsonl"), &other).unwrap();
    desk.ok(&["--home", home, "ingest", other.to_str().unwrap()]);
    desk.ok(&["--home", home, "seal", "--all", "-o", "fork"]);
    let (said, aside) = desk.expect(1, &["--home", home, "anchor"]);
    assert!(said.contains("FORKED"), "{said}{aside}");
    assert_eq!(events(&chain, &contract).len(), 2);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.unwrap().success());
}

#[test]
fn kill_9_at_any_point_leads_to_one_transaction_with_an_effect() {
    let Some(chain) = Chain::start() else {
        return;
    };
    let desk = sealed();
    let contract = registry(&desk, &chain, 1);
    for round in 0..24_u64 {
        let mut child = Command::new(avouch_tests::program("avouch"))
            .args(["anchor", "--attempts", "1"])
            .current_dir(desk.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_micros(round * 2_931 % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(events(&chain, &contract).len() <= 1);
    }
    desk.expect(3, &["anchor"]);
    chain.rpc("anvil_mine", json!(["0x1"]));
    let kept = anchors(&desk, 3, &["--list"]);
    assert_eq!(kept.len(), 1);
    trust_registry(&desk, &chain, &contract);
    anchors(&desk, 0, &["--upgrade"]);
    assert_eq!(events(&chain, &contract).len(), 1);
    assert!(desk.ok(&["fsck"]).contains("anchors"));
    reseal(&desk);
    assert_eq!(verdict(&desk).0, 0);
}

#[test]
fn a_transaction_that_can_never_be_mined_is_made_anew() {
    let Some(chain) = Chain::start() else {
        return;
    };
    let desk = sealed();
    let contract = registry(&desk, &chain, 1);
    chain.rpc("evm_setAutomine", json!([false]));
    anchors(&desk, 3, &[]);
    // The node forgets it, and the account uses its number for something else.
    chain.rpc("anvil_dropAllTransactions", json!([]));
    let account = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    let payment = json!([{"from": account, "to": account, "gas": "0x5208"}]);
    chain.rpc("eth_sendTransaction", payment);
    chain.rpc("evm_mine", json!([]));
    let kept = anchors(&desk, 3, &["--upgrade"]);
    assert_eq!(
        (&kept[0]["standing"], &kept[0]["error"]),
        (&"pending".into(), &Value::Null)
    );
    chain.rpc("evm_mine", json!([]));
    trust_registry(&desk, &chain, &contract);
    anchors(&desk, 0, &["--upgrade"]);
    assert_eq!(events(&chain, &contract).len(), 1);
    desk.ok(&["fsck"]);
}

/// What git says, in this folder.
fn git(desk: &Desk, folder: &str, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-C", desk.path(folder).to_str().unwrap()]);
    git.args(args);
    let run = git.output().unwrap();
    let aside = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "git {args:?}: {aside}");
    String::from_utf8(run.stdout).unwrap() + &aside
}

/// A repository in the middle of somebody's work, that the desk's `anchors.toml` lists and pushes to `hub`.
fn repository(desk: &Desk, format: &str) {
    let format = format!("--object-format={format}");
    git(desk, ".", &["init", "-q", "--bare", &format, "hub"]);
    git(desk, ".", &["init", "-q", &format, "work"]);
    for (key, value) in [("user.name", "U"), ("user.email", "u@example.org")] {
        git(desk, "work", &["config", key, value]);
    }
    fs::write(desk.path("work/file"), "one").unwrap();
    git(desk, "work", &["add", "file"]);
    git(desk, "work", &["commit", "-q", "-m", "first"]);
    fs::write(desk.path("work/file"), "staged").unwrap();
    git(desk, "work", &["add", "file"]);
    fs::write(desk.path("work/file"), "not staged").unwrap();
    // A hook would change what somebody works on, and is not run.
    let hook = desk.path("work/.git/hooks/pre-push");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    let executable = Command::new("chmod").arg("+x").arg(&hook).status();
    assert!(executable.unwrap().success());
    desk.ok(&["key", "new", "committer"]);
    services(
        desk,
        "[[service]]\nname = \"repository\"\nkind = \"git\"\nrepository = \"../work\"\n\
         key = \"committer\"\npush_to = \"../hub\"\n",
    );
}

fn trust_committer(desk: &Desk, name: &str) {
    let key = desk.ok(&["key", "export", name]);
    trust(
        desk,
        &format!(
            "\n[[anchor]]\nname = \"colleagues\"\nkind = \"git\"\nkeys = [\"\"\"\n{key}\"\"\"]\n"
        ),
    );
}

#[test]
fn a_commit_is_made_aside_pushed_and_verified_by_git_and_offline() {
    for format in ["sha1", "sha256"] {
        let desk = sealed();
        repository(&desk, format);
        let untouched = || {
            let index = fs::read(desk.path("work/.git/index")).unwrap();
            let head = git(&desk, "work", &["log", "--branches", "--format=%H"]);
            let file = fs::read(desk.path("work/file")).unwrap();
            (index, head, file)
        };
        let before = untouched();
        trust_committer(&desk, "committer");
        let kept = anchors(&desk, 0, &[]);
        assert_eq!(kept[0]["judged"]["outcome"], "verified", "{kept:?}");
        assert_eq!(untouched(), before);
        reseal(&desk);
        let (code, report) = verdict(&desk);
        assert_eq!(code, 0, "{report}");
        assert_eq!(report["about"]["anchors"][0]["anchors"][0], "colleagues");

        // Git's own judgement, from a clone of where it was pushed.
        git(&desk, ".", &["clone", "-q", "hub", "clone"]);
        let reference = "refs/avouch/anchors";
        let refspec = format!("{reference}:{reference}");
        git(&desk, "clone", &["fetch", "-q", "origin", &refspec]);
        let key = VerifyingKey::from_pem(&desk.ok(&["key", "export", "committer"])).unwrap();
        let line = format!("avouch@localhost {}\n", write_public_key(&key));
        fs::write(desk.path("signers"), line).unwrap();
        let signers = desk.path("signers");
        let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        let said = git(
            &desk,
            "clone",
            &["-c", &signers, "verify-commit", reference],
        );
        assert!(said.contains("Good \"git\" signature"), "{said}");
        git(&desk, "clone", &["fsck", "--strict"]);
        desk.expect(0, &["anchor", "--list", "--export", "proofs"]);
        let (mut text, mut commit) = (None, None);
        for entry in fs::read_dir(desk.path("proofs")).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("txt") => text = Some(fs::read_to_string(path).unwrap()),
                Some("commit") => commit = Some(path),
                _ => panic!("{}", path.display()),
            }
        }
        let held = git(
            &desk,
            "clone",
            &["cat-file", "blob", &format!("{reference}:checkpoint")],
        );
        assert_eq!(Some(held), text);
        let commit = commit.unwrap();
        let named = git(
            &desk,
            "work",
            &["hash-object", "-t", "commit", commit.to_str().unwrap()],
        );
        assert_eq!(named, git(&desk, "hub", &["rev-parse", reference]));

        // The next commit follows the first. The same again makes none.
        desk.ingest(&fixture("claude-code-session.jsonl"));
        desk.ok(&["seal", "--all", "-o", "later"]);
        anchors(&desk, 0, &[]);
        anchors(&desk, 0, &[]);
        assert_eq!(
            git(&desk, "hub", &["rev-list", "--count", reference]),
            "2\n"
        );
    }
}

#[test]
fn a_commit_by_somebody_whom_the_policy_does_not_name_dates_nothing() {
    let desk = sealed();
    repository(&desk, "sha1");
    desk.ok(&["key", "new", "colleague"]);
    trust_committer(&desk, "colleague");
    let kept = anchors(&desk, 0, &[]);
    assert_ne!(kept[0]["judged"]["outcome"], "verified", "{kept:?}");
    reseal(&desk);
    assert_eq!(verdict(&desk).0, 3);
}

#[test]
fn kill_9_at_any_point_leads_to_one_commit() {
    let desk = sealed();
    repository(&desk, "sha1");
    trust_committer(&desk, "committer");
    for round in 0..24_u64 {
        let mut child = Command::new(avouch_tests::program("avouch"))
            .args(["anchor", "--attempts", "1"])
            .current_dir(desk.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(round * 7));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    anchors(&desk, 0, &[]);
    assert_eq!(
        git(
            &desk,
            "hub",
            &["rev-list", "--count", "refs/avouch/anchors"]
        ),
        "1\n"
    );
    assert_eq!(anchors(&desk, 0, &["--list"]).len(), 1);
    desk.ok(&["fsck"]);
}

#[test]
fn a_reference_that_somebody_else_moved_gets_the_commit_behind_theirs() {
    let desk = sealed();
    repository(&desk, "sha1");
    trust_committer(&desk, "committer");
    // The push fails, so that there is no receipt yet.
    fs::rename(desk.path("hub"), desk.path("away")).unwrap();
    anchors(&desk, 3, &["--attempts", "1"]);
    let reference = "refs/avouch/anchors";
    let other = git(&desk, "work", &["rev-parse", "HEAD"]);
    git(&desk, "work", &["update-ref", reference, other.trim()]);
    fs::rename(desk.path("away"), desk.path("hub")).unwrap();
    let kept = anchors(&desk, 0, &[]);
    assert_eq!(kept[0]["judged"]["outcome"], "verified", "{kept:?}");
    assert_eq!(
        git(&desk, "hub", &["rev-parse", &format!("{reference}^")]),
        other
    );
    desk.ok(&["fsck"]);
}

/// The auditor's program without a network: in a namespace where no interface is up. `None` where the system does not
/// allow one.
fn verdict_cut_off(desk: &Desk) -> Option<(i32, Value)> {
    let cut_off = |program: &std::path::Path, args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--net", "--map-root-user"]).arg(program);
        command.args(args).current_dir(desk.path("."));
        command.output().unwrap()
    };
    let routes = cut_off("cat".as_ref(), &["/proc/net/route"]);
    if !routes.status.success() {
        eprintln!(
            "SKIPPED: no network namespace: {}",
            String::from_utf8_lossy(&routes.stderr)
        );
        return None;
    }
    // At most the table's head, and no way anywhere.
    assert!(routes.stdout.lines().count() <= 1, "{routes:?}");
    let bundle = desk.only_file("evidence");
    let args = [
        "--json",
        "--trust",
        ".avouch/trust.toml",
        bundle.to_str().unwrap(),
    ];
    let run = cut_off(&program("avouch-verify"), &args);
    let said: Value = serde_json::from_slice(&run.stdout).unwrap();
    Some((
        run.status.code().unwrap(),
        said["answers"][0]["report"].clone(),
    ))
}

#[test]
fn four_anchors_are_verified_with_the_network_cut_off() {
    let (Some(python), Some(chain)) = (tool("AVOUCH_PYTHON", "python3"), Chain::start()) else {
        return;
    };
    let (desk, tsa) = (sealed(), Tsa::new());
    let mut calendar = Calendar::start(&python, 900_000);
    services(&desk, &tsa.service_toml("tsa"));
    services(
        &desk,
        &format!(
            "[[service]]\nname = \"ots\"\nkind = \"opentimestamps\"\ncalendars = [{:?}]\n",
            calendar.url
        ),
    );
    let contract = registry(&desk, &chain, 1);
    repository(&desk, "sha256");
    anchors(&desk, 3, &[]);
    let (height, header) = calendar.mine();
    chain.rpc("anvil_mine", json!(["0x2"]));
    trust(&desk, &tsa.anchor_toml("tsa"));
    trust(
        &desk,
        &format!(
            "\n[[anchor]]\nname = \"bitcoin\"\nkind = \"opentimestamps\"\n\
             block = [{{ height = {height}, header = \"{header}\" }}]\n"
        ),
    );
    trust_registry(&desk, &chain, &contract);
    trust_committer(&desk, "committer");
    let policy = desk.path(".avouch/trust.toml");
    let required = "[require]\nanchors = \"4 of: tsa, bitcoin, chain, colleagues\"\n";
    let text = fs::read_to_string(&policy).unwrap();
    fs::write(&policy, text.replace("[require]\n", required)).unwrap();
    let kept = anchors(&desk, 0, &["--upgrade"]);
    assert!(
        kept.iter()
            .all(|one| one["judged"]["outcome"] == "verified"),
        "{kept:?}"
    );
    reseal(&desk);
    drop((chain, calendar));
    let Some((code, report)) = verdict_cut_off(&desk) else {
        return;
    };
    assert_eq!(code, 0, "{report}");
    let found = report["about"]["anchors"].as_array().unwrap();
    let mut found: Vec<&str> = found
        .iter()
        .map(|one| one["anchors"][0].as_str().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["bitcoin", "chain", "colleagues", "tsa"]);

    // Each of the four counts: without it, or with a bit of it flipped, what is required is not there.
    let path = desk.only_file("evidence");
    let good = Bundle::decode(&fs::read(&path).unwrap()).unwrap();
    for one in 0..4 {
        let mut bundle = good.clone();
        bundle.anchors.remove(one);
        fs::write(&path, bundle.encode().unwrap()).unwrap();
        assert_eq!(verdict_cut_off(&desk).unwrap().0, 3, "without anchor {one}");
        let mut bundle = good.clone();
        let middle = bundle.anchors[one].receipt.len() / 2;
        bundle.anchors[one].receipt[middle] ^= 1;
        fs::write(&path, bundle.encode().unwrap()).unwrap();
        assert_ne!(verdict_cut_off(&desk).unwrap().0, 0, "anchor {one} changed");
    }
}
