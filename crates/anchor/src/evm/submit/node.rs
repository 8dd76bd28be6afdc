//! A node of the chain, and an account there: reading, and making transactions.

use std::thread::sleep;
use std::time::{Duration, Instant};

use avouch_http::Client;
use serde_json::{Value, json};

use super::account::Account;
use super::contract::{self, CODE, Head};
use super::rpc::{Failure, Rpc, bytes, fixed, number, to_data, to_quantity};
use super::transaction::Transaction;
use crate::SubmitError;
use crate::evm::{Address, LogId, Registry};

/// Gas that is allowed beyond the estimate, as a part of it: what a block in between may change.
const SPARE_GAS: u64 = 8;
/// How often a node is asked whether a transaction was mined.
const POLL: Duration = Duration::from_millis(500);

/// A chain's node, and the account that pays there.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) rpc: Rpc,
    chain: u64,
    account: Account,
    max_fee: u64,
}

/// Where a transaction was mined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mined {
    pub(super) block: [u8; 32],
    pub(super) number: u64,
    pub(super) index: u64,
    pub(super) has_succeeded: bool,
    contract: Option<Address>,
}

impl Node {
    /// The node at this address, of the chain with this id. `max_fee` is the most that is paid, in wei per gas, the tip
    /// included; a transaction costs what its block asks, and waits while that is more.
    pub fn new(client: Client, url: &str, chain: u64, account: Account, max_fee: u64) -> Self {
        Self {
            rpc: Rpc::new(client, url),
            chain,
            account,
            max_fee,
        }
    }

    /// The chain's id.
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// The account that pays.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Deploys a new registry and waits until it is mined, which needs to happen once on a chain: all logs share one.
    pub fn deploy_registry(&self, patience: Duration) -> Result<Registry, SubmitError> {
        self.check_chain()?;
        let signed = self.prepare(None, CODE.creation.clone())?;
        let hash = self.send(&signed)?;
        let begun = Instant::now();
        loop {
            match self.mined(&hash)? {
                Some(Mined {
                    has_succeeded: true,
                    contract: Some(contract),
                    ..
                }) => {
                    let registry = Registry {
                        chain: self.chain,
                        contract,
                    };
                    self.check_code(&registry)?;
                    return Ok(registry);
                }
                Some(_) => return Err(self.rpc.refused("the contract could not be deployed")),
                None if begun.elapsed() > patience => {
                    return Err(self.rpc.refused(format!(
                        "the transaction {} is not mined yet: look for its contract later",
                        to_data(&hash)
                    )));
                }
                None => sleep(POLL),
            }
        }
    }

    /// Checks that the node is one of the chain that is meant.
    pub(super) fn check_chain(&self) -> Result<(), SubmitError> {
        let found = self.number("eth_chainId", json!([]))?;
        match found == self.chain {
            true => Ok(()),
            false => Err(SubmitError::Config(format!(
                "{} is a node of chain {found}, not of chain {}",
                self.rpc.shown(),
                self.chain
            ))),
        }
    }

    /// Checks that the contract's code is that of a registry: another could accept anything, or nothing.
    pub(super) fn check_code(&self, registry: &Registry) -> Result<(), SubmitError> {
        const METHOD: &str = "eth_getCode";
        let contract = registry.contract;
        let code = self
            .rpc
            .call(METHOD, json!([contract.to_string(), "latest"]))?;
        let code = bytes(&code).map_err(|why| self.rpc.bad(METHOD, why))?;
        match code == CODE.runtime {
            true => Ok(()),
            false => Err(SubmitError::Config(format!(
                "the code of {contract} on chain {} is not that of this version's CheckpointRegistry ({} bytes, not {})",
                self.chain,
                code.len(),
                CODE.runtime.len()
            ))),
        }
    }

    /// The last checkpoint of a log.
    pub(super) fn head(&self, registry: &Registry, log: &LogId) -> Result<Head, SubmitError> {
        const METHOD: &str = "eth_call";
        let call = json!({
            "to": registry.contract.to_string(),
            "data": to_data(&contract::heads(log)),
        });
        let returned = self.rpc.call(METHOD, json!([call, "latest"]))?;
        bytes(&returned)
            .ok()
            .and_then(|returned| contract::read_head(&returned))
            .ok_or_else(|| self.rpc.bad(METHOD, "it is not a checkpoint"))
    }

