"""Fetches a page over HTTPS with the standard library's `http.client`: HOST PORT PATH.

With `SSL_CERT_FILE` it trusts the certificates of that file in place of the web roots.
"""

import http.client
import sys

import portcullis
from wit_world import exports


class HTTPSConnection(http.client.HTTPConnection):
    """The connection of `http.client`, made secure by portcullis."""

    def connect(self):
        self.sock = portcullis.connect((self.host, self.port), timeout=60)


def main(arguments):
    """Fetch the page that the arguments name, and write its body to standard output."""
    if len(arguments) != 3 or not arguments[1].isdecimal():
        sys.exit("usage: https_client HOST PORT PATH")
    host, port, path = arguments
    try:
        connection = HTTPSConnection(host, int(port))
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        sys.stdout.buffer.write(response.read())
        sys.stdout.flush()
    except (OSError, http.client.HTTPException) as failure:
        sys.exit(f"https://{host}:{port}{path}: {failure}")
    if response.status >= 400:
        sys.exit(f"https://{host}:{port}{path}: {response.status} {response.reason}")


class Run(exports.Run):
    """What `wasmtime run` and `portcullis run` start."""

    def run(self):
        main(sys.argv[1:])
