//! The client on a chain: receipts that verify offline, and one effect whatever happens in between.

use avouch_anchor::evm::{Account, Address, Node, Proof, Registry};
use avouch_anchor::{Backend as _, Doubt, State, SubmitError};
use avouch_http::Client;
use serde_json::json;

use crate::chain::{Chain, MAX_FEE, number, to_hex};
use crate::log::{Log, complete, enter};

#[test]
fn anchored_checkpoints_verify_offline() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    let log = Log::new("log.example/a", 0, 1000);
    let submitter = log.submitter(chain.node(0), registry, 1);
    let mut receipts = Vec::new();
    for size in [1, 3, 8, 1000] {
        let anchored = log.anchored(size);
        let receipt = enter(&submitter, &anchored);
        assert_eq!(receipt.state, State::Complete);
        let block = chain.rpc("eth_getBlockByNumber", json!(["latest", false]));
        let existed = receipt.verify(&log.trusting(&receipt)).unwrap();
        assert_eq!(existed.by, number(&block["timestamp"]));
        assert!(existed.source.contains(block["hash"].as_str().unwrap()));
        // Complete already: there is nothing new.
        assert_eq!(submitter.upgrade(&receipt).unwrap(), None);
        println!(
            "{size}: a receipt of {} bytes",
            receipt.encode().unwrap().len()
        );
        // How `fixtures/anchors` is made.
        if let Some(dir) = std::env::var_os("AVOUCH_RECORD_EVM").map(std::path::PathBuf::from) {
            let (hash, number) = (block["hash"].as_str().unwrap(), number(&block["number"]));
            let text = format!("{hash} {number} {}\n", existed.by);
            std::fs::write(dir.join("evm.block"), text).unwrap();
            std::fs::write(dir.join("evm.pem"), log.key.verifying_key().to_pem()).unwrap();
            std::fs::write(dir.join("evm.receipt"), receipt.encode().unwrap()).unwrap();
        }
        receipts.push(receipt);
    }
    // A receipt of one checkpoint shows nothing of another, though block, contract and log are right.
    let mut other = receipts[1].clone();
    other.anchored = log.anchored(8);
    let judged = other.verify(&log.trusting(&other));
    assert!(matches!(judged, Err(Doubt::Refused(_))));
    let judged = receipts[1].verify(&log.trusting(&receipts[2]));
    assert!(matches!(judged, Err(Doubt::Unknown(_))));
}

#[test]
fn a_proof_is_made_in_a_block_of_many_transactions() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    chain.rpc("evm_setAutomine", json!([false]));
    let mut indices = Vec::new();
    for (name, others) in [("a", 0), ("b", 1), ("c", 127), ("d", 128), ("e", 300)] {
        chain.crowd(1, others);
        let log = Log::new(name, 0, 6);
        let submitter = log.submitter(chain.node(0), registry, 1);
        let anchored = log.anchored(6);
        let prepared = submitter.prepare(&anchored, &[0; 32]).unwrap();
        let pending = submitter.submit(&anchored, &prepared).unwrap();
        assert_eq!(submitter.upgrade(&pending).unwrap(), None);
        chain.rpc("evm_mine", json!([]));
        let receipt = complete(&submitter, &pending);
        assert!(receipt.verify(&log.trusting(&receipt)).is_ok());
        let Proof::Mined { index, path, .. } = Proof::decode(&receipt.proof).unwrap() else {
            panic!("a complete proof");
        };
        indices.push((index, path.len()));
    }
    println!("(index, nodes in the path): {indices:?}");
    assert!(indices.iter().any(|(index, _)| *index >= 128));
}

