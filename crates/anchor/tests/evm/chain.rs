//! A chain to test on: npm's anvil, a whole EVM node, in its own process.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use avouch_anchor::evm::{Account, Node, Registry};
use avouch_http::{Client, Media};
use serde_json::{Value, json};

/// The first accounts of every development node, which are rich there.
const KEYS: [&str; 2] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
];
/// Most that is paid for gas, in wei.
pub(crate) const MAX_FEE: u64 = 50_000_000_000;

/// A node's process. It ends with the test.
pub(crate) struct Chain {
    child: Child,
    pub(crate) id: u64,
    pub(crate) url: String,
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `tests/run` has put the packages of `tests/tools/evm`.
pub(crate) fn modules() -> Option<PathBuf> {
    let modules = std::env::var_os("AVOUCH_EVM_TOOLS").map(PathBuf::from);
    let modules = modules.map(|tools| tools.join("node_modules"));
    if let Some(modules) = modules.filter(|modules| modules.is_dir()) {
        return Some(modules);
    }
    assert!(
        std::env::var_os("AVOUCH_REQUIRE_TOOLS").is_none(),
        "anvil and solc are required and absent: set AVOUCH_EVM_TOOLS"
    );
    eprintln!("SKIPPED: AVOUCH_EVM_TOOLS names no folder with anvil and solc (tests/tools/evm)");
    None
}

impl Chain {
    /// Starts a chain with this id; `None` where anvil is absent.
    pub(crate) fn start(id: u64) -> Option<Self> {
        let platforms = fs::read_dir(modules()?.join("@foundry-rs")).unwrap();
        let anvil = platforms
            .map(|platform| platform.unwrap().path().join("bin/anvil"))
            .find(|anvil| anvil.is_file())
            .unwrap();
        let mut child = Command::new(anvil)
            // The hard fork that brought P256VERIFY to the main network.
            .args(["--hardfork", "osaka", "--port", "0", "--chain-id"])
            .arg(id.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listens = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("Listening on ").map(str::to_owned)
        });
        // What else it says has somewhere to go, so that it does not stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{}", listens.unwrap());
        Some(Self { child, id, url })
    }

    /// Calls a method of the node: its result, or its error.
    pub(crate) fn try_rpc(&self, method: &str, params: Value) -> Result<Value, Value> {
        let media = Media {
            sent: "application/json",
            accepted: "application/json",
        };
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = Client::default()
            .post_bytes(
                &self.url,
                request.to_string().as_bytes(),
                media,
                None,
                1 << 24,
            )
            .unwrap();
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// [`Chain::try_rpc`] of what succeeds.
    #[track_caller]
    pub(crate) fn rpc(&self, method: &str, params: Value) -> Value {
        self.try_rpc(method, params)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// A client with one of the rich accounts.
    pub(crate) fn node(&self, account: usize) -> Node {
        let account = Account::from_hex(KEYS[account]).unwrap();
        Node::new(Client::default(), &self.url, self.id, account, MAX_FEE)
    }

    /// A new registry.
    pub(crate) fn deploy(&self) -> Registry {
        let patience = Duration::from_secs(20);
        self.node(0).deploy_registry(patience).unwrap()
    }

    /// What a call of a contract returns, or the data that it reverts with.
    pub(crate) fn call(&self, registry: &Registry, data: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
        let from = self.node(0).account().address().to_string();
        let call = json!({"from": from, "to": registry.contract.to_string(), "data": to_hex(data)});
        self.try_rpc("eth_call", json!([call, "latest"]))
            .map(|returned| from_hex(&returned))
            .map_err(|error| from_hex(&error["data"]))
    }

    /// Sends a transaction from a rich account and mines it, even if it fails; its receipt.
    pub(crate) fn transact(&self, registry: &Registry, data: &[u8]) -> Value {
        let from = self.node(1).account().address().to_string();
        let transaction = json!({
            "from": from,
            "to": registry.contract.to_string(),
            "data": to_hex(data),
            "gas": "0x4c4b40",
        });
        let hash = self.rpc("eth_sendTransaction", json!([transaction]));
        soon(|| {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash]));
            Some(receipt).filter(|receipt| !receipt.is_null())
        })
    }

    /// Sends as many transactions of a rich account's that do nothing, and cost a tip that puts them first in a block.
    pub(crate) fn crowd(&self, account: usize, number: usize) {
        let from = self.node(account).account().address().to_string();
        let transaction = json!({
            "from": from,
            "to": from,
            "gas": "0x5208",
            "maxFeePerGas": "0xba43b7400",
            "maxPriorityFeePerGas": "0x2540be400",
        });
        for _ in 0..number {
            self.rpc("eth_sendTransaction", json!([transaction]));
        }
    }
}

/// What there will be within a few seconds: a node mines a moment after it was asked to.
#[track_caller]
pub(crate) fn soon<T>(look: impl Fn() -> Option<T>) -> T {
    for _ in 0..400 {
        match look() {
            Some(seen) => return seen,
            None => std::thread::sleep(Duration::from_millis(25)),
        }
    }
    panic!("it did not come about");
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

#[track_caller]
pub(crate) fn from_hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    hex::decode(digits.unwrap_or_else(|| panic!("no hexadecimal bytes: {value}"))).unwrap()
}

pub(crate) fn number(value: &Value) -> u64 {
    u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap()
}
