//! Who says it, and what: the statement, its issuer, its signature, its manifest.

use avouch_cose::Statement;
use avouch_cose::key::{KeyId, VerifyingKey};
use avouch_trace::{MANIFEST_CONTENT_TYPE, Manifest, agent_chain_start};

use super::keys::Authority;
use crate::Options;
use crate::dated::Dated;
use crate::judged::{Findings, Judged};
use crate::policy::{Issuer, Policy};
use crate::report::CheckName;

/// What the statement's checks found, for those that rest on it.
pub(crate) struct Spoken {
    pub(crate) statement: Option<Statement>,
    pub(crate) manifest: Option<Manifest>,
    /// Whether a pinned, unrevoked key of the named issuer signed a well-formed manifest.
    pub(crate) proven: bool,
}

/// Why what rests on an unproven statement is not checked.
pub(crate) const UNPROVEN: &str = "the statement itself is not proven";

/// `dated` is by when others that the policy trusts show that the statement existed, if they do.
pub(crate) fn check(
    statement: Result<Statement, avouch_cose::Error>,
    authority: &Authority<'_>,
    dated: Option<Dated>,
    policy: &Policy,
    options: &Options,
    findings: &mut Findings,
) -> Spoken {
    let statement = match statement {
        Ok(statement) => statement,
        Err(error) => return unreadable(&error.to_string(), options, findings),
    };
    let form = judge_form(&statement);
    let pinned = authority.issuer;
    let issuer = judge_issuer(&statement, authority, policy);
    let signature = match (pinned, &authority.key) {
        _ if issuer.failed() => Judged::NotChecked("the key is not this issuer's".into()),
        (Some(issuer), Some(key)) => judge_signature(&statement, issuer, key, authority, dated),
        _ => Judged::NotChecked("the policy holds no key to check it with".into()),
    };
    let read = Manifest::decode(statement.payload());
    let signed = form.passed() && issuer.passed() && signature.passed();
    let judged = match &read {
        Ok(manifest) => judge_manifest(&statement, manifest).resting_on(signed, "it is not proven"),
        Err(error) => Judged::Fail(error.to_string()),
    };
    let proven = signed && judged.passed();
    findings.add(CheckName::Statement, true, form);
    findings.add(CheckName::Issuer, true, issuer);
    findings.add(CheckName::Signature, true, signature);
    if let Some(chain) = &authority.judged {
        // A chain that is not needed must still not be wrong.
        let required = authority.by_chain || pinned.is_none();
        findings.add(CheckName::KeyChain, required, chain.clone());
    }
    findings.add(CheckName::Manifest, true, judged);
    let manifest = read.ok();
    check_subject(manifest.as_ref(), authority, proven, options, findings);
    Spoken {
        statement: Some(statement),
        manifest,
        proven,
    }
}

/// All that follows when the statement has no readable form.
fn unreadable(reason: &str, options: &Options, findings: &mut Findings) -> Spoken {
    findings.add(CheckName::Statement, true, Judged::Fail(reason.into()));
    for name in [CheckName::Issuer, CheckName::Signature, CheckName::Manifest] {
        findings.add(
            name,
            true,
            Judged::NotChecked("the statement cannot be read".into()),
        );
    }
    check_subject(None, &Authority::none(), false, options, findings);
    Spoken {
        statement: None,
        manifest: None,
        proven: false,
    }
}

fn judge_form(statement: &Statement) -> Judged {
    let found = statement.content_type();
    if found != MANIFEST_CONTENT_TYPE {
        return Judged::Fail(format!(
            "its content type is {found:?}, but a run's statement has {MANIFEST_CONTENT_TYPE:?}"
        ));
    }
    Judged::Pass("one COSE_Sign1 in the stored form, about a run".into())
}

/// The key decides who speaks; the name that the statement gives must agree.
fn judge_issuer(statement: &Statement, authority: &Authority<'_>, policy: &Policy) -> Judged {
    let claimed = statement.issuer();
    let key = short(&statement.key_id());
    match authority.issuer {
        Some(issuer) if authority.by_chain => {
            let from = format!(
                "key statements from a key that the policy pins to {:?} lead to key {key}",
                issuer.name
            );
            let held = authority.judged.as_ref().is_some_and(Judged::passed);
            Judged::Pass(from).resting_on(held, "the check key-chain did not pass")
        }
        Some(issuer) if issuer.name == claimed => {
            Judged::Pass(format!("the policy pins key {key} to {claimed:?}"))
        }
        Some(issuer) => Judged::Fail(format!(
            "the statement names {claimed:?}, but the policy pins its key {key} to {:?}",
            issuer.name
        )),
        None => match policy.log(&statement.key_id()) {
            Some(log) => Judged::Fail(format!(
                "key {key} is pinned as that of log {:?}, which may not issue statements",
                log.origin()
            )),
            None if policy.issuers.iter().any(|issuer| issuer.name == claimed) => {
                Judged::NotChecked(format!(
                    "the statement names {claimed:?}, but its key {key} is not one that the policy \
                     pins to that issuer"
                ))
            }
            None => Judged::NotChecked(format!(
                "the policy pins no issuer {claimed:?} with key {key}"
            )),
        },
    }
}