#[test]
fn what_is_sent_again_has_its_effect_once() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    let log = Log::new("log.example/a", 0, 20);
    let anchored = log.anchored(5);
    let client = || log.submitter(chain.node(0), registry, 1);
    // Killed after sending, and after the checkpoint was mined: the same bytes are sent again.
    let prepared = client().prepare(&anchored, &[0; 32]).unwrap();
    client().submit(&anchored, &prepared).unwrap();
    let pending = client().submit(&anchored, &prepared).unwrap();
    let first = complete(&client(), &pending);
    // Killed before anything was stored: it is found in the registry.
    let prepared = client().prepare(&anchored, &[0; 32]).unwrap();
    assert!(prepared.is_empty());
    let pending = client().submit(&anchored, &prepared).unwrap();
    assert_eq!(complete(&client(), &pending), first);
    let filter = json!({"address": registry.contract.to_string(), "fromBlock": "earliest"});
    let logs = chain.rpc("eth_getLogs", json!([filter]));
    assert_eq!(logs.as_array().unwrap().len(), 1);

    // Two clients prepare, from two accounts; one is first, and both have a receipt.
    let anchored = log.anchored(9);
    let other = log.submitter(chain.node(1), registry, 1);
    let prepared = client().prepare(&anchored, &[0; 32]).unwrap();
    let by_other = other.prepare(&anchored, &[0; 32]).unwrap();
    let theirs = other.submit(&anchored, &by_other).unwrap();
    let ours = client().submit(&anchored, &prepared).unwrap();
    let theirs = complete(&other, &theirs);
    assert_eq!(complete(&client(), &ours), theirs);
    let logs = chain.rpc("eth_getLogs", json!([filter]));
    assert_eq!(logs.as_array().unwrap().len(), 2);

    // A later checkpoint overtakes one that was never entered: there is nothing to show for it.
    let prepared = client().prepare(&log.anchored(11), &[0; 32]).unwrap();
    enter(&other, &log.anchored(12));
    let pending = client().submit(&log.anchored(11), &prepared).unwrap();
    let error = client().upgrade(&pending).unwrap_err();
    assert!(
        error.to_string().contains("anchor the newest checkpoint"),
        "{error}"
    );
    let error = client().prepare(&log.anchored(11), &[0; 32]).unwrap_err();
    assert!(
        error.to_string().contains("anchor the newest checkpoint"),
        "{error}"
    );
}

#[test]
fn a_transaction_that_the_node_forgot_is_sent_again() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    let log = Log::new("log.example/a", 0, 20);
    let submitter = log.submitter(chain.node(0), registry, 1);
    chain.rpc("evm_setAutomine", json!([false]));
    let anchored = log.anchored(5);
    let prepared = submitter.prepare(&anchored, &[0; 32]).unwrap();
    let pending = submitter.submit(&anchored, &prepared).unwrap();
    let hash = to_hex(&keccak256(&prepared));
    chain.rpc("anvil_dropTransaction", json!([hash]));
    chain.rpc("evm_mine", json!([]));
    assert_eq!(submitter.upgrade(&pending).unwrap(), None);
    chain.rpc("evm_mine", json!([]));
    complete(&submitter, &pending);

    // One whose number the account has used for something else will never be mined.
    let anchored = log.anchored(6);
    let prepared = submitter.prepare(&anchored, &[0; 32]).unwrap();
    let pending = submitter.submit(&anchored, &prepared).unwrap();
    chain.rpc(
        "anvil_dropTransaction",
        json!([to_hex(&keccak256(&prepared))]),
    );
    chain.crowd(0, 1);
    chain.rpc("evm_mine", json!([]));
    for error in [
        submitter.upgrade(&pending).unwrap_err(),
        submitter.submit(&anchored, &prepared).unwrap_err(),
    ] {
        assert!(matches!(error, SubmitError::Lost { .. }), "{error}");
    }
    let prepared = submitter.prepare(&anchored, &[0; 32]).unwrap();
    let pending = submitter.submit(&anchored, &prepared).unwrap();
    chain.rpc("evm_mine", json!([]));
    complete(&submitter, &pending);
}

#[test]
fn a_receipt_waits_for_confirmations_and_survives_a_reorganisation() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    let log = Log::new("log.example/a", 0, 20);
    let submitter = log.submitter(chain.node(0), registry, 4);
    let anchored = log.anchored(5);
    let prepared = submitter.prepare(&anchored, &[0; 32]).unwrap();
    let pending = submitter.submit(&anchored, &prepared).unwrap();
    for _ in 0..2 {
        assert_eq!(submitter.upgrade(&pending).unwrap(), None);
        chain.rpc("evm_mine", json!([]));
    }
    // Its block is replaced by empty ones.
    chain.rpc("anvil_reorg", json!([3, []]));
    assert_eq!(submitter.upgrade(&pending).unwrap(), None);
    for _ in 0..3 {
        chain.rpc("evm_mine", json!([]));
    }
    let receipt = complete(&submitter, &pending);
    assert!(receipt.verify(&log.trusting(&receipt)).is_ok());
}

