"""Checks portcullis.py, as a component: HOST PORT of a TLS server that echoes all bytes.

It prints a line for each check and fails if one of them does. The server must answer close_notify
with its own, after the echo. `SSL_CERT_FILE` names the authority of its certificate; the files
`cert.pem` and `key.pem` beside it are an identity for localhost, for servers inside of the checks.
"""

import os
import sys
import traceback

from wit_world import exports

import checks.arguments
import checks.choices
import checks.collector
import checks.connections
import checks.contexts
import checks.failures
import checks.libraries
import checks.memory
import checks.plain
import checks.results
import checks.servers
import checks.trust


class Run(exports.Run):
    """What `wasmtime run` and `portcullis run` start."""

    def run(self):
        if len(sys.argv) not in (3, 4) or not sys.argv[2].isdecimal():
            sys.exit("usage: check HOST PORT [WORD-IN-THE-NAME]")
        server, word = (sys.argv[1], int(sys.argv[2])), "".join(sys.argv[3:])
        wanted = [function for function in checks.CHECKS if word in function.__name__]
        failed = 0
        for function in wanted:
            # The name comes first, for a trap ends everything.
            print("check", function.__name__, flush=True)
            try:
                function(server)
                print("ok", function.__name__)
            except Exception as failure:
                failed += 1
                where = traceback.extract_tb(failure.__traceback__)
                lines = [f"{os.path.basename(at.filename)}:{at.lineno}" for at in where[1:]]
                print(f"not ok {function.__name__}: {failure!r} at {' '.join(lines)}")
            sys.stdout.flush()
        if failed or not wanted:
            sys.exit(f"{failed} of {len(wanted)} checks failed")
