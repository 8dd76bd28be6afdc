//! What an anchor on an EVM chain accepts, and every lie that it does not.

use avouch_cose::{Algorithm, Checkpoint, SigningKey};
use avouch_merkle::{Digest, TreeSize};

use super::header::Header;
use super::registry::topics;
use super::rlp::{list, write_bytes, write_uint};
use super::trie::build::indexed;
use super::*;
use crate::{Anchored, Doubt, Existed, Receipt, State, Verifier as _};

const TIME: u64 = 1_800_000_000;
const NUMBER: u64 = 21_000_000;

/// An event as a receipt has it.
#[derive(Clone)]
struct Log {
    contract: [u8; 20],
    topics: Vec<[u8; 32]>,
    data: Vec<u8>,
}

/// A checkpoint, and a block in which a registry accepted it among other things.
struct World {
    anchored: Anchored,
    registry: Registry,
    key: SigningKey,
    status: u64,
    logs: Vec<Log>,
}

impl World {
    fn new() -> Self {
        let anchored = anchored("log.example/a", 7, Digest([9; 32]), &[]);
        let registry = Registry {
            chain: 1,
            contract: Address([0xc0; 20]),
        };
        let key = SigningKey::generate(Algorithm::P256, &[3; 32]).unwrap();
        let log = LogId::new(&key.verifying_key(), "log.example/a").unwrap();
        let logs = vec![
            Log {
                contract: [0xee; 20],
                topics: vec![[1; 32]],
                data: vec![2; 70],
            },
            Log {
                contract: registry.contract.0,
                topics: topics(&log, 7).to_vec(),
                data: vec![9; 32],
            },
        ];
        Self {
            anchored,
            registry,
            key,
            status: 1,
            logs,
        }
    }

    fn anchor(&self, block: BlockHash) -> Evm {
        Evm::new(self.registry, self.key.verifying_key(), vec![block]).unwrap()
    }

    /// The registry's transaction between two others.
    fn receipts(&self) -> Vec<Vec<u8>> {
        let other = [Log {
            contract: [0xab; 20],
            topics: Vec::new(),
            data: Vec::new(),
        }];
        vec![
            receipt(1, &other),
            receipt(self.status, &self.logs),
            receipt(0, &[]),
        ]
    }

    /// The block's hash, and the proof that the transaction at `index` has its receipt.
    fn block(&self, index: u64) -> (BlockHash, Proof) {
        let (root, path) = indexed(&self.receipts(), index);
        let header = header(&root);
        let proof = Proof::Mined {
            registry: self.registry,
            header: header.clone(),
            index,
            path,
        };
        (BlockHash::of_header(&header).unwrap(), proof)
    }

    /// What the proof shows to somebody who trusts the block.
    fn judge(&self) -> Result<Existed, Doubt> {
        let (block, proof) = self.block(1);
        self.anchor(block).verify(&self.anchored, &proof.encode())
    }
}

fn anchored(origin: &str, size: u64, root: Digest, extensions: &[&str]) -> Anchored {
    let key = SigningKey::generate(Algorithm::Ed25519, &[7; 32]).unwrap();
    let checkpoint = Checkpoint {
        origin: origin.into(),
        size: TreeSize(size),
        root,
        extensions: extensions.iter().map(|&line| line.into()).collect(),
    };
    Anchored::parse(&checkpoint.sign(&key).unwrap().to_string()).unwrap()
}

fn receipt(status: u64, logs: &[Log]) -> Vec<u8> {
    let logs = logs.iter().flat_map(|log| {
        let mut fields = Vec::new();
        write_bytes(&mut fields, &log.contract);
        let mut topics = Vec::new();
        log.topics
            .iter()
            .for_each(|topic| write_bytes(&mut topics, topic));
        fields.extend(list(&topics));
        write_bytes(&mut fields, &log.data);
        list(&fields)
    });
    let logs: Vec<u8> = logs.collect();
    let mut fields = Vec::new();
    write_uint(&mut fields, status);
    write_uint(&mut fields, 90_000);
    write_bytes(&mut fields, &[0; 256]);
    fields.extend(list(&logs));
    [vec![2], list(&fields)].concat()
}

