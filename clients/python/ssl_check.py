"""Checks `_ssl`, as a component: HOST PORT of ssl_peer.py.

It prints a line for each check and fails if one of them does. Each library fetches what it is for, from
a server on CPython's own `ssl`, and is refused where the certificate has another name or an authority
that is not trusted. `SSL_CERT_FILE` names the authority; `cert.pem` and `key.pem` beside it are an
identity for localhost.
"""

import encodings.idna  # What is not imported is not in a component.
import socket
import sys
import traceback

from wit_world import exports

import ssl_checks.connections
import ssl_checks.contexts
import ssl_checks.libraries
import ssl_checks.packages
import ssl_checks.servers
import ssl_checks


class Run(exports.Run):
    """What `wasmtime run` and `portcullis run` start."""

    def run(self):
        if len(sys.argv) not in (3, 4) or not sys.argv[2].isdecimal():
            sys.exit("usage: ssl_check HOST PORT [WORD-IN-THE-NAME]")
        ssl_checks.PEER.meet(socket.create_connection((sys.argv[1], int(sys.argv[2]))))
        word = "".join(sys.argv[3:])
        wanted = [function for function in ssl_checks.CHECKS if word in function.__name__]
        failed = 0
        for function in wanted:
            # The name comes first, for a trap ends everything.
            print("check", function.__name__, flush=True)
            try:
                function()
                print("ok", function.__name__)
            except Exception as failure:
                failed += 1
                where = traceback.extract_tb(failure.__traceback__)
                lines = [f"{at.filename}:{at.lineno}" for at in where[1:]]
                print(f"not ok {function.__name__}: {failure!r} at {' '.join(lines)}")
            sys.stdout.flush()
        if failed or not wanted:
            sys.exit(f"{failed} of {len(wanted)} checks failed")
