"""TLS over bytes in memory, as `ssl.SSLObject` has it."""

import portcullis
from checks import assign, check, refusal, server_context
from portcullis import types


def both(of_client=None, of_server=None, name="localhost"):
    """A client and a server that read what the other writes."""
    up, down = portcullis.MemoryBIO(), portcullis.MemoryBIO()
    of_client = of_client or portcullis.create_default_context()
    client = of_client.wrap_bio(down, up, server_hostname=name)
    server = (of_server or server_context()).wrap_bio(up, down, server_side=True)
    return client, server, up, down


def shaken(*arguments, **names):
    client, server, up, down = both(*arguments, **names)
    left = [client, server]
    for _ in range(10):
        for end in list(left):
            try:
                end.do_handshake()
            except portcullis.SSLWantReadError:
                continue
            left.remove(end)
        if not left:
            return client, server, up, down
    raise AssertionError("the handshake does not end")


@check
def bytes_in_memory_are_those_of_ssl(server):
    memory = portcullis.MemoryBIO()
    assert memory.pending == 0 and memory.eof is False and memory.read() == b""
    assert memory.write(b"abc") == 3 and memory.write(bytearray(b"de")) == 2
    assert memory.pending == 5 and memory.read(2) == b"ab" and memory.read(0) == b""
    memory.write_eof()
    assert memory.eof is False and memory.read() == b"cde" and memory.eof is True
    refusal(portcullis.SSLError, memory.write, b"x")
    refusal(TypeError, portcullis.MemoryBIO().write, "text")
    refusal(TypeError, portcullis.MemoryBIO().read, "1")


@check
def two_ends_in_memory_talk(server):
    client, server, up, down = both()
    assert client.version() is None and client.server_hostname == "localhost"
    assert server.server_side and not client.server_side and server.server_hostname is None
    refusal(portcullis.SSLWantReadError, server.do_handshake)
    refusal(portcullis.SSLWantReadError, client.read, 1)
    assert up.pending and not down.pending
    refusal(ValueError, client.getpeercert)
    client, server, up, down = shaken()
    assert client.version() == server.version() == "TLSv1.3" and client.cipher() == server.cipher()
    assert client.getpeercert()["subjectAltName"][0] == ("DNS", "localhost")
    assert client.getpeercert(True)[0] == 0x30 and server.getpeercert() is None
    assert client.selected_alpn_protocol() is None and client.session_reused is False
    assert client.get_channel_binding("tls-exporter") == server.get_channel_binding("tls-exporter")
    refusal(portcullis.SSLWantReadError, server.read, 10)
    assert client.write(b"hello") == 5 and server.pending() == 0
    assert server.read(2) == b"he" and server.pending() == 3 and server.read() == b"llo"
    assert client.write(b"") == 0 and client.read(0) == b""
    contents = bytes(range(256)) * 4096
    assert server.write(memoryview(contents)) == len(contents)
    received = bytearray()
    buffer = bytearray(50_000)
    while len(received) < len(contents):
        received += buffer[: client.read(len(buffer), buffer)]
    assert received == contents


@check
def one_byte_at_a_time_is_enough(server):
    client, server, up, down = both()
    # The server reads from `slowly`, which gets what the client has written byte by byte.
    slowly = portcullis.MemoryBIO()
    server._incoming = slowly
    refusal(portcullis.SSLWantReadError, client.do_handshake)
    while byte := up.read(1):
        slowly.write(byte)
        refusal(portcullis.SSLWantReadError, server.do_handshake)
    client.do_handshake()
    slowly.write(up.read())
    server.do_handshake()
    assert server.version() == "TLSv1.3"


@check
def an_end_in_memory_is_told(server):
    client, server, up, down = shaken()
    client.write(b"last")
    refusal(portcullis.SSLWantReadError, client.unwrap)
    failure = refusal(portcullis.InvalidArgument, server.unwrap)
    assert "not read" in str(failure)
    assert server.read() == b"last" and server.read() == b""
    assert server.unwrap() is None and client.unwrap() is None
    # What follows is the caller's own.
    up.write(b"in the clear")
    assert server.read() == b"" and up.read() == b"in the clear"
    refusal(BrokenPipeError, client.write, b"x")
    client, server, up, down = shaken()
    up.write_eof()
    refusal(portcullis.SSLEOFError, server.read)
    client, server, up, down = both()
    up.write_eof()
    refusal(portcullis.SSLEOFError, server.do_handshake)


