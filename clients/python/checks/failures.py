"""Each failure has the class and the number that a program of `ssl` and `socket` looks for."""

import errno
import socket

import portcullis
from checks import check
from portcullis import types

CASES = [getattr(types, name) for name in dir(types) if name.startswith("Error_")]


def made(case, *values):
    """The exception for a case of the variant."""
    return portcullis._failure(case(*values))


def of_certificate(reason):
    return made(types.Error_Certificate, types.CertificateError(reason, None, [], None, None))


@check
def each_case_has_a_class(server):
    values = {
        types.Error_Timeout: types.Timer.READ,
        types.Error_Certificate: types.CertificateError(
            types.CertificateReason.MISSING, None, [], None, None
        ),
        types.Error_AlertReceived: 40,
        types.Error_Protocol: types.ProtocolError(types.ProtocolReason.OTHER, None, None),
        types.Error_Network: types.NetworkError(
            types.NetworkOperation.OTHER, types.NetworkCode.OTHER, None
        ),
        types.Error_InvalidConfiguration: types.ConfigurationError(
            types.ConfigurationItem.OTHER, types.ConfigurationReason.OTHER, None
        ),
        types.Error_UnsupportedProtocol: "sslv3",
        types.Error_InvalidArgument: "why",
        types.Error_NotSupported: "what",
        types.Error_Other: None,
    }
    waits = (
        types.Error_WantRead,
        types.Error_WantWrite,
        types.Error_WantConnect,
        types.Error_WantAccept,
    )
    for case in CASES:
        failure = made(case, *([values[case]] if case in values else []))
        assert isinstance(failure, portcullis.SSLError) and isinstance(failure.error, case)
        assert str(failure) and "\n" not in str(failure), failure
        # A loop repeats a call on `BlockingIOError`, so only a call that would wait may raise it.
        assert isinstance(failure, BlockingIOError) == (case in waits), repr(failure)
    failure = made(types.Error_NotSupported, "raw keys")
    assert isinstance(failure, NotImplementedError) and failure.errno == errno.ENOTSUP
    assert "raw keys" in str(failure), failure
    assert isinstance(made(types.Error_InvalidArgument, "why"), ValueError)


@check
def each_code_of_the_network_has_a_number(server):
    def of_network(code, operation=types.NetworkOperation.READ):
        return made(types.Error_Network, types.NetworkError(operation, code, "127.0.0.1:1"))

    for code in types.NetworkCode:
        for operation in types.NetworkOperation:
            failure = of_network(code, operation)
            assert failure.errno and "127.0.0.1:1" in str(failure), failure
    for code, kind, number in (
        (types.NetworkCode.CONNECTION_BROKEN, ConnectionResetError, errno.ECONNRESET),
        (types.NetworkCode.CONNECTION_RESET, ConnectionResetError, errno.ECONNRESET),
        (types.NetworkCode.CONNECTION_REFUSED, ConnectionRefusedError, errno.ECONNREFUSED),
        (types.NetworkCode.NAME_UNRESOLVABLE, socket.gaierror, socket.EAI_NONAME),
        (types.NetworkCode.OUT_OF_MEMORY, OSError, errno.ENOMEM),
    ):
        failure = of_network(code)
        assert isinstance(failure, kind) and failure.errno == number, repr(failure)
    for code in (types.NetworkCode.CONNECTION_BROKEN, types.NetworkCode.CONNECTION_RESET):
        failure = of_network(code, types.NetworkOperation.WRITE)
        assert isinstance(failure, BrokenPipeError) and failure.errno == errno.EPIPE


@check
def reasons_of_certificates_have_the_numbers_of_openssl(server):
    numbers = {
        "REVOCATION_UNKNOWN": 3,
        "BAD_SIGNATURE": 7,
        "REVOCATION_LIST_BAD": 8,
        "NOT_YET_VALID": 9,
        "EXPIRED": 10,
        "REVOCATION_LIST_EXPIRED": 12,
        "UNKNOWN_AUTHORITY": 20,
        "REVOKED": 23,
        "WRONG_PURPOSE": 26,
        "UNHANDLED_EXTENSION": 34,
        "WRONG_POLICY": 43,
        "REJECTED_BY_CALLER": 50,
        "WRONG_NAME": 62,
        "TRANSPARENCY_MISSING": 71,
        "STAPLE_MISSING": 73,
        "STAPLE_BAD": 74,
        "UNSUPPORTED_ALGORITHM": 76,
        "RAW_KEY_UNTRUSTED": 95,
    }
    for reason in types.CertificateReason:
        failure = of_certificate(reason)
        assert isinstance(failure, portcullis.SSLCertVerificationError)
        # X509_V_ERR_UNSPECIFIED, and never X509_V_OK.
        assert failure.verify_code == numbers.get(reason.name, 1), reason
        assert failure.verify_message == str(failure) and failure.errno == 1


@check
def reasons_of_configuration_have_classes(server):
    kinds = {
        "ACCESS_DENIED": PermissionError,
        "DUPLICATE": ValueError,
        "NOT_FOUND": FileNotFoundError,
        "UNKNOWN_NAME": ValueError,
    }
    for reason in types.ConfigurationReason:
        for item in types.ConfigurationItem:
            about = types.ConfigurationError(item, reason, "the detail")
            failure = made(types.Error_InvalidConfiguration, about)
            assert isinstance(failure, kinds.get(reason.name, portcullis.TLSError)), reason
            assert "the detail" in str(failure), failure
