//! What the run is shown to have kept to: proofs of claims, and the claims that the policy requires.

use std::collections::BTreeMap;

use avouch_bundle::{Bundle, Disclosures, Proof};
use avouch_claims::{Claim, Claims, State};
use avouch_merkle::Digest;

use super::statement::{Spoken, UNPROVEN};
use crate::judged::{Findings, Judged};
use crate::policy::Policy;
use crate::proven::Proven;
use crate::report::CheckName;
use crate::required::RequiredClaim;
use crate::text::count;

/// What came of one proof.
pub(crate) enum Verified {
    /// It holds, and this is what it shows.
    #[cfg_attr(not(feature = "stark"), allow(dead_code))]
    Holds(Proven),
    /// It is wrong.
    Refused(String),
    /// Nothing here can check it.
    Unknown(String),
}

/// Judges the bundle's proofs, and whether all claims that the policy requires are shown. `all_shown` says
/// that every event is shown and proven. Returns what was proven.
pub(crate) fn check(
    bundle: &Bundle,
    spoken: &Spoken,
    all_shown: bool,
    policy: &Policy,
    findings: &mut Findings,
) -> Vec<Proven> {
    let required = &policy.require.claims;
    let mut proven = Vec::new();
    if !bundle.proofs.is_empty() {
        let judged = judge_proofs(&bundle.proofs, spoken, &mut proven);
        let judged = judged.resting_on(spoken.proven, UNPROVEN);
        findings.add(CheckName::Proofs, false, judged);
    }
    if !spoken.proven {
        // What is proven of nothing is not shown.
        proven.clear();
    }
    if !required.is_empty() {
        let shown = bundle.disclosures.as_ref().filter(|_| all_shown);
        let judged = judge_required(policy, &proven, shown);
        findings.add(CheckName::Claims, true, judged);
    }
    proven
}

fn judge_proofs(proofs: &[Proof], spoken: &Spoken, proven: &mut Vec<Proven>) -> Judged {
    let mut unknown = Vec::new();
    for (number, proof) in (1..).zip(proofs) {
        match verify(proof, spoken) {
            Verified::Holds(shown) => proven.push(shown),
            Verified::Refused(why) => {
                return Judged::Fail(format!("proof {number} ({}): {why}", proof.system));
            }
            Verified::Unknown(why) => unknown.push(format!("proof {number}: {why}")),
        }
    }
    if !unknown.is_empty() {
        return Judged::NotChecked(unknown.join("; "));
    }
    let claims: usize = proven.iter().map(|one| one.claims.as_slice().len()).sum();
    Judged::Pass(format!(
        "{} proven by {}",
        count(claims as u64, "claim"),
        count(proven.len() as u64, "proof")
    ))
}

fn verify(proof: &Proof, spoken: &Spoken) -> Verified {
    if proof.system != super::stark::SYSTEM {
        let system = &proof.system;
        return Verified::Unknown(format!("this verifier does not know the system {system:?}"));
    }
    let claims = match Claims::decode(&proof.claims) {
        Ok(claims) => claims,
        Err(error) => return Verified::Refused(format!("its claims are malformed: {error}")),
    };
    match (&spoken.statement, &spoken.manifest) {
        (Some(statement), Some(manifest)) => {
            super::stark::verify(proof, claims, statement.statement_id(), manifest)
        }
        _ => Verified::Unknown("there is no readable manifest to check against".into()),
    }
}

/// Every required claim is proven, or holds for the headers that are shown.
fn judge_required(policy: &Policy, proven: &[Proven], shown: Option<&Disclosures>) -> Judged {
    let required = &policy.require.claims;
    // Which claims are proven well enough, and why others are not.
    let mut enough: BTreeMap<Digest, Result<(), String>> = BTreeMap::new();
    for one in proven {
        let verdict = policy.require.accepts(one);
        for claim in one.claims.as_slice() {
            let known = enough.entry(claim.digest()).or_insert(verdict.clone());
            if verdict.is_ok() {
                *known = Ok(());
            }
        }
    }
    let (mut by_proof, mut by_headers) = (0, 0);
    let mut missing = Vec::new();
    for wanted in required {
        let why = match enough.get(&wanted.digest) {
            Some(Ok(())) => {
                by_proof += 1;
                continue;
            }
            Some(Err(why)) => why.as_str(),
            None => "nothing shows it",
        };
        match (shown, &wanted.claim) {
            (Some(shown), Some(claim)) => match holds(claim, shown) {
                Ok(()) => by_headers += 1,
                Err(why) => return Judged::Fail(format!("{wanted} does not hold: {why}")),
            },
            _ => missing.push(format!("{wanted}: {why}")),
        }
    }
    if missing.is_empty() {
        return Judged::Pass(format!(
            "all {} that the policy requires: {by_proof} proven, {by_headers} judged by the headers shown",
            count(required.len() as u64, "claim")
        ));
    }
    Judged::NotChecked(format!(
        "{} of {} that the policy requires: {}",
        missing.len(),
        count(required.len() as u64, "claim"),
        missing.join("; ")
    ))
}

/// Judges a claim by headers that are all there, well formed and proven.
fn holds(claim: &Claim, shown: &Disclosures) -> Result<(), String> {
    let text = |error: avouch_claims::Error| error.to_string();
    let claims = Claims::new([claim.clone()]).map_err(text)?;
    let mut state = State::new(&claims);
    for event in &shown.events {
        let header = event.event.header().map_err(|error| error.to_string())?;
        state.step(&header).map_err(text)?;
    }
    let verdict = state.finish().map_err(text)?;
    match verdict.failures().next() {
        None => Ok(()),
        Some(failure) => Err(failure.to_string()),
    }
}

impl std::fmt::Display for RequiredClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.name, &self.claim) {
            (Some(name), _) => write!(f, "{name:?}"),
            (None, Some(claim)) => write!(f, "{claim}"),
            (None, None) => write!(f, "claim {}", self.digest),
        }
    }
}
