//! Whether the key that signed speaks for the issuer: by the policy's own pin, or by key statements that lead
//! to it from one that the policy pins; and from when it does not.

use avouch_bundle::{Bundle, KeyEvidence, KeyLink};
use avouch_cose::{Grant, KeyAct, KeyId, KeyStatement, Statement, VerifyingKey};

use super::log::{Dated, date};
use super::statement::short;
use crate::judged::Judged;
use crate::policy::{Issuer, Policy, Revoked, Said};
use crate::seen::Seen;
use crate::text::time_text;

/// What the policy and the key statements make of the statement's key.
pub(crate) struct Authority<'p> {
    /// The pinned issuer in whose name it speaks.
    pub(crate) issuer: Option<&'p Issuer>,
    /// The key, where it is known.
    pub(crate) key: Option<VerifyingKey>,
    /// What it may do.
    pub(crate) grant: Grant,
    /// The check `key-chain`; `None` where the bundle has no key statements.
    pub(crate) judged: Option<Judged>,
    /// Whether it speaks by key statements rather than by the policy's own pin.
    pub(crate) by_chain: bool,
    /// Other keys that speak for the issuer by key statements, and what they may do.
    others: Vec<(VerifyingKey, Grant)>,
    revocations: Revocations,
}

impl Authority<'_> {
    /// Where there is no readable statement.
    pub(crate) fn none() -> Self {
        Self {
            issuer: None,
            key: None,
            grant: Grant::root(),
            judged: None,
            by_chain: false,
            others: Vec::new(),
            revocations: Revocations::default(),
        }
    }

    /// From when a key does not count, if it is revoked.
    pub(crate) fn revoked(&self, id: &KeyId) -> Option<Revoked> {
        self.revocations.of(id)
    }

    /// A key that speaks for the issuer by key statements, and what it may do.
    pub(crate) fn other(&self, id: &KeyId) -> Option<&(VerifyingKey, Grant)> {
        self.others.iter().find(|(key, _)| key.id() == *id)
    }
}

/// Judges whose word the statement is. `seen_by` is by when witnesses or anchors show that it existed; `seen` is what the
/// verifier remembers, which takes up the revocations that count.
pub(crate) fn judge<'p>(
    bundle: &Bundle,
    statement: &Statement,
    seen_by: Option<u64>,
    policy: &'p Policy,
    seen: Option<(&mut Seen, u64)>,
) -> Authority<'p> {
    let name = statement.issuer();
    let id = statement.key_id();
    let nothing = KeyEvidence::default();
    let evidence = bundle.keys.as_ref().unwrap_or(&nothing);
    let walked = walk(&evidence.chain, name, policy);
    let links = walked.as_ref().map(|walk| walk.links.as_slice());
    let links = links.unwrap_or_default();
    let mut own = OwnKeys::of(name, policy, links);
    let mut revocations = Revocations::of_policy(policy);
    let bad = revocations.take_up(&evidence.others, name, links, &mut own);
    if let Some((seen, now)) = seen {
        revocations.share(seen, name, now);
    }
    let pinned = policy.issuer(&id);
    let mut authority = Authority {
        issuer: pinned,
        key: pinned.map(|issuer| issuer.key),
        others: own.speakers(&revocations),
        ..Authority::none()
    };
    let judged = match walked {
        Err(Judged::Fail(reason)) => Judged::Fail(reason),
        _ if pinned.is_some() => {
            Judged::NotChecked("the policy pins the key that signed, so no chain is needed".into())
        }
        Err(judged) => judged,
        Ok(walk) => {
            let judged = walk.judge(&id, statement, seen_by, policy, &revocations);
            if !judged.failed()
                && let Some(last) = walk.links.last()
            {
                authority.issuer = Some(walk.issuer);
                authority.key = Some(last.said.key);
                authority.grant = last.grant.clone();
                authority.by_chain = true;
            }
            if judged.passed() {
                let links = walk.links.iter();
                let speak = links.map(|link| (link.said.key, link.grant.clone()));
                authority.others.extend(speak);
            }
            judged
        }
    };
    let judged = match bad {
        Some(reason) => Judged::Fail(reason),
        None => judged,
    };
    authority.judged = bundle.keys.as_ref().map(|_| judged);
    authority.revocations = revocations;
    authority
}