fn header(receipts_root: &[u8; 32]) -> Vec<u8> {
    let mut fields = Vec::new();
    for field in [
        &[1; 32][..],
        &[2; 32],
        &[3; 20],
        &[4; 32],
        &[5; 32],
        receipts_root,
        &[0; 256],
        &[],
    ] {
        write_bytes(&mut fields, field);
    }
    for number in [NUMBER, 30_000_000, 90_000, TIME] {
        write_uint(&mut fields, number);
    }
    for field in [&b"extra"[..], &[6; 32], &[0; 8], &[7], &[8; 32]] {
        write_bytes(&mut fields, field);
    }
    list(&fields)
}

fn refused(why: &str) -> Result<Existed, Doubt> {
    Err(Doubt::Refused(why.into()))
}

#[test]
fn a_checkpoint_that_the_registry_accepted_existed_at_the_blocks_time() {
    let world = World::new();
    let (block, _) = world.block(1);
    let source = format!("block {NUMBER} ({block}) of chain 1");
    assert_eq!(world.judge(), Ok(Existed { by: TIME, source }));
}

#[test]
fn another_contracts_event_is_refused() {
    let mut world = World::new();
    world.logs[1].contract[19] ^= 1;
    let why = "the transaction has no event of the registry";
    assert_eq!(world.judge(), refused(why));
    // Nor another event of the same contract, nor one with other topics.
    let mut world = World::new();
    world.logs[1].topics[0][0] ^= 1;
    assert_eq!(world.judge(), refused(why));
    let mut world = World::new();
    world.logs[1].topics.push([0; 32]);
    assert_eq!(world.judge(), refused(why));
}

#[test]
fn another_logs_event_is_refused() {
    let mut world = World::new();
    world.logs[1].topics[1][0] ^= 1;
    let why = "the registry's event is about another log";
    assert_eq!(world.judge(), refused(why));
    // Another key, and another origin, are another log.
    let mut world = World::new();
    world.key = SigningKey::generate(Algorithm::P256, &[4; 32]).unwrap();
    assert_eq!(world.judge(), refused(why));
    let mut world = World::new();
    world.anchored = anchored("log.example/b", 7, Digest([9; 32]), &[]);
    assert_eq!(world.judge(), refused(why));
}

#[test]
fn another_size_or_root_is_refused() {
    let why = "the registry's event is about another checkpoint of the log";
    for (size, root) in [(8, [9; 32]), (7, [8; 32])] {
        let mut world = World::new();
        world.anchored = anchored("log.example/a", size, Digest(root), &[]);
        assert_eq!(world.judge(), refused(why));
    }
    let mut world = World::new();
    world.logs[1].data.push(0);
    assert_eq!(world.judge(), refused(why));
    // What the event does not cover is not dated by it.
    let mut world = World::new();
    world.anchored = anchored("log.example/a", 7, Digest([9; 32]), &["more"]);
    let why = "the checkpoint has extension lines, which a registry does not anchor";
    assert_eq!(world.judge(), refused(why));
}

#[test]
fn a_failed_transaction_is_refused() {
    let mut world = World::new();
    world.status = 0;
    let why = "the transaction's receipt: the transaction failed";
    assert_eq!(world.judge(), refused(why));
    let mut world = World::new();
    world.status = 2;
    let why = "the transaction's receipt: the receipt has no status";
    assert_eq!(world.judge(), refused(why));
}

#[test]
fn the_proof_of_another_index_is_refused() {
    let world = World::new();
    let (block, proof) = world.block(1);
    let Proof::Mined {
        registry,
        header,
        path,
        ..
    } = proof
    else {
        panic!("a mined proof");
    };
    for index in [0, 2, 3, 128, u64::MAX] {
        let proof = Proof::Mined {
            registry,
            header: header.clone(),
            index,
            path: path.clone(),
        };
        let judged = world.anchor(block).verify(&world.anchored, &proof.encode());
        assert!(
            matches!(judged, Err(Doubt::Refused(_))),
            "{index}: {judged:?}"
        );
    }
    // Another transaction's own, right proof shows another transaction.
    let (block, proof) = world.block(0);
    let judged = world.anchor(block).verify(&world.anchored, &proof.encode());
    assert_eq!(
        judged,
        refused("the transaction has no event of the registry")
    );
}

