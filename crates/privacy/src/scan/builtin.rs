//! The rules that come with the scanner.
//!
//! Prefixes, alphabets and lengths are facts that the providers document and that public rule sets (gitleaks'
//! among them) collect; the patterns here are our own. A rule without a telling prefix needs a keyword before
//! it and entropy within it: bare hexadecimal digits are never a secret here, because they are what digests
//! and ids look like.

use regex::Regex;

use super::check::Check;
use super::{Rule, Scanner};
use crate::Error;

/// Name, pattern (the secret is group 1 where there is one), check.
const RULES: [(&str, &str, Check); 31] = [
    (
        "private-key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\:,.()\-]{32,}?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----",
        Check::None,
    ),
    (
        "aws-access-key-id",
        r"\b((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b",
        Check::None,
    ),
    (
        "aws-secret-access-key",
        r#"(?i)aws_?secret_?(?:access_?)?key\\{0,7}["']?\s*[:=]\s*\\{0,7}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        Check::None,
    ),
    (
        "github-token",
        r"\b(gh[pousr]_[A-Za-z0-9]{36,255})\b",
        Check::None,
    ),
    (
        "github-fine-grained-token",
        r"\b(github_pat_[A-Za-z0-9_]{82})\b",
        Check::None,
    ),
    (
        "gitlab-token",
        r"\b(gl(?:pat|ptt|dt|rt|cbt|soat)-[A-Za-z0-9_\-]{20,})",
        Check::None,
    ),
    (
        "slack-token",
        r"\b(xox[abeoprs]-(?:[0-9]+-)?[A-Za-z0-9\-]{10,})",
        Check::None,
    ),
    (
        "slack-webhook",
        r"(hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{40,60})",
        Check::None,
    ),
    (
        "openai-api-key",
        r"\b(sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_\-]{20,80}T3BlbkFJ[A-Za-z0-9_\-]{20,80})",
        Check::None,
    ),
    (
        "anthropic-api-key",
        r"\b(sk-ant-[a-z]{3,5}[0-9]{2}-[A-Za-z0-9_\-]{80,})",
        Check::None,
    ),
    (
        "openrouter-api-key",
        r"\b(sk-or-v1-[0-9a-f]{64})\b",
        Check::None,
    ),
    (
        "stripe-key",
        r"\b((?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{16,99})\b",
        Check::None,
    ),
    (
        "google-api-key",
        r"\b(AIza[A-Za-z0-9_\-]{35})(?:[^A-Za-z0-9_\-]|$)",
        Check::None,
    ),
    (
        "google-oauth-secret",
        r"\b(GOCSPX-[A-Za-z0-9_\-]{28})",
        Check::None,
    ),
    (
        "google-oauth-token",
        r"\b(ya29\.[A-Za-z0-9_\-]{40,})",
        Check::None,
    ),
    ("huggingface-token", r"\b(hf_[A-Za-z]{34})\b", Check::None),
    ("npm-token", r"\b(npm_[A-Za-z0-9]{36})\b", Check::None),
    (
        "pypi-token",
        r"\b(pypi-AgE[A-Za-z0-9_\-]{50,})",
        Check::None,
    ),
    (
        "crates-io-token",
        r"\b(cio[A-Za-z0-9]{32})\b",
        Check::Random(3.5),
    ),
    (
        "sendgrid-token",
        r"\b(SG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43})",
        Check::None,
    ),
    ("twilio-key", r"\b(SK[0-9a-f]{32})\b", Check::None),
    (
        "digitalocean-token",
        r"\b(do[opr]_v1_[0-9a-f]{64})\b",
        Check::None,
    ),
    (
        "shopify-token",
        r"\b(shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})\b",
        Check::None,
    ),
    (
        "telegram-bot-token",
        r"\b([0-9]{8,10}:AA[A-Za-z0-9_\-]{33})(?:[^A-Za-z0-9_\-]|$)",
        Check::None,
    ),
    (
        "age-secret-key",
        r"\b(AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})\b",
        Check::None,
    ),
    (
        "json-web-token",
        r"\b(eyJ[A-Za-z0-9_\-]{14,}\.eyJ[A-Za-z0-9_\-]{14,}\.[A-Za-z0-9_\-]{20,})",
        Check::None,
    ),
    (
        "url-password",
        r#"\b[a-z][a-z0-9+.\-]{1,20}://[^\s:/@"'<>\\{}$]{1,64}:([^\s:/@"'<>\\{}$\[\]*]{4,64})@[A-Za-z0-9\[]"#,
        Check::None,
    ),
    (
        "authorization-header",
        r#"(?i)\bauthorization\\{0,7}["']?\s*[:=]\s*\\{0,7}["']?(?:bearer|basic|token)\s+([A-Za-z0-9._~+/\-]{16,}=*)"#,
        Check::Random(3.0),
    ),
    (
        "assigned-secret",
        r#"(?i)(?:api[_\-]?key|secret(?:[_\-]?key)?|access[_\-]?token|auth[_\-]?token|client[_\-]?secret|passwd|password)\\{0,7}["']?\s*(?::=|=>|=|:)\s*\\{0,7}["']([^\s"'\\]{12,128})\\{0,7}["']"#,
        Check::Random(3.5),
    ),
    (
        "payment-card",
        r"\b([2-6][0-9]{3}(?:[ \-]?[0-9]{4}){3}|3[47][0-9]{2}[ \-]?[0-9]{6}[ \-]?[0-9]{5})\b",
        Check::Card,
    ),
    (
        "email",
        r"\b([A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@[A-Za-z][A-Za-z0-9\-]{0,62}(?:\.[A-Za-z0-9\-]{1,63})*\.[A-Za-z]{2,24})\b",
        Check::Email,
    ),
];

impl Scanner {
    /// The rules that come with it.
    ///
    /// # Errors
    /// None in practice: a test compiles them all.
    pub fn builtin() -> Result<Self, Error> {
        Self::of(builtin()?, Vec::new())
    }
}

pub(super) fn builtin() -> Result<Vec<Rule>, Error> {
    let compiled = RULES.iter().map(|(name, pattern, check)| {
        Ok(Rule {
            name: (*name).to_owned(),
            pattern: Regex::new(pattern).map_err(|error| Error::ScanRule {
                rule: (*name).to_owned(),
                why: error.to_string(),
            })?,
            check: *check,
        })
    });
    compiled.collect()
}
