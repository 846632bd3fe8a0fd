"""TLS for Python components, in the manner of the standard library's `ssl` and `socket`.

    with portcullis.connect(("example.com", 443)) as tls:
        tls.sendall(b"GET / HTTP/1.0\\r\\nHost: example.com\\r\\n\\r\\n")
        page = tls.makefile("rb").read()

It stands on the bindings that componentize-py makes of `portcullis:tls`. Every failure of TLS is a
`TLSError`, whose text says what failed and what to do; it is an `OSError`.
"""

import contextlib
import math
import os
import socket
import time

from componentize_py_types import Err
from wit_world.imports import context as _context
from wit_world.imports import listener as _listener
from wit_world.imports import port as _port

try:
    # Its name in a world that has the `types` of another package too, as `command` does.
    from wit_world.imports import portcullis_tls_types as types
except ImportError:
    from wit_world.imports import types

OWNERS = set()  # Sockets whose streams are in use, lest the garbage collector drops them first.
_DEFAULT_LIMIT = 120_000  # The component's own, of handshake and shutdown, in milliseconds.
_CHUNK = 256 * 1024  # The most that one call hands to the component, to bound its copies.
_VERSIONS = {"TLSv1.2": types.Version.TLS12, "TLSv1.3": types.Version.TLS13}
_GROUPS = {
    "X25519MLKEM768": types.NamedGroup.X25519_MLKEM768,
    "X25519": types.NamedGroup.X25519,
    "P-256": types.NamedGroup.SECP256R1,
    "P-384": types.NamedGroup.SECP384R1,
}


class TLSError(OSError):
    """A failure. Its text is one line for people; `error` is the variant `types.Error`."""

    def __init__(self, error):
        super().__init__(types.explain(error))
        self.error = error


class CertificateError(TLSError):
    """The peer's certificate was refused; `error.value.reason` says why. Send it nothing."""


class TLSTimeout(TLSError, TimeoutError):
    """A timer ran out. After one of `recv` the connection is still usable."""


_CLASSES = {types.Error_Certificate: CertificateError, types.Error_Timeout: TLSTimeout}


def _call(function, *arguments):
    try:
        return function(*arguments)
    except Err as failure:
        # Without its traceback, by which it would keep all callers' variables in a circle.
        error = failure.with_traceback(None).value
    raise _CLASSES.get(type(error), TLSError)(error)


def _source(source):
    """Bytes are the contents, PEM or DER; everything else is a path."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _context.Source_Bytes(bytes(source))
    return _context.Source_Path(os.fspath(source))


class Context:
    """How connections are to be made, as `ssl.SSLContext`.

    A client's context verifies chain and name, against the web roots until roots are loaded. The
    first connection seals it. Where a path is asked for, bytes are taken as the contents.
    `context` is the resource of the WIT, for all the rest.
    """

    def __init__(self, *, server_side=False, context=None):
        role = types.Role.SERVER if server_side else types.Role.CLIENT
        self.context = context or _context.Context.secure(role)

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        """Take this side's certificate chain and private key; by default both from one file."""
        chain, key = _source(certfile), _source(certfile if keyfile is None else keyfile)
        _call(self.context.load_identity, chain, key, password)

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        """Trust these authorities: a file, a directory, PEM text or DER bytes.

        The first call drops the web roots. Returns the files of `capath` that held no certificate.
        """
        if cafile is not None:
            _call(self.context.add_trust_roots, _source(cafile))
        if cadata is not None:
            contents = cadata.encode() if isinstance(cadata, str) else cadata
            _call(self.context.add_trust_roots, _source(contents))
        if capath is None:
            return []
        return _call(self.context.add_trust_directory, os.fspath(capath)).problems

    def set_ciphers(self, ciphers):
        """Choose suites by a list in OpenSSL's syntax. Returns the words that had no effect."""
        report = _call(self.context.set_cipher_list, [ciphers])
        return report.unknown + report.unsupported

    def set_groups(self, groups):
        """Choose key exchange groups: `X25519MLKEM768`, `X25519`, `P-256`, `P-384`, `:` between."""
        _call(self.context.set_groups, [_named(_GROUPS, name) for name in groups.split(":")])

    def set_versions(self, lowest="TLSv1.2", highest="TLSv1.3"):
        """Choose the lowest and the highest version."""
        versions = [_named(_VERSIONS, name) for name in (lowest, highest)]
        _call(self.context.set_versions, *versions)

    def tolerate_truncation(self):
        """Read an end without close_notify as the end, as `ssl` does; an attacker can make one."""
        _call(self.context.set_truncation, _context.Truncation.TOLERATED)


