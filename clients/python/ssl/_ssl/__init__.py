"""`_ssl` on Portcullis: CPython's `ssl` stands on it as it is, in a component that has none.

`import ssl` finds it where this package is on the path beside `portcullis.py`. It has the names, classes
and exceptions that CPython's own `_ssl` has for `ssl`; what has no meaning here says so. The differences
that a program sees are in `docs/guide/python-ssl.md`.
"""

import _strptime  # What `ssl` imports late, when a component can import nothing more.
import operator
import os

from ._certificate import Certificate, decode, in_pem, nid2obj, txt2obj
from ._connection import _SSLSocket
from ._constants import *
from ._constants import _DEFAULT_CIPHERS, _OPENSSL_API_VERSION
from ._context import _SSLContext
from ._errors import (
    SSLCertVerificationError,
    SSLEOFError,
    SSLError,
    SSLSyscallError,
    SSLWantReadError,
    SSLWantWriteError,
    SSLZeroReturnError,
)
from ._memory import MemoryBIO
from ._session import SSLSession


def RAND_bytes(n, /):
    """Random bytes of the host's."""
    n = operator.index(n)
    if n < 0:
        raise ValueError("num must be positive")
    return os.urandom(n)


def RAND_status():
    """True: the host has randomness at any time."""
    return True


def RAND_add(string, entropy, /):
    """Nothing: the host's randomness cannot be added to."""
    if not isinstance(string, str):
        memoryview(string).release()
    float(entropy)


def get_default_verify_paths():
    """The variables that name authorities; there are no files but those that they name."""
    return "SSL_CERT_FILE", "", "SSL_CERT_DIR", ""


def _test_decode_cert(path, /):
    """What the certificate in a file says."""
    with open(path, "rb") as file:
        found, _ = in_pem(file.read())
    if not found:
        raise SSLError("Error decoding PEM-encoded file")
    return decode(found[0])
