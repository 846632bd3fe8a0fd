"""TLS for Python components, in the manner of the standard library's `ssl` and `socket`.

    with portcullis.connect(("example.com", 443)) as tls:
        tls.sendall(b"GET / HTTP/1.0\\r\\nHost: example.com\\r\\n\\r\\n")
        page = tls.makefile("rb").read()

It stands on the bindings that componentize-py makes of `portcullis:tls`. Every failure of TLS is a
`TLSError`, whose text says what failed and what to do; it is an `OSError`.

It is long because it is one file, which a program copies in one step: failures, arguments, handles,
contexts, connections, servers, waiting for many.
"""

import contextlib
import encodings.idna  # Both for host names; a component has only what is imported.
import encodings.punycode
import enum
import errno
import functools
import gc
import io
import ipaddress
import itertools
import math
import operator
import os
import re
import selectors
import socket
import sys
import time
import unicodedata
import weakref

from componentize_py_types import Err
from wit_world.imports import certificate as _certificate
from wit_world.imports import context as _context
from wit_world.imports import engine as _engine
from wit_world.imports import errors as _errors
from wit_world.imports import listener as _listener
from wit_world.imports import poll as _poll
from wit_world.imports import port as _port

try:
    # Its name in a world that has the `types` of another package too, as `command` does.
    from wit_world.imports import portcullis_tls_types as types
except ImportError:
    from wit_world.imports import types
try:
    from wit_world.imports import monotonic_clock as _clock
except ImportError:
    _clock = None  # A world without it has no timeouts but those of the component.

_DEFAULT_LIMIT = 120_000  # The component's own, of handshake and shutdown, in milliseconds.
_CHUNK = 256 * 1024  # The most that one call hands to the component, to bound its copies.
_PIECE = 16384  # How much plaintext a record has, and how much ciphertext is moved at a time.
_MOST_SECONDS = (1 << 63) // 10**9  # The longest timeout that `socket` takes.
_VERSIONS = {"TLSv1.2": types.Version.TLS12, "TLSv1.3": types.Version.TLS13}
# OpenSSL's aliases of groups, and IANA's names.
_GROUPS = {"P-256": "secp256r1", "PRIME256V1": "secp256r1", "P-384": "secp384r1"}
# The timers that can be set; the others are not there yet.
_TIMERS = (
    types.Timer.CONNECT,
    types.Timer.HANDSHAKE,
    types.Timer.READ,
    types.Timer.SHUTDOWN,
    types.Timer.WRITE,
)
_NO_DESCRIPTOR = "a component has no file descriptors; wait with portcullis.Selector"
HAS_ALPN = HAS_SNI = HAS_TLSv1_2 = HAS_TLSv1_3 = True
HAS_NPN = HAS_SSLv2 = HAS_SSLv3 = HAS_TLSv1 = HAS_TLSv1_1 = HAS_PSK = False
CHANNEL_BINDING_TYPES = ["tls-exporter", "tls-server-end-point"]


# Failures


class TLSError(OSError):
    """A failure. Its text is one line for people; `error` is the variant `types.Error`."""

    library, reason = "SSL", None

    def __init__(self, error, code=None, note=""):
        text = _errors.explain(error) + note
        super().__init__(*((text,) if code is None else (code, text)))
        self.error = error

    def __str__(self):
        return self.args[-1]


class CertificateError(TLSError, ValueError):
    """The peer's certificate did not pass; `error.value.reason` says why. Send it nothing."""

    reason = "CERTIFICATE_VERIFY_FAILED"

    def __init__(self, error, code=1, note=""):
        super().__init__(error, code, note)
        self.verify_code = _VERIFY_CODES.get(error.value.reason, 1)
        self.verify_message = str(self)


class TLSTimeout(TLSError, TimeoutError):
    """A timer ran out. After one of `recv` the connection is still usable."""


class SSLEOFError(TLSError):
    """The peer's bytes ended without close_notify: what was read may have been cut short."""


class SSLSyscallError(TLSError):
    """Never raised: a failure of the network has the class that `socket` gives it."""


class SSLZeroReturnError(TLSError):
    """The peer closed in the middle of the handshake."""


class SSLWantReadError(TLSError, BlockingIOError):
    """Not a failure: with a timeout of 0, call again when there is something to read."""

    # Libraries look the class up in tables, which have only this one if there is no module `ssl`.
    __class__ = BlockingIOError


class SSLWantWriteError(TLSError, BlockingIOError):
    """Not a failure: with a timeout of 0, call again when the peer takes bytes."""

    __class__ = BlockingIOError


class InvalidArgument(TLSError, ValueError):
    """An argument has no meaning."""


class NotSupported(TLSError, NotImplementedError):
    """The component has no such thing."""


class FileNotFound(TLSError, FileNotFoundError):
    """A path is not there, or no preopened directory leads to it."""


class AccessDenied(TLSError, PermissionError):
    """The host or the system forbids it."""


class ConnectionRefused(TLSError, ConnectionRefusedError):
    """Nobody listens there."""


class ConnectionReset(TLSError, ConnectionResetError):
    """The connection was lost."""


class ConnectionAborted(TLSError, ConnectionAbortedError):
    """The connection was given up on this side."""


class BrokenPipe(TLSError, BrokenPipeError):
    """Writing on a connection that takes no more: lost, or closed by `shutdown`."""


class NameUnresolved(TLSError, socket.gaierror):
    """The host's name has no address, or the resolver failed."""


# The names that `ssl` has for them.
SSLError, SSLCertVerificationError = TLSError, CertificateError

_Reason, _Code = types.CertificateReason, types.NetworkCode
# OpenSSL's numbers (X509_V_ERR_*), where it has one for the same.
_VERIFY_CODES = {
    _Reason.REVOCATION_UNKNOWN: 3,
    _Reason.BAD_SIGNATURE: 7,
    _Reason.REVOCATION_LIST_BAD: 8,
    _Reason.NOT_YET_VALID: 9,
    _Reason.EXPIRED: 10,
    _Reason.REVOCATION_LIST_EXPIRED: 12,
    _Reason.UNKNOWN_AUTHORITY: 20,
    _Reason.REVOKED: 23,
    _Reason.WRONG_PURPOSE: 26,
    _Reason.UNHANDLED_EXTENSION: 34,
    _Reason.WRONG_POLICY: 43,
    _Reason.REJECTED_BY_CALLER: 50,
    _Reason.WRONG_NAME: 62,
    _Reason.TRANSPARENCY_MISSING: 71,
    _Reason.STAPLE_MISSING: 73,
    _Reason.STAPLE_BAD: 74,
    _Reason.UNSUPPORTED_ALGORITHM: 76,
    _Reason.RAW_KEY_UNTRUSTED: 95,
}
_NETWORK = {
    _Code.ACCESS_DENIED: (AccessDenied, errno.EACCES),
    _Code.ADDRESS_IN_USE: (TLSError, errno.EADDRINUSE),
    _Code.ADDRESS_NOT_BINDABLE: (TLSError, errno.EADDRNOTAVAIL),
    _Code.CONNECTION_ABORTED: (ConnectionAborted, errno.ECONNABORTED),
    _Code.CONNECTION_BROKEN: (ConnectionReset, errno.ECONNRESET),
    _Code.CONNECTION_REFUSED: (ConnectionRefused, errno.ECONNREFUSED),
    _Code.CONNECTION_RESET: (ConnectionReset, errno.ECONNRESET),
    _Code.NAME_UNRESOLVABLE: (NameUnresolved, getattr(socket, "EAI_NONAME", -2)),
    _Code.NEW_SOCKET_LIMIT: (TLSError, errno.EMFILE),
    _Code.NOT_SUPPORTED: (TLSError, errno.ENOTSUP),
    _Code.OUT_OF_MEMORY: (TLSError, errno.ENOMEM),
    _Code.PERMANENT_RESOLVER_FAILURE: (NameUnresolved, getattr(socket, "EAI_FAIL", -4)),
    _Code.REMOTE_UNREACHABLE: (TLSError, errno.EHOSTUNREACH),
    _Code.TEMPORARY_RESOLVER_FAILURE: (NameUnresolved, getattr(socket, "EAI_AGAIN", -3)),
    _Code.TIMED_OUT: (TLSTimeout, errno.ETIMEDOUT),
    _Code.OTHER: (TLSError, errno.EIO),
}
_CONFIGURATION = {
    types.ConfigurationReason.ACCESS_DENIED: (AccessDenied, errno.EACCES),
    types.ConfigurationReason.DUPLICATE: (InvalidArgument, None),
    types.ConfigurationReason.NOT_FOUND: (FileNotFound, errno.ENOENT),
    types.ConfigurationReason.UNKNOWN_NAME: (InvalidArgument, None),
}
_OTHERS = {
    types.Error_Certificate: (CertificateError, 1),
    types.Error_InvalidArgument: (InvalidArgument, None),
    types.Error_NotSupported: (NotSupported, errno.ENOTSUP),
    types.Error_Timeout: (TLSTimeout, None),
    types.Error_Truncated: (SSLEOFError, None),
    types.Error_WantAccept: (SSLWantReadError, errno.EAGAIN),
    types.Error_WantConnect: (SSLWantWriteError, errno.EAGAIN),
    types.Error_WantRead: (SSLWantReadError, errno.EAGAIN),
    types.Error_WantWrite: (SSLWantWriteError, errno.EAGAIN),
}


def _failure(error, closed=(SSLZeroReturnError, None), context=None, note=""):
    """The exception for a variant; `closed` is the class and number for the case `closed`."""
    if isinstance(error, types.Error_Network):
        kind, code = _NETWORK[error.value.code]
        if kind is ConnectionReset and error.value.operation == types.NetworkOperation.WRITE:
            kind, code = BrokenPipe, errno.EPIPE
    elif isinstance(error, types.Error_InvalidConfiguration):
        kind, code = _CONFIGURATION.get(error.value.reason, (TLSError, None))
    elif isinstance(error, types.Error_Closed):
        kind, code = closed
    else:
        kind, code = _OTHERS.get(type(error), (TLSError, None))
    if kind is CertificateError and error.value.reason == _Reason.UNKNOWN_AUTHORITY and context:
        # In place of the component's detail, since this one names the variables.
        error.value.detail = context._searched()
    return kind(error, code, note)