fn judge_signature(
    statement: &Statement,
    issuer: &Issuer,
    key: &VerifyingKey,
    authority: &Authority<'_>,
    dated: Option<Dated>,
) -> Judged {
    let whose = match authority.by_chain {
        true => format!("key {} of {:?}", short(&key.id()), issuer.name),
        false => format!("the key of {:?}", issuer.name),
    };
    if let Err(error) = statement.verify(key) {
        return Judged::Fail(format!("by {whose}: {error}"));
    }
    let held = format!("{} signature by {whose}", key.algorithm());
    let Some(revoked) = authority.revoked(&key.id()) else {
        return Judged::Pass(held);
    };
    let from = revoked.text;
    match dated {
        // Only others can date a statement: who has stolen the key can write any date into it.
        Some(dated) if i64::try_from(dated.time).is_ok_and(|time| time < revoked.from) => {
            let before = dated.sentence();
            Judged::Pass(format!(
                "{held}, revoked from {from}; {before}, before that"
            ))
        }
        _ => Judged::Fail(format!(
            "the signature holds, but {whose} is revoked from {from}, and nothing shows \
             that the statement is older"
        )),
    }
}

fn judge_manifest(statement: &Statement, manifest: &Manifest) -> Judged {
    if statement.subject() != manifest.subject() {
        return Judged::Fail(format!(
            "the statement is about {:?}, but its manifest is about {:?}",
            statement.subject(),
            manifest.subject()
        ));
    }
    let first = agent_chain_start(statement.issuer(), &manifest.agent);
    if manifest.previous.is_none() && manifest.chain_start != first {
        return Judged::Fail(format!(
            "it names no previous statement, so the chain must start at {first}, the start of this \
             issuer's chain for {:?}, but it starts at {}",
            manifest.agent, manifest.chain_start
        ));
    }
    Judged::Pass(format!("run {} of {} events", manifest.run, manifest.size))
}

/// Whether it is about what the policy allows and the caller expects.
fn check_subject(
    manifest: Option<&Manifest>,
    authority: &Authority<'_>,
    proven: bool,
    options: &Options,
    findings: &mut Findings,
) {
    let judge = |with: &dyn Fn(&Manifest) -> Result<String, String>| match manifest {
        Some(manifest) => Judged::from(with(manifest)).resting_on(proven, UNPROVEN),
        None => Judged::NotChecked("there is no readable manifest".into()),
    };
    let agent = match authority.issuer {
        Some(issuer) => judge(&|manifest| {
            let agent = &manifest.agent;
            match authority.grant.covers(agent) {
                true => allowed_agent(issuer, agent),
                false => Err(format!(
                    "the key statements do not let the key that signed speak for {agent:?}"
                )),
            }
        }),
        None => Judged::NotChecked("which agents are allowed depends on the issuer".into()),
    };
    findings.add(CheckName::Agent, true, agent);
    if let Some(expected) = &options.expect_run {
        let judged = judge(&|manifest| expect("run", &manifest.run, expected));
        findings.add(CheckName::ExpectedRun, true, judged);
    }
    if let Some(expected) = &options.expect_agent {
        let judged = judge(&|manifest| expect("agent", &manifest.agent, expected));
        findings.add(CheckName::ExpectedAgent, true, judged);
    }
    if let Some(expected) = &options.expect_root {
        let judged = judge(&|manifest| expect("root", &manifest.root, expected));
        findings.add(CheckName::ExpectedRoot, true, judged);
    }
}

fn allowed_agent(issuer: &Issuer, agent: &str) -> Result<String, String> {
    match &issuer.agents {
        None => Ok(format!("{:?} may speak for any agent", issuer.name)),
        Some(agents) if agents.iter().any(|allowed| allowed == agent) => {
            Ok(format!("{:?} may speak for {agent:?}", issuer.name))
        }
        Some(_) => Err(format!(
            "the policy does not let {:?} speak for {agent:?}",
            issuer.name
        )),
    }
}

fn expect<T: PartialEq + core::fmt::Display>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<String, String> {
    if found == expected {
        Ok(format!("the {what} is {expected}, as expected"))
    } else {
        Err(format!(
            "the {what} is {found}, but {expected} was expected"
        ))
    }
}

/// Enough of a key's id to tell it from others at a glance.
pub(crate) fn short(id: &KeyId) -> String {
    id.to_string().chars().take(16).collect()
}