/// A link whose signature holds.
struct Link {
    statement: Statement,
    said: KeyStatement,
    /// What its key may do by the chain so far.
    grant: Grant,
    /// What the signer may do.
    by: Grant,
    dated: Dated,
}

/// A chain whose signatures hold, from a key that the policy pins.
struct Walk<'p> {
    issuer: &'p Issuer,
    links: Vec<Link>,
}

fn fail<T>(reason: String) -> Result<T, Judged> {
    Err(Judged::Fail(reason))
}

/// Follows the chain from its last link that a pinned key signed.
fn walk<'p>(chain: &[KeyLink], name: &str, policy: &'p Policy) -> Result<Walk<'p>, Judged> {
    let mut read = Vec::with_capacity(chain.len());
    for (number, link) in (1..).zip(chain) {
        let parsed = Statement::parse(&link.statement).and_then(|statement| {
            let said = KeyStatement::of(&statement)?;
            Ok((statement, said, link))
        });
        match parsed {
            Ok(link) => read.push(link),
            Err(error) => return fail(format!("link {number} is malformed: {error}")),
        }
    }
    let start = |statement: &Statement| policy.key_of_issuer(name, &statement.key_id());
    let first = read
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, (statement, ..))| Some((at, start(statement)?)));
    let Some((first, (issuer, mut key, recovery))) = first else {
        return Err(Judged::NotChecked(match chain.is_empty() {
            true => "the bundle has no chain of key statements".into(),
            false => format!("no link is signed by a key that the policy pins to {name:?}"),
        }));
    };
    let mut grant = Grant::root();
    let mut links: Vec<Link> = Vec::with_capacity(read.len() - first);
    for (number, (statement, said, link)) in (1..).zip(read).skip(first) {
        if statement.issuer() != name {
            let other = statement.issuer();
            return fail(format!(
                "link {number} is by {other:?}, the statement by {name:?}"
            ));
        }
        if statement.key_id() != key.id() {
            return fail(format!(
                "link {number} is signed by key {}, but the chain has led to key {}",
                short(&statement.key_id()),
                short(&key.id())
            ));
        }
        if let Err(error) = statement.verify(&key) {
            return fail(format!("link {number}: {error}"));
        }
        let to = said.key.id();
        let passed = |link: &Link| link.statement.key_id() == to;
        if to == key.id() || links.iter().any(passed) {
            return fail(format!("link {number} leads back to key {}", short(&to)));
        }
        if policy.is_of_log_or_witness(&to) {
            return fail(format!(
                "link {number} leads to key {}, which the policy gives to a log or a witness",
                short(&to)
            ));
        }
        let from_recovery = recovery && links.is_empty();
        let by = grant.clone();
        grant = match &said.act {
            KeyAct::Delegate(_) if from_recovery => {
                return fail(format!("link {number} is a delegation by a recovery key"));
            }
            KeyAct::Delegate(given) => match by.delegated(given) {
                Some(grant) => grant,
                None => {
                    return fail(format!(
                        "link {number} is one delegation more than the hop limit allows"
                    ));
                }
            },
            KeyAct::Rotate => by.clone(),
            KeyAct::Revoke { .. } | KeyAct::Recovery => {
                return fail(format!("link {number} neither delegates nor rotates"));
            }
        };
        key = said.key;
        let logged = link.logged.as_ref();
        let logged = logged.map(|(receipt, note)| (receipt.as_slice(), note.as_str()));
        let dated = date(&statement, logged, policy);
        links.push(Link {
            statement,
            said,
            grant: grant.clone(),
            by,
            dated,
        });
    }
    Ok(Walk { issuer, links })
}

