"""What the checks of the wrapper share."""

import contextlib
import io
import os
import selectors
import time

import portcullis

CHECKS = []
SECONDS = 30  # No step of a check takes longer.


def check(function):
    """Make a check of a function that takes the server's address and fails by an exception."""
    CHECKS.append(function)
    return function


def receive(tls, length):
    """Receive exactly so many bytes."""
    echo = bytearray()
    while len(echo) < length:
        plaintext = tls.recv(length - len(echo))
        assert plaintext, "the end"
        echo += plaintext
    return bytes(echo)


def refusal(kind, function, *arguments, **keywords):
    """Call a function that must fail with this class; returns the failure."""
    try:
        outcome = function(*arguments, **keywords)
    except Exception as failure:
        assert isinstance(failure, kind), repr(failure)
        return failure.with_traceback(None)
    raise AssertionError(f"no {kind.__name__}, but {outcome!r}")


def assign(target, name, value):
    """An assignment as a function, for `refusal`."""
    setattr(target, name, value)


def pki(name):
    """A file beside the one that `SSL_CERT_FILE` names: `ca.pem`, `cert.pem` or `key.pem`."""
    return os.path.join(os.path.dirname(os.environ["SSL_CERT_FILE"]), name)


@contextlib.contextmanager
def environment(**variables):
    """Set environment variables for a while; None removes one."""
    before = {name: os.environ.pop(name, None) for name in variables}
    os.environ.update({name: value for name, value in variables.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def server_context():
    """The context of a server for localhost."""
    context = portcullis.create_default_context(portcullis.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki("cert.pem"), pki("key.pem"))
    return context


def together(*calls):
    """Repeat calls that do not wait, each on its connection, until all succeed; the results."""
    results, deadline = {}, time.monotonic() + SECONDS
    with portcullis.Selector() as selector:
        while True:
            needs = {}
            for number, (connection, function, *arguments) in enumerate(calls):
                if number in results:
                    continue
                try:
                    results[number] = function(*arguments)
                except portcullis.SSLWantReadError:
                    needs[id(connection)] = selectors.EVENT_READ
                except portcullis.SSLWantWriteError:
                    needs[id(connection)] = selectors.EVENT_WRITE
            if len(results) == len(calls):
                return [results[number] for number in range(len(calls))]
            selector.close()
            # Those that are done wait along: what they have sent may not have left yet, and `select`
            # sends it on.
            for connection in {id(call[0]): call[0] for call in calls}.values():
                if id(connection) in needs or is_open(connection):
                    events = needs.get(id(connection), selectors.EVENT_READ)
                    selector.register(connection, events)
            assert selector.select(SECONDS), "nothing is ready"
            assert time.monotonic() < deadline, "it does not come to an end"


def is_open(connection):
    """Whether a connection or server has not been closed."""
    try:
        return connection.fileno() != -1
    except io.UnsupportedOperation:
        return True


def fails(connection, function, *arguments):
    """A call for `together` that must fail with a `TLSError`, which is its result.

    Both ends take part until both have failed: one call does not tell that the peer's bytes have
    gone, or that it is connected at all.
    """

    def attempt():
        try:
            outcome = function(*arguments)
        except BlockingIOError:
            raise
        except portcullis.TLSError as failure:
            return failure.with_traceback(None)
        raise AssertionError(f"no failure, but {outcome!r}")

    return connection, attempt


@contextlib.contextmanager
def pair(context=None, of_server=None):
    """Both ends of a connection inside of this component, client and server, that do not wait."""
    context = context or portcullis.create_default_context()
    with portcullis.create_server(("localhost", 0), context=of_server or server_context()) as here:
        here.settimeout(0)
        address = ("localhost", here.getsockname()[1])
        with portcullis.connect(address, timeout=0, context=context) as client:
            with accepted(client, here) as server:
                yield client, server


def accepted(client, here):
    """Accept the connection that the client has begun; returns the server's end."""
    with portcullis.Selector() as selector:
        selector.register(client, selectors.EVENT_WRITE)
        selector.register(here, selectors.EVENT_READ)
        while True:
            with contextlib.suppress(BlockingIOError):
                client.do_handshake()
            with contextlib.suppress(BlockingIOError):
                server, _ = here.accept()
                server.settimeout(0)
                return server
            assert selector.select(SECONDS), "nothing is ready"
