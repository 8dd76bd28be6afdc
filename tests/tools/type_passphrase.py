"""Runs a program on a terminal of its own and types a passphrase whenever it asks for one.

type_passphrase.py PASSPHRASE PROGRAM ARGUMENT...
"""

import os
import pty
import sys

passphrase, command = sys.argv[1], sys.argv[2:]


def read(terminal):
    said = os.read(terminal, 1024)
    if said.rstrip().endswith(b":") and b"passphrase" in said.lower():
        os.write(terminal, passphrase.encode() + b"\n")
    return said


sys.exit(os.waitstatus_to_exitcode(pty.spawn(command, read)))
