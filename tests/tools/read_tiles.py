"""Reads a log that avouch published (c2sp.org/tlog-tiles), written from the specifications alone.

    read_tiles.py VKEY FOLDER

Checks the checkpoint's signature, that the folder has exactly the tiles of its size (and no wider ones), every hash
of every tile, every entry and every statement, and prints the size, the root and the entries as JSON.
"""

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(data):
    return hashlib.sha256(data).digest()


def tree_hash(leaves):
    """MTH of RFC 6962, section 2.1, as it stands there, over leaf hashes."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:]))


def open_note(text, vkey):
    """The text of a note that the key has signed (c2sp.org/signed-note)."""
    name, key_hash, key = vkey.split("+", 2)
    blob = base64.b64decode(key, validate=True)
    assert blob[0] == 1 and sha256(name.encode() + b"\n" + blob)[:4].hex() == key_hash
    body, signatures = text.rsplit("\n\n", 1)
    body += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and signature[:4].hex() == key_hash:
            Ed25519PublicKey.from_public_bytes(blob[1:]).verify(signature[4:], body.encode())
            return name, body
    raise AssertionError("not signed by this key")


def place(index, width):
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups) + ("" if width == 256 else f".p/{width}")


def widths(count):
    """Index and width of each tile that holds so many things."""
    return [(i, min(256, count - 256 * i)) for i in range((count + 255) // 256)]


def items(bundle, prefix):
    while bundle:
        (length,) = struct.unpack(prefix, bundle[: struct.calcsize(prefix)])
        bundle = bundle[struct.calcsize(prefix) :]
        assert length <= len(bundle)
        yield bundle[:length]
        bundle = bundle[length:]


def read(vkey, folder):
    name, body = open_note((folder / "checkpoint").read_text(), vkey)
    origin, size, root = body.splitlines()[:3]
    assert origin == name
    size = int(size)

    entries, statements = [], []
    for index, width in widths(size):
        bundle = list(items((folder / "tile/entries" / place(index, width)).read_bytes(), ">H"))
        assert len(bundle) == width
        entries += bundle
        bundle = list(items((folder / "statements" / place(index, width)).read_bytes(), ">I"))
        assert len(bundle) == width
        statements += bundle
    assert [sha256(statement) for statement in statements] == entries

    leaves = [sha256(b"\x00" + entry) for entry in entries]
    assert base64.b64encode(tree_hash(leaves)).decode() == root
    level, hashes = 0, leaves
    while hashes:
        for index, width in widths(len(hashes)):
            tile = (folder / "tile" / str(level) / place(index, width)).read_bytes()
            assert tile == b"".join(hashes[256 * index : 256 * index + width]), (level, index)
        full = len(hashes) // 256
        hashes = [tree_hash(hashes[256 * i : 256 * i + 256]) for i in range(full)]
        level += 1
    assert not (folder / "tile" / str(level)).exists(), "a level too many"
    return {"size": size, "root": root, "entries": [entry.hex() for entry in entries]}


json.dump(read(sys.argv[1], Path(sys.argv[2])), sys.stdout)
