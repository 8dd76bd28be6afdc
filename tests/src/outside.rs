//! Outside services on this machine: a time-stamping authority by `openssl ts`, calendars by the OpenTimestamps library.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

const CONFIG: &str = "[req]\ndistinguished_name = dn\nprompt = no\n[dn]
[root]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign
[tsa]\nkeyUsage = critical, digitalSignature\nextendedKeyUsage = critical, timeStamping
[tsa_config]\nserial = serial\ncrypto_device = builtin\ndefault_policy = 1.2.3.4.1
digests = sha256\naccuracy = secs:1\ness_cert_id_alg = sha256\nsigner_digest = sha256\n";

/// How an authority answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Honest,
    /// With the answer to the request before, or to an earlier one of its own making.
    Replays,
    /// With a redirect to itself.
    Redirects,
    /// With status 503.
    Unavailable,
    /// With more bytes than any time stamp has.
    Endless,
    /// Not at all: it takes the request and keeps the connection open until the next one comes.
    Silent,
}

/// A time-stamping authority over HTTP.
pub struct Tsa {
    dir: tempfile::TempDir,
    /// Where it is asked.
    pub url: String,
    /// How it answers the next requests; honestly when none is left.
    pub manners: Arc<Mutex<VecDeque<Manner>>>,
    /// The requests that it has seen.
    pub requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Default for Tsa {
    fn default() -> Self {
        Self::new()
    }
}

impl Tsa {
    /// Makes keys and certificates, and begins to listen.
    ///
    /// # Panics
    /// When `openssl` is absent or fails.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("openssl.cnf"), CONFIG).unwrap();
        fs::write(dir.path().join("serial"), "01\n").unwrap();
        for name in ["root", "tsa"] {
            openssl(
                dir.path(),
                &format!("ecparam -name prime256v1 -genkey -noout -out {name}.key"),
            );
        }
        openssl(
            dir.path(),
            "req -x509 -new -key root.key -subj /CN=root -days 30 -extensions root -config openssl.cnf -out root.pem",
        );
        openssl(
            dir.path(),
            "req -new -key tsa.key -subj /CN=tsa -config openssl.cnf -out tsa.csr",
        );
        openssl(
            dir.path(),
            "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -extfile openssl.cnf -extensions tsa -out tsa.pem",
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/tsr", listener.local_addr().unwrap());
        let manners: Arc<Mutex<VecDeque<Manner>>> = Arc::default();
        let requests: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let (folder, behave, seen) = (dir.path().to_owned(), manners.clone(), requests.clone());
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let manner = behave.lock().unwrap().pop_front();
                let manner = manner.unwrap_or(Manner::Honest);
                serve(stream, &folder, manner, &seen, &mut kept);
            }
        });
        Self {
            dir,
            url,
            manners,
            requests,
        }
    }

    /// Runs `openssl` in the authority's folder; whether it succeeded, and what it said.
    pub fn openssl(&self, arguments: &str) -> (bool, String) {
        try_openssl(self.dir.path(), arguments)
    }

    /// A file of the authority's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What an answer to the question in this file would be.
    pub fn answer(&self, query: &Path) -> Vec<u8> {
        answer(self.dir.path(), &fs::read(query).unwrap())
    }

    /// As a policy's anchor of this name.
    pub fn anchor_toml(&self, name: &str) -> String {
        let root = fs::read_to_string(self.path("root.pem")).unwrap();
        format!("\n[[anchor]]\nname = {name:?}\nkind = \"rfc3161\"\nroots = '''\n{root}'''\n")
    }

    /// As a service of this name.
    pub fn service_toml(&self, name: &str) -> String {
        format!(
            "\n[[service]]\nname = {name:?}\nkind = \"rfc3161\"\nurl = {:?}\ntimeout = 5\n",
            self.url
        )
    }
}

