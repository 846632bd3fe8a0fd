"""Wrong arguments are refused as `socket` refuses them, before they can trap the component."""

import array
import decimal
import errno

import portcullis
from checks import check, receive, refusal, server_context
from portcullis_plain import PlainSocket
from wit_world.imports import network


@check
def lengths_are_checked(server):
    with portcullis.connect(server) as tls:
        refusal(ValueError, tls.recv, -1)
        for wrong in (None, "5", 5.0, b"5", [5]):
            refusal(TypeError, tls.recv, wrong)
        for large in (1 << 31, 1 << 40, 1 << 64, 1 << 65):
            refusal(OverflowError, tls.recv, large)
        buffer = bytearray(4)
        refusal(ValueError, tls.recv_into, buffer, -1)
        refusal(ValueError, tls.recv_into, buffer, 5)
        refusal(OverflowError, tls.recv_into, buffer, 1 << 65)
        refusal(TypeError, tls.recv_into, buffer, "4")
        refusal(TypeError, tls.recv_into, b"read only")
        refusal(TypeError, tls.recv_into, "text")
        refusal(TypeError, tls.recv_into, None)
        refusal(TypeError, tls.recv_into, memoryview(buffer)[::2])
        assert tls.recv_into(bytearray()) == 0
        # The refused calls have lost nothing.
        tls.sendall(b"all of it")
        assert tls.recv(True) == b"a" and receive(tls, 8) == b"ll of it"


@check
def flags_are_refused(server):
    from socket import MSG_PEEK

    with portcullis.connect(server) as tls:
        tls.sendall(b"abc")
        for flags in (MSG_PEEK, 0x40, -1):
            refusal(ValueError, tls.recv, 3, flags)
            refusal(ValueError, tls.recv_into, bytearray(3), 3, flags)
            refusal(ValueError, tls.send, b"x", flags)
            refusal(ValueError, tls.sendall, b"x", flags)
        refusal(TypeError, tls.recv, 3, None)
        refusal(TypeError, tls.send, b"x", "flags")
        assert receive(tls, 3) == b"abc"


@check
def only_bytes_are_sent(server):
    with portcullis.connect(server) as tls:
        for wrong in ("text", None, 5, [1], object()):
            refusal(TypeError, tls.send, wrong)
            refusal(TypeError, tls.sendall, wrong)
        refusal((TypeError, BufferError), tls.sendall, memoryview(b"abcdef")[::2])
        for empty in (b"", array.array("I"), bytearray(), memoryview(b"x")[1:]):
            assert tls.send(empty) == 0 and tls.sendall(empty) is None
        numbers = array.array("I", range(100_000))
        grid = memoryview(bytes(range(6))).cast("B", (2, 3))
        for sent in (
            numbers,
            grid,
            memoryview(numbers)[7:],
            bytearray(b"bytes"),
            array.array("d", [1.5]),
        ):
            contents = memoryview(sent).tobytes()
            for start in range(0, len(contents), 1 << 14):
                piece = contents[start : start + (1 << 14)]
                tls.sendall(piece)
                assert receive(tls, len(piece)) == piece
        tls.sendall(numbers[:2000])
        assert receive(tls, 8000) == numbers[:2000].tobytes()
        tls.sendall(grid)
        assert receive(tls, 6) == bytes(range(6))


@check
def addresses_are_checked(server):
    host, port = server
    with portcullis.create_server(("127.0.0.1", 0), context=server_context()):
        pass
    for connect in (portcullis.connect, PlainSocket, bind):
        refusal(TypeError, connect, (host, str(port)))
        refusal(TypeError, connect, (host, None))
        refusal(TypeError, connect, (host, 443.0))
        refusal(TypeError, connect, (None, port))
        refusal(TypeError, connect, (5, port))
        refusal(TypeError, connect, f"{host}:{port}")
        refusal(TypeError, connect, None)
        refusal(TypeError, connect, (host,))
        refusal(TypeError, connect, (host, port, 0))
        for number in (-1, 65536, 70000, 1 << 70):
            refusal(OverflowError, connect, (host, number))
        refusal(OverflowError, connect, ("::1", port, -1, 0))
        refusal(OverflowError, connect, ("::1", port, 0, 1 << 40))
        refusal((OSError, ValueError), connect, ("a\0b", port))
        refusal((OSError, ValueError), connect, ("\ud800", port))
        refusal((OSError, ValueError), connect, ("x" * 70000, port))
    for connect in (portcullis.connect, PlainSocket):
        refusal((OSError, ValueError), connect, (host, 0))
        refusal((OSError, ValueError), connect, ("", port))
    portcullis.connect([host, port]).close()
    portcullis.connect((host.encode(), port)).close()
    with portcullis.connect(("127.0.0.1", port)) as tls:
        assert tls.getpeername() == ("127.0.0.1", port)


