"""A calendar with a Bitcoin of its own, by the opentimestamps library: for tests.

    ots_calendar.py [HEIGHT]

Prints its address, answers `POST /digest` with a promise and `GET /timestamp/HEX` with the proof once there is one.
A line on standard input mines a block over what was promised and prints its height and header; an empty input ends it.
"""

import hashlib
import os
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpPrepend, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import Timestamp, make_merkle_tree

lock = threading.Lock()
promised = {}
proven = {}


def written(timestamp):
    context = BytesSerializationContext()
    timestamp.serialize(context)
    return context.getbytes()


class Calendar(BaseHTTPRequestHandler):
    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.opentimestamps.v1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        digest = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/digest" or len(digest) > 64:
            return self.answer(400)
        answer = Timestamp(digest)
        # As real ones do, so that two submissions are two leaves.
        leaf = answer.ops.add(OpAppend(os.urandom(8))).ops.add(OpSHA256())
        leaf.attestations.add(PendingAttestation(address))
        with lock:
            promised[leaf.msg] = Timestamp(leaf.msg)
        self.answer(200, written(answer))

    def do_GET(self):
        leaf = bytes.fromhex(self.path.removeprefix("/timestamp/"))
        with lock:
            stamp = proven.get(leaf)
        self.answer(404) if stamp is None else self.answer(200, written(stamp))

    def log_message(self, *_):
        pass


def mine(height):
    with lock:
        leaves = list(promised.values())
        tip = make_merkle_tree(leaves)
        # The only transaction of the block commits to the tip.
        before, after = b"\x01\x00\x00\x00 a transaction ", b" to nobody"
        transaction = tip.ops.add(OpPrepend(before)).ops.add(OpAppend(after))
        root = transaction.ops.add(OpSHA256()).ops.add(OpSHA256())
        root.attestations.add(BitcoinBlockHeaderAttestation(height))
        proven.update(promised)
        promised.clear()
    start = struct.pack("<i32s32sII", 4, bytes(32), root.msg, 1_790_000_000, 0x207FFFFF)
    for nonce in range(1 << 32):
        header = start + struct.pack("<I", nonce)
        digest = hashlib.sha256(hashlib.sha256(header).digest()).digest()
        if int.from_bytes(digest, "little") <= 0x7FFFFF << 232:
            return header


server = ThreadingHTTPServer(("127.0.0.1", 0), Calendar)
address = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
print(address, flush=True)
height = int(sys.argv[1]) if len(sys.argv) > 1 else 900_000
for _ in sys.stdin:
    print(height, mine(height).hex(), flush=True)
    height += 1
