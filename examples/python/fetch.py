"""Fetches a page with the standard library's `urllib.request`, as it is: HOST PORT PATH.

With `SSL_CERT_FILE` it trusts the certificates of that file in place of the web roots.
"""

import encodings.idna  # For host names; a component has only what is imported.
import sys
import urllib.request

from wit_world import exports


def main(arguments):
    """Fetch the page that the arguments name, and write its body to standard output."""
    if len(arguments) != 3 or not arguments[1].isdecimal():
        sys.exit("usage: fetch HOST PORT PATH")
    host, port, path = arguments
    url = f"https://{host}:{port}{path}"
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            sys.stdout.buffer.write(response.read())
        sys.stdout.flush()
    except OSError as failure:
        # `urllib.error.URLError` is one, and so is `ssl.SSLError`, its reason.
        sys.exit(f"{url}: {failure}")


class Run(exports.Run):
    """What `wasmtime run` and `portcullis run` start."""

    def run(self):
        main(sys.argv[1:])
