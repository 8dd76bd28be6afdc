//! Our log as a transparency service for clients that are none of our code, and what it refuses.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use avouch_cose::{Algorithm, SigningKey, Statement};
use avouch_tests::live::Beside;
use avouch_tests::{program, repository, tool};
use serde_json::Value;

struct World {
    _dir: tempfile::TempDir,
    dir: PathBuf,
    python: Option<PathBuf>,
}

struct Service {
    process: Beside,
    url: String,
}

const ISSUER: &str = "https://vendor.example";

fn signer(seed: u8) -> SigningKey {
    SigningKey::generate(Algorithm::Ed25519, &[seed; 32]).unwrap()
}

/// A statement of ours by that issuer.
fn statement(seed: u8, subject: &str) -> Vec<u8> {
    let made = Statement::sign(
        &signer(seed),
        ISSUER,
        subject,
        1_800_000_000,
        "text/plain",
        b"it ran",
    );
    made.unwrap().as_bytes().to_vec()
}

impl World {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let world = Self {
            dir: temporary.path().to_owned(),
            _dir: temporary,
            python: tool("AVOUCH_PYTHON", "python3"),
        };
        world.done(&["init"]);
        world.trust(&[signer(1).verifying_key().to_pem()]);
        world
    }

    /// The policy: that issuer with these keys.
    fn trust(&self, keys: &[String]) {
        let mut text = "version = 1\n".to_owned();
        for key in keys {
            text += &format!("[[issuer]]\nname = {ISSUER:?}\nkey = '''\n{key}'''\n");
        }
        fs::write(self.dir.join("issuers.toml"), text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(program("avouch"));
        let run = command.args(["--home", "home"]).args(args);
        run.current_dir(&self.dir).output().unwrap()
    }

    fn done(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn serve(&self, more: &[&str]) -> Service {
        let mut command = Command::new(program("avouch"));
        command
            .args(["--home", "home", "serve", "--listen", "127.0.0.1:0"])
            .args(["--issuers", "issuers.toml", "--stop-after", "120"])
            .args(more)
            .current_dir(&self.dir)
            .stderr(Stdio::null());
        let (process, line) = Beside::start_and_read(&mut command);
        let url = line.strip_prefix("listening ").unwrap().to_owned();
        Service { process, url }
    }

    fn client(&self, args: &[&str], env: &[(&str, &str)]) -> Result<Value, String> {
        let script = repository().join("tests/tools/scitt_client.py");
        let output = Command::new(self.python.as_ref().unwrap())
            .arg(script)
            .args(args)
            .envs(env.iter().copied())
            .current_dir(&self.dir)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            false => Err(errors),
        }
    }

    fn fsck(&self) -> Value {
        serde_json::from_str(&self.done(&["fsck", "--json"])).unwrap()
    }
}