    /// Makes and signs a transaction that would succeed now.
    pub(super) fn prepare(
        &self,
        to: Option<Address>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, SubmitError> {
        let from = self.account.address().to_string();
        let mut call = json!({"from": from, "data": to_data(&data)});
        if let Some(to) = to {
            call["to"] = to.to_string().into();
        }
        let gas = self.estimate(call)?;
        let (max_tip, max_fee) = self.fees()?;
        let transaction = Transaction {
            chain: self.chain,
            // Behind those of the account's that are on their way.
            nonce: self.number("eth_getTransactionCount", json!([from, "pending"]))?,
            max_tip,
            max_fee,
            gas: gas.saturating_add(gas / SPARE_GAS),
            to,
            data,
        };
        Ok(self.account.sign(&transaction))
    }

    fn estimate(&self, call: Value) -> Result<u64, SubmitError> {
        const METHOD: &str = "eth_estimateGas";
        match self.rpc.try_call(METHOD, json!([call]), 1 << 20) {
            Ok(gas) => number(&gas).map_err(|why| self.rpc.bad(METHOD, why)),
            Err(Failure::Node { message, data }) => Err(self
                .rpc
                .refused(contract::error(&data).map_or_else(|| message.clone(), str::to_owned))),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// The tip that the node suggests, and the most that is paid, both within the cap.
    fn fees(&self) -> Result<(u64, u64), SubmitError> {
        const METHOD: &str = "eth_getBlockByNumber";
        let block = self.rpc.call(METHOD, json!(["latest", false]))?;
        let base = number(&block["baseFeePerGas"])
            .map_err(|why| self.rpc.bad(METHOD, format!("baseFeePerGas: {why}")))?;
        let Some(room) = self.max_fee.checked_sub(base) else {
            return Err(SubmitError::NotNow {
                url: self.rpc.shown().into(),
                why: format!(
                    "gas costs {base} wei now, more than the {} allowed",
                    self.max_fee
                ),
            });
        };
        let tip = self.number("eth_maxPriorityFeePerGas", json!([]))?;
        Ok((tip.min(room), self.max_fee))
    }

    /// Sends a transaction; its hash. Sent again it is the same transaction, and all is well if the node knows it.
    pub(super) fn send(&self, signed: &[u8]) -> Result<[u8; 32], SubmitError> {
        let hash = crate::evm::keccak::keccak256(signed);
        match self
            .rpc
            .try_call("eth_sendRawTransaction", json!([to_data(signed)]), 1 << 20)
        {
            Ok(_) => Ok(hash),
            Err(Failure::Other(error)) => Err(error),
            Err(Failure::Node { message, .. }) => match self.knows(&hash)? {
                true => Ok(hash),
                false => Err(self.rpc.refused(message)),
            },
        }
    }

    /// Whether the node knows a transaction, mined or not.
    pub(super) fn knows(&self, hash: &[u8; 32]) -> Result<bool, SubmitError> {
        let found = self
            .rpc
            .call("eth_getTransactionByHash", json!([to_data(hash)]))?;
        Ok(!found.is_null())
    }

    /// Whether the account has had a transaction of this nonce mined.
    pub(super) fn has_used(&self, nonce: u64) -> Result<bool, SubmitError> {
        let from = self.account.address().to_string();
        Ok(self.number("eth_getTransactionCount", json!([from, "latest"]))? > nonce)
    }

    /// Where a transaction was mined, if it was.
    pub(super) fn mined(&self, hash: &[u8; 32]) -> Result<Option<Mined>, SubmitError> {
        const METHOD: &str = "eth_getTransactionReceipt";
        let receipt = self.rpc.call(METHOD, json!([to_data(hash)]))?;
        if receipt.is_null() {
            return Ok(None);
        }
        let read = || -> Result<Mined, &'static str> {
            let contract = &receipt["contractAddress"];
            Ok(Mined {
                block: fixed(&receipt["blockHash"])?,
                number: number(&receipt["blockNumber"])?,
                index: number(&receipt["transactionIndex"])?,
                has_succeeded: number(&receipt["status"])? == 1,
                contract: match contract.is_null() {
                    true => None,
                    false => Some(Address(fixed(contract)?)),
                },
            })
        };
        read().map(Some).map_err(|why| self.rpc.bad(METHOD, why))
    }

    /// The transaction that left the one event with these topics, if there is one.
    pub(super) fn find_event(
        &self,
        registry: &Registry,
        topics: &[[u8; 32]; 3],
    ) -> Result<Option<[u8; 32]>, SubmitError> {
        const METHOD: &str = "eth_getLogs";
        let filter = json!({
            "address": registry.contract.to_string(),
            "topics": topics.each_ref().map(|topic| to_data(topic)),
            "fromBlock": "earliest",
            "toBlock": "latest",
        });
        let logs = self.rpc.call(METHOD, json!([filter]))?;
        let hash = logs.get(0).map(|log| fixed(&log["transactionHash"]));
        hash.transpose().map_err(|why| self.rpc.bad(METHOD, why))
    }

    /// Whether a block is in the node's chain, with this many blocks in it from that one on.
    pub(super) fn is_deep(&self, mined: &Mined, confirmations: u64) -> Result<bool, SubmitError> {
        const METHOD: &str = "eth_getBlockByNumber";
        let newest = self.number("eth_blockNumber", json!([]))?;
        if newest.saturating_add(1).saturating_sub(mined.number) < confirmations {
            return Ok(false);
        }
        let block = self
            .rpc
            .call(METHOD, json!([to_quantity(mined.number), false]))?;
        Ok(fixed(&block["hash"]) == Ok(mined.block))
    }

    fn number(&self, method: &str, params: Value) -> Result<u64, SubmitError> {
        let answer = self.rpc.call(method, params)?;
        number(&answer).map_err(|why| self.rpc.bad(method, why))
    }
}