@check
def a_refusal_in_memory_reaches_the_peer(server):
    failure = refusal(portcullis.CertificateError, shaken, name="wrong.invalid")
    assert failure.error.value.reason == types.CertificateReason.WRONG_NAME
    client, server, up, down = both(name="wrong.invalid")
    refusal(portcullis.SSLWantReadError, client.do_handshake)
    refusal(portcullis.SSLWantReadError, server.do_handshake)
    refusal(portcullis.CertificateError, client.do_handshake)
    assert isinstance(refusal(OSError, server.do_handshake).error, types.Error_AlertReceived)


@check
def a_server_in_memory_chooses_its_context(server):
    other, context = server_context(), portcullis.Context(server_side=True)
    other.set_alpn_protocols(["h2"])
    of_client = portcullis.create_default_context()
    of_client.set_alpn_protocols(["h2"])

    def choose(end, name, own):
        assert isinstance(end, portcullis.SSLObject) and name == "localhost" and own is context
        end.context = other

    context.sni_callback = choose
    client, server, *_ = shaken(of_client, context)
    assert client.selected_alpn_protocol() == server.selected_alpn_protocol() == "h2"
    assert server.context is other
    refusing = server_context()
    refusing.sni_callback = lambda *_: portcullis.ALERT_DESCRIPTION_ACCESS_DENIED
    client, server, *_ = both(of_server=refusing)
    refusal(portcullis.SSLWantReadError, client.do_handshake)
    assert isinstance(refusal(OSError, server.do_handshake).error, types.Error_Protocol)
    assert refusal(OSError, client.do_handshake).error == types.Error_AlertReceived(49)


@check
def wrap_bio_tells_what_it_takes(server):
    context, memory = portcullis.create_default_context(), portcullis.MemoryBIO()
    refusal(TypeError, portcullis.SSLObject)
    refusal(TypeError, context.wrap_bio, memory, b"", server_hostname="localhost")
    refusal(ValueError, context.wrap_bio, memory, memory)
    refusal(ValueError, context.wrap_bio, memory, memory, server_hostname="")
    refusal(ValueError, context.wrap_bio, memory, memory, True)
    refusal(ValueError, server_context().wrap_bio, memory, memory, True, "localhost")
    with_session = {"server_hostname": "localhost", "session": 5}
    refusal(NotImplementedError, context.wrap_bio, memory, memory, **with_session)
    end = context.wrap_bio(memory, portcullis.MemoryBIO(), server_hostname="localhost")
    refusal(ValueError, assign, end, "context", server_context())
    assert repr(end) == "<portcullis.SSLObject>" and end.context is context


@check
def a_certificate_is_taken_apart(server):
    with portcullis.connect(server) as tls:
        said = tls.getpeercert()
        assert ("DNS", "localhost") in said["subjectAltName"], said
        for name in (said["subject"], said["issuer"]):
            assert all(isinstance(value, str) for part in name for _, value in part), name
        int(said["serialNumber"], 16)
        assert said["notBefore"].endswith(" GMT") and len(said["notAfter"]) == 24, said
    context = portcullis.create_default_context()
    context.check_hostname, context.verify_mode = False, portcullis.CERT_NONE
    with portcullis.connect(server, context=context) as tls:
        assert tls.getpeercert() == {} and tls.getpeercert(True)


@check
def names_are_those_of_ssl(server):
    parts = portcullis._parts
    assert parts("") == () and parts("#3003020101") == ()
    assert parts("CN=Example,O=Org,C=DE") == (
        (("countryName", "DE"),),
        (("organizationName", "Org"),),
        (("commonName", "Example"),),
    )
    assert parts(r"CN=a\,b\+c\\=\0a+UID=\ x\ ,O=\C3\A9=\"") == (
        (("organizationName", 'é="'),),
        (("commonName", "a,b+c\\=\n"), ("userId", " x ")),
    )
    assert parts("CN=,1.2.3=#0c0161") == ((("1.2.3", "#0c0161"),), (("commonName", ""),))
    assert portcullis._moment(0) == "Jan  1 00:00:00 1970 GMT"
    assert portcullis._moment(-1) == "Dec 31 23:59:59 1969 GMT"
    assert portcullis._moment(253402300799) == "Dec 31 23:59:59 9999 GMT"
    assert portcullis._long_address("2001:db8::1") == "2001:DB8:0:0:0:0:0:1"
    assert portcullis._long_address("192.0.2.1") == "192.0.2.1"
