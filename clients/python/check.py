"""Checks portcullis.py, as a component: HOST PORT of a TLS server that echoes all bytes.

It prints a line for each check and fails if one of them does. The server must answer close_notify
with its own, after the echo. `SSL_CERT_FILE` names the authority of its certificate.
"""

import io
import os
import sys
import time
import traceback
from socket import SHUT_WR

import portcullis
from portcullis import types
from wit_world import exports

# Self-signed; nobody has its key.
STRANGER = """
-----BEGIN CERTIFICATE-----
MIIBrDCCAVGgAwIBAgIUROfu7YuhvZLartobOYgQDjyYB50wCgYIKoZIzj0EAwIw
KzEpMCcGA1UEAwwgQW4gYXV0aG9yaXR5IHRoYXQgc2lnbmVkIG5vdGhpbmcwHhcN
MjYxMTI0MTk1NjE5WhcNMzYxMTIxMTk1NjE5WjArMSkwJwYDVQQDDCBBbiBhdXRo
b3JpdHkgdGhhdCBzaWduZWQgbm90aGluZzBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABNfjTU1lcfgpw5ckp28rsPoki8ovmyInCZUZ/prwLq6UoAo310QQarop2mVT
jdMfMWSDMmZ568kKxlvQI+xGKtujUzBRMB0GA1UdDgQWBBTM1XJ3RlZ7KyJiXBL9
sHCIjoxCZzAfBgNVHSMEGDAWgBTM1XJ3RlZ7KyJiXBL9sHCIjoxCZzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQD9KaZ6Fti0754CuRaUKpT94Daz
Ury+7KYWNqulb0NxggIhANh6IEn+O0YetkFGr6tWz6u8QJRs0V+IzuHd01rSskrw
-----END CERTIFICATE-----
"""

CHECKS = []


def check(function):
    """Make a check of a function that takes the server's address and fails by an exception."""
    CHECKS.append(function)
    return function


def receive(tls, length):
    """Exactly so many bytes."""
    echo = bytearray()
    while len(echo) < length:
        echo += tls.recv(length - len(echo))
    return bytes(echo)


def refusal(kind, function, *arguments, **keywords):
    """The failure of that very class, which the function must end with."""
    try:
        function(*arguments, **keywords)
    except (OSError, ValueError) as failure:
        assert type(failure) is kind, repr(failure)
        return failure
    raise AssertionError(f"no {kind.__name__}")


@check
def sizes_from_0_to_1_mib_come_back(server):
    with portcullis.connect(server) as tls:
        for size in (0, 1, 100, 16384, 16385, 65536, 1 << 20):
            plaintext = os.urandom(size)
            # By pieces: who writes all of it first waits for a server that waits for its reader.
            for start in range(0, size, 16384):
                piece = plaintext[start : start + 16384]
                tls.sendall(piece)
                assert receive(tls, len(piece)) == piece, size


@check
def send_tells_how_much_it_took(server):
    with portcullis.connect(server) as tls:
        assert tls.send(memoryview(b"take this")[5:]) == 4
        assert receive(tls, 4) == b"this"
        assert tls.send(b"") == 0 and tls.recv(0) == b""


@check
def recv_into_fills_a_buffer(server):
    with portcullis.connect(server) as tls:
        tls.sendall(b"abcdef")
        buffer = bytearray(b"........")
        assert tls.recv_into(buffer, 2) == 2 and buffer == b"ab......"
        assert tls.recv_into(memoryview(buffer)[4:]) == 4 and buffer == b"ab..cdef"
        try:
            tls.recv_into(buffer, 9)
        except ValueError:
            return
        raise AssertionError("more bytes than the buffer holds")


@check
def makefile_reads_lines_and_writes(server):
    with portcullis.connect(server) as tls:
        lines, output = tls.makefile("rb"), tls.makefile("wb")
        output.write(b"one\ntwo\nrest")
        output.flush()
        assert lines.readline() == b"one\n" and lines.readline() == b"two\n"
        assert lines.read(4) == b"rest"
        both = tls.makefile("rwb", 0)
        assert isinstance(both, io.RawIOBase) and both.write(b"raw") == 3
        assert both.read(3) == b"raw"
        with tls.makefile("rw", encoding="utf-8", newline="\n") as text:
            text.write("drei Wörter da\n")
            text.flush()
            assert text.readline() == "drei Wörter da\n"


@check
def a_file_outlives_close(server):
    tls = portcullis.connect(server)
    file = tls.makefile("rb")
    tls.sendall(b"line\n")
    tls.close()
    assert file.readline() == b"line\n"
    file.close()
    assert isinstance(refusal(portcullis.TLSError, tls.recv, 1).error, types.Error_Closed)


