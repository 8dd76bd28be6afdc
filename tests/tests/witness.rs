//! The programs together: a log, its witnesses, its monitor, and whoever checks the evidence.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use avouch::{Home, InitOptions};
use avouch_tests::growing::grow;
use avouch_tests::{program, repository};
use serde_json::Value;

struct World {
    _dir: tempfile::TempDir,
    dir: PathBuf,
    log_key: String,
}

/// A witness's process. It ends by itself, and with the test.
struct Witness {
    child: Child,
    url: String,
    key: String,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    fn new(size: u64) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().to_owned();
        let home = Home::init(dir.join("home"), &InitOptions::default()).unwrap();
        grow(&home, size);
        Self {
            _dir: temporary,
            log_key: home.ledger().identity().note_key().unwrap().to_string(),
            dir,
        }
    }

    fn grow(&self, home: &str, by: u64) {
        grow(&Home::open(self.dir.join(home)).unwrap(), by);
    }

    /// Signs another history than the original's, up to this size.
    fn diverge(&self, home: &str, size: u64) {
        let session = repository().join("fixtures/agent-session.jsonl");
        let ledger = |args: &[&str]| {
            let output = self.run("avouch", &[&["--home", home], args].concat());
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        ledger(&["ingest", session.to_str().unwrap()]);
        ledger(&["seal", "--all", "-o", "elsewhere"]);
        let home = Home::open(self.dir.join(home)).unwrap();
        let before = home.ledger().log_size().unwrap().0;
        grow(&home, size - before);
    }

    fn run(&self, name: &str, args: &[&str]) -> Output {
        let mut command = Command::new(program(name));
        command.args(args).current_dir(&self.dir);
        command.output().unwrap()
    }

    /// Exit code and standard output.
    fn avouch(&self, args: &[&str]) -> (i32, String) {
        let output = self.run("avouch", &[&["--home", "home"], args].concat());
        let code = output.status.code().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (code, String::from_utf8(output.stdout).unwrap() + &errors)
    }

    fn witness(&self, key: &str, name: &str, more: &[&str]) -> Witness {
        let state = format!("{key}.state");
        let mut command = Command::new(program("avouch"));
        command
            .args([
                "--home",
                "witnesses",
                "witness",
                "serve",
                "--listen",
                "127.0.0.1:0",
            ])
            .args(["--key", key, "--name", name, "--log", &self.log_key])
            .args(["--state", &state, "--stop-after", "120"])
            .args(more)
            .current_dir(&self.dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut line = |prefix: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(prefix).unwrap().to_owned()
        };
        let (key, url) = (line("witness "), line("listening "));
        Witness { child, url, key }
    }

    fn new_witness(&self, number: u8) -> Witness {
        let key = format!("w{number}");
        let made = self.run("avouch", &["--home", "witnesses", "key", "new", &key]);
        assert!(made.status.success());
        self.witness(&key, &name(number), &["--create-state"])
    }

    /// Bundles of every run, sealed already.
    fn verify(&self, run: &str) -> i32 {
        let (code, said) = self.avouch(&["seal", run, "-o", "out"]);
        assert_eq!(code, 0, "{said}");
        let bundle = format!("out/{run}.avouch");
        let ours = self
            .avouch(&["verify", &bundle, "--trust", "home/trust.toml"])
            .0;
        let alone = self.run("avouch-verify", &[&bundle, "--trust", "home/trust.toml"]);
        assert_eq!(Some(ours), alone.status.code());
        ours
    }
}

