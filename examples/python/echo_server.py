"""Echoes over TLS to many clients at once, in one loop: CERT KEY [PORT].

It listens on 127.0.0.1, on a free port if none is given, and ends when it is stopped.
"""

import selectors
import sys

import portcullis
from wit_world import exports

CHUNK = 64 * 1024  # How many bytes of one client are held; the rest waits in the network.
CLIENTS = 500  # More than these wait in the system's queue.


def accept(server, selector):
    """Accept a client; its handshake goes on in turns, as its reads and writes do."""
    tls, _ = server.accept()
    tls.settimeout(0)
    tls.port.set_timeout(portcullis.types.Timer.HANDSHAKE, 10_000)
    selector.register(tls, selectors.EVENT_READ, bytearray())


def turn(tls, echo):
    """One read of a client and as much of the echo as it takes; false at its end."""
    if not echo:
        echo += tls.recv(CHUNK)
        if not echo:
            return False
    while echo:
        del echo[: tls.send(echo)]
    return True


def serve(server, selector):
    """Serve for ever."""
    server.settimeout(0)
    is_full = True
    while True:
        if is_full and len(selector.get_map()) < CLIENTS:
            selector.register(server, selectors.EVENT_READ)
            is_full = False
        for key, _ in selector.select():
            tls, echo = key.fileobj, key.data
            try:
                if tls is server:
                    accept(server, selector)
                elif not turn(tls, echo):
                    selector.unregister(tls)
                    tls.close()
                elif key.events != selectors.EVENT_READ:
                    selector.modify(tls, selectors.EVENT_READ, echo)
            except BlockingIOError:
                # What it could not send it waits to send, and reads no more until then.
                events = selectors.EVENT_WRITE if echo else selectors.EVENT_READ
                if events != key.events:
                    selector.modify(tls, events, echo)
            except OSError as failure:
                print(failure, file=sys.stderr)
                if tls is not server:
                    selector.unregister(tls)
                    tls.close()
        if not is_full and len(selector.get_map()) > CLIENTS:
            selector.unregister(server)
            is_full = True


class Run(exports.Run):
    """What `wasmtime run` and `portcullis run` start."""

    def run(self):
        if len(sys.argv) not in (3, 4) or not all(word.isdecimal() for word in sys.argv[3:]):
            sys.exit("usage: echo_server CERT KEY [PORT]")
        context = portcullis.Context(server_side=True)
        try:
            context.load_cert_chain(sys.argv[1], sys.argv[2])
            address = "127.0.0.1", int(sys.argv[3]) if sys.argv[3:] else 0
            with portcullis.create_server(address, context=context) as server:
                print("listening on {}:{}".format(*server.getsockname()), flush=True)
                with portcullis.Selector() as selector:
                    serve(server, selector)
        except OSError as failure:
            sys.exit(str(failure))