fn serve(
    mut stream: TcpStream,
    dir: &Path,
    manner: Manner,
    seen: &Mutex<Vec<Vec<u8>>>,
    kept: &mut Vec<TcpStream>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut head) = (0, String::new());
    loop {
        let mut line = String::new();
        // A client that was killed ends in the middle.
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    if length == 0 || reader.read_exact(&mut body).is_err() {
        return;
    }
    let earlier = seen.lock().unwrap().last().cloned();
    seen.lock().unwrap().push(body.clone());
    let (status, bytes) = match manner {
        Manner::Honest => ("200 OK", answer(dir, &body)),
        Manner::Replays => (
            "200 OK",
            answer(dir, &earlier.unwrap_or_else(|| another(dir))),
        ),
        Manner::Redirects => ("307 Temporary Redirect\r\nLocation: /tsr", Vec::new()),
        Manner::Unavailable => ("503 Service Unavailable", Vec::new()),
        Manner::Endless => ("200 OK", vec![0; 1 << 20]),
        Manner::Silent => return kept.push(stream),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    // The client may be gone.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&bytes));
}

/// A question of the authority's own.
fn another(dir: &Path) -> Vec<u8> {
    fs::write(dir.join("other"), "other").unwrap();
    openssl(dir, "ts -query -data other -sha256 -cert -out other.tsq");
    fs::read(dir.join("other.tsq")).unwrap()
}

fn answer(dir: &Path, query: &[u8]) -> Vec<u8> {
    fs::write(dir.join("query.tsq"), query).unwrap();
    openssl(
        dir,
        "ts -reply -config openssl.cnf -section tsa_config -queryfile query.tsq -inkey tsa.key -signer tsa.pem -out response.tsr",
    );
    fs::read(dir.join("response.tsr")).unwrap()
}

fn openssl(dir: &Path, arguments: &str) {
    let (good, said) = try_openssl(dir, arguments);
    assert!(good, "openssl {arguments}: {said}");
}

fn try_openssl(dir: &Path, arguments: &str) -> (bool, String) {
    let run = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(dir)
        .env("OPENSSL_CONF", dir.join("openssl.cnf"))
        .output()
        .unwrap();
    let said = [run.stdout, run.stderr].concat();
    (run.status.success(), String::from_utf8_lossy(&said).into())
}

/// A calendar with a chain of its own.
pub struct Calendar {
    child: Child,
    /// Where it is asked.
    pub url: String,
    lines: BufReader<std::process::ChildStdout>,
}

impl Calendar {
    /// Starts it, under this Python.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(python: &Path, height: u64) -> Self {
        let mut child = Command::new(python)
            .arg(crate::repository().join("tests/tools/ots_calendar.py"))
            .arg(height.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        lines.read_line(&mut url).unwrap();
        Self {
            child,
            url: url.trim().into(),
            lines,
        }
    }

    /// Mines a block over what was promised; its height and its header in hexadecimal.
    ///
    /// # Panics
    /// When the calendar is gone.
    pub fn mine(&mut self) -> (u64, String) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let (height, header) = line.trim().split_once(' ').unwrap();
        (height.parse().unwrap(), header.into())
    }
}

impl Drop for Calendar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The key of the first account of every development node, which is rich there.
pub const RICH_ACCOUNT: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// An EVM chain: npm's anvil, a whole node, in its own process.
pub struct Chain {
    child: Child,
    /// Where it is asked.
    pub url: String,
}

impl Chain {
    /// Starts it with the id 31337; `None`, with a word on standard error, where anvil is absent.
    ///
    /// # Panics
    /// When it is absent and `AVOUCH_REQUIRE_TOOLS` is set.
    pub fn start() -> Option<Self> {
        let platforms = std::env::var_os("AVOUCH_EVM_TOOLS").map(|tools| {
            let platforms = Path::new(&tools).join("node_modules/@foundry-rs");
            fs::read_dir(platforms).unwrap()
        });
        let anvil = platforms.into_iter().flatten().find_map(|platform| {
            Some(platform.unwrap().path().join("bin/anvil")).filter(|path| path.is_file())
        });
        let Some(anvil) = anvil else {
            assert!(
                std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none(),
                "anvil is required and absent: set AVOUCH_EVM_TOOLS"
            );
            eprintln!("SKIPPED: AVOUCH_EVM_TOOLS names no folder with anvil (tests/tools/evm)");
            return None;
        };
        let mut child = Command::new(anvil)
            .args(["--hardfork", "osaka", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listens = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("Listening on ").map(str::to_owned)
        });
        // What else it says has somewhere to go, so that it does not stop at a full pipe.
        thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{}", listens.unwrap());
        Some(Self { child, url })
    }

    /// The result of a method of the node.
    ///
    /// # Panics
    /// When it fails.
    pub fn rpc(&self, method: &str, params: serde_json::Value) -> serde_json::Value {
        let request =
            serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
                .to_string();
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST / HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{request}",
            request.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let answer: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
