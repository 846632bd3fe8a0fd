"""The exceptions of `ssl`, and which of them a failure of the component is."""

import errno
import ipaddress
import os

from wit_world.imports import errors as _explaining

from . import _constants as numbers
from portcullis import _VERIFY_CODES, types

_Reason, _Broken = types.CertificateReason, types.ProtocolReason
_Wrong = types.ConfigurationReason


class SSLError(OSError):
    """An error occurred in the SSL implementation."""

    __module__ = "ssl"
    library = reason = None

    def __str__(self):
        return self.strerror if isinstance(self.strerror, str) else str(self.args)


class SSLZeroReturnError(SSLError):
    """SSL/TLS session closed cleanly."""

    __module__ = "ssl"


class SSLWantReadError(SSLError):
    """Non-blocking SSL socket needs to read more data before it can go on."""

    __module__ = "ssl"


class SSLWantWriteError(SSLError):
    """Non-blocking SSL socket needs to write more data before it can go on."""

    __module__ = "ssl"


class SSLSyscallError(SSLError):
    """System error when attempting SSL operation. Failures of sockets keep their own class here."""

    __module__ = "ssl"


class SSLEOFError(SSLError):
    """SSL/TLS connection terminated abruptly."""

    __module__ = "ssl"


class SSLCertVerificationError(SSLError, ValueError):
    """A certificate could not be verified."""

    __module__ = "ssl"


# OpenSSL's names, by which programs tell failures apart.
_ALERTS = {
    10: "SSLV3_ALERT_UNEXPECTED_MESSAGE",
    20: "SSLV3_ALERT_BAD_RECORD_MAC",
    22: "TLSV1_ALERT_RECORD_OVERFLOW",
    40: "SSLV3_ALERT_HANDSHAKE_FAILURE",
    42: "SSLV3_ALERT_BAD_CERTIFICATE",
    43: "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    44: "SSLV3_ALERT_CERTIFICATE_REVOKED",
    45: "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    46: "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    47: "SSLV3_ALERT_ILLEGAL_PARAMETER",
    48: "TLSV1_ALERT_UNKNOWN_CA",
    49: "TLSV1_ALERT_ACCESS_DENIED",
    50: "TLSV1_ALERT_DECODE_ERROR",
    51: "TLSV1_ALERT_DECRYPT_ERROR",
    70: "TLSV1_ALERT_PROTOCOL_VERSION",
    71: "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    80: "TLSV1_ALERT_INTERNAL_ERROR",
    86: "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
    90: "TLSV1_ALERT_USER_CANCELLED",
    109: "TLSV13_ALERT_MISSING_EXTENSION",
    110: "TLSV1_UNSUPPORTED_EXTENSION",
    112: "TLSV1_UNRECOGNIZED_NAME",
    113: "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE",
    115: "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
    116: "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    120: "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
}
_PROTOCOL = {
    _Broken.BAD_RECORD: "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    _Broken.DOWNGRADE: "INAPPROPRIATE_FALLBACK",
    _Broken.ILLEGAL_PARAMETER: "BAD_EXTENSION",
    _Broken.MALFORMED: "LENGTH_MISMATCH",
    _Broken.MISSING_EXTENSION: "MISSING_SIGALGS_EXTENSION",
    _Broken.NO_APPLICATION_PROTOCOL: "NO_APPLICATION_PROTOCOL",
    _Broken.NO_COMMON_PARAMETERS: "NO_SHARED_CIPHER",
    _Broken.NO_COMMON_VERSION: "UNSUPPORTED_PROTOCOL",
    _Broken.NOT_TLS: "WRONG_VERSION_NUMBER",
    _Broken.PLAIN_HTTP: "HTTP_REQUEST",
    _Broken.TOO_LARGE: "DATA_LENGTH_TOO_LONG",
    _Broken.UNEXPECTED_MESSAGE: "UNEXPECTED_MESSAGE",
    _Broken.UNRECOGNIZED_NAME: "CALLBACK_FAILED",
    _Broken.UNSOLICITED_EXTENSION: "UNSOLICITED_EXTENSION",
}
# OpenSSL's texts for the numbers of `_VERIFY_CODES`.
_MESSAGES = {
    3: "unable to get certificate CRL",
    7: "certificate signature failure",
    8: "CRL signature failure",
    9: "certificate is not yet valid",
    10: "certificate has expired",
    12: "CRL has expired",
    20: "unable to get local issuer certificate",
    23: "certificate revoked",
    26: "unsuitable certificate purpose",
    34: "unhandled critical extension",
    43: "invalid or inconsistent certificate policy extension",
}
_FILES = {
    _Wrong.ACCESS_DENIED: errno.EACCES,
    _Wrong.NOT_FOUND: errno.ENOENT,
    _Wrong.UNREADABLE: errno.EIO,
}


