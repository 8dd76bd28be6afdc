"""Other people's implementations of time stamps and Bitcoin proofs, for tests.

    check_anchors.py tsr-query OUT DATA               rfc3161-client's own question about a file
    check_anchors.py tsr-verify RESPONSE DATA ROOT    rfc3161-client's verdict
    check_anchors.py ots-show PROOF DATA              opentimestamps reads, writes and walks a proof
    check_anchors.py ots-make OUT DATA                a proof that opentimestamps writes, of every kind of step
"""

import hashlib
import sys
from pathlib import Path

from cryptography import x509
from opentimestamps.core.notary import (
    BitcoinBlockHeaderAttestation,
    LitecoinBlockHeaderAttestation,
    PendingAttestation,
    UnknownAttestation,
)
from opentimestamps.core.op import (
    OpAppend,
    OpHexlify,
    OpKECCAK256,
    OpPrepend,
    OpReverse,
    OpRIPEMD160,
    OpSHA1,
    OpSHA256,
)
from opentimestamps.core.serialize import BytesDeserializationContext, BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)


def tsr_query(out, data):
    asked = TimestampRequestBuilder().hash_algorithm(HashAlgorithm.SHA256)
    request = asked.data(Path(data).read_bytes()).build()
    Path(out).write_bytes(request.as_bytes())


def tsr_verify(response, data, root):
    certificate = x509.load_pem_x509_certificate(Path(root).read_bytes())
    verifier = VerifierBuilder().add_root_certificate(certificate).build()
    answer = decode_timestamp_response(Path(response).read_bytes())
    try:
        verifier.verify_message(answer, Path(data).read_bytes())
    except VerificationError as error:
        sys.exit(f"refused: {error}")
    print("verified")


def ots_show(proof, data):
    written = Path(proof).read_bytes()
    context = BytesDeserializationContext(written)
    file = DetachedTimestampFile.deserialize(context)
    context.assert_eof()
    if file.file_digest != hashlib.sha256(Path(data).read_bytes()).digest():
        sys.exit("the proof is about another file")
    again = BytesSerializationContext()
    file.serialize(again)
    if again.getbytes() != written:
        sys.exit("it is written differently")
    for message, attestation in file.timestamp.all_attestations():
        match attestation:
            case PendingAttestation():
                print("pending", attestation.uri, message.hex())
            case BitcoinBlockHeaderAttestation():
                print("bitcoin", attestation.height, message.hex())


def ots_make(out, data):
    file = DetachedTimestampFile(
        OpSHA256(), Timestamp(hashlib.sha256(Path(data).read_bytes()).digest())
    )
    root = file.timestamp
    root.attestations.add(PendingAttestation("https://b.example"))
    root.attestations.add(PendingAttestation("https://aaaa.example"))
    root.attestations.add(UnknownAttestation(b"unknown!", b"payload"))
    root.attestations.add(BitcoinBlockHeaderAttestation(300))
    root.attestations.add(BitcoinBlockHeaderAttestation(17))
    root.attestations.add(LitecoinBlockHeaderAttestation(4))
    for step in (OpSHA1(), OpRIPEMD160(), OpSHA256(), OpKECCAK256(), OpReverse(), OpHexlify()):
        root.ops.add(step).attestations.add(BitcoinBlockHeaderAttestation(1))
    deeper = root
    for number in range(100):
        step = OpAppend(bytes([number] * 40)) if number % 2 else OpPrepend(b"p" * (number + 1))
        deeper = deeper.ops.add(step).ops.add(OpSHA256())
    deeper.attestations.add(BitcoinBlockHeaderAttestation(1 << 20))
    context = BytesSerializationContext()
    file.serialize(context)
    Path(out).write_bytes(context.getbytes())


command, *arguments = sys.argv[1:]
{
    "tsr-query": tsr_query,
    "tsr-verify": tsr_verify,
    "ots-show": ots_show,
    "ots-make": ots_make,
}[command](*arguments)