#[test]
fn what_cannot_be_anchored_is_refused_before_it_costs_anything() {
    let Some(chain) = Chain::start(31337) else {
        return;
    };
    let registry = chain.deploy();
    let log = Log::new("log.example/a", 0, 20);
    enter(&log.submitter(chain.node(0), registry, 1), &log.anchored(5));
    let prepare = |log: &Log, node: Node, registry: Registry, size| {
        let submitter = log.submitter(node, registry, 1);
        submitter
            .prepare(&log.anchored(size), &[0; 32])
            .unwrap_err()
    };
    // A log that has forked since, with a larger tree or with one of the same size.
    let fork = Log::new("log.example/a", 100, 20);
    for size in [5, 9] {
        let error = prepare(&fork, chain.node(0), registry, size);
        assert!(error.to_string().contains("FORKED"), "{error}");
        assert!(!error.may_pass());
    }
    let empty = prepare(&log, chain.node(0), registry, 0);
    assert!(empty.to_string().contains("empty"), "{empty}");
    // Gas that costs more than is allowed may be cheaper later.
    let node = |id, max_fee| {
        let secret = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        let account = Account::from_hex(secret).unwrap();
        Node::new(Client::default(), &chain.url, id, account, max_fee)
    };
    let error = prepare(&log, node(chain.id, 1), registry, 6);
    assert!(matches!(error, SubmitError::NotNow { .. }), "{error}");
    assert!(error.may_pass());
    // Another chain, an address without code, and other code.
    let elsewhere = Registry {
        chain: 1,
        ..registry
    };
    let error = prepare(&log, node(1, MAX_FEE), elsewhere, 6);
    assert!(
        error.to_string().contains("a node of chain 31337"),
        "{error}"
    );
    let mut nowhere = registry;
    nowhere.contract = Address([7; 20]);
    let error = prepare(&log, chain.node(0), nowhere, 6);
    assert!(error.to_string().contains("is not that of"), "{error}");
    chain.rpc(
        "anvil_setCode",
        json!([nowhere.contract.to_string(), "0x6001"]),
    );
    let error = prepare(&log, chain.node(0), nowhere, 6);
    assert!(error.to_string().contains("(2 bytes, not"), "{error}");
    // An account that cannot pay.
    let poor = Account::from_hex(&"11".repeat(32)).unwrap();
    let node = Node::new(Client::default(), &chain.url, chain.id, poor, MAX_FEE);
    let submitter = log.submitter(node, registry, 1);
    let anchored = log.anchored(6);
    let prepared = submitter.prepare(&anchored, &[0; 32]);
    let error = prepared.and_then(|prepared| submitter.submit(&anchored, &prepared));
    assert!(
        matches!(error, Err(SubmitError::Refused { .. })),
        "{error:?}"
    );
    // Growth that cannot be shown.
    let no_proof = |_, _| Err("the log is elsewhere".to_owned());
    let submitter = avouch_anchor::evm::Submitter::new(
        chain.node(0),
        registry,
        log.key.clone(),
        Box::new(no_proof),
        1,
    );
    let error = submitter.unwrap().prepare(&log.anchored(6), &[0; 32]);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("the log is elsewhere")
    );
}

#[test]
fn no_error_and_no_debug_form_shows_a_secret() {
    let secret = "sEcReT";
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let log = Log::new("log.example/a", 0, 5);
    let registry = Registry {
        chain: 1,
        contract: Address([7; 20]),
    };
    // Nobody listens at port 1; the other address is of no kind that is known.
    for url in [
        format!("http://user:{secret}@127.0.0.1:1/v2/{secret}?key={secret}"),
        format!("gopher://127.0.0.1/{secret}"),
    ] {
        let account = Account::from_hex(key).unwrap();
        let node = Node::new(Client::default(), &url, 1, account, MAX_FEE);
        let submitter = log.submitter(node, registry, 1);
        let error = submitter.prepare(&log.anchored(5), &[0; 32]).unwrap_err();
        let said = format!("{error} {error:?} {submitter:?}");
        assert!(!said.contains(secret), "{said}");
        assert!(!said.contains(&key[..10]), "{said}");
    }
}

fn keccak256(bytes: &[u8]) -> [u8; 32] {
    use sha3::Digest as _;
    sha3::Keccak256::digest(bytes).into()
}