impl Walk<'_> {
    /// Whether the chain leads to the key that signed, in its time.
    fn judge(
        &self,
        id: &KeyId,
        statement: &Statement,
        seen_by: Option<u64>,
        policy: &Policy,
        revocations: &Revocations,
    ) -> Judged {
        let Some(last) = self.links.last() else {
            return Judged::NotChecked("the bundle has no chain of key statements".into());
        };
        if last.said.key.id() != *id {
            return Judged::Fail(format!(
                "the chain ends in key {}, but key {} signed",
                short(&last.said.key.id()),
                short(id)
            ));
        }
        let mut open = None;
        for (number, link) in (1..).zip(&self.links) {
            let what = format!("link {number} ({})", link.said.act.name());
            if let Judged::Fail(reason) = &link.dated.logged {
                return Judged::Fail(format!("{what}: {reason}"));
            }
            let by = link.statement.key_id();
            if let Some(revoked) = revocations.of(&by)
                && !before(link.dated.seen_by, revoked.from)
            {
                return Judged::Fail(format!(
                    "{what} is signed by key {}, which is revoked from {}, and nothing shows that it is \
                     older",
                    short(&by),
                    revoked.text
                ));
            }
            if policy.require.log
                && let Judged::NotChecked(reason) = &link.dated.logged
            {
                open.get_or_insert(format!(
                    "{what} is not shown to be in a listed log: {reason}"
                ));
            }
            let ended = within(&link.by, link.statement.issued_at(), link.dated.seen_by);
            match ended {
                Err(reason) => return Judged::Fail(format!("{what}: {reason}")),
                Ok(Some(reason)) => {
                    open.get_or_insert(format!("{what}: {reason}"));
                }
                Ok(None) => {}
            }
        }
        match within(&last.grant, statement.issued_at(), seen_by) {
            Err(reason) => return Judged::Fail(format!("the statement: {reason}")),
            Ok(Some(reason)) => {
                open.get_or_insert(format!("the statement: {reason}"));
            }
            Ok(None) => {}
        }
        if let Some(reason) = open {
            return Judged::NotChecked(reason);
        }
        Judged::Pass(format!(
            "{} lead{} from pinned key {} to key {}",
            crate::text::count(self.links.len() as u64, "key statement"),
            if self.links.len() == 1 { "s" } else { "" },
            self.links
                .first()
                .map(|first| short(&first.statement.key_id()))
                .unwrap_or_default(),
            short(id)
        ))
    }
}

/// Whether others had seen it before a time.
fn before(seen_by: Option<u64>, time: i64) -> bool {
    seen_by.is_some_and(|seen| i64::try_from(seen).is_ok_and(|seen| seen < time))
}

/// Whether something was said within a delegation's time: `Err` where its own date is beyond it, `Some` where
/// nobody else dates it before the end.
fn within(grant: &Grant, issued_at: u64, seen_by: Option<u64>) -> Result<Option<String>, String> {
    let Some(until) = grant.until else {
        return Ok(None);
    };
    let end = time_text(until.saturating_mul(1000));
    if issued_at >= until {
        return Err(format!(
            "by its own date it was made after the delegation's end, {end}"
        ));
    }
    match seen_by {
        Some(seen) if seen < until => Ok(None),
        _ => Ok(Some(format!(
            "the delegation ends at {end}, and no listed witness or anchor shows that this was made before"
        ))),
    }
}

/// The issuer's own keys: those that the policy pins to it, and those that came in the place of one by rotation.
struct OwnKeys(Vec<Own>);

struct Own {
    key: VerifyingKey,
    /// The own key that put it there; `None` where the policy did.
    by: Option<KeyId>,
}

impl OwnKeys {
    fn of(name: &str, policy: &Policy, links: &[Link]) -> Self {
        let issuers = policy.issuers.iter().filter(|issuer| issuer.name == name);
        let pinned = issuers.flat_map(|issuer| [Some(issuer.key), issuer.recovery]);
        let pinned = pinned.flatten().map(|key| Own { key, by: None });
        let mut own = Self(pinned.collect());
        for link in links {
            own.rotate(&link.said, link.statement.key_id());
        }
        own
    }

    fn get(&self, id: &KeyId) -> Option<&Own> {
        self.0.iter().find(|own| own.key.id() == *id)
    }

    /// Takes up a rotation whose signature holds, if its signer is an own key.
    fn rotate(&mut self, said: &KeyStatement, by: KeyId) {
        let known = self.get(&said.key.id()).is_some();
        if said.act == KeyAct::Rotate && self.get(&by).is_some() && !known {
            let (key, by) = (said.key, Some(by));
            self.0.push(Own { key, by });
        }
    }