def bind(address):
    return portcullis.create_server(address, context=server_context())


@check
def addresses_of_ipv6_have_four_parts(server):
    try:
        here = portcullis.create_server(("::1", 0, 0, 0), context=server_context())
    except OSError as failure:
        if failure.errno != errno.EADDRNOTAVAIL:
            raise
        print("SKIPPED: this machine has no IPv6")
        return
    with here:
        name = here.getsockname()
        assert len(name) == 4 and name[0] == "::1" and name[2:] == (0, 0)
        plain = PlainSocket(name)
        assert plain.getpeername() == name and plain.family == portcullis.socket.AF_INET6
        plain.close()
        with portcullis.connect(name, timeout=0) as tls:
            refusal(BlockingIOError, tls.recv, 1)


@check
def addresses_of_a_link_have_their_zone(server):
    for text, address in {
        "fe80::1%2": ("fe80::1", 443, 0, 2),
        "::1": ("::1", 443, 0, 0),
        "127.0.0.1": ("127.0.0.1", 443),
    }.items():
        assert portcullis._pair(portcullis.types.Address(text, 443)) == address
        assert portcullis._address(address, "connect") == (text, 443)
    parts = (0xFE80, 0, 0, 0, 0, 0, 0, 1)
    plain = network.IpSocketAddress_Ipv6(network.Ipv6SocketAddress(443, 5, parts, 2))
    assert portcullis._pair(plain) == ("fe80::1", 443, 5, 2)


@check
def timeouts_are_checked(server):
    with portcullis.connect(server) as tls:
        plain = PlainSocket(server)
        here = portcullis.create_server(("127.0.0.1", 0), context=server_context())
        connect = lambda timeout: portcullis.connect(server, timeout)
        for set_it in (tls.settimeout, plain.settimeout, here.settimeout, connect):
            refusal(TypeError, set_it, "5")
            refusal(TypeError, set_it, decimal.Decimal(5))
            refusal(TypeError, set_it, b"5")
            refusal(ValueError, set_it, -1)
            refusal(ValueError, set_it, -0.001)
            refusal(ValueError, set_it, float("nan"))
            for large in (float("inf"), 1e30, 10**30, 9.3e9):
                refusal(OverflowError, set_it, large)
        for taken in (1, 0.5, True, 1e-9, 9e9, None):
            tls.settimeout(taken)
            plain.settimeout(taken)
            here.settimeout(taken)
            assert tls.gettimeout() == plain.gettimeout() == here.gettimeout() == taken
        tls.sendall(b"x")
        assert tls.recv(1) == b"x"
        plain.close()
        here.close()


@check
def default_timeouts_are_those_of_socket(server):
    from socket import _GLOBAL_DEFAULT_TIMEOUT, setdefaulttimeout

    setdefaulttimeout(7)
    try:
        for tls in (
            portcullis.connect(server),
            portcullis.connect(server, _GLOBAL_DEFAULT_TIMEOUT),
        ):
            assert tls.gettimeout() == 7
            tls.close()
    finally:
        setdefaulttimeout(None)


@check
def other_arguments_are_checked(server):
    context = portcullis.create_default_context()
    for wrong in (None, 5, b"x", "\ud800", "X25519\0"):
        refusal((TypeError, ValueError), context.set_groups, wrong)
        refusal((TypeError, ValueError), context.set_ciphers, wrong)
    refusal((OSError, ValueError), context.set_ciphers, "RC4")
    for wrong in ("\ud800.pem", "a\0b", "x" * 5000):
        refusal((OSError, ValueError), context.load_verify_locations, wrong)
        refusal((OSError, ValueError), context.load_verify_locations, None, wrong)
        refusal((OSError, ValueError), context.load_cert_chain, wrong)
    refusal(TypeError, context.load_verify_locations, 5)
    refusal(TypeError, context.load_verify_locations, None, None, 5)
    refusal(TypeError, portcullis.create_default_context, "SERVER_AUTH")
    refusal(TypeError, portcullis.create_server, ("127.0.0.1", 0), context=None)
    refusal(TypeError, portcullis.create_server, ("127.0.0.1", 0), context=context.context)
    for wrong in ("5", 5.0):
        refusal(
            TypeError,
            portcullis.create_server,
            ("127.0.0.1", 0),
            context=server_context(),
            backlog=wrong,
        )
    with portcullis.create_server(("127.0.0.1", 0), context=server_context(), backlog=-1) as here:
        here.getsockname()
    refusal(
        OverflowError,
        portcullis.create_server,
        ("127.0.0.1", 0),
        context=server_context(),
        backlog=1 << 70,
    )
