use avouch_cbor::Value;

use super::*;
use crate::Error;

fn scanner() -> Scanner {
    Scanner::builtin().unwrap()
}

/// Letters and digits without a pattern, put together here so that no secret's shape stands in this file.
fn random(length: usize) -> String {
    "a8Kd03nQzR7bXw5YtE1mVc9LsG2hPu6JfT4oNiB"
        .chars()
        .cycle()
        .take(length)
        .collect()
}

fn digits_and_af(length: usize) -> String {
    "4e9b07c2d15f8a36".chars().cycle().take(length).collect()
}

/// One secret for each rule.
fn secrets() -> Vec<(&'static str, String)> {
    let upper = "ABCDEFGHIJKLMNOP";
    let letters: String = random(80)
        .chars()
        .filter(|c| c.is_ascii_alphabetic())
        .collect();
    let armor = |what: &str| {
        format!(
            "-----BEGIN {what}-----\\n{}\\n-----END {what}-----",
            random(64)
        )
    };
    vec![
        ("private-key", armor("RSA PRIVATE KEY")),
        ("private-key", armor("PRIVATE KEY").replace("\\n", "\n")),
        ("private-key", armor("OPENSSH PRIVATE KEY")),
        ("aws-access-key-id", format!("AKIA{upper}")),
        (
            "aws-secret-access-key",
            format!("aws_secret_access_key = {}", random(40)),
        ),
        ("github-token", format!("ghp_{}", random(36))),
        (
            "github-fine-grained-token",
            format!("github_pat_{}", random(82)),
        ),
        ("gitlab-token", format!("glpat-{}", random(20))),
        ("slack-token", format!("xoxb-{}", random(30))),
        (
            "slack-webhook",
            format!("https://hooks.slack.com/services/{}", random(44)),
        ),
        (
            "openai-api-key",
            format!("sk-proj-{}T3BlbkFJ{}", random(30), random(30)),
        ),
        ("anthropic-api-key", format!("sk-ant-api03-{}", random(93))),
        (
            "openrouter-api-key",
            format!("sk-or-v1-{}", digits_and_af(64)),
        ),
        ("stripe-key", format!("sk_live_{}", random(24))),
        ("google-api-key", format!("AIza{}", random(35))),
        ("google-oauth-secret", format!("GOCSPX-{}", random(28))),
        ("google-oauth-token", format!("ya29.{}", random(60))),
        ("huggingface-token", format!("hf_{}", &letters[..34])),
        ("npm-token", format!("npm_{}", random(36))),
        ("pypi-token", format!("pypi-AgE{}", random(60))),
        ("crates-io-token", format!("cio{}", random(32))),
        (
            "sendgrid-token",
            format!("SG.{}.{}", random(22), random(43)),
        ),
        ("twilio-key", format!("SK{}", digits_and_af(32))),
        (
            "digitalocean-token",
            format!("dop_v1_{}", digits_and_af(64)),
        ),
        ("shopify-token", format!("shpat_{}", digits_and_af(32))),
        ("telegram-bot-token", format!("123456789:AA{}", random(33))),
        (
            "age-secret-key",
            format!("AGE-SECRET-KEY-1{}", "QPZRY9X8GF".repeat(6).split_at(58).0),
        ),
        (
            "json-web-token",
            format!("eyJ{}.eyJ{}.{}", random(20), random(30), random(40)),
        ),
        (
            "url-password",
            format!("postgres://admin:{}@db/x", random(12)),
        ),
        (
            "authorization-header",
            format!("Authorization: Bearer {}", random(32)),
        ),
        (
            "assigned-secret",
            format!("\"api_key\": \"{}\"", random(24)),
        ),
        (
            "assigned-secret",
            format!("\\\"password\\\":\\\"{}\\\"", random(16)),
        ),
        ("payment-card", "4111 1111 1111 1111".into()),
        ("payment-card", "378282246310005".into()),
        ("payment-card", "5555-5555-5555-4444".into()),
        ("email", "jane.doe+x@acme-corp.co.uk".into()),
    ]
}

#[test]
fn every_rule_hits_its_secret_in_text_and_in_json() {
    let scanner = scanner();
    for (rule, secret) in secrets() {
        for text in [
            secret.clone(),
            format!("see {secret} there"),
            format!("{{\"x\":\"{secret}\"}}"),
            format!("line\n{secret}\nline"),
        ] {
            let hits = scanner.scan(&text);
            assert_eq!(hits.len(), 1, "{rule}: {text}: {hits:?}");
            assert_eq!(hits[0].rule, rule, "{text}");
        }
    }
    let covered: std::collections::BTreeSet<_> =
        secrets().into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(
        covered.len(),
        scanner.rules().count(),
        "a rule without a test"
    );
}