def failed(reason, text, number=numbers.SSL_ERROR_SSL, library="SSL"):
    """An `SSLError`; the text is for people, the reason OpenSSL's name or the like."""
    error = SSLError(number, f"[{library}: {reason}] {text}")
    error.library, error.reason = library, reason
    return error


def unverified(code, message, more):
    """The refusal of a certificate, for OpenSSL's reason of this number."""
    text = f"certificate verify failed: {message} ({more})"
    error = SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] {text}")
    error.library, error.reason = "SSL", "CERTIFICATE_VERIFY_FAILED"
    error.verify_code, error.verify_message = code, message
    return error


def want_read():
    return SSLWantReadError(numbers.SSL_ERROR_WANT_READ, "The operation did not complete (read)")


def want_write():
    return SSLWantWriteError(numbers.SSL_ERROR_WANT_WRITE, "The operation did not complete (write)")


def ended():
    text = "EOF occurred in violation of protocol: the peer sent no close_notify"
    return _named(SSLEOFError(numbers.SSL_ERROR_EOF, text), "UNEXPECTED_EOF_WHILE_READING")


def closed():
    text = "TLS/SSL connection has been closed (EOF)"
    return _named(SSLZeroReturnError(numbers.SSL_ERROR_ZERO_RETURN, text), None)


def _named(error, reason):
    error.library, error.reason = "SSL", reason
    return error


def failure(error, name=None, path=None, places=None):
    """The exception for a variant.

    `name` is the server's that was asked for, `path` a file's, and `places` are where authorities were
    searched for.
    """
    if isinstance(error, types.Error_WantRead):
        return want_read()
    if isinstance(error, types.Error_WantWrite):
        return want_write()
    if isinstance(error, types.Error_Truncated):
        return ended()
    if isinstance(error, types.Error_Closed):
        return closed()
    is_refusal = isinstance(error, types.Error_Certificate)
    if is_refusal and error.value.reason == _Reason.UNKNOWN_AUTHORITY and places:
        # The component knows contents, and no names of files.
        error.value.detail = f"searched: {', '.join(places)}"
    explained = _explaining.explain(error)
    if is_refusal:
        return _refusal(error.value, name, explained)
    if isinstance(error, types.Error_AlertReceived):
        return failed(_ALERTS.get(error.value, f"TLSV1_ALERT_{error.value}"), explained)
    if isinstance(error, types.Error_Protocol):
        return failed(_PROTOCOL.get(error.value.reason, "BAD_PROTOCOL"), explained)
    if isinstance(error, types.Error_InvalidConfiguration):
        return _misconfigured(error.value, path, explained)
    if isinstance(error, types.Error_InvalidArgument):
        return ValueError(explained)
    if isinstance(error, types.Error_NotSupported):
        return NotImplementedError(explained)
    return failed("INTERNAL_ERROR", explained)


def _refusal(error, name, explained):
    if error.reason == _Reason.MISSING:
        return failed("PEER_DID_NOT_RETURN_A_CERTIFICATE", explained)
    code = _VERIFY_CODES.get(error.reason, 1)
    message = _MESSAGES.get(code, explained)
    if error.reason == _Reason.WRONG_NAME:
        code, kind = (64, "IP address") if _is_address(name) else (62, "Hostname")
        message = f"{kind} mismatch, certificate is not valid for '{name}'."
    return unverified(code, message, explained)


def _misconfigured(error, path, explained):
    if error.reason in _FILES and path is not None:
        number = _FILES[error.reason]
        # `OSError` makes it of the class that the number has.
        return OSError(number, os.strerror(number), path)
    if error.reason == _Wrong.KEY_MISMATCH:
        return failed("KEY_VALUES_MISMATCH", f"key values mismatch: {explained}", library="X509")
    if error.item == types.ConfigurationItem.CIPHER_LIST:
        return SSLError(f"No cipher can be selected: {explained}")
    reason = "NO_START_LINE" if error.reason == _Wrong.EMPTY else error.reason.name
    return failed(reason, f"PEM lib: {explained}", library="PEM")


def _is_address(name):
    try:
        return bool(ipaddress.ip_address(name or ""))
    except ValueError:
        return False