def _named(table, name):
    if name not in table:
        raise ValueError(f"{name!r} is not one of {', '.join(table)}")
    return table[name]


def create_default_context(*, cafile=None, capath=None, cadata=None, server_side=False):
    """A context that is safe as it is, as `ssl.create_default_context`.

    A client without authorities of its own takes those of the file that the environment variable
    `SSL_CERT_FILE` names, as OpenSSL does, else the web roots of the component.
    """
    context = Context(server_side=server_side)
    if cafile is None and capath is None and cadata is None and not server_side:
        cafile = os.environ.get("SSL_CERT_FILE") or None
    context.load_verify_locations(cafile, capath, cadata)
    return context


class Stream:
    """What a connection has of `socket.socket`; a subclass has `recv`, `send` and `_real_close`."""

    _io_refs = 0
    _closed = False
    # The standard library's own, in Python, so that files and closing are the same as there.
    makefile = socket.socket.makefile
    close = socket.socket.close
    _decref_socketios = socket.socket._decref_socketios
    __enter__ = socket.socket.__enter__
    __exit__ = socket.socket.__exit__

    def recv_into(self, buffer, nbytes=0, flags=0):
        """Read into a writable buffer; returns how many bytes, 0 at the end."""
        view = memoryview(buffer).cast("B")
        if nbytes > len(view):
            raise ValueError("buffer too small for requested bytes")
        plaintext = self.recv(nbytes or len(view))
        view[: len(plaintext)] = plaintext
        return len(plaintext)

    def sendall(self, plaintext, flags=0):
        """Write everything."""
        view = memoryview(plaintext).cast("B")
        while view:
            view = view[self.send(view) :]