/// One request over a plain connection: status, head, body. Status 0 if the connection breaks off.
fn ask(url: &str, head: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let address = url.strip_prefix("http://").unwrap();
    let broken = (0, String::new(), Vec::new());
    let Ok(mut stream) = TcpStream::connect(address) else {
        return broken;
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let request = format!(
        "{head}\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // What is refused early is not read to its end.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let Some(at) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return broken;
    };
    let head = String::from_utf8_lossy(&answer[..at]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[at + 4..].to_vec())
}

const POST: &str = "POST /entries HTTP/1.1\r\nContent-Type: application/cose";

fn says(body: &[u8], words: &str) -> bool {
    body.windows(words.len())
        .any(|window| window == words.as_bytes())
}

#[test]
fn other_peoples_clients_register_and_verify_what_they_get() {
    let world = World::new();
    if world.python.is_none() {
        return;
    }
    for (command, key) in [("make", "es256"), ("make-pycose", "ed25519")] {
        let (pem, out) = (format!("{key}.pem"), format!("{key}.cose"));
        let made = world.client(&[command, &pem, &out, ISSUER, "product 1", "it ran"], &[]);
        made.unwrap();
    }
    let public = |name: &str| fs::read_to_string(world.dir.join(name)).unwrap();
    world.trust(&[public("es256.pub"), public("ed25519.pub")]);
    let service = world.serve(&[]);
    for (index, key) in ["es256", "ed25519"].iter().enumerate() {
        let (sent, receipt) = (format!("{key}.cose"), format!("{key}.receipt"));
        let said = world
            .client(&["register", &service.url, &sent, &receipt], &[])
            .unwrap();
        assert_eq!(
            (said["first"].as_u64(), said["ok"].as_bool()),
            (Some(201), Some(true)),
            "{said}"
        );
        assert_eq!(said["index"], index as u64);
        // Again: the same place, and nothing new in the log.
        let again = world
            .client(&["register", &service.url, &sent, "again"], &[])
            .unwrap();
        assert_eq!(
            (&again["index"], &again["ok"]),
            (&said["index"], &said["ok"])
        );
        assert_eq!(again["location"], said["location"]);
    }
    // A receipt for one statement is none for another: scitt-cose's word.
    let lie = world.client(
        &["check", &service.url, "ed25519.cose", "es256.receipt"],
        &[],
    );
    assert_eq!(lie.unwrap()["ok"], false);
    drop(service);
    let checked = world.fsck();
    assert_eq!(checked["checked"]["statements"], 2, "{checked}");
    // What is published holds the statements as they were sent, and a monitor says whose they are.
    world.done(&["log", "publish", "public"]);
    let published = fs::read(world.dir.join("public/statements/000.p/2")).unwrap();
    assert!(says(&published, &String::from_utf8_lossy(b"it ran")));
    let sent = fs::read(world.dir.join("es256.cose")).unwrap();
    assert_eq!(published[4..4 + sent.len()], sent);
    let key = world.done(&["log", "key"]);
    let seen = world.done(&[
        "monitor",
        "public",
        "--key",
        key.trim(),
        "--state",
        "seen.json",
        "--once",
    ]);
    assert!(
        seen.contains("https://vendor.example (product 1)"),
        "{seen}"
    );
    // A ledger that lost one is mended from what was published.
    let ledger = world.dir.join("home/ledger.db");
    let raw = rusqlite::Connection::open(&ledger).unwrap();
    raw.execute_batch(
        "DROP TRIGGER statements_no_update; UPDATE statements SET stored = x'00' WHERE log_index = 0",
    )
    .unwrap();
    drop(raw);
    assert_eq!(world.run(&["fsck"]).status.code(), Some(1));
    world.done(&["recover", "--published", "public"]);
    assert_eq!(world.fsck()["checked"]["statements"], 2);
}

#[test]
fn a_registration_that_takes_its_time_is_polled_for() {
    let world = World::new();
    if world.python.is_none() {
        return;
    }
    let service = world.serve(&["--checkpoint-every", "1500", "--wait", "0"]);
    let mut firsts = Vec::new();
    for n in 0..3 {
        let name = format!("{n}.cose");
        fs::write(world.dir.join(&name), statement(1, &name)).unwrap();
        let said = world
            .client(&["register", &service.url, &name, "receipt"], &[])
            .unwrap();
        assert_eq!(said["ok"], true, "{said}");
        firsts.push(said["first"].as_u64().unwrap());
    }
    // A checkpoint was due when the first came.
    assert_eq!(firsts[1..], [303; 2]);
}

#[test]
fn what_is_not_to_be_registered_is_refused_and_says_why() {
    let world = World::new();
    world.done(&["log", "key"]);
    let service = world.serve(&["--max-size", "4096"]);
    let good = statement(1, "a product");
    let foreign = statement(2, "a product");
    let other_issuer = Statement::sign(
        &signer(1),
        "https://other.example",
        "s",
        1,
        "text/plain",
        b"x",
    );
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut receipts_inside = good.clone();
    let at = receipts_inside
        .iter()
        .rposition(|&byte| byte == 0xa0)
        .unwrap();
    // { 394: [] } where nothing may be.
    receipts_inside.splice(at..=at, [0xa1, 0x19, 0x01, 0x8a, 0x80]);
    let long = Statement::sign(&signer(1), ISSUER, "s", 1, "text/plain", &[7; 5000]).unwrap();
    for (body, status, words) in [
        (foreign, 400, "Rejected"),
        (
            other_issuer.unwrap().as_bytes().to_vec(),
            400,
            "is not one whose statements",
        ),
        (flipped, 400, "Rejected"),
        (receipts_inside, 400, "Malformed request"),
        (good[..good.len() - 1].to_vec(), 400, "Malformed request"),
        (Vec::new(), 400, "Malformed request"),
        (long.as_bytes().to_vec(), 413, "at most 4096 bytes"),
    ] {
        let (found, head, said) = ask(&service.url, POST, &body);
        assert_eq!(found, status, "{head} {}", String::from_utf8_lossy(&said));
        assert!(
            head.contains("application/concise-problem-details+cbor"),
            "{head}"
        );
        assert!(
            says(&said, words),
            "{words}: {}",
            String::from_utf8_lossy(&said)
        );
    }
    let nobody = "0".repeat(64);
    for (head, status, words) in [
        (
            "POST /entries HTTP/1.1\r\nContent-Type: text/plain",
            415,
            "application/cose",
        ),
        ("DELETE /entries HTTP/1.1", 405, "POST /entries"),
        ("GET /entries/../x HTTP/1.1", 400, "Invalid locator"),
        (&format!("GET /entries/{nobody} HTTP/1.1"), 404, "not known"),
        (
            "GET /.well-known/scitt-keys/AAAA HTTP/1.1",
            404,
            "No such key",
        ),
        ("GET /elsewhere HTTP/1.1", 404, "no such resource"),
    ] {
        let (found, _, said) = ask(&service.url, head, &[]);
        assert_eq!(found, status, "{head}");
        assert!(
            says(&said, words),
            "{head}: {}",
            String::from_utf8_lossy(&said)
        );
    }
    let (status, head, receipt) = ask(&service.url, POST, &good);
    assert_eq!(status, 201, "{head}");
    // The receipt is one of the home's log, for these bytes and no others.
    let receipt = avouch_cose::Receipt::parse(&receipt).unwrap();
    let home = avouch::Home::open(world.dir.join("home")).unwrap();
    let log_key = home.ledger().identity().log_key;
    let leaf = |bytes: &[u8]| avouch_merkle::hash_leaf(&avouch_merkle::sha256(&[bytes]).0);
    receipt.verify(leaf(&good), &log_key).unwrap();
    receipt
        .verify(leaf(b"something else"), &log_key)
        .unwrap_err();
    assert_eq!(home.ledger().log_size().unwrap().0, 1);
}

#[test]
fn the_logs_own_issuer_enters_nothing_this_way() {
    let world = World::new();
    fs::copy(
        world.dir.join("home/trust.toml"),
        world.dir.join("issuers.toml"),
    )
    .unwrap();
    let refused = world.run(&["serve", "--issuers", "issuers.toml", "--stop-after", "1"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("enters its own by sealing"));
}

#[test]
fn tokens_and_rates_keep_others_out() {
    let world = World::new();
    let token = "a-token-that-nobody-guesses";
    fs::write(world.dir.join("tokens"), format!("# clients\n{token}\n")).unwrap();
    let service = world.serve(&["--tokens", "tokens", "--rate", "5"]);
    let good = statement(1, "a product");
    let with = |token: &str| format!("{POST}\r\nAuthorization: Bearer {token}");
    let (status, head, _) = ask(&service.url, POST, &good);
    assert_eq!(status, 401);
    assert!(head.contains("www-authenticate: bearer"), "{head}");
    assert_eq!(
        ask(&service.url, &with("another-token-of-that-length"), &good).0,
        401
    );
    assert_eq!(ask(&service.url, &with(token), &good).0, 201);
    // Receipts and keys are for everybody.
    assert_eq!(
        ask(&service.url, "GET /.well-known/scitt-keys HTTP/1.1", &[]).0,
        200
    );
    assert_eq!(ask(&service.url, &with(token), &good).0, 201);
    let (status, head, said) = ask(&service.url, &with(token), &good);
    assert_eq!(status, 429);
    assert!(head.contains("retry-after: "), "{head}");
    assert!(says(&said, "Only 5 requests per minute"));
    fs::write(world.dir.join("tokens"), "short\n").unwrap();
    let weak = world.run(&[
        "serve",
        "--issuers",
        "issuers.toml",
        "--tokens",
        "tokens",
        "--stop-after",
        "1",
    ]);
    assert_eq!(weak.status.code(), Some(2));
}

fn openssl(dir: &Path, arguments: &str) {
    let run = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output();
    let run = run.unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

#[test]
fn over_tls_only_clients_with_a_certificate_of_the_authority_are_talked_to() {
    let world = World::new();
    if world.python.is_none() {
        return;
    }
    let dir = &world.dir;
    fs::write(dir.join("ext"), "subjectAltName = IP:127.0.0.1\n").unwrap();
    for name in ["ca", "other"] {
        openssl(
            dir,
            &format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -days 30 -keyout {name}.key -out {name}.pem"
            ),
        );
    }
    for (name, ca) in [("server", "ca"), ("client", "ca"), ("stranger", "other")] {
        openssl(
            dir,
            &format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
            ),
        );
        openssl(
            dir,
            &format!(
                "x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days 30 -extfile ext -out {name}.pem"
            ),
        );
    }
    let service = world.serve(&[
        "--tls-cert",
        "server.pem",
        "--tls-key",
        "server.key",
        "--client-ca",
        "ca.pem",
    ]);
    assert!(service.url.starts_with("https://"));
    fs::write(dir.join("one.cose"), statement(1, "one")).unwrap();
    let register = ["register", service.url.as_str(), "one.cose", "receipt"];
    let known = [
        ("CA", "ca.pem"),
        ("CERT", "client.pem"),
        ("KEY", "client.key"),
    ];
    let said = world.client(&register, &known).unwrap();
    assert_eq!(
        (&said["first"], &said["ok"]),
        (&201.into(), &true.into()),
        "{said}"
    );
    fs::write(dir.join("one.cose"), statement(1, "two")).unwrap();
    // TLS 1.3 clients learn of it when they read: as an alert, or as an end.
    let none = world.client(&register, &known[..1]).unwrap_err();
    assert!(none.contains("requests.exceptions."), "{none}");
    let strange = [
        ("CA", "ca.pem"),
        ("CERT", "stranger.pem"),
        ("KEY", "stranger.key"),
    ];
    let strange = world.client(&register, &strange).unwrap_err();
    assert!(strange.contains("requests.exceptions."), "{strange}");
    let home = avouch::Home::open(dir.join("home")).unwrap();
    assert_eq!(home.ledger().log_size().unwrap().0, 1);
    assert_eq!(world.client(&register, &known).unwrap()["index"], 1);
}

/// Statements that were answered with 201 or 303 are in the log exactly once, whenever the service was killed; those
/// that were not answered at most once.
#[test]
fn what_was_accepted_survives_kill_9_exactly_once() {
    let world = World::new();
    let mut accepted = Vec::new();
    let mut sent = 0_u64;
    for round in 0..25_u64 {
        let every = ["0", "40"][round as usize % 2];
        let service = world.serve(&[
            "--checkpoint-every",
            every,
            "--wait",
            "10",
            "--rate",
            "100000",
        ]);
        let url = service.url.clone();
        let clients: Vec<_> = (0..3)
            .map(|client| {
                let url = url.clone();
                std::thread::spawn(move || {
                    let mut answered = Vec::new();
                    for n in 0.. {
                        let made = statement(1, &format!("{round}/{client}/{n}"));
                        match ask(&url, POST, &made).0 {
                            201 | 303 => answered.push(made),
                            0 => return (answered, n + 1),
                            other => panic!("status {other}"),
                        }
                    }
                    unreachable!()
                })
            })
            .collect();
        sleep(Duration::from_millis(20 + 23 * round));
        service.process.signal("KILL");
        service.process.wait();
        for client in clients {
            let (answered, tried) = client.join().unwrap();
            accepted.extend(answered);
            sent += tried;
        }
    }
    // Starting enters what was accepted; sending all again changes nothing.
    let service = world.serve(&["--rate", "1000000"]);
    let home = avouch::Home::open(world.dir.join("home")).unwrap();
    let size = home.ledger().log_size().unwrap().0;
    assert!(
        accepted.len() as u64 <= size && size <= sent,
        "{} {size} {sent}",
        accepted.len()
    );
    assert!(
        accepted.len() > 100,
        "only {} were accepted",
        accepted.len()
    );
    let stored = home.ledger().stored_statements(0.into(), size).unwrap();
    for made in &accepted {
        let times = stored.iter().filter(|stored| *stored == made).count();
        assert_eq!(times, 1);
    }
    for made in accepted.iter().step_by(10) {
        assert_eq!(ask(&service.url, POST, made).0, 201);
    }
    assert_eq!(home.ledger().log_size().unwrap().0, size);
    drop(service);
    let checked = world.fsck();
    assert_eq!(checked["holds"], true, "{checked}");
    assert_eq!(checked["checked"]["registrations"], 0);
    println!(
        "{} accepted of {sent} sent, {size} in the log",
        accepted.len()
    );
}