    /// Those that came by rotation and may speak: not one where a key on its way is revoked.
    fn speakers(&self, revocations: &Revocations) -> Vec<(VerifyingKey, Grant)> {
        let counts = |own: &&Own| {
            let mut next = Some(*own);
            while let Some(own) = next {
                if revocations.of(&own.key.id()).is_some() {
                    return false;
                }
                next = own.by.and_then(|by| self.get(&by));
            }
            own.by.is_some()
        };
        let speak = self.0.iter().filter(counts);
        speak.map(|own| (own.key, Grant::root())).collect()
    }
}

/// From when which keys do not count.
#[derive(Default)]
struct Revocations(Vec<(KeyId, Revoked)>);

impl Revocations {
    /// The earliest time for a key.
    fn of(&self, id: &KeyId) -> Option<Revoked> {
        let of_key = self.0.iter().filter(|(key, _)| key == id);
        of_key
            .map(|(_, revoked)| revoked)
            .min_by_key(|revoked| revoked.from)
            .cloned()
    }

    fn of_policy(policy: &Policy) -> Self {
        let pinned = policy.issuers.iter();
        let pinned = pinned.filter_map(|issuer| Some((issuer.id, issuer.revoked_from.clone()?)));
        Self(pinned.chain(policy.revoked.iter().cloned()).collect())
    }

    /// Gives the verifier's memory what counted here, and takes from it what counted before.
    fn share(&mut self, seen: &mut Seen, name: &str, now: u64) {
        for (id, revoked) in &self.0 {
            seen.keep_revocation(name, id, revoked, now);
        }
        self.0.extend(seen.revocations(name));
    }

    /// Takes up those that the bundle shows, by whoever may say so, and the rotations that led to who that is.
    /// Returns what is wrong with one.
    fn take_up(
        &mut self,
        others: &[Vec<u8>],
        name: &str,
        links: &[Link],
        own: &mut OwnKeys,
    ) -> Option<String> {
        for (number, bytes) in (1..).zip(others) {
            let wrong = |why: &str| Some(format!("key statement {number} beside the chain {why}"));
            let read = Statement::parse(bytes).and_then(|statement| {
                let said = KeyStatement::of(&statement)?;
                Ok((statement, said))
            });
            let (statement, said) = match read {
                Ok(read) => read,
                Err(error) => return wrong(&format!("is malformed: {error}")),
            };
            if statement.issuer() != name {
                return wrong(&format!("is by {:?}", statement.issuer()));
            }
            let by = statement.key_id();
            let signer = match &said.act {
                KeyAct::Rotate => own.get(&by).map(|own| own.key),
                KeyAct::Revoke { .. } => revoker(&by, &said, links, own),
                KeyAct::Delegate(_) | KeyAct::Recovery => {
                    return wrong("neither revokes nor rotates");
                }
            };
            // Anyone can say that of anyone's key.
            let Some(signer) = signer else { continue };
            if let Err(error) = statement.verify(&signer) {
                return wrong(&format!("is bad: {error}"));
            }
            match said.act {
                KeyAct::Revoke { from } => {
                    let revoked = Revoked {
                        text: time_text(from.saturating_mul(1000)),
                        from: i64::try_from(from).unwrap_or(i64::MAX),
                        said: Some(Said {
                            by: signer,
                            statement: bytes.clone(),
                        }),
                    };
                    self.0.push((said.key.id(), revoked));
                }
                _ => own.rotate(&said, by),
            }
        }
        None
    }
}

/// The key that a revocation is signed with, if it may revoke a key that matters here: the revoked key itself, an
/// own key of the issuer's, or one of the chain that stands above it.
fn revoker(by: &KeyId, said: &KeyStatement, links: &[Link], own: &OwnKeys) -> Option<VerifyingKey> {
    let target = said.key.id();
    let at = |id: &KeyId| links.iter().position(|link| link.said.key.id() == *id);
    if at(&target).is_none() && own.get(&target).is_none() {
        return None;
    }
    if *by == target {
        return Some(said.key);
    }
    if let Some(own) = own.get(by) {
        return Some(own.key);
    }
    let above = at(by)?;
    let link = links.get(above).filter(|_| at(&target) > Some(above))?;
    Some(link.said.key)
}
