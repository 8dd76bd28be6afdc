//! Checks an evidence bundle against a trust policy: offline, without I/O, clock or network.
//!
//! ```no_run
//! use avouch_verify::{Options, Policy, verify};
//!
//! let policy = Policy::from_toml(&std::fs::read_to_string("trust.toml")?)?;
//! let bundle = std::fs::read("run.avouch")?;
//! let report = verify(&bundle, &policy, &Options::default())?;
//! println!("{report}");
//! if !report.is_verified() {
//!     std::process::exit(report.verdict.exit_code().into());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a report says
//! Every check has a stable name and ends as pass, fail, or not checked with a reason. Evidence
//! that is malformed, or bad under a key that the policy knows, fails; evidence of unknown keys is
//! not checked. Taking evidence away never improves the verdict beyond what the policy requires.
//! Nothing in a bundle is believed for its own sake: keys come from the policy, ids are computed.
//!
//! Memory is bounded by the input's size, and no input makes it panic.
#![forbid(unsafe_code)]

mod anchors;
mod answers;
mod checks;
mod completeness;
mod dated;
mod json;
mod judged;
mod not_shown;
mod policy;
mod printable;
mod proven;
mod report;
mod required;
mod seen;
mod text;

pub use answers::{Answer, Answers};
pub use avouch_bundle::{Bundle, MAX_BUNDLE_LEN};
pub use avouch_merkle::Digest;
pub use avouch_trace::RunId;
pub use completeness::{AgentChain, Completeness, Finding, FindingName, Link, Segment};
pub use policy::{MAX_POLICY_LEN, Policy, PolicyError};
pub use printable::printable;
pub use proven::Proven;
pub use report::{
    About, Check, CheckName, LogPosition, NotShown, Outcome, REPORT_VERSION, Report, Seal, Sealed,
    ShownCounts, Verdict, Witnessed,
};

use avouch_cose::Statement;
pub use seen::{Evidence, MAX_SEEN_LEN, Seen, SeenError};

use checks::keys::Authority;
use dated::Dated;
use judged::Findings;

/// What the caller expects of the evidence, beside the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The run that it must be about.
    pub expect_run: Option<RunId>,
    /// The agent that it must be about.
    pub expect_agent: Option<String>,
    /// The root that it must be about.
    pub expect_root: Option<Digest>,
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The bytes are not a bundle.
    #[error(transparent)]
    Bundle(#[from] avouch_bundle::Error),
}

/// Checks a bundle's bytes against a policy.
///
/// # Errors
/// Only where the bytes are not a bundle at all, or a damaged one; whatever is wrong with what it
/// holds is in the report.
pub fn verify(bundle: &[u8], policy: &Policy, options: &Options) -> Result<Report, Unreadable> {
    verify_with(bundle, policy, options, None)
}

/// The same, and checks the log's checkpoint against those in `seen`, which it then joins. `now` is the
/// verifier's clock, in seconds since the Unix epoch.
///
/// # Errors
/// As [`verify`].
pub fn verify_seen(
    bundle: &[u8],
    policy: &Policy,
    options: &Options,
    seen: &mut Seen,
    now: u64,
) -> Result<Report, Unreadable> {
    verify_with(bundle, policy, options, Some((seen, now)))
}

fn verify_with(
    bundle: &[u8],
    policy: &Policy,
    options: &Options,
    seen: Option<(&mut Seen, u64)>,
) -> Result<Report, Unreadable> {
    let bundle = Bundle::decode(bundle)?;
    let disclosures = bundle.disclosures.as_ref();
    let statement = Statement::parse(&bundle.statement);
    // The log is looked at first, because witnesses and anchors may date the statement; its checks come second.
    let mut of_log = Findings::default();
    let parsed = statement.as_ref().ok();
    let mut seen = seen;
    let of_seen = seen.as_mut().map(|(seen, now)| (&mut **seen, *now));
    let logged = checks::log::check(&bundle, parsed, policy, of_seen, &mut of_log);
    let shown = logged.checkpoint.as_ref();
    let anchored = checks::anchors::check(&bundle, parsed, shown, policy, &mut of_log);
    let dated = Dated::earliest(logged.seen_by, anchored.by);
    let seen_by = dated.map(|dated| dated.time);
    let authority = match parsed {
        Some(statement) => checks::keys::judge(&bundle, statement, seen_by, policy, seen),
        None => Authority::none(),
    };
    let mut findings = Findings::default();
    let spoken =
        checks::statement::check(statement, &authority, dated, policy, options, &mut findings);
    findings.append(of_log);
    let (shown, agree) = checks::shown::check(
        disclosures,
        (&spoken, &authority),
        policy,
        logged.checkpoint.as_ref(),
        &mut findings,
    );
    let proven = checks::claims::check(&bundle, &spoken, agree, policy, &mut findings);
    let about = spoken.statement.map(|statement| About {
        statement_id: statement.statement_id(),
        issuer: statement.issuer().into(),
        key_id: statement.key_id(),
        issued_at: statement.issued_at(),
        manifest: spoken.manifest,
        log: logged.position,
        anchors: anchored.seals,
        shown,
        root_and_chain_agree: agree || proven.iter().any(|one| one.root_and_chain),
        proven,
    });
    Ok(Report {
        version: REPORT_VERSION,
        verdict: findings.verdict(),
        not_shown: not_shown::list(
            about.as_ref(),
            spoken.proven,
            disclosures,
            dated,
            !policy.require.claims.is_empty(),
        ),
        about,
        checks: findings.into_checks(),
        evidence: logged.evidence,
    })
}
