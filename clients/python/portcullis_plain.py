"""TCP in the clear by wasi:sockets, for protocols that begin so and then change to TLS.

`socket` of the standard library will not do for these: its streams cannot be handed over. The world
of the component must import wasi:sockets, as `command` does.
"""

import contextlib
import time

import portcullis
from componentize_py_types import Err
from wit_world.imports import instance_network, ip_name_lookup, monotonic_clock, network, poll
from wit_world.imports import streams, tcp_create_socket

_MOST = 4096  # What wasi:io takes in one blocking write.


class PlainSocket(portcullis.Stream):
    """A TCP connection to (host, port). The timeout, in seconds, is that of each operation."""

    _both = None  # The streams, input and output.

    def __init__(self, address, timeout=None):
        self._timeout = timeout
        net = instance_network.instance_network()
        failure = None
        for ip in self._resolve(net, address[0]):
            try:
                self._connect(net, ip, address[1])
                return
            except Err as refused:
                failure = refused.with_traceback(None).value
        raise _error(failure or network.ErrorCode.NAME_UNRESOLVABLE)

    def recv(self, bufsize, flags=0):
        """Read up to so many bytes, at least one; none at the end."""
        return self._wait(lambda: self._streams()[0].read(bufsize) or None, self._streams()[0])

    def send(self, contents, flags=0):
        """Write some of it, and return how many bytes those were."""
        output = self._streams()[1]
        room = self._wait(lambda: output.check_write() or None, output)
        if not room:
            raise BrokenPipeError("closed by the peer")
        chunk = bytes(memoryview(contents).cast("B")[: min(room, _MOST)])
        self._wait(lambda: output.write(chunk) or True, output)
        return len(chunk)

    def start_tls(self, server_hostname, context=None):
        """Change to TLS; the `TLSSocket` takes the place of this socket, which is closed."""
        both, owner = self._streams(), self._socket
        self._both = self._socket = None
        portcullis.OWNERS.discard(owner)
        options = {"context": context, "timeout": self._timeout, "owner": owner}
        return portcullis.start_tls(*both, server_hostname, **options)

    def _real_close(self):
        if self._both is not None:
            for stream in self._both:
                with contextlib.suppress(TypeError):  # It says so of what is dropped already.
                    stream.__exit__(None, None, None)
            self._both = None
            portcullis.OWNERS.discard(self._socket)
            self._socket.__exit__(None, None, None)

    # Streams are dropped before their socket, whatever becomes of this object.
    __del__ = _real_close

    def _streams(self):
        if self._both is None:
            raise BrokenPipeError("this socket is closed")
        return self._both

    def _resolve(self, net, host):
        try:
            with ip_name_lookup.resolve_addresses(net, host) as names:
                while ip := self._retry(names.resolve_next_address, names):
                    yield ip
        except Err as failure:
            raise _error(failure.with_traceback(None).value) from None

    def _connect(self, net, ip, port):
        if isinstance(ip, network.IpAddress_Ipv4):
            family = network.IpAddressFamily.IPV4
            remote = network.IpSocketAddress_Ipv4(network.Ipv4SocketAddress(port, ip.value))
        else:
            family = network.IpAddressFamily.IPV6
            remote = network.IpSocketAddress_Ipv6(network.Ipv6SocketAddress(port, 0, ip.value, 0))
        self._socket = tcp_create_socket.create_tcp_socket(family)
        self._socket.start_connect(net, remote)
        self._both = self._retry(self._socket.finish_connect, self._socket)
        portcullis.OWNERS.add(self._socket)

    def _retry(self, function, source):
        """Call it until it no longer says that it would block."""

        def attempt():
            try:
                return (function(),)
            except Err as failure:
                if failure.with_traceback(None).value != network.ErrorCode.WOULD_BLOCK:
                    raise
                return None

        return self._until(attempt, source)[0]

    def _wait(self, function, source):
        """Call it until it returns something; nothing, as bytes, at the end of the stream."""
        try:
            return self._until(function, source)
        except Err as failure:
            error = failure.with_traceback(None).value
        if isinstance(error, streams.StreamError_Closed):
            return b""
        raise OSError(error.value.to_debug_string())

    def _until(self, attempt, source):
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while (result := attempt()) is None:
            with source.subscribe() as ready:
                if deadline is None:
                    ready.block()
                    continue
                left = max(0, int((deadline - time.monotonic()) * 1e9))
                with monotonic_clock.subscribe_duration(left) as clock:
                    poll.poll([ready, clock])
                if left == 0:
                    raise TimeoutError("timed out")
        return result


def _error(code):
    return OSError(code.name.lower().replace("_", " "))
