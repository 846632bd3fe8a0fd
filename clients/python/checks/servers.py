"""Servers, and many connections in one loop."""

import errno
import selectors
import time

import portcullis
from checks import SECONDS, accepted, check, pair, refusal, server_context, together
from portcullis_plain import PlainSocket


def serving(host="localhost", port=0):
    return portcullis.create_server((host, port), context=server_context())


@check
def a_listener_has_a_timeout(server):
    with serving() as here:
        assert here.gettimeout() is None
        here.settimeout(0.05)
        start = time.monotonic()
        refusal(TimeoutError, here.accept)
        assert 0.04 < time.monotonic() - start < 10
        here.setblocking(False)
        assert refusal(BlockingIOError, here.accept).errno == errno.EAGAIN
        refusal(OSError, here.fileno)
    assert here.fileno() == -1
    for function in (here.accept, here.getsockname):
        assert refusal(OSError, function).errno == errno.EBADF
    here.close()


@check
def a_listener_takes_names(server):
    for host, ip in (("localhost", "127.0.0.1"), ("", "0.0.0.0"), ("127.0.0.1", "127.0.0.1")):
        with serving(host) as here:
            assert here.getsockname()[0] == ip
    with serving() as here:
        failure = refusal(OSError, serving, *here.getsockname())
        assert failure.errno == errno.EADDRINUSE, failure
    failure = refusal(OSError, serving, "203.0.113.1")
    assert failure.errno == errno.EADDRNOTAVAIL, failure


@check
def two_clients_are_served_by_one_loop(server):
    with serving() as here, portcullis.Selector() as selector:
        here.setblocking(False)
        selector.register(here, selectors.EVENT_READ)
        context = portcullis.create_default_context()
        address = ("localhost", here.getsockname()[1])
        clients = {
            portcullis.connect(address, timeout=0, context=context): [b"%d" % n * 100_000, b""]
            for n in range(2)
        }
        silent = portcullis.connect(address, timeout=0, context=context)
        for client in clients:
            selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
        echoes, wanted = {}, {client: data for client, (data, _) in clients.items()}
        deadline = time.monotonic() + SECONDS
        while any(len(back) < len(wanted[client]) for client, (_, back) in clients.items()):
            assert time.monotonic() < deadline, "not served"
            for key, _ in selector.select(1):
                try:
                    if key.fileobj is here:
                        tls, _ = here.accept()
                        tls.setblocking(False)
                        selector.register(tls, selectors.EVENT_READ)
                        echoes[tls] = b""
                    elif key.fileobj in clients:
                        turn(key.fileobj, clients[key.fileobj])
                    else:
                        echo(key.fileobj, echoes, selector)
                except BlockingIOError:
                    pass
        assert all(clients[client][1] == wanted[client] for client in clients)
        for connection in (*clients, *echoes, silent):
            connection.close()


def turn(client, state):
    """Let a client send and receive what it can without waiting."""
    failures = 0
    try:
        if state[0]:
            state[0] = state[0][client.send(state[0]) :]
    except BlockingIOError:
        failures += 1
    state[1] += client.recv(1 << 16)


def echo(tls, echoes, selector):
    """Let a server send its echo, and read only when it has sent all of it."""
    if not echoes[tls]:
        echoes[tls] = tls.recv(1 << 16)
    while echoes[tls]:
        try:
            echoes[tls] = echoes[tls][tls.send(echoes[tls]) :]
        except BlockingIOError:
            selector.modify(tls, selectors.EVENT_WRITE)
            raise
    selector.modify(tls, selectors.EVENT_READ)


@check
def both_ends_meet_whoever_speaks_first(server):
    for first in range(2):
        for _ in range(5):
            with pair() as ends:
                one, other = ends[first], ends[1 - first]
                together((one, one.send, b"hello"), (other, other.recv, 5))
                assert (
                    together((other, other.send, b"you too"), (one, one.recv, 7))[1] == b"you too"
                )


@check
def what_is_unsent_goes_while_the_caller_waits_to_read(server):
    with pair() as (client, server):
        together((client, client.do_handshake), (server, server.do_handshake))
        sent = 0
        try:
            while True:
                sent += client.send(bytes(1 << 16))
        except portcullis.SSLWantWriteError:
            pass
        # The client only waits to read from now on; the server answers when it has got all.
        received = 0
        with portcullis.Selector() as selector:
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            while received < sent:
                ready = [key.fileobj for key, _ in selector.select(SECONDS)]
                assert ready, (received, sent)
                try:
                    if server in ready:
                        received += len(server.recv(1 << 16))
                except BlockingIOError:
                    pass
        together((server, server.send, b"all"), (client, client.recv, 3))


@check
def what_was_sent_arrives_though_closed_without_waiting(server):
    with pair() as (client, server):
        together((client, client.do_handshake), (server, server.do_handshake))
        sent = 0
        try:
            while True:
                sent += server.send(bytes(1 << 16))
        except portcullis.SSLWantWriteError:
            pass
        start = time.monotonic()
        server.close()
        assert time.monotonic() - start < SECONDS
        received = 0
        while plaintext := together((client, client.recv, 1 << 16))[0]:
            received += len(plaintext)
        assert received == sent
        assert not portcullis._LINGERING


@check
def a_timer_that_runs_out_wakes_the_selector(of_checks):
    with pair() as (client, server), portcullis.Selector() as selector:
        server.port.set_timeout(portcullis.types.Timer.HANDSHAKE, 50)
        refusal(BlockingIOError, server.do_handshake)
        selector.register(server, selectors.EVENT_READ)
        assert selector.select(SECONDS)
        # It is also reported beside a socket that is always ready.
        plain = PlainSocket(of_checks)
        selector.register(plain, selectors.EVENT_WRITE)
        assert server in [key.fileobj for key, _ in selector.select(SECONDS)]
        plain.close()
        failure = refusal(OSError, together, (server, server.do_handshake))
        assert isinstance(failure, portcullis.TLSTimeout), failure


@check
def a_context_is_changed_for_later_clients(server):
    old = server_context()
    with portcullis.create_server(("localhost", 0), context=old) as here:
        new = old.copy()
        new.maximum_version = portcullis.TLSVersion.TLSv1_2
        versions = []
        for context in (None, new):
            if context:
                here.set_context(context)
            here.settimeout(0)
            client = portcullis.connect(("localhost", here.getsockname()[1]), timeout=0)
            tls = accepted(client, here)
            together((client, client.do_handshake), (tls, tls.do_handshake))
            versions.append(tls.version())
            client.close()
            tls.close()
        assert versions == ["TLSv1.3", "TLSv1.2"]
        refusal(ValueError, here.set_context, portcullis.create_default_context())
