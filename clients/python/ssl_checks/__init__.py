"""What the checks of `_ssl` share."""

import json
import os
import socket
import ssl

CHECKS = []
SECONDS = 60  # No step of a check takes longer.
PAGE = b"hello from a page\n"
OTHER = "127.0.0.2"  # An address of the peer's that its certificate does not have.
UNTRUSTED, WRONG_NAME, WRONG_ADDRESS = 20, 62, 64  # OpenSSL's numbers of refusals.


def check(function):
    """Make a check of a function that fails by an exception."""
    CHECKS.append(function)
    return function


class Peer:
    """The servers of ssl_peer.py."""

    def meet(self, control):
        self._control, self._lines = control, control.makefile("rb")
        self._ports = json.loads(self._lines.readline())

    def port(self, name):
        return self._ports[name]

    def url(self, path="/", host="localhost"):
        return f"https://{host}:{self.port('https')}{path}"

    def connect(self, name):
        """A connection in the clear to the server of this name."""
        return socket.create_connection(("localhost", self.port(name)), SECONDS)

    def secure(self, name, context=None, server_hostname="localhost", **settings):
        context = context or ssl.create_default_context()
        return context.wrap_socket(self.connect(name), server_hostname=server_hostname, **settings)

    def visit(self, port, name="localhost"):
        """Have the peer connect to a server of the check."""
        self._control.sendall(f"{port} {name}\n".encode())

    def tells(self):
        """What came of its visit."""
        return self._lines.readline().decode().strip()


PEER = Peer()


def file(name):
    """A file beside the one that `SSL_CERT_FILE` names: `ca.pem`, `cert.pem` or `key.pem`."""
    return os.path.join(os.path.dirname(os.environ["SSL_CERT_FILE"]), name)


def stranger():
    """A context that trusts the web's authorities alone."""
    before = os.environ.pop("SSL_CERT_FILE")
    try:
        context = ssl.create_default_context()
        assert context.cert_store_stats()["x509_ca"] > 100
        return context
    finally:
        os.environ["SSL_CERT_FILE"] = before


def refusal(kind, function, *arguments, **keywords):
    """Call a function that must fail with this class; returns the failure."""
    try:
        outcome = function(*arguments, **keywords)
    except Exception as failure:
        assert isinstance(failure, kind), repr(failure)
        return failure
    raise AssertionError(f"no {kind}, but {outcome!r}")


def refused(code, function, *arguments, **keywords):
    """Call a function that a certificate must stop, for the reason of this number."""
    failure = refusal(Exception, function, *arguments, **keywords)
    seen = set()
    while failure is not None and not isinstance(failure, ssl.SSLCertVerificationError):
        seen.add(id(failure))
        inner = getattr(failure, "reason", None)
        inner = inner if isinstance(inner, Exception) else failure.__cause__ or failure.__context__
        inner = inner or next((a for a in failure.args if isinstance(a, Exception)), None)
        assert inner is not None and id(inner) not in seen, repr(failure)
        failure = inner
    assert failure.verify_code == code, repr(failure)
    assert failure.reason == "CERTIFICATE_VERIFY_FAILED" and failure.verify_message, repr(failure)
    return failure
