"""Servers, which the peer visits."""

import asyncio
import http.server
import socket
import ssl

from ssl_checks import PEER, SECONDS, check, file, refusal


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")

    def log_message(self, *_):
        pass


def server_context():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file("cert.pem"), file("key.pem"))
    return context


def visited(serve, name="localhost"):
    """What the peer says of its visit to a server with this listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as here:
        here.settimeout(SECONDS)
        PEER.visit(here.getsockname()[1], name)
        serve(here)
    return PEER.tells()


def serving(context):
    """Accept one connection, and answer it."""

    def serve(here):
        connection, address = here.accept()
        with context.wrap_socket(connection, server_side=True) as tls:
            Page(tls, address, None)
            tls.unwrap()

    return serve


def refusing(context):
    """Accept one connection, whose handshake has to fail."""

    def serve(here):
        connection, _ = here.accept()
        with connection:
            refusal(ssl.SSLError, context.wrap_socket, connection, server_side=True)

    return serve


@check
def http_server_serves():
    told = visited(serving(server_context()))
    assert told == "TLSv1.3 served", told


@check
def a_listening_socket_may_be_wrapped():
    def serve(here):
        with server_context().wrap_socket(here, server_side=True) as secure:
            tls, address = secure.accept()
            with tls:
                Page(tls, address, None)
                tls.unwrap()

    assert visited(serve) == "TLSv1.3 served"


@check
def a_client_that_refuses_us_is_told_of():
    told = visited(refusing(server_context()), "other.test")
    assert told == "failed CERTIFICATE_VERIFY_FAILED", told


@check
def sni_callback_chooses():
    asked = []

    def choose(tls, name, context):
        asked.append(name)
        if name == "other.test":
            return ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        tls.context = server_context()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.sni_callback = choose
    assert visited(serving(context)) == "TLSv1.3 served"
    told = visited(refusing(context), "other.test")
    assert "UNRECOGNIZED_NAME" in told, told
    assert asked == ["localhost", "other.test"]


@check
def asyncio_serves():
    async def serve(here):
        done = asyncio.Event()

        async def answer(reader, writer):
            assert (await reader.readline()).startswith(b"GET /")
            writer.write(b"HTTP/1.0 200 OK\r\n\r\nserved")
            writer.close()
            await writer.wait_closed()
            done.set()

        here.setblocking(False)
        server = await asyncio.start_server(answer, sock=here, ssl=server_context())
        await asyncio.wait_for(done.wait(), SECONDS)
        server.close()

    assert visited(lambda here: asyncio.run(serve(here))) == "TLSv1.3 served"
