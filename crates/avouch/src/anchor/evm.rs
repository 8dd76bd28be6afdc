//! A registry on an EVM chain as `anchors.toml` describes it (`docs/evm.md`).

use std::path::Path;
use std::time::Duration;

use avouch_anchor::SubmitError;
use avouch_anchor::evm::{Account, Growth, Node, Registry, Submitter};
use avouch_ledger::Ledger;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::services::{check_url, client, open_key, read_list, said, secret};
use crate::{Error, Home};

/// What is paid at most unless the file tells, in gwei per gas.
const MAX_FEE_GWEI: u64 = 50;
const WEI_PER_GWEI: u64 = 1_000_000_000;
/// How many blocks make a receipt complete unless the file tells.
const CONFIRMATIONS: u64 = 12;
/// How long the deployment of a registry may take.
const DEPLOYMENT: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: Option<String>,
    url_env: Option<String>,
    url_file: Option<String>,
    chain: u64,
    /// Absent only until it is deployed.
    contract: Option<String>,
    account_env: Option<String>,
    account_file: Option<String>,
    key: String,
    key_passphrase_env: Option<String>,
    key_passphrase_file: Option<String>,
    max_fee_gwei: Option<u64>,
    confirmations: Option<u64>,
    timeout: Option<u64>,
}

impl Entry {
    fn read(entry: toml::Table) -> Result<Self, String> {
        entry
            .try_into()
            .map_err(|error: toml::de::Error| said(&error))
    }

    fn node(&self, folder: &Path) -> Result<Node, String> {
        let url = match &self.url {
            Some(url) if self.url_env.is_none() && self.url_file.is_none() => {
                check_url(url)?;
                Zeroizing::new(url.clone())
            }
            Some(_) => return Err("it names two places for the node's address".into()),
            None => secret(folder, self.url_env.as_deref(), self.url_file.as_deref())?
                .ok_or("it has no `url`, `url_env` or `url_file`")?,
        };
        let account = secret(
            folder,
            self.account_env.as_deref(),
            self.account_file.as_deref(),
        )?
        .ok_or("it has no `account_env` or `account_file`")?;
        let account = Account::from_hex(&account).map_err(|why| why.to_string())?;
        let max_fee = self.max_fee_gwei.unwrap_or(MAX_FEE_GWEI);
        let max_fee = max_fee
            .checked_mul(WEI_PER_GWEI)
            .ok_or("`max_fee_gwei` is too large")?;
        let client = client(self.timeout);
        Ok(Node::new(client, url.trim(), self.chain, account, max_fee))
    }
}

/// The client for a home's log.
pub(super) fn submitter(
    entry: toml::Table,
    folder: &Path,
    home: &Home,
) -> Result<Submitter, String> {
    let entry = Entry::read(entry)?;
    let contract = entry
        .contract
        .as_deref()
        .ok_or("it has no `contract`: `avouch anchor --deploy NAME` makes one")?;
    let contract = contract.parse().map_err(|why| format!("contract: {why}"))?;
    let registry = Registry {
        chain: entry.chain,
        contract,
    };
    let key = open_key(
        home,
        folder,
        &entry.key,
        entry.key_passphrase_env.as_deref(),
        entry.key_passphrase_file.as_deref(),
    )?;
    let ledger = home.ledger.path().to_owned();
    let growth: Box<Growth> = Box::new(move |before, after| {
        let ledger = Ledger::open_read_only(&ledger);
        ledger
            .and_then(|ledger| ledger.consistency(before, after))
            .map_err(|error| error.to_string())
    });
    let confirmations = entry.confirmations.unwrap_or(CONFIRMATIONS).max(1);
    Submitter::new(entry.node(folder)?, registry, key, growth, confirmations)
        .map_err(|why| why.to_string())
}

impl Home {
    /// Deploys a registry by way of a service of kind `evm` in this file, which need not name a contract yet, and waits
    /// until it is mined. Asked twice, it deploys two.
    ///
    /// # Errors
    /// [`Error::Services`] says what is wrong in the file, [`Error::Submit`] what went wrong on the chain.
    pub fn deploy_registry(&self, path: &Path, service: &str) -> Result<Registry, Error> {
        let wrong = |why: String| Error::Services {
            path: path.into(),
            why,
        };
        let of_name = |entry: &toml::Table| {
            let text = |key: &str| entry.get(key).and_then(toml::Value::as_str);
            text("name") == Some(service) && text("kind") == Some(avouch_anchor::evm::KIND)
        };
        let entry = read_list(path)?.into_iter().find(of_name);
        let mut entry = entry
            .ok_or_else(|| wrong(format!("it lists no service {service:?} of kind \"evm\"")))?;
        entry.remove("name");
        entry.remove("kind");
        let folder = path.parent().unwrap_or(Path::new("."));
        let named = |why: String| wrong(format!("service {service:?}: {why}"));
        let entry = Entry::read(entry).map_err(named)?;
        if let Some(contract) = &entry.contract {
            return Err(named(format!("it has the contract {contract} already")));
        }
        let node = entry.node(folder).map_err(named)?;
        node.deploy_registry(DEPLOYMENT)
            .map_err(|error: SubmitError| error.into())
    }
}