#[test]
fn a_block_that_the_policy_does_not_trust_shows_nothing() {
    let world = World::new();
    let (block, proof) = world.block(1);
    let mut other = block;
    other.0[31] ^= 1;
    for blocks in [Vec::new(), vec![other]] {
        let anchor = Evm::new(world.registry, world.key.verifying_key(), blocks).unwrap();
        let judged = anchor.verify(&world.anchored, &proof.encode());
        let why = format!(
            "block {NUMBER} ({block}) is not among the blocks of chain 1 that the policy trusts"
        );
        assert_eq!(judged, Err(Doubt::Unknown(why)));
    }
    // Several blocks may be trusted.
    let anchor = Evm::new(
        world.registry,
        world.key.verifying_key(),
        vec![other, block],
    )
    .unwrap();
    assert!(anchor.verify(&world.anchored, &proof.encode()).is_ok());
}

#[test]
fn a_receipt_from_another_registry_is_not_the_policys() {
    let world = World::new();
    let (block, _) = world.block(1);
    for (chain, contract) in [(2, [0xc0; 20]), (1, [0xc1; 20])] {
        let mut other = World::new();
        other.registry = Registry {
            chain,
            contract: Address(contract),
        };
        let (_, proof) = other.block(1);
        let judged = world.anchor(block).verify(&world.anchored, &proof.encode());
        assert!(matches!(judged, Err(Doubt::Unknown(_))), "{judged:?}");
        // One that says that it is the policy's has to have the policy's event.
        other.registry = world.registry;
        other.logs[1].contract = contract;
        if contract != world.registry.contract.0 {
            assert_eq!(
                other.judge(),
                refused("the transaction has no event of the registry")
            );
        }
    }
}

/// The lie: evidence that only repeats what it should prove. The peer that this is a lesson from compares such a receipt with
/// itself and calls that verified.
#[test]
fn a_receipt_that_repeats_what_it_should_prove_is_refused() {
    let world = World::new();
    let (block, _) = world.block(1);
    let anchor = world.anchor(block);
    let log = LogId::new(&world.key.verifying_key(), "log.example/a").unwrap();
    let judge = |proof: &[u8]| anchor.verify(&world.anchored, proof);
    // The checkpoint, its event, or the receipt itself in the place of a proof.
    let event = receipt(1, &world.logs[1..]);
    for lie in [
        world.anchored.text().as_bytes().to_vec(),
        world.anchored.digest().0.to_vec(),
        event.clone(),
        topics(&log, 7).concat(),
        Vec::new(),
    ] {
        assert!(matches!(judge(&lie), Err(Doubt::Refused(_))));
    }
    // A transaction that was sent is a promise, whatever the receipt around it calls itself.
    let sent = Proof::Sent {
        registry: world.registry,
        transaction: Some(event.clone()),
    };
    let receipt = |state, proof: &Proof| Receipt {
        kind: KIND.into(),
        anchored: world.anchored.clone(),
        state,
        proof: proof.encode(),
    };
    let judged = receipt(State::Pending, &sent).verify(&anchor);
    assert!(matches!(judged, Err(Doubt::Pending(_))));
    let judged = receipt(State::Complete, &sent).verify(&anchor);
    assert!(matches!(judged, Err(Doubt::Refused(_))));
    // A trie of the liar's own, right in itself, under a header of the liar's own.
    let (root, path) = indexed(&[event], 0);
    let mined = |header: Vec<u8>| Proof::Mined {
        registry: world.registry,
        header,
        index: 0,
        path: path.clone(),
    };
    let judged = judge(&mined(header(&root)).encode());
    assert!(matches!(judged, Err(Doubt::Unknown(_))), "{judged:?}");
    // The same trie under the trusted header.
    let (trusted, _) = indexed(&world.receipts(), 1);
    let judged = judge(&mined(header(&trusted)).encode());
    let why = "the transaction's receipt: a node is not the one that its parent refers to";
    assert_eq!(judged, refused(why));
    // And nobody is talked into it by an anchor without an opinion.
    let judged = receipt(State::Complete, &mined(header(&root)));
    let no_blocks = Evm::new(world.registry, world.key.verifying_key(), Vec::new()).unwrap();
    assert!(matches!(judged.verify(&no_blocks), Err(Doubt::Unknown(_))));
}

