"""A client of a SCITT transparency service that is none of this project's code: scitt-cose, pycose and requests.

    scitt_client.py make KEY OUT ISSUER SUBJECT PAYLOAD       a signed statement by scitt-cose; KEY is PEM, made if absent
    scitt_client.py make-pycose KEY OUT ISSUER SUBJECT PAYLOAD
                                                            the same by pycose, with an Ed25519 key
    scitt_client.py register URL STATEMENT RECEIPT [TOKEN]    POST, poll, keep the receipt, and verify it by scitt-cose
    scitt_client.py check URL STATEMENT RECEIPT               verify a receipt against the service's keys

Environment: CA, CERT and KEY name files for TLS. One line of JSON comes out.
"""

import base64
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import cbor2
import requests
import scitt_cose
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pycose.headers import Algorithm, ContentType
from pycose.keys import OKPKey
from pycose.messages import Sign1Message

CWT_CLAIMS = 15


def session():
    http = requests.Session()
    http.trust_env = False
    http.verify = os.environ.get("CA", True)
    if "CERT" in os.environ:
        http.cert = (os.environ["CERT"], os.environ["KEY"])
    return http


def private_key(path, alg):
    path = Path(path)
    if not path.exists():
        key = ed25519.Ed25519PrivateKey.generate() if alg == "EdDSA" else ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path.with_suffix(".pub").write_bytes(public)
    return path.read_bytes()


def make(key, out, issuer, subject, payload, alg="ES256"):
    statement = scitt_cose.build_signed_statement(
        payload.encode(), alg=alg, private_key_pem=private_key(key, alg),
        issuer=issuer, subject=subject, content_type="text/plain", kid=b"some key",
    )
    Path(out).write_bytes(statement)
    return {"bytes": len(statement)}


def make_pycose(key, out, issuer, subject, payload):
    pem = load_pem_private_key(private_key(key, "EdDSA"), None)
    raw = pem.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = pem.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    message = Sign1Message(
        phdr={Algorithm: "EDDSA", ContentType: "text/plain", CWT_CLAIMS: {1: issuer, 2: subject}},
        payload=payload.encode(),
    )
    message.key = OKPKey(crv="ED25519", d=raw, x=public)
    statement = message.encode()
    Path(out).write_bytes(statement)
    return {"bytes": len(statement)}


def service_keys(http, url):
    """The service's keys, each also fetched by its name; as PEM, by kid."""
    answer = http.get(url + "/.well-known/scitt-keys", headers={"Accept": "application/cbor"})
    assert answer.status_code == 200, answer.status_code
    assert answer.headers["content-type"] == "application/cbor"
    keys = {}
    for key in cbor2.loads(answer.content):
        assert (key[1], key[-1]) == (1, 6), key
        name = base64.urlsafe_b64encode(key[2]).rstrip(b"=").decode()
        one = http.get(f"{url}/.well-known/scitt-keys/{name}", headers={"Accept": "application/cbor"})
        assert one.status_code == 200 and cbor2.loads(one.content) == key
        # RFC 9679: the thumbprint of the required members.
        assert hashlib.sha256(cbor2.dumps({1: 1, -1: 6, -2: key[-2]}, canonical=True)).digest() == key[2]
        public = ed25519.Ed25519PublicKey.from_public_bytes(key[-2])
        keys[key[2]] = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return keys


def verified(http, url, statement, receipt):
    protected = cbor2.loads(cbor2.loads(receipt).value[0])
    result = scitt_cose.verify_receipt(
        receipt,
        leaf_entry_hex=hashlib.sha256(statement).hexdigest(),
        log_public_key_pem=service_keys(http, url)[protected[4]],
    )
    return {"ok": result.ok, "size": result.tree_size, "index": result.leaf_index, "errors": list(result.errors)}


def problem(answer):
    said = {"status": answer.status_code, "retry_after": answer.headers.get("retry-after")}
    if answer.headers.get("content-type") == "application/concise-problem-details+cbor":
        details = cbor2.loads(answer.content)
        said |= {"title": details[-1], "detail": details[-2]}
    return said


def register(url, statement, receipt, token=None):
    http = session()
    headers = {"Content-Type": "application/cose", "Accept": "application/cose"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    sent = Path(statement).read_bytes()
    answer = http.post(url + "/entries", data=sent, headers=headers, allow_redirects=False)
    polled, first = 0, answer.status_code
    while answer.status_code in (302, 303):
        assert answer.content == b"" and int(answer.headers["retry-after"]) >= 1
        time.sleep(0.2)
        polled += 1
        answer = http.get(url + answer.headers["location"], headers={"Accept": "application/cose"}, allow_redirects=False)
    if answer.status_code not in (200, 201):
        return problem(answer) | {"first": first}
    assert answer.headers["content-type"] == "application/cose"
    Path(receipt).write_bytes(answer.content)
    transparent = scitt_cose.attach_receipts(sent, [answer.content])
    assert scitt_cose.extract_receipts(transparent) == [answer.content]
    shown = verified(http, url, sent, answer.content)
    return {"first": first, "polled": polled, "location": answer.headers["location"]} | shown


def check(url, statement, receipt):
    return verified(session(), url, Path(statement).read_bytes(), Path(receipt).read_bytes())


COMMANDS = {"make": make, "make-pycose": make_pycose, "register": register, "check": check}

if __name__ == "__main__":
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
