//! A witness's state cannot go back: across restarts, processes and kills.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use avouch_http::Client;
use avouch_merkle::TreeSize;
use avouch_witness::{Error, Server, State, Stop, Witness};
use common::*;

#[test]
fn a_state_is_never_made_silently_nor_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let open = || Witness::open(&name(9), key(9), vec![Log::new(1).note_key()], &path);
    assert!(matches!(open(), Err(Error::NoState { .. })));
    State::create(&path, &cosigner(9)).unwrap();
    assert!(matches!(
        State::create(&path, &cosigner(9)),
        Err(Error::Exists { .. })
    ));
    open().unwrap();
    let none = Witness::open(&name(9), key(9), Vec::new(), &path);
    assert!(matches!(none, Err(Error::NoLogs)));
}

#[test]
fn another_witnesss_state_or_another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    State::create(&path, &cosigner(9)).unwrap();
    for (name, number) in [(name(9), 8), (name(8), 9)] {
        let other = Witness::open(&name, key(number), vec![Log::new(1).note_key()], &path);
        assert!(
            matches!(other, Err(Error::OtherWitness { .. })),
            "{other:?}"
        );
    }
    let text = folder.path().join("text");
    std::fs::write(&text, "hello, this is no database").unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    for file in [&text, &empty] {
        let refused = State::open(file, &cosigner(9));
        assert!(
            matches!(refused, Err(Error::NotAState { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn a_restart_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(9);
    witness(9, folder.path(), &log).add_checkpoint(log.body(0, 9).as_bytes(), NOW);
    let mut again = witness(9, folder.path(), &log);
    let reply = again.add_checkpoint(log.body(0, 5).as_bytes(), NOW);
    assert_eq!((reply.status, reply.body.as_str()), (409, "9\n"));
}

#[test]
fn the_file_itself_refuses_to_go_back() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(9);
    witness(9, folder.path(), &log).add_checkpoint(log.body(0, 9).as_bytes(), NOW);
    let conn = rusqlite::Connection::open(folder.path().join("9.db")).unwrap();
    for sql in [
        "UPDATE logs SET size = 8",
        "UPDATE logs SET root = zeroblob(32)",
        "UPDATE logs SET time = 1",
        "DELETE FROM logs",
        "INSERT OR REPLACE INTO logs SELECT origin, 1, root, note, time FROM logs",
        "UPDATE witness SET key = ''",
    ] {
        let refused = conn.execute(sql, []).unwrap_err();
        assert!(
            refused.to_string().contains("cosigned") || sql.contains("witness"),
            "{sql}"
        );
    }
}

/// Eight openings of one file race from size 4 to different branches: one wins, and everyone else is told
/// its size.
#[test]
fn of_two_histories_that_race_only_one_is_cosigned() {
    for round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let base = Log::new(4);
        witness(9, folder.path(), &base).add_checkpoint(base.body(0, 4).as_bytes(), NOW);
        let start = Barrier::new(8);
        let (start, path) = (&start, folder.path());
        let statuses: Vec<(u16, u64)> = thread::scope(|scope| {
            let racers: Vec<_> = (0..8)
                .map(|n| {
                    scope.spawn(move || {
                        let size = 5 + n % 4;
                        let log = Log::forked(size, 4, &format!("branch {round} {n}"));
                        let mut witness = witness(9, path, &log);
                        start.wait();
                        (
                            witness
                                .add_checkpoint(log.body(4, size).as_bytes(), NOW)
                                .status,
                            size,
                        )
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().unwrap())
                .collect()
        });
        let won: Vec<_> = statuses
            .iter()
            .filter(|(status, _)| *status == 200)
            .collect();
        assert_eq!(won.len(), 1, "{statuses:?}");
        assert!(
            statuses
                .iter()
                .all(|(status, _)| [200, 409].contains(status))
        );
        let held = witness(9, path, &base)
            .state()
            .held(ORIGIN)
            .unwrap()
            .unwrap();
        assert_eq!(held.size, TreeSize(won[0].1));
    }
}

const CHILD: &str = "AVOUCH_TEST_WITNESS_STATE";

/// Not a test of its own: the server that the tests below start and kill. It ends by itself.
#[test]
#[ignore = "the other tests run it as a child process"]
fn child_server() {
    let Ok(folder) = std::env::var(CHILD) else {
        return;
    };
    let witness = witness(9, Path::new(&folder), &Log::new(1));
    let server = Server::bind(([127, 0, 0, 1], 0).into(), witness).unwrap();
    println!("\nlistening {}", server.address().unwrap());
    let stop = Stop::new();
    let end = stop.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(60));
        end.stop();
    });
    server.run(&stop, |_, _| {}).unwrap();
}

struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_server", "--ignored", "--nocapture"])
            .env(CHILD, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening ").map(str::to_owned))
            .unwrap();
        Self {
            child,
            url: format!("http://{address}/add-checkpoint"),
        }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(client: &Client, url: &str, body: &str) -> Option<(u16, String)> {
    let answer = client.post(url, body, 10_000).ok()?;
    Some((answer.status, String::from_utf8(answer.body).unwrap()))
}

#[test]
fn what_was_answered_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(400);
    let _ = witness(9, folder.path(), &log);
    let client = Client::new(Duration::from_secs(10));
    let mut size = 0;
    for round in 0..5 {
        let process = Process::start(folder.path());
        let (killer, url) = (
            thread::spawn({
                let pid = process.child.id();
                move || {
                    thread::sleep(Duration::from_millis(40 + 30 * round));
                    // Exactly the process that this test started.
                    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
                    assert!(killed.unwrap().success());
                }
            }),
            process.url.clone(),
        );
        // As many steps as it answers before it dies.
        while let Some((status, body)) = post(&client, &url, &log.body(size, size + 1)) {
            if status == 409 {
                // It had committed, and died before it answered.
                assert_eq!(body, format!("{}\n", size + 1));
            } else {
                assert_eq!(status, 200, "{body}");
            }
            size += 1;
        }
        killer.join().unwrap();
        process.kill();
        let held = witness(9, folder.path(), &log)
            .state()
            .held(ORIGIN)
            .unwrap();
        let held = held.map_or(0, |held| held.size.0);
        assert!(
            held == size || held == size + 1,
            "answered {size}, held {held}"
        );
        size = held;
    }
    assert!(size > 5, "only {size} steps in five lives");
}

#[test]
fn two_processes_on_one_state_are_one_witness() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(40);
    let _ = witness(9, folder.path(), &log);
    let (one, two) = (Process::start(folder.path()), Process::start(folder.path()));
    let client = Client::new(Duration::from_secs(10));
    assert_eq!(post(&client, &one.url, &log.body(0, 10)).unwrap().0, 200);
    // The other knows, and neither can be led back or aside.
    assert_eq!(
        post(&client, &two.url, &log.body(0, 5)).unwrap(),
        (409, "10\n".into())
    );
    assert_eq!(post(&client, &two.url, &log.body(10, 30)).unwrap().0, 200);
    let fork = Log::forked(40, 10, "other");
    assert_eq!(
        post(&client, &one.url, &fork.body(10, 40)).unwrap(),
        (409, "30\n".into())
    );
    assert_eq!(post(&client, &one.url, &fork.body(30, 40)).unwrap().0, 422);
    one.kill();
    assert_eq!(post(&client, &two.url, &log.body(30, 40)).unwrap().0, 200);
}