#[test]
fn damage_anywhere_is_refused() {
    let world = World::new();
    let (block, proof) = world.block(1);
    let anchor = world.anchor(block);
    let bytes = proof.encode();
    assert!(anchor.verify(&world.anchored, &bytes).is_ok());
    for at in 0..bytes.len() {
        assert!(
            anchor.verify(&world.anchored, &bytes[..at]).is_err(),
            "cut at {at}"
        );
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let judged = anchor.verify(&world.anchored, &flipped);
            assert!(judged.is_err(), "byte {at}, bit {bit}");
        }
    }
    for more in [0, 0x80, 0xf6] {
        let longer = [bytes.as_slice(), &[more]].concat();
        assert!(anchor.verify(&world.anchored, &longer).is_err());
    }
}

#[test]
fn bytes_after_a_header_or_a_receipt_are_refused() {
    let world = World::new();
    let (root, _) = indexed(&world.receipts(), 1);
    // The header's hash is over all that is there, so a policy that trusts it trusts nonsense; it still is no header.
    let longer = [header(&root), vec![0]].concat();
    assert!(Header::parse(&longer).is_err());
    let good = receipt(1, &world.logs);
    assert_eq!(super::receipt::events(&good).unwrap().len(), 2);
    for bad in [
        [good.clone(), vec![0x80]].concat(),
        good[..good.len() - 1].to_vec(),
        [vec![0x80], good[1..].to_vec()].concat(),
        [vec![0], good[1..].to_vec()].concat(),
        Vec::new(),
    ] {
        assert!(super::receipt::events(&bad).is_err());
    }
    // Before EIP-2718 there was no type.
    assert!(super::receipt::events(&good[1..]).is_ok());
}

#[test]
fn only_a_p256_key_makes_an_anchor() {
    let world = World::new();
    let key = SigningKey::generate(Algorithm::Ed25519, &[3; 32]).unwrap();
    let anchor = Evm::new(world.registry, key.verifying_key(), Vec::new());
    assert_eq!(anchor, Err(AnchorError::NotP256));
}

#[test]
fn both_forms_of_a_proof_read_back() {
    let world = World::new();
    let (_, mined) = world.block(1);
    let sent = |transaction| Proof::Sent {
        registry: world.registry,
        transaction,
    };
    for proof in [mined, sent(None), sent(Some(vec![1, 2, 3]))] {
        assert_eq!(Proof::decode(&proof.encode()).unwrap(), proof);
    }
}

/// A block of Ethereum's main network and its hash, as everybody knows them.
#[test]
fn the_hash_of_a_known_block_is_its_hash() {
    // Block 1: parent, ommers, beneficiary and so on, of 2015.
    let genesis = "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3";
    let first = "88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6";
    let field = |out: &mut Vec<u8>, digits: &str| write_bytes(out, &hex::decode(digits).unwrap());
    let mut fields = Vec::new();
    field(&mut fields, genesis);
    field(
        &mut fields,
        "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    );
    field(&mut fields, "05a56e2d52c817161883f50c441c3228cfe54d9f");
    field(
        &mut fields,
        "d67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3",
    );
    let empty = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
    field(&mut fields, empty);
    field(&mut fields, empty);
    write_bytes(&mut fields, &[0; 256]);
    field(&mut fields, "03ff800000");
    write_uint(&mut fields, 1);
    write_uint(&mut fields, 5000);
    write_uint(&mut fields, 0);
    write_uint(&mut fields, 0x55ba_4224);
    field(
        &mut fields,
        "476574682f76312e302e302f6c696e75782f676f312e342e32",
    );
    field(
        &mut fields,
        "969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59",
    );
    field(&mut fields, "539bd4979fef1ec4");
    let header = Header::parse(&list(&fields)).unwrap();
    assert_eq!(hex::encode(header.hash.0), first);
    assert_eq!((header.number, header.time), (1, 0x55ba_4224));
}