fn name(number: u8) -> String {
    format!("witness.example/w{number}")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn two_of_three_witnesses_carry_a_log_past_one_that_stopped_one_stale_and_one_lying() {
    let world = World::new(5);
    let (first, second, third) = (
        world.new_witness(1),
        world.new_witness(2),
        world.new_witness(3),
    );
    let mut trust = fs::read_to_string(world.dir.join("home/trust.toml")).unwrap();
    trust.push_str("witnesses = 2\n");
    for (number, witness) in [(1, &first), (2, &second), (3, &third)] {
        trust.push_str(&format!(
            "\n[[witness]]\nname = {:?}\nkey = {:?}\n",
            name(number),
            witness.key
        ));
    }
    fs::write(world.dir.join("home/trust.toml"), &trust).unwrap();

    // Without cosignatures the evidence is incomplete; with three of three it verifies.
    assert_eq!(world.verify("run-0"), 3);
    let urls = [&first, &second, &third].map(|witness| witness.url.clone());
    let urls = urls.each_ref().map(String::as_str);
    let ask = |urls: &[&str]| world.avouch(&[&["log", "witness"], urls].concat());
    let (code, said) = ask(&urls);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("3 of 3 known witnesses have cosigned"),
        "{said}"
    );
    assert_eq!(world.verify("run-0"), 0);

    // The first stops, the second has only seen size 5, the third is replaced by one with its name and
    // another key.
    world.grow("home", 300);
    drop(first);
    drop(third);
    let made = world.run("avouch", &["--home", "witnesses", "key", "new", "liar"]);
    assert!(made.status.success());
    let liar = world.witness("liar", &name(3), &["--create-state"]);
    let (code, said) = ask(&[urls[0], urls[1], &liar.url]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(&format!("{}: cosigned by {}", urls[1], name(2))),
        "{said}"
    );
    assert!(said.contains(&format!("{}: ALARM: ", liar.url)), "{said}");
    assert!(
        said.contains("size 305: 1 of 3 known witnesses have cosigned"),
        "{said}"
    );
    assert_eq!(world.verify("run-300"), 3);
    // What was witnessed before still is.
    assert_eq!(world.verify("run-0"), 0);

    // The first comes back with its state: two of three.
    let first = world.witness("w1", &name(1), &[]);
    let (code, said) = ask(&[&first.url, urls[1]]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(world.verify("run-300"), 0);
    let (code, said) = world.avouch(&["fsck"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("5 cosignatures"), "{said}");
    // The published checkpoint carries them.
    assert_eq!(world.avouch(&["log", "publish", "published"]).0, 0);
    let note = fs::read_to_string(world.dir.join("published/checkpoint")).unwrap();
    assert!(note.contains(&name(1)) && note.contains(&name(2)), "{note}");
}

#[test]
fn a_witness_refuses_a_log_that_forks_or_goes_back_and_a_state_that_is_not_there() {
    let world = World::new(5);
    let witness = world.new_witness(1);
    copy(&world.dir.join("home"), &world.dir.join("fork"));
    world.grow("home", 20);
    let ask = |home: &str| {
        let args = [
            "--home",
            home,
            "log",
            "witness",
            &witness.url,
            "--witness",
            &witness.key,
        ];
        let output = world.run("avouch", &args);
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert_eq!(ask("home").0, 0);
    // The copy is the log as it was: back at 5, then with another history up to and past 25.
    let (code, said) = ask("fork");
    assert_eq!(code, 1);
    assert!(said.contains("the log has gone back"), "{said}");
    world.diverge("fork", 25);
    let (code, said) = ask("fork");
    assert_eq!(code, 1);
    assert!(said.contains("the log has forked"), "{said}");
    world.grow("fork", 20);
    assert_eq!(ask("fork").0, 1);
    assert_eq!(ask("home").0, 0);
    drop(witness);

    let args = [
        "--home",
        "witnesses",
        "witness",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--key",
        "w1",
    ];
    let args = [
        &args[..],
        &[
            "--log",
            &world.log_key,
            "--state",
            "typo",
            "--stop-after",
            "9",
        ],
    ]
    .concat();
    let output = world.run("avouch", &args);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("starting over would break its word"),
        "{said}"
    );
}

fn followed(line: &str) -> (u64, u64) {
    let json: Value = serde_json::from_str(line).unwrap();
    assert_eq!(json["event"], "followed", "{line}");
    (
        json["before"].as_u64().unwrap(),
        json["size"].as_u64().unwrap(),
    )
}

#[test]
fn a_monitor_follows_a_log_step_by_step_and_catches_a_fork_and_a_rollback() {
    let world = World::new(3);
    let publish = |home: &str, dir: &str| {
        let output = world.run("avouch", &["--home", home, "log", "publish", dir]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let monitor = |dir: &str, state: &str, more: &[&str]| {
        let args = [
            "monitor",
            dir,
            "--key",
            &world.log_key,
            "--state",
            state,
            "--once",
        ];
        world.avouch(&[&args[..], more].concat())
    };
    publish("home", "published");
    copy(&world.dir.join("home"), &world.dir.join("fork"));
    let (code, said) = monitor("published", "state", &["--json"]);
    assert_eq!(code, 0, "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    assert_eq!(followed(lines[3]), (0, 3));
    let entry: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(
        (&entry["event"], &entry["index"]),
        (&"entry".into(), &1.into())
    );
    let issuer = entry["issuer"].as_str().unwrap().to_owned();

    world.grow("home", 600);
    publish("home", "published");
    let (code, said) = monitor("published", "state", &["--json", "--issuer", &issuer]);
    assert_eq!((code, said.lines().count()), (0, 601));
    assert_eq!(followed(said.lines().last().unwrap()), (3, 603));
    let (code, said) = monitor(
        "published",
        "state",
        &["--json", "--issuer", "someone else"],
    );
    assert_eq!((code, said.lines().count()), (0, 1));
    assert_eq!(followed(said.trim_end()), (603, 603));
    copy(&world.dir.join("published"), &world.dir.join("older"));

    // The same key signs another history, at the same size and beyond it.
    world.diverge("fork", 603);
    publish("fork", "forked");
    let (code, said) = monitor("forked", "state", &[]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("the log has forked: the log signed two roots for size 603"),
        "{said}"
    );
    world.grow("fork", 400);
    publish("fork", "forked");
    let (code, said) = monitor("forked", "state", &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("first 603 entries are not those"), "{said}");
    // The two notes, and the tiles, convince others.
    let notes = ["state.seen.note", "state.published.note"];
    let args = [
        &["log", "check-fork"],
        &notes[..],
        &["--key", &world.log_key, "--log", "forked"],
    ];
    let (code, said) = world.avouch(&args.concat());
    assert_eq!(code, 1, "{said}");
    assert!(said.starts_with("FORKED"), "{said}");

    // A smaller tree than was seen.
    world.grow("home", 10);
    publish("home", "published");
    assert_eq!(monitor("published", "state", &["--issuer", "x"]).0, 0);
    let (code, said) = monitor("older", "state", &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the log went back"), "{said}");

    // An entry that is not the one signed.
    let entries = world.dir.join("published/tile/entries/000");
    let mut bytes = fs::read(&entries).unwrap();
    bytes[40] ^= 1;
    fs::write(&entries, bytes).unwrap();
    let (code, said) = monitor("published", "fresh", &[]);
    assert_eq!(code, 1, "{said}");
    assert!(!world.dir.join("fresh").exists());
    // A state that someone changed, or of another log, is refused.
    let state = fs::read_to_string(world.dir.join("state")).unwrap();
    fs::write(
        world.dir.join("changed"),
        state.replace("\"note\": \"", "\"note\": \"x"),
    )
    .unwrap();
    assert_eq!(monitor("published", "changed", &[]).0, 2);
}

/// A web server for a folder: one thread, until it is dropped.
struct WebServer {
    address: std::net::SocketAddr,
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl WebServer {
    fn new(root: PathBuf) -> Self {
        use std::io::Write as _;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = stop.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let mut stream = stream.unwrap();
                let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = request.next().unwrap().unwrap();
                for line in request {
                    if line.is_ok_and(|line| line.is_empty()) {
                        break;
                    }
                }
                let path = first.split(' ').nth(1).unwrap().trim_start_matches("/log/");
                let file = fs::read(root.join(path));
                let (status, body) = match file {
                    Ok(body) => ("200 OK", body),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { address, stop }
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let _ = std::net::TcpStream::connect(self.address);
    }
}

#[test]
fn a_monitor_follows_a_log_on_the_web() {
    let world = World::new(300);
    assert_eq!(world.avouch(&["log", "publish", "published"]).0, 0);
    let server = WebServer::new(world.dir.join("published"));
    let url = format!("http://{}/log/", server.address);
    let look = || world.avouch(&["monitor", &url, "--state", "state", "--once", "--json"]);
    let (code, said) = look();
    assert_eq!(code, 0, "{said}");
    assert_eq!(followed(said.lines().last().unwrap()), (0, 300));
    world.grow("home", 1);
    assert_eq!(world.avouch(&["log", "publish", "published"]).0, 0);
    let (code, said) = look();
    assert_eq!((code, said.lines().count()), (0, 2));
    assert_eq!(followed(said.lines().last().unwrap()), (300, 301));
    // A server that is gone is no verdict about the log.
    drop(server);
    assert_eq!(look().0, 2);
}

/// `AVOUCH_LARGE_LOG=1000000 cargo test -p avouch-tests --test witness --release -- --ignored --nocapture`
#[test]
#[ignore = "builds a log of a million entries; run it by name"]
fn a_large_log_is_built_published_witnessed_and_monitored() {
    let size: u64 =
        std::env::var("AVOUCH_LARGE_LOG").map_or(1_000_000, |size| size.parse().unwrap());
    let timed = |what: &str, work: &mut dyn FnMut()| {
        let start = std::time::Instant::now();
        work();
        eprintln!("{what}: {:.2} s", start.elapsed().as_secs_f64());
    };
    let world = World::new(1);
    timed("grow", &mut || world.grow("home", size - 1));
    let publish = || assert_eq!(world.avouch(&["log", "publish", "published"]).0, 0);
    timed("publish", &mut || publish());
    let monitor = |from: u64, to: u64| {
        let args = [
            "monitor",
            "published",
            "--state",
            "state",
            "--once",
            "--json",
            "--issuer",
            "x",
        ];
        let (code, said) = world.avouch(&args);
        assert_eq!(code, 0, "{said}");
        assert_eq!(followed(said.trim_end()), (from, to));
    };
    timed("monitor from nothing", &mut || monitor(0, size));
    let witness = world.new_witness(1);
    let ask = || {
        let args = ["log", "witness", &witness.url, "--witness", &witness.key];
        assert_eq!(world.avouch(&args).0, 0);
    };
    timed("witness", &mut || ask());
    timed("grow by 1000", &mut || world.grow("home", 1000));
    timed("publish 1000", &mut || publish());
    timed("monitor 1000", &mut || monitor(size, size + 1000));
    timed("witness again", &mut || ask());
}