@check
def a_timeout_leaves_the_connection_usable(server):
    with portcullis.connect(server, timeout=30) as tls:
        tls.settimeout(0.2)
        start = time.monotonic()
        failure = refusal(portcullis.TLSTimeout, tls.recv, 1)
        assert 0.15 < time.monotonic() - start < 10
        assert isinstance(failure, TimeoutError) and isinstance(failure, portcullis.TLSError)
        assert failure.error == types.Error_Timeout(types.Timer.READ) and str(failure)
        tls.settimeout(None)
        tls.sendall(b"still here")
        assert receive(tls, 10) == b"still here"


@check
def the_facts_of_a_connection_are_told(server):
    with portcullis.connect(server) as tls:
        assert tls.version() in ("TLSv1.2", "TLSv1.3")
        name, version, bits = tls.cipher()
        assert name.startswith("TLS_") and version == tls.version() and bits in (128, 256)
        certificate = tls.getpeercert(binary_form=True)
        assert certificate[0] == 0x30 and tls.get_unverified_chain()[0] == certificate
        assert tls.getpeername()[1] == server[1] and tls.getsockname()[1] > 0
        assert tls.port.peer_verified()


@check
def a_context_chooses_version_suite_and_groups(server):
    context = portcullis.create_default_context()
    context.set_versions("TLSv1.3", "TLSv1.3")
    assert context.set_ciphers("TLS_AES_128_GCM_SHA256:no-such-suite") == ["no-such-suite"]
    assert "X25519, P-256" in str(refusal(ValueError, context.set_groups, "P-256:x448"))
    context.set_groups("P-256:X25519")
    assert context.context.groups() == [types.NamedGroup.SECP256R1, types.NamedGroup.X25519]
    with portcullis.connect(server, context=context) as tls:
        assert tls.cipher() == ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128)
        assert tls.group() == "P-256"
    assert isinstance(refusal(portcullis.TLSError, context.set_versions).error, types.Error_Sealed)


@check
def the_context_manager_closes(server):
    with portcullis.connect(server) as tls:
        pass
    assert isinstance(refusal(portcullis.TLSError, tls.send, b"x").error, types.Error_Closed)
    with portcullis.connect(server) as tls:
        tls.unwrap()


@check
def the_end_of_the_stream_reads_as_nothing(server):
    with portcullis.connect(server) as tls:
        tls.sendall(b"the last")
        tls.shutdown(SHUT_WR)
        assert tls.makefile("rb").read() == b"the last"
        assert tls.recv(1) == b"" and tls.recv_into(bytearray(1)) == 0
        assert isinstance(refusal(portcullis.TLSError, tls.send, b"x").error, types.Error_Closed)


@check
def a_strange_authority_is_refused(server):
    context = portcullis.create_default_context(cadata=STRANGER)
    failure = refusal(portcullis.CertificateError, portcullis.connect, server, context=context)
    assert failure.error.value.reason == types.CertificateReason.UNKNOWN_AUTHORITY
    assert "authority" in str(failure), failure


@check
def a_wrong_name_is_refused(server):
    wrong = {"server_hostname": "wrong.invalid"}
    failure = refusal(portcullis.CertificateError, portcullis.connect, server, **wrong)
    assert failure.error.value.reason == types.CertificateReason.WRONG_NAME
    assert "wrong.invalid" in str(failure), failure


@check
def what_cannot_be_loaded_is_told(server):
    context = portcullis.Context()
    failure = refusal(portcullis.TLSError, context.load_verify_locations, "no-such-file.pem")
    assert failure.error.value.reason == types.ConfigurationReason.NOT_FOUND
    assert "no-such-file.pem" in str(failure), failure
    bare, here = portcullis.Context(server_side=True), ("127.0.0.1", 0)
    failure = refusal(portcullis.TLSError, portcullis.create_server, here, context=bare)
    assert failure.error.value.item == types.ConfigurationItem.CERTIFICATE_CHAIN


class Run(exports.Run):
    """What `wasmtime run` and `portcullis run` start."""

    def run(self):
        if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
            sys.exit("usage: check HOST PORT")
        failed = 0
        for function in CHECKS:
            try:
                function((sys.argv[1], int(sys.argv[2])))
                print("ok", function.__name__)
            except Exception as failure:
                failed += 1
                where = traceback.extract_tb(failure.__traceback__)[-1]
                line = f"{os.path.basename(where.filename)}:{where.lineno}"
                print(f"not ok {function.__name__}: {failure!r} at {line}")
            sys.stdout.flush()
        if failed:
            sys.exit(f"{failed} of {len(CHECKS)} checks failed")
