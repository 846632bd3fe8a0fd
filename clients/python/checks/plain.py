"""Connections in the clear, and what becomes of them with TLS."""

import contextlib
import errno
import gc
import selectors
import socket

import portcullis
from checks import SECONDS, check, environment, receive, refusal, server_context
from portcullis_plain import PlainSocket


@contextlib.contextmanager
def clear(**options):
    """Both ends of a connection in the clear: a `PlainSocket`, and one of the standard library."""
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        here.listen(1)
        plain = PlainSocket(here.getsockname(), **options)
        other, _ = here.accept()
        with other, plain:
            yield plain, other


@check
def plain_connections_are_those_of_socket(server):
    with clear(timeout=30) as (plain, other):
        assert plain.gettimeout() == 30 and plain.getsockname() == other.getpeername()
        assert plain.getpeername() == other.getsockname()
        plain.sendall(bytes(1000))
        assert len(receive(other, 1000)) == 1000
        other.sendall(b"line\nrest")
        assert plain.makefile("rb").readline() == b"line\n"
        refusal(OSError, plain.fileno)
        refusal(ValueError, plain.recv, -1)
        refusal(TypeError, plain.recv, None)
        refusal(ValueError, plain.recv, 1, socket.MSG_PEEK)
        refusal(TypeError, plain.sendall, "text")
        plain.settimeout(0)
        assert refusal(BlockingIOError, plain.recv, 1).errno == errno.EAGAIN
        plain.settimeout(0.05)
        refusal(TimeoutError, plain.recv, 1)
        plain.settimeout(None)
        plain.shutdown(socket.SHUT_WR)
        assert other.recv(1) == b""
        refusal(BrokenPipeError, plain.sendall, b"x")
        other.close()
        assert plain.recv(1) == b""
    assert plain.fileno() == -1 and refusal(OSError, plain.recv, 1).errno == errno.EBADF
    nobody = refusal(ConnectionRefusedError, PlainSocket, plain_address())
    assert nobody.errno == errno.ECONNREFUSED
    refusal(socket.gaierror, PlainSocket, ("no-such-host.invalid", 25))


def plain_address():
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        return here.getsockname()


@check
def a_selector_takes_plain_connections(server):
    with clear() as (plain, other), portcullis.Selector() as selector:
        plain.settimeout(0)
        selector.register(plain, selectors.EVENT_READ, "data")
        assert selector.select(0) == []
        other.sendall(b"x")
        [(key, events)] = selector.select(SECONDS)
        assert key.data == "data" and events == selectors.EVENT_READ and plain.recv(2) == b"x"
        selector.modify(plain, selectors.EVENT_WRITE)
        assert selector.select(SECONDS)[0][1] == selectors.EVENT_WRITE
        refusal(KeyError, selector.register, plain, selectors.EVENT_READ)
        refusal(ValueError, selector.register, other, selectors.EVENT_READ)
        refusal(ValueError, selector.register, plain, 4)
        selector.unregister(plain)
        refusal(KeyError, selector.unregister, plain)
        assert selector.select(0) == [] == selector.select()


@check
def tls_takes_the_place_of_a_plain_connection(server):
    plain = PlainSocket(server, timeout=30)
    peer, own = plain.getpeername(), plain.getsockname()
    tls = plain.start_tls("localhost")
    assert plain.fileno() == -1 and refusal(OSError, plain.recv, 1).errno == errno.EBADF
    # ftplib asks for both, for its other connection.
    assert tls.getpeername() == peer and tls.getsockname() == own
    assert tls.gettimeout() == 30 and tls.server_hostname == "localhost"
    tls.sendall(b"secret")
    assert receive(tls, 6) == b"secret"
    tls.close()
    context = portcullis.create_default_context()
    with context.wrap_socket(PlainSocket(server), server_hostname="localhost") as tls:
        tls.sendall(b"wrapped")
        assert receive(tls, 7) == b"wrapped"
    lazily = {"server_hostname": "localhost", "do_handshake_on_connect": False}
    with context.wrap_socket(PlainSocket(server), **lazily) as tls:
        assert tls.version() is None
        tls.do_handshake()
        assert tls.version()


@check
def what_fails_before_tls_leaves_the_plain_connection(server):
    plain = PlainSocket(server)
    context = portcullis.create_default_context()
    refusal(ValueError, context.wrap_socket, plain)
    refusal(ValueError, context.wrap_socket, plain, server_side=True, server_hostname="localhost")
    refusal(ValueError, server_context().wrap_socket, plain)
    refusal(NotImplementedError, context.wrap_socket, plain, session=5, server_hostname="x")
    refusal(ValueError, plain.start_tls, "")
    refusal(TypeError, plain.start_tls, "localhost", "no context")
    with environment(SSL_CERT_FILE="no-such.pem"):
        refusal(FileNotFoundError, plain.start_tls, "localhost")
    with plain.start_tls("localhost") as tls:
        tls.sendall(b"still")
        assert receive(tls, 5) == b"still"


@check
def a_closed_connection_is_gone_for_its_peer(server):
    with clear() as (plain, other):
        context = portcullis.create_default_context()
        plain.settimeout(0)
        tls = plain.start_tls("localhost", context)
        refusal(BlockingIOError, tls.do_handshake)
        assert other.recv(5)[:1] == b"\x16"
        tls.close()
        while other.recv(1 << 16):
            pass
        gc.collect()


@check
def tls_ends_and_the_connection_goes_on_in_the_clear(server):
    context = portcullis.create_default_context()
    plain = PlainSocket(server, timeout=30)
    own = plain.getsockname()
    tls = context.wrap_socket(plain, server_hostname="localhost")
    tls.sendall(b"secret")
    assert receive(tls, 6) == b"secret"
    # The server answers close_notify with its own, and closes.
    with tls.unwrap() as plain:
        assert isinstance(plain, PlainSocket) and plain.gettimeout() == 30
        assert plain.getsockname() == own and plain.recv(1) == b""
    assert refusal(OSError, tls.recv, 1).errno == errno.EBADF and tls.fileno() == -1
    assert tls.verify_result() is None
    # What is still to be read has to be read first.
    tls = PlainSocket(server, timeout=30).start_tls("localhost", context)
    tls.sendall(b"x")
    while not tls.pending():
        pass
    assert "not read" in str(refusal(portcullis.InvalidArgument, tls.unwrap))
    assert tls.recv(1) == b"x"
    tls.settimeout(0)
    with portcullis.Selector() as selector:
        selector.register(tls, selectors.EVENT_READ)
        while True:
            with contextlib.suppress(BlockingIOError):
                plain = tls.unwrap()
                break
            assert selector.select(SECONDS)
    assert plain.gettimeout() == 0
    plain.close()
    gc.collect()


@check
def what_came_behind_the_end_of_tls_is_read_first(server):
    with clear(timeout=30) as (plain, other):
        plain._ahead = b"ahead"
        other.sendall(b"rest")
        with portcullis.Selector() as selector:
            selector.register(plain, selectors.EVENT_READ)
            assert selector.select(SECONDS)
        assert plain.recv(2) == b"ah" and plain.recv(100) == b"ead"
        assert receive(plain, 4) == b"rest"
