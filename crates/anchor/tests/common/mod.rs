//! Certificates and time stamps by `openssl`, good and bad.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use avouch_anchor::Anchored;
use avouch_anchor::rfc3161::{Authority, certificates_from_pem};
use avouch_cose::{Algorithm, Checkpoint, SigningKey};
use avouch_merkle::{Digest, TreeSize};

/// A checkpoint of this size.
pub(crate) fn anchored(size: u64) -> Anchored {
    let key = SigningKey::generate(Algorithm::Ed25519, &[7; 32]).unwrap();
    let checkpoint = Checkpoint {
        origin: "log.example/a".into(),
        size: TreeSize(size),
        root: Digest([9; 32]),
        extensions: Vec::new(),
    };
    Anchored::parse(&checkpoint.sign(&key).unwrap().to_string()).unwrap()
}

/// The extensions of each kind of certificate.
const EXTENSIONS: &str = "
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[short_root]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[not_ca]
basicConstraints = critical, CA:FALSE
keyUsage = critical, keyCertSign
[no_constraints]
keyUsage = critical, keyCertSign
[no_sign_ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature
[web_ca]
basicConstraints = critical, CA:TRUE
extendedKeyUsage = serverAuth
[tsa]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
[no_eku]
keyUsage = critical, digitalSignature
[soft_eku]
extendedKeyUsage = timeStamping
[two_ekus]
extendedKeyUsage = critical, timeStamping, codeSigning
[web]
extendedKeyUsage = critical, serverAuth
[no_sign]
keyUsage = critical, keyEncipherment
extendedKeyUsage = critical, timeStamping
[strange]
extendedKeyUsage = critical, timeStamping
1.2.3.4.5 = critical, ASN1:NULL
[strange_ca]
basicConstraints = critical, CA:TRUE
1.2.3.4.5 = critical, ASN1:NULL
";

/// A folder with keys, certificates and what they sign.
pub(crate) struct Desk(tempfile::TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let config = format!(
            "[req]\ndistinguished_name = dn\nprompt = no\n[dn]\n{EXTENSIONS}
[ca_default]\ndatabase = index\nserial = ca_serial\nnew_certs_dir = .\ndefault_md = sha256
policy = any\nunique_subject = no\ndefault_crl_days = 30
[any]\ncommonName = supplied
[tsa_config]\nserial = ts_serial\ncrypto_device = builtin\ndefault_policy = 1.2.3.4.1
other_policies = 1.2.3.4.2\ndigests = sha256, sha384, sha512\naccuracy = secs:1, millisecs:500
clock_precision_digits = 3\nordering = no\ntsa_name = yes\ness_cert_id_chain = no
ess_cert_id_alg = sha256\nsigner_digest = sha256\n
[tsa_sha1]\nserial = ts_serial\ncrypto_device = builtin\ndefault_policy = 1.2.3.4.1
digests = sha256\ness_cert_id_alg = sha1\nsigner_digest = sha384\n
[tsa_coarse]\nserial = ts_serial\ncrypto_device = builtin\ndefault_policy = 1.2.3.4.1
digests = sha256\naccuracy = secs:3600\nsigner_digest = sha512\n"
        );
        desk.write("openssl.cnf", config);
        desk.write("index", "");
        desk.write("ca_serial", "1000\n");
        desk.write("ts_serial", "01\n");
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs `openssl` here; whether it succeeded, and what it said.
    pub(crate) fn try_openssl(&self, arguments: &str) -> (bool, String) {
        let run = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .env("OPENSSL_CONF", self.path("openssl.cnf"))
            .output()
            .unwrap();
        let said = [run.stdout, run.stderr].concat();
        (run.status.success(), String::from_utf8_lossy(&said).into())
    }

    #[track_caller]
    pub(crate) fn openssl(&self, arguments: &str) -> String {
        let (good, said) = self.try_openssl(arguments);
        assert!(good, "openssl {arguments}: {said}");
        said
    }

    /// A key: `rsa`, `p256` or `p384`.
    fn key(&self, name: &str, kind: &str) {
        match kind {
            "rsa" => self.openssl(&format!("genrsa -out {name}.key 2048")),
            "rsa1024" => self.openssl(&format!("genrsa -out {name}.key 1024")),
            "p256" => self.openssl(&format!(
                "ecparam -name prime256v1 -genkey -noout -out {name}.key"
            )),
            _ => self.openssl(&format!(
                "ecparam -name secp384r1 -genkey -noout -out {name}.key"
            )),
        };
    }

    /// A certificate that signs itself.
    pub(crate) fn root(&self, name: &str, key: &str, extensions: &str) {
        self.key(name, key);
        self.openssl(&format!(
            "req -x509 -new -key {name}.key -subj /CN={name} -days 3650 -sha256 \
             -extensions {extensions} -config openssl.cnf -out {name}.pem"
        ));
    }

    /// A certificate that `by` signs, valid now or in `years` only.
    pub(crate) fn certificate(
        &self,
        name: &str,
        key: &str,
        extensions: &str,
        by: &str,
        years: Option<(u32, u32)>,
    ) {
        self.key(name, key);
        self.openssl(&format!(
            "req -new -key {name}.key -subj /CN={name} -config openssl.cnf -out {name}.csr"
        ));
        let (from, to) = years.unwrap_or((2020, 2045));
        self.openssl(&format!(
            "ca -batch -config openssl.cnf -name ca_default -cert {by}.pem -keyfile {by}.key \
             -extensions {extensions} -startdate {from}0101000000Z -enddate {to}0101000000Z \
             -notext -in {name}.csr -out {name}.pem"
        ));
    }

    /// A root, an intermediate CA and an authority, by the name of its key.
    pub(crate) fn usual(&self, key: &str) {
        self.root("root", key, "root");
        self.certificate("ca", key, "ca", "root", None);
        self.certificate("tsa", key, "tsa", "ca", None);
    }

    /// What `openssl ts` answers to its own question about these bytes.
    pub(crate) fn stamp(&self, signer: &str, chain: &str, section: &str, data: &[u8]) -> Vec<u8> {
        self.write("data", data);
        self.openssl("ts -query -data data -sha256 -cert -out query.tsq");
        self.answer(signer, chain, section)
    }

    /// What it answers to `query.tsq`.
    pub(crate) fn answer(&self, signer: &str, chain: &str, section: &str) -> Vec<u8> {
        let chain = match chain {
            "" => String::new(),
            chain => format!("-chain {chain}.pem"),
        };
        self.openssl(&format!(
            "ts -reply -config openssl.cnf -section {section} -queryfile query.tsq \
             -inkey {signer}.key -signer {signer}.pem {chain} -out response.tsr"
        ));
        self.read("response.tsr")
    }

    /// A time stamp that says the same as `response`, signed by whoever: what no honest tool makes.
    pub(crate) fn forge(&self, response: &[u8], signer: &str, more: &str) -> Vec<u8> {
        self.write("honest.tsr", response);
        self.openssl("ts -reply -in honest.tsr -token_out -out token.der");
        self.openssl("cms -verify -noverify -inform DER -in token.der -out info.der");
        self.openssl(&format!(
            "cms -sign -binary -nodetach -nosmimecap -econtent_type 1.2.840.113549.1.9.16.1.4 \
             -md sha256 -signer {signer}.pem -inkey {signer}.key {more} -outform DER \
             -in info.der -out forged.der"
        ));
        granted(&self.read("forged.der"))
    }

    pub(crate) fn der(&self, name: &str) -> Vec<u8> {
        let pem = String::from_utf8(self.read(&format!("{name}.pem"))).unwrap();
        certificates_from_pem(&pem).unwrap().remove(0)
    }

    /// Trusts these roots.
    pub(crate) fn authority(&self, roots: &[&str]) -> Authority {
        let roots = roots.iter().map(|root| self.der(root)).collect();
        Authority::new(roots, &[], 60).unwrap()
    }
}

/// A response that grants this token.
pub(crate) fn granted(token: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x30, &[&[2, 1, 0]]), token])
}

/// One DER value.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut out = vec![tag];
    let length = value.len().to_be_bytes();
    match value.len() {
        short if short < 128 => out.push(short as u8),
        _ => {
            let bytes: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | bytes.len() as u8);
            out.extend(bytes);
        }
    }
    out.extend(value);
    out
}

/// The values inside a DER value, each with its tag and length.
pub(crate) fn inside(der: &[u8]) -> Vec<&[u8]> {
    let mut rest = &der[header(der)..];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = header(rest) + length(rest);
        found.push(&rest[..end]);
        rest = &rest[end..];
    }
    found
}

fn header(der: &[u8]) -> usize {
    match der[1] {
        short if short < 128 => 2,
        long => 2 + usize::from(long & 0x7f),
    }
}

fn length(der: &[u8]) -> usize {
    match der[1] {
        short if short < 128 => short.into(),
        _ => der[2..header(der)]
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte)),
    }
}

/// Where a file of the repository is.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
