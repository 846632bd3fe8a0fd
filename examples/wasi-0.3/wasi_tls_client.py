"""Fetches a page over HTTPS: `wasi_tls_client HOST PORT PATH`. It is written for the `wasi:tls` of a
host, and knows nothing of Portcullis."""

import asyncio
import sys

import wit_world
from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import environment
from wit_world.imports.client import Connector
from wit_world.imports.ip_name_lookup import resolve_addresses
from wit_world.imports.wasi_sockets_types import (
    IpAddress_Ipv4,
    IpAddressFamily,
    IpSocketAddress_Ipv4,
    IpSocketAddress_Ipv6,
    Ipv4SocketAddress,
    Ipv6SocketAddress,
    TcpSocket,
)


async def connect(host: str, port: int) -> TcpSocket:
    refused = None
    for address in await resolve_addresses(host):
        if isinstance(address, IpAddress_Ipv4):
            family = IpAddressFamily.IPV4
            there = IpSocketAddress_Ipv4(Ipv4SocketAddress(port, address.value))
        else:
            family = IpAddressFamily.IPV6
            there = IpSocketAddress_Ipv6(Ipv6SocketAddress(port, 0, address.value, 0))
        socket = TcpSocket.create(family)
        try:
            await socket.connect(there)
            return socket
        except Err as error:
            refused = error
    raise refused


async def ended(future) -> None:
    """Waits for how a stream has ended, which is told with a value and not by raising."""
    match await future.read():
        case Err(error):
            raise Err(error)
        case Ok(_):
            return


async def fetch(host: str, port: int, path: str) -> None:
    socket = await connect(host, port)
    connector = Connector()
    request, cleartext = wit_world.byte_stream()
    ciphertext, sent = connector.send(cleartext)
    socket_sent = socket.send(ciphertext)
    ciphertext, socket_received = socket.receive()
    page, received = connector.receive(ciphertext)
    await Connector.connect(connector, host)

    async def ask() -> None:
        with request:
            await request.write_all(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        await ended(sent)
        await ended(socket_sent)

    async def show() -> None:
        while not page.writer_dropped:
            sys.stdout.buffer.write(await page.read(64 * 1024))
        sys.stdout.flush()
        await ended(received)
        await ended(socket_received)

    await asyncio.gather(ask(), show())


class Run(exports.Run):
    async def run(self) -> None:
        match environment.get_arguments()[1:]:
            case [host, port, path] if port.isdigit():
                pass
            case _:
                print("usage: wasi_tls_client HOST PORT PATH", file=sys.stderr)
                raise Err(None)
        try:
            await fetch(host, int(port), path)
        except Err as error:
            told = getattr(error.value, "to_debug_string", lambda: repr(error.value))()
            print(f"https://{host}:{port}{path}: {told}", file=sys.stderr)
            raise Err(None)