def _try(function, *arguments):
    """Call a function; returns its result or None, and the variant that it failed with or None."""
    try:
        return function(*arguments), None
    except Err as failure:
        # Without its traceback, which would keep the variables of all callers in a circle.
        return None, failure.with_traceback(None).value


def _call(function, *arguments, **about):
    result, error = _try(function, *arguments)
    if error is not None:
        raise _failure(error, **about)
    return result


def _invalid(text):
    """The failure of an argument without a meaning: an `OSError` as all, and a `ValueError`."""
    return _failure(types.Error_InvalidArgument(text))


# Arguments: a wrong one must not reach the bindings, where it would trap.


def _text(value, what):
    if not isinstance(value, str):
        raise TypeError(f"{what} should be a str, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        pass
    else:
        if "\0" not in value:
            return value
    # Neither this failure nor an exception that causes it has the contents.
    raise _invalid(f"{what} has characters that no UTF-8 text has")


def _path(path, what):
    path = os.fsdecode(os.fspath(path))
    # PEM with its marks, any text of several lines, or the base64 of DER without marks.
    if "-----BEGIN" in path or "\n" in path or re.fullmatch(r"MI[A-Za-z0-9+/=]{62,}", path):
        raise _invalid(f"{what}: PEM text where a path belongs; pass bytes")
    if len(path) > 4096:
        raise _invalid(f"{what}: {len(path)} characters where a path belongs")
    return _text(path, what)


def _source(source, what):
    """Bytes are the contents, PEM or DER; everything else is a path."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _context.Source_Bytes(bytes(source))
    return _context.Source_Path(_path(source, what))


def _seconds(timeout):
    """A timeout as `socket` takes it: none, or seconds from 0."""
    if timeout is socket._GLOBAL_DEFAULT_TIMEOUT:
        timeout = socket.getdefaulttimeout()
    if timeout is None:
        return None
    if not isinstance(timeout, float):
        timeout = operator.index(timeout)
    if timeout != timeout:
        raise ValueError("Invalid value NaN (not a number)")
    if timeout < 0:
        raise ValueError("Timeout value out of range")
    if timeout > _MOST_SECONDS:
        raise OverflowError("timestamp too large to convert to C PyTime_t")
    return float(timeout)


def _length(length, what):
    length = operator.index(length)
    if length < 0:
        raise ValueError(f"negative buffersize in {what}")
    if length > sys.maxsize:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return length


def _no_flags(flags, what):
    if operator.index(flags):
        raise ValueError(f"non-zero flags not allowed in calls to {what}(): there are none of TLS")


def _host(host):
    """A name or address in ASCII."""
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii")
    if not isinstance(host, str):
        raise TypeError(f"str, bytes or bytearray expected, not {type(host).__name__}")
    if host.isascii():
        return host
    return ".".join(map(_label, re.split("[.\u3002\uff0e\uff61]", host)))


def _label(label):
    """One label of a name in ASCII, as `socket` encodes it, except where IDNA 2008 differs."""
    if "\u200c" in label or "\u200d" in label:
        raise UnicodeError("a host name with a joiner in it: write it in ASCII, with xn--")
    if not set("\xdf\u03c2") & set(label):
        return label.encode("idna").decode("ascii")
    label = unicodedata.normalize("NFKC", label).lower()
    if not label.replace("-", "").isalnum():
        raise UnicodeError("a host name that is none: write it in ASCII, with xn--")
    return "xn--" + label.encode("punycode").decode("ascii")


def _address(address, what):
    """Host and port of an address as sockets have it, of two or of four parts."""
    if isinstance(address, (str, bytes)) or not hasattr(address, "__len__"):
        raise TypeError(f"{what}(): address must be tuple, not {type(address).__name__}")
    if len(address) not in (2, 4):
        raise TypeError(f"{what}(): address must be (host, port[, flowinfo, scope_id])")
    host, port = _host(address[0]), operator.index(address[1])
    if not 0 <= port <= 0xFFFF:
        raise OverflowError(f"{what}(): port must be 0-65535.")
    if len(address) == 4:
        flow, scope = map(operator.index, address[2:])
        if not 0 <= flow <= 0xFFFFF:
            raise OverflowError(f"{what}(): flowinfo must be 0-1048575.")
        if not 0 <= scope < 1 << 32:
            raise OverflowError(f"{what}(): scope_id must be 0-4294967295.")
        if scope and "%" not in host:
            host = f"{host}%{scope}"
    return host, port


def _named(table, name):
    if name not in table:
        raise ValueError(f"{name!r} is not one of {', '.join(table)}")
    return table[name]


def _pair(address):
    """An address of the component, or one of wasi:sockets, as sockets have it."""
    if address is None:
        return None
    flow = 0
    if hasattr(address, "ip"):
        (ip, _, scope), port = address.ip.partition("%"), address.port
    else:
        parts, port = address.value.address, address.value.port
        packed = b"".join(part.to_bytes(1 if len(parts) == 4 else 2, "big") for part in parts)
        ip, scope = str(ipaddress.ip_address(packed)), 0
        if ":" in ip:
            flow, scope = address.value.flow_info, address.value.scope_id
    return (ip, port, flow, int(scope or 0)) if ":" in ip else (ip, port)


# Handles

_RESOURCES, _NUMBERS = {}, itertools.count(1)
_DYING, _REVIVED = [], {}  # Handles that die in a collection, and those that survived one.


class _Handle:
    """Keeps resources of the bindings until the last object that holds the handle is gone.

    The bindings drop a resource when a garbage collection begins, before any `__del__` of the same
    circle has run; a `__del__` that uses it then traps, which nothing catches. So resources are
    kept in `_RESOURCES`, where the collector finds them in use, and dropped when the collection is
    over. A resource that is a child of another has its parent's handle as `owner`, and so is
    dropped first, even if it is garbage by itself.
    """

    __slots__ = ("__weakref__", "_number")

    def __init__(self, *resources):
        self._number = next(_NUMBERS)
        _RESOURCES[self._number] = resources

    def __del__(self):
        if _DYING:
            _DYING.append((self._number, weakref.ref(self)))
        else:
            _RESOURCES.pop(self._number, None)

    def get(self):
        """The resources."""
        if self._number in _RESOURCES:
            return _RESOURCES[self._number]
        raise _failure(types.Error_Closed(), (TLSError, errno.EBADF))


def _watch_collector(phase, _):
    if phase == "start":
        _DYING.append((0, lambda: None))
        return
    dying, _DYING[:] = list(_DYING), []
    for number, handle in dying:
        if handle() is None:
            _RESOURCES.pop(number, None)
        else:
            # Some `__del__` has revived the handle, whose own `__del__` does not run again.
            forget = functools.partial(_forget, number)
            _REVIVED[number] = weakref.ref(handle(), forget)


def _forget(number, _):
    del _REVIVED[number]
    _RESOURCES.pop(number, None)


gc.callbacks.append(_watch_collector)


# Contexts


class VerifyMode(enum.IntEnum):
    """What is asked of the peer's certificate; a client takes `CERT_OPTIONAL` as required."""

    CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED = range(3)


class TLSVersion(enum.IntEnum):
    """Versions, as `ssl` numbers them. Those before TLS 1.2 are refused wherever they are set."""

    MINIMUM_SUPPORTED, MAXIMUM_SUPPORTED = -2, -1
    SSLv3, TLSv1, TLSv1_1, TLSv1_2, TLSv1_3 = range(0x300, 0x305)


class Purpose(enum.Enum):
    """The peers that a context is for."""

    SERVER_AUTH, CLIENT_AUTH = "servers", "clients"


class AlertDescription(enum.IntEnum):
    """The numbers of alerts, by which a function of `sni_callback` refuses a client."""

    ALERT_DESCRIPTION_CLOSE_NOTIFY, ALERT_DESCRIPTION_UNEXPECTED_MESSAGE = 0, 10
    ALERT_DESCRIPTION_BAD_RECORD_MAC, ALERT_DESCRIPTION_RECORD_OVERFLOW = 20, 22
    ALERT_DESCRIPTION_HANDSHAKE_FAILURE, ALERT_DESCRIPTION_BAD_CERTIFICATE = 40, 42
    ALERT_DESCRIPTION_UNSUPPORTED_CERTIFICATE, ALERT_DESCRIPTION_CERTIFICATE_REVOKED = 43, 44
    ALERT_DESCRIPTION_CERTIFICATE_EXPIRED, ALERT_DESCRIPTION_CERTIFICATE_UNKNOWN = 45, 46
    ALERT_DESCRIPTION_ILLEGAL_PARAMETER, ALERT_DESCRIPTION_UNKNOWN_CA = 47, 48
    ALERT_DESCRIPTION_ACCESS_DENIED, ALERT_DESCRIPTION_DECODE_ERROR = 49, 50
    ALERT_DESCRIPTION_DECRYPT_ERROR, ALERT_DESCRIPTION_PROTOCOL_VERSION = 51, 70
    ALERT_DESCRIPTION_INSUFFICIENT_SECURITY, ALERT_DESCRIPTION_INTERNAL_ERROR = 71, 80
    ALERT_DESCRIPTION_USER_CANCELLED, ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION = 90, 110
    ALERT_DESCRIPTION_UNRECOGNIZED_NAME = 112
    ALERT_DESCRIPTION_BAD_CERTIFICATE_STATUS_RESPONSE = 113
    ALERT_DESCRIPTION_UNKNOWN_PSK_IDENTITY = 115


class Options(enum.IntFlag):
    """The flags of `SSLContext.options`, with OpenSSL's numbers."""

    OP_ENABLE_KTLS, OP_IGNORE_UNEXPECTED_EOF = 0x8, 0x80
    OP_NO_TICKET, OP_NO_COMPRESSION, OP_ENABLE_MIDDLEBOX_COMPAT = 0x4000, 0x20000, 0x100000
    OP_CIPHER_SERVER_PREFERENCE = 0x400000
    OP_NO_SSLv3, OP_NO_TLSv1, OP_NO_TLSv1_2 = 0x2000000, 0x4000000, 0x8000000
    OP_NO_TLSv1_1, OP_NO_TLSv1_3, OP_NO_RENEGOTIATION = 0x10000000, 0x20000000, 0x40000000
    OP_ALL = 0x80000050


class VerifyFlags(enum.IntFlag):
    """The flags of `SSLContext.verify_flags`, with OpenSSL's numbers."""

    VERIFY_DEFAULT, VERIFY_CRL_CHECK_LEAF, VERIFY_CRL_CHECK_CHAIN = 0, 0x4, 0xC
    VERIFY_X509_STRICT, VERIFY_ALLOW_PROXY_CERTS = 0x20, 0x40
    VERIFY_X509_TRUSTED_FIRST, VERIFY_X509_PARTIAL_CHAIN = 0x8000, 0x80000


for _kind in (VerifyMode, AlertDescription, Options, VerifyFlags):
    globals().update(_kind.__members__)
OP_NO_SSLv2 = OP_SINGLE_DH_USE = OP_SINGLE_ECDH_USE = 0
PROTOCOL_TLS, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER = 2, 16, 17
# These hold for every connection, so that setting them changes nothing.
_ALWAYS = int(
    Options.OP_ALL
    | Options.OP_NO_COMPRESSION
    | Options.OP_ENABLE_MIDDLEBOX_COMPAT
    | Options.OP_NO_SSLv3
    | Options.OP_NO_TLSv1
    | Options.OP_NO_TLSv1_1
    | Options.OP_NO_RENEGOTIATION
)
_ALWAYS_VERIFIED = VerifyFlags.VERIFY_X509_TRUSTED_FIRST | VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
_CHOICE = int(
    Options.OP_NO_TLSv1_2
    | Options.OP_NO_TLSv1_3
    | Options.OP_IGNORE_UNEXPECTED_EOF
    | Options.OP_ENABLE_KTLS
)
_FLOOR, _CEILING = TLSVersion.TLSv1_2, TLSVersion.TLSv1_3
_WIT_VERSIONS = {_FLOOR: types.Version.TLS12, _CEILING: types.Version.TLS13}
_COPIED = (
    "_highest",
    "_hostname",
    "_key_log",
    "_keys_file",
    "_lowest",
    "_options",
    "_revocation",
    "_sni",
    "_tickets",
    "_verify",
)
_DEFAULT_TICKETS = 2  # The component's own.
_NAMED_CONTEXTS = 64  # How many names one context remembers, lest it grows for ever.


class Context:
    """How connections are to be made, as `ssl.SSLContext`.

    A client's context verifies chain and name, against the web roots until roots are loaded. The
    first connection seals it. Where a path is asked for, bytes are taken as the contents. A setting
    of `ssl` that is not there is an error, never ignored. `context` is the resource of the WIT, for
    all the rest; the properties do not know what is set there.
    """

    __slots__ = (
        "_asks",
        "_forgotten",
        "_handle",
        "_highest",
        "_hostname",
        "_key_log",
        "_keys_file",
        "_lists",
        "_lowest",
        "_named",
        "_options",
        "_revocation",
        "_sni",
        "_tickets",
        "_trusted",
        "_verify",
        "__weakref__",
    )

    def __init__(self, protocol=None, *, server_side=False, context=None):
        if protocol not in (None, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER):
            raise ValueError("the protocol is PROTOCOL_TLS_CLIENT or PROTOCOL_TLS_SERVER")
        server_side = server_side or protocol == PROTOCOL_TLS_SERVER
        role = types.Role.SERVER if server_side else types.Role.CLIENT
        context = context or _context.Context.secure(role)
        self._handle, self._named, self._trusted = _Handle(context), {}, []
        self._hostname = context.role() == types.Role.CLIENT
        self._verify = VerifyMode.CERT_REQUIRED if self._hostname else VerifyMode.CERT_NONE
        self._lowest, self._highest = _FLOOR, TLSVersion.MAXIMUM_SUPPORTED
        self._options = Options(_ALWAYS)
        # The function of `sni_callback`, and the copy of the resource that asks for it once in use.
        self._sni = self._asks = None
        self._key_log = self._keys_file = None
        self._tickets, self._forgotten = _DEFAULT_TICKETS, (0, 0)
        # What `verify_flags` asks for, and where lists are.
        self._revocation, self._lists = VerifyFlags.VERIFY_DEFAULT, []

    def __repr__(self):
        return f"<portcullis.Context of a {'server' if self._is_server() else 'client'}>"

    @property
    def context(self):
        """The resource."""
        return self._handle.get()[0]

    @property
    def protocol(self):
        """`PROTOCOL_TLS_SERVER` or `PROTOCOL_TLS_CLIENT`."""
        return PROTOCOL_TLS_SERVER if self._is_server() else PROTOCOL_TLS_CLIENT

    def _is_server(self):
        return self.context.role() == types.Role.SERVER

    def copy(self):
        """A context with the same settings that can be changed, even if this one is sealed."""
        copy = Context(context=self.context.copy())
        for name in _COPIED:
            setattr(copy, name, getattr(self, name))
        copy._trusted, copy._lists = list(self._trusted), list(self._lists)
        return copy

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        """Take this side's certificate chain and private key; by default both from one file.

        The password of an encrypted key is text, bytes, or a function that is asked for it.
        """
        chain = _source(certfile, "certfile")
        key = chain if keyfile is None else _source(keyfile, "keyfile")
        ask = password if callable(password) else None
        passphrase = None if ask else _passphrase(password)
        _, error = _try(self.context.load_identity, chain, key, passphrase)
        if ask and _reason(error) == types.ConfigurationReason.PASSPHRASE_MISSING:
            _, error = _try(self.context.load_identity, chain, key, _passphrase(ask()))
        if error is not None:
            raise _failure(error)

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        """Trust these authorities: a file, a directory, PEM text or DER bytes.

        The first call drops the web roots. Returns the files of `capath` that held no certificate.
        Revocation lists in `cafile` and `cadata` are looked at where `verify_flags` asks for it; what
        has lists alone changes no trust.
        """
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        if cafile is not None:
            source = _source(cafile, "cafile")
            is_path = isinstance(source, _context.Source_Path)
            self._trust(source, source.value if is_path else "what was given as cafile")
        if cadata is not None:
            contents = cadata.encode() if isinstance(cadata, str) else bytes(memoryview(cadata))
            self._trust(_context.Source_Bytes(contents), "what was given as cadata")
        if capath is None:
            return []
        capath = _path(capath, "capath")
        report = _call(self.context.add_trust_directory, capath)
        self._trusted.append(f"{capath} ({report.files} files with certificates)")
        return report.problems

    def _trust(self, source, place):
        """Trust what a source holds, and look at the lists in it."""
        has_lists = self._has_lists(source)
        _, error = _try(self.context.add_trust_roots, source)
        if error is None:
            self._trusted.append(place)
        elif not has_lists or _reason(error) == types.ConfigurationReason.UNREADABLE:
            raise _failure(error)
        if has_lists:
            self._lists.append(source)
            if self._revocation:
                _call(self.context.add_revocation_lists, source)

    def _has_lists(self, source):
        """Whether there are revocation lists in a source, seen by a context that nobody uses."""
        with self.context.copy() as probe:
            return _try(probe.add_revocation_lists, source)[1] is None

    def load_default_certs(self, purpose=Purpose.SERVER_AUTH):
        """Trust what the environment names in place of the web roots.

        `SSL_CERT_FILE` is a file and `SSL_CERT_DIR` are directories with `:` between, as OpenSSL
        and Go read them. What is not there is passed over, unless nothing else gives an authority:
        then it is a failure, for the web roots do not step in. Without both variables, the web
        roots stay.
        """
        file = os.environ.get("SSL_CERT_FILE") or None
        listed = os.environ.get("SSL_CERT_DIR", "").split(":")
        if file is None and not any(listed):
            return
        found, missing = False, None
        if file is not None:
            source = _context.Source_Path(_path(file, "SSL_CERT_FILE"))
            _, missing = _try(self.context.add_trust_roots, source)
            found = missing is None
            if not found and _reason(missing) != types.ConfigurationReason.NOT_FOUND:
                raise _failure(missing, note=" (named by SSL_CERT_FILE)")
            self._trusted.append(f"SSL_CERT_FILE={file}{'' if found else ' (not there)'}")
        for path in filter(None, listed):
            report, error = _try(self.context.add_trust_directory, _path(path, "SSL_CERT_DIR"))
            if error is not None:
                raise _failure(error, note=" (named by SSL_CERT_DIR)")
            found = found or report.files > 0
            absent = any(problem.path == path for problem in report.problems)
            told = "not there" if absent else f"{report.files} files with certificates"
            self._trusted.append(f"SSL_CERT_DIR={path} ({told})")
        if not found:
            item, reason = types.ConfigurationItem.TRUST_ROOTS, types.ConfigurationReason.MISSING
            nothing = types.ConfigurationError(item, reason, "no certificate was found")
            error = missing or types.Error_InvalidConfiguration(nothing)
            raise _failure(error, note=f" ({self._searched()})")

    set_default_verify_paths = load_default_certs

    def _searched(self):
        """Who is trusted, for the refusal of an unknown authority."""
        places = ", ".join(self._trusted) or "the web roots that are built in"
        return f"searched: {places}"

    @property
    def verify_mode(self):
        """What is asked of the peer's certificate."""
        return self._verify

    @verify_mode.setter
    def verify_mode(self, mode):
        mode = VerifyMode(mode)
        if mode == VerifyMode.CERT_NONE and self._hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        asked = _context.Verify.REQUIRED
        if mode == VerifyMode.CERT_NONE:
            asked = _context.Verify.UNVERIFIED
        elif mode == VerifyMode.CERT_OPTIONAL and self._is_server():
            asked = _context.Verify.OPTIONAL
        _call(self.context.set_verify, asked)
        self._verify = mode

    @property
    def check_hostname(self):
        """Whether a server's certificate has to have its name."""
        return self._hostname

    @check_hostname.setter
    def check_hostname(self, check):
        check = bool(check)
        if check and self._is_server():
            raise ValueError("a server checks no names: leave check_hostname False")
        if check and self._verify == VerifyMode.CERT_NONE:
            self.verify_mode = VerifyMode.CERT_REQUIRED
        name = _context.VerifyName_Host() if check else _context.VerifyName_Unverified()
        if not self._is_server():
            _call(self.context.set_verify_name, name)
        self._hostname = check

    @property
    def minimum_version(self):
        """The lowest version, a `TLSVersion`."""
        return self._lowest

    @minimum_version.setter
    def minimum_version(self, version):
        self._set_versions(_version(version), self._highest, self._options)

    @property
    def maximum_version(self):
        """The highest version, a `TLSVersion`."""
        return self._highest

    @maximum_version.setter
    def maximum_version(self, version):
        self._set_versions(self._lowest, _version(version), self._options)

    @property
    def options(self):
        """Flags; those that always hold cannot be cleared, those without effect cannot be set."""
        return self._options

    @options.setter
    def options(self, options):
        options = operator.index(options) & 0xFFFFFFFF
        if missing := _ALWAYS & ~options:
            raise ValueError(f"{Options(missing)!r} cannot be turned off: all connections are so")
        if unknown := options & ~(_ALWAYS | _CHOICE):
            raise ValueError(f"{Options(unknown)!r} cannot be turned on here")
        self._set_versions(self._lowest, self._highest, Options(options))
        tolerated = bool(options & Options.OP_IGNORE_UNEXPECTED_EOF)
        word = _context.Truncation.TOLERATED if tolerated else _context.Truncation.REFUSED
        _call(self.context.set_truncation, word)

    def _set_versions(self, lowest, highest, options):
        """Set the versions that all the settings leave; on failure the settings stay."""
        ends = {TLSVersion.MINIMUM_SUPPORTED: _FLOOR, TLSVersion.MAXIMUM_SUPPORTED: _CEILING}
        bottom, top = ends.get(lowest, lowest), ends.get(highest, highest)
        left = [
            version
            for version, no in ((_FLOOR, Options.OP_NO_TLSv1_2), (_CEILING, Options.OP_NO_TLSv1_3))
            if bottom <= version <= top and not options & no
        ]
        if not left:
            raise ValueError("no version is left: there are TLS 1.2 and TLS 1.3")
        _call(self.context.set_versions, *(_WIT_VERSIONS[end] for end in (left[0], left[-1])))
        self._lowest, self._highest, self._options = lowest, highest, options

    @property
    def verify_flags(self):
        """Flags of verification; those without a meaning here cannot be set.

        `VERIFY_CRL_CHECK_LEAF` has the lists looked at that `load_verify_locations` loads, for the
        peer's own certificate, and `VERIFY_CRL_CHECK_CHAIN` for those above it too. What no list is
        about is then refused. Neither can be turned off again: make a new context.
        """
        return _ALWAYS_VERIFIED | self._revocation

    @verify_flags.setter
    def verify_flags(self, flags):
        asked = VerifyFlags(operator.index(flags)) & VerifyFlags.VERIFY_CRL_CHECK_CHAIN
        if unknown := operator.index(flags) & ~int(_ALWAYS_VERIFIED | asked):
            raise ValueError(f"{VerifyFlags(unknown)!r} cannot be turned on here")
        if self._revocation & ~asked:
            raise ValueError("what has been revoked stays refused: make a new context")
        if asked == self._revocation:
            return
        scope = _context.RevocationScope.CHAIN
        if asked == VerifyFlags.VERIFY_CRL_CHECK_LEAF:
            scope = _context.RevocationScope.OWN_CERTIFICATE
        _call(self.context.set_revocation_check, scope, _context.UnknownRevocation.REFUSED)
        if not self._revocation:
            for source in self._lists:
                _call(self.context.add_revocation_lists, source)
        self._revocation = asked

    def set_ciphers(self, ciphers):
        """Choose suites by a list in OpenSSL's syntax. Returns the words that had no effect."""
        report = _call(self.context.set_cipher_list, [_text(ciphers, "ciphers")])
        return report.unknown + report.unsupported

    def get_ciphers(self):
        """The suites in their order, a dictionary with a `name` for each."""
        return [{"name": name} for name in self.context.cipher_suites()]

    def set_groups(self, groups):
        """Choose key exchange groups by IANA's or OpenSSL's names, in any case, `:` between.

        By default `X25519MLKEM768:SecP256r1MLKEM768:x25519:secp256r1:secp384r1`. An unknown name is a `ValueError`
        that lists the known ones.
        """
        names = _text(groups, "groups").split(":")
        _call(self.context.set_groups, [_GROUPS.get(name.upper(), name) for name in names])

    set_ecdh_curve = set_groups

    def set_versions(self, lowest="TLSv1.2", highest="TLSv1.3"):
        """Choose the lowest and the highest version."""
        lowest, highest = (_named(_VERSIONS, name) for name in (lowest, highest))
        _call(self.context.set_versions, lowest, highest)
        numbers = {wit: number for number, wit in _WIT_VERSIONS.items()}
        self._lowest, self._highest = numbers[lowest], numbers[highest]
        self._options &= ~(Options.OP_NO_TLSv1_2 | Options.OP_NO_TLSv1_3)

    def tolerate_truncation(self):
        """Read an end without close_notify as the end, as `ssl` does; an attacker can make one."""
        self.options |= Options.OP_IGNORE_UNEXPECTED_EOF

    def defer_verification(self):
        """Check the peer's certificate, but let the handshake go on if it fails or is missing.

        `TLSSocket.verify_result` tells why it failed; look at it before you send anything, for the
        peer may be anybody. A server asks for a certificate. `verify_mode` is `CERT_OPTIONAL` now,
        and setting it ends this.
        """
        _call(self.context.set_verify, _context.Verify.DEFERRED)
        self._verify = VerifyMode.CERT_OPTIONAL

    def set_alpn_protocols(self, protocols):
        """Choose the application protocols, the preferred first: `["h2", "http/1.1"]` (RFC 7301).

        A server refuses a client that offers none of them, which `ssl` lets in; one that offers no
        protocol at all is served. `TLSSocket.selected_alpn_protocol` tells what was agreed on.
        """
        if isinstance(protocols, (str, bytes)):
            raise TypeError(f"the protocols are a list of names, not {protocols!r}")
        _call(self.context.set_alpn, [_text(name, "protocol") for name in protocols])

    @property
    def sni_callback(self):
        """A server's function that chooses the context of each connection; None before it is set.

        It is called in the handshake with the connection, the name that the client asks for or
        None, and this context. It may set the connection's `context` to another of a server, and
        returns None to go on or an `AlertDescription` to refuse. With one, this context needs no
        certificate. It cannot be set first when the context is sealed. If it raises an exception,
        the client is refused, and the handshake fails with that exception as the cause.
        """
        return self._sni

    @sni_callback.setter
    def sni_callback(self, function):
        if not self._is_server():
            raise ValueError("sni_callback cannot be set on a client's context")
        if function is not None and not callable(function):
            raise TypeError("not a callable object")
        if function is not None and self._asks is None and self.context.is_sealed():
            raise _failure(types.Error_Sealed())
        self._sni = function

    def set_servername_callback(self, function):
        """Set `sni_callback`."""
        self.sni_callback = function

    def _for_server(self):
        """The resource for connections of servers, which asks for a context if there is a callback.

        The connections then go on with the context itself, or with the one that is chosen.
        """
        if self._asks is None and self._sni is not None:
            asks = self.context.copy()
            _call(asks.ask_for_context)
            _call(asks.seal)
            # Without a certificate this cannot be sealed, and need not be.
            _try(self.context.seal)
            self._asks = _Handle(asks)
        return self.context if self._asks is None else self._asks.get()[0]

    @property
    def num_tickets(self):
        """How many tickets a server sends after a handshake of TLS 1.3: 2, at most 16."""
        return self._tickets

    @num_tickets.setter
    def num_tickets(self, number):
        number = operator.index(number)
        if not self._is_server():
            raise ValueError("SSLContext is not a server context.")
        if not 0 <= number < 1 << 32:
            raise ValueError("num_tickets is a number from 0 to 16")
        _call(self.context.set_ticket_count, number)
        self._tickets = number

    def session_stats(self):
        """How many handshakes were done, and how many of them have resumed a session: `hits`.

        Those of a server are `accept_good`, those of a client `connect_good`. What else `ssl` has
        there is not counted, and connections for which `sni_callback` has chosen another context
        count there.
        """
        done, hits = self._forgotten
        for context in (self.context, *(handle.get()[0] for handle in self._named.values())):
            full, resumed = context.full_handshakes(), context.resumed_handshakes()
            done, hits = done + full + resumed, hits + resumed
        return {"accept_good" if self._is_server() else "connect_good": done, "hits": hits}

    @property
    def keylog_filename(self):
        """A file to which the secrets of connections are appended, for Wireshark; None by default.

        Whoever reads it can read and forge the connections. The variable `SSLKEYLOGFILE` is not
        looked at. It cannot be set first when the context is sealed; a copy appends to it too.
        """
        return self._keys_file

    @keylog_filename.setter
    def keylog_filename(self, path):
        if path is not None:
            path = _path(path, "keylog_filename")
            # Now, not in the midst of a handshake, it is seen whether it can be written.
            with open(path, "a"):
                pass
            if self._key_log is None:
                self._key_log = _Handle(_call(self.context.log_keys))
        if self._key_log is not None:
            # What came before is for nobody, or for the file before.
            self._write_keys()
        self._keys_file = path

    def _write_keys(self):
        if self._key_log is None:
            return
        lines = self._key_log.get()[0].take_lines()
        if lines and self._keys_file is not None:
            with open(self._keys_file, "a") as file:
                file.writelines(f"{line}\n" for line in lines)

    @property
    def post_handshake_auth(self):
        """False: a client shows its certificate in the handshake."""
        return False

    @post_handshake_auth.setter
    def post_handshake_auth(self, wanted):
        if wanted:
            raise NotImplementedError("a client shows its certificate in the handshake only")

    @property
    def hostname_checks_common_name(self):
        """False: only alternative names count."""
        return False

    @hostname_checks_common_name.setter
    def hostname_checks_common_name(self, wanted):
        if wanted:
            raise NotImplementedError("a common name is no host name; only alternative names count")

    def wrap_socket(
        self,
        sock,
        server_side=False,
        do_handshake_on_connect=True,
        suppress_ragged_eofs=False,
        server_hostname=None,
        session=None,
    ):
        """Make a `portcullis_plain.PlainSocket` a `TLSSocket`, which takes its place."""
        if not hasattr(sock, "start_tls"):
            raise TypeError(
                f"a {type(sock).__name__} cannot hand its streams over: use portcullis.connect, or "
                "portcullis_plain.PlainSocket"
            )
        if session is not None:
            raise NotImplementedError("sessions cannot be handed over; one context resumes its own")
        if bool(server_side) != self._is_server():
            raise ValueError("the context is for the other side: see server_side")
        context = self
        if suppress_ragged_eofs and not self._options & Options.OP_IGNORE_UNEXPECTED_EOF:
            context = self.copy()
            context.tolerate_truncation()
        return sock.start_tls(
            server_hostname, context, do_handshake_on_connect=do_handshake_on_connect
        )

    def wrap_bio(
        self, incoming, outgoing, server_side=False, server_hostname=None, session=None
    ):
        """TLS without a connection: an `SSLObject` that reads and writes two `MemoryBIO`."""
        if not isinstance(incoming, MemoryBIO) or not isinstance(outgoing, MemoryBIO):
            raise TypeError("incoming and outgoing should be a portcullis.MemoryBIO each")
        if session is not None:
            raise NotImplementedError("sessions cannot be handed over; one context resumes its own")
        if bool(server_side) != self._is_server():
            raise ValueError("the context is for the other side: see server_side")
        if server_hostname is not None:
            if server_side:
                raise ValueError("server_hostname can only be specified in client mode")
            server_hostname = _server_hostname(server_hostname)
        elif self._hostname:
            raise ValueError("check_hostname requires server_hostname")
        resource = self._for_server()
        engine = _call(_engine.Engine.start, resource, server_hostname)
        return SSLObject._of(engine, self, incoming, outgoing, server_hostname)

    def _for(self, host, server_hostname):
        """The resource for connections to the host, with the names to send and to verify."""
        name = host if server_hostname is None else _server_hostname(server_hostname)
        if name is None or name == host:
            return self.context
        _call(self.context.seal)
        if name not in self._named:
            resource = self.context.copy()
            if self._hostname:
                _call(resource.set_verify_name, _context.VerifyName_Name(name))
            else:
                is_address = _is_address(name)
                sent = _context.ServerName_Off() if is_address else _context.ServerName_Name(name)
                _call(resource.set_server_name, sent)
            if len(self._named) == _NAMED_CONTEXTS:
                done, hits = self.session_stats().values()
                of_this = self.context.resumed_handshakes()
                done -= self.context.full_handshakes() + of_this
                self._named.clear()
                self._forgotten = (done, hits - of_this)
            # One context for each name, for sessions are resumed within a context.
            self._named[name] = _Handle(resource)
        return self._named[name].get()[0]


SSLContext = Context


def _passphrase(password):
    if password is None:
        return None
    if isinstance(password, (bytes, bytearray)):
        password = password.decode(errors="surrogateescape")
    if not isinstance(password, str):
        raise TypeError("password should be a string, bytes or a function")
    return _text(password, "password")


def _reason(error):
    is_of_configuration = isinstance(error, types.Error_InvalidConfiguration)
    return error.value.reason if is_of_configuration else None


def _version(version):
    version = TLSVersion(version)
    if TLSVersion.SSLv3 <= version < _FLOOR:
        raise ValueError(f"{version.name} is obsolete and not there: TLS 1.2 is the lowest version")
    return version


def _server_hostname(name):
    name = _host(name)
    if not name or name.startswith("."):
        raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")
    return name


def _is_address(name):
    try:
        return bool(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return False


def create_default_context(
    purpose=None, *, cafile=None, capath=None, cadata=None, server_side=False
):
    """A context that is safe as it is, as `ssl.create_default_context`.

    A client without authorities of its own takes those that the environment names by
    `SSL_CERT_FILE` and `SSL_CERT_DIR`, as OpenSSL does, else the web roots of the component.
    """
    if purpose is not None and not isinstance(purpose, Purpose):
        raise TypeError(f"{purpose!r} is no Purpose")
    context = Context(server_side=server_side or purpose is Purpose.CLIENT_AUTH)
    if cafile is not None or capath is not None or cadata is not None:
        context.load_verify_locations(cafile, capath, cadata)
    elif not context._is_server():
        context.load_default_certs()
    return context


# Modules of the standard library use this private name of `ssl`, which verifies nothing there.
_create_stdlib_context = create_default_context


def _context_for(context):
    if context is None:
        return create_default_context()
    if not isinstance(context, Context):
        raise TypeError(f"context should be a portcullis.Context, not {type(context).__name__}")
    return context


# Connections


class Stream:
    """What a connection has of `socket.socket`; a subclass has `recv`, `send` and `_real_close`."""

    _io_refs = 0
    _closed = False
    _timeout = None
    # The standard library's own, in Python, so that files and closing are the same as there.
    makefile = socket.socket.makefile
    close = socket.socket.close
    _decref_socketios = socket.socket._decref_socketios
    _sendfile_use_send = socket.socket._sendfile_use_send
    _check_sendfile_params = socket.socket._check_sendfile_params
    __enter__ = socket.socket.__enter__
    __exit__ = socket.socket.__exit__
    type, proto = socket.SOCK_STREAM, 0

    def __repr__(self):
        return f"<{__name__}.{type(self).__name__}{' [closed]' if self._closed else ''}>"

    @property
    def family(self):
        """`AF_INET6` or `AF_INET`."""
        return socket.AF_INET6 if len(self.getsockname()) == 4 else socket.AF_INET

    @property
    def timeout(self):
        """As `gettimeout`."""
        return self._timeout

    def gettimeout(self):
        """The limit of each operation in seconds; None is no limit, 0 is not to wait."""
        return self._timeout

    def setblocking(self, flag):
        """With true: wait without limit; with false: do not wait."""
        self.settimeout(None if flag else 0.0)

    def getblocking(self):
        """Whether operations wait."""
        return self._timeout != 0

    def fileno(self):
        """-1 when it is closed; else it fails, for a component has no file descriptors."""
        if self._closed:
            return -1
        raise io.UnsupportedOperation(_NO_DESCRIPTOR)

    def detach(self):
        """It fails, for a component has no file descriptors."""
        raise io.UnsupportedOperation(_NO_DESCRIPTOR)

    def setsockopt(self, *_):
        """It fails: the component's sockets have no options."""
        raise OSError(errno.ENOPROTOOPT, "a component sets no options of its sockets")

    getsockopt = setsockopt

    def recv_into(self, buffer, nbytes=None, flags=0):
        """Read into a writable buffer; returns how many bytes, 0 at the end."""
        _no_flags(flags, "recv_into")
        with memoryview(buffer) as whole:
            if whole.readonly:
                raise TypeError(f"a read-write bytes-like object, not {type(buffer).__name__}")
            length = _length(nbytes or 0, "recv_into") or whole.nbytes
            if length > whole.nbytes:
                raise ValueError("buffer too small for requested bytes")
            if not length:
                return 0
            with whole.cast("B") as view:
                plaintext = self.recv(length)
                view[: len(plaintext)] = plaintext
                return len(plaintext)

    def sendall(self, plaintext, flags=0):
        """Write everything."""
        _no_flags(flags, "sendall")
        with memoryview(plaintext) as whole:
            if not whole.nbytes:
                return
            with whole.cast("B") as view:
                start = 0
                while start < len(view):
                    with view[start : start + _CHUNK] as chunk:
                        start += self.send(chunk)

    def sendfile(self, file, offset=0, count=None):
        """Write a file that was opened for reading bytes; returns the number of bytes."""
        return self._sendfile_use_send(file, offset, count)


def _chunk(plaintext):
    """What one call may hand to the component."""
    with memoryview(plaintext) as whole:
        if not whole.nbytes:
            return b""
        with whole.cast("B") as view, view[:_CHUNK] as chunk:
            return bytes(chunk)


_UNREAD = "plaintext has come that was not read: read to the end, then call again"
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


_LONG_NAMES = {
    "C": "countryName",
    "CN": "commonName",
    "DC": "domainComponent",
    "L": "localityName",
    "O": "organizationName",
    "OU": "organizationalUnitName",
    "SN": "surname",
    "ST": "stateOrProvinceName",
    "STREET": "streetAddress",
    "UID": "userId",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _taken_apart(der):
    """What a certificate says, as the dictionary of `ssl`."""
    with _call(_certificate.Certificate.parse, der) as certificate:
        number = int.from_bytes(certificate.serial_number(), "big", signed=True)
        digits = f"{abs(number):X}"
        names = [
            *(("DNS", name) for name in certificate.dns_names()),
            *(("IP Address", _long_address(ip)) for ip in certificate.ip_addresses()),
            *(("email", address) for address in certificate.email_addresses()),
            *(("URI", uri) for uri in certificate.uris()),
        ]
        said = {
            "subject": _parts(certificate.subject()),
            "issuer": _parts(certificate.issuer()),
            "serialNumber": "-" * (number < 0) + "0" * (len(digits) % 2) + digits,
            "notBefore": _moment(certificate.not_before()),
            "notAfter": _moment(certificate.not_after()),
        }
    return said | ({"subjectAltName": tuple(names)} if names else {})


def _long_address(ip):
    """As OpenSSL writes an address of IPv6."""
    address = ipaddress.ip_address(ip)
    if address.version == 4:
        return ip
    return ":".join(f"{int(part, 16):X}" for part in address.exploded.split(":"))


def _moment(seconds):
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f"{_MONTHS[month - 1]} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT"


def _parts(name):
    """The parts of a name that is written as RFC 4514 has it, the first one first."""
    # A part, and what stands behind it; one without `=` is a name that cannot be read.
    found = re.findall(r"([^=,+]+)=((?:[^\\,+]|\\[0-9A-Fa-f]{2}|\\.)*)([,+]|$)", name)
    parts, part = [], []
    for kind, value, separator in found:
        part.append((_LONG_NAMES.get(kind, kind), _unescaped(value)))
        if separator != "+":
            parts.append(tuple(part))
            part = []
    return tuple(reversed(parts))


def _unescaped(value):
    letter = rb"\\([0-9A-Fa-f]{2})|\\(.)"
    plain = lambda found: found[2] or bytes([int(found[1], 16)])
    return re.sub(letter, plain, value.encode()).decode(errors="backslashreplace")


class _Agreed:
    """What a handshake agrees on, and which context it goes on with."""

    session = None
    _is_choosing = False

    @property
    def facts(self):
        """The resource `session`: what the handshake has agreed on, also after `close`."""
        return self._facts.get()[0]

    @property
    def context(self):
        """The context. Only a function of `sni_callback` can set it, to that of another server."""
        return self._context

    @context.setter
    def context(self, context):
        if not self._is_choosing:
            raise ValueError("the context of a connection can be set in sni_callback alone")
        context = _context_for(context)
        if not context._is_server():
            raise ValueError("sni_callback chooses among contexts of servers")
        self._context = context

    def _try(self, function, *arguments):
        """As `_try`, and where the component asks for a context, choose one and go on."""
        while True:
            result, error = _try(function, *arguments)
            if not isinstance(error, types.Error_WantContext) or self._asked is None:
                if self._context is not None:
                    self._context._write_keys()
                return result, error
            self._choose(self._asked)

    def _choose(self, asked):
        """Let the function of `sni_callback` choose the context."""
        machine = self._machine()
        with machine.client_hello() as hello:
            name = hello.server_name()
        self._is_choosing = True
        try:
            answer = None if asked._sni is None else asked._sni(self, name, asked)
            if answer is not None:
                answer = operator.index(answer)
        except Exception as failure:
            wrong = isinstance(failure, TypeError)
            _call(machine.refuse, 80 if wrong else 40)
            _, error = _try(machine.handshake)
            raise _failure(error, note=" (sni_callback has failed)") from failure
        finally:
            self._is_choosing = False
        if answer is not None:
            _call(machine.refuse, answer if 0 < answer < 256 else 80)
            return
        _, error = _try(machine.set_context, self._context.context)
        if isinstance(error, types.Error_InvalidConfiguration):
            _call(machine.refuse, 80)
        if error is not None:
            raise _failure(error)

    @property
    def _asked(self):
        """The context whose function chooses."""
        context = self._context
        return None if context is None or context._asks is None else context

    def version(self):
        """`TLSv1.3` or `TLSv1.2`; None before the handshake is done, and after `close`."""
        if self._handle is None or not self._has_shaken_hands():
            return None
        return next(name for name in _VERSIONS if _VERSIONS[name] == self._version)

    def cipher(self):
        """The suite's IANA name, the version and the bits of its key; None before the handshake."""
        if (version := self.version()) is None:
            return None
        name = self.facts.cipher_suite()
        return name, version, 128 if "AES_128" in name else 256

    def group(self):
        """The IANA name of the negotiated group; None before the handshake, and after `close`.

        None also where TLS 1.2 resumed a session, for which no keys are exchanged.
        """
        return None if self._handle is None else self.facts.group()

    def verify_result(self):
        """None if the peer's certificate passed every check; else a `CertificateError`, not raised.

        See `Context.defer_verification`. `error.value.reason` is `MISSING` if the peer presented no
        certificate, and `NOT_CHECKED` before the handshake is done and with `CERT_NONE`. The result
        is the same after `close`.
        """
        _, error = _try(self.facts.verify_result)
        if error is None:
            return None
        return _failure(types.Error_Certificate(error), context=self.context)

    def _has_shaken_hands(self):
        """Whether the handshake is done; the component is asked no more once it is."""
        if self._version is None:
            self._version = self.facts.version()
        return self._version is not None

    def compression(self):
        """None: there is no compression."""

    def selected_alpn_protocol(self):
        """The application protocol that was agreed on; None if there is none, and before that."""
        return self.facts.alpn()

    @property
    def session_reused(self):
        """Whether the handshake resumed an earlier session; None before it is done."""
        return self.facts.is_resumed()

    def get_channel_binding(self, cb_type="tls-unique"):
        """The channel binding of a type: `tls-exporter` or `tls-server-end-point`.

        None before the handshake is done. The default, which is that of `ssl`, is a `ValueError`,
        since TLS 1.3 does not have it.
        """
        name = _text(cb_type, "cb_type")
        if name not in ("tls-exporter", "tls-server-end-point"):
            raise ValueError(f"{name!r} is not supported; use one of {CHANNEL_BINDING_TYPES}")
        if not self._has_shaken_hands():
            return None
        return _call(self.facts.channel_binding, name)

    def selected_npn_protocol(self):
        """None: there is no NPN."""

    def export_keying_material(self, label, length, context=None):
        """Bytes of this length that both sides derive of label and context (RFC 8446 section 7.5).

        No context and an empty one differ in TLS 1.2. Before the handshake is done there are none.
        """
        label, length = _text(label, "label"), _length(length, "export_keying_material")
        if context is not None:
            context = bytes(memoryview(context))
        if not self._has_shaken_hands():
            raise ValueError("handshake not done yet")
        return _call(self.facts.export_keying_material, label, context, length)

    def getpeercert(self, binary_form=False):
        """The peer's certificate as DER, or what it says as a dictionary; None if it has sent none.

        The dictionary is that of `ssl`, without `version` and what points to revocation, and with
        its alternative names sorted by kind. It is empty if the certificate was not verified.
        """
        der = next(iter(self.get_unverified_chain()), None)
        if binary_form or der is None:
            return der
        _, error = _try(self.facts.verify_result)
        return _taken_apart(der) if error is None else {}

    def get_unverified_chain(self):
        """The certificates that the peer sent, as DER, its own first."""
        if not self._has_shaken_hands():
            raise ValueError("handshake not done yet")
        return self.facts.peer_certificates()


class TLSSocket(_Agreed, Stream):
    """A connection, as `ssl.SSLSocket`.

    `port` and `facts` are the resources of the WIT, `port` and `session`, for all the rest.
    """

    _in_the_clear = None  # Of what `start_tls` made: makes of the streams what `unwrap` returns.

    def __init__(self, port, timeout=None, owner=None, *, context=None, server_hostname=None):
        port.owner = owner if owner is None or isinstance(owner, _Handle) else _Handle(owner)
        self._handle, self._facts, self._version = _Handle(port), _Handle(port.session()), None
        self._context, self.server_hostname = context, server_hostname
        self.server_side = context is not None and context._is_server()
        # The event that the handshake waits for; a read or write after it waits for its own.
        self._waits_for = _READ if self.server_side else _WRITE
        self._ahead, self._is_shut, self._may_be_unsent = b"", False, False
        self.settimeout(timeout)

    @property
    def port(self):
        """The resource."""
        if self._handle is None:
            raise _failure(types.Error_Closed(), (TLSError, errno.EBADF))
        return self._handle.get()[0]

    def settimeout(self, timeout):
        """Limit each operation to so many seconds; None is no limit, but 120 to shake hands.

        With 0 nothing waits: what would have to fails with `SSLWantReadError` or
        `SSLWantWriteError`, both `BlockingIOError`, and is to be called again; see `Selector`.
        """
        seconds, port = _seconds(timeout), self.port
        if seconds == self._timeout:
            return
        limit = math.ceil(seconds * 1000) if seconds else None
        for timer in _TIMERS:
            always = timer in (types.Timer.HANDSHAKE, types.Timer.SHUTDOWN)
            # Without a limit, connecting keeps the component's own.
            if limit or timer != types.Timer.CONNECT:
                _call(port.set_timeout, timer, limit or (_DEFAULT_LIMIT if always else None))
        self._timeout = seconds

    def do_handshake(self, block=False):
        """Run the handshake; nothing happens if it is done."""
        if self._timeout == 0 and not block:
            return self._at_once(self.port.handshake)
        return self._call(self.port.blocking_handshake)

    def recv(self, bufsize=1024, flags=0):
        """Read up to so many bytes, at least one; none at the end."""
        length, port = _length(bufsize, "recv"), self.port
        _no_flags(flags, "recv")
        if not length:
            return b""
        if self._ahead:
            plaintext, self._ahead = self._ahead[:length], self._ahead[length:]
            return plaintext
        if self._is_shut:
            with contextlib.suppress(BlockingIOError):
                return self._is_ready() and self._at_once(port.read, length) or b""
            return b""
        if self._timeout == 0:
            return self._at_once(port.read, length) or b""
        return self._call(port.blocking_read, length) or b""

    def send(self, plaintext, flags=0):
        """Write some of the bytes; returns how many."""
        chunk, port = _chunk(plaintext), self.port
        _no_flags(flags, "send")
        if self._timeout == 0:
            return self._at_once(port.write, chunk, closed=(BrokenPipe, errno.EPIPE))
        self._call(port.blocking_write_all, chunk, closed=(BrokenPipe, errno.EPIPE))
        return len(chunk)

    def read(self, len=1024, buffer=None):
        """As `recv`, or `recv_into` a buffer."""
        return self.recv(len) if buffer is None else self.recv_into(buffer, len)

    def write(self, data):
        """As `send`."""
        return self.send(data)

    def pending(self):
        """How many bytes can be read without waiting, up to 16384."""
        if not self._ahead and self._is_ready():
            plaintext, error = _try(self.port.read, 16384)
            # The next call meets an error again.
            self._ahead = plaintext or b"" if error is None else b""
        return len(self._ahead)

    def shutdown(self, how):
        """Send close_notify with `SHUT_WR`, end reading with `SHUT_RD`; both with `SHUT_RDWR`.

        After `SHUT_WR` reading goes on until the end.
        """
        if operator.index(how) not in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        port = self.port
        if how != socket.SHUT_WR:
            self._is_shut = True
        if how == socket.SHUT_RD:
            return
        while self._timeout != 0:
            _, error = self._try(port.close_output)
            if not isinstance(error, (types.Error_WantRead, types.Error_WantWrite)):
                break
            self._wait_for(error)
        self._at_once(port.close_output)

    def unwrap(self):
        """End TLS in order; returns what goes on in the clear, if there is such a thing.

        It waits for the peer's close_notify, and returns a `PlainSocket` in place of the one that
        became TLS, or the streams of `start_tls` as a `plain-transport` of the WIT. What is still
        to be read has to be read first, up to the end. A connection of `connect` or of a server
        has nothing to go on with: it is closed, and `unwrap` returns None and waits for nothing,
        but it fails if the peer may not have got close_notify, as `close` does not.
        """
        port = self.port
        if self._in_the_clear is None:
            self._closed = True
            try:
                self._call(port.close)
            finally:
                self._handle = None
            return None
        if self._ahead:
            raise _invalid(_UNREAD)
        at_once = self._timeout == 0
        transport = self._at_once(port.unwrap) if at_once else self._call(port.blocking_unwrap)
        transport.input.owner = transport.output.owner = port.owner
        self._closed, self._handle = True, None
        return self._in_the_clear(transport, self._timeout)

    def _real_close(self):
        handle, self._handle = self._handle, None
        if handle is None:
            return
        port = handle.get()[0]
        if self._timeout == 0 and self._has_shaken_hands():
            # It must neither wait nor lose what was sent, up to a number of such connections.
            if len(_LINGERING) < _MOST_LINGERING:
                _LINGERING.append(handle)
            _linger()
        else:
            _try(port.close)

    def getpeername(self):
        """The peer's IP address and port; of IPv6 four numbers, as `socket` has it."""
        return self._address("remote_address")

    def getsockname(self):
        """This side's IP address and port."""
        return self._address("local_address")

    def _address(self, function):
        port = self.port
        address, owner = getattr(port, function)(), port.owner and port.owner.get()[0]
        if address is None and hasattr(owner, function):
            address, _ = _try(getattr(owner, function))
        if address is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return _pair(address)

    def _machine(self):
        return self.port

    def _call(self, function, *arguments, **about):
        result, error = self._try(function, *arguments)
        if error is not None:
            raise _failure(error, context=self.context, **about)
        return result

    def _at_once(self, function, *arguments, **about):
        """Call a function that does not wait, and remember the event that it would wait for."""
        self._may_be_unsent = True
        result, error = self._try(function, *arguments)
        if error is None:
            return result
        if isinstance(error, types.Error_WantRead):
            self._waits_for = _READ
        elif isinstance(error, (types.Error_WantConnect, types.Error_WantWrite)):
            self._waits_for = _WRITE
        # Kept in no variable, which would be in a circle with this frame and keep the port.
        raise _failure(error, context=self.context, **about)

    def _is_ready(self):
        with self.port.subscribe() as ready:
            return bool(_wait([ready], 0))

    def _wait_for(self, error):
        """Wait for what a `want-` case names, until the first timer runs out."""
        port, left = self.port, self.port.time_left()
        writes = isinstance(error, types.Error_WantWrite)
        with port.subscribe_write() if writes else port.subscribe() as ready:
            _wait([ready], None if left is None else left / 1000)

    def _sources(self, events):
        """What to wait for: events, and the pollable that tells of them, or None for now."""
        port = self.port
        if not self._has_shaken_hands():
            # Whatever the events, they wait for the handshake.
            reads = self._waits_for == _READ
            yield events, port.subscribe() if reads else port.subscribe_write()
            return
        if events & _READ:
            yield _READ, None if self._ahead or self._is_shut else port.subscribe()
        if self._may_be_unsent:
            _, error = _try(port.flush)
            self._may_be_unsent = isinstance(error, types.Error_WantWrite)
        if events & _WRITE:
            yield _WRITE, port.subscribe_write()
        elif self._may_be_unsent:
            # No event: it only wakes `select`, which then flushes what the component still holds.
            yield 0, port.subscribe_write()

    def _time_left(self):
        left = self.port.time_left()
        return None if left is None else left / 1000


SSLSocket = TLSSocket


class MemoryBIO:
    """Bytes on their way between an `SSLObject` and whatever moves them."""

    def __init__(self):
        self._bytes, self._ended = bytearray(), False

    def read(self, size=-1):
        """Take up to so many bytes out, or all; none if there are none now, or at the end."""
        size = operator.index(size)
        taken = bytes(self._bytes if size < 0 else self._bytes[:size])
        del self._bytes[: len(taken)]
        return taken

    def write(self, buf):
        """Put bytes in; returns how many."""
        with memoryview(buf) as view:
            contents = view.tobytes()
        if self._ended:
            raise _invalid("cannot write() after write_eof()")
        self._bytes += contents
        return len(contents)

    def write_eof(self):
        """Nothing more comes: the peer has ended its side of the transport."""
        self._ended = True

    @property
    def pending(self):
        """How many bytes there are."""
        return len(self._bytes)

    @property
    def eof(self):
        """Whether all was read, and nothing more comes."""
        return self._ended and not self._bytes


class SSLObject(_Agreed):
    """TLS without a connection, as `ssl.SSLObject`: `SSLContext.wrap_bio` makes one.

    Nothing waits. `SSLWantReadError` says to send what is in `outgoing`, to put what the peer sends
    into `incoming`, and to call again. `SSLWantWriteError` does not come, for `outgoing` takes all.
    `engine` and `facts` are the resources of the WIT, `engine` and `session`, for all the rest.
    """

    def __init__(self, *_, **__):
        raise TypeError(
            "SSLObject does not have a public constructor. Instances are returned by "
            "SSLContext.wrap_bio()."
        )

    @classmethod
    def _of(cls, engine, context, incoming, outgoing, server_hostname):
        made = cls.__new__(cls)
        made._handle, made._facts = _Handle(engine), _Handle(engine.session())
        made._context, made.server_hostname = context, server_hostname
        made.server_side, made._version = context._is_server(), None
        made._incoming, made._outgoing = incoming, outgoing
        made._ahead, made._has_ended = b"", False
        return made

    def __repr__(self):
        return f"<{__name__}.{type(self).__name__}>"

    @property
    def engine(self):
        """The resource."""
        return self._handle.get()[0]

    def _machine(self):
        return self.engine

    def do_handshake(self):
        """Go on with the handshake; nothing happens if it is done."""
        self._move(self.engine.handshake)

    def read(self, len=1024, buffer=None):
        """Read up to so many bytes, at least one, also into a buffer; none at the end."""
        if buffer is not None:
            with memoryview(buffer) as whole, whole.cast("B") as view:
                plaintext = self.read(min(len or view.nbytes, view.nbytes))
                view[: (end := plaintext.__len__())] = plaintext
                return end
        if not (length := _length(len, "read")):
            return b""
        if not self._ahead:
            return self._move(self.engine.read, length) or b""
        plaintext, self._ahead = self._ahead[:length], self._ahead[length:]
        return plaintext

    def write(self, data):
        """Write all of the bytes; returns how many."""
        with memoryview(data) as whole:
            contents = memoryview(whole.tobytes())
        sent, length = 0, len(contents)
        while sent < length or not length:
            chunk = bytes(contents[sent : sent + _CHUNK])
            sent += self._move(self.engine.write, chunk, closed=(BrokenPipe, errno.EPIPE))
            if not length:
                break
        return sent

    def pending(self):
        """How many bytes can be read without more of `incoming`, up to 16384."""
        if not self._ahead and self._has_shaken_hands():
            plaintext, _ = _try(self.engine.read, _PIECE)
            # The next call meets an error again.
            self._ahead = plaintext or b""
        return len(self._ahead)

    def unwrap(self):
        """Send close_notify, and be done when that of the peer has come.

        What is still to be read has to be read first, up to the end.
        """
        self._move(self.engine.close_output)
        if not self._ahead:
            self._ahead = self._move(self.engine.read, _PIECE) or b""
        if self._ahead:
            raise _invalid(_UNREAD)
        if self.facts.is_truncated():
            raise _failure(types.Error_Truncated())

    def _move(self, function, *arguments, **about):
        """Call an operation of the engine, and move ciphertext, as long as that helps."""
        may_feed = True
        while True:
            result, error = self._try(function, *arguments)
            while ciphertext := self.engine.take_ciphertext(_CHUNK):
                self._outgoing.write(ciphertext)
            if error is None:
                return result
            wants_read = isinstance(error, types.Error_WantRead)
            if not isinstance(error, types.Error_WantWrite) and not (wants_read and may_feed):
                # Kept in no variable, which would be in a circle with this frame.
                raise _failure(error, context=self.context, **about)
            if wants_read:
                # Where nothing was taken, a failure may be why, which the next call tells.
                may_feed = self._feed()

    def _feed(self):
        """Put ciphertext into the engine, or its end; whether it has taken any."""
        incoming = self._incoming._bytes
        if taken := self.engine.put_ciphertext(bytes(incoming[:_PIECE])):
            del incoming[:taken]
            return True
        if self._incoming.eof and not self._has_ended:
            self._has_ended = True
            self.engine.put_end()
            return True
        return False


def connect(
    address,
    timeout=socket._GLOBAL_DEFAULT_TIMEOUT,
    *,
    context=None,
    server_hostname=None,
    do_handshake_on_connect=True,
):
    """Connect to (host, port) and shake hands; verify `server_hostname`, or else the host.

    With a timeout of 0 it returns at once; then repeated calls of `do_handshake` go on.
    """
    (host, port), seconds = _address(address, "connect"), _seconds(timeout)
    context = _context_for(context)
    if context._is_server():
        raise _invalid("connect needs a client's context, and this one is a server's")
    resource = context._for(host, server_hostname)
    tls = TLSSocket(
        _call(_port.Port.connect, resource, host, port),
        seconds,
        context=context,
        server_hostname=host if server_hostname is None else server_hostname,
    )
    return _begun(tls, do_handshake_on_connect)


def start_tls(
    input,
    output,
    server_hostname,
    already_read=b"",
    context=None,
    *,
    timeout=None,
    owner=None,
    do_handshake_on_connect=True,
    in_the_clear=None,
):
    """Speak TLS on the streams of a connection in the clear (STARTTLS), and shake hands.

    The streams are given away. `already_read` are bytes of TLS that were read from them before;
    `owner` is the socket that they belong to, which is kept as long as the connection. A server has
    a context of its own, and no `server_hostname`. `in_the_clear` is a function of a transport and
    the timeout, whose result `unwrap` returns in place of the transport.
    """
    context, seconds = _context_for(context), _seconds(timeout)
    if server_hostname is not None:
        server_hostname = _server_hostname(server_hostname)
    elif context.check_hostname:
        raise ValueError("check_hostname requires server_hostname")
    transport = _port.PlainTransport(input, output, bytes(memoryview(already_read)))
    port = _call(_port.Port.start, context._for_server(), server_hostname, transport)
    tls = TLSSocket(port, seconds, owner, context=context, server_hostname=server_hostname)
    tls._in_the_clear = in_the_clear or (lambda transport, _: transport)
    return _begun(tls, do_handshake_on_connect)


def _begun(tls, shake_hands):
    try:
        if shake_hands and tls.gettimeout() != 0:
            tls.do_handshake()
    except BaseException:
        # Close it now, and not only when the exception is gone, whose traceback holds it.
        tls.close()
        raise
    return tls


# Servers


class Server(contextlib.AbstractContextManager):
    """A listening socket. `listener` is the resource of the WIT, for all the rest."""

    _timeout = None
    gettimeout, setblocking, getblocking = Stream.gettimeout, Stream.setblocking, Stream.getblocking
    timeout = Stream.timeout

    def __init__(self, listener, context=None):
        self._handle, self.context = _Handle(listener), context

    @property
    def listener(self):
        """The resource."""
        if self._handle is None:
            raise _failure(types.Error_Closed(), (TLSError, errno.EBADF))
        return self._handle.get()[0]

    def settimeout(self, timeout):
        """Let `accept` wait for so many seconds; None is no limit, 0 is not to wait."""
        self._timeout = _seconds(timeout)

    def accept(self):
        """Wait for a connection; returns it and the peer's address.

        The handshake runs with the first `recv` or `send`, so that a silent client is no trouble.
        The connection has no timeout, whatever that of the server is.
        """
        listener = self.listener
        if self._timeout is None:
            port = _call(listener.blocking_accept)
        else:
            port = self._accept_within(listener, self._timeout)
        tls = TLSSocket(port, context=self.context)
        return tls, _pair(port.remote_address())

    def _accept_within(self, listener, seconds):
        deadline = time.monotonic() + seconds
        while True:
            port, error = _try(listener.accept)
            if error is None:
                return port
            if not isinstance(error, types.Error_WantAccept) or not seconds:
                raise _failure(error)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            with listener.subscribe() as ready:
                _wait([ready], left)

    def set_context(self, context):
        """Use another context for connections that are accepted from now on."""
        context = _context_for(context)
        _call(self.listener.set_context, context._for_server())
        self.context = context

    def getsockname(self):
        """The IP address and port that it listens on."""
        return _pair(_call(self.listener.local_address))

    def fileno(self):
        """-1 when it is closed; else it fails, for a component has no file descriptors."""
        if self._handle is None:
            return -1
        raise io.UnsupportedOperation(_NO_DESCRIPTOR)

    def close(self):
        """Stop listening. Accepted connections live on."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.get()[0].close()

    def __exit__(self, *_):
        self.close()

    def _sources(self, events):
        if events & _READ:
            yield _READ, self.listener.subscribe()

    def _time_left(self):
        return None


def create_server(address, *, context, backlog=None):
    """Listen on (host, port) with a server's context; port 0 picks a free one.

    The host is an address of this machine or a name, of which the first address is taken, IPv4
    before IPv6; an empty host is all addresses of IPv4.
    """
    host, port = _address(address, "bind")
    if backlog is not None:
        backlog = max(0, operator.index(backlog))
        if backlog > 0x7FFFFFFF:
            raise OverflowError("Python int too large to convert to C int")
    if context is None:
        raise TypeError("a server needs a context with a certificate")
    context = _context_for(context)
    if not context._is_server():
        raise _invalid("create_server needs a server's context, and this one is a client's")
    ip = _own_address(host)
    listener = _call(_listener.Listener.listen, context._for_server(), ip, port, backlog)
    return Server(listener, context)


def _own_address(host):
    if not host or host == "localhost":
        return "127.0.0.1" if host else "0.0.0.0"
    if _is_address(host):
        return host
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return found[0][4][0]


# Waiting for many

_MOST_LINGERING = 256  # More connections lose what is not sent, lest slow peers pile up.
_LINGERING = []  # Handles of connections that were closed without waiting, and are not all sent.
_LOOKS = itertools.count(1)  # Counts the looks at what is ready that do not wait.


def _linger():
    """Go on closing the connections that were closed without waiting."""
    for handle in list(_LINGERING):
        port = handle.get()[0]
        _, error = _try(port.close_output)
        if not isinstance(error, types.Error_WantWrite):
            _try(port.close)
            _LINGERING.remove(handle)


def _wait(pollables, seconds):
    """Wait for one of the pollables, at most so long; returns the indices of the ready ones."""
    if seconds is None:
        return _poll.poll(pollables)
    if _clock is None:
        if seconds > 0:
            raise NotImplementedError("a timeout needs wasi:clocks/monotonic-clock in the world")
        return [index for index, pollable in enumerate(pollables) if pollable.ready()]
    nanoseconds = min(max(0, math.ceil(seconds * 10**9)), (1 << 63) - 1)
    if not nanoseconds and not next(_LOOKS) % 16:
        # wasmtime 36 shows nothing new of the network to a component that never waits.
        nanoseconds = 1
    with _clock.subscribe_duration(nanoseconds) as timer:
        ready = _poll.poll([*pollables, timer])
    return [index for index in ready if index < len(pollables)]


class Selector(contextlib.AbstractContextManager):
    """As `selectors.DefaultSelector`, for connections and servers of this module.

    Give them a timeout of 0, and call again what failed with `BlockingIOError`.
    """

    def __init__(self):
        self._keys = {}

    def register(self, fileobj, events, data=None):
        """Tell of these events of it from now on: `selectors.EVENT_READ`, `EVENT_WRITE` or both."""
        if not hasattr(fileobj, "_sources"):
            raise ValueError(f"a {type(fileobj).__name__} is no connection or server of portcullis")
        if not events or events & ~(_READ | _WRITE):
            raise ValueError(f"Invalid events: {events!r}")
        if id(fileobj) in self._keys:
            raise KeyError(f"{fileobj!r} is already registered")
        key = self._keys[id(fileobj)] = selectors.SelectorKey(fileobj, -1, events, data)
        return key

    def unregister(self, fileobj):
        """Forget it. Do this before you close it."""
        if id(fileobj) not in self._keys:
            raise KeyError(f"{fileobj!r} is not registered")
        return self._keys.pop(id(fileobj))

    def modify(self, fileobj, events, data=None):
        """Tell of other events of it."""
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def get_key(self, fileobj):
        """Its key."""
        if id(fileobj) not in self._keys:
            raise KeyError(f"{fileobj!r} is not registered")
        return self._keys[id(fileobj)]

    def get_map(self):
        """The keys by what was registered."""
        return {key.fileobj: key for key in self._keys.values()}

    def close(self):
        """Forget all."""
        self._keys.clear()

    def __exit__(self, *_):
        self.close()

    def select(self, timeout=None):
        """Wait until one is ready, at most so many seconds; returns pairs of key and events.

        Ready is a hint: the call may fail again with `BlockingIOError`. A connection whose timer
        has run out is ready too, so that the next call reports it, and so is one that was closed.
        """
        deadline = None if timeout is None else time.monotonic() + max(0, timeout)
        while True:
            _linger()
            ready, is_last = self._select_once(deadline)
            if ready or is_last:
                return [(self._keys[name], events) for name, events in ready.items()]

    def _select_once(self, deadline):
        ready, pollables, whose, due = {}, [], [], []
        left = None if deadline is None else max(0, deadline - time.monotonic())
        is_last = left == 0
        with contextlib.ExitStack() as stack:
            for name, key in self._keys.items():
                try:
                    sources = list(key.fileobj._sources(key.events))
                    of_timers = key.fileobj._time_left()
                except OSError:
                    sources, of_timers = [(key.events, None)], None
                for events, pollable in sources:
                    if pollable is None:
                        ready[name] = ready.get(name, 0) | events
                    else:
                        pollables.append(stack.enter_context(pollable))
                        whose.append((name, events))
                if of_timers is not None:
                    due.append((time.monotonic() + of_timers, name, key.events))
            for handle in _LINGERING:
                port = handle.get()[0]
                pollables.append(stack.enter_context(port.subscribe_write()))
                whose.append((None, 0))
                if (of_timers := port.time_left()) is not None:
                    due.append((time.monotonic() + of_timers / 1000, None, 0))
            if due:
                first = max(0, min(when for when, *_ in due) - time.monotonic())
                left = first if left is None else min(left, first)
            if ready:
                left = 0
            if not pollables and left is None:
                return {}, True
            indices = _wait(pollables, left)
        for index in indices:
            name, events = whose[index]
            if events:
                ready[name] = ready.get(name, 0) | events
        now = time.monotonic()
        for when, name, events in due:
            # Timers count even while others are ready all the time.
            if events and when <= now:
                ready[name] = ready.get(name, 0) | events
        return ready, is_last
