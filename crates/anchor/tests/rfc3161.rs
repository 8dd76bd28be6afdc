//! RFC 3161 time stamps: those that `openssl ts` makes are good, and everything that is wrong with one is
//! found. Forgeries are made with `openssl cms`, which signs whatever it is told.
#![cfg(feature = "rfc3161")]
#![allow(clippy::unwrap_used)]

mod common;

use avouch_anchor::rfc3161::{Authority, KIND};
use avouch_anchor::{Doubt, Receipt, State, Verifier};
use common::{Desk, anchored, granted, inside, tlv};

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

#[track_caller]
fn refused(judged: Result<avouch_anchor::Existed, Doubt>, words: &str) {
    match judged {
        Err(Doubt::Refused(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("not refused: {other:?}"),
    }
}

#[track_caller]
fn unknown(judged: Result<avouch_anchor::Existed, Doubt>, words: &str) {
    match judged {
        Err(Doubt::Unknown(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("not unknown: {other:?}"),
    }
}

#[test]
fn a_time_stamp_by_openssl_is_good_and_dates_the_checkpoint() {
    for key in ["rsa", "p256", "p384"] {
        let desk = Desk::new();
        desk.usual(key);
        let anchored = anchored(5);
        for section in ["tsa_config", "tsa_sha1"] {
            let before = now();
            let response = desk.stamp("tsa", "ca", section, anchored.text().as_bytes());
            let existed = desk
                .authority(&["root"])
                .verify(&anchored, &response)
                .unwrap_or_else(|doubt| panic!("{key} {section}: {doubt}"));
            // Its accuracy (1.5 s), or the most that is allowed where it names none (60 s), is added.
            let most = if section == "tsa_config" { 4 } else { 61 };
            assert!(
                (before..=now() + most).contains(&existed.by),
                "{key} {section}"
            );
            assert!(existed.source.contains("\"tsa\""), "{}", existed.source);
        }
    }
}

#[test]
fn openssl_reads_the_proof_as_a_file_about_the_checkpoints_text() {
    let desk = Desk::new();
    desk.usual("p256");
    let anchored = anchored(5);
    let response = desk.stamp("tsa", "ca", "tsa_config", anchored.text().as_bytes());
    desk.write("checkpoint.txt", anchored.text());
    desk.write("proof.tsr", response);
    let said = desk.openssl("ts -verify -data checkpoint.txt -in proof.tsr -CAfile root.pem");
    assert!(said.contains("Verification: OK"), "{said}");
}

#[test]
fn a_pinned_authority_needs_no_root() {
    let desk = Desk::new();
    desk.root("self", "p256", "tsa");
    let anchored = anchored(5);
    let response = desk.stamp("self", "", "tsa_config", anchored.text().as_bytes());
    assert!(
        desk.authority(&["self"])
            .verify(&anchored, &response)
            .is_ok()
    );
    desk.root("other", "p256", "root");
    unknown(
        desk.authority(&["other"]).verify(&anchored, &response),
        "no root of the policy's certifies",
    );
}

#[test]
fn a_time_stamp_that_leads_to_another_root_is_not_believed() {
    let desk = Desk::new();
    desk.usual("p256");
    let anchored = anchored(5);
    let response = desk.stamp("tsa", "ca", "tsa_config", anchored.text().as_bytes());
    desk.root("other", "p256", "root");
    unknown(
        desk.authority(&["other"]).verify(&anchored, &response),
        "no root of the policy's certifies \"tsa\"",
    );
    // One of the same name, but another key.
    let elsewhere = Desk::new();
    elsewhere.root("root", "p256", "root");
    unknown(
        elsewhere.authority(&["root"]).verify(&anchored, &response),
        "no root",
    );
    // Without the certificate in between nothing leads anywhere.
    let bare = desk.stamp("tsa", "", "tsa_config", anchored.text().as_bytes());
    unknown(
        desk.authority(&["root"]).verify(&anchored, &bare),
        "no root",
    );
}

#[test]
fn a_time_stamp_of_something_else_is_refused() {
    let desk = Desk::new();
    desk.usual("p256");
    let response = desk.stamp("tsa", "ca", "tsa_config", anchored(5).text().as_bytes());
    let authority = desk.authority(&["root"]);
    refused(
        authority.verify(&anchored(6), &response),
        "its imprint is not the checkpoint's",
    );
    // The same text under another hash function is another imprint.
    desk.write("data", anchored(5).text());
    desk.openssl("ts -query -data data -sha512 -cert -out query.tsq");
    let response = desk.answer("tsa", "ca", "tsa_config");
    refused(authority.verify(&anchored(5), &response), "imprint");
}

#[test]
fn the_lie_is_refused() {
    // A receipt that repeats what it should prove: every value in it is the right one, and nobody signed it.
    let desk = Desk::new();
    desk.usual("p256");
    let anchored = anchored(5);
    let honest = desk.stamp("tsa", "ca", "tsa_config", anchored.text().as_bytes());
    desk.root("liar", "p256", "tsa");
    let authority = desk.authority(&["root"]);
    // Signed by somebody else.
    let lie = desk.forge(&honest, "liar", "-cades");
    unknown(authority.verify(&anchored, &lie), "no root");
    // The honest authority's certificate, the honest content, and a signature of nothing.
    let token = inside(&honest)[1].to_vec();
    let mut lie = token.clone();
    let end = lie.len();
    lie[end - 8..].fill(0);
    refused(authority.verify(&anchored, &granted(&lie)), "");
    // The bare digest, and the bare word.
    for lie in [
        anchored.digest().0.to_vec(),
        b"verified".to_vec(),
        Vec::new(),
    ] {
        refused(authority.verify(&anchored, &lie), "");
    }
    // A good proof whose receipt calls itself a promise proves nothing.
    let mut receipt = Receipt {
        kind: KIND.into(),
        anchored,
        state: State::Pending,
        proof: honest,
    };
    assert!(matches!(receipt.verify(&authority), Err(Doubt::Pending(_))));
    receipt.state = State::Complete;
    assert!(receipt.verify(&authority).is_ok());
    receipt.kind = "opentimestamps".into();
    unknown(receipt.verify(&authority), "kind");
}

/// What becomes of a time stamp by a signer with such a certificate.
fn signed_by(extensions: &str, years: Option<(u32, u32)>, more: &str) -> Result<(), Doubt> {
    let desk = Desk::new();
    desk.usual("p256");
    let anchored = anchored(5);
    let honest = desk.stamp("tsa", "ca", "tsa_config", anchored.text().as_bytes());
    desk.certificate("other", "p256", extensions, "root", years);
    let forged = desk.forge(&honest, "other", more);
    desk.authority(&["root"])
        .verify(&anchored, &forged)
        .map(drop)
}

#[test]
fn the_signers_certificate_must_be_for_time_stamping_and_valid_then() {
    signed_by("tsa", None, "-cades").unwrap();
    let cases = [
        ("no_eku", None, "not one for time-stamping alone"),
        ("soft_eku", None, "not one for time-stamping alone"),
        ("two_ekus", None, "not one for time-stamping alone"),
        ("web", None, "not one for time-stamping alone"),
        ("no_sign", None, "may not sign time stamps"),
        ("strange", None, "critical extension 1.2.3.4.5"),
        ("tsa", Some((2020, 2021)), "had expired"),
        ("tsa", Some((2040, 2041)), "was not valid yet"),
    ];
    for (extensions, years, words) in cases {
        refused(
            signed_by(extensions, years, "-cades").map(|()| unreachable!()),
            words,
        );
    }
    // Nothing that is signed names the certificate.
    refused(
        signed_by("tsa", None, "").map(|()| unreachable!()),
        "the signed name of the authority's certificate: it is missing",
    );
}

#[test]
fn every_certificate_between_must_be_a_cas() {
    let cases = [
        ("not_ca", None, "is not one of a CA"),
        ("no_constraints", None, "is not one of a CA"),
        ("no_sign_ca", None, "may not sign others"),
        ("web_ca", None, "may not certify time-stamping"),
        ("strange_ca", None, "critical extension 1.2.3.4.5"),
        ("ca", Some((2020, 2021)), "had expired"),
    ];
    let anchored = anchored(5);
    for (extensions, years, words) in cases {
        let desk = Desk::new();
        desk.usual("p256");
        desk.certificate("between", "p256", extensions, "root", years);
        desk.certificate("signer", "p256", "tsa", "between", None);
        let response = desk.stamp(
            "signer",
            "between",
            "tsa_config",
            anchored.text().as_bytes(),
        );
        refused(
            desk.authority(&["root"]).verify(&anchored, &response),
            words,
        );
    }
    let desk = Desk::new();
    desk.root("root", "p256", "short_root");
    desk.certificate("ca", "p256", "ca", "root", None);
    desk.certificate("tsa", "p256", "tsa", "ca", None);
    let response = desk.stamp("tsa", "ca", "tsa_config", anchored.text().as_bytes());
    refused(
        desk.authority(&["root"]).verify(&anchored, &response),
        "more certificates below it than it allows",
    );
}

#[test]
fn a_short_rsa_key_counts_for_nothing() {
    let desk = Desk::new();
    desk.root("root", "p256", "root");
    desk.certificate("tsa", "rsa1024", "tsa", "root", None);
    let anchored = anchored(5);
    let response = desk.stamp("tsa", "", "tsa_config", anchored.text().as_bytes());
    refused(
        desk.authority(&["root"]).verify(&anchored, &response),
        "1024 bits",
    );
}

#[test]
fn policy_and_accuracy_are_the_trust_policys() {
    let desk = Desk::new();
    desk.usual("p256");
    let anchored = anchored(5);
    let roots = vec![desk.der("root")];
    let response = desk.stamp("tsa", "ca", "tsa_config", anchored.text().as_bytes());
    let listed = Authority::new(roots.clone(), &["1.2.3.4.9", "1.2.3.4.1"], 60).unwrap();
    assert!(listed.verify(&anchored, &response).is_ok());
    let other = Authority::new(roots.clone(), &["1.2.3.4.2"], 60).unwrap();
    unknown(other.verify(&anchored, &response), "policy 1.2.3.4.1");
    let coarse = desk.stamp("tsa", "ca", "tsa_coarse", anchored.text().as_bytes());
    let usual = desk.authority(&["root"]);
    unknown(usual.verify(&anchored, &coarse), "accurate to 3600 s only");
    let patient = Authority::new(roots.clone(), &[], 3600).unwrap();
    assert!(patient.verify(&anchored, &coarse).unwrap().by >= now() + 3599);
    assert!(Authority::new(Vec::new(), &[], 1).is_err());
    assert!(Authority::new(roots, &["1.x"], 1).is_err());
    assert!(Authority::new(vec![vec![1, 2, 3]], &[], 1).is_err());
}

#[test]
fn a_revocation_list_that_the_token_brings_counts() {
    let desk = Desk::new();
    desk.usual("p256");
    let anchored = anchored(5);
    let response = desk.stamp("tsa", "ca", "tsa_config", anchored.text().as_bytes());
    let with_list = |by: &str| {
        desk.openssl(&format!(
            "ca -gencrl -config openssl.cnf -name ca_default -cert {by}.pem -keyfile {by}.key -out list.pem"
        ));
        desk.openssl("crl -in list.pem -outform DER -out list.der");
        with_crl(&response, &desk.read("list.der"))
    };
    let authority = desk.authority(&["root"]);
    // It revokes nothing.
    assert!(authority.verify(&anchored, &with_list("ca")).is_ok());
    desk.openssl("ca -config openssl.cnf -name ca_default -cert ca.pem -keyfile ca.key -revoke tsa.pem -crl_reason keyCompromise");
    refused(authority.verify(&anchored, &with_list("ca")), "is revoked");
    // Somebody else's list says nothing about this certificate.
    assert!(authority.verify(&anchored, &with_list("root")).is_ok());
}

/// The same response with a revocation list in its (unsigned) place.
fn with_crl(response: &[u8], list: &[u8]) -> Vec<u8> {
    let parts = inside(response);
    let info = inside(parts[1]);
    let data = inside(inside(info[1])[0]);
    let lists = tlv(0xa1, &[list]);
    let [before @ .., signers] = data.as_slice() else {
        panic!("SignedData");
    };
    let data = tlv(0x30, &[before, &[lists.as_slice(), signers]].concat());
    let token = tlv(0x30, &[info[0], &tlv(0xa0, &[&data])]);
    tlv(0x30, &[parts[0], &token])
}

#[test]
fn a_refusal_is_no_time_stamp() {
    let authority_says = tlv(
        0x30,
        &[&tlv(
            0x30,
            &[&[2, 1, 2], &tlv(0x30, &[&tlv(0x0c, &[b"not today"])])],
        )],
    );
    let desk = Desk::new();
    desk.root("root", "p256", "root");
    refused(
        desk.authority(&["root"])
            .verify(&anchored(5), &authority_says),
        "status 2: not today",
    );
}

#[test]
fn a_flipped_bit_or_a_missing_end_never_shows_anything_else() {
    let desk = Desk::new();
    desk.usual("p256");
    let anchored = anchored(5);
    let response = desk.stamp("tsa", "ca", "tsa_config", anchored.text().as_bytes());
    let authority = desk.authority(&["root"]);
    let honest = authority.verify(&anchored, &response).unwrap();
    let mut spared = 0;
    for bit in 0..response.len() * 8 {
        let mut flipped = response.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(existed) = authority.verify(&anchored, &flipped) {
            assert_eq!(existed, honest, "bit {bit}");
            spared += 1;
        }
    }
    // What nobody signs and nothing is read from: versions, the set of digest algorithms, the status.
    assert!(spared < 250, "{spared} bits can be flipped without a trace");
    for end in 0..response.len() {
        refused(authority.verify(&anchored, &response[..end]), "");
    }
    let longer = [response.as_slice(), &[0]].concat();
    refused(authority.verify(&anchored, &longer), "");
}
