"""`SSLSocket` and `SSLObject` by themselves."""

import contextlib
import select
import socket
import ssl

from ssl_checks import PEER, SECONDS, UNTRUSTED, WRONG_NAME, check, file, refusal, refused, stranger


@check
def a_connection_tells_its_facts():
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    with PEER.secure("echo", context) as tls:
        assert tls.version() == "TLSv1.3" and tls.selected_alpn_protocol() == "h2"
        assert tls.cipher()[1:] in (("TLSv1.3", 128), ("TLSv1.3", 256)), tls.cipher()
        said, der = tls.getpeercert(), tls.getpeercert(True)
        assert ("DNS", "localhost") in said["subjectAltName"] and said["version"] == 3
        begin, end = map(ssl.cert_time_to_seconds, (said["notBefore"], said["notAfter"]))
        assert begin < end
        assert ssl.PEM_cert_to_DER_cert(ssl.DER_cert_to_PEM_cert(der)) == der
        assert tls.get_unverified_chain()[0] == der
        assert tls.get_channel_binding("tls-unique") is None
        assert len(tls.get_channel_binding("tls-exporter")) == 32
    with PEER.secure("echo12") as tls:
        assert tls.version() == "TLSv1.2" and "ECDHE" in tls.cipher()[0], tls.cipher()


@check
def large_amounts_go_both_ways():
    with PEER.secure("echo") as tls:
        wanted = bytes(range(256)) * 1000
        tls.sendall(wanted)
        buffer, at = bytearray(len(wanted)), 0
        with memoryview(buffer) as view:
            while at < len(view):
                at += tls.recv_into(view[at:])
        assert buffer == wanted
        tls.sendall(b"0123456789")
        assert tls.recv(1) == b"0" and tls.pending() == 9 and tls.recv(9) == b"123456789"


@check
def certificates_are_refused():
    refused(WRONG_NAME, PEER.secure, "echo", server_hostname="other.test")
    failure = refused(UNTRUSTED, PEER.secure, "echo", stranger())
    assert "the web roots that are built in" in str(failure), failure
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    assert bare.verify_mode == ssl.CERT_REQUIRED and bare.check_hostname
    refused(UNTRUSTED, PEER.secure, "echo", bare)
    bare.load_verify_locations(file("ca.pem"))
    PEER.secure("echo", bare).close()
    refused(3, PEER.secure, "echo", with_lists(bare))


def with_lists(context):
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


@check
def verification_is_off_where_it_is_said():
    context = stranger()
    refusal(ValueError, setattr, context, "verify_mode", ssl.CERT_NONE)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with PEER.secure("echo", context, server_hostname=None) as tls:
        assert tls.getpeercert() == {} and tls.getpeercert(True)


@check
def a_name_alone_is_let_through():
    context = ssl.create_default_context()
    context.check_hostname = False
    PEER.secure("echo", context, server_hostname="other.test").close()
    context.check_hostname = True
    refused(WRONG_NAME, PEER.secure, "echo", context, server_hostname="other.test")


@check
def sessions_are_resumed_where_they_are_handed_over():
    context = ssl.create_default_context()
    with PEER.secure("echo", context) as tls:
        assert not tls.session_reused
        tls.sendall(b"x")
        assert tls.recv(1) == b"x"
        session = tls.session
    with PEER.secure("echo", context, session=session) as tls:
        assert tls.session_reused and tls.session == session
    with PEER.secure("echo", context) as tls:
        assert not tls.session_reused and tls.session != session
    other = ssl.create_default_context()
    refusal(ValueError, PEER.secure, "echo", other, session=session)


@check
def a_client_shows_its_certificate():
    context = ssl.create_default_context()
    with PEER.secure("mutual", context) as tls:
        # TLS 1.3 tells a client with its first read.
        failure = refusal(ssl.SSLError, tls.recv, 1)
        assert failure.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED", failure
    context.load_cert_chain(file("cert.pem"), file("key.pem"))
    with PEER.secure("mutual", context) as tls:
        tls.sendall(b"known")
        assert tls.recv(5) == b"known"


@check
def what_is_no_tls_says_so():
    failure = refusal(ssl.SSLError, PEER.secure, "smtp")
    assert failure.reason == "WRONG_VERSION_NUMBER" and failure.library == "SSL", failure


@check
def timeouts_are_those_of_the_socket():
    connection = PEER.connect("silent")
    connection.settimeout(0.1)
    context = ssl.create_default_context()
    failure = refusal(TimeoutError, context.wrap_socket, connection, server_hostname="localhost")
    assert "handshake operation timed out" in str(failure)
    with PEER.secure("echo") as tls:
        tls.settimeout(0.1)
        assert "read operation timed out" in str(refusal(TimeoutError, tls.recv, 1))
        tls.sendall(b"on")
        tls.settimeout(SECONDS)
        assert tls.recv(2) == b"on"


@check
def nothing_waits_where_it_is_said():
    connection = PEER.connect("echo")
    connection.setblocking(False)
    context = ssl.create_default_context()
    tls = context.wrap_socket(
        connection, server_hostname="localhost", do_handshake_on_connect=False
    )

    def repeat(function, *arguments):
        while True:
            try:
                return function(*arguments)
            except ssl.SSLWantReadError:
                assert select.select([tls], [], [], SECONDS)[0], "nothing comes"
            except ssl.SSLWantWriteError:
                assert select.select([], [tls], [], SECONDS)[1], "nothing goes"

    repeat(tls.do_handshake)
    refusal(ssl.SSLWantReadError, tls.recv, 1)
    wanted, sent, echo = bytes(range(256)) * 8192, 0, bytearray()
    while len(echo) < len(wanted):
        select.select([tls], [tls] if sent < len(wanted) else [], [], SECONDS)
        if sent < len(wanted):
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                sent += tls.send(wanted[sent : sent + 300_000])
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            echo += tls.recv(65536)
    assert echo == wanted
    tls.close()


@check
def a_cut_is_told_from_an_end():
    with PEER.secure("cut", suppress_ragged_eofs=False) as tls:
        tls.sendall(b"x")
        assert tls.recv(3) == b"cut"
        refusal(ssl.SSLEOFError, tls.recv, 1)
    with PEER.secure("echo", suppress_ragged_eofs=False) as tls:
        tls.unwrap()
    # As with CPython, a socket hides it unless it is told not to.
    with PEER.secure("cut") as tls:
        tls.sendall(b"x")
        assert tls.recv(3) == b"cut" and tls.recv(1) == b""


@check
def unwrap_goes_on_in_the_clear():
    tls = PEER.secure("clear")
    tls.sendall(b"line\n")
    assert tls.recv(100) == b"line\r\n"
    clear = tls.unwrap()
    assert clear.recv(100) == b"in the clear"
    clear.close()


@check
def a_certificate_can_be_looked_at():
    address = "localhost", PEER.port("echo")
    text = ssl.get_server_certificate(address, ca_certs=file("ca.pem"))
    assert text.startswith("-----BEGIN CERTIFICATE-----")


@check
def wrapping_comes_before_connecting():
    context = ssl.create_default_context()
    with context.wrap_socket(socket.socket(), server_hostname="localhost") as tls:
        tls.settimeout(SECONDS)
        tls.connect(("127.0.0.1", PEER.port("echo")))
        tls.sendall(b"x")
        assert tls.recv(1) == b"x"
