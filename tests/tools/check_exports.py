#!/usr/bin/env python3
"""Checks exported runs with other people's implementations.

usage: check_exports.py in-toto ENVELOPE PUBLIC_KEY.pem STATEMENT.cose    prints the predicate
       check_exports.py cddl SCHEMA.cddl RECORD.json RECORD.cbor         prints how many entries there are
       check_exports.py ocsf EVENTS.jsonl                                prints how many events of which class
"""
import base64
import collections
import copy
import hashlib
import json
import re
import sys


def in_toto(envelope_file, key_file, statement_file):
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    with open(envelope_file, encoding="utf-8") as file:
        data = json.load(file)
    with open(key_file, "rb") as file:
        public = load_pem_public_key(file.read())
    # from_dict takes the dictionary apart.
    envelope = Envelope.from_dict(copy.deepcopy(data))
    key = SSlibKey.from_crypto(public, keyid=data["signatures"][0]["keyid"])
    envelope.verify([key], 1)
    edited = Envelope.from_dict(copy.deepcopy(data))
    edited.payload = edited.payload.replace(b'"events":', b'"events": ')
    try:
        edited.verify([key], 1)
    except VerificationError:
        pass
    else:
        raise AssertionError("an edited payload verifies")
    assert envelope.payload_type == "application/vnd.in-toto+json"
    payload = json.loads(envelope.payload)
    Statement.copy_from_pb(ParseDict(payload, statement_pb2.Statement())).validate()
    # The subject is the signed statement: the artifact itself and the copy in the predicate have its digest.
    (subject,) = payload["subject"]
    cose = base64.b64decode(payload["predicate"]["statement"]["cose"])
    with open(statement_file, "rb") as file:
        assert file.read() == cose
    assert subject["digest"]["sha256"] == hashlib.sha256(cose).hexdigest()
    json.dump(payload["predicate"], sys.stdout)


ENTRIES = {
    "user": "message-entry", "assistant": "message-entry", "tool-call": "tool-call-entry", "tool-result": "tool-result-entry",
    "reasoning": "reasoning-entry", "system-event": "event-entry",
}


def cddl(schema_file, json_file, cbor_file):
    import cbor2
    import pycddl

    with open(schema_file, encoding="utf-8") as file:
        text = file.read()
    # pycddl 0.6.4 tries the first of several maps only, so each entry is validated against the one of its type.
    choice = re.compile(r"^entry = message-entry(\s*/ [a-z-]+-entry)+", re.MULTILINE)
    assert choice.search(text)
    schemas = {rule: pycddl.Schema(choice.sub(f"entry = {rule}", text)) for rule in set(ENTRIES.values())}

    def validate(record):
        for entry in record["session"]["entries"]:
            session = record["session"] | {"entries": [entry]}
            schemas[ENTRIES[entry["type"]]].validate_cbor(cbor2.dumps(record | {"session": session}))

    with open(json_file, encoding="utf-8") as file:
        record = json.load(file)
    with open(cbor_file, "rb") as file:
        cbor = cbor2.load(file)
    validate(cbor)
    # JSON has the same data model as far as the schema uses it.
    validate(record)
    assert cbor == record
    # Without what the schema requires, it does not validate.
    for broken in [
        {name: value for name, value in record.items() if name != "id"},
        record | {"session": record["session"] | {"agent-meta": {"model-id": "x"}}},
        record | {"session": record["session"] | {"entries": [{"type": "tool-call", "input": 1}]}},
    ]:
        try:
            validate(broken)
        except pycddl.ValidationError:
            continue
        raise AssertionError("a broken record validates")
    json.dump(len(record["session"]["entries"]), sys.stdout)


def ocsf(events_file):
    import ocsf_emitter
    from ocsf_emitter import models

    classes = {4001: models.NetworkActivity, 6002: models.ApplicationLifecycle, 6003: models.ApiActivity, 6008: models.ApplicationError}
    found = collections.Counter()
    with open(events_file, encoding="utf-8") as file:
        for line in file:
            event = json.loads(line)
            parsed = classes[event["class_uid"]].model_validate(event)
            ocsf_emitter.validate(parsed)
            assert event["metadata"]["version"] == "1.5.0"
            found[str(event["class_uid"])] += 1
    json.dump(found, sys.stdout)


{"cddl": cddl, "in-toto": in_toto, "ocsf": ocsf}[sys.argv[1]](*sys.argv[2:])