class TLSSocket(Stream):
    """A connection, as `ssl.SSLSocket`. `port` is the resource of the WIT, for all the rest."""

    def __init__(self, port, timeout=None, owner=None):
        self.port, self._owner = port, owner
        if owner is not None:
            OWNERS.add(owner)
        self.settimeout(timeout)

    def __del__(self):
        if self._owner is not None:
            with contextlib.suppress(TypeError):  # It says so of what is dropped already.
                self.port.__exit__(None, None, None)
            OWNERS.discard(self._owner)

    def settimeout(self, timeout):
        """Limit each operation to so many seconds; None is no limit, but 120 to shake hands."""
        if timeout is not None and timeout <= 0:
            raise ValueError("a timeout is more than 0 seconds; `port` has what does not wait")
        limit = None if timeout is None else math.ceil(timeout * 1000)
        for timer in types.Timer:
            always = timer in (types.Timer.HANDSHAKE, types.Timer.SHUTDOWN)
            _call(self.port.set_timeout, timer, limit or (_DEFAULT_LIMIT if always else None))

    def do_handshake(self):
        """Go through with the handshake; nothing happens if it is done."""
        _call(self.port.blocking_handshake)

    def recv(self, bufsize, flags=0):
        """Read up to so many bytes, at least one; none at the end."""
        return (_call(self.port.blocking_read, bufsize) or b"") if bufsize else b""

    def send(self, plaintext, flags=0):
        """Write some of it, and return how many bytes those were."""
        chunk = bytes(memoryview(plaintext).cast("B")[:_CHUNK])
        _call(self.port.blocking_write_all, chunk)
        return len(chunk)

    def shutdown(self, how):
        """With `SHUT_WR` or `SHUT_RDWR`: send close_notify. Reading goes on until the end."""
        while how != socket.SHUT_RD:
            try:
                return _call(self.port.close_output)
            except TLSError as failure:
                if not isinstance(failure.error, types.Error_WantWrite):
                    raise
                time.sleep(0.01)  # The shutdown timer, which bounds this, wakes no pollable.

    def unwrap(self):
        """Close, and fail if the peer may not have got close_notify, as `close` does not."""
        self._closed = True
        _call(self.port.close)

    def _real_close(self):
        with contextlib.suppress(TLSError):
            _call(self.port.close)

    def version(self):
        """`TLSv1.3` or `TLSv1.2`; None before the handshake is done."""
        return next((name for name in _VERSIONS if _VERSIONS[name] == self.port.version()), None)

    def cipher(self):
        """The suite's IANA name, the version and the bits of its key; None before the handshake."""
        name = self.port.cipher_suite()
        return name and (name, self.version(), 128 if "AES_128" in name else 256)

    def group(self):
        """The negotiated group, as `set_groups` names it; None before the handshake is done."""
        return next((name for name in _GROUPS if _GROUPS[name] == self.port.group()), None)

    def getpeercert(self, binary_form=False):
        """The peer's certificate as DER; None if it has sent none. `binary_form` has to be True."""
        if not binary_form:
            raise ValueError("certificates are not taken apart here: use binary_form=True")
        return next(iter(self.get_unverified_chain()), None)

    def get_unverified_chain(self):
        """The certificates that the peer sent, as DER, its own first."""
        return self.port.peer_certificates()

    def getpeername(self):
        """The peer's IP address and port; None for `start_tls`."""
        return _pair(self.port.remote_address())

    def getsockname(self):
        """This side's IP address and port; None for `start_tls`."""
        return _pair(self.port.local_address())


def _pair(address):
    return address and (address.ip, address.port)


def connect(address, timeout=None, *, context=None, server_hostname=None):
    """Connect to (host, port) and shake hands; verify `server_hostname`, or else the host."""
    context = context or create_default_context()
    if server_hostname is not None and server_hostname != address[0]:
        context = Context(context=context.context.copy())
        _call(context.context.set_verify_name, _context.VerifyName_Name(server_hostname))
    tls = TLSSocket(_call(_port.Port.connect, context.context, *address), timeout)
    tls.do_handshake()
    return tls


def start_tls(
    input, output, server_hostname, already_read=b"", context=None, *, timeout=None, owner=None
):
    """Speak TLS on the streams of a connection in the clear (STARTTLS), and shake hands.

    The streams are given away. `already_read` are bytes of TLS that were read from them before;
    `owner` is the socket that they belong to, which is kept as long as the connection.
    """
    context = context or create_default_context()
    transport = _port.PlainTransport(input, output, already_read)
    port = _call(_port.Port.start, context.context, server_hostname, transport)
    tls = TLSSocket(port, timeout, owner)
    tls.do_handshake()
    return tls


class Server(contextlib.AbstractContextManager):
    """A listening socket. `listener` is the resource of the WIT, for all the rest."""

    def __init__(self, listener):
        self.listener = listener

    def accept(self):
        """Wait for a connection; returns it and the peer's address.

        The handshake runs with the first `recv` or `send`, so that a silent client is no trouble.
        """
        tls = TLSSocket(_call(self.listener.blocking_accept))
        return tls, tls.getpeername()

    def getsockname(self):
        """The IP address and port that it listens on."""
        return _pair(_call(self.listener.local_address))

    def close(self):
        """Stop listening. Accepted connections live on."""
        self.listener.close()

    def __exit__(self, *_):
        self.close()


def create_server(address, *, context, backlog=None):
    """Listen on (IP address, port) with a server's context; port 0 picks a free one."""
    return Server(_call(_listener.Listener.listen, context.context, *address, backlog))