#[test]
fn what_evidence_is_made_of_is_no_secret() {
    let scanner = scanner();
    let sha = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    for text in [
        sha.to_owned(),
        format!("sha256:{sha}"),
        format!("\"token\": \"{sha}\""),
        format!("secret = '{}'", &sha[..40]),
        format!("api_key: \"{}\"", &sha[..32]),
        "\"password\": \"123e4567-e89b-12d3-a456-426614174000\"".into(),
        "the authority of the author: authorize, authorization, Authority: none".into(),
        "authorization: required for this endpoint, bearer tokens are accepted".into(),
        "Authorization: Bearer YOUR_TOKEN_GOES_HERE".into(),
        "api_key = os.environ[\"API_KEY\"]".into(),
        "password: \"${DB_PASSWORD_FROM_VAULT}\"".into(),
        "\"password\": \"correct-horse-battery\"".into(),
        "max_tokens: 4096, token_count: 1234567890123456".into(),
        "1700000000000 1699999999999 20261127004539".into(),
        "0.4111111111111111 4111111111111111.5 a4111111111111111 4111111111111111f".into(),
        "4111111111111112 4444444444444444 0000000000000000".into(),
        "git@github.com:acme/repo.git you@example.com a@b.test icon@2x.png react@18.2.0".into(),
        "@decorator foo@bar noreply@acme.com".into(),
        "https://user@host/ http://localhost:8080/x postgres://localhost/db ssh://git@host:22/x".into(),
        "skipping task-force desk-lamp sk-1 AKIA akia hf_ npm_install".into(),
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA0000000000000000000000000000000000000000000=\n-----END PUBLIC KEY-----".into(),
        "-----BEGIN CERTIFICATE-----".into(),
        "toolu_01A09q90qw90lq917835lq9 msg_01XFDUDYJgAACzvnptvVoYEL req_011CSHoEeqs5C35K2UUqR7Fy".into(),
        "call_8Qm1Lk0h2bZtV5xYp7Rw3NcD chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT".into(),
    ] {
        let hits = scanner.scan(&text);
        assert!(hits.is_empty(), "{text}: {hits:?}");
    }
}

#[test]
fn a_hit_leaves_its_rule_s_name_and_json_stays_json() {
    let scanner = scanner();
    for (rule, secret) in secrets() {
        let escaped = serde_json::to_string(&secret).unwrap();
        for json in [
            format!("{{\"text\":{escaped},\"n\":[1,2]}}"),
            // A tool's JSON in a string of the record's JSON.
            format!(
                "{{\"inner\":{}}}",
                serde_json::to_string(&format!("{{\"a\":{escaped}}}")).unwrap()
            ),
        ] {
            let (redacted, hits) = scanner.redact(&json).unwrap_or_else(|| panic!("{json}"));
            assert!(
                redacted.contains(&format!("[redacted:{rule}]")),
                "{redacted}"
            );
            serde_json::from_str::<serde_json::Value>(&redacted)
                .unwrap_or_else(|e| panic!("{redacted}: {e}"));
            assert_eq!(hits.values().sum::<u64>(), 1, "{json}: {hits:?}");
        }
    }
    let both = format!("mail jane@acme.io or use ghp_{}", random(36));
    let (redacted, hits) = scanner.redact(&both).unwrap();
    assert_eq!(
        redacted,
        "mail [redacted:email] or use [redacted:github-token]"
    );
    assert_eq!(hits.len(), 2);
    assert!(scanner.redact("nothing here").is_none());
}

#[test]
fn values_are_scanned_at_any_depth_and_bytes_only_where_they_are_text() {
    let token = format!("ghp_{}", random(36));
    let mut value = Value::Array(vec![
        Value::Text(token.clone()),
        Value::Map(vec![(
            Value::Text("k".into()),
            Value::Bytes(token.clone().into_bytes()),
        )]),
        Value::Tag(1, Box::new(Value::Text(token.clone()))),
        Value::Bytes([&[0xff, 0xfe][..], token.as_bytes()].concat()),
        Value::Uint(7),
    ]);
    let mut hits = Hits::new();
    scanner().redact_value(&mut value, &mut hits);
    assert_eq!(hits, Hits::from([("github-token".into(), 3)]));
}

#[test]
fn a_file_adds_rules_takes_some_away_and_allows_texts() {
    let scanner = Scanner::with_toml(
        "version = 1\ndisable = ['email']\nallow = ['^ghp_a8K']\n\
         [[rule]]\nname = 'acme'\npattern = '\\bacme:([0-9a-z]{8})\\b'\n\
         [[rule]]\nname = 'odd'\npattern = '\\bodd_([0-9a-z]{8})\\b'\nmin_entropy = 2.5\n",
    )
    .unwrap();
    let names = |text: &str| -> Vec<String> {
        scanner
            .scan(text)
            .iter()
            .map(|hit| hit.rule.to_owned())
            .collect()
    };
    assert_eq!(
        names("acme:abcd1234 odd_xyzw1234 odd_aaaaaaa1"),
        ["acme", "odd"]
    );
    assert!(names("jane@acme.io").is_empty());
    assert!(names(&format!("ghp_{}", random(36))).is_empty());
}

#[test]
fn mistakes_in_a_file_are_named() {
    for (toml, expected) in [
        ("", "missing field"),
        ("version = 2", "version 2"),
        ("version = 1\nrules = []", "unknown field"),
        ("version = 1\ndisable = ['mail']", "no rule \"mail\""),
        ("version = 1\nallow = ['(']", "allow"),
        (
            "version = 1\n[[rule]]\nname = 'a'\npattern = '('",
            "rule \"a\"",
        ),
        (
            "version = 1\n[[rule]]\nname = 'a'\npattern = 'x*'",
            "empty text",
        ),
        (
            "version = 1\n[[rule]]\nname = 'email'\npattern = 'x'",
            "taken",
        ),
        (
            "version = 1\n[[rule]]\nname = 'a b'\npattern = 'x'",
            "a name has",
        ),
    ] {
        let error: Error = Scanner::with_toml(toml).unwrap_err();
        assert!(error.to_string().contains(expected), "{toml}: {error}");
    }
}
